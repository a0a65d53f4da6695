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

    def test_a_layer_without_a_peer_has_no_ratio(self):
        result = small_result()
        result["layers"][0]["times"] = {"sepconv": figure(1.0), "one": {"error": "no"}}
        result = results.evaluate(result)
        self.assertEqual(result["layers"][0]["ratio"], {})
        self.assertEqual(result["summary"]["all"]["candidates"]["sepconv"]["layers"], 2)


class Table(unittest.TestCase):
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

    def test_positions_stay_inside(self):
        result = small_result()
        result["layers"][0]["times"]["sepconv"] = figure(1e-6)
        result["layers"][1]["times"]["sepconv"] = figure(50.0)
        markup = page.page([results.evaluate(result)])
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
    unittest.main()
