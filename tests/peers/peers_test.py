#!/usr/bin/env python3
"""The comparison with other libraries, without any of them: figures, table, page, and runs of fake adaptors."""

import argparse
import html.parser
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
PEERS = HERE.parent.parent / "bench" / "peers"
sys.path.insert(0, str(PEERS))

import compare
import page
import peers
import results
import speedup
import suite
import table

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


class Geometry(unittest.TestCase):
    def test_pads_as_keras_does(self):
        g = suite.Geometry(layer("x", H=112, W=7, stride=[2, 1], kernel=[3, 5], dilation=[1, 2]))
        self.assertEqual((g.out_height, g.out_width), (56, 7))
        self.assertEqual(g.pads, [(0, 1), (4, 4)])
        g = suite.Geometry(layer("x", dims=1, L=20, kernel=[3], stride=[1], dilation=[4], padding="causal"))
        self.assertEqual((g.pads, g.out_width, g.height), ([(0, 0), (8, 0)], 20, 1))
        g = suite.Geometry(layer("x", padding="valid", stride=[2, 3]))
        self.assertEqual((g.out_height, g.out_width), (4, 3))

    def test_counts_operations_and_bytes(self):
        g = suite.Geometry(layer("x", batch=2, depth_multiplier=3))
        self.assertEqual(g.flops(), 2 * 2 * 100 * (24 * 9 + 24 * 16))
        self.assertEqual(g.bytes(), 4 * (2 * 100 * 8 + 2 * 100 * 16 + 24 * 9 + 24 * 16 + 16))
        self.assertEqual(suite.Geometry(layer("x", kind="depthwise", F=None)).filters, 8)

    def test_the_suite_is_whole(self):
        shipped = suite.load_suite(suite.DEFAULT_SUITE)
        names = [each["name"] for each in shipped["layers"]]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(set(shipped["groups"]), {each["group"] for each in shipped["layers"]})
        self.assertLessEqual(set(shipped["bars"]["groups"]), set(shipped["groups"]))
        for each in shipped["layers"]:
            self.assertGreater(suite.Geometry(each).flops(), 0, each["name"])


class Statistics(unittest.TestCase):
    def test_means(self):
        self.assertEqual(results.median([3, 1, 2]), 2)
        self.assertEqual(results.median([4, 1, 2, 3]), 2.5)
        self.assertAlmostEqual(results.geomean([1, 4]), 2)

    def test_percentiles_lie_between_neighbours(self):
        self.assertEqual(results.percentile([30, 10, 20], 0), 10)
        self.assertEqual(results.percentile([30, 10, 20], 50), 20)
        self.assertEqual(results.percentile([30, 10, 20], 75), 25)
        self.assertEqual(results.percentile([30, 10, 20], 100), 30)
        self.assertEqual(results.percentile([7], 95), 7)

    def test_turns_of_the_peak_become_a_median(self):
        answers = [{"gflops_median": g, "gflops_best": b} for g, b in ((80, 99), (90, 95), (70, 101))]
        found = results.combine_turns([*answers, {"error": "lost"}])
        self.assertEqual(found, {"gflops": 80, "best": 101, "turns": [80, 90, 70]})
        self.assertIsNone(results.combine_turns([{"error": "lost"}]))

    def test_bandwidth_lies_between_the_measured_sizes(self):
        copy = PEAK["copy"]
        self.assertEqual(results.bandwidth(copy, 1024), 80)
        self.assertAlmostEqual(results.bandwidth(copy, 128 * 1024), 50)  # half way by the logarithm
        self.assertEqual(results.bandwidth(copy, 1 << 40), 10)

    def test_rounds_become_a_median(self):
        rounds = [
            {"ms_median": 3.0, "ms_min": 1.0, "strict": False, "ms_median_strict": 5.0, "variant": "a"},
            {"error": "lost"},
            {"ms_median": 1.0, "strict": False, "ms_median_strict": 9.0, "variant": "b"},
            {"ms_median": 2.0, "strict": False, "variant": "b"},
        ]
        combined = results.combine_rounds(rounds)
        self.assertEqual((combined["ms"], combined["ms_min"], combined["ms_strict"]), (2.0, 1.0, 7.0))
        self.assertEqual((combined["rounds"], combined["spread"], combined["variant"]), ([3.0, 1.0, 2.0], 1.0, "b"))
        self.assertEqual(results.combine_rounds([{"error": "lost"}]), {"error": "lost"})
        self.assertEqual(results.combine_rounds([{"ms_median": 2.0}])["ms_strict"], 2.0)

    def test_ratios_and_means(self):
        result = results.evaluate(small_result())
        rows = {row["name"]: row for row in result["layers"]}
        self.assertEqual((rows["fast"]["best_peer"], rows["fast"]["ratio"]["sepconv"]), ("one", 2.0))
        self.assertEqual((rows["slow<b>"]["best_peer"], rows["slow<b>"]["ratio"]["sepconv"]), ("two", 0.5))
        # Judged in the layer's own format.
        self.assertEqual((rows["first"]["best_peer"], rows["first"]["ratio"]["sepconv"]), ("two", 3.0))
        mean = result["summary"]["all"]["candidates"]["sepconv"]
        self.assertAlmostEqual(mean["geomean"], 3 ** (1 / 3))  # without the layer of the call's overhead
        self.assertEqual((mean["layers"], mean["faster"], mean["worst_layer"]), (3, 2, "slow<b>"))
        self.assertNotIn("overhead", result["summary"])
        self.assertEqual(result["summary"]["classic2d"]["bar"], 1.08)
        self.assertEqual(results.misses(result, "sepconv"), [("slow<b>", 0.5)])

    def test_shares_of_peak_and_roofline(self):
        result = results.evaluate(small_result())
        row = result["layers"][0]
        flops, size = suite.Geometry(layer("x")).flops(), suite.Geometry(layer("x")).bytes()
        memory = size / results.bandwidth(PEAK["copy"], size) * 1e-6
        self.assertAlmostEqual(row["roofline_ms"], max(flops / 100 * 1e-6, memory))
        self.assertAlmostEqual(row["times"]["sepconv"]["pct_peak"], flops * 1e-6 / 0.5)
        self.assertAlmostEqual(row["times"]["sepconv"]["pct_roofline"], 100 * row["roofline_ms"] / 0.5)

    def test_a_share_of_the_peak_is_that_beside_the_layer(self):
        result = small_result()
        for row, turns in zip(result["layers"], ([50, 40, 60], [80], [90], [100])):
            row["peak"] = {"gflops": results.median(turns), "best": max(turns) + 25, "turns": turns}
        result = results.evaluate(results.evaluate(result))  # as of a file of an earlier run
        row, peak = result["layers"][0], result["peak"]
        flops = suite.Geometry(layer("x")).flops()
        mine = row["times"]["sepconv"]
        self.assertAlmostEqual(mine["pct_peak"], 100 * flops / 0.5e-3 / 50e9)
        self.assertAlmostEqual(mine["pct_best_burst"], 100 * flops / 0.5e-3 / 125e9)
        self.assertAlmostEqual(row["best_pct_peak"], 100 * flops / 1e-3 / 50e9)
        memory = row["bytes"] / results.bandwidth(PEAK["copy"], row["bytes"]) * 1e-6
        self.assertAlmostEqual(row["roofline_ms"], max(flops / 50e6, memory))
        self.assertEqual((peak["peak_gflops"], peak["gflops_median"], peak["turns"]), (125, 70, 6))
        self.assertAlmostEqual(peak["gflops_low"], 42.5)  # of 40 50 60 80 90 100
        self.assertAlmostEqual(peak["gflops_high"], 97.5)
        self.assertNotIn("gflops_median", PEAK)

    def test_big_layers_against_the_peak_beside_them_and_the_best_burst(self):
        self.assertEqual(results.evaluate(small_result())["big"], {"sepconv": None})
        result = big_result()
        big = results.evaluate(result)["big"]["sepconv"]
        self.assertEqual(big["layers"], 2)
        self.assertAlmostEqual(big["pct_peak"]["geomean"], math.sqrt(90 * 60))
        self.assertAlmostEqual(big["pct_peak"]["worst"], 60)
        self.assertEqual(big["pct_peak"]["worst_layer"], "b")
        self.assertAlmostEqual(big["pct_best_burst"]["worst"], 45)  # 90% of 50 GFLOP/s, of 100
        self.assertEqual(big["pct_best_burst"]["worst_layer"], "a")
        self.assertEqual([name for _, name in big["below"]], ["b"])

    def test_a_layer_without_a_peer_has_no_ratio(self):
        result = small_result()
        result["layers"][0]["times"] = {"sepconv": figure(1.0), "one": {"error": "no"}}
        result = results.evaluate(result)
        self.assertEqual(result["layers"][0]["ratio"], {})
        self.assertEqual(result["summary"]["all"]["candidates"]["sepconv"]["layers"], 2)


class Speedup(unittest.TestCase):
    def test_is_that_of_neighbours_beside_the_peaks(self):
        found = two_threads()
        speedup.add_speedups(found)
        self.assertNotIn("speedup", found[0])
        gain = found[1]["speedup"]
        self.assertAlmostEqual(gain["peak_ratio"], 1.9)  # of 1.6, 1.8, 2.0 and 2.2
        self.assertAlmostEqual(gain["bar"], 0.9 * 1.9)
        self.assertAlmostEqual(gain["best_ratio"], 2)
        self.assertEqual([each["name"] for each in gain["layers"]], ["fast", "slow<b>"])  # over 0.5 ms, no overhead
        first = gain["layers"][0]
        self.assertAlmostEqual(first["peak_ratio"], 1.6)
        self.assertAlmostEqual(first["ratio"]["sepconv"], 0.75 / 0.5)
        # A library's time is of the other run, where a core was 100/80 as fast.
        self.assertAlmostEqual(first["one_thread_ms"]["one"], 1.25)
        self.assertAlmostEqual(first["ratio"]["two"], 1.25)
        self.assertNotIn("one", gain["layers"][1]["ratio"])  # it had no result
        mine = gain["summary"]["sepconv"]
        self.assertEqual((mine["layers"], mine["met"], mine["worst_layer"]), (2, 1, "fast"))
        self.assertAlmostEqual(mine["geomean"], math.sqrt(1.5 * 1.9))

    def test_of_earlier_runs_without_turns(self):
        found = [results.evaluate(small_result(threads)) for threads in (1, 2)]
        found[1]["peak"] = {**PEAK, "peak_gflops": 180.0}
        speedup.add_speedups(found)
        self.assertAlmostEqual(found[1]["speedup"]["peak_ratio"], 1.8)
        self.assertEqual({each["ratio"]["sepconv"] for each in found[1]["speedup"]["layers"]}, {1.0})

    def test_needs_times_with_one_thread(self):
        found = [results.evaluate(small_result(2))]
        speedup.add_speedups(found)
        self.assertIsNone(found[0]["speedup"])
        self.assertNotIn("threads over one", table.text(found[0]))
        self.assertNotIn("threads over one", page.page(found))

    def test_without_the_run_of_one_thread(self):
        found = two_threads()[1:]
        speedup.add_speedups(found)
        self.assertEqual(list(found[0]["speedup"]["summary"]), ["sepconv"])
        self.assertAlmostEqual(found[0]["speedup"]["layers"][0]["ratio"]["sepconv"], 1.5)


class Table(unittest.TestCase):
    def test_says_which_peak(self):
        self.assertIn("FMA peak 100.0 GFLOP/s, the best burst (avx2+fma)", table.text(results.evaluate(small_result())))
        text = table.text(results.evaluate(big_result()))
        self.assertIn("FMA peak 100.0 GFLOP/s, the median of 3 turns", text)
        self.assertIn("(5th to 95th percentile 55.0 to 100.0); the best burst 100.0", text)

    def test_big_layers(self):
        text = table.text(results.evaluate(big_result()))
        self.assertIn("2 layers with C and F from 256 up:", text)
        self.assertIn("  73.5% of the peak beside them, geometric mean (bar 80), the lowest 60.0% b (bar 72)", text)
        self.assertIn("  52.0% of the run's best burst, the lowest 45.0% a", text)
        self.assertIn("  below 72%: 60.0%  b", text)
        self.assertNotIn("(bar 80)", table.text(results.evaluate({**big_result(), "threads": 2})))

    def test_what_two_threads_gain(self):
        found = two_threads()
        speedup.add_speedups(found)
        text = table.text(found[1])
        self.assertIn("2 threads over one, layers over 0.5 ms with one; the peak's ratio in this run 1.90 (", text)
        self.assertIn("(2.00 of the best bursts), the bar 1.71\n", text)
        self.assertRegex(text, r"(?m)^fast +0\.75 +1\.60 +1\.50 +1\.25 +1\.25  below$")
        self.assertRegex(text, r"(?m)^slow<b> +3\.8 +2\.00 +1\.90 +- +1\.25$")
        self.assertRegex(text, r"(?m)^geometric mean +1\.69 +1\.25 +1\.25$")
        self.assertRegex(text, r"(?m)^at the bar +1 of 2 +0 of 1 +0 of 2$")

    def test_has_every_layer_group_and_miss(self):
        text = table.text(results.evaluate(small_result()))
        for name in ("fast", "slow<b>", "first", "call"):
            self.assertRegex(text, rf"(?m)^{name} +[0-9.]+ ")
        self.assertRegex(text, r"(?m)^first .* two \(same format\)$")
        self.assertRegex(text, r"(?m)^classic2d +2 +1\.000 +1\.08 +1 .* 0\.50 slow<b>$")
        self.assertRegex(text, r"(?m)^all +3 +1\.442 +1\.20 ")
        self.assertIn("1 layers below 0.97:\n  0.50  slow<b>", text)
        self.assertIn("no result: slow<b>, one: no <such> layer", text)

    def test_without_any_result(self):
        result = small_result()
        for row in result["layers"]:
            row["times"]["sepconv"] = {"error": "broken"}
        text = table.text(results.evaluate(result))
        self.assertRegex(text, r"(?m)^all +3 +no result$")
        self.assertIn("0 layers below 0.97", text)


class _Reader(html.parser.HTMLParser):
    """Notices tags that are not closed in order, and whatever a page loads."""

    VOID = {"meta", "br"}

    def __init__(self):
        super().__init__()
        self.open, self.texts, self.loaded = [], [], []

    def handle_starttag(self, tag, attributes):
        self.loaded += [value for key, value in attributes if key in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        self.texts.append(data)


class Page(unittest.TestCase):
    def read(self, found):
        reader = _Reader()
        reader.feed(page.page(found))
        self.assertEqual((reader.open, reader.loaded), ([], []))
        return "".join(reader.texts)

    def test_is_well_formed_and_complete(self):
        text = self.read([results.evaluate(small_result(1)), results.evaluate(small_result(2))])
        self.assertIn("One thread", text)
        self.assertIn("2 threads", text)
        self.assertEqual(text.count("slow<b>"), 2 * 4)  # in the worst's tile, both charts and the table
        self.assertIn("1.44×", text)
        self.assertIn("of 1.20", text)
        self.assertIn("prefers-color-scheme: dark", text)

    def test_shows_what_two_threads_gain(self):
        found = two_threads()
        speedup.add_speedups(found)
        text = self.read(found)
        self.assertIn("2 threads over one", text)
        self.assertIn("the bar, 1.71, which 1 of 2 layers reach", text)
        self.assertIn("the libraries: one 1.25, two 1.25", text)

    def test_positions_stay_inside(self):
        found = two_threads()
        found[1]["layers"][0]["one_thread"]["sepconv"]["ms"] = 4.0  # eight times as fast
        speedup.add_speedups(found)
        self.assert_inside(page.page(found))
        result = small_result()
        result["layers"][0]["times"]["sepconv"] = figure(1e-6)
        result["layers"][1]["times"]["sepconv"] = figure(50.0)
        self.assert_inside(page.page([results.evaluate(result)]))

    def assert_inside(self, markup):
        found = [float(position) for position in re.findall(r'style="left:([0-9.e-]+)%', markup)]
        self.assertGreater(len(found), 10)
        self.assertTrue(all(0 <= position <= 100 for position in found), found)

    def test_says_so_where_nothing_was_timed(self):
        result = small_result()
        for row in result["layers"]:
            row["times"]["sepconv"] = {"error": "broken"}
        self.assertIn("No layer was timed both here and in a library.", self.read([results.evaluate(result)]))


class Runs(unittest.TestCase):
    """Real processes, fake times."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.home = pathlib.Path(self.folder.name)
        (self.home / "build").mkdir()
        peak = self.home / "build" / "peak"
        peak.write_text(FAKE_PEAK, encoding="utf-8")
        peak.chmod(0o755)
        self.suite_path = self.home / "suite.json"
        self.suite = small_suite()
        self.suite_path.write_text(json.dumps(self.suite), encoding="utf-8")

    def fake(self, name, ms, behaviour="steady"):
        words = [sys.executable, HERE / "fake_adaptor.py", "--name", name, "--ms", ms, "--behaviour", behaviour]
        return peers.Peer(words)

    def time(self, found, candidates, **changes):
        defaults = {
            "threads": 1,
            "cores": peers.cores_for(1),
            "rounds": 3,
            "extra_rounds": 2,
            "seconds": 0.01,
            "drop_slower": 3,
            "timeout": 20,
            "peers_home": self.home,
            "isa": None,
        }
        options = argparse.Namespace(**{**defaults, **changes})
        stderr, sys.stderr = sys.stderr, open(os.devnull, "w", encoding="utf-8")
        try:
            layers = self.suite["layers"][:2]
            result = compare.time_suite(self.suite, self.suite_path, layers, found, candidates, options)
        finally:
            sys.stderr.close()
            sys.stderr = stderr
        return {row["name"]: row["times"] for row in result["layers"]}, result

    def test_rounds_and_those_left_out(self):
        found = {
            "quick": self.fake("quick", 1.0),
            "slow": self.fake("slow", 9.0),
            "none": self.fake("none", 1, "cannot"),
        }
        times, result = self.time(found, {"sepconv": self.fake("sepconv", 8.0)})
        self.assertEqual(len(times["fast"]["quick"]["rounds"]), 3)
        self.assertEqual(len(times["fast"]["slow"]["rounds"]), 1)  # three times slower than the best
        self.assertEqual(len(times["fast"]["sepconv"]["rounds"]), 3)  # a candidate is never left out
        self.assertEqual(times["fast"]["none"], {"error": "not supported"})
        self.assertEqual(times["fast"]["quick"]["ms_strict"], 2.0)
        self.assertEqual(result["layers"][0]["ratio"], {"sepconv": 1 / 8})
        self.assertEqual(result["versions"], {"quick": "1", "slow": "1", "sepconv": "1"})

    def test_the_peak_has_a_turn_in_each_round(self):
        _, result = self.time({"quick": self.fake("quick", 1.0)}, {"sepconv": self.fake("sepconv", 2.0)})
        for row in result["layers"]:
            self.assertEqual(row["peak"], {"gflops": 80.0, "best": 120.0, "turns": [80.0] * 3})
            self.assertNotIn("one_thread", row)
        self.assertEqual((result["peak"]["turns"], result["peak"]["peak_gflops"]), (6, 120.0))

    def test_two_threads_beside_one(self):
        found = {"quick": self.fake("quick", 1.0)}
        cores = ",".join([peers.cores_for(1)] * 2)
        _, result = self.time(found, {"sepconv": self.fake("sepconv", 2.0, "two")}, threads=2, cores=cores)
        for row in result["layers"]:
            self.assertEqual(set(row["one_thread"]), {"sepconv"})
            self.assertEqual(row["one_thread"]["sepconv"]["rounds"], [2.0] * 3)
            self.assertEqual(row["times"]["sepconv"]["rounds"], [1.0] * 3)
            self.assertEqual((row["peak"]["gflops"], row["one_thread_peak"]["gflops"]), (160.0, 80.0))
        speedup.add_speedups([result])
        self.assertEqual((result["speedup"]["peak_ratio"], result["speedup"]["summary"]["sepconv"]["geomean"]), (2, 2))

    def test_a_peak_that_does_not_serve(self):
        (self.home / "build" / "peak").write_text(f"#!/bin/sh\necho '{json.dumps(PEAK)}'\n", encoding="utf-8")
        with self.assertRaisesRegex(ValueError, "peak does not serve; run bench/peers/setup.sh"):
            self.time({"quick": self.fake("quick", 1.0)}, {"sepconv": self.fake("sepconv", 2.0)})

    def test_the_last_core_of_a_list(self):
        for cores, last in (("0,1", "1"), ("3", "3"), ("0-7", "7"), ("0-6:2", "6"), ("1,4-5", "5")):
            self.assertEqual(peers.last_core(cores), last)

    def test_noise_of_a_leader_asks_for_more_rounds(self):
        times, _ = self.time({"noisy": self.fake("noisy", 1.0, "noisy")}, {"sepconv": self.fake("sepconv", 2.0)})
        self.assertEqual(len(times["fast"]["noisy"]["rounds"]), 5)

    def test_processes_that_end_or_hang(self):
        found = {"ends": self.fake("ends", 1.0, "ends")}
        times, _ = self.time(found, {"sepconv": self.fake("sepconv", 1.0, "hangs")}, timeout=1)
        self.assertEqual(times["fast"]["sepconv"], {"error": "no answer in 1 s"})
        self.assertEqual(times["fast"]["ends"]["rounds"], [1.0])  # and then its process ended

    def test_peers_are_those_that_are_set_up(self):
        self.assertEqual(peers.installed_peers(self.home, 1), {})
        (self.home / "litert.ready").write_text("")
        self.assertEqual(list(peers.installed_peers(self.home, 1)), ["litert"])
        with self.assertRaisesRegex(ValueError, "'onednn' is not set up .*; there are: litert"):
            peers.installed_peers(self.home, 1, wanted=["onednn"])
        held = peers.all_peers(self.home, 1, "avx2")["onednn"].env
        self.assertEqual(held["ONEDNN_MAX_CPU_ISA"], "AVX2")
        self.assertNotIn("ONEDNN_MAX_CPU_ISA", peers.all_peers(self.home, 1)["onednn"].env)
        with self.assertRaisesRegex(ValueError, "measure nothing"):
            peers.cores_for(100000)


class CommandLine(unittest.TestCase):
    def run_program(self, *words):
        command = [sys.executable, PEERS / "bench_peers.py", *map(str, words)]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def test_writes_the_page_of_earlier_runs(self):
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for threads in (1, 2):
                files.append(pathlib.Path(folder) / f"old_{threads}.json")
                files[-1].write_text(json.dumps(small_result(threads)), encoding="utf-8")
            out = pathlib.Path(folder) / "out"
            done = self.run_program("--page-of", ",".join(map(str, files)), "--out", out)
            self.assertEqual(done.returncode, 0, done.stderr)
            written = sorted(path.name for path in out.iterdir())
            self.assertEqual(written, ["peers.html", "peers_1.json", "peers_1.txt", "peers_2.json", "peers_2.txt"])
            saved = json.loads((out / "peers_2.json").read_text(encoding="utf-8"))
            self.assertTrue(math.isclose(saved["summary"]["all"]["candidates"]["sepconv"]["geomean"], 3 ** (1 / 3)))
            self.assertIn("1 layers below 0.97", done.stdout)

    def test_wrong_use(self):
        wrong = [
            ([], "--sepconv: expected the program's path"),
            (["--sepconv", sys.executable, "--only", "("], "no regular expression"),
            (["--sepconv", sys.executable, "--only", "nothing is called so"], "no layer matches"),
            (["--sepconv", sys.executable, "--candidate", "x"], "expected NAME=COMMAND, received 'x'"),
            (["--page-of", "no such file"], "no such file"),
        ]
        for words, message in wrong:
            done = self.run_program(*words)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(message, done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
