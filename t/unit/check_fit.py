#!/usr/bin/python3
"""What caphealth-converter cuts, scales and lays on a background.

    check_fit.py UNIT-DIRECTORY

Each variant beside what Pillow makes of the same file: ImageOps.fit() for
cover, at the same focus, and a resized image pasted on a canvas for contain.
The sizes are equal, and the mean colour distance (CIE 1976), less that of what
Pillow's WebP encoder makes of it, is below BOUND.  TAP.
"""

import io
import json
import math
import os
import random
import subprocess
import sys
import tempfile

from PIL import Image, ImageDraw, ImageOps

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                             '../lib'))

import tap
from colours import distances
from tap import ok

CONVERTER = os.path.join(os.path.dirname(os.path.abspath(sys.argv[1])),
                         'caphealth-converter')
TMP = tempfile.TemporaryDirectory(prefix='caphealth-')
LANCZOS = Image.Resampling.LANCZOS
BOUND = 0.5


def path(name):
    return os.path.join(TMP.name, name)


def scene(width, height, mode='RGB'):
    """Large and small shapes in soft and hard colours, never the same twice."""

    dice = random.Random(width * 10007 + height)
    image = Image.radial_gradient('L').resize((width, height))
    image = Image.merge('RGB', (image, ImageOps.mirror(image).rotate(90).resize(
        (width, height)), ImageOps.invert(image)))
    draw = ImageDraw.Draw(image)

    for i in range(40):
        x, y = dice.randrange(width), dice.randrange(height)
        r = dice.randrange(2, max(width, height) // 6 + 4)
        colour = tuple(dice.randrange(256) for _ in range(3))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)

    if mode == 'RGBA':
        mask = Image.new('L', (width, height), 0)
        draw = ImageDraw.Draw(mask)
        draw.ellipse((width // 8, height // 8, width - width // 8,
                      height - height // 8), fill=255)
        draw.rectangle((0, 0, width // 3, height // 4), fill=128)
        image.putalpha(mask)

        return image

    return image.convert(mode)


def save(image, name, **options):
    image.save(path(name), **options)

    return path(name)


def convert(file, *options, focus='0.5,0.5'):
    """The variants as pictures, by name; a string where it refused."""

    arguments = [CONVERTER, '--convert', '--focus', focus]

    for option in options:
        arguments += ['--variant', option]

    done = subprocess.run(arguments + [file, path('out')],
                          capture_output=True, text=True, check=False)

    if done.returncode:
        return done.stderr.strip()

    made = {}

    for name, variant in json.loads(done.stdout)['images'][0][
            'variants'].items():
        made[name] = Image.open(variant['path'])
        made[name].load()

        if made[name].size != (variant['width'], variant['height']):
            return '%s: the answer says %s' % (name, variant)

    return made


def as_webp(image):
    file = io.BytesIO()
    image.save(file, 'WEBP', quality=100, method=4)

    return Image.open(file)


def same(name, got, want):
    if isinstance(got, str):
        ok(False, name, got)
        return

    if got.size != want.size:
        ok(False, name, 'it is %s, expected %s' % (got.size, want.size))
        return

    far, least = distances(want, got, as_webp(want))
    ok(far - least < BOUND, name, 'the distance is %.2f' % (far - least))


def paste(image, size, ground):
    """All of it, not enlarged, in the middle."""

    scale = min(1, size[0] / image.width, size[1] / image.height)
    small = image.resize((max(1, math.floor(image.width * scale + 0.5)),
                          max(1, math.floor(image.height * scale + 0.5))),
                         LANCZOS)
    canvas = Image.new('RGBA', size, ground)
    part = Image.new('RGBA', size, (0, 0, 0, 0))
    part.paste(small, ((size[0] - small.width) // 2,
                       (size[1] - small.height) // 2))

    return Image.alpha_composite(canvas, part)


def covers():
    files = [
        save(scene(801, 603), 'odd.jpg', quality=98),
        save(scene(640, 960), 'tall.jpg', quality=98, subsampling=0),
        save(scene(500, 333), '422.jpg', quality=98, subsampling=1),
        save(scene(300, 301, 'L'), 'grey.jpg', quality=98),
        save(scene(777, 401), 'rgb.png'),
        save(scene(641, 479, 'RGBA'), 'rgba.png'),
        save(scene(400, 300), 'in.webp', quality=98)
    ]

    for file in files:
        image = Image.open(file)

        for size in ((200, 200), (133, 299), (255, 41)):
            for focus in ((0.5, 0.5), (0, 0), (1, 1), (0.3, 0.81)):
                made = convert(file, 'a size=%dx%d fit=cover quality=100'
                               % size, focus='%g,%g' % focus)
                want = ImageOps.fit(image, size, LANCZOS, centering=focus)
                same('cover, %s as %dx%d around %g,%g'
                     % (os.path.basename(file), *size, *focus),
                     made if isinstance(made, str) else made['a'], want)


def oriented():
    image = scene(320, 200)

    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        file = save(image, 'turned.jpg', quality=98, exif=exif)
        seen = ImageOps.exif_transpose(Image.open(file))

        made = convert(file, 'a size=90x130 fit=cover quality=100',
                       focus='0.2,0.9')
        same('cover, orientation %d is before the focus' % orientation,
             made if isinstance(made, str) else made['a'],
             ImageOps.fit(seen, (90, 130), LANCZOS, centering=(0.2, 0.9)))


def small():
    """Nothing is enlarged, and what is not scaled is cut by whole pixels."""

    image = scene(101, 60)
    file = save(image, 'small.png')

    for size, want in (((200, 200), (101, 60)), ((50, 200), (50, 60)),
                       ((200, 31), (101, 31)), ((101, 60), (101, 60))):
        made = convert(file, 'a size=%dx%d fit=cover quality=100' % size,
                       focus='0.25,0.75')
        left = int((101 - want[0]) * 0.25 + 0.5)
        top = int((60 - want[1]) * 0.75 + 0.5)

        same('cover of a smaller image, %dx%d' % size,
             made if isinstance(made, str) else made['a'],
             image.crop((left, top, left + want[0], top + want[1])))

    for size in ((200, 200), (50, 200), (200, 31)):
        made = convert(file, 'a size=%dx%d quality=100' % size)
        scale = min(1, size[0] / 101, size[1] / 60)

        same('inside %dx%d' % size,
             made if isinstance(made, str) else made['a'],
             image.resize((round(101 * scale), round(60 * scale)), LANCZOS))


def contains():
    files = [save(scene(403, 301), 'c.jpg', quality=98),
             save(scene(301, 403, 'RGBA'), 'c.png'),
             save(scene(90, 51, 'RGBA'), 'tiny.png'),
             save(scene(120, 77, 'L'), 'tiny.jpg', quality=98)]

    grounds = (('', (0, 0, 0, 0)), (' background=#ff8000', (255, 128, 0, 255)),
               (' background=#0040ff80', (0, 64, 255, 128)))

    for file in files:
        image = Image.open(file).convert('RGBA')

        for size in ((200, 200), (133, 299)):
            for option, ground in grounds:
                made = convert(file, 'a size=%dx%d fit=contain quality=100%s'
                               % (*size, option))
                got = made if isinstance(made, str) else made['a']

                same('contain, %s in %dx%d%s' % (os.path.basename(file), *size,
                                                 option),
                     got, paste(image, size, ground))

                if not isinstance(got, str):
                    ok((got.mode == 'RGBA') == (ground[3] < 255),
                       'alpha is kept unless the background is opaque',
                       got.mode)

    image = Image.open(files[1])
    made = convert(files[1], 'a background=#102030 quality=100')
    want = Image.alpha_composite(Image.new('RGBA', image.size,
                                           (0x10, 0x20, 0x30, 255)), image)
    same('a background behind what is transparent',
         made if isinstance(made, str) else made['a'], want.convert('RGB'))


def chains():
    """A cut variant feeds no other, whatever the order they are named in."""

    for file, mode in ((save(scene(900, 700), 'chain.jpg', quality=98), 'RGB'),
                       (save(scene(500, 700, 'RGBA'), 'chain.png'), 'RGBA')):
        image = Image.open(file).convert(mode)
        options = {
            'square': ('size=300x300 fit=cover', ImageOps.fit(
                image, (300, 300), LANCZOS, centering=(0, 1))),
            'strip': ('size=400x20 fit=cover', ImageOps.fit(
                image, (400, 20), LANCZOS, centering=(0, 1))),
            'box': ('size=310x310 fit=contain', paste(
                image.convert('RGBA'), (310, 310), (0, 0, 0, 0))),
            'large': ('max=450', ImageOps.contain(image, (450, 450), LANCZOS)),
            'small': ('size=150x90', ImageOps.contain(image, (150, 90),
                                                      LANCZOS)),
            'all': ('', image)
        }

        for names in (list(options), list(options)[::-1]):
            made = convert(file, *['%s %s quality=100' % (n, options[n][0])
                                   for n in names], focus='0,1')

            for name in names:
                same('%s of %s among others' % (name, os.path.basename(file)),
                     made if isinstance(made, str) else made[name],
                     options[name][1])


def marks():
    """The largest area has the file that comes last, and marks the image."""

    file = save(scene(40, 30), 'mark.png')

    for options, want in ((('a max=10', 'b size=20x10', 'c max=12'), 'b'),
                          (('a max=10', 'b size=10x10', 'c max=9'), 'a'),
                          (('a max=16383', 'b', 'c'), 'b')):
        made = convert(file, *options)
        ok(not isinstance(made, str) and list(made)[0] == want,
           'of %s the largest is %s' % (', '.join(options), want), made)


def decoded():
    """A JPEG of which no variant needs all is scaled while it is decoded."""

    image = scene(4097, 1203)

    for name, options in (('420', {}), ('444', {'subsampling': 0}),
                          ('422', {'subsampling': 1}),
                          ('progressive', {'progressive': True}),
                          ('grey', {'mode': 'L'}), ('cmyk', {'mode': 'CMYK'})):
        seen = image.convert(options.pop('mode', 'RGB'))
        exif = Image.Exif()
        exif[0x0112] = 1 if name == '420' else 6
        file = save(seen, name + '.jpg', quality=98, exif=exif, **options)
        seen = ImageOps.exif_transpose(Image.open(file)).convert('RGB')

        # all samples, then half, a quarter and an eighth of a side

        for side in (2601, 1700, 1001, 450, 170):
            made = convert(file, 'a max=%d quality=100' % side)
            want = ImageOps.contain(seen, (side, side), LANCZOS)
            same('%s, %d of 4097 pixels' % (name, side),
                 made if isinstance(made, str) else made['a'], want)

    file = path('420.jpg')
    seen = Image.open(file)
    made = convert(file, 'a size=400x400 fit=cover quality=100', 'b max=300',
                   focus='0.7,0')
    same('a cut of what was scaled while it was decoded',
         made if isinstance(made, str) else made['a'],
         ImageOps.fit(seen, (400, 400), LANCZOS, centering=(0.7, 0)))

    with open(file, 'rb') as whole, open(path('cut.jpg'), 'wb') as cut:
        data = whole.read()
        cut.write(data[:len(data) // 2])

    made = convert(path('cut.jpg'), 'a max=300')
    ok(isinstance(made, str) and 'ends too soon' in made,
       'one that was cut off is refused', made)


def refused():
    file = save(scene(40, 30), 'mark.png')

    for option, words in (('a fit=cover', 'need a size'),
                          ('a max=3 size=3x3', 'exclude each other'),
                          ('a size=3', 'size is width and height')):
        made = convert(file, option)
        ok(isinstance(made, str) and words in made, option + ' is refused',
           made)

    made = convert(file, 'a', focus='0.5,2')
    ok(isinstance(made, str) and 'two numbers from 0 to 1' in made,
       'a focus that is none is refused', made)


covers()
oriented()
small()
contains()
chains()
marks()
decoded()
refused()

tap.done()
