"""A layer's data, the same for every library, and its result in double precision."""

import zlib

import numpy as np

from suite import Geometry


def tensors(layer):
    """x in NHWC, depthwise weights (kh, kw, C, multiplier), pointwise ones (C*multiplier, F) or None, bias (F) or None.

    Seeded by the layer's name."""
    g = Geometry(layer)
    random = np.random.default_rng(zlib.crc32(layer["name"].encode()))

    def uniform(*shape):
        return random.random(shape, dtype=np.float32) - np.float32(0.5)

    x = uniform(g.batch, g.height, g.width, g.channels)
    depthwise = uniform(*g.kernel, g.channels, g.multiplier)
    pointwise = uniform(g.middle, g.filters) if g.separable else None
    bias = uniform(g.filters) if layer["bias"] else None
    return x, depthwise, pointwise, bias


def in_own_layout(layer, x):
    """x as a dense array in the layer's own data_format and rank."""
    g = Geometry(layer)
    array = x if g.channels_last else x.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(np.ascontiguousarray(array).reshape(g.input_shape(g.channels_last, rank4=False)))


def result(layer):
    """float64, NHWC."""
    g = Geometry(layer)
    x, depthwise, pointwise, bias = (None if t is None else t.astype(np.float64) for t in tensors(layer))
    padded = np.pad(x, ((0, 0), g.pads[0], g.pads[1], (0, 0)))
    middle = np.zeros((g.batch, g.out_height, g.out_width, g.channels, g.multiplier))
    for i in range(g.kernel[0]):
        for j in range(g.kernel[1]):
            top, left = i * g.dilation[0], j * g.dilation[1]
            rows = slice(top, top + (g.out_height - 1) * g.stride[0] + 1, g.stride[0])
            columns = slice(left, left + (g.out_width - 1) * g.stride[1] + 1, g.stride[1])
            middle += padded[:, rows, columns, :, None] * depthwise[i, j]
    y = middle.reshape(g.batch, g.out_height, g.out_width, g.middle)
    if pointwise is not None:
        y = y @ pointwise
    if bias is not None:
        y = y + bias
    if layer["activation"] in ("relu", "relu6"):
        y = np.maximum(y, 0)
    if layer["activation"] == "relu6":
        y = np.minimum(y, 6)
    return y
