#!/usr/bin/python3
"""What caphealth-converter makes of images, as independent decoders see it.

    check_convert.py UNIT-DIRECTORY

Pillow and ImageMagick write the images, Pillow and webpinfo read what came of
them: format, size, orientation, colour, alpha, and that no metadata is left.
TAP.
"""

import io
import json
import os
import struct
import subprocess
import sys
import tempfile

from PIL import Image, ImageCms, ImageOps

CONVERTER = os.path.join(os.path.dirname(os.path.abspath(sys.argv[1])),
                         'caphealth-converter')
TMP = tempfile.TemporaryDirectory(prefix='caphealth-')
ORIENTATION = 0x0112
LANCZOS = Image.Resampling.LANCZOS

tests = 0
failures = 0


def ok(passed, name, detail=''):
    global tests, failures

    tests += 1

    if passed:
        print('ok %d - %s' % (tests, name))
        return

    failures += 1
    print('not ok %d - %s' % (tests, name))

    for line in str(detail).splitlines():
        print('# ' + line)


def path(name):
    return os.path.join(TMP.name, name)


def convert(image):
    """The variants by name; a string where it refused."""

    done = subprocess.run([CONVERTER, '--convert', image, path('out')],
                          capture_output=True, text=True, check=False)

    if done.returncode:
        return done.stderr.strip()

    return json.loads(done.stdout)['images'][0]['variants']


def magick(source, *arguments):
    subprocess.run(['convert', source, *arguments], check=True)


def gradient(width, height):
    """Red grows to the right, green downwards, blue to the left."""

    def ramp(n):
        return bytes(i * 255 // max(n - 1, 1) for i in range(n))

    red = Image.frombytes('L', (width, 1), ramp(width))
    green = Image.frombytes('L', (1, height), ramp(height))

    red = red.resize((width, height), Image.Resampling.NEAREST)
    green = green.resize((width, height), Image.Resampling.NEAREST)

    return Image.merge('RGB', (red, green, red.point(lambda v: 255 - v // 2)))


def premultiplied(image):
    """What does not show does not count."""

    return image.convert('RGBA').convert('RGBa').tobytes()


def distance(a, b):
    """Mean difference of two samples."""

    if 'A' in b.mode:
        a, b = premultiplied(a), premultiplied(b)
    else:
        a, b = a.convert('RGB').tobytes(), b.convert('RGB').tobytes()

    return sum(abs(x - y) for x, y in zip(a, b)) / len(b)


def metadata(file):
    """The chunks of a WebP file that no picture needs."""

    text = subprocess.run(['webpinfo', file], capture_output=True, text=True,
                          check=True).stdout
    chunks = [line.split()[1] for line in text.splitlines()
              if line.startswith('Chunk ')]

    return [c for c in chunks if c not in ('VP8', 'VP8X', 'ALPH')]


def looks(name, image, wanted, limit=6, variant='original'):
    variants = convert(image)

    if isinstance(variants, str):
        ok(False, name, variants)
        return None

    file = variants[variant]['path']
    made = Image.open(file)
    alpha = 'A' in wanted.mode and wanted.getextrema()[-1][0] < 255
    wrong = []

    if made.format != 'WEBP':
        wrong.append('format ' + made.format)

    if made.size != wanted.size:
        wrong.append('size %s, not %s' % (made.size, wanted.size))
    elif distance(made, wanted) > limit:
        wrong.append('distance %.2f' % distance(made, wanted))

    if (made.mode == 'RGBA') != alpha:
        wrong.append('mode ' + made.mode)

    if metadata(file):
        wrong.append('chunks %s' % metadata(file))

    if os.path.getsize(file) != variants[variant]['bytes']:
        wrong.append('bytes %d' % variants[variant]['bytes'])

    ok(not wrong, name, '; '.join(wrong))

    return made


def save(image, name, **options):
    image.save(path(name), **options)

    return path(name)


def oriented(value):
    exif = Image.Exif()
    exif[ORIENTATION] = value

    return exif


def check_orientation():
    for width, height in ((64, 48), (63, 47), (37, 64), (1, 9), (1, 1)):
        image = gradient(width, height)
        size = '%dx%d' % (width, height)

        for value in range(1, 9):
            for sampling in ('4:4:4', '4:2:2', '4:2:0'):
                file = save(image, 'o.jpg', quality=95, subsampling=sampling,
                            exif=oriented(value))
                looks('JPEG %s, %s, orientation %d' % (sampling, size, value),
                      file, ImageOps.exif_transpose(Image.open(file)))

            for suffix in ('png', 'webp'):
                file = save(image, 'o.' + suffix, quality=95,
                            exif=oriented(value))
                looks('%s, %s, orientation %d' % (suffix, size, value), file,
                      ImageOps.exif_transpose(Image.open(file)))


def check_jpeg():
    image = gradient(120, 90)
    grey = image.convert('L')
    source = save(image, 's.png')

    file = save(grey, 'grey.jpg', quality=95)
    looks('grey JPEG', file, Image.open(file))

    file = save(image, 'progressive.jpg', quality=95, progressive=True)
    looks('progressive JPEG', file, Image.open(file))

    file = save(image.convert('CMYK'), 'cmyk.jpg', quality=95)
    looks('CMYK JPEG', file, Image.open(file).convert('RGB'))

    magick(source, '-set', 'colorspace', 'RGB', '-sampling-factor', '1x1',
           '-quality', '95', path('rgb.jpg'))
    looks('JPEG from ImageMagick', path('rgb.jpg'),
          Image.open(path('rgb.jpg')))

    for sampling in ('1x1', '2x1', '1x2', '2x2', '4x1', '4x2', '1x4'):
        magick(source, '-sampling-factor', sampling, '-quality', '95',
               path('sampling.jpg'))
        looks('JPEG sampled ' + sampling, path('sampling.jpg'),
              Image.open(path('sampling.jpg')))


def check_png():
    image = gradient(120, 90)
    grey = image.convert('L')
    source = save(image, 's.png')

    looks('PNG', source, image)

    magick(source, '-depth', '16', 'png48:' + path('16.png'))
    looks('PNG of 16 bits', path('16.png'), image)

    magick(source, '-alpha', 'set', '-channel', 'A', '-evaluate', 'set',
           '50%', '-depth', '16', 'png64:' + path('16a.png'))
    half = image.convert('RGBA')
    half.putalpha(128)
    looks('PNG of 16 bits with alpha', path('16a.png'), half)

    magick(source, '-interlace', 'PNG', path('interlaced.png'))
    looks('interlaced PNG', path('interlaced.png'), image)

    palette = image.quantize(64)
    looks('palette', save(palette, 'palette.png'), palette.convert('RGB'), 10)

    file = save(palette, 'palette.png', transparency=3)
    looks('palette with transparency', file, Image.open(file).convert('RGBA'),
          10)

    looks('grey PNG', save(grey, 'grey.png'), grey.convert('RGB'))
    looks('PNG of 1 bit', save(grey.convert('1'), 'bit.png'),
          grey.convert('1').convert('RGB'), 8)

    both = Image.merge('LA', (grey, grey))
    looks('grey PNG with alpha', save(both, 'la.png'), both.convert('RGBA'))

    file = save(image, 'colour-key.png', transparency=image.getpixel((60, 45)))
    looks('PNG with a transparent colour', file,
          Image.open(file).convert('RGBA'))


def check_alpha():
    image = gradient(120, 90).convert('RGBA')
    looks('opaque alpha is dropped', save(image, 'opaque.png'), image)

    image.putalpha(image.getchannel('R'))
    looks('PNG with alpha', save(image, 'a.png'), image)
    looks('WebP with alpha', save(image, 'a.webp', quality=95), image)
    looks('lossless WebP with alpha', save(image, 'l.webp', lossless=True),
          image)

    looks('no colour, no alpha',
          save(Image.new('RGBA', (40, 30), (9, 9, 9, 0)), 'none.png'),
          Image.new('RGBA', (40, 30), (9, 9, 9, 0)))

    # what is invisible must not bleed into what is visible

    image = Image.new('RGBA', (1600, 1200), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (403, 301, 1203, 901))
    made = looks('scaled alpha', save(image, 'edge.png'),
                 image.convert('RGBa').resize((200, 150), LANCZOS)
                 .convert('RGBA'), variant='200')
    red = max(r for r, g, b, a in made.getdata() if a > 20) if made else 255
    ok(red < 40, 'no red of the invisible at the edges', 'red %d' % red)


def in_profile(image, profile):
    """What the profile's samples look like in sRGB."""

    return ImageCms.profileToProfile(image, io.BytesIO(profile),
                                     ImageCms.createProfile('sRGB'),
                                     outputMode='RGB')


def icc(space, tags, pcs=b'XYZ '):
    """An ICC.1:2001 profile."""

    def fixed(*values):
        return b''.join(struct.pack('>i', round(v * 65536)) for v in values)

    d50 = fixed(0.9642, 1, 0.8249)
    tags = {b'desc': b'desc' + bytes(4) + struct.pack('>I', 5) + b'test\0'
                     + bytes(78),
            b'cprt': b'text' + bytes(4) + b'none\0',
            b'wtpt': b'XYZ ' + bytes(4) + d50,
            **{name: value if isinstance(value, bytes)
               else b'XYZ ' + bytes(4) + fixed(*value) if len(value) == 3
               else b'curv' + bytes(4) + struct.pack('>IH', 1,
                                                     round(value[0] * 256))
               for name, value in tags.items()}}
    table, data = b'', b''
    offset = 128 + 4 + 12 * len(tags)

    for name, value in tags.items():
        table += struct.pack('>4sII', name, offset + len(data), len(value))
        data += value + bytes(-len(value) % 4)

    head = struct.pack('>I4sI4s4s4s12s4s', offset + len(data), bytes(4),
                       0x02400000, b'mntr' if space == b'RGB ' else b'prtr',
                       space, pcs, struct.pack('>6H', 2026, 1, 1, 0, 0, 0),
                       b'acsp')
    head = head.ljust(68, b'\0') + d50

    return (head.ljust(128, b'\0') + struct.pack('>I', len(tags)) + table
            + data)


def cmyk_lut():
    """A2B0 of inks that darken as simply as inks can: lut8Type, Lab."""

    def lab(c, m, y, k):
        white = (1 - k) * 255

        return bytes((round(white * (3 - c - m - y) / 3),
                      round(128 + 60 * (1 - k) * (m - c)),
                      round(128 + 60 * (1 - k) * (y - (c + m) / 2))))

    identity = bytes(range(256))
    grid = b''.join(lab(n >> 3 & 1, n >> 2 & 1, n >> 1 & 1, n & 1)
                    for n in range(16))
    one = struct.pack('>9i', 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)

    return (b'mft1' + bytes(4) + bytes((4, 3, 2, 0)) + one + identity * 4
            + grid + identity * 3)


ADOBE = {b'rXYZ': (0.6097, 0.3111, 0.0195), b'gXYZ': (0.2053, 0.6257, 0.0609),
         b'bXYZ': (0.1492, 0.0632, 0.7446)}
TURNED = {b'rXYZ': ADOBE[b'gXYZ'], b'gXYZ': ADOBE[b'bXYZ'],
          b'bXYZ': ADOBE[b'rXYZ']}

PROFILES = (
    ('a wide gamut', 'RGB',
     icc(b'RGB ', {**ADOBE, **{c: (2.2,) for c in (b'rTRC', b'gTRC',
                                                   b'bTRC')}})),
    ('linear light', 'RGB',
     icc(b'RGB ', {**ADOBE, **{c: (1.0,) for c in (b'rTRC', b'gTRC',
                                                   b'bTRC')}})),
    ('turned primaries', 'RGB',
     icc(b'RGB ', {**TURNED, **{c: (1.8,) for c in (b'rTRC', b'gTRC',
                                                    b'bTRC')}})),
    ('linear grey', 'L', icc(b'GRAY', {b'kTRC': (1.0,)})),
    ('four inks', 'CMYK', icc(b'CMYK', {b'A2B0': cmyk_lut()}, b'Lab ')),
)


def check_profiles():
    image = gradient(120, 90)

    for name, mode, profile in PROFILES:
        file = save(image.convert(mode), 'i.jpg', quality=95,
                    icc_profile=profile)
        wanted = in_profile(Image.open(file), profile)

        ok(distance(wanted, Image.open(file).convert('RGB')) > 8,
           name + ' makes a difference')
        looks('JPEG in ' + name, file, wanted)

        if mode == 'CMYK':
            continue

        looks('PNG in ' + name, save(image.convert(mode), 'i.png',
                                     icc_profile=profile),
              in_profile(image.convert(mode), profile))

        if mode == 'L':
            grey = image.convert('L')
            wanted = in_profile(grey, profile)
            wanted.putalpha(grey)
            looks('PNG with alpha in ' + name,
                  save(Image.merge('LA', (grey, grey)), 'i.png',
                       icc_profile=profile), wanted)
            continue

        file = save(image, 'i.webp', quality=95, icc_profile=profile)
        looks('WebP in ' + name, file,
              in_profile(Image.open(file).convert('RGB'), profile))

        clear = image.convert('RGBA')
        clear.putalpha(image.getchannel('R'))
        wanted = in_profile(image, profile)
        wanted.putalpha(image.getchannel('R'))
        looks('PNG with alpha in ' + name,
              save(clear, 'i.png', icc_profile=profile), wanted)

    garbage = bytes((i * 7919 >> 3) & 255 for i in range(2000))

    for suffix in ('jpg', 'png', 'webp'):
        file = save(image, 'g.' + suffix, quality=95, icc_profile=garbage)
        looks('%s with a profile of garbage' % suffix, file,
              Image.open(file).convert('RGB'))

    file = save(image, 'g.jpg', quality=95, icc_profile=PROFILES[4][2])
    looks('RGB with a profile for CMYK', file, Image.open(file))


def check_sizes():
    for size, wanted in (
            ((16000, 1), ((16000, 1), (800, 1), (200, 1))),
            ((1, 16000), ((1, 16000), (1, 800), (1, 200))),
            ((17000, 20), ((16383, 19), (800, 1), (200, 1))),
            ((800, 600), ((800, 600), (800, 600), (200, 150))),
            ((801, 600), ((801, 600), (800, 599), (200, 150))),
            ((150, 199), ((150, 199), (150, 199), (150, 199))),
            ((3, 5000), ((3, 5000), (1, 800), (1, 200)))):

        variants = convert(save(gradient(*size), 'size.png'))
        made = variants if isinstance(variants, str) else tuple(
            Image.open(variants[v]['path']).size
            for v in ('original', '800', '200'))
        ok(made == wanted, '%dx%d' % size, made)


def check_moving():
    first, second = gradient(60, 40), Image.new('RGB', (60, 40), 'lime')

    for suffix in ('webp', 'png'):
        file = save(first, 'moving.' + suffix, save_all=True,
                    append_images=[second], quality=95)
        looks('the first picture of an animated ' + suffix, file, first)


def check_scaled():
    magick('-size', '1600x1200', '-seed', '7', 'plasma:fractal', '-quality',
           '92', path('photo.jpg'))

    for suffix in ('jpg', 'png', 'webp'):
        if suffix != 'jpg':
            save(Image.open(path('photo.jpg')), 'photo.' + suffix, quality=92)

        photo = Image.open(path('photo.' + suffix)).convert('RGB')

        for side, size in (('800', (800, 600)), ('200', (200, 150))):
            looks('%s beside Pillow, %s' % (suffix, side),
                  path('photo.' + suffix), photo.resize(size, LANCZOS), 4,
                  side)


for check in (check_orientation, check_jpeg, check_png, check_alpha,
              check_profiles, check_sizes, check_moving, check_scaled):
    check()

print('1..%d' % tests)
TMP.cleanup()
sys.exit(failures > 0)
