#!/usr/bin/python3
"""What caphealth-converter makes of images, as independent decoders see it.

    check_convert.py UNIT-DIRECTORY

Pillow and ImageMagick write the images, Pillow and webpinfo read what came of
them: format, size, orientation, colour, alpha, and that no metadata is left.
TAP.
"""

import base64
import io
import json
import os
import struct
import subprocess
import sys
import tempfile
import zlib

import numpy
from PIL import Image, ImageCms, ImageDraw, ImageOps

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                             '../lib'))

import tap
from tap import ok

CONVERTER = os.path.join(os.path.dirname(os.path.abspath(sys.argv[1])),
                         'caphealth-converter')
TMP = tempfile.TemporaryDirectory(prefix='caphealth-')
ORIENTATION = 0x0112
LANCZOS = Image.Resampling.LANCZOS

# by libjpeg-turbo's cjpeg: 64 by 48 pixels, -restart 2B, and 40 by 56 pixels,
# -arithmetic

RESTARTS = (
    '/9j/2wBDABQODxIPDRQSEBIXFRQYHjIhHhwcHj0sLiQySUBMS0dARkVQWnNiUFVtVkVGZIhl'
    'bXd7gYKBTmCNl4x9lnN+gXz/2wBDARUXFx4aHjshITt8U0ZTfHx8fHx8fHx8fHx8fHx8fHx8'
    'fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHz/wAARCAAwAEADASIAAhEBAxEB/8QA'
    'GAABAQEBAQAAAAAAAAAAAAAAAwQFAAb/xAAtEAACAQMEAQIEBgMAAAAAAAABAhEAAyESMUFR'
    'BBNhInGBkQUUMqHw8XKxwf/EABgBAQADAQAAAAAAAAAAAAAAAAQBAgMF/8QAHhEAAgICAwEB'
    'AAAAAAAAAAAAAAIBAxHwBBMhMaH/3QAEAAL/2gAMAwEAAhEDEQA/APO+mBmII+9KlrM6QDH0'
    'pVtdbmkFnJwDjqsIkhLAlt7YgHBpEtiMTPdOtsbck/ekW30D8Q4q0SMSw//Qz1tkYM+/NIls'
    'RMYG2aUW/aD7Uotg/ONqrk66OS3rZZToUMwKkAkROe81H5FohnDESWncniM/1WrdtSgBUaS2'
    'xbf2/n9RPaOptMgao0zsef8AVJpkHzLPN39P/9GFbZB7ikVCAJH3pltkCAMfKk9MA9x7UWJA'
    'o4SW4mQDHvxSLbmf3FMiHgA47pBbLASOJmpiRaOf/9JFtgHj6ilW2Os0otYiJpfSgck1hEiE'
    'cle0WOmFbbGzDBnfv6VA6LAAZSAcBScDqYjFbN1WC4LSIMjk8cbVARrWChGSZHInnvPNKqkH'
    'zLIyf//TYIvMZyJpbdsQPhI4rN/Otcw1i5eVknRpKmcQPcGCcE4nqqGv3RcCh7XqBhbABlWa'
    'AWESMgjH+UYo3UxykrYuS2Sv6d98UyoIBxvtWb4/kKjJbYgq9xhLSCW17QBjEE7TPzpfF8m6'
    '6MxUmQQjG4JdjGmJAAxkfuMirdTDFrY//9TYFuFA/wC0qITkZ96j8PyLdy/ddMIWB1hYldJy'
    '0jaQc911u8ll9NxzaJKkXFclWkEDOmMDk7wJOKy62+EojZwWXLasRqMBSJMCDscfaoLgGr1J'
    'JYzuMEd/ydq7zfxK0rrdVLjBADqtkQYMxkZmQCNxnaJMFzybgJtWr2uAjWlKxqJMmTOBJC5I'
    '6gml00tj0Lyq7Me+bu5P/9k=')

ARITHMETIC = (
    '/9j/2wBDACAWGBwYFCAcGhwkIiAmMFA0MCwsMGJGSjpQdGZ6eHJmcG6AkLicgIiuim5woNqi'
    'rr7EztDOfJri8uDI8LjKzsb/2wBDASIkJDAqMF40NF7GhHCExsbGxsbGxsbGxsbGxsbGxsbG'
    'xsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsb/yQARCAA4ACgDASIAAhEBAxEB/8wA'
    'CgAQEAUBEBEF/9oADAMBAAIRAxEAPwD+5/Z1BXo3AC4IojvU8/f/ACN8DbJ6MBOva7v6ArZN'
    'QggVZNaY+nWcU36lCjhwLx8tyLDi4rGOEF8bdUEDAspDuL4s8EVg5WT5wjIveGPlVnwNoVbH'
    'CFFpEM/UbbVKRPubHeZgZGQTntjvA5YKj0wm1sPrT405nPqXxCerjTdQJlUO8MxRbGNdkf8A'
    '6Dt4S3npjwGZPiSSLnm+CqHzSHsHPDCqttmrrrAEp4tIPZuyo4mNLw4xfazyjfUqKzPGXfDh'
    'u3AVVT6mthgc51EL2ZBkMRfe9exsMZUo09dvwTqEEkK/umi6H/Pfxp+zyH66fDgbsz27uT07'
    'eFL5DYuOxCQvN/wjHEsI5i6MuY0+WlWO1T26K4P562la1ovPwtsUBoVpPRVuH2WmBU1bCPYl'
    'pJWhjMfghMjVyhAbEkW004WI1VOEoP/Z')


def path(name):
    return os.path.join(TMP.name, name)


def convert(image, *options):
    """The variants by name; a string where it refused."""

    done = subprocess.run([CONVERTER, '--convert', *options, image,
                           path('out')],
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


def samples(image, mode):
    return numpy.frombuffer(image.convert(mode).tobytes(), numpy.uint8) \
                .astype(numpy.int16)


def premultiplied(image):
    """What does not show does not count."""

    return samples(image.convert('RGBA'), 'RGBa')


def distance(a, b):
    """Mean difference of two samples."""

    if 'A' in b.mode:
        a, b = premultiplied(a), premultiplied(b)
    else:
        a, b = samples(a, 'RGB'), samples(b, 'RGB')

    return abs(a - b).mean()


def metadata(file):
    """The chunks of a WebP file that no picture needs."""

    text = subprocess.run(['webpinfo', file], capture_output=True, text=True,
                          check=True).stdout
    chunks = [line.split()[1] for line in text.splitlines()
              if line.startswith('Chunk ')]

    return [c for c in chunks if c not in ('VP8', 'VP8L', 'VP8X', 'ALPH')]


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


def seen_on(image, colour):
    """What a page of that colour shows."""

    page = Image.new('RGBA', image.size, colour)

    return Image.alpha_composite(page, image.convert('RGBA')).convert('RGB')


def far_off(made, wanted):
    """The share of visible pixels whose colour is another one."""

    a, b = (samples(image, 'RGBA').reshape(-1, 4) for image in (made, wanted))
    seen = (a[:, 3] > 128) & (b[:, 3] > 128)
    far = abs(a[:, :3] - b[:, :3]).max(1) > 60

    return (far & seen).sum() / max(seen.sum(), 1)


def columns(visible, hidden):
    """Every other column is transparent, of another colour."""

    image = Image.new('RGBA', (64, 64), visible + (255,))

    for x in range(1, 64, 2):
        image.paste(hidden + (0,), (x, 0, x + 1, 64))

    return image


def strokes(colour, width, background):
    """Thin slanted lines on what is not there."""

    image = Image.new('RGBA', (400, 300), background + (0,))
    draw = ImageDraw.Draw(image)

    for x in range(0, 400, 9):
        draw.line([x, 0, x + 60, 299], fill=colour + (255,), width=width)

    return image


def check_stains():
    """What is invisible has no part in the colours of what is visible."""

    red, blue, green = (220, 20, 40), (0, 0, 255), (0, 200, 0)
    images = [('columns, %s' % (hidden,), columns(red, hidden))
              for hidden in ((0, 0, 0), (255, 255, 255), green)]
    images += [('strokes of %d pixels' % width, strokes(colour, width, hidden))
               for width, colour, hidden in ((1, (255, 0, 0), (0, 0, 0)),
                                             (2, (255, 0, 0), blue),
                                             (3, blue, (255, 255, 255)))]
    images.append(('turned strokes',
                   strokes((255, 0, 0), 2, blue).transpose(
                       Image.Transpose.ROTATE_90)))

    for name, image in images:
        for suffix, options in (('png', {}),
                                ('webp', {'lossless': True, 'exact': True})):
            file = save(image, 'stain.' + suffix, **options)
            variants = convert(file)

            if isinstance(variants, str):
                ok(False, '%s, %s' % (name, suffix), variants)
                continue

            wrong = []

            for variant in ('original', '200'):
                made = Image.open(variants[variant]['path'])
                wanted = (image.convert('RGBa').resize(made.size, LANCZOS)
                          .convert('RGBA'))
                share = far_off(made, wanted)

                if share > 0.01:
                    wrong.append('%s: %.0f %% of what is visible'
                                 % (variant, 100 * share))

                for colour in ('black', 'white', 'orange'):
                    far = distance(seen_on(made, colour),
                                   seen_on(wanted, colour))

                    if far > 6:
                        wrong.append('%s: %.1f on %s' % (variant, far,
                                                         colour))

            ok(not wrong, 'no stain: %s, %s' % (name, suffix),
               '; '.join(wrong))


def check_steps():
    """A transparent variant does not depend on the larger ones."""

    file = save(strokes((255, 0, 0), 2, (0, 0, 255)), 'steps.png')
    made = []

    for names in (('120',), ('320', '240', '160', '120')):
        options = ['--variant', 'original']

        for name in names:
            options += ['--variant', '%s max=%s' % (name, name)]

        variants = convert(file, *options)

        with open(variants['120']['path'], 'rb') as variant:
            made.append(variant.read())

    ok(made[0] == made[1], 'each is made of the image itself')


def noisy(width, height):
    """A photo with an alpha of every value, which costs memory."""

    image = Image.effect_noise((width, height), 60)
    image = Image.merge('RGB', (image, image.rotate(180),
                                gradient(width, height).getchannel('R')))
    image = image.convert('RGBA')
    image.putalpha(Image.effect_noise((width, height), 120))

    return image


def check_memory():
    """Too little memory: an error, or the same images."""

    image = noisy(1200, 900)
    second = image.rotate(180)
    files = [save(image, 'm.png'), save(image, 'm.webp', quality=85),
             save(image, 'lossless.webp', lossless=True, method=0),
             save(image, 'moving.webp', save_all=True,
                  append_images=[second], quality=85),
             save(image.convert('RGB'), 'm.jpg', quality=90)]

    for file in files:
        whole = convert(file)
        whole = [open(v['path'], 'rb').read() for v in whole.values()]
        refused, wrong, memory = 0, [], 28 * 1024

        # kilobytes; the first limit under which all of it fits ends it

        while memory < 200 * 1024:
            limited = convert(file, '--memory', '%dk' % memory)

            if not isinstance(limited, str):
                if [open(v['path'], 'rb').read()
                        for v in limited.values()] == whole:
                    break

                wrong.append('%dk: other images' % memory)

            elif ('needs more memory than is allowed' in limited
                  and '--memory, %d bytes' % (memory * 1024) in limited):
                refused += 1

            elif 'sandbox cannot be set up' not in limited:
                wrong.append('%dk: %s' % (memory, limited))

            memory += 1900

        ok(not wrong and memory < 200 * 1024,
           'too little memory for %s, %d times' % (os.path.basename(file),
                                                   refused),
           '\n'.join(wrong))


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


TYPES = {'BYTE': 'B', 'ASCII': '4s', 'SHORT': 'H', 'LONG': 'I',
         'RATIONAL': 'I'}


def tiff(order, *directories, offset=8, tail=0):
    """Exif data: directories of (tag, type, count, value), one behind the
    other; a value that is a tuple is the offset of the directory of that
    number."""

    at = [8]

    for entries in directories:
        at.append(at[-1] + 2 + 12 * len(entries) + 4)

    data = (b'II' if order == '<' else b'MM') + struct.pack(order + 'HI', 42,
                                                            offset)

    for entries in directories:
        data += struct.pack(order + 'H', len(entries) + tail)

        for tag, kind, count, value in entries:
            if isinstance(value, tuple):
                value = at[value[0]]

            number = list(TYPES).index(kind) + 1
            data += struct.pack(order + 'HHI', tag, number, count)
            data += struct.pack(order + TYPES[kind], value).ljust(4, b'\0')

        data += struct.pack(order + 'I', 8)     # the next is the first again

    return data


def turned(order='<', value=6, kind='SHORT', count=1, **options):
    """Exif data with an orientation."""

    return tiff(order, [(0x010f, 'SHORT', 1, 0),
                        (ORIENTATION, kind, count, value)], **options)


def write(name, data):
    with open(path(name), 'wb') as file:
        file.write(data)

    return path(name)


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)

    return file.getvalue()


def segment(marker, body):
    return struct.pack('>BBH', 0xff, marker, len(body) + 2) + body


def with_segments(jpeg, *segments):
    return jpeg[:2] + b''.join(segments) + jpeg[2:]


def without(jpeg, marker):
    at = jpeg.index(bytes((0xff, marker)))

    return jpeg[:at] + jpeg[at + 2 + struct.unpack_from('>H', jpeg, at + 2)[0]:]


def app1(exif):
    return segment(0xe1, b'Exif\0\0' + exif)


def pieces(*parts):
    return [segment(0xe2, b'ICC_PROFILE\0' + bytes((number, count)) + data)
            for number, count, data in parts]


def chunk(kind, data):
    return (struct.pack('>I', len(data)) + kind + data
            + struct.pack('>I', zlib.crc32(kind + data)))


def with_chunks(png, *chunks, before=b'IDAT'):
    at = png.index(before) - 4

    return png[:at] + b''.join(chunks) + png[at:]


def with_riff(webp, flags, *chunks, behind=()):
    """A WebP file of one chunk, as an extended one."""

    def riff(kind, data):
        return (kind + struct.pack('<I', len(data)) + data
                + bytes(len(data) % 2))

    width, height = Image.open(io.BytesIO(webp)).size
    body = riff(b'VP8X', bytes((flags, 0, 0, 0))
                + struct.pack('<I', width - 1)[:3]
                + struct.pack('<I', height - 1)[:3])
    body += b''.join(riff(*c) for c in chunks)
    body += webp[12:]
    body += b''.join(riff(*c) for c in behind)

    return b'RIFF' + struct.pack('<I', len(body) + 4) + b'WEBP' + body


def check_exif():
    image = gradient(64, 48)
    jpeg = encoded(image, 'JPEG', quality=95)
    plain = Image.open(io.BytesIO(jpeg))
    upright = plain.transpose(Image.Transpose.ROTATE_270)

    for order in '<>':
        where = 'Exif of %s, ' % ('Intel', 'Motorola')[order == '>']

        for name, data, wanted in (
                ('SHORT', turned(order), upright),
                ('LONG', turned(order, kind='LONG'), upright),
                ('BYTE', turned(order, kind='BYTE'), upright),
                ('RATIONAL', turned(order, kind='RATIONAL'), plain),
                ('no value', turned(order, count=0), plain),
                ('0', turned(order, 0), plain),
                ('9', turned(order, 9), plain),
                ('65536 + 6', turned(order, 0x10006, 'LONG'), plain),
                ('more entries than there are', turned(order, tail=99),
                 upright),
                ('a directory that is its own Exif directory',
                 tiff(order, [(ORIENTATION, 'SHORT', 1, 6),
                              (0x8769, 'LONG', 1, (0,))]), upright),
                ('an Exif directory outside',
                 tiff(order, [(ORIENTATION, 'SHORT', 1, 6),
                              (0x8769, 'LONG', 1, 0xfffffffe)]), upright),
                ('a first directory outside',
                 turned(order, offset=0xfffffff8), plain),
                ('cut in an entry', turned(order)[:30], plain)):

            looks(where + 'JPEG: ' + name,
                  write('e.jpg', with_segments(jpeg, app1(data))), wanted)

    garbage = segment(0xe1, b'Exif\0\0' + b'??' * 40)
    xmp = segment(0xe1, b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>')
    second = encoded(image.rotate(180), 'JPEG', exif=oriented(6))

    for name, data, wanted in (
            ('two Exif segments: the first counts',
             with_segments(jpeg, app1(turned(value=1)), app1(turned())),
             plain),
            ('two Exif segments, the first with an orientation',
             with_segments(jpeg, app1(turned()), app1(turned(value=1))),
             upright),
            ('two Exif segments, the first without one',
             with_segments(jpeg, app1(tiff('<', [])), app1(turned())), plain),
            ('an Exif segment that cannot be read before one that can',
             with_segments(jpeg, garbage, app1(turned())), upright),
            ('Exif behind XMP', with_segments(jpeg, xmp, app1(turned())),
             upright),
            ('Exif of a second image behind the first', jpeg + second,
             plain)):

        looks('JPEG: ' + name, write('e.jpg', data), wanted)

    png = encoded(image, 'PNG')
    upright = image.transpose(Image.Transpose.ROTATE_270)

    for name, data, before in (
            ('eXIf', turned(), b'IDAT'),
            ('eXIf behind the image', turned(), b'IEND'),
            ('eXIf as in a JPEG', b'Exif\0\0' + turned('>'), b'IDAT')):

        looks('PNG: ' + name,
              write('e.png', with_chunks(png, chunk(b'eXIf', data),
                                         before=before)), upright)

    webp = encoded(image, 'WEBP', quality=95)
    upright = Image.open(io.BytesIO(webp)).transpose(
        Image.Transpose.ROTATE_270)

    for name, data in (('EXIF', turned()),
                       ('EXIF as in a JPEG', b'Exif\0\0' + turned('>'))):

        looks('WebP: ' + name,
              write('e.webp', with_riff(webp, 0x08, behind=((b'EXIF', data),))),
              upright)


def check_pieces():
    """A profile in several segments."""

    image = gradient(120, 90)
    profile = PROFILES[2][2]
    jpeg = encoded(image, 'JPEG', quality=95)
    plain = Image.open(io.BytesIO(jpeg))
    wanted = in_profile(plain, profile)
    third = len(profile) // 3
    a, b, c = profile[:third], profile[third:-third], profile[-third:]
    other = PROFILES[1][2]

    for name, parts, result in (
            ('in order', ((1, 3, a), (2, 3, b), (3, 3, c)), wanted),
            ('in another order', ((3, 3, c), (1, 3, a), (2, 3, b)), wanted),
            ('twice', ((1, 3, a), (2, 3, b), (3, 3, c)) * 2, wanted),
            ('each twice', ((1, 3, a), (1, 3, a), (2, 3, b), (2, 3, b),
                            (3, 3, c), (3, 3, c)), wanted),
            ('whole, twice', ((1, 1, profile),) * 2, wanted),
            ('whole, before another', ((1, 1, profile), (1, 1, other)),
             wanted),
            ('from 0', ((0, 3, a), (1, 3, b), (2, 3, c)), wanted),
            ('of 1, though they are three', ((1, 1, a), (2, 1, b), (3, 1, c)),
             wanted),
            ('of 0', ((1, 0, a), (2, 0, b), (3, 0, c)), wanted),
            ('of 4, though they are three', ((1, 4, a), (2, 4, b), (3, 4, c)),
             wanted),
            ('without the first', ((2, 3, b), (3, 3, c)), plain),
            ('without the second', ((1, 3, a), (3, 3, c)), plain),
            ('without the last', ((1, 3, a), (2, 3, b)), plain),
            ('empty', ((1, 1, b''),), plain)):

        looks('a profile\'s pieces ' + name,
              write('p.jpg', with_segments(jpeg, *pieces(*parts))), result)


def check_kinds_of_profiles():
    image = gradient(120, 90)
    profile = PROFILES[2][2]
    jpeg = encoded(image, 'JPEG', quality=95)
    plain = Image.open(io.BytesIO(jpeg))
    lut = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile(
        'sRGB')).tobytes())

    # red's primary and blue's, exchanged in a profile of version 4

    for at in range(132, 132 + 12 * struct.unpack_from('>I', lut, 128)[0], 12):
        lut[at:at + 4] = {b'rXYZ': b'bXYZ', b'bXYZ': b'rXYZ'}.get(
            bytes(lut[at:at + 4]), lut[at:at + 4])

    blue, green, red = plain.split()
    v4 = bytes(lut)

    for name, data, wanted in (
            ('of version 4', v4, Image.merge('RGB', (red, green, blue))),
            ('cut in half', profile[:len(profile) // 2], plain),
            ('of 100 bytes', profile[:100], plain),
            ('for Lab', profile[:16] + b'Lab ' + profile[20:], plain),
            ('for grey', PROFILES[3][2], plain),
            ('that is a link of devices',
             profile[:12] + b'link' + profile[16:], plain),
            ('that is an effect', profile[:12] + b'abst' + profile[16:],
             plain),
            ('of a camera', profile[:12] + b'scnr' + profile[16:],
             in_profile(plain, profile)),
            ('of a printer', profile[:12] + b'prtr' + profile[16:],
             in_profile(plain, profile))):

        looks('JPEG with a profile ' + name,
              write('k.jpg', with_segments(jpeg, *pieces((1, 1, data)))),
              wanted)

    grey = encoded(image.convert('L'), 'JPEG', quality=95)
    linear = PROFILES[1][2]
    looks('grey JPEG with a profile for RGB',
          write('k.jpg', with_segments(grey, *pieces((1, 1, linear)))),
          in_profile(Image.open(io.BytesIO(grey)).convert('RGB'), linear))


def check_adobe_rgb():
    """Exif's way to say it."""

    image = gradient(120, 90)
    jpeg = encoded(image, 'JPEG', quality=95)
    plain = Image.open(io.BytesIO(jpeg))
    wide = in_profile(plain, PROFILES[0][2])

    for order in '<>':
        for space, index, wanted in ((0xffff, b'R03', wide),
                                     (0xffff, b'R98', plain),
                                     (0xffff, None, plain),
                                     (1, b'R03', plain), (2, None, wide)):
            ifd0 = [(ORIENTATION, 'SHORT', 1, 1), (0x8769, 'LONG', 1, (1,))]
            exif = [(0xa001, 'SHORT', 1, space), (0xa005, 'LONG', 1, (2,))]
            interop = [(1, 'ASCII', 4, index)]
            data = app1(tiff(order, ifd0, exif, interop) if index
                        else tiff(order, ifd0, exif[:1]))

            looks('JPEG of ColorSpace %d, %s, %s' % (space, index, order),
                  write('a.jpg', with_segments(jpeg, data)), wanted, 2)

    looks('JPEG of ColorSpace 2 with a profile',
          write('a.jpg', with_segments(jpeg, data,
                                       *pieces((1, 1, PROFILES[2][2])))),
          in_profile(plain, PROFILES[2][2]))
    looks('JPEG of ColorSpace 2 with a profile that is broken',
          write('a.jpg', with_segments(jpeg, data, *pieces((1, 1, b'?' * 99)))),
          wide, 2)
    looks('grey JPEG of ColorSpace 2',
          write('a.jpg', with_segments(encoded(image.convert('L'), 'JPEG'),
                                       data)), image.convert('L'))


def check_components():
    """What JPEG's components are."""

    image = gradient(120, 90)
    cmyk = encoded(image.convert('CMYK'), 'JPEG', quality=95)
    ycck = bytearray(cmyk)
    ycck[cmyk.index(b'Adobe') + 11] = 2

    for name, data in (('CMYK', cmyk), ('YCCK', bytes(ycck)),
                       ('CMYK without Adobe\'s marker',
                        without(cmyk, 0xee))):
        decoded = Image.open(io.BytesIO(data))
        looks('JPEG of ' + name, write('c.jpg', data), decoded.convert('RGB'))

        profile = PROFILES[4][2]
        looks('JPEG of %s with a profile' % name,
              write('c.jpg', with_segments(data, *pieces((1, 1, profile)))),
              in_profile(decoded, profile))

    # RGB as it is: by Adobe's marker, by the components' names

    bare = without(encoded(image, 'JPEG', quality=95, subsampling='4:4:4'),
                   0xe0)
    frame, scan = bare.index(b'\xff\xc0'), bare.index(b'\xff\xda')
    named = bytearray(bare)

    for i, letter in enumerate(b'RGB'):
        named[frame + 10 + 3 * i] = letter
        named[scan + 5 + 2 * i] = letter

    for name, data in (
            ('by Adobe\'s marker',
             with_segments(bare, segment(0xee, b'Adobe\0\x64' + bytes(5)))),
            ('by its components\' names', bytes(named))):
        wanted = Image.open(io.BytesIO(data))
        ok(distance(wanted, image) > 30, 'RGB ' + name + ' is another image')
        looks('JPEG of RGB ' + name, write('c.jpg', data), wanted)


def curve(light):
    """A tone curve of 1024 points."""

    values = [round(light(i / 1023) * 65535) for i in range(1024)]

    return b'curv' + bytes(4) + struct.pack('>I1024H', 1024, *values)


def srgb_light(v):
    return v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4


def srgb_sample(light):
    return (light * 12.92 if light <= 0.0031308
            else 1.055 * light ** (1 / 2.4) - 0.055) * 255


def rgb_profile(primaries, light):
    tags = dict(zip((b'rXYZ', b'gXYZ', b'bXYZ'), primaries))

    return icc(b'RGB ', {**tags, **dict.fromkeys((b'rTRC', b'gTRC', b'bTRC'),
                                                 curve(light))})


# adapted to D50

SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971),
        (0.1431, 0.0606, 0.7141))
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419),
              (0.1571, 0.0666, 0.7841))
BT2020 = ((0.6734, 0.2790, -0.0019), (0.1656, 0.6753, 0.0300),
          (0.1251, 0.0456, 0.7970))
ADOBE_XY = (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
SRGB_XY = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)


def check_png_colour():
    """PNG, third edition: cICP, iCCP, sRGB, gAMA and cHRM."""

    image = gradient(120, 90)
    png = encoded(image, 'PNG')
    profile = PROFILES[2][2]

    def cicp(*codes):
        return chunk(b'cICP', bytes(codes))

    def gamma(value):
        return chunk(b'gAMA', struct.pack('>I', value))

    def chrm(values):
        return chunk(b'cHRM', struct.pack('>8I', *values))

    def iccp(data):
        return chunk(b'iCCP', b'a name\0\0' + zlib.compress(data))

    def seen(*arguments):
        return in_profile(image, rgb_profile(*arguments))

    srgb = chunk(b'sRGB', b'\0')
    by_profile = in_profile(image, profile)
    linear = seen(SRGB, lambda v: v)

    for name, chunks, wanted in (
            ('cICP of sRGB', (cicp(1, 13, 0, 1),), image),
            ('cICP of Display P3', (cicp(12, 13, 0, 1),),
             seen(DISPLAY_P3, srgb_light)),
            ('cICP of BT.2020', (cicp(9, 14, 0, 1),),
             seen(BT2020, lambda v: v ** 2.4)),
            ('cICP of linear light', (cicp(1, 8, 0, 1),), linear),
            ('cICP of a narrow range', (cicp(1, 13, 0, 0),),
             image.point(lambda v: (v - 16) * 255 / 219)),
            ('cICP before iCCP', (iccp(profile), cicp(1, 13, 0, 1)), image),
            ('cICP before all', (srgb, gamma(100000), cicp(12, 13, 0, 1)),
             seen(DISPLAY_P3, srgb_light)),
            ('cICP unspecified', (cicp(2, 2, 0, 1), iccp(profile)),
             by_profile),
            ('cICP with a matrix', (cicp(12, 13, 1, 1),), image),
            ('cICP cut', (chunk(b'cICP', b'\x0c\x0d\0'),), image),
            ('iCCP', (iccp(profile),), by_profile),
            ('iCCP before sRGB', (srgb, iccp(profile)), by_profile),
            ('iCCP before sRGB, behind it', (iccp(profile), srgb),
             by_profile),
            ('iCCP before gAMA', (gamma(100000), iccp(profile)), by_profile),
            ('iCCP without a name', (chunk(b'iCCP', b'\0\0' + zlib.compress(
                profile)),), by_profile),
            ('iCCP that does not inflate',
             (chunk(b'iCCP', b'a\0\0' + b'?' * 200),), image),
            ('iCCP cut', (chunk(b'iCCP', b'a\0\0' + zlib.compress(
                profile)[:-60]),), image),
            ('iCCP of nothing but a name', (chunk(b'iCCP', b'a' * 100),),
             image),
            ('iCCP empty', (chunk(b'iCCP', b''),), image),
            ('iCCP broken, and gAMA', (iccp(b'?' * 200), gamma(100000)),
             linear),
            ('sRGB before gAMA and cHRM',
             (srgb, gamma(100000), chrm(ADOBE_XY)), image),
            ('gAMA of sRGB', (gamma(45455),), image),
            ('gAMA and cHRM of sRGB', (gamma(45455), chrm(SRGB_XY)), image),
            ('gAMA of linear light', (gamma(100000),), linear),
            ('gAMA and cHRM of Adobe RGB', (gamma(45471), chrm(ADOBE_XY)),
             in_profile(image, PROFILES[0][2])),
            ('cHRM of Adobe RGB',  (chrm(ADOBE_XY),),
             seen([ADOBE[c] for c in (b'rXYZ', b'gXYZ', b'bXYZ')],
                  srgb_light)),
            ('gAMA of 0', (gamma(0),), image),
            ('gAMA out of range', (gamma(1),), image),
            ('cHRM of nothing', (gamma(100000), chrm((0,) * 8)), image)):

        looks('PNG: ' + name,
              write('n.png', with_chunks(png, *chunks)), wanted, 4)

    grey = image.convert('L')
    looks('grey PNG: gAMA of linear light',
          write('n.png', with_chunks(encoded(grey, 'PNG'), gamma(100000))),
          in_profile(grey.convert('RGB'), rgb_profile(SRGB, lambda v: v)), 4)

    palette = image.quantize(64)
    looks('palette: cICP of Display P3',
          write('n.png', with_chunks(encoded(palette, 'PNG'),
                                     cicp(12, 13, 0, 1), before=b'PLTE')),
          in_profile(palette.convert('RGB'),
                     rgb_profile(DISPLAY_P3, srgb_light)), 8)

    for name, said in (('cICP', cicp(12, 13, 0, 1)), ('gAMA', gamma(100000)),
                       ('iCCP', iccp(profile)),
                       ('eXIf', chunk(b'eXIf', turned()))):
        bad = said[:-1] + bytes((said[-1] ^ 1,))
        looks('PNG: %s with a bad checksum' % name,
              write('n.png', with_chunks(png, bad)), image, 4)

    refused = convert(write('n.png', png[:8] + chunk(b'CgBI', b'P\0 \2')
                            + png[8:]))
    ok('not supported' in refused and 'CgBI' in refused,
       'PNG of iOS is refused by its name', refused)

    check_high_range(cicp)


def check_high_range(cicp):
    """Each column a step of the signal: what 203, 1000 and 10000 candelas
    look like, and that more light is never darker."""

    ramp = Image.frombytes('L', (256, 1), bytes(range(256)))
    ramp = ramp.resize((256, 16), Image.Resampling.NEAREST)
    png = encoded(ramp.convert('RGB'), 'PNG')

    # the signal of the reference white, and of 1000 candelas

    for name, transfer, white, peak in (('PQ', 16, 0.5807, 0.7518),
                                        ('HLG', 18, 0.75, 1)):
        made = convert(write('h.png', with_chunks(png,
                                                  cicp(9, transfer, 0, 1))))
        made = Image.open(made['original']['path']).convert('L')
        levels = [made.getpixel((x, 8)) for x in range(256)]

        ok(all(b >= a - 3 for a, b in zip(levels, levels[1:])),
           name + ' gets brighter', levels)
        ok(levels[0] <= 2, name + ' has black', levels[0])
        ok(abs(levels[round(white * 255)] - 190) <= 5,
           name + ' has the reference white', levels[round(white * 255)])
        ok(levels[round(peak * 255)] >= 250, name + ' has its peak',
           levels[round(peak * 255)])


def deep_png(colour, rows, *chunks):
    """A PNG of 16 bits, of rows of samples."""

    width = len(rows[0]) // {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    data = b''.join(b'\0' + struct.pack('>%dH' % len(row), *row)
                    for row in rows)

    return (b'\x89PNG\r\n\x1a\n'
            + chunk(b'IHDR', struct.pack('>2I5B', width, len(rows), 16,
                                         colour, 0, 0, 0))
            + b''.join(chunks) + chunk(b'IDAT', zlib.compress(data))
            + chunk(b'IEND', b''))


def check_deep():
    """Samples of 16 bits become 8 after their colours are sRGB: of the
    darkest hundredth of linear light, 8 bits would leave four steps."""

    greys = [round(i / 255 * 0.01 * 65535) for i in range(256)]
    levels = [srgb_sample(v / 65535) for v in greys]
    wanted = Image.new('L', (256, 64))
    wanted.putdata([round(v) for v in levels] * 64)
    coarse = Image.new('L', (256, 64))
    coarse.putdata([round(srgb_sample(round(v / 257) / 255))
                    for v in greys] * 64)

    ok(distance(coarse, wanted) > 2, '8 bits of linear light are too few',
       distance(coarse, wanted))

    linear = icc(b'RGB ', {**dict(zip((b'rXYZ', b'gXYZ', b'bXYZ'), SRGB)),
                           **dict.fromkeys((b'rTRC', b'gTRC', b'bTRC'),
                                           (1.0,))})
    profiles = {0: icc(b'GRAY', {b'kTRC': (1.0,)}), 2: linear}
    gamma = chunk(b'gAMA', struct.pack('>I', 100000))

    for colour, alpha in ((0, False), (2, False), (4, True), (6, True)):
        samples = [((v, v, v) if colour & 2 else (v,))
                   + ((0x8080,) if alpha else ()) for v in greys]
        row = [value for sample in samples for value in sample]
        result = wanted.convert('RGB')

        if alpha:
            result.putalpha(128)

        for name, said in (('gAMA', gamma),
                           ('iCCP', chunk(b'iCCP', b'a\0\0' + zlib.compress(
                               profiles[colour & 2])))):
            looks('PNG of 16 bits, type %d, %s' % (colour, name),
                  write('deep.png', deep_png(colour, [row] * 64, said)),
                  result, 1.5)


def check_webp_colour():
    image = gradient(120, 90)
    profile = PROFILES[2][2]
    exif = (b'EXIF', b'Exif\0\0' + turned())
    webp = encoded(image, 'WEBP', quality=95)

    looks('WebP with ICCP and EXIF',
          write('w.webp', with_riff(webp, 0x28, (b'ICCP', profile),
                                    behind=(exif,))),
          in_profile(Image.open(io.BytesIO(webp)).convert('RGB'), profile)
          .transpose(Image.Transpose.ROTATE_270))

    adobe = tiff('<', [(0x8769, 'LONG', 1, (1,))], [(0xa001, 'SHORT', 1, 2)])
    looks('WebP without ICCP is sRGB, whatever Exif says',
          write('w.webp', with_riff(webp, 0x08, behind=((b'EXIF', adobe),))),
          image, 2)

    clear = image.convert('RGBA')
    clear.putalpha(image.getchannel('R'))
    wanted = in_profile(image, profile)
    wanted.putalpha(image.getchannel('R'))
    looks('WebP with alpha and ICCP',
          save(clear, 'w.webp', lossless=True, icc_profile=profile), wanted)


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


def segments(jpeg):
    """Where each marker with a length begins, up to the first scan."""

    at, found = 2, []

    while jpeg[at + 1] != 0xda:
        found.append(at)
        at += 2 + struct.unpack_from('>H', jpeg, at + 2)[0]

    return found + [at]


def scans(jpeg):
    """Where each scan's SOS is, in a progressive file."""

    found, at = [], 0

    while (at := jpeg.find(b'\xff\xda', at)) != -1:
        found.append(at)
        at += 2

    return found


def scan_data(jpeg):
    at = segments(jpeg)[-1]

    return at + 2 + struct.unpack_from('>H', jpeg, at + 2)[0]


def noisy(width, height):
    """More than a few bytes in each block, so that no cut is small."""

    noise = Image.effect_noise((width, height), 90)

    return Image.blend(gradient(width, height),
                       Image.merge('RGB', (noise, noise.rotate(90, expand=True)
                                           .resize(noise.size), noise)), 0.4)


def magick_of(image, *arguments):
    file = path('of.jpg')
    magick(save(image, 'of.png'), *arguments, file)

    with open(file, 'rb') as f:
        return f.read()


def taken(name, data, whole):
    """As the same image without a fault."""

    made = [convert(write('fault', bytes_of)) for bytes_of in (data, whole)]

    if not isinstance(made[0], str):
        for i, variants in enumerate(made):
            with open(variants['original']['path'], 'rb') as file:
                made[i] = file.read()

    ok(isinstance(made[0], bytes) and made[0] == made[1], name + ': taken',
       made[0] if isinstance(made[0], str) else 'another image')


def refused(name, data, why=''):
    said = convert(write('fault', data))
    ok(isinstance(said, str) and why in said, name + ': refused', said)


def check_jpeg_faults():
    """What costs no pixel is taken, what costs one is refused."""

    image = noisy(160, 120)
    base = encoded(image, 'JPEG', quality=90)
    progressive = encoded(image, 'JPEG', quality=90, progressive=True)
    restarts = base64.b64decode(RESTARTS)
    trailer = b'\0\0\1\x0a\x0e\0\0\0Image_UTC_Data1700000000000SEFHk\0\0\0'
    junk = b'\0\0\0\0\x13\x37'

    for kind, jpeg in (('baseline', base), ('progressive', progressive)):
        plain = jpeg

        taken(kind + ' without EOI', jpeg[:-2], plain)
        taken(kind + ' with a trailer for EOI', jpeg[:-2] + trailer, plain)
        taken(kind + ' with a trailer', jpeg + trailer + jpeg, plain)
        taken(kind + ' with another behind it, and no EOI',
              jpeg[:-2] + trailer + jpeg, plain)
        taken(kind + ' with junk before EOI', jpeg[:-2] + junk + jpeg[-2:],
              plain)
        taken(kind + ' with zeros before EOI',
              jpeg[:-2] + bytes(600) + jpeg[-2:], plain)

        # at every border of a segment: junk, fill bytes, a comment

        for at in segments(jpeg):
            marker = '%s, before marker %02x' % (kind, jpeg[at + 1])

            if at > 2:
                taken(marker + ', junk', jpeg[:at] + junk + jpeg[at:], plain)
                refused(marker + ', junk, then cut',
                        (jpeg[:at] + junk + jpeg[at:])[:len(jpeg) * 6 // 10],
                        'too soon')

            taken(marker + ', what looks like a restart marker in junk',
                  jpeg[:at] + b'\xff\xfe\0\2' + bytes(40) + b'\xff\xd0'
                  + jpeg[at:], plain)
            taken(marker + ', fill bytes',
                  jpeg[:at] + b'\xff\xff\xff' + jpeg[at:], plain)
            taken(marker + ', a comment',
                  jpeg[:at] + b'\xff\xfe\0\x06abcd' + jpeg[at:], plain)

        start = scan_data(jpeg)

        for percent in (1, 10, 30, 50, 70, 90, 97):
            end = start + (len(jpeg) - start) * percent // 100

            refused('%s, %d %% of it' % (kind, percent), jpeg[:end],
                    'too soon')
            refused('%s, %d %% of it, and EOI' % (kind, percent),
                    jpeg[:end] + b'\xff\xd9')
            refused('%s, %d %% of it, and zeros' % (kind, percent),
                    jpeg[:end] + bytes(len(jpeg)))

        refused(kind + ' with a hole', jpeg[:len(jpeg) // 2] + bytes(300)
                + jpeg[len(jpeg) // 2 + 300:])

    for at in scans(progressive)[1:]:
        refused('progressive up to the scan at %d' % at, progressive[:at],
                'too soon')
        refused('progressive up to the scan at %d, and EOI' % at,
                progressive[:at] + b'\xff\xd9', 'missing')

    for at, end in zip(scans(progressive)[1:], scans(progressive)[2:]):
        refused('progressive without the scan at %d' % at,
                progressive[:at] + progressive[end:])

    ends = bytearray(base)
    ends[scan_data(base) - 2] = 0
    taken('Se of 0 in a baseline scan', bytes(ends), base)

    at = restarts.index(b'\xff\xd2', scan_data(restarts))

    looks('restart markers', write('fault', restarts),
          Image.open(io.BytesIO(restarts)), 12)
    taken('fill bytes before a restart marker',
          restarts[:at] + b'\xff\xff' + restarts[at:], restarts)
    refused('a restart marker that is missing',
            restarts[:at] + restarts[at + 2:])
    refused('a restart marker that is another',
            restarts[:at] + b'\xff\xd5' + restarts[at + 2:])
    refused('junk before a restart marker',
            restarts[:at] + b'abcdefgh' * 4 + restarts[at:])
    taken('a few bytes before a restart marker',
          restarts[:at] + b'abcdef' + restarts[at:], restarts)
    refused('no data before a restart marker',
            restarts[:at - 40] + restarts[at:])

    frame = [at for at in segments(base) if base[at + 1] == 0xc0][0]

    refused('a height behind the image',
            base[:frame + 5] + b'\0\0' + base[frame + 7:-2]
            + b'\xff\xdc\0\x04\0\x78\xff\xd9', 'DNL')
    refused('a JPEG that begins twice', b'\xff\xd8' + base)
    refused('lossless', base[:frame + 1] + b'\xc3' + base[frame + 2:],
            'lossless')


def check_jpeg_samplings():
    """Also those for which libjpeg has no fast code, and odd sizes."""

    image = gradient(121, 91)

    for sampling in ('1x4', '4x1', '2x4', '4x2', '4x1,1x1,2x1', '2x2,1x1,2x1',
                     '2x2,2x1,1x2', '1x2,1x1,1x1', '3x1', '1x3',
                     '2x1,2x1,1x1', '4x1,2x1,2x1', '1x1,2x2,1x1'):
        for options in ((), ('-interlace', 'JPEG')):
            jpeg = magick_of(image, '-sampling-factor', sampling, '-quality',
                             '95', *options)
            looks('sampled %s %s' % (sampling, options), write('fault', jpeg),
                  Image.open(io.BytesIO(jpeg)).convert('RGB'))
            refused('sampled %s %s, cut' % (sampling, options),
                    jpeg[:-len(jpeg) // 3])

    jpeg = bytearray(magick_of(image, '-sampling-factor', '3x1'))
    frame = [at for at in segments(jpeg) if jpeg[at + 1] == 0xc0][0]
    jpeg[frame + 14] = 0x21
    refused('sampled in fractions', bytes(jpeg), 'subsampling')


def check_arithmetic():
    """Its decoder warns of no end that comes too soon."""

    jpeg = base64.b64decode(ARITHMETIC)

    looks('arithmetic', write('fault', jpeg), Image.open(io.BytesIO(jpeg)), 12)
    taken('arithmetic with a trailer', jpeg + b'abcd', jpeg)

    for part in (2, 3, 4, 6, 8, 9):
        refused('%d tenths of an arithmetic one' % part,
                jpeg[:scan_data(jpeg) + (len(jpeg) - scan_data(jpeg)) * part
                     // 10], 'too soon')


def chunks(png):
    """Name, where it begins and where it ends."""

    at, found = 8, []

    while at < len(png):
        end = at + 12 + struct.unpack_from('>I', png, at)[0]
        found.append((png[at + 4:at + 8], at, end))
        at = end

    return found


def chunk_of(name, body):
    return (struct.pack('>I', len(body)) + name + body
            + struct.pack('>I', zlib.crc32(name + body)))


def with_data(png, data, pieces=1):
    """The same image, of other compressed data."""

    start = min(at for name, at, end in chunks(png) if name == b'IDAT')
    step = (len(data) + pieces - 1) // pieces

    return (png[:start]
            + b''.join(chunk_of(b'IDAT', data[at:at + step])
                       for at in range(0, len(data), step))
            + chunk_of(b'IEND', b''))


def check_png_faults():
    image = noisy(60, 43)
    palette = image.quantize(64)
    magick(save(image, 's.png'), '-interlace', 'PNG', path('i.png'))

    with open(path('i.png'), 'rb') as file:
        interlaced = file.read()

    for kind, png in (('PNG', encoded(image, 'PNG')),
                      ('interlaced PNG', interlaced),
                      ('palette', encoded(palette, 'PNG', transparency=3))):
        data = b''.join(png[at + 8:end - 4] for name, at, end in chunks(png)
                        if name == b'IDAT')
        pixels = zlib.decompress(data)
        at, end = [(a, e) for n, a, e in chunks(png) if n == b'IDAT'][-1]

        for name, whole in (
                ('without IEND', png[:-12]),
                ('with half of IEND', png[:-6]),
                ('with IEND of a wrong checksum', png[:-4] + b'abcd'),
                ('with a trailer', png + b'abcd' * 9),
                ('with junk for IEND', png[:-12] + b'junk' * 9),
                ('without the checksum of IDAT', png[:end - 4]),
                ('with a part of it', png[:end - 2]),
                ('without Adler-32', png[:end - 8]),
                ('in many pieces', with_data(png, data, 20)),
                ('in many pieces, and no IEND',
                 with_data(png, data, 20)[:-12]),
                ('with a wrong Adler-32', with_data(png, data[:-4] + b'abcd')),
                ('with data behind the compressed',
                 with_data(png, data + b'abcd')),
                ('with more rows than it has',
                 with_data(png, zlib.compress(pixels + bytes(999)))),
                ('with a second IDAT behind, of a wrong checksum',
                 png[:end] + b'\0\0\0\4IDATabcdabcd' + png[end:]),
                ('with a wrong checksum in a text',
                 png[:at] + b'\0\0\0\3tEXta\0babcd' + png[at:])):
            taken(kind + ' ' + name, whole, png)

        for name, broken in (
                ('with IDAT of a wrong checksum',
                 png[:end - 4] + b'abcd' + png[end:]),
                ('with that and no IEND', png[:end - 4] + b'abcd'),
                ('with IHDR of a wrong checksum',
                 png[:29] + b'abcd' + png[33:]),
                ('with a row too few',
                 with_data(png, zlib.compress(pixels[:-1]))),
                ('with a changed byte',
                 png[:at + 99] + bytes([png[at + 99] ^ 4]) + png[at + 100:]),
                ('with a piece missing',
                 with_data(png, data, 20)[:at] + with_data(png, data, 20)
                 [at + 12 + (len(data) + 19) // 20:]),
                ('with an unknown critical chunk',
                 png[:at] + chunk_of(b'ABCD', b'') + png[at:])):
            refused(kind + ' ' + name, broken)

        for percent in (5, 25, 50, 75, 95):
            refused('%d %% of %s' % (percent, kind),
                    png[:at + 8 + (end - at) * percent // 100])

    png = encoded(palette, 'PNG', transparency=3)

    for name, at, end in chunks(png):
        if name in (b'PLTE', b'tRNS'):
            refused('%s of a wrong checksum' % name,
                    png[:end - 4] + b'abcd' + png[end:], name.decode())

        if name == b'PLTE':
            refused('no PLTE', png[:at] + png[end:])
            few = png[at + 8:at + 8 + 48 * 3]
            taken('an index beyond PLTE',
                  png[:at] + chunk_of(name, few) + png[end:],
                  png[:at] + chunk_of(name, few + bytes(16 * 3)) + png[end:])


def check_webp_faults():
    image = noisy(97, 61)
    clear = image.convert('RGBA')
    clear.putalpha(Image.linear_gradient('L').resize(image.size))

    def sized(webp, more):
        return (webp[:4] + struct.pack('<I', struct.unpack_from('<I', webp, 4)
                                       [0] + more) + webp[8:])

    for kind, webp in (
            ('lossy', encoded(image, 'WEBP', quality=90)),
            ('lossless', encoded(image, 'WEBP', lossless=True)),
            ('with alpha', encoded(clear, 'WEBP', quality=90))):
        taken(kind + ' with a trailer', webp + b'abcd' * 9, webp)
        taken(kind + ' that says it is longer', sized(webp, 5000), webp)
        taken(kind + ' with an unknown chunk',
              sized(webp + b'abcd\2\0\0\0xy', 10), webp)
        taken(kind + ' that ends in an unknown chunk',
              sized(webp + b'abcd\2\0\0\0x', 10), webp)
        refused(kind + ' that says it is shorter', sized(webp, -100))

        for cut in (2, 3, 10, 100, len(webp) // 2, len(webp) - 40):
            refused('%s, %d bytes cut' % (kind, cut), webp[:-cut])
            refused('%s, %d bytes cut, as its header says' % (kind, cut),
                    sized(webp[:-cut], -cut))

    webp = encoded(image, 'WEBP', exif=oriented(6))
    refused('its orientation is cut off', webp[:-9], 'turned')

    webp = encoded(image, 'WEBP', save_all=True, quality=90,
                   append_images=[image.rotate(180)])
    taken('an animation cut behind its first frame',
          webp[:len(webp) * 3 // 4], webp)
    refused('an animation cut in its first frame', webp[:len(webp) // 4])


# --- GIF ---


def gifsicle(data, *options):
    return subprocess.run(['gifsicle', *options], input=data,
                          capture_output=True, check=True).stdout


def check_gif():
    image = gradient(90, 70).quantize(64)
    clear = gradient(90, 70).quantize(64)
    clear.paste(63, (20, 10, 50, 40))
    fewer = Image.new('P', (30, 20), 1)
    fewer.putpalette([0, 0, 0, 255, 0, 0])

    for name, made in (
            ('a GIF', image),
            ('a GIF with transparency', clear),
            ('a GIF of two colours', fewer)):
        options = {'transparency': 63} if made is clear else {}
        data = encoded(made, 'GIF', **options)

        for kind, gif in ((name, data),
                          (name + ', interlaced', gifsicle(data, '-i')),
                          (name + ', with a palette of its own',
                           local_palette(data))):
            looks(kind, write('a.gif', gif),
                  Image.open(io.BytesIO(gif)).convert('RGBA'))

    file = path('87.gif')
    magick(save(gradient(40, 30), 'g.png'), '-interlace', 'none',
           'gif87:' + file)
    looks('a GIF87a', file, Image.open(file).convert('RGB'))

    # a frame that does not begin at the corner, nor ends at the other

    frames = gifsicle(encoded(fewer, 'GIF'), '--logical-screen', '50x40',
                      '-p', '12,7')
    wanted = Image.new('RGBA', (50, 40))
    wanted.paste((255, 0, 0, 255), (12, 7, 42, 27))
    looks('a GIF with a smaller frame', write('a.gif', frames), wanted)

    at = frames.index(b'\x2c')
    wanted = Image.new('RGBA', (62, 40))
    wanted.paste((255, 0, 0, 255), (32, 7, 62, 27))
    looks('a GIF with a frame beyond its canvas',
          write('a.gif', frames[:at + 1] + b'\x20' + frames[at + 2:]), wanted)

    animated = encoded(image, 'GIF', save_all=True, loop=0, duration=50,
                       append_images=[image.rotate(180)])
    looks('an animated GIF, its first frame', write('a.gif', animated),
          image.convert('RGB'))


def local_palette(gif):
    """The global one moved behind the image's descriptor."""

    size = 3 << (gif[10] & 7) + 1
    at = gif.index(b'\x2c', 13 + size)

    return (gif[:10] + bytes([gif[10] & 0x78]) + gif[11:13]
            + gif[13 + size:at + 9]
            + bytes([gif[at + 9] | 0x80 | gif[10] & 7]) + gif[13:13 + size]
            + gif[at + 10:])


def lzw(gif):
    """Where the data of the first frame begins, with its code size."""

    at = gif.index(b'\x2c', 13 + (3 << (gif[10] & 7) + 1))

    return at + 10 + (3 << (gif[at + 9] & 7) + 1 if gif[at + 9] & 0x80 else 0)


def check_gif_faults():
    gif = encoded(noisy(97, 61), 'GIF')
    second = encoded(noisy(97, 61), 'GIF', save_all=True,
                     append_images=[noisy(97, 61).rotate(180)])

    taken('a GIF without a trailer', gif[:-1], gif)
    taken('a GIF without an empty last block', gif[:-2], gif)
    taken('a GIF with a trailer of its own', gif + b'abc', gif)
    taken('a GIF with zeros between its blocks',
          gif[:-1] + b'\0\0\0;', gif)
    taken('a GIF that is cut in its second frame', second[:-100], second)

    # the last byte of the data has nothing but bits of the end code

    taken('a GIF whose end code is cut', gif[:-3], gif)

    for cut in (10, 300, len(gif) // 2, len(gif) - 900):
        refused('a GIF, %d bytes cut' % cut, gif[:-cut], 'ends too soon')

    start = lzw(gif)
    last = start + 1

    while gif[last + 1 + gif[last]]:
        last += 1 + gif[last]

    size = gif[last]
    longer = gif[:last] + bytes([size + 9]) + gif[last + 1:last + 1 + size]

    taken('a GIF whose last block is longer than the file', longer, gif)

    for cut in (9, size - 1, size):
        refused('a GIF whose last block is longer, %d bytes cut' % cut,
                longer[:-cut], 'ends too soon')

    for code_size in (9, 11, 12, 255):
        refused('a GIF with a code size of %d' % code_size,
                gif[:start] + bytes([code_size]) + gif[start + 1:],
                'code size of its LZW data')

    refused('a GIF without a frame', gif[:13 + 768] + b';', 'no image')
    refused('a GIF that is a header', b'GIF89a', 'damaged')


# --- AVIF and HEIC ---


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def heif(image, name, *options):
    source = save(image, name + '.png')
    file = path(name)

    if name.endswith('.avif'):
        run('avifenc', '-j', '1', '-s', '8', *options, source, file)
    else:
        run('heif-enc', '-q', '90', *options, source, '-o', file)

    return file


def decoded(file):
    """What avifdec or heif-convert make of it."""

    made = path('decoded.png')

    if file.endswith('.avif'):
        run('avifdec', '-j', '1', '-d', '8', file, made)
    else:
        run('heif-convert', file, made)

    return Image.open(made)


def check_heif():
    image = gradient(97, 65)
    clear = image.convert('RGBA')
    clear.putalpha(Image.linear_gradient('L').resize(image.size))
    grey = image.convert('L')

    for name, source, options in (
            ('a.avif', image, ()),
            ('a.avif', clear, ()),
            ('a.avif', grey, ('-y', '400')),
            ('a.avif', image, ('-y', '444')),
            ('a.avif', image, ('-y', '422', '-d', '12')),
            ('a.avif', image, ('-d', '10')),
            ('a.avif', clear, ('-d', '10')),
            ('a.avif', image, ('-r', 'limited')),
            ('a.avif', image, ('-l',)),
            ('a.avif', image, ('--cicp', '1/13/1')),
            ('a.avif', clear, ('-p',)),
            ('a.avif', image.resize((256, 128)), ('--grid', '2x1')),
            ('a.heic', image, ()),
            ('a.heic', clear, ()),
            ('a.heic', grey, ()),
            ('a.heic', image, ('-L',)),
            ('a.heic', image, ('-p', 'chroma=444'))):
        file = heif(source, name, *options)
        looks(' '.join((name[2:], source.mode, *options)), file, source)
        looks(' '.join((name[2:], source.mode, *options, 'as another decoder '
                        'has it')),
              file, decoded(file).convert(source.mode), 4)

    # what it is is in its brands, whatever its major one is

    with open(heif(image, 'a.avif'), 'rb') as file:
        data = file.read()

    for major in (b'mif1', b'msf1', b'MiHB'):
        taken('an AVIF of the brand ' + major.decode(),
              data[:8] + major + data[12:], data)

    check_heif_orientation(image)
    check_heif_colour()


def check_heif_orientation(image):
    """irot turns to the left; imir of 0 swaps top and bottom; and what Exif
    says does not count."""

    for options, wanted in (
            (('--irot', '1'), image.rotate(90, expand=True)),
            (('--irot', '2'), image.rotate(180)),
            (('--irot', '3'), image.rotate(270, expand=True)),
            (('--imir', '0'), ImageOps.flip(image)),
            (('--imir', '1'), ImageOps.mirror(image)),
            (('--clap', '41,1,29,1,0,1,0,1'),
             image.crop((28, 18, 69, 47)))):
        looks('AVIF ' + ' '.join(options), heif(image, 'o.avif', *options),
              wanted)

    with open(path('exif'), 'wb') as file:
        file.write(oriented(1).tobytes())

    with open(heif(image, 'o.avif', '--exif', path('exif')), 'rb') as file:
        data = file.read()

    turned_in = data.replace(oriented(1).tobytes(), oriented(6).tobytes())
    ok(turned_in != data, 'AVIF with Exif')
    taken('AVIF with an orientation in Exif', turned_in, data)


def check_heif_colour():
    """By code points, by a profile, and of the two the profile."""

    image = gradient(64, 48)
    profile = path('p3.icc')

    with open(profile, 'wb') as file:
        file.write(rgb_profile(DISPLAY_P3, srgb_light))

    with open(profile, 'rb') as file:
        wanted = in_profile(image, file.read())

    looks('AVIF with a profile', heif(image, 'c.avif', '--icc', profile),
          wanted)
    looks('AVIF with a profile and code points',
          heif(image, 'c.avif', '--icc', profile, '--cicp', '9/16/6'), wanted)
    looks('AVIF of 10 bits with a profile',
          heif(image, 'c.avif', '--icc', profile, '-d', '10'), wanted)
    looks('AVIF of Display P3', heif(image, 'c.avif', '--cicp', '12/13/6'),
          wanted)
    looks('AVIF of BT.709', heif(image, 'c.avif', '--cicp', '1/1/1'), image)

    # the signal of the reference white, of 1000 candelas, and more

    for name, transfer, white in (('PQ', '16', 0.5807), ('HLG', '18', 0.75)):
        for level, least, most in ((0, 0, 3), (white, 183, 197),
                                   (1, 249, 255)):
            grey = Image.new('RGB', (32, 32), (round(255 * level),) * 3)
            made = convert(heif(grey, 'c.avif', '-d', '10', '-l', '--cicp',
                                '9/%s/9' % transfer))
            value = made if isinstance(made, str) else \
                Image.open(made['original']['path']).convert('L') \
                     .getpixel((9, 9))
            ok(not isinstance(made, str) and least <= value <= most,
               'AVIF of %s, %.2f' % (name, level), value)


def boxes(data, start, end):
    """Of the boxes there: the type, and where each begins and ends."""

    while start < end:
        size, kind = struct.unpack_from('>I4s', data, start)
        yield kind, start, start + size
        start += size


def without_alpha_size(data):
    """Such that the alpha image is not associated with "ispe"."""

    made = bytearray(data)
    at = data.index(b'ipco') - 4
    end = at + struct.unpack_from('>I', data, at)[0]
    kinds = [None] + [kind for kind, _, _ in boxes(data, at + 8, end)]

    # "ipma": version and flags, the number of items, and for each its number,
    # that of its properties, and the properties by their place

    at = data.index(b'ipma') + 4
    ok(data[at:at + 4] == bytes(4), 'associations of version 0')
    count = struct.unpack_from('>I', data, at + 4)[0]
    at += 8

    for _ in range(count):
        places = range(at + 3, at + 3 + data[at + 2])

        if b'auxC' in [kinds[data[place] & 127] for place in places]:
            for place in places:
                if kinds[data[place] & 127] == b'ispe':
                    made[place] = 0

        at = places.stop

    return bytes(made)


def check_heif_faults():
    image = noisy(97, 61)
    clear = image.convert('RGBA')
    clear.putalpha(Image.linear_gradient('L').resize(image.size))

    for name, source, options in (
            ('f.avif', image, ()), ('f.avif', clear, ()),
            ('f.avif', image.resize((256, 128)), ('--grid', '2x1')),
            ('f.heic', image, ()), ('f.heic', clear, ())):
        kind = ' '.join((name[2:], source.mode, *options))

        with open(heif(source, name, *options), 'rb') as file:
            data = file.read()

        taken(kind + ' with a trailer',
              data + struct.pack('>I4s', 16, b'free') + bytes(8), data)

        for cut in (1, 10, 300, len(data) // 2, len(data) - 60):
            refused('%s, %d bytes cut' % (kind, cut), data[:-cut])

    with open(heif(image, 'f.heic'), 'rb') as file:
        data = file.read()

    at = data.index(b'mdat')
    refused('heic with zeros in its last slice',
            data[:at + 400] + bytes(len(data) - at - 400))

    with open(heif(image, 'f.avif'), 'rb') as file:
        data = file.read()

    # tiles of 128 columns, two of them, on a canvas of 400

    with open(heif(image.resize((256, 128)), 'f.avif', '--grid', '2x1'),
              'rb') as file:
        grid = file.read()

    wide = grid.replace(struct.pack('>II', 256, 128),
                        struct.pack('>II', 400, 128)) \
               .replace(struct.pack('>4B2H', 0, 0, 0, 1, 256, 128),
                        struct.pack('>4B2H', 0, 0, 0, 1, 400, 128))
    ok(len([1 for a, b in zip(grid, wide) if a != b]) == 2,
       'a grid has its size twice')
    refused('a grid that its tiles do not cover', wide, 'fewer pixels')

    for name in 'f.avif', 'f.heic':
        with open(heif(clear, name), 'rb') as file:
            see_through = file.read()

        sizeless = without_alpha_size(see_through)
        ok(sum(a != b for a, b in zip(sizeless, see_through)) == 1,
           name[2:] + ' of which the transparency has no size')
        refused(name[2:] + ' of which the transparency has no size', sizeless,
                'transparency has no size')

    refused('avif with another codec', data.replace(b'av01', b'jpeg'))
    refused('avif of more pixels than it says',
            data.replace(struct.pack('>II', 97, 61),
                         struct.pack('>II', 97, 99999999)))


# --- animations ---


def frames_of(image):
    """Each frame as it is seen, with its duration."""

    frames = []

    for n in range(getattr(image, 'n_frames', 1)):
        image.seek(n)
        frame = image.convert('RGBA')
        frames.append((frame, image.info.get('duration', 0)))

    return frames


def coalesced(gif):
    """What ImageMagick has on the canvas at each frame."""

    file = write('c.gif', gif)
    for name in os.listdir(TMP.name):
        if name.startswith('frame-'):
            os.remove(path(name))

    magick(file, '-coalesce', path('frame-%03d.png'))

    return [Image.open(path(name)).convert('RGBA')
            for name in sorted(os.listdir(TMP.name))
            if name.startswith('frame-')]


def moves(name, data, wanted, durations, loops, *options, limit=6):
    made = convert(write('moves', data), '--variant',
                   ' '.join(('original animation=keep quality=100', *options)))

    if isinstance(made, str):
        ok(False, name, made)
        return

    image = Image.open(made['original']['path'])
    frames = frames_of(image)
    wrong = []

    if len(frames) != len(wanted) or made['original']['frames'] != len(wanted):
        wrong.append('%d frames, %s' % (len(frames), made['original']))

    if [d for _, d in frames] != durations:
        wrong.append('durations %s' % [d for _, d in frames])

    if image.info.get('loop') != loops:
        wrong.append('loop %s' % image.info.get('loop'))

    for (frame, _), like in zip(frames, wanted):
        if frame.size != like.size or distance(frame, like) > limit:
            wrong.append('%s, distance %.2f' % (frame.size,
                                                distance(frame, like)))

    chunks = set(metadata(made['original']['path'])) - {'ANIM', 'ANMF'}

    if chunks:
        wrong.append('chunks %s' % chunks)

    ok(not wrong, name, '; '.join(wrong))


def discs(number=5, size=(120, 90)):
    """A disc that moves, the rest transparent."""

    made = []

    for n in range(number):
        image = Image.new('RGBA', size)
        ImageDraw.Draw(image).ellipse((10 + 15 * n, 20, 50 + 15 * n, 60),
                                      (200, 30 * n, 60, 255))
        made.append(image)

    return made


def check_animation():
    frames = discs()
    durations = [100, 40, 70, 200, 30]

    for disposal in (0, 1, 2, 3):
        gif = encoded(frames[0], 'GIF', save_all=True, disposal=disposal,
                      append_images=frames[1:], duration=durations, loop=0)
        moves('a GIF of disposal %d' % disposal, gif, coalesced(gif),
              durations, 0)

    mixed = encoded(frames[0], 'GIF', save_all=True, append_images=frames[1:],
                    duration=durations, disposal=[1, 3, 2, 1, 2], loop=4)
    moves('a GIF of all disposals, five times', mixed, coalesced(mixed),
          durations, 5)
    once = gifsicle(mixed, '--no-loopcount', '-O3')
    moves('a GIF that is shown once', once, coalesced(once), durations, 1)

    fast = gifsicle(mixed, '-d', '1')
    moves('a GIF that is too fast', fast, coalesced(fast), [100] * 5, 5)

    scaled = [frame.resize((60, 45), LANCZOS) for frame in coalesced(mixed)]
    moves('a GIF, scaled', mixed, scaled, durations, 5, 'max=60', limit=8)

    laid = []

    for frame in coalesced(mixed):
        canvas = Image.new('RGBA', frame.size, (0, 0, 255, 255))
        canvas.alpha_composite(frame)
        laid.append(canvas)

    moves('a GIF on a background', mixed, laid, durations, 5,
          'background=#0000ff')

    for kind, options in (('WebP', {'quality': 95}),
                          ('lossless WebP', {'lossless': True})):
        webp = encoded(frames[0], 'WEBP', save_all=True, loop=2,
                       append_images=frames[1:], duration=durations, **options)
        moves('an animated ' + kind, webp, frames, durations, 2)

    turned_webp = encoded(frames[0], 'WEBP', save_all=True, loop=1,
                          append_images=frames[1:], duration=durations,
                          lossless=True, exif=oriented(6))
    moves('an animated WebP that lies on its side', turned_webp,
          [frame.transpose(Image.Transpose.ROTATE_270) for frame in frames],
          durations, 1)

    profile = rgb_profile(DISPLAY_P3, srgb_light)
    plain = [gradient(60, 40), gradient(60, 40).rotate(180)]
    moves('an animated WebP with a profile',
          encoded(plain[0], 'WEBP', save_all=True, append_images=plain[1:],
                  lossless=True, duration=80, icc_profile=profile),
          [in_profile(image, profile) for image in plain], [80, 80], 0)

    check_animation_limits(frames, mixed)


def check_animation_limits(frames, gif):
    keep = ('--variant', 'original animation=keep')

    made = convert(write('g', gif), *keep, '--max-pixels', '54000')
    ok(isinstance(made, dict) and made['original']['frames'] == 5,
       'as many pixels as five frames have', made)
    made = convert(write('g', gif), *keep, '--max-pixels', '53999')
    ok(isinstance(made, str) and '5 frames have 54000 pixels' in made,
       'one less', made)
    made = convert(write('g', gif), '--max-pixels', '10800')
    ok(isinstance(made, dict) and 'frames' not in made['original'],
       'the first frame alone', made)

    webp = encoded(frames[0], 'WEBP', save_all=True, append_images=frames[1:])

    for name, data in (('GIF', gif), ('WebP', webp)):
        made = convert(write('cut', data[:-60]), *keep)
        ok(isinstance(made, str) and 'damaged' in made,
           'an animated %s that is cut' % name, made)

    made = convert(write('g', gif[:-1]), *keep)
    ok(isinstance(made, dict) and made['original']['frames'] == 5,
       'an animated GIF without a trailer', made)

    for kind in ('GIF', 'WEBP', 'PNG', 'JPEG'):
        made = convert(write('s', encoded(gradient(60, 40), kind)), *keep)
        ok(isinstance(made, dict) and 'frames' not in made['original']
           and not getattr(Image.open(made['original']['path']),
                           'is_animated', False),
           'a %s that does not move' % kind, made)


for check in (check_orientation, check_jpeg, check_png, check_alpha,
              check_stains, check_steps, check_memory, check_profiles,
              check_exif, check_pieces,
              check_kinds_of_profiles, check_adobe_rgb, check_components,
              check_png_colour, check_deep, check_webp_colour,
              check_sizes, check_moving, check_scaled, check_jpeg_faults,
              check_jpeg_samplings, check_arithmetic, check_png_faults,
              check_webp_faults, check_gif, check_gif_faults, check_heif,
              check_heif_faults, check_animation):
    check()

TMP.cleanup()
tap.done()
