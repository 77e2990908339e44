#!/usr/bin/python3
"""The memory of an image, as it is computed and as it is.  TAP.

    check_memory.py UNIT-DIRECTORY

Of images of each kind: what a refusal says that they take is enough, and is not
far from the peak that the kernel tells of the process.  Of files that say more
than they have, and of large images: they are refused before memory or CPU time
is taken for them.
"""

import io
import os
import re
import struct
import subprocess
import sys
import tempfile
import zlib

from PIL import Image, ImageChops

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                             '../lib'))

import tap
from tap import ok

BUILD = os.path.dirname(os.path.abspath(sys.argv[1]))
CONVERTER = os.path.join(BUILD, 'caphealth-converter')
TMP = tempfile.TemporaryDirectory(prefix='caphealth-')
MB = 1024 * 1024

# megabytes: with less the decoders' libraries do not start; and of these, what
# is address space but not memory

LEAST = 112
LIBRARIES = 64

# what a refusal may take, megabytes and seconds: the start of a process

IDLE_PEAK = 64
IDLE_CPU = 2


def path(name):
    return os.path.join(TMP.name, name)


def write(name, data):
    with open(path(name), 'wb') as file:
        file.write(data)

    return path(name)


# a process of its own, for the peak of a child begins with what its parent has

MEASURE = """
import os, sys
pid = os.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
status, usage = os.wait4(pid, 0)[1:]
print(status, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime)
"""


def converted(image, variants, memory):
    """What is wrong, or None; the peak, megabytes; seconds of CPU time."""

    options = [o for v in variants for o in ('--variant', v)]

    with tempfile.TemporaryDirectory(dir=TMP.name) as out:
        done = subprocess.run([sys.executable, '-c', MEASURE, CONVERTER,
                               '--convert', '--timeout', '300', '--memory',
                               str(memory), *options, image, out],
                              capture_output=True, text=True, check=True)

    status, peak, cpu = done.stdout.splitlines()[-1].split()

    return done.stderr if int(status) else None, float(peak), float(cpu)


def taken(name, image, *variants):
    """The bytes that refusals say are enough, and are not too many."""

    memory = LEAST * MB
    wrong, peak, _ = converted(image, variants, memory)

    # once for the header, once for what is known only of the picture

    for _ in range(3):
        said = wrong and re.search(r'it takes (\d+) bytes, it is too large '
                                   r'for --memory, %d bytes' % memory, wrong)
        if not said:
            break

        memory = int(said[1])
        wrong, peak, _ = converted(image, variants, memory)

    ok(wrong is None and peak * MB <= memory, name + ': it is enough',
       '%s, %d bytes, %.0f MB' % (wrong, memory, peak))
    ok(memory <= max(LEAST, 1.5 * peak + LIBRARIES) * MB,
       name + ': it is not too much', '%d bytes, %.0f MB' % (memory, peak))


def photo(width, height):
    """Some detail everywhere."""

    plane = Image.effect_noise((width // 4, height // 4), 40)
    planes = [plane.resize((width, height)),
              plane.rotate(180).resize((width, height)),
              ImageChops.invert(plane).resize((width, height))]

    return Image.merge('RGB', planes)


def cut_out(image):
    """On nothing, with a soft edge."""

    image = image.copy()
    image.putalpha(Image.radial_gradient('L').resize(image.size).point(
        lambda v: max(0, min(255, (160 - v) * 8))))

    return image


def save(image, name, **options):
    image.save(path(name), **options)

    return path(name)


def encoded(image, name, *command):
    source = save(image, 'source.png', compress_level=1)
    subprocess.run([*command, source, '-o', path(name)], check=True,
                   capture_output=True)

    return path(name)


def check_jpeg(image):
    plain = save(image, 'plain.jpg', quality=90)
    turned = Image.Exif()
    turned[0x0112] = 6

    taken('a JPEG', plain, 'a method=2', '800 max=800', '200 max=200')
    taken('a JPEG, method 4', plain, 'a method=4 quality=95')
    taken('a JPEG, to JPEG', plain, 'a format=jpeg')
    taken('a JPEG, to JPEG of 4:4:4', plain, 'a format=jpeg quality=95',
          'b max=300')
    taken('a JPEG, scaled while it is decoded', plain, 'a max=1500')
    taken('a JPEG, cut and laid', plain, 'a size=2000x2000 fit=cover',
          'b size=3000x3000 fit=contain background=#ffffff')
    taken('a JPEG of 4:4:4', save(image, '444.jpg', quality=90,
                                  subsampling=0), 'a method=2')
    taken('a progressive JPEG', save(image, 'p.jpg', quality=90,
                                     progressive=True), 'a method=2')
    taken('a progressive JPEG, scaled', path('p.jpg'), 'a max=500')
    taken('a grey JPEG', save(image.convert('L'), 'grey.jpg'), 'a method=2')
    taken('a CMYK JPEG', save(image.convert('CMYK'), 'cmyk.jpg'),
          'a method=2')
    taken('a JPEG turned by a quarter', save(image, 'turned.jpg', quality=90,
                                             exif=turned.tobytes()),
          'a method=2', '200 max=200')


def check_png(image):
    taken('a PNG', save(image, 'a.png', compress_level=1), 'a method=2')
    taken('a PNG, scaled', path('a.png'), 'a max=300', 'b max=100')
    taken('a PNG with alpha', save(cut_out(image), 'b.png', compress_level=1),
          'a method=2', '200 max=200')
    taken('a PNG with alpha, method 4', path('b.png'), 'a method=4')
    taken('a PNG with alpha, on white', path('b.png'),
          'a format=jpeg background=#ffffff')

    opaque = image.copy()
    opaque.putalpha(255)

    taken('an opaque PNG', save(opaque, 'c.png', compress_level=1),
          'a method=2')

    subprocess.run(['convert', path('a.png'), '-interlace', 'PNG', '-depth',
                    '16', '-quality', '11', path('d.png')], check=True)

    taken('an interlaced PNG of 16 bits', path('d.png'), 'a method=2')


def check_webp(image):
    taken('a WebP', save(image, 'a.webp', quality=80, method=0),
          'a method=2')
    taken('a WebP with alpha', save(cut_out(image), 'b.webp', quality=80,
                                    method=0), 'a method=2', 'b max=200')
    taken('a lossless WebP', save(image, 'c.webp', lossless=True, method=0,
                                  quality=0), 'a method=2')

    small = image.resize((800, 600))

    taken('an animated WebP',
          save(small, 'd.webp', save_all=True, method=0,
               append_images=[small.rotate(90 * i) for i in (1, 2)]),
          'a animation=keep method=2')


def check_others(image):
    taken('a GIF', save(image.quantize(64, Image.Quantize.FASTOCTREE),
                        'a.gif'), 'a method=2')

    small = image.resize((800, 600)).quantize(64, Image.Quantize.FASTOCTREE)

    taken('an animated GIF',
          save(small, 'b.gif', save_all=True,
               append_images=[small.rotate(90 * i) for i in (1, 2)]),
          'a animation=keep method=2')

    if not READS_HEIF:
        return

    taken('an AVIF', encoded(image, 'a.avif', 'avifenc', '-s', '10'),
          'a method=2')
    taken('an AVIF with alpha', encoded(cut_out(image), 'b.avif', 'avifenc',
                                        '-s', '10'), 'a method=2')
    taken('a HEIC', encoded(image, 'a.heic', 'heif-enc', '-q', '50', '-p',
                            'preset=ultrafast'), 'a method=2')


# --- files that say more than they have ---

SIDE = 16000
PADDING = 400 * 1024


def encoded_bytes(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)

    return out.getvalue()


def large_jpeg(padding):
    data = encoded_bytes(Image.new('RGB', (32, 32)), 'JPEG')
    at = data.index(b'\xff\xc0') + 5
    data = data[:at] + struct.pack('>HH', SIDE, SIDE) + data[at + 4:]

    while padding:
        n = min(padding, 60000)
        data = (data[:2] + b'\xff\xfe' + struct.pack('>H', n + 2) + b'x' * n
                + data[2:])
        padding -= n

    return data


def large_png(padding):
    def chunk(kind, body):
        return (struct.pack('>I', len(body)) + kind + body
                + struct.pack('>I', zlib.crc32(kind + body)))

    return (b'\x89PNG\r\n\x1a\n'
            + chunk(b'IHDR', struct.pack('>IIBBBBB', SIDE, SIDE, 8, 6, 0, 0,
                                         0))
            + chunk(b'zzZz', b'x' * padding)
            + chunk(b'IDAT', zlib.compress(bytes(100000)))
            + chunk(b'IEND', b''))


def large_webp(padding):
    """All of it: a picture of one colour has no bits for a pixel."""

    data = encoded_bytes(Image.new('RGB', (16, 16), 'red'), 'WEBP',
                         lossless=True)
    image = bytearray(data[12:])
    bits = struct.unpack('<I', image[9:13])[0] >> 28 << 28
    image[9:13] = struct.pack('<I', bits | (SIDE - 1) << 14 | SIDE - 1)

    body = (b'WEBP' + bytes(image) + b'zzzz' + struct.pack('<I', padding)
            + b'x' * padding)

    return b'RIFF' + struct.pack('<I', len(body)) + body


def large_gif(padding):
    data = encoded_bytes(Image.new('P', (16, 16)), 'GIF')
    data = data[:6] + struct.pack('<HH', SIDE, SIDE) + data[10:]
    at = data.index(b',\0\0\0\0')
    comment = b'!\xfe' + (b'\xff' + b'x' * 255) * (padding // 255) + b'\0'

    return (data[:at] + comment + data[at:at + 5]
            + struct.pack('<HH', SIDE, SIDE) + data[at + 9:])


def large_heif(kind):
    def large(padding):
        image = Image.new('RGB', (128, 128), 'red')
        command = ['avifenc', '-s', '10'] if kind == 'avif' else ['heif-enc']

        with open(encoded(image, 'small.' + kind, *command), 'rb') as file:
            data = file.read()

        at = data.index(b'ispe') + 8
        data = data[:at] + struct.pack('>II', SIDE, SIDE) + data[at + 8:]

        return data + struct.pack('>I', padding + 8) + b'free' + b'x' * padding

    return large


def refused(name, image, why):
    wrong, peak, cpu = converted(image, ['a', '800 max=800'], 512 * MB)

    ok(wrong is not None and re.search(why, wrong) is not None,
       name + ': it is refused', wrong)
    ok(peak < IDLE_PEAK and cpu < IDLE_CPU, name + ': at once',
       '%.0f MB, %.1f s' % (peak, cpu))


def check_bombs():
    makers = {'JPEG': large_jpeg, 'PNG': large_png, 'WebP': large_webp,
              'GIF': large_gif}

    if READS_HEIF:
        makers.update({'AVIF': large_heif('avif'),
                       'HEIC': large_heif('heic')})

    for name, make in makers.items():
        refused('a few bytes of ' + name, write('bomb', make(0)),
                r'%d x %d pixels in \d+ bytes, which no photo has'
                % (SIDE, SIDE))
        refused('a large ' + name, write('large', make(PADDING)),
                r'it takes \d+ bytes, it is too large for --memory, %d bytes'
                % (512 * MB))


def reads_heif():
    """A build with WITH_HEIF=no does not."""

    with open(CONVERTER, 'rb') as file:
        return b'libheif.so' in file.read()


READS_HEIF = reads_heif()


def main():
    if os.environ.get('TEST_NGINX_PRELOAD'):
        print('1..0 # SKIP a build with sanitizers has no limit of memory')
        return

    check_bombs()

    image = photo(3200, 2400)

    check_jpeg(image)
    check_png(image)
    check_webp(image)
    check_others(image)

    tap.done()


if __name__ == '__main__':
    main()
