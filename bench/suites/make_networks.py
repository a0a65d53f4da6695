#!/usr/bin/env python3
"""Makes networks.json: every problem that `sepconv compile` plans for some real networks, each once.

Needs, in a virtual environment of your own (nothing else in the project reads Keras):

    pip install keras==3.15.1 jax h5py numpy

    python3 make_networks.py --sepconv build/release/tools/sepconv            # writes networks.json
    python3 make_networks.py --sepconv build/release/tools/sepconv --check    # changes nothing; 1: the list is out of date

Each network is made with random weights, saved as a .keras file and planned by `sepconv inspect --json`, so that the list
has what the planner folds and joins. The image networks are keras.applications'; the 1-D networks are written here, layer
by layer, from their papers, with the layers of each that a kernel is made for. A schedule is found by a problem's loops:
problems that differ in bias, activations or pads alone are one entry, of the first network that has it. Names begin with
the kind: `--layers 'sep_*'`, 'dw_*' or 'pw_*' (1x1 convolutions that are not joined with a depthwise one).
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
import problem_text  # noqa: E402

os.environ.setdefault("KERAS_BACKEND", "jax")
LIST = pathlib.Path(__file__).resolve().parent / "networks.json"
SHORT = {"separable": "sep", "depthwise": "dw", "pointwise": "pw"}


def mobilenet_v1(keras):
    return keras.applications.MobileNet(input_shape=(224, 224, 3), alpha=1.0, weights=None)


def mobilenet_v2(keras):
    return keras.applications.MobileNetV2(input_shape=(224, 224, 3), alpha=1.0, weights=None)


def xception(keras):
    return keras.applications.Xception(input_shape=(299, 299, 3), weights=None)


def efficientnet_b0(keras):
    return keras.applications.EfficientNetB0(input_shape=(224, 224, 3), weights=None)


def matchboxnet(keras):
    """3x2x64 on 64 MFCCs of 128 frames. Majumdar and Ginsburg, MatchboxNet, Interspeech 2020, table 1."""
    layers = keras.layers

    def separable(x, filters, size, dilation=1, relu=True):
        x = layers.SeparableConv1D(filters, size, dilation_rate=dilation, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        return layers.ReLU()(x) if relu else x

    features = layers.Input((128, 64))
    x = separable(features, 128, 11)
    for size in (13, 15, 17):
        shortcut = layers.BatchNormalization()(layers.Conv1D(64, 1, use_bias=False)(x))
        x = separable(x, 64, size)
        x = separable(x, 64, size, relu=False)
        x = layers.ReLU()(layers.Add()([x, shortcut]))
    x = separable(x, 128, 29, dilation=2)
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv1D(128, 1, use_bias=False)(x)))
    x = layers.Conv1D(30, 1)(x)
    return keras.Model(features, layers.GlobalAveragePooling1D()(x))


def quartznet(keras):
    """15x5 on 64 mel features of 1000 frames, 10 s. Kriman et al., QuartzNet, 2019 (arXiv 1910.10261), table 1."""
    layers = keras.layers

    def separable(x, filters, size, stride=1, dilation=1, relu=True):
        x = layers.SeparableConv1D(filters, size, strides=stride, dilation_rate=dilation, padding="same",
                                   use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        return layers.ReLU()(x) if relu else x

    features = layers.Input((1000, 64))
    x = separable(features, 256, 33, stride=2)
    for filters, size in ((256, 33), (256, 39), (512, 51), (512, 63), (512, 75)):
        for _ in range(3):
            shortcut = layers.BatchNormalization()(layers.Conv1D(filters, 1, use_bias=False)(x))
            for repeat in range(5):
                x = separable(x, filters, size, relu=repeat < 4)
            x = layers.ReLU()(layers.Add()([x, shortcut]))
    x = separable(x, 512, 87, dilation=2)
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv1D(1024, 1, use_bias=False)(x)))
    return keras.Model(features, layers.Conv1D(29, 1, dilation_rate=2)(x))


def causal_net(keras):
    """One second at 16 kHz. WaveNet's dilations 1 to 512 (van den Oord et al., 2016, arXiv 1609.03499) in a TCN's residual
    blocks (Bai et al., 2018, arXiv 1803.01271), with separable convolutions of 32 channels."""
    layers = keras.layers
    samples = layers.Input((16000, 1))
    x = layers.Conv1D(32, 1)(samples)
    for power in range(10):
        shortcut = x
        x = layers.ZeroPadding1D((2**power, 0))(x)
        x = layers.SeparableConv1D(32, 2, dilation_rate=2**power, activation="relu")(x)
        x = layers.Add()([x, shortcut])
    return keras.Model(samples, layers.Conv1D(1, 1)(layers.ReLU()(x)))


NETWORKS = [("mbv1", "MobileNetV1 224", mobilenet_v1), ("mbv2", "MobileNetV2 224", mobilenet_v2),
            ("xception", "Xception 299", xception), ("effb0", "EfficientNet-B0 224", efficientnet_b0),
            ("matchboxnet", "MatchboxNet 3x2x64, 128 frames", matchboxnet),
            ("quartznet", "QuartzNet 15x5, 1000 frames", quartznet),
            ("causal", "WaveNet-like causal net, 1 s at 16 kHz", causal_net)]


class Problem:
    """A problem's text, read."""

    def __init__(self, text):
        self.text = text
        problem = problem_text.parse(text)
        self.op = problem_text.kind_of(problem)
        if self.op is None:
            raise ValueError(f"cannot read the problem '{text}'")
        first, last = problem["stages"][0], problem["stages"][-1]
        self.bias, self.activation = problem_text.epilogue(last)
        self.channels, self.multiplier = problem["IC"], first["multiplier"]
        self.filters = last.get("filters", self.channels * self.multiplier)
        self.extents = (problem["IH"], problem["IW"])
        self.window, self.strides, self.dilations = (
            tuple(first[key + axis] for axis in axes)
            for key, axes in (("K", "HW"), ("stride_", "hw"), ("dilation_", "hw")))
        pads = [first["pad_" + side] for side in ("top", "bottom", "left", "right")]
        self.pads = (tuple(pads[:2]), tuple(pads[2:]))
        self.reach = tuple((k - 1) * d for k, d in zip(self.window, self.dilations))

    def loops(self):
        """What a schedule is found by: equal for problems that differ in bias, activations and pads alone."""
        out = tuple((extent + sum(pads) - reach - 1) // stride + 1
                    for extent, pads, reach, stride in zip(self.extents, self.pads, self.reach, self.strides))
        return (self.op, out, self.channels, self.filters, self.window, self.strides, self.dilations, self.multiplier)

    def one_dimensional(self):
        return self.extents[0] == 1 and self.window[0] == 1

    def padding(self):
        """Keras' word for the pads."""
        if not any(map(sum, self.pads)):
            return "valid"
        if self.pads == ((0, 0), (self.reach[1], 0)):
            return "causal"
        totals = (max((-(-extent // stride) - 1) * stride + reach + 1 - extent, 0)
                  for extent, reach, stride in zip(self.extents, self.reach, self.strides))
        if self.pads == tuple((total // 2, total - total // 2) for total in totals):
            return "same"
        raise ValueError(f"'{self.text}': no padding of Keras' has these pads")

    def name(self, network):
        last = 1 if self.one_dimensional() else 0
        parts = [SHORT[self.op], network, "x".join(map(str, (*self.extents[last:], self.channels)))]
        parts += [str(self.filters)] if self.op != "depthwise" else []
        parts += [f"k{self.window[1]}"] if self.op != "pointwise" else []
        parts += [f"s{self.strides[1]}"] if self.strides[1] > 1 else []
        parts += [f"d{self.dilations[1]}"] if self.dilations[1] > 1 else []
        return "_".join(parts)

    def layer(self, network, source):
        """The entry of a list of layers."""
        last = 1 if self.one_dimensional() else 0
        rank = 2 - last
        config = {"name": self.name(network), "kernel_size": list(self.window[last:])}
        if self.op != "depthwise":
            config["filters"] = self.filters
        if any(stride > 1 for stride in self.strides):
            config["strides"] = list(self.strides[last:])
        if any(dilation > 1 for dilation in self.dilations):
            config["dilation_rate"] = list(self.dilations[last:])
        if self.multiplier > 1:
            config["depth_multiplier"] = self.multiplier
        if self.padding() != "valid":
            config["padding"] = self.padding()
        if self.activation != "linear":
            config["activation"] = self.activation
        if not self.bias:
            config["use_bias"] = False
        classes = {"separable": "SeparableConv", "depthwise": "DepthwiseConv", "pointwise": "Conv"}
        layer = {"source": source, "class_name": f"{classes[self.op]}{rank}D"}
        if self.padding() == "causal":
            layer["api"] = "tf_keras2"  # Keras 3's layer has no causal padding
        layer["input_shape"] = [None, *self.extents[last:], self.channels]
        layer["config"] = config
        return layer


def planned(sepconv, path):
    """The problems of a model or list."""
    answer = subprocess.run([sepconv, "inspect", str(path), "--json"], check=True, stdout=subprocess.PIPE, text=True)
    return [Problem(layer["problem"]) for layer in json.loads(answer.stdout)["layers"]]


def network_problems(sepconv):
    """For each network its short name, its source and its problems, each once."""
    import keras

    for short, source, make in NETWORKS:
        keras.utils.clear_session()
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / f"{short}.keras"
            make(keras).save(path)
            problems = {}
            for problem in planned(sepconv, path):
                problems.setdefault(problem.loops(), problem)
        yield short, source, list(problems.values())


def make_list(networks):
    seen, layers = set(), []
    for short, source, problems in networks:
        for problem in problems:
            if problem.loops() not in seen:
                seen.add(problem.loops())
                layers.append(problem.layer(short, source))
    return layers


def list_text(layers):
    """A line a layer."""
    return "[\n" + ",\n".join("  " + json.dumps(layer) for layer in layers) + "\n]\n"


def print_counts(networks, layers):
    for short, source, problems in networks:
        ops = [problem.op for problem in problems]
        kinds = ", ".join(f"{ops.count(op)} {op}" for op in SHORT if op in ops)
        new = sum(layer["source"] == source for layer in layers)
        print(f"{source}: {len(problems)} problems ({kinds}), {new} of them in no network above")
    print(f"{len(layers)} layers")


def check(sepconv, networks):
    """The list has the loops of every network and no others. Returns what is wrong."""
    listed = {problem.loops(): problem for problem in planned(sepconv, LIST)}
    wrong = []
    wanted = set()
    for short, source, problems in networks:
        for problem in problems:
            wanted.add(problem.loops())
            if problem.loops() not in listed:
                wrong.append(f"{source}: no layer of the list is '{problem.text}'")
    wrong += [f"no network has '{problem.text}'" for loops, problem in listed.items() if loops not in wanted]
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sepconv", default="sepconv", help="the program that plans the networks")
    parser.add_argument("--check", action="store_true", help="compare the list with the networks; write nothing")
    arguments = parser.parse_args()
    networks = list(network_problems(arguments.sepconv))
    layers = make_list(networks)
    if arguments.check:
        wrong = check(arguments.sepconv, networks)
        print("\n".join(wrong) if wrong else f"{LIST.name} has the problems of all networks")
        return 1 if wrong else 0
    temporary = LIST.with_suffix(".tmp")
    temporary.write_text(list_text(layers), encoding="utf-8")
    os.replace(temporary, LIST)
    print_counts(networks, layers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
