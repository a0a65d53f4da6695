#!/usr/bin/env python3
"""Builds well-known networks with Keras at full size, runs them with sepconv, and compares each block.

    tests/networks/setup.sh
    build/keras/bin/python tests/networks/check_networks.py --sepconv build/release/tools/sepconv

Each network runs twice: "NAME blocks" has the output of each block and the last one before the softmax, "NAME" is the
network as Keras users have it. The reference is Keras in float64. An error may be 4 times Keras' own float32 error, and at
most 1e-4 of the largest value. First, a network with one changed weight must fail.

Models and outputs stay in build/networks.
Exit status: 0 passed, 1 an output is beyond its limit, 2 invalid usage, 3 sepconv failed.
"""

import argparse
import fnmatch
import os
import pathlib
import sys
import time

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras  # noqa: E402
import numpy as np  # noqa: E402

import archives  # noqa: E402
import compare  # noqa: E402
import networks  # noqa: E402
import reference  # noqa: E402
import sepconv_runs  # noqa: E402

MEASURED = 4  # inputs that Keras' error is taken from
COMPARED = 2  # inputs that sepconv runs
SELF_TEST = "eegnet_last"


def softmax(values):
    powers = np.exp(values - values.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def expected_of(outputs):
    return [compare.Expected(one.name, one.values[:COMPARED], one.keras_error, one.limit, one.deviation)
            for one in outputs]


class Checker:
    def __init__(self, arguments):
        self.sepconv, self.folder, self.narrow, self.status = arguments.sepconv, arguments.folder, arguments.narrow, 0
        self.target = arguments.target or sepconv_runs.best_target(arguments.sepconv)

    def save(self, title, model):
        path = self.folder / title.replace(" ", "_") / f"{title.split()[0]}.keras"
        path.parent.mkdir(parents=True, exist_ok=True)
        model.save(path)
        return path

    def run(self, title, made, path, outputs, wanted=True):
        """Compiles, runs and compares one model, and prints its row."""
        start = time.monotonic()
        try:
            actual = sepconv_runs.run_network(self.sepconv, self.target, path, made.inputs[:COMPARED],
                                              [one.name for one in outputs], path.parent)
        except sepconv_runs.RunFailed as error:
            print(f"{title:26} {error}", flush=True)
            self.status = 3
            return
        expected = expected_of(outputs)
        row = compare.compare(title, len(made.model.operations), actual, expected, time.monotonic() - start)
        deviations = [one.deviation for one in made.outputs]
        row.deviations = (min(deviations), max(deviations))
        print(compare.text_of(row) + ("" if wanted or row.passed else " (as it must)"), flush=True)
        if row.passed != wanted:
            self.status = max(self.status, 1)

    def blocks_and_whole(self, name):
        """Both runs of a network."""
        made = reference.make_reference(name, self.narrow, MEASURED)
        path = self.save(f"{name} blocks", made.cut)
        reference.check_file(made, path)
        self.run(f"{name} blocks", made, path, made.outputs)
        whole = networks.build(name, self.narrow)
        whole.set_weights(made.model.get_weights())
        path = self.save(name, whole)
        single, = reference.evaluate(keras.models.load_model(path, compile=False), made.inputs)
        double = softmax(made.outputs[-1].values)
        whole_output = reference.describe(whole.output_names[0], single, double, least=0)
        self.run(name, made, path, [whole_output])

    def changed_weight(self):
        """That the comparison fails if one weight in the middle is 3 % larger."""
        made = reference.make_reference(SELF_TEST, self.narrow, MEASURED)
        change = reference.noticed_change(made, COMPARED)
        archives.apply(change, made.model, change.changed)
        path = self.save(f"{SELF_TEST} changed", made.cut)
        self.run(f"{SELF_TEST} changed", made, path, made.outputs, wanted=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sepconv", required=True, help="the program")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("build/networks"), help="for models and outputs")
    parser.add_argument("--target", help="what to compile for; default: the best that this machine runs")
    parser.add_argument("--narrow", action="store_true", help="check the narrow networks instead")
    parser.add_argument("--only", default="*", help="pattern of the names of networks")
    arguments = parser.parse_args()
    names = fnmatch.filter(networks.NETWORKS, arguments.only)
    if not names:
        parser.error(f"--only {arguments.only}: no such network; known: {', '.join(networks.NETWORKS)}")
    checker = Checker(arguments)
    print(f"target {checker.target}\n{compare.HEADER}", flush=True)
    checker.changed_weight()
    for name in names:
        checker.blocks_and_whole(name)
    return checker.status


if __name__ == "__main__":
    sys.exit(main())
