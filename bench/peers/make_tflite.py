#!/usr/bin/env python3
"""Makes .tflite files of layers with TensorFlow's converter: float32, nothing quantised. They are kept in the folder
"tflite" of $SEPCONV_PEERS, under names that tell their content."""

import argparse
import hashlib
import json
import os
import pathlib
import re
import sys

from reference import tensors
from suite import DEFAULT_SUITE, Geometry, load_suite

FORM = 3  # of the graphs that are made: other graphs have other names


def tflite_variants(layer):
    return ["nhwc"] if layer["data_format"] == "channels_last" else ["nhwc", "transpose"]


def tflite_file(layer, variant):
    fields = {key: value for key, value in layer.items() if key not in ("group", "source")}
    digest = hashlib.sha256(json.dumps([FORM, variant, fields], sort_keys=True).encode()).hexdigest()[:10]
    return pathlib.Path(os.environ["SEPCONV_PEERS"]) / "tflite" / f"{layer['name']}.{variant}.{digest}.tflite"


def convert(layer, variant):
    import tensorflow as tf

    g = Geometry(layer)
    _, depthwise, pointwise, bias = tensors(layer)
    last = variant == "nhwc"

    @tf.function(input_signature=[tf.TensorSpec(g.input_shape(last), tf.float32)])
    def compute(t):
        if not last:
            t = tf.transpose(t, [0, 2, 3, 1])
        if layer["padding"] == "causal":
            t = tf.pad(t, [[0, 0], g.pads[0], g.pads[1], [0, 0]])
        # The op has one stride for both axes; an axis of one row does not care.
        stride = max(g.stride)
        t = tf.raw_ops.DepthwiseConv2dNative(
            input=t,
            filter=tf.constant(depthwise),
            strides=[1, stride, stride, 1],
            padding="SAME" if layer["padding"] == "same" else "VALID",
            dilations=[1, *g.dilation, 1],
        )
        if g.separable:
            t = tf.nn.conv2d(t, tf.constant(pointwise[None, None]), 1, "VALID")
        if bias is not None:
            t = tf.nn.bias_add(t, tf.constant(bias))
        if layer["activation"] == "relu":
            t = tf.nn.relu(t)
        if layer["activation"] == "relu6":
            t = tf.nn.relu6(t)
        return t if last else tf.transpose(t, [0, 3, 1, 2])

    path = tflite_file(layer, variant)
    path.parent.mkdir(parents=True, exist_ok=True)
    model = tf.lite.TFLiteConverter.from_concrete_functions([compute.get_concrete_function()]).convert()
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_bytes(model)
    temporary.replace(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", default=DEFAULT_SUITE)
    parser.add_argument("--only", default="", help="regular expression on layer names")
    parser.add_argument("--layer", action="store_true", help="one layer's JSON comes on stdin; no suite")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    if options.layer:
        layers = [json.load(sys.stdin)]
    else:
        layers = [layer for layer in load_suite(options.suite)["layers"] if re.search(options.only, layer["name"])]
    failed = 0
    for layer in layers:
        for variant in tflite_variants(layer):
            if tflite_file(layer, variant).exists():
                continue
            try:
                convert(layer, variant)
            except Exception as error:  # the other layers' files are still wanted
                failed += 1
                print(f"make_tflite: {layer['name']}, {variant}: {error}"[:300], file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
