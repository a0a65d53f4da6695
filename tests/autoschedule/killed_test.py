#!/usr/bin/env python3
"""`sepconv tune` killed with SIGKILL at random moments, again and again, and resumed."""

import argparse
import collections
import json
import os
import pathlib
import random
import shlex
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
SEED = 20261121
LAYERS = [
    {
        "class_name": "SeparableConv2D",
        "input_shape": [None, 28, 28, 64],
        "config": {"name": f"block_{filters}", "filters": filters, "kernel_size": 3, "padding": "same"},
    }
    for filters in (32, 64)
]


class KilledTest(unittest.TestCase):
    def test_a_killed_run_goes_on_and_measures_nothing_twice(self):
        with tempfile.TemporaryDirectory(prefix="sepconv-killed-") as scratch:
            self.run_in(pathlib.Path(scratch))

    def run_in(self, folder):
        (folder / "layers.json").write_text(json.dumps(LAYERS))
        self.store = folder / "lock.sqlite"
        self.log = folder / "runner.log"
        runner = f"{shlex.quote(sys.executable)} {shlex.quote(str(HERE / 'fleet' / 'fake_runner.py'))}"
        argv = [SEPCONV, "tune", str(folder / "layers.json"), "--lock", str(folder / "lock.json"), "--trials", "120"]
        argv += ["--generator", GENERATOR, "--runner", runner, "--target", "x86-64-avx2", "--no-halide"]
        argv += ["--work", str(folder / "work"), "--cache", str(folder / "cache")]
        environment = os.environ | {"FAKE_RUNNER_LOG": str(self.log)}
        chance = random.Random(SEED)
        kills = 0
        while kills < KILLS:
            before = self.finished()
            logged = self.search_measurements()
            run = subprocess.Popen(
                argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
            )
            try:
                _, errors = run.communicate(timeout=chance.uniform(0.05, 1.5))
                self.assertEqual(run.returncode, 0, errors)
                break  # it came to its end between two kills
            except subprocess.TimeoutExpired:
                run.send_signal(signal.SIGKILL)
                run.communicate()
                kills += 1
            self.assert_whole()
            self.assert_none_again(before, self.search_measurements() - logged)
            if "--resume" not in argv:
                argv.append("--resume")
        before = self.finished()
        logged = self.search_measurements()
        result = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assert_none_again(before, self.search_measurements() - logged)
        self.assert_whole()
        self.assertEqual(len(self.finished()), 2 * 120)
        self.assertEqual(len(json.loads((folder / "lock.json").read_text())["rows"]), 2)
        # What a kill leaves in a folder of the cache, the next write to that folder removes.
        left = [path for path in folder.rglob("*") if path.name.startswith((".sepconv-", ".building-"))]
        left = [path for path in left if folder / "cache" not in path.parents]
        self.assertEqual(left, [])
        print(f"killed {kills} times", file=sys.stderr)

    def finished(self):
        """(problem, schedule) of every search trial in the store."""
        if not self.store.exists():
            return set()
        with sqlite3.connect(self.store) as store:
            try:
                return set(store.execute(SEARCHED))
            except sqlite3.OperationalError:  # killed before the tables were made
                return set()

    def search_measurements(self):
        """How often the runner searched each schedule; final rounds measure finalists again, and longer."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return collections.Counter(line for line in lines if line.startswith("0.05 "))

    def assert_whole(self):
        if not self.store.exists():
            return
        with sqlite3.connect(self.store) as store:
            self.assertEqual(store.execute("PRAGMA integrity_check").fetchall(), [("ok",)])

    def assert_none_again(self, finished, measured):
        # A schedule may serve both problems: it is finished when both have it.
        problems = collections.Counter(schedule for _, schedule in finished)
        for line, count in measured.items():
            schedule = line.split(" ", 1)[1]
            self.assertLessEqual(count + problems[schedule], 2, f"{schedule} was measured again")
            if problems[schedule] == 2:
                self.fail(f"{schedule} was finished and measured again")


SEARCHED = (
    "SELECT tasks.problem, trials.schedule FROM trials JOIN tasks ON trials.task = tasks.id WHERE kind = 'search'"
)

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sepconv", required=True)
    parser.add_argument("--generator", required=True)
    parser.add_argument("--kills", type=int, default=5)
    known, rest = parser.parse_known_args()
    SEPCONV, GENERATOR, KILLS = known.sepconv, known.generator, known.kills
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
