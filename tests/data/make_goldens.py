#!/usr/bin/env python3
"""Makes a folder of golden cases, as in tests/data/goldens, with real Keras: `sepconv verify FOLDER` compares with it.

Needs, in a virtual environment of your own (the tests only read the files):

    pip install keras==3.15.1 jax numpy

    KERAS_BACKEND=jax python3 make_goldens.py OUTPUT_DIR [--random N] [--seed S]

Writes OUTPUT_DIR/cases.json and one .npz a case: `input`, `depthwise_kernel`, `pointwise_kernel`, `bias` and `output`,
those that the layer has, bfloat16 as its bits in uint16. A row of cases.json holds the case's name, file, api, shapes, the serialised layer,
the largest output, and max_abs_err_vs_float64: how far Keras' output is from a float64 evaluation of the same layer,
which the limit of a comparison is made of.

The fixed cases cover each argument of the four layers; --random adds N layers drawn from the seed.
"""

import argparse
import json
import os
import pathlib
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")
# Each layer runs once: compiling it takes nearly all of the time, and less without LLVM's expensive passes.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")

import numpy as np  # noqa: E402

FIXED = [
    # name, class, input shape, arguments
    ("s2_same", "SeparableConv2D", (2, 9, 8, 5), dict(filters=7, kernel_size=3, padding="same", activation="relu")),
    ("s2_even_s2", "SeparableConv2D", (1, 8, 8, 4), dict(filters=6, kernel_size=3, strides=2, padding="same")),
    ("s2_odd_s2", "SeparableConv2D", (1, 9, 9, 4), dict(filters=6, kernel_size=3, strides=2, padding="same")),
    ("s2_dilated", "SeparableConv2D", (1, 11, 12, 3), dict(filters=4, kernel_size=3, dilation_rate=(3, 2))),
    ("s2_multiplier", "SeparableConv2D", (2, 7, 6, 3), dict(filters=5, kernel_size=(2, 3), depth_multiplier=3)),
    ("s2_nobias", "SeparableConv2D", (1, 6, 6, 17), dict(filters=33, kernel_size=5, padding="same", use_bias=False)),
    ("s2_stride_dilation", "SeparableConv2D", (1, 13, 13, 4),
     dict(filters=4, kernel_size=3, strides=2, dilation_rate=2, padding="same")),
    ("s2_first", "SeparableConv2D", (2, 5, 8, 7),
     dict(filters=6, kernel_size=3, padding="same", data_format="channels_first", activation="hard_silu")),
    ("s1_same", "SeparableConv1D", (2, 20, 6), dict(filters=9, kernel_size=4, padding="same")),
    ("s1_window_beyond_input", "SeparableConv1D", (1, 4, 3), dict(filters=2, kernel_size=9, padding="same")),
    ("d2_same", "DepthwiseConv2D", (2, 9, 7, 5), dict(kernel_size=3, padding="same", activation="relu6")),
    ("d2_multiplier", "DepthwiseConv2D", (1, 8, 8, 3), dict(kernel_size=5, depth_multiplier=2, strides=3)),
    ("d1_dilated", "DepthwiseConv1D", (2, 30, 4), dict(kernel_size=5, dilation_rate=4, activation="leaky_relu")),
    ("d1_first", "DepthwiseConv1D", (2, 4, 17),
     dict(kernel_size=3, strides=2, padding="same", data_format="channels_first")),
]

ACTIVATIONS = ["linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "sigmoid", "tanh", "silu", "gelu",
               "softplus", "softsign", "exponential", "hard_sigmoid", "hard_silu", "hard_tanh", "mish", "log_sigmoid",
               "squareplus", "sparse_plus", "sparse_sigmoid", "tanh_shrink", "softmax", "log_softmax"]
# soft_shrink and hard_shrink jump in value or slope: in 16 bits a correct result may lie on either side.
FLOAT_ONLY_ACTIVATIONS = ["soft_shrink", "hard_shrink"]
POLICIES = ["float32"] * 6 + ["float64", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16"]


def random_case(rng, index):
    """A layer drawn at random whose output is not empty."""
    while True:
        separable, rank = bool(rng.integers(2)), int(rng.integers(1, 3))
        draw = lambda low, high: [int(v) for v in rng.integers(low, high + 1, rank)]  # noqa: E731
        window, strides, dilation, extents = draw(1, 5), draw(1, 3), draw(1, 3), draw(1, 16)
        if rng.integers(2):  # most layers have one or the other, and TensorFlow wants equal strides
            dilation = [1] * rank
        padding = ["valid", "same"][rng.integers(2)]
        if padding == "valid" and any((k - 1) * d + 1 > n for k, d, n in zip(window, dilation, extents)):
            continue
        arguments = dict(kernel_size=window, strides=strides, dilation_rate=dilation, padding=padding,
                         depth_multiplier=int(rng.integers(1, 4)), use_bias=bool(rng.integers(2)),
                         dtype=str(rng.choice(POLICIES)))
        narrow = "16" in arguments["dtype"]
        arguments["activation"] = str(rng.choice(ACTIVATIONS + ([] if narrow else FLOAT_ONLY_ACTIVATIONS)))
        if separable:
            arguments["filters"] = int(rng.integers(1, 40))
        channels, batch, first = int(rng.integers(1, 40)), int(rng.integers(1, 4)), rng.integers(4) == 0
        if first:
            arguments["data_format"] = "channels_first"
        shape = (batch, channels, *extents) if first else (batch, *extents, channels)
        return f"random_{index}", f"{'Separable' if separable else 'Depthwise'}Conv{rank}D", shape, arguments


def evaluate_float64(keras, class_name, arguments, weights, x):
    # Keras 3.15 computes tanh of float64 in float32 with JAX, and returns that.
    by_numpy = np.tanh if arguments.get("activation") == "tanh" else None
    changed = {"dtype": "float64", **({"activation": None} if by_numpy else {})}
    layer = getattr(keras.layers, class_name)(**{**arguments, **changed})
    layer.build(x.shape)
    layer.set_weights([w.astype("float64") for w in weights])
    output = np.asarray(keras.ops.convert_to_numpy(layer(x.astype("float64"))))
    return by_numpy(output) if by_numpy else output


def as_stored(array):
    """NumPy's files know no bfloat16: its bits."""
    return np.ascontiguousarray(array.view("uint16") if str(array.dtype) == "bfloat16" else array)


def make_case(keras, rng, folder, name, class_name, shape, arguments):
    layer = getattr(keras.layers, class_name)(name=name, **arguments)
    layer.build(shape)
    import ml_dtypes  # comes with JAX; knows bfloat16

    numpy_dtype = lambda name: ml_dtypes.bfloat16 if name == "bfloat16" else np.dtype(name)  # noqa: E731
    variable, compute = numpy_dtype(layer.variable_dtype), numpy_dtype(layer.compute_dtype)
    weights = [rng.normal(0, 0.5, w.shape).astype(variable) for w in layer.weights]
    layer.set_weights(weights)
    x = rng.normal(0, 1, shape).astype(compute)
    output = np.asarray(keras.ops.convert_to_numpy(layer(x))).astype(compute)
    exact = evaluate_float64(keras, class_name, arguments, weights, x)
    if exact.dtype != np.float64:
        raise SystemExit("Keras did not compute in float64; with JAX, set JAX_ENABLE_X64=1")
    names = ["depthwise_kernel"] + (["pointwise_kernel"] if class_name.startswith("Separable") else []) + ["bias"]
    arrays = {"input": x, **dict(zip(names, weights)), "output": output}
    np.savez(folder / f"{name}.npz", **{key: as_stored(value) for key, value in arrays.items()})
    return {
        "name": name,
        "file": f"{name}.npz",
        "api": "keras3",
        "backend": keras.backend.backend(),
        "class_name": class_name,
        "variable_dtype": layer.variable_dtype,
        "compute_dtype": layer.compute_dtype,
        "input_shape": list(shape),
        "output_shape": list(output.shape),
        "max_abs_output": float(np.max(np.abs(exact), initial=0)),
        "max_abs_err_vs_float64": float(np.max(np.abs(output.astype("float64") - exact), initial=0)),
        "arrays": {key: {"dtype": str(value.dtype), "shape": list(value.shape)} for key, value in arrays.items()},
        "layer": keras.saving.serialize_keras_object(layer),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--random", type=int, default=0, metavar="N", help="add N random layers")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    os.environ.setdefault("JAX_ENABLE_X64", "1")  # read when the backend is imported
    import keras

    rng = np.random.default_rng(arguments.seed)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    cases = FIXED + [random_case(rng, i) for i in range(arguments.random)]
    rows = []
    for case in cases:
        rows.append(make_case(keras, rng, arguments.folder, *case))
        if sys.stderr.isatty() or len(rows) % 50 == 0:
            print(f"{len(rows)} of {len(cases)} layers", file=sys.stderr)
    document = {"format": 1, "versions": {"keras": keras.version(), "numpy": np.__version__}, "count": len(rows),
                "cases": rows}
    temporary = arguments.folder / "cases.json.tmp"
    temporary.write_text(json.dumps(document, indent=1) + "\n")
    temporary.replace(arguments.folder / "cases.json")
    print(f"{len(rows)} cases in {arguments.folder}")


if __name__ == "__main__":
    main()
