#!/usr/bin/env python3
"""Runs of the comparison with other libraries, with fake adaptors."""

import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from samples import FAKE_PEAK, PEAK, PEERS, small_result, small_suite  # first: it makes the modules below known

import compare
import peers
import speedup

HERE = pathlib.Path(__file__).resolve().parent


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
