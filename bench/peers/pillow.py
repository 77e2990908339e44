#!/usr/bin/python3
"""Pillow's way: pillow.py N IN OUTDIR [DEFAULT].

Prints the CPU seconds of one conversion, after one that is not counted.
"""

import resource
import sys

from PIL import Image, ImageOps


def convert(source, out):
    with Image.open(source) as image:
        image = ImageOps.exif_transpose(image)

        if image.mode != "RGB":
            image = image.convert("RGB")

        image.save(out + "/original.webp", quality=85, method=4)

        for side in (800, 200):
            image.thumbnail((side, side), Image.Resampling.LANCZOS)
            image.save("%s/%d.webp" % (out, side), quality=85, method=4)


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)

    return usage.ru_utime + usage.ru_stime


n, source, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]

convert(source, out)
start = cpu()

for _ in range(n):
    convert(source, out)

print("%.6f" % ((cpu() - start) / n))
