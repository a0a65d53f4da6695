#!/usr/bin/env python3
"""The Keras layer in a tf.function, called as a concrete function: plain ("tf") and with jit_compile ("xla").

Each call makes a new output tensor and costs some tens of microseconds: TensorFlow offers nothing else."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ["KERAS_BACKEND"] = "tensorflow"
import numpy as np

from protocol import Variant, adaptor_main
from reference import in_own_layout, tensors
from suite import Geometry


def keras_layer(layer, data_format):
    import keras

    classes = {
        ("separable", 1): keras.layers.SeparableConv1D,
        ("separable", 2): keras.layers.SeparableConv2D,
        ("depthwise", 1): keras.layers.DepthwiseConv1D,
        ("depthwise", 2): keras.layers.DepthwiseConv2D,
    }

    def short(values):
        return values[0] if len(set(values)) == 1 else tuple(values)

    arguments = {
        "kernel_size": tuple(layer["kernel"]),
        "strides": short(layer["stride"]),
        "dilation_rate": short(layer["dilation"]),
        "padding": "valid" if layer["padding"] == "causal" else layer["padding"],
        "depth_multiplier": layer["depth_multiplier"],
        "use_bias": layer["bias"],
        "data_format": data_format,
        "activation": None if layer["activation"] == "none" else layer["activation"],
    }
    if layer["kind"] == "separable":
        arguments["filters"] = layer["F"]
    return classes[layer["kind"], layer["dims"]](**arguments)


def make_variant(layer, xla, native):
    """native: channels_last data for a channels_first layer."""
    import tensorflow as tf

    g = Geometry(layer)
    x, depthwise, pointwise, bias = tensors(layer)
    data_format = "channels_last" if native else layer["data_format"]
    last = data_format == "channels_last"
    image = np.ascontiguousarray(x.reshape(g.input_shape(True, False))) if native else in_own_layout(layer, x)
    before = g.pads[1][0] if layer["padding"] == "causal" else 0
    pads = [[0, 0], [before, 0], [0, 0]] if last else [[0, 0], [0, 0], [before, 0]]
    shape = list(image.shape)
    shape[1 if last else -1] += before
    convolution = keras_layer(layer, data_format)
    convolution.build(tuple(shape))
    weights = [depthwise[0] if g.one else depthwise]
    if g.separable:
        weights.append(pointwise[None] if g.one else pointwise[None, None])
    convolution.set_weights(weights + ([] if bias is None else [bias]))

    @tf.function(jit_compile=xla, input_signature=[tf.TensorSpec(image.shape, tf.float32)])
    def compute(t):
        return convolution(tf.pad(t, pads) if before else t)

    function = compute.get_concrete_function()
    t = tf.constant(image)
    result = [function(t)]

    def run():
        result[0] = function(t)

    def out():
        y = result[0].numpy()
        return y.reshape(g.output_shape(True)) if last else y.reshape(g.output_shape(False)).transpose(0, 2, 3, 1)

    run.keep = convolution, compute
    return Variant(("xla" if xla else "tf") + (",nhwc" if native else ""), last == g.channels_last, run, out)


def setup(threads):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    import keras

    def build(layer):
        variants, failure = [], None
        for native in (False,) if Geometry(layer).channels_last else (False, True):
            for xla in (False, True):
                try:
                    variants.append(make_variant(layer, xla, native))
                except Exception as error:  # the CPU has no channels_first convolution without XLA
                    failure = error
        if not variants:
            raise failure
        return variants

    return f"{tf.__version__}, keras {keras.__version__}", build


if __name__ == "__main__":
    adaptor_main("keras-tf", setup)
