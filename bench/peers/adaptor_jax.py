#!/usr/bin/env python3
"""JAX on the CPU: two lax convolutions under jit, NHWC and NCHW. Weights are constants of the program."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
import numpy as np

from protocol import Variant, adaptor_main
from reference import tensors
from suite import Geometry


def setup(threads):
    import jax
    import jax.numpy as jnp
    from jax import lax

    # XLA's pool has a thread for each core that the process may use.
    cores = sorted(os.sched_getaffinity(0), reverse=True)
    os.sched_setaffinity(0, set(cores[:threads]))

    def variant(layer, last):
        g = Geometry(layer)
        x, depthwise, pointwise, bias = tensors(layer)
        order = ("NHWC", "HWIO", "NHWC") if last else ("NCHW", "HWIO", "NCHW")
        first_weights = jnp.asarray(depthwise.reshape(*g.kernel, 1, g.middle))
        second_weights = None if pointwise is None else jnp.asarray(pointwise[None, None])
        added = None if bias is None else jnp.asarray(bias.reshape((1, 1, 1, -1) if last else (1, -1, 1, 1)))

        def compute(t):
            t = lax.conv_general_dilated(
                t,
                first_weights,
                g.stride,
                g.pads,
                rhs_dilation=g.dilation,
                dimension_numbers=order,
                feature_group_count=g.channels,
            )
            if second_weights is not None:
                t = lax.conv_general_dilated(t, second_weights, (1, 1), "VALID", dimension_numbers=order)
            if added is not None:
                t = t + added
            if layer["activation"] == "relu":
                t = jnp.maximum(t, 0)
            if layer["activation"] == "relu6":
                t = jnp.clip(t, 0, 6)
            return t

        image = jnp.asarray(x if last else np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
        compiled = jax.jit(compute).lower(image).compile()
        result = [None]

        def run():
            result[0] = compiled(image).block_until_ready()

        def out():
            return np.asarray(result[0]) if last else np.asarray(result[0]).transpose(0, 2, 3, 1)

        return Variant("nhwc" if last else "nchw", last == g.channels_last, run, out)

    return jax.__version__, lambda layer: [variant(layer, True), variant(layer, False)]


if __name__ == "__main__":
    adaptor_main("jax", setup)
