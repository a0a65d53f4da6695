"""Seeded inputs: patterns with coarse and fine parts, in few bits, so that they compress well."""

import numpy as np


def coarse_pattern(rng, shape):
    """Random values that stay the same over about a quarter of each axis but the last."""
    small = rng.normal(0, 1, [min(extent, 4) for extent in shape[:-1]] + [shape[-1]])
    for axis, extent in enumerate(shape[:-1]):
        small = np.take(small, np.arange(extent) * small.shape[axis] // extent, axis=axis)
    return small


def make_inputs(seed, shape, count, image):
    """COUNT inputs of SHAPE; pixels are whole numbers from 0 to 255, other numbers are multiples of 1/32 near 0."""
    rng = np.random.default_rng(seed)
    values = np.stack([coarse_pattern(rng, shape) + 0.5 * rng.normal(0, 1, shape) for _ in range(count)])
    if image:
        values = np.clip(np.round(128 + 50 * values), 0, 255)
    else:
        values = np.clip(np.round(32 * values) / 32, -4, 4)
    return values.astype("float32")
