"""Results with figures that are known, for the tests of the comparison with other libraries."""

import json
import pathlib
import sys

PEERS = pathlib.Path(__file__).resolve().parents[2] / "bench" / "peers"
sys.path.insert(0, str(PEERS))

import results
import suite

PEAK = {"isa": "avx2+fma", "threads": 1, "peak_gflops": 100.0, "copy": [[16, 80.0], [1024, 20.0], [65536, 10.0]]}
TURN = {"gflops_median": 80.0, "gflops_best": 120.0}
# Says how many threads it was asked for: a turn of two is twice as fast.
FAKE_PEAK = f"""#!/bin/sh
if [ "$2" != --serve ]; then echo '{json.dumps(PEAK)}'; exit; fi
while read -r line; do
  if [ "$1" = 2 ]; then echo '{json.dumps({key: 2 * value for key, value in TURN.items()})}'
  else echo '{json.dumps(TURN)}'; fi
done
"""


def layer(name, **changes):
    fields = {
        "name": name,
        "group": "classic2d",
        "kind": "separable",
        "dims": 2,
        "batch": 1,
        "H": 10,
        "W": 10,
        "C": 8,
        "depth_multiplier": 1,
        "F": 16,
        "kernel": [3, 3],
        "stride": [1, 1],
        "dilation": [1, 1],
        "padding": "same",
        "data_format": "channels_last",
        "activation": "relu",
        "bias": True,
        "dtype": "float32",
    }
    return {**fields, **changes}


def small_suite():
    return {
        "groups": ["classic2d", "channels_first", "overhead"],
        "bars": {"layer": 0.97, "all": 1.2, "groups": {"classic2d": 1.08}},
        "layers": [
            layer("fast"),
            layer("slow<b>"),
            layer("first", group="channels_first", data_format="channels_first"),
            layer("call", group="overhead", kind="depthwise", F=None),
        ],
    }


def figure(ms, strict_ms=None):
    return {"ms": ms, "ms_strict": strict_ms or ms, "rounds": [ms], "spread": 0.0, "variant": "v", "note": ""}


def small_result(threads=1):
    times = {
        "fast": {"sepconv": figure(0.5), "one": figure(1.0), "two": figure(2.0)},
        "slow<b>": {"sepconv": figure(2.0), "one": {"error": "no <such> layer"}, "two": figure(1.0)},
        "first": {"sepconv": figure(1.0), "one": figure(0.25, 4.0), "two": figure(1.0, 3.0)},
        "call": {"sepconv": figure(1.0), "one": figure(0.001), "two": figure(1.0)},
    }
    return {
        "date": "2026-11-21T12:00:00",
        "cpu": {"model": "a CPU", "cores": 2, "isa": []},
        "threads": threads,
        "cores": "1",
        "held_to": None,
        "load": [0.0, 0.1],
        "peers": ["one", "two"],
        "candidates": ["sepconv"],
        "versions": {"one": "1.0", "sepconv": "0.1"},
        "peak": PEAK,
        "suite": small_suite(),
        "layers": [{"name": name, "times": answers} for name, answers in times.items()],
    }


def big_result():
    """Layers a and b at 90% of a peak of 50 and at 60% of one of 100 GFLOP/s; c has too few filters."""
    result = small_result()
    layers = [layer(name, C=256, F=filters) for name, filters in (("a", 256), ("b", 256), ("c", 255))]
    result["suite"] = {**small_suite(), "layers": layers}
    speeds = ((45.0, 50.0), (60.0, 100.0), (1.0, 100.0))
    result["layers"] = [
        {
            "name": one["name"],
            "times": {name: figure(suite.Geometry(one).flops() / speed * 1e-6) for name in ("sepconv", "one")},
            "peak": {"gflops": gflops, "best": gflops, "turns": [gflops]},
        }
        for one, (speed, gflops) in zip(layers, speeds)
    ]
    return result


def two_threads():
    """Results with one and with two threads, of one run: "fast" gains 1.5, "slow<b>" 1.9, "first" is too short."""
    one, two = small_result(1), small_result(2)
    for row in one["layers"]:
        row["peak"] = {"gflops": 100.0, "best": 100.0, "turns": [100.0]}
    for row, own, gain in zip(two["layers"], (0.75, 3.8, 0.4, 9.0), (1.6, 2.0, 2.2, 1.8)):
        row["peak"] = {"gflops": 80 * gain, "best": 200.0, "turns": [80 * gain]}
        row["one_thread"] = {"sepconv": figure(own)}
        row["one_thread_peak"] = {"gflops": 80.0, "best": 100.0, "turns": [80.0]}
    return [results.evaluate(one), results.evaluate(two)]
