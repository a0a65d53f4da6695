#!/usr/bin/env python3
"""Turns a Keras model into the files that the peers of bench_networks.py read, float32 and batch 1:

  input.npy, expected.npy       one input, and what Keras computes for it
  saved_model/                  for TensorFlow, with constant weights
  model.tflite                  for LiteRT and OpenVINO, by TensorFlow's converter
  model.onnx                    for ONNX Runtime and OpenVINO, by tf2onnx
  model.mlirbc                  StableHLO, by JAX
  model.vmfb, im2col.vmfb       for IREE, by its compiler from StableHLO, for the CPU of this machine

failures.json, which is written last, says why a file could not be made. Files newer than the model are kept.
"""

import argparse
import contextlib
import json
import os
import pathlib
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2  # noqa: E402

import compile_iree  # noqa: E402
from network_files import FAILURES, existing, is_current, write_whole  # noqa: E402

OPSET = 17


def plain_function(model, shape):
    """The model as a tf.function for exactly one image."""
    return tf.function(lambda t: model(t, training=False), input_signature=[tf.TensorSpec(shape, tf.float32, "input")])


def frozen_function(model, shape):
    """The same as a concrete function whose weights are constants, which every peer computes faster with."""
    return convert_variables_to_constants_v2(plain_function(model, shape).get_concrete_function())


def write_expected(path, model, source):
    x = np.ascontiguousarray(np.load(source)[:1].astype("float32"))
    np.save(path.parent / "input.npy", x)
    np.save(path, np.asarray(model(x, training=False)))


def write_saved_model(path, model, shape):
    holder, frozen = tf.Module(), frozen_function(model, shape)
    holder.compute = tf.function(lambda t: frozen(t)[0], input_signature=[tf.TensorSpec(shape, tf.float32)])
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)  # swish has one, which cannot be saved
    tf.saved_model.save(holder, str(path), options=options)


def write_tflite(path, model, shape):
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([frozen_function(model, shape)]).convert())


def write_onnx(path, model, shape):
    import tf2onnx
    from tf2onnx.handler import tf_op

    @tf_op("Erfc")  # tf2onnx has none, and Keras' exact GELU needs it
    class Erfc:
        @classmethod
        def version_9(cls, ctx, node, **_):
            outputs, shape, dtype = node.output, ctx.get_shape(node.output[0]), ctx.get_dtype(node.output[0])
            ctx.remove_node(node.name)
            erf = ctx.make_node("Erf", node.input, shapes=[shape], dtypes=[dtype])
            one = ctx.make_const(f"{node.name}_one", np.float32(1))
            ctx.make_node("Sub", [one.output[0], erf.output[0]], outputs=outputs, shapes=[shape], dtypes=[dtype])

    frozen = frozen_function(model, shape)
    made, _ = tf2onnx.convert.from_graph_def(frozen.graph.as_graph_def(), input_names=[frozen.inputs[0].name],
                                             output_names=[frozen.outputs[0].name], opset=OPSET)
    path.write_bytes(made.SerializeToString())


@contextlib.contextmanager
def depthwise_operators():
    """Within, a Conv2D with one group per channel becomes TensorFlow's depthwise operator. Keras makes it a function
    that XLA must compile, which tf2onnx cannot read."""
    from keras.src.backend.tensorflow import nn

    plain = nn.conv

    def conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
        kernel_shape, channels = tuple(kernel.shape), inputs.shape[-1]
        if (len(kernel_shape) != 4 or data_format != "channels_last" or kernel_shape[2] != 1 or channels == 1
                or kernel_shape[3] != channels or set(np.ravel(strides)) != {1}):
            return plain(inputs, kernel, strides, padding, data_format, dilation_rate)
        turned = tf.transpose(kernel, [0, 1, 3, 2])
        dilations = [int(one) for one in np.broadcast_to(dilation_rate, 2)]
        return tf.nn.depthwise_conv2d(inputs, turned, [1, 1, 1, 1], padding.upper(), dilations=dilations)

    nn.conv = conv
    try:
        yield
    finally:
        nn.conv = plain


def convert(model_file, folder):
    """Returns {file: why it could not be made}."""
    folder.mkdir(parents=True, exist_ok=True)
    model = keras.models.load_model(model_file, compile=False)
    shape = (1, *model.input_shape[1:])
    write_expected(folder / "expected.npy", model, model_file.parent / "input.npy")
    failures = {}

    def stablehlo():
        return existing(folder, "model.mlirbc", failures)

    steps = {
        "saved_model": lambda path: write_saved_model(path, model, shape),
        "model.tflite": lambda path: write_tflite(path, model, shape),
        "model.onnx": lambda path: write_onnx(path, model, shape),
        "model.mlirbc": lambda path: compile_iree.export(path, model_file),
        "model.vmfb": lambda path: compile_iree.write_module(path, stablehlo()),
        "im2col.vmfb": lambda path: compile_iree.write_module(path, stablehlo(), compile_iree.IM2COL),
    }
    for name, write in steps.items():
        if is_current(folder / name, model_file):
            continue
        try:
            with depthwise_operators():
                write_whole(folder / name, write)
        except Exception as error:  # the other peers' files are still wanted
            failures[name] = f"{type(error).__name__}: {error}"[:300]
    (folder / FAILURES).write_text(json.dumps(failures, indent=1) + "\n", encoding="utf-8")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=pathlib.Path, required=True, help="folder with NAME/NAME.keras and NAME/input.npy")
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="where NAME/ is made")
    parser.add_argument("names", nargs="+")
    options = parser.parse_args()
    for name in options.names:
        failures = convert(options.models / name / f"{name}.keras", options.folder / name)
        for file, why in failures.items():
            print(f"network_convert: {name}, {file}: {why}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
