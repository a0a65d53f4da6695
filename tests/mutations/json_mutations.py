"""Damages the JSON of a model: valid JSON comes out, and most of it is still a model."""

from __future__ import annotations

import copy
import random

VALUES = [None, True, False, 0, 1, -1, 2, 3, 7, 255, 65536, 10**6, 2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63,
          -2**63, 2**64, 1e308, -1e-300, 0.5, "", "x", "valid", "same", "causal", "channels_first", "float16",
          "float64", "mixed_bfloat16", "a/b", "\x1b[2J\u0000\n", "ü" * 40, "n" * 5000, [], {}, [None], [1, 2], [[3,
          3], [1, 1]], [None, 8, 8, 4], [0, 0], [10**6] * 2, ["input_1", 0, 0], "relu6", "softmax", "Functional",
          "Sequential", "InputLayer", "TimeDistributed"]
CLASSES = ["SeparableConv1D", "SeparableConv2D", "DepthwiseConv1D", "DepthwiseConv2D", "Conv1D", "Conv2D",
           "Conv2DTranspose", "Dense", "BatchNormalization", "Activation", "ReLU", "ZeroPadding2D", "Concatenate",
           "Add", "Reshape", "Permute", "UpSampling2D", "MaxPooling2D", "GlobalAveragePooling2D", "Bidirectional",
           "TimeDistributed", "InputLayer", "Functional", "Sequential", "Lambda", "Flatten", "Cropping1D", "LSTM",
           "MultiHeadAttention"]
# Keys whose values decide what is planned; half of the changes go there.
TELLING = {"kernel_size", "strides", "padding", "dilation_rate", "depth_multiplier", "filters", "units", "activation",
           "use_bias", "data_format", "batch_shape", "batch_input_shape", "input_shape", "build_input_shape", "axis",
           "dtype", "class_name", "name", "keras_history", "inbound_nodes", "layers", "input_layers", "output_layers",
           "epsilon", "target_shape", "groups", "layer", "registered_name", "module", "shape"}


def places(node, found: list) -> list:
    """(container, key) of every value below the node."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else []
    for key, value in items:
        found.append((node, key))
        places(value, found)
    return found


def scaled(value, rng: random.Random):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return rng.choice(VALUES)
    if isinstance(value, float):
        return rng.choice([-value, value * 1e30, 0.0, value / 1e30])
    return rng.choice([value + 1, value - 1, value * 2, value * 1000, -value, value << 20, value << 40])


def change(document, rng: random.Random) -> None:
    found = places(document, [])
    if not found:
        return
    telling = [place for place in found if place[1] in TELLING]
    container, key = rng.choice(telling if telling and rng.random() < 0.5 else found)
    kind = rng.randrange(8)
    if key == "class_name" and rng.random() < 0.7:
        container[key] = rng.choice(CLASSES)
    elif kind <= 2:
        container[key] = scaled(container[key], rng)
    elif kind == 3:
        container[key] = copy.deepcopy(rng.choice(VALUES))
    elif kind == 4:
        del container[key]
    elif kind == 5:
        other, other_key = rng.choice(found)
        container[key] = copy.deepcopy(other[other_key])
    elif isinstance(container, list):
        times = rng.choice([1, 1, 2, 50]) if kind == 6 else 1
        container[key:key] = [copy.deepcopy(container[key]) for _ in range(times)]
    else:
        container[rng.choice(sorted(TELLING))] = copy.deepcopy(rng.choice(VALUES))


def mutate(document, rng: random.Random):
    document = copy.deepcopy(document)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        change(document, rng)
    return document
