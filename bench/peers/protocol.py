"""The adaptors' side of the protocol (README.md): options, timing, answers."""

import argparse
import gc
import json
import math
import os
import re
import sys
import time

from suite import load_suite

KEEP_WITHIN = 1.2  # variants this much slower than the best are not timed again for the same layer


class Variant:
    """One way to run a layer.

    strict: input and output lie in memory as the layer's data_format says. run(): one call, done when it returns.
    out(): its result as a dense NHWC array."""

    def __init__(self, name, strict, run, out, note=""):
        self.name, self.strict, self.run, self.out, self.note = name, strict, run, out, note


def measure(call, seconds):
    """Warm-up, then samples of one call, or of as many as take 20 us, until `seconds` and 5 samples.

    Returns the median and the least in ms, and the number of calls."""
    clock = time.perf_counter
    call()
    count, start = 0, clock()
    while count < 2 or (clock() - start < min(0.03, seconds / 3) and count < 2000):
        call()
        count += 1
    repeats = max(1, math.ceil(20e-6 * count / (clock() - start)))
    collecting = gc.isenabled()
    gc.disable()
    samples, total = [], 0.0
    try:
        while total < seconds or len(samples) < 5:
            start = clock()
            for _ in range(repeats):
                call()
            sample = clock() - start
            total += sample
            samples.append(sample / repeats)
    finally:
        if collecting:
            gc.enable()
    samples.sort()
    return samples[len(samples) // 2] * 1e3, samples[0] * 1e3, len(samples) * repeats


class _Adaptor:
    """Answers for layers by name; the layer asked for last stays ready."""

    def __init__(self, peer, setup, options, layers):
        self.peer, self.options = peer, options
        self.layers = {layer["name"]: layer for layer in layers}
        self.name, self.variants, self.kept = None, [], None
        self.failure = None
        try:
            self.version, self.build = setup(options.threads)
        except Exception as error:  # the peer is not installed, or does not work here: every answer says so
            self.failure = f"{type(error).__name__}: {error}"[:300]

    def answer(self, name):
        try:
            if self.failure:
                raise RuntimeError(self.failure)
            if name != self.name:
                self.name, self.variants = None, []
                gc.collect()
                self.variants, self.kept = self.build(self.layers[name]), None
                self.name = name
            line = {"peer": self.peer, "version": self.version, "name": name}
            line.update({"files": self._write()} if self.options.io_dir else self._time())
            return line
        except Exception as error:  # one layer that a peer cannot do is an answer, too
            return {"peer": self.peer, "name": name, "error": f"{type(error).__name__}: {error}"[:300]}

    def _write(self):
        import numpy as np

        files = {}
        for variant in self.variants:
            variant.run()
            path = os.path.join(self.options.io_dir, f"{self.name}.{self.peer}.{variant.name}.y.npy")
            np.save(path, np.asarray(variant.out(), dtype=np.float32))
            files[variant.name] = path
        return files

    def _time(self):
        times = {
            v.name: measure(v.run, self.options.seconds) for v in self.variants if not self.kept or v.name in self.kept
        }
        variants = {v.name: v for v in self.variants}
        best = min(times, key=lambda name: times[name][0])
        strict = min((n for n in times if variants[n].strict), key=lambda name: times[name][0], default=None)
        if self.kept is None:
            self.kept = {n for n in times if n == strict or times[n][0] < KEEP_WITHIN * times[best][0]}
        line = {
            "ms_median": round(times[best][0], 6),
            "ms_min": round(times[best][1], 6),
            "runs": times[best][2],
            "note": variants[best].note,
            "variant": best,
            "strict": variants[best].strict,
            "variants": {name: round(figures[0], 6) for name, figures in times.items()},
        }
        if strict:
            line["ms_median_strict"], line["ms_min_strict"] = (round(ms, 6) for ms in times[strict][:2])
            line["variant_strict"] = strict
        return line


def adaptor_main(peer, setup):
    """setup(threads) -> version, build; build(layer) -> list of Variant."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--suite", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--seconds", type=float, default=0.15)
    parser.add_argument("--io-dir", help="write each variant's result here, and time nothing")
    parser.add_argument("--serve", action="store_true", help="read layer names from stdin, one answer a line")
    options = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")  # what libraries print to stdout goes to stderr
    os.dup2(2, 1)
    layers = load_suite(options.suite)["layers"]
    adaptor = _Adaptor(peer, setup, options, layers)
    pattern = re.compile(options.only)
    if options.serve:
        names = (line.strip() for line in sys.stdin)
    else:
        names = (layer["name"] for layer in layers if pattern.search(layer["name"]))
    for name in names:
        if name:
            answers.write(json.dumps(adaptor.answer(name)) + "\n")
            answers.flush()
