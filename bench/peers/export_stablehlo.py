#!/usr/bin/env python3
"""Writes a Keras model as StableHLO for exactly one image, in MLIR's bytecode, with constant weights.

  export_stablehlo.py MODEL.keras OUT.mlirbc

A process of its own, because Keras has one backend in a process: JAX here, TensorFlow in network_convert.py.
"""

import os
import pathlib
import sys

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402
import keras  # noqa: E402
from jax import export  # noqa: E402


def main():
    model_file, out = sys.argv[1:]
    model = keras.models.load_model(model_file, compile=False)
    image = jax.ShapeDtypeStruct((1, *model.input_shape[1:]), "float32")
    function = jax.jit(lambda x: model(x, training=False))
    pathlib.Path(out).write_bytes(export.export(function, platforms=["cpu"])(image).mlir_module_serialized)
    return 0


if __name__ == "__main__":
    sys.exit(main())
