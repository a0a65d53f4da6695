#!/usr/bin/env python3
"""Makes the model files in tests/data/models with real Keras.

Needs, in a virtual environment of your own (the tests only read the files):

    pip install keras==3.15.1 jax h5py numpy                   # mobilenet, xception_mini, kws1d, tiny_bf16, nested, wrapped,
                                                               # grouped, timed
    pip install tensorflow-cpu tf_keras                        # tcn_causal, timed_tfkeras, written by tf.keras 2

    KERAS_BACKEND=jax python3 make_models.py OUTPUT_DIR [NAME ...]

Each model gets seeded random weights; BatchNormalization statistics are taken from the data that flows through, so
that no activation saturates. Beside NAME.keras (and .h5, .json) stand NAME_io.npz, with the input, the output and the
outputs of up to three layers as Keras computed them, and the model's entry of models.json: each convolution of the
outermost model, and the BatchNormalization and activation layers that directly follow it.

The weights depend on the versions above: a model made anew has the same structure and other numbers, so the .keras,
.h5, .json and _io.npz files of one model must be replaced together.
"""

import argparse
import json
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np  # noqa: E402


def mobilenet_block(layers, x, filters, stride, index):
    """Depthwise 3x3, BN, ReLU6, 1x1, BN, ReLU6; stride 2 pads explicitly, as keras.applications does."""
    if stride == 2:
        x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{index}")(x)
    x = layers.DepthwiseConv2D(3, strides=stride, padding="same" if stride == 1 else "valid", use_bias=False,
                               name=f"conv_dw_{index}")(x)
    x = layers.BatchNormalization(name=f"conv_dw_{index}_bn")(x)
    x = layers.ReLU(6.0, name=f"conv_dw_{index}_relu")(x)
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"conv_pw_{index}")(x)
    x = layers.BatchNormalization(name=f"conv_pw_{index}_bn")(x)
    return layers.ReLU(6.0, name=f"conv_pw_{index}_relu")(x)


def mobilenet_v1_025_96(keras):
    layers = keras.layers
    image = layers.Input((96, 96, 3), name="image")
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name="conv1")(image)
    x = layers.BatchNormalization(name="conv1_bn")(x)
    x = layers.ReLU(6.0, name="conv1_relu")(x)
    blocks = [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2)] + [(128, 1)] * 5 + [(256, 2), (256, 1)]
    for index, (filters, stride) in enumerate(blocks, start=1):
        x = mobilenet_block(layers, x, filters, stride, index)
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Dropout(0.001, name="dropout")(x)
    x = layers.Conv2D(10, 1, padding="same", name="conv_preds")(x)
    x = layers.Reshape((10,), name="reshape_2")(x)
    x = layers.Activation("softmax", name="predictions")(x)
    return keras.Model(image, x, name="mobilenet_v1_025_96"), 2, ["conv_dw_1", "conv_pw_4_relu", "conv_pw_13_relu"]


def xception_mini(keras):
    layers = keras.layers

    def separable(x, filters, name, activate=True, **kwargs):
        if activate:
            x = layers.Activation("relu", name=f"{name}_act")(x)
        x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name, **kwargs)(x)
        return layers.BatchNormalization(name=f"{name}_bn")(x)

    image = layers.Input((64, 64, 3), name="image")
    x = image
    for index, (filters, stride) in enumerate([(16, 2), (24, 1)], start=1):
        x = layers.Conv2D(filters, 3, strides=stride, use_bias=False, name=f"block1_conv{index}")(x)
        x = layers.BatchNormalization(name=f"block1_conv{index}_bn")(x)
        x = layers.Activation("relu", name=f"block1_conv{index}_act")(x)
    for block, filters in enumerate([32, 48, 64], start=2):
        shortcut = layers.Conv2D(filters, 1, strides=2, padding="same", use_bias=False, name=f"block{block}_res")(x)
        shortcut = layers.BatchNormalization(name=f"block{block}_res_bn")(shortcut)
        x = separable(x, filters, f"block{block}_sepconv1", activate=block > 2)
        x = separable(x, filters, f"block{block}_sepconv2")
        x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"block{block}_pool")(x)
        x = layers.Add(name=f"block{block}_add")([x, shortcut])
    for block in (5, 6):
        shortcut = x
        for step in (1, 2, 3):
            x = separable(x, 64, f"block{block}_sepconv{step}")
        x = layers.Add(name=f"block{block}_add")([x, shortcut])
    x = layers.SeparableConv2D(96, 3, padding="same", dilation_rate=2, depth_multiplier=2, activation="relu",
                               name="exit_sepconv1")(x)
    x = separable(x, 128, "exit_sepconv2", activate=False)
    x = layers.Activation("relu", name="exit_sepconv2_act")(x)
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = layers.Dense(10, activation="softmax", name="predictions")(x)
    return keras.Model(image, x, name="xception_mini"), 2, ["block2_sepconv1", "block4_add", "exit_sepconv1"]


def kws1d(keras):
    layers = keras.layers
    logmel = layers.Input((98, 40), name="logmel")
    x = layers.SeparableConv1D(48, 9, strides=2, padding="same", activation="silu", name="stem")(logmel)
    x = layers.BatchNormalization(name="stem_bn")(x)
    blocks = [(64, 5, 1, 1, False), (64, 9, 1, 2, True), (96, 5, 2, 1, False), (96, 9, 1, 4, True)]
    for index, (filters, size, stride, dilation, residual) in enumerate(blocks, start=1):
        shortcut = x
        x = layers.DepthwiseConv1D(size, strides=stride, dilation_rate=dilation, padding="same", use_bias=False,
                                   name=f"b{index}_dw")(x)
        x = layers.BatchNormalization(name=f"b{index}_dw_bn")(x)
        x = layers.ReLU(6.0, name=f"b{index}_dw_relu")(x)
        x = layers.Conv1D(filters, 1, use_bias=False, name=f"b{index}_pw")(x)
        x = layers.BatchNormalization(name=f"b{index}_pw_bn")(x)
        if residual:
            x = layers.Add(name=f"b{index}_add")([x, shortcut])
        x = layers.Activation("relu", name=f"b{index}_act")(x)
    x = layers.SeparableConv1D(96, 5, depth_multiplier=2, activation="relu6", name="head_sep")(x)
    x = layers.DepthwiseConv1D(3, padding="same", depth_multiplier=2, activation="hard_silu", name="head_dw")(x)
    x = layers.GlobalAveragePooling1D(name="pool")(x)
    x = layers.Dropout(0.1, name="drop")(x)
    x = layers.Dense(12, activation="softmax", name="scores")(x)
    return keras.Model(logmel, x, name="kws1d"), 3, ["stem", "b2_dw", "head_dw"]


def tiny_bf16(keras):
    layers = keras.layers
    model = keras.Sequential([
        layers.Input((12, 12, 3), name="in", dtype="bfloat16"),
        layers.SeparableConv2D(8, 3, padding="same", activation="relu", dtype="bfloat16", name="sep"),
        layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2, dtype="bfloat16", name="dw"),
        layers.GlobalAveragePooling2D(dtype="bfloat16", name="gap"),
        layers.Dense(4, dtype="bfloat16", name="fc"),
    ], name="tiny_bf16")
    return model, 1, ["sep", "dw", "gap"]


def nested(keras):
    """Models inside models, so that groups of weights nest and names repeat on different levels."""
    layers = keras.layers

    def stem(name, filters):
        return keras.Sequential([
            layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="dw"),
            layers.BatchNormalization(name="dw_bn"),
            layers.ReLU(6.0, name="dw_relu"),
            layers.Conv2D(filters, 1, name="pw"),
        ], name=name)

    tile = layers.Input((16, 16, 8), name="tile")
    x = layers.SeparableConv2D(8, 3, padding="same", use_bias=False, name="sep")(tile)
    x = layers.BatchNormalization(center=True, scale=True, name="sep_bn")(x)
    x = stem("inner_stem", 8)(x)
    x = layers.Add(name="add")([x, tile])
    block = keras.Model(tile, x, name="block")

    image = layers.Input((16, 16, 4), name="image")
    x = stem("stem", 8)(image)
    x = block(x)
    x = layers.SeparableConv2D(12, 3, strides=2, padding="same", activation="relu", name="sep")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(5, activation="softmax", name="scores")(x)
    return keras.Model(image, x, name="nested"), 2, []


def wrapped(keras):
    """A layer inside of a wrapper, whose weights lie deeper, and Dropout, whose seed Keras saves among the weights."""
    layers = keras.layers
    return keras.Sequential([
        layers.Input((8, 3)),
        layers.SeparableConv1D(4, 3, activation="relu", name="sep"),
        layers.Dropout(0.5, name="drop"),
        layers.Bidirectional(layers.LSTM(2, name="lstm"), name="both"),
        layers.Dense(2, name="out"),
    ], name="wrapped"), 2, []


def grouped(keras):
    """Conv layers whose groups have one channel each, which are depthwise layers, and one whose groups have two."""
    layers = keras.layers
    image = layers.Input((12, 12, 6), name="image")
    x = layers.Conv2D(12, 3, groups=6, padding="same", use_bias=False, name="twofold")(image)
    x = layers.BatchNormalization(name="twofold_bn")(x)
    x = layers.ReLU(6.0, name="twofold_relu")(x)
    x = layers.Conv2D(8, 1, name="pw")(x)
    x = layers.Conv2D(8, (5, 3), groups=8, strides=2, padding="same", activation="silu", name="strided")(x)
    x = layers.Conv2D(8, 3, groups=4, padding="same", name="pairs")(x)
    x = layers.Reshape((36, 8), name="row")(x)
    x = layers.Conv1D(24, 4, groups=8, padding="causal", dilation_rate=2, name="causal")(x)
    x = layers.Conv1D(5, 1, activation="relu", name="pw1d")(x)
    x = layers.GlobalAveragePooling1D(name="pool")(x)
    return keras.Model(image, x, name="grouped"), 2, ["twofold", "strided", "causal"]


def timed_layers(keras, name):
    """Convolutions inside of TimeDistributed: single layers in a row, a model, and two levels of time."""
    layers = keras.layers
    timed = layers.TimeDistributed
    video = layers.Input((3, 10, 12, 4), name="video")
    x = timed(layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="dw"), name="t_dw")(video)
    x = timed(layers.BatchNormalization(name="bn"), name="t_bn")(x)
    x = timed(layers.ReLU(6.0, name="relu"), name="t_relu")(x)
    x = timed(layers.Conv2D(6, 1, name="pw"), name="t_pw")(x)

    frame = layers.Input((10, 12, 6), name="frame")
    y = layers.SeparableConv2D(8, 3, strides=2, padding="same", activation="relu", name="sep")(frame)
    y = layers.BatchNormalization(name="sep_bn")(y)
    y = layers.DepthwiseConv2D(3, name="dw")(y)
    x = timed(keras.Model(frame, y, name="encoder"), name="t_encoder")(x)
    x = timed(timed(layers.SeparableConv1D(5, 2, name="rows"), name="t_rows"), name="t_t_rows")(x)
    x = timed(layers.Flatten(name="flat"), name="t_flat")(x)
    x = layers.SeparableConv1D(4, 2, activation="relu", name="after")(x)
    x = layers.GlobalAveragePooling1D(name="pool")(x)
    return keras.Model(video, x, name=name), 2, ["t_dw", "t_relu", "t_pw", "t_encoder", "t_t_rows"]


def timed(keras):
    return timed_layers(keras, "timed")


def timed_tfkeras(keras):
    return timed_layers(keras, "timed_tfkeras")


def tcn_causal(keras):
    """Causal padding, which only tf.keras 2 has in SeparableConv1D."""
    layers = keras.layers
    frames = layers.Input((64, 20), name="frames")
    x = layers.SeparableConv1D(32, 3, padding="causal", name="c0")(frames)
    for index, dilation in enumerate([1, 2, 4, 8], start=1):
        y = layers.SeparableConv1D(32, 3, padding="causal", dilation_rate=dilation, activation="relu",
                                   name=f"c{index}")(x)
        y = layers.BatchNormalization(name=f"c{index}_bn")(y)
        x = layers.Add(name=f"c{index}_add")([y, x])
    x = layers.SeparableConv1D(24, 2, strides=2, padding="causal", activation="hard_sigmoid", name="down")(x)
    x = layers.DepthwiseConv1D(5, padding="same", depth_multiplier=2, name="dw")(x)
    x = layers.LeakyReLU(name="leaky")(x)
    x = layers.GlobalAveragePooling1D(name="pool")(x)
    x = layers.Dense(5, activation="softmax", name="out")(x)
    return keras.Model(frames, x, name="tcn_causal"), 3, ["c1", "down", "dw"]


FORMS = {  # which forms of each model the tests use
    mobilenet_v1_025_96: [".keras", ".json"],
    xception_mini: [".keras", ".h5"],
    kws1d: [".keras", ".json"],
    tiny_bf16: [".keras"],
    nested: [".keras", ".h5"],
    wrapped: [".keras", ".h5"],
    grouped: [".keras", ".h5"],
    timed: [".keras", ".h5"],
    timed_tfkeras: [".keras", ".h5"],
    tcn_causal: [".keras", ".h5", ".json"],
}
WRITTEN_BY_TF_KERAS = (tcn_causal, timed_tfkeras)


def all_layers(model):
    """The layers of a model and of the models inside it, each once."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from all_layers(layer)
        else:
            yield layer


def set_weights(model, rng):
    for layer in all_layers(model):
        values = []
        for weight in layer.weights:
            shape = tuple(weight.shape)
            kind = weight.name.split("/")[-1].split(":")[0]
            if kind == "gamma":
                value = rng.uniform(0.6, 1.4, shape)
            elif kind == "moving_variance":
                value = rng.uniform(0.5, 2.0, shape)
            elif kind in ("beta", "bias", "moving_mean"):
                value = rng.normal(0, 0.1, shape)
            else:
                terms = np.prod(shape[:2]) if "depthwise" in kind or "Depthwise" in type(layer).__name__ else np.prod(
                    shape[:-1])
                value = rng.normal(0, 1 / np.sqrt(terms), shape)
            values.append(value.astype("float32"))
        if values:
            layer.set_weights(values)


def take_statistics(keras, model, inputs, rng):
    """Sets the moving mean and variance of each top-level BatchNormalization to those of the data it sees."""
    for layer in model.layers:
        if type(layer).__name__ != "BatchNormalization":
            continue
        seen = np.asarray(keras.Model(model.inputs, layer.input).predict(inputs, verbose=0))
        axes = tuple(range(seen.ndim - 1))
        variance = np.maximum(seen.var(axes), 0.05) * rng.uniform(0.9, 1.1, seen.shape[-1])
        values = layer.get_weights()
        values[-2:] = [seen.mean(axes).astype("float32"), variance.astype("float32")]
        layer.set_weights(values)


def followers(model, layer):
    """Names of the BatchNormalization and activation layers that follow, one consumer each."""
    readers = {}
    for other in model.layers:
        for tensor in other.input if isinstance(other.input, list) else [other.input]:
            readers.setdefault(tensor.name, []).append(other)
    chain = []
    while len(readers.get(layer.output.name, [])) == 1:
        layer = readers[layer.output.name][0]
        kind = type(layer).__name__
        if kind == "Activation":
            chain.append(f"Activation:{layer.activation.__name__}")
        elif kind in ("ReLU", "LeakyReLU"):
            chain.append(f"{kind}:{getattr(layer, 'max_value', None)}")
        elif kind == "BatchNormalization":
            chain.append(kind)
        else:
            break
    return chain


def describe(model, name, api, files, inputs, output):
    conv_layers = []
    for layer in model.layers:
        if "Conv" not in type(layer).__name__:
            continue
        config = layer.get_config()
        row = {"name": layer.name, "class_name": type(layer).__name__}
        for key in ("kernel_size", "strides", "dilation_rate", "padding", "use_bias", "activation"):
            row[key] = config[key]
        row["input_shape"] = list(layer.input.shape[1:])
        row["output_shape"] = list(layer.output.shape[1:])
        row["then"] = followers(model, layer)
        if "depth_multiplier" in config:
            row["depth_multiplier"] = config["depth_multiplier"]
        conv_layers.append(row)
    return {"name": name, "api": api, "files": files, "io": f"{name}_io.npz", "input_shape": list(inputs.shape),
            "output_shape": list(output.shape), "conv_layers": conv_layers}


def storable(array):
    """bfloat16, which .npy does not know, as its bits."""
    array = np.asarray(array)
    return array.view(np.uint16) if array.dtype.name == "bfloat16" else array


def write(builder, folder):
    api = "tf_keras2" if builder in WRITTEN_BY_TF_KERAS else "keras3"
    if api == "tf_keras2":
        import tf_keras as keras
    else:
        import keras
    name = builder.__name__
    rng = np.random.default_rng(sum(name.encode()))
    model, batch, intermediates = builder(keras)
    set_weights(model, rng)
    inputs = rng.normal(0, 1, (batch,) + tuple(model.inputs[0].shape[1:])).astype("float32")
    take_statistics(keras, model, inputs, rng)
    files = []
    for form in FORMS[builder]:
        path = folder / f"{name}{form}"
        if form == ".json":
            path.write_text(model.to_json())
        else:
            model.save(path)
        files.append(path.name)
    output = model.predict(inputs, verbose=0)
    arrays = {"input": inputs, "output": output}
    for layer in intermediates:
        arrays[f"layer_{layer}"] = keras.Model(model.inputs, model.get_layer(layer).output).predict(inputs, verbose=0)
    np.savez(folder / f"{name}_io.npz", **{key: storable(value) for key, value in arrays.items()})
    return describe(model, name, api, files, inputs, np.asarray(output))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("names", nargs="*", help="models to make; all when none is named")
    arguments = parser.parse_args()
    builders = {builder.__name__: builder for builder in FORMS}
    unknown = set(arguments.names) - set(builders)
    if unknown:
        parser.error(f"unknown model {sorted(unknown)[0]}; known: {', '.join(builders)}")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    rows = [write(builders[name], arguments.folder) for name in arguments.names or builders]
    path = arguments.folder / "models.json"
    old = json.loads(path.read_text())["models"] if path.exists() else []
    kept = [row for row in old if row["name"] not in {new["name"] for new in rows}]
    path.write_text(json.dumps({"format": 1, "models": kept + rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
