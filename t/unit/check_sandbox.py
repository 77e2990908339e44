#!/usr/bin/python3
"""The system calls of caphealth-converter beside those that it may make.  TAP.

    check_sandbox.py UNIT-DIRECTORY [whole]

Runs the converter whose filter reports a call instead of killing
(t/strange/watch.c) over a matrix of formats, modes, sizes and contents, with
each method and the corners of quality; with little memory; over broken files;
and over what ends a process.  It must report nothing.  "whole" is the whole
matrix: minutes; else some of it.
"""

import io
import itertools
import os
import subprocess
import sys
import tempfile

import numpy
from PIL import Image, ImageCms

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                             '../lib'))

import tap
from tap import ok

BUILD = os.path.dirname(os.path.abspath(sys.argv[1]))
WATCHED = os.path.join(BUILD, 'watched')
WHOLE = 'whole' in sys.argv[2:] or os.environ.get('MATRIX') == 'whole'
TMP = tempfile.TemporaryDirectory(prefix='caphealth-')
LOG = os.path.join(TMP.name, 'log')
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()

SMALL = ((1, 1), (2, 1), (17, 13), (64, 64), (129, 65))
MIDDLE = ((640, 400),)
EVERY = ((1, 2000), (16383, 1), (1000, 1600), (2048, 1536))
LARGE = (6000, 4000)

# a batch of variants has each method once, and with the next batch another
# quality

QUALITIES = (85, 0, 100, 50, 99, 1, 75)
METHODS = range(7)


def path(name):
    return os.path.join(TMP.name, name)


def converted(images, *options, program='caphealth-converter', **environ):
    """What was reported, and what the converter itself said."""

    if os.path.exists(LOG):
        os.remove(LOG)

    done = subprocess.run([os.path.join(WATCHED, program), '--convert',
                           '--max-pixels', '25m', '--timeout', '300',
                           *options, *images, path('out')],
                          capture_output=True, text=True, check=False,
                          env={**os.environ, **environ,
                               'CAPHEALTH_WATCH_LOG': LOG})
    lines = open(LOG).read().splitlines() if os.path.exists(LOG) else []
    subprocess.run(['rm', '-rf', path('out')], check=True)

    closed = lines.count('closed')
    calls = sorted(set(line for line in lines if line != 'closed'))

    return calls, closed, done


def variants(batch):
    options = []

    for method in METHODS:
        quality = QUALITIES[(method + batch) % len(QUALITIES)]
        size = ('max=16383', 'max=800', 'max=200')[method % 3] if method \
            else ''
        options += ['--variant', 'v%d method=%d quality=%d %s%s'
                    % (method, method, quality, size,
                       ' animation=keep' if method % 2 else '')]

    quality = QUALITIES[batch % len(QUALITIES)]

    return options + ['--variant', 'other quality=%d %s'
                      % (quality, OTHERS[batch % len(OTHERS)])]


def reports_nothing(name, images, *options, fails=False, **more):
    calls, closed, done = converted(images, *options, **more)
    wrong = list(calls)

    if not closed:
        wrong.append('no filter was closed')

    if not fails and done.returncode:
        wrong.append(done.stderr)

    ok(not wrong, name, '\n'.join(wrong))

    return done


# the other formats, one with each batch, JPEG with and without subsampling
# by its quality

OTHERS = ('format=jpeg', 'format=avif', 'format=avif max=800',
          'format=jpeg max=200')


# --- contents ---


def flat(width, height):
    return numpy.full((height, width, 4), (200, 120, 40, 128))


def few(width, height):
    """Blocks of seven colours, some of them transparent."""

    y, x = numpy.mgrid[0:height, 0:width]
    n = (x // 23 + 3 * (y // 17)) % 7

    return numpy.stack([n * 41, 255 - n * 30, n * n * 5, (n != 3) * 255], -1)


def photo(width, height):
    y, x = numpy.mgrid[0:height, 0:width]
    pixels = numpy.stack([127 + 120 * numpy.sin(x / 97) * numpy.cos(y / 61),
                          90 + 140 * x / width, 40 + 180 * y / height,
                          300 - 600 * numpy.hypot(x / width - .5,
                                                  y / height - .5)], -1)
    noise = numpy.random.default_rng(5).normal(0, 9, (height, width, 1))

    return pixels + noise


def noise(width, height):
    return numpy.random.default_rng(7).integers(0, 256, (height, width, 4))


def ramps(width, height):
    """Each alpha of 256 beside each colour: what is palettized is sorted."""

    y, x = numpy.mgrid[0:height, 0:width]

    return numpy.stack([x, y, x + y, x * 7 + y * 3], -1) % 256


CONTENTS = (flat, few, photo, noise, ramps)


# --- formats and modes, each a name and a writer ---


def pillow(mode, suffix, **options):
    def write(image, name):
        image.convert(mode).save(name, suffix, **options)

    return write


def palette(transparent):
    def write(image, name):
        options = {'transparency': bytes(range(256))} if transparent else {}
        image.convert('RGB').quantize(256).save(name, 'PNG', **options)

    return write


def magick(*options):
    """Debian's policy for ImageMagick refuses a side above 16,000 pixels."""

    def write(image, name):
        data = io.BytesIO()
        image.crop((0, 0, min(image.width, 16000), min(image.height, 16000))) \
             .save(data, 'PNG')
        subprocess.run(['convert', 'png:-', *options[:-1],
                        options[-1] + name], input=data.getvalue(),
                       check=True)

    return write


def animation(suffix, **options):
    def write(image, name):
        image.save(name, suffix, save_all=True,
                   append_images=[image.rotate(180)], **options)

    return write


def avifenc(*options):
    """AV1 has no side of more than 65,536 pixels, and these are made fast."""

    def write(image, name):
        png = name + '.png'
        image.save(png)
        subprocess.run(['avifenc', '-j', '1', '-s', '9', *options, png,
                        name], check=True, stdout=subprocess.DEVNULL)
        os.remove(png)

    return write


def heif_enc(mode, *options):
    """What is less than 16 pixels wide or high is enlarged: x265 has it so."""

    def write(image, name):
        png = name + '.png'
        image.convert(mode) \
             .resize((max(image.width, 16), max(image.height, 16))).save(png)
        subprocess.run(['heif-enc', '-p', 'preset=ultrafast', *options, png,
                        '-o', name + '.heic'], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.remove(png)
        os.rename(name + '.heic', name)

    return write


MODES = {
    'JPEG 4:4:4': pillow('RGB', 'JPEG', quality=90, subsampling=0),
    'JPEG 4:2:0': pillow('RGB', 'JPEG', quality=90, subsampling=2),
    'JPEG 4:2:2, optimised': pillow('RGB', 'JPEG', subsampling=1,
                                    optimize=True),
    'JPEG 4:1:1': magick('-sampling-factor', '4x1', 'jpg:'),
    'JPEG 4:1:0': magick('-sampling-factor', '4x2', 'jpg:'),
    'JPEG, progressive': pillow('RGB', 'JPEG', progressive=True),
    'JPEG, grey': pillow('L', 'JPEG'),
    'JPEG, CMYK': pillow('CMYK', 'JPEG'),
    'JPEG with a profile': pillow('RGB', 'JPEG', icc_profile=SRGB),
    'PNG': pillow('RGB', 'PNG'),
    'PNG, RGBA': pillow('RGBA', 'PNG'),
    'PNG, RGBA with a profile': pillow('RGBA', 'PNG', icc_profile=SRGB),
    'PNG, grey': pillow('L', 'PNG'),
    'PNG, grey with alpha': pillow('LA', 'PNG'),
    'PNG of 1 bit': pillow('1', 'PNG'),
    'PNG, palette': palette(False),
    'PNG, palette with tRNS': palette(True),
    'PNG of 16 bits': magick('-depth', '16', 'png48:'),
    'PNG of 16 bits, RGBA': magick('-depth', '16', 'png64:'),
    'PNG, interlaced, RGBA': magick('-interlace', 'PNG', 'png32:'),
    'WebP': pillow('RGB', 'WEBP', method=0),
    'WebP with alpha': pillow('RGBA', 'WEBP', method=0),
    'WebP, lossless': pillow('RGB', 'WEBP', lossless=True, method=0),
    'WebP, lossless with alpha': pillow('RGBA', 'WEBP', lossless=True,
                                        method=0),
    'WebP, animated': animation('WEBP', method=0),
    'GIF': pillow('P', 'GIF'),
    'GIF, animated': animation('GIF', disposal=2, duration=50),
    'AVIF': avifenc('-y', '420'),
    'AVIF with alpha premultiplied': avifenc('-p', '-y', '444'),
    'AVIF, grey': avifenc('-y', '400'),
    'AVIF of 10 bits': avifenc('-d', '10'),
    'AVIF of 12 bits, turned': avifenc('-d', '12', '-y', '422', '--irot',
                                       '1'),
    'AVIF, lossless': avifenc('-l'),
    'AVIF of PQ': avifenc('-d', '10', '--cicp', '9/16/9'),
    'HEIC': heif_enc('RGB'),
    'HEIC with alpha': heif_enc('RGBA'),
    'HEIC, grey': heif_enc('L'),
    'HEIC, lossless': heif_enc('RGB', '-L'),
    'HEIC, 4:4:4': heif_enc('RGB', '-p', 'chroma=444'),
}

WITH_ALPHA = ('PNG, RGBA', 'PNG, palette with tRNS', 'WebP with alpha')
LARGE_ONES = ('JPEG 4:2:0', 'PNG', 'PNG, RGBA', 'WebP with alpha', 'GIF',
              'AVIF', 'HEIC')


def made(mode, content, size):
    pixels = content(*size).clip(0, 255).astype('uint8')
    name = path('%s-%dx%d-%s' % (content.__name__, *size,
                                 ''.join(c for c in mode if c.isalnum())))

    MODES[mode](Image.fromarray(pixels, 'RGBA'), name)

    return name


def check_matrix():
    batches = itertools.count()

    for mode in MODES:
        sizes = SMALL + MIDDLE + EVERY if WHOLE else \
            ((1, 1), (65, 33)) + (((200, 150),) if mode in WITH_ALPHA else ())
        rounds = len(QUALITIES) if WHOLE else 1

        for size in sizes:
            images = [made(mode, content, size) for content in CONTENTS]

            for _ in range(rounds if size in SMALL + MIDDLE else 1):
                reports_nothing('%s, %dx%d' % (mode, *size), images,
                                *variants(next(batches)))

            for image in images:
                os.remove(image)

    if not WHOLE:
        return

    for mode, content in itertools.product(LARGE_ONES, CONTENTS):
        image = made(mode, content, LARGE)
        batch = next(batches)

        for method in (batch % 7, (batch + 3) % 7):
            reports_nothing('%s, %dx%d, %s, method %d'
                            % (mode, *LARGE, content.__name__, method),
                            [image], '--memory', '2g', '--variant',
                            'original method=%d quality=%d'
                            % (method, QUALITIES[batch % 7]), '--variant',
                            'small max=2000 method=6')

        os.remove(image)


# --- what goes wrong ---


def check_memory():
    modes = MODES if WHOLE else ('JPEG, progressive', 'JPEG with a profile',
                                 'PNG, RGBA', 'WebP with alpha',
                                 'WebP, animated', 'GIF',
                                 'AVIF with alpha premultiplied', 'HEIC')

    for mode in modes:
        image = made(mode, photo, (1200, 900) if WHOLE else (800, 600))
        calls, closed = set(), 0

        for memory in range(32, 72, 1 if WHOLE else 4):
            found, ran, _ = converted([image], '--memory', '%dm' % memory)
            calls.update(found)
            closed += ran

        ok(closed and not calls, 'little memory, ' + mode,
           '\n'.join(sorted(calls)) or 'no filter was closed')


def check_broken():
    modes = MODES if WHOLE else ('JPEG 4:2:0', 'JPEG, progressive',
                                 'PNG, RGBA', 'WebP with alpha',
                                 'WebP, lossless with alpha', 'GIF',
                                 'AVIF with alpha premultiplied', 'HEIC')
    random = numpy.random.default_rng(11)

    for mode in modes:
        name = made(mode, photo, (129, 65))
        images = []

        with open(name, 'rb') as file:
            whole = file.read()

        for i in range(60 if WHOLE else 16):
            data = bytearray(whole)

            if i % 2:
                del data[max(16, len(data) * i // 60):]
            else:
                for at in random.integers(16, len(data), 1 + i // 4):
                    data[at] = int(random.integers(0, 256))

            images.append('%s-%d' % (name, i))

            with open(images[-1], 'wb') as file:
                file.write(data)

        reports_nothing('broken files, ' + mode, images, fails=True)


def strange(word):
    name = path(word)

    with open(name, 'wb') as file:
        file.write(b'\xff\xd8\xff' + word.encode() + bytes(64))

    return [name]


def check_ends():
    for word in ('abort', 'heap', 'assert', 'crash'):
        done = reports_nothing('the end: ' + word, strange(word), fails=True,
                               program='strange-converter')
        ok('the decoder crashed' in done.stderr, 'which is a crash',
           done.stderr)

    reports_nothing('what is refused', strange('ask'),
                    program='strange-converter')
    reports_nothing('at idle priority, with a timer',
                    [made('PNG, RGBA', photo, (640, 400))],
                    CAPHEALTH_WATCH_IDLE='1')


# --- it reports ---


def check_reports():
    image = [made('PNG, RGBA', photo, (129, 65))]

    for name, images, options in (
            ('fdatasync', image, {}),
            ('madvise', image, {}),
            ('write', image, {}),
            ('uname', strange('ask'), {'program': 'strange-converter'}),
            ('tgkill', strange('abort'), {'program': 'strange-converter'})):
        calls, _, _ = converted(images, **options,
                                CAPHEALTH_WATCH_WITHOUT=name)
        ok(calls and all(call.startswith(name + '(') for call in calls),
           'taken out of the list, %s is reported' % name, calls)

    for word, call in (('open', 'openat'), ('socket', 'socket'),
                       ('kill', 'kill'), ('execmem', 'mmap')):
        calls, _, _ = converted(strange(word), program='strange-converter')
        ok([c.partition('(')[0] for c in calls] == [call],
           'what is not on it: ' + call, calls)


if os.environ.get('TEST_NGINX_PRELOAD'):
    print('1..0 # SKIP a build with sanitizers has no sandbox')
    sys.exit(0)

for check in (check_reports, check_matrix, check_memory, check_broken,
              check_ends):
    check()

TMP.cleanup()
tap.done()
