#!/usr/bin/env python3
"""Lets real Keras load the weights that `sepconv save-weights` writes, and compares weights and predictions bit for bit.

    python3 tests/data/check_saved_weights.py --sepconv build/release/tools/sepconv MODEL.keras [MODEL.keras ...]

Runs where Keras is installed (`pip install keras==3.15.1 jax numpy`; for tf.keras 2 models `pip install tensorflow-cpu
tf_keras numpy`) and skips the models of a Keras that is not. For each model: the whole model's weights into a fresh copy of it, those of a legacy .h5 of the same name beside it too;
then each separable and depthwise layer's into a model of that layer alone.
"""

import argparse
import importlib
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
LAYERS = ("SeparableConv1D", "SeparableConv2D", "DepthwiseConv1D", "DepthwiseConv2D")


def convolutions(model, prefix=""):
    """The path ("outer/inner") and the layer of each."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from convolutions(layer, f"{prefix}{layer.name}/")
        elif type(layer).__name__ in LAYERS:
            yield prefix + layer.name, layer


def bits(array):
    import numpy as np

    return np.ascontiguousarray(array).tobytes()


def predict(model, x):
    import numpy as np

    outputs = model(x, training=False)
    return [bits(np.asarray(y)) for y in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]


def check(what, model, source, x):
    """@return 1 when the model that loaded our file differs from the one whose weights they are"""
    same = [bits(w) for w in model.get_weights()] == [bits(w) for w in source.get_weights()]
    if same and predict(model, x) == predict(source, x):
        print(f"ok      {what}: {len(source.get_weights())} weights and the prediction are the same")
        return 0
    print(f"FAILED  {what}: " + ("the prediction differs" if same else "the weights differ"))
    return 1


def save(sepconv, model, output, *options):
    subprocess.run([sepconv, "save-weights", model, "-o", output, *options], check=True, stdout=subprocess.DEVNULL)


def keras_of(path):
    """The module that wrote a .keras file, or None where it is not installed."""
    with zipfile.ZipFile(path) as archive:
        name = "tf_keras" if b"tf_keras" in archive.read("config.json") else "keras"
    needed = [name] if name == "tf_keras" else [name, "jax"]
    if all(importlib.util.find_spec(module) for module in needed):
        return importlib.import_module(name)
    print(f"skipped {path.name}: {' or '.join(needed)} is not installed")
    return None


def check_model(sepconv, path, folder):
    import numpy as np

    keras = keras_of(path)
    if keras is None:
        return 0
    model = keras.models.load_model(path, compile=False)
    rng = np.random.default_rng(1)
    draw = lambda shape: rng.normal(0, 1, (2, *(n or 40 for n in shape[1:]))).astype("float32")  # noqa: E731
    x, failed = draw(model.input_shape), 0
    for file in [path] + [p for p in [path.with_suffix(".h5")] if p.exists()]:
        output = folder / f"{file.name}.weights.h5"
        save(sepconv, file, output)
        copy = keras.models.clone_model(model)
        copy.load_weights(output)
        failed += check(file.name, copy, model, x)
    for name, layer in convolutions(model):
        alone = [keras.Sequential([keras.layers.Input(tuple(layer.input.shape)[1:]),
                                   type(layer).from_config(layer.get_config())]) for _ in range(2)]
        output = folder / "layer.weights.h5"
        save(sepconv, path, output, "--layer", name)
        alone[0].load_weights(output)
        alone[1].set_weights(layer.get_weights())
        failed += check(f"{path.name}, {name} alone", *alone, draw(layer.input.shape))
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=pathlib.Path, nargs="+", metavar="MODEL.keras")
    parser.add_argument("--sepconv", type=pathlib.Path, required=True, metavar="PROGRAM")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        failed = sum(check_model(arguments.sepconv, path, pathlib.Path(folder)) for path in arguments.models)
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
