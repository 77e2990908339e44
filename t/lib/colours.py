"""How far the colours of two images are apart, by CIE 1976."""

import numpy
from PIL import Image

# what each byte of sRGB is as light

LIGHT = numpy.arange(256) / 255
LIGHT = numpy.where(LIGHT > 0.04045, ((LIGHT + 0.055) / 1.055) ** 2.4,
                    LIGHT / 12.92).astype(numpy.float32)

# CIE XYZ of it, as parts of the white of D65

XYZ = (numpy.array(((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722),
                    (0.0193, 0.1192, 0.9505)))
       / numpy.array(((0.9505,), (1,), (1.089,)))).T.astype(numpy.float32)


def lab(image, ground):
    """CIE L*a*b* of the pixels, sRGB, D65."""

    if image.mode != 'RGB':
        under = Image.new('RGBA', image.size, ground)
        image = Image.alpha_composite(under,
                                      image.convert('RGBA')).convert('RGB')

    v = LIGHT[numpy.asarray(image)] @ XYZ
    v = numpy.where(v > 216 / 24389, numpy.cbrt(v),
                    v * numpy.float32(841 / 108) + numpy.float32(4 / 29))

    return numpy.stack((116 * v[..., 1] - 16, 500 * (v[..., 0] - v[..., 1]),
                        200 * (v[..., 1] - v[..., 2])), -1)


def distances(want, *images):
    """The mean distance of each one's colours, on black and on white."""

    opaque = all(image.mode == 'RGB' for image in (want, *images))
    far = [0] * len(images)

    for ground in ('black',) if opaque else ('black', 'white'):
        wanted = lab(want, ground)

        for i, image in enumerate(images):
            apart = numpy.sqrt(((lab(image, ground) - wanted) ** 2).sum(-1))
            far[i] = max(far[i], apart.mean(dtype=numpy.float64))

    return far
