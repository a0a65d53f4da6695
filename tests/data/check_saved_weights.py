#!/usr/bin/env python3
"""Lets real Keras load the weights that `sepconv save-weights` writes, and compares weights and predictions bit for bit.

    python3 tests/data/check_saved_weights.py --sepconv build/release/tools/sepconv [--made] [MODEL.keras ...]

Runs where Keras is installed (`pip install keras==3.15.1 jax numpy`; for tf.keras 2 models `pip install tensorflow-cpu
tf_keras numpy`) and skips the models of a Keras that is not. For each model: the whole model's weights into a fresh
copy of it, also those of a legacy .h5 of the same name in the same folder; then each separable and depthwise layer's
into a model of that layer alone.

--made makes small models with every installed Keras: layers inside of models and wrappers, frozen ones, names with '/'.
Each is saved as a legacy .h5 file, whose weights sepconv writes for load_weights(), once from that file alone and once
from the model's JSON and the file by --weights.
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


def made_models(keras):
    """The name and the model of each case."""
    layers = keras.layers
    has_slashes = keras.__name__ == "tf_keras"  # Keras 3 refuses names with '/'

    def block(name, sequential, prefix="", image=(8, 8, 4)):
        inside = [layers.SeparableConv2D(4, 3, padding="same", name=prefix + "sep"),
                  layers.BatchNormalization(name=prefix + "bn"),
                  layers.DepthwiseConv2D(3, padding="same", name=prefix + "dw"),
                  layers.BatchNormalization(name=prefix + "bn2"), layers.Conv2D(4, 1, name=prefix + "pw")]
        if sequential:
            return keras.Sequential([layers.Input(image), *inside], name=name)
        x = start = layers.Input(image)
        for layer in inside:
            x = layer(x)
        return keras.Model(start, x, name=name)

    def whole(shape, *inside, name):
        x = start = layers.Input(shape)
        for layer in inside:
            x = layer(x)
        return keras.Model(start, x, name=name)

    for sequential in (False, True):
        for frozen in ("none", "bn", "dw", "all"):
            for wrapped in (False, True):
                inner = block("block", sequential)
                if frozen == "all":
                    inner.trainable = False
                elif frozen != "none":
                    inner.get_layer(frozen).trainable = False
                layer = layers.TimeDistributed(inner, name="td") if wrapped else inner
                shape = (2, 8, 8, 4) if wrapped else (8, 8, 4)
                name = f"block_{'sequential' if sequential else 'functional'}_{frozen}{'_td' if wrapped else ''}"
                yield whole(shape, layer, name=name)
    yield whole((8, 8, 4), block("outer", True), block("outer_2", False, "o_"), name="two_blocks")
    deeper = keras.Sequential([layers.Input((8, 8, 4)), block("a", True), block("b", False, "b_")], name="deeper")
    yield whole((8, 8, 4), deeper, layers.DepthwiseConv2D(3, name="dw"), name="three_levels")
    yield whole((2, 8, 8, 4), layers.TimeDistributed(layers.SeparableConv2D(3, 3, name="s"), name="td"),
                layers.TimeDistributed(layers.BatchNormalization(name="n"), name="td2"), name="wrapped_layers")
    yield whole((6, 4), layers.Bidirectional(layers.LSTM(3, return_sequences=True, name="l"), name="bi"),
                layers.GRU(3, return_sequences=True, name="g"), layers.SimpleRNN(3, return_sequences=True, name="r"),
                layers.RNN([layers.LSTMCell(2, name="c1"), layers.GRUCell(2, name="c2")], return_sequences=True,
                           name="stack"), layers.SeparableConv1D(3, 2, name="sep"), name="recurrent")
    yield whole((2, 8, 8, 4), layers.ConvLSTM2D(2, 3, name="cl"), layers.PReLU(name="p"),
                layers.LayerNormalization(name="ln"), layers.Conv2DTranspose(3, 2, name="t"),
                layers.GroupNormalization(groups=1, name="gn"), layers.DepthwiseConv2D(3, name="dw"), name="others")
    x = start = layers.Input((6, 4))
    x = layers.MultiHeadAttention(2, 3, name="mha")(x, x)
    x = layers.Dropout(0.1)(x)
    x = layers.AdditiveAttention(name="aa")([x, x])
    yield keras.Model(start, layers.SeparableConv1D(3, 2, name="sep")(x), name="attention")
    if has_slashes:
        yield whole((8, 8, 4), layers.DepthwiseConv2D(3, name="stage1/dw"), layers.Conv2D(3, 1, name="stage1/pw"),
                    name="slashes")
        yield whole((8, 8, 4), block("stage1/block", True), layers.DepthwiseConv2D(3, name="block/dw"),
                    name="slashes_in_models")


def check_made(sepconv, name, folder):
    import numpy as np

    needed = [name] if name == "tf_keras" else [name, "jax"]
    if not all(importlib.util.find_spec(module) for module in needed):
        print(f"skipped {name}: {' or '.join(needed)} is not installed")
        return 0
    keras, failed, rng = importlib.import_module(name), 0, np.random.default_rng(1)
    for model in made_models(keras):
        model.set_weights([rng.uniform(0.1, 1, w.shape).astype("float32") for w in model.get_weights()])
        x = rng.normal(0, 1, (2, *model.input_shape[1:])).astype("float32")
        legacy, config, output = folder / "m.h5", folder / "m.json", folder / "m.weights.h5"
        model.save(legacy)
        config.write_text(model.to_json())
        for what, arguments in (("", [legacy]), (" by --weights", [config, "--weights", legacy])):
            save(sepconv, arguments[0], output, *arguments[1:])
            copy = keras.models.model_from_json(config.read_text())
            copy.load_weights(output)
            failed += check(f"{name} {model.name}{what}", copy, model, x)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=pathlib.Path, nargs="*", metavar="MODEL.keras")
    parser.add_argument("--made", action="store_true", help="also check models that are made here")
    parser.add_argument("--sepconv", type=pathlib.Path, required=True, metavar="PROGRAM")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        failed = sum(check_model(arguments.sepconv, path, pathlib.Path(folder)) for path in arguments.models)
        for name in ("keras", "tf_keras") if arguments.made else ():
            failed += check_made(arguments.sepconv, name, pathlib.Path(folder))
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
