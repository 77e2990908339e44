#!/usr/bin/python3
"""What caphealth-converter writes as WebP, JPEG and AVIF.

    check_output.py UNIT-DIRECTORY

Decoders that are none of ours read each file: avifdec, djpeg, dwebp and
Pillow.  They find the size, the transparency and the kind of file that was
configured, and colours no farther (CIE 1976) from the image that was sent than
BOUND, a little more than what the encoders of Pillow lose at these qualities.
TAP.
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy
from PIL import Image, ImageDraw, ImageFont

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                             '../lib'))

import tap
from colours import distances
from tap import ok

CONVERTER = os.path.join(os.path.dirname(os.path.abspath(sys.argv[1])),
                         'caphealth-converter')
TMP = tempfile.TemporaryDirectory(prefix='caphealth-')

FORMATS = ('webp', 'jpeg', 'avif')
EXTENSIONS = {'webp': '.webp', 'jpeg': '.jpg', 'avif': '.avif'}
BOUND = 2.5


def path(name):
    return os.path.join(TMP.name, name)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True)


def convert(image, *options):
    """The variants of the answer, by name."""

    name = image

    if not isinstance(image, str):
        name = path('in.png')
        image.save(name)

    arguments = [CONVERTER, '--convert']

    for option in options:
        arguments += ['--variant', option]

    done = run(*arguments, name, path('out'))

    return json.loads(done.stdout)['images'][0]['variants']


def decoded(variant):
    """By a decoder of its own for each format."""

    out = path('decoded.png')

    if variant['format'] == 'jpeg':
        out = path('decoded.ppm')
        run('djpeg', '-outfile', out, variant['path'])

    elif variant['format'] == 'avif':
        run('avifdec', variant['path'], out)

    else:
        run('dwebp', variant['path'], '-o', out)

    image = Image.open(out)
    image.load()

    return image


def distance(a, b):
    """The mean distance of the colours, on black and on white."""

    if a.size != b.size:
        return 999

    return distances(a, b)[0]


def photo(width, height, alpha=False):
    """Shades, an edge, and noise: photographed, not drawn."""

    y, x = numpy.mgrid[0:height, 0:width]
    edge = 50.0 * (x + y > (width + height) / 2)
    pixels = numpy.stack([110 + 50 * numpy.sin(x / 37) + edge,
                          90 + 50 * numpy.cos(y / 29) + edge,
                          60 + 100 * x / width], -1)
    pixels = pixels + numpy.random.default_rng(3).normal(0, 1.5,
                                                         pixels.shape)
    image = Image.fromarray(pixels.clip(0, 255).astype('uint8'), 'RGB')

    if alpha:
        mask = numpy.clip(400 * (0.5 - numpy.hypot(x / width - .5,
                                                   y / height - .5)) + 60,
                          0, 255)
        image.putalpha(Image.fromarray(mask.astype('uint8'), 'L'))

    return image


def cut_out(width, height):
    image = photo(width, height)
    mask = Image.new('L', image.size, 0)
    ImageDraw.Draw(mask).ellipse((20, 20, width - 20, height - 20), fill=255)
    image.putalpha(mask)

    return image


def red_text(width=600, height=200):
    """Text and lines of one pixel, red on white."""

    image = Image.new('RGB', (width, height), 'white')
    draw = ImageDraw.Draw(image)
    font = ImageFont.truetype('DejaVuSans.ttf', 14)

    for i in range(height // 20):
        draw.text((5, i * 20), 'The quick brown fox, %d of the 15 kg boxes' % i,
                  fill=(255, 0, 0), font=font)
        draw.line((0, i * 20 + 18, width, i * 20 + 10), fill=(255, 0, 0))

    return image


def check_formats():
    for name, image in (('a photo', photo(640, 480)),
                        ('odd sizes', photo(333, 77)),
                        ('grey', photo(320, 240).convert('L')),
                        ('1x1', Image.new('RGB', (1, 1), (200, 100, 50))),
                        ('2x3', Image.new('RGB', (2, 3), (20, 200, 90))),
                        ('16383x1', photo(16383, 1)),
                        ('1x16383', photo(1, 16383)),
                        ('transparent', photo(321, 243, alpha=True)),
                        ('cut out', cut_out(320, 243))):

        made = convert(image, *('%s format=%s' % (f, f) for f in FORMATS))

        for f in FORMATS:
            v = made[f]
            out = decoded(v)
            flat = image

            if f == 'jpeg' and image.mode == 'RGBA':
                flat = Image.new('RGB', image.size, 'white')
                flat.paste(image, mask=image.getchannel('A'))

            far = distance(flat, out)
            kept = v['format'] in (f, 'webp') \
                and v['path'].endswith(EXTENSIONS[v['format']]) \
                and v['bytes'] == os.path.getsize(v['path']) \
                and (v['width'], v['height']) == image.size == out.size

            ok(kept and far < BOUND, '%s as %s, kept as %s: %.2f'
               % (name, f, v['format'], far), v)

        if image.mode == 'RGBA':
            alphas = [numpy.asarray(decoded(made[f]).convert('RGBA')
                                    .getchannel('A'), int)
                      for f in ('webp', 'avif')]
            sent = numpy.asarray(image.getchannel('A'), int)

            ok(all((a == sent).all() for a in alphas), 'its alpha is kept')

        if name == 'cut out':
            ok(made['avif']['format'] == 'avif', 'by an AVIF, too')


def check_smaller():
    """What is AVIF is smaller than the WebP that looks the same."""

    made = convert(photo(640, 480), 'w', 'a format=avif')
    ok(made['a']['format'] == 'avif'
       and made['a']['bytes'] < made['w']['bytes'], 'a photo is smaller as AVIF',
       made)

    made = convert(Image.new('RGB', (64, 64), (9, 9, 9)), 'w', 'a format=avif')
    ok(made['a']['format'] == 'webp' and made['a']['path'].endswith('.webp')
       and made['a']['bytes'] == made['w']['bytes'],
       'one colour is smaller as WebP, and the answer says so', made)


def check_jpeg():
    made = convert(photo(640, 480), 'low format=jpeg',
                   'high format=jpeg quality=90', 'worst format=jpeg quality=0',
                   'best format=jpeg quality=100')

    for name, sampling in (('low', [(2, 2), (1, 1), (1, 1)]),
                           ('high', [(1, 1)] * 3)):
        image = Image.open(made[name]['path'])
        layer = [(h, v) for _, h, v, _ in image.layer]

        ok(image.info.get('progressive') and layer == sampling,
           '%s: progressive, %s' % (name, layer), image.info)
        ok(not set(image.info) & {'exif', 'icc_profile', 'comment'}
           and image.info.get('jfif') == 257, '%s: nothing but pixels' % name,
           image.info)

    ok(made['worst']['bytes'] < made['low']['bytes'] < made['high']['bytes']
       < made['best']['bytes'], 'a better quality takes more bytes', made)

    made = convert(photo(321, 243, alpha=True), 'j format=jpeg '
                   'background=#00ff00')
    green = Image.new('RGB', (321, 243), (0, 255, 0))
    image = photo(321, 243, alpha=True)
    green.paste(image, mask=image.getchannel('A'))
    far = distance(green, decoded(made['j']))
    ok(far < BOUND, 'transparency on a background: %.2f' % far)


def check_avif():
    made = convert(photo(333, 241), 'a format=avif')
    info = run('avifdec', '--info', made['a']['path']).stdout

    ok('Format         : YUV420' in info and 'Range          : Limited' in info
       and 'Color Primaries: 1' in info and 'Transfer Char. : 13' in info
       and 'Matrix Coeffs. : 6' in info, 'sRGB by its nclx box', info)


def check_graphics():
    """Red text on white keeps its colour, in each format."""

    image = red_text()
    made = convert(image, 'w', 'j format=jpeg', 'a format=avif',
                   'small max=300')

    far = distance(image, decoded(made['w']))
    ok(far == 0, 'red text is lossless WebP: %.2f' % far)

    far = distance(image, decoded(made['a']))
    ok(far < 1, 'as AVIF or what is smaller: %.2f' % far, made['a'])

    j = Image.open(made['j']['path'])
    image.save(path('pillow.jpg'), quality=85, subsampling=0)
    far = distance(image, decoded(made['j']))
    theirs = distance(image, Image.open(path('pillow.jpg')))
    ok(far < theirs + 0.1 and [l[1] for l in j.layer] == [1, 1, 1],
       'as JPEG, all chroma is kept: %.2f, Pillow 4:4:4 %.2f' % (far, theirs),
       j.layer)

    half = image.resize((300, 100), Image.Resampling.LANCZOS)
    far = distance(half, decoded(made['small']))
    ok(far < 1.5, 'scaled: %.2f' % far)

    made = convert(photo(640, 480), 'w')
    data = open(made['w']['path'], 'rb').read(64)
    ok(b'VP8 ' in data, 'a photo is lossy')


def check_refused():
    for option, reason in (
            ('v format=png', 'format is webp, jpeg or avif'),
            ('v format=jpeg quality=101', 'quality is that of the format'),
            ('v format=jpeg background=#ffffff80',
             'a JPEG has no transparency')):

        done = subprocess.run([CONVERTER, '--convert', '--variant', option,
                               path('in.png'), path('out')],
                              capture_output=True, text=True, check=False)
        ok(done.returncode == 2 and reason in done.stderr, reason, done.stderr)


check_formats()
check_smaller()
check_jpeg()
check_avif()
check_graphics()
check_refused()

tap.done()
