#!/usr/bin/env python3
"""`sepconv tune --scheduler` on local clusters of worker processes, some of which misbehave."""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import shlex
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
LAYERS = [
    {
        "class_name": "SeparableConv2D",
        "input_shape": [None, 28, 28, 64],
        "config": {"name": "block", "filters": 64, "kernel_size": 3, "padding": "same"},
    },
    {
        "class_name": "DepthwiseConv2D",
        "input_shape": [None, 14, 14, 96],
        "config": {"name": "depthwise", "kernel_size": 3, "padding": "same"},
    },
]
RESOURCES = "sepconv_builder=1 x86-64-avx2=1"
SEPCONV = ""


def python(script):
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(HERE / script))}"


class Cluster:
    """A scheduler and workers as processes of their own; each worker with its own way to misbehave."""

    def __init__(self, folder, workers, resources=RESOURCES):
        self.file = folder / "scheduler.json"
        self.processes = []
        self.start("scheduler", ["--port", "0", "--no-dashboard", "--host", "127.0.0.1"], {})
        deadline = time.monotonic() + 60
        while not (self.file.exists() and self.file.stat().st_size):
            if time.monotonic() > deadline:
                raise RuntimeError("no scheduler within a minute")
            time.sleep(0.05)
        for fault in workers:
            programs = {
                "SEPCONV_BUILDER": python("fake_builder.py"),
                "SEPCONV_RUNNER": python("fake_runner.py"),
                "FAKE_RUNNER": fault,
            }
            options = ["--nthreads", "2", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"]
            self.start("worker", options + ["--resources", resources, "--local-directory", str(folder)], programs)

    def start(self, what, options, environment):
        argv = [sys.executable, "-m", "distributed.cli.dask_" + what, "--scheduler-file", str(self.file)]
        self.processes.append(
            subprocess.Popen(
                argv + options,
                env=os.environ | environment | {"DASK_DISTRIBUTED__WORKER__DAEMON": "False"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()

    def wait_for_workers(self, count):
        import distributed

        with distributed.Client(scheduler_file=str(self.file), timeout=60) as client:
            client.wait_for_workers(count, timeout=60)


class FleetTest(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="sepconv-fleet-")
        self.folder = pathlib.Path(self.scratch.name)
        (self.folder / "layers.json").write_text(json.dumps(LAYERS))
        self.addCleanup(self.scratch.cleanup)

    def tune(self, name, workers, *options, resources=RESOURCES):
        """The result of the command, the lockfile's text and the trials as (status, schedule, kind)."""
        folder = self.folder / name
        folder.mkdir()
        cluster = Cluster(folder, workers, resources)
        try:
            cluster.wait_for_workers(len(workers))
            lock = folder / "lock.json"
            argv = [SEPCONV, "tune", str(self.folder / "layers.json"), "--lock", str(lock), "--trials", "32"]
            argv += ["--scheduler", str(cluster.file), "--python", sys.executable, "--target", "x86-64-avx2"]
            argv += ["--no-halide", "--call-timeout", "0.2", *options]
            result = subprocess.run(argv, capture_output=True, text=True, timeout=280)
        finally:
            cluster.stop()
        trials = []
        if result.returncode == 0:
            with sqlite3.connect(lock.with_suffix(".sqlite")) as store:
                trials = store.execute(TRIALS).fetchall()
        return result, lock.read_text() if lock.exists() else "", trials

    def test_four_workers_find_what_one_finds(self):
        one, lock_of_one, _ = self.tune("one", [""])
        self.assertEqual(one.returncode, 0, one.stderr)
        four, lock_of_four, trials = self.tune("four", [""] * 4)
        self.assertEqual(four.returncode, 0, four.stderr)
        self.assertEqual(lock_of_one, lock_of_four)
        rows = json.loads(lock_of_four)["rows"]
        self.assertEqual([row["record"]["source"] for row in rows], ["tuned", "tuned"])
        self.assertIn("cluster: ", rows[0]["record"]["machine"])
        self.assertEqual({status for status, *_ in trials}, {"ok"})

    def test_workers_that_die_hang_or_lie(self):
        faults = [f"die-once:{self.folder / 'died'}", f"hang-once:{self.folder / 'hung'}", "wrong", ""]
        result, lock, trials = self.tune("faults", faults)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue((self.folder / "died").exists() and (self.folder / "hung").exists())
        search = [(status, schedule) for status, schedule, kind in trials if kind == "search"]
        self.assertEqual(len(search), 2 * 32)
        counts = collections.Counter(status for status, _ in search)
        self.assertGreater(counts["ok"], 0)
        self.assertGreater(counts["wrong-value"], 0)
        # The hung task's trials; the killed worker's were done by another one.
        self.assertIn(counts["run-timeout"], range(1, 9))
        self.assertEqual(counts["lost"], 0)
        good = {schedule for status, schedule, _ in trials if status == "ok"}
        for row in json.loads(lock)["rows"]:
            self.assertIn(row["schedule"], good)

    def test_no_scheduler_is_one_clear_line(self):
        argv = [SEPCONV, "tune", str(self.folder / "layers.json"), "--lock", str(self.folder / "l.json")]
        argv += ["--trials", "4", "--scheduler", "tcp://127.0.0.1:9", "--python", sys.executable]
        result = subprocess.run(argv, capture_output=True, text=True, timeout=120)
        self.assertEqual(result.returncode, 3)
        self.assertIn("tcp://127.0.0.1:9", result.stderr)
        self.assertIn("dask scheduler", result.stderr)
        self.assertEqual(len(result.stderr.strip().splitlines()), 1, result.stderr)
        self.assertFalse((self.folder / "l.json").exists())

    def test_no_worker_for_the_target_is_one_clear_line(self):
        result, lock, _ = self.tune("other", [""], resources="sepconv_builder=1 cortex_a76=1")
        self.assertEqual(result.returncode, 3)
        self.assertIn("--resources", result.stderr)
        self.assertIn("x86-64-avx2", result.stderr)
        self.assertEqual(lock, "")


TRIALS = "SELECT status, schedule, kind FROM trials"

if __name__ == "__main__":
    try:
        import distributed  # noqa: F401
    except ModuleNotFoundError as missing:
        print(f"lacks package distributed: {missing}; `make setup` installs it into .venv")
        sys.exit(77)
    parser = argparse.ArgumentParser()
    parser.add_argument("--sepconv", required=True)
    known, rest = parser.parse_known_args()
    SEPCONV = known.sepconv
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
