#!/usr/bin/env python3
"""`sepconv compile` and `verify` killed with SIGKILL, on full disks, in folders that cannot be written, twice at once, and
with a damaged cache: the result is right, or one line says why there is none, and nothing is left behind."""

import argparse
import contextlib
import ctypes
import json
import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SEED = 20261127
LAYERS = [
    {
        "class_name": "SeparableConv2D",
        "input_shape": [None, 14, 14, 8],
        "config": {"name": f"block/{filters}", "filters": filters, "kernel_size": 3, "padding": "same"},
    }
    for filters in (8, 16, 24)
]
FILES = {"liblayers.a", "layers.h", "layers.weights", "layers.lock.json", "layersConfig.cmake"}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@contextlib.contextmanager
def small_disk(folder, size, options=""):
    """A file system of that size at the folder, which it makes."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}{options}", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        raise unittest.SkipTest(f"this user lacks right: mount a file system: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def obey_modes():
    """Root may write anywhere: the program that is started next may not."""
    PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
    if os.getuid() == 0:
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


class NothingLostTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="sepconv-lost-")
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        self.out, self.cache = self.folder / "out", self.folder / "cache"
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir()
        (self.folder / "layers.json").write_text(json.dumps(LAYERS))
        self.environment = os.environ | {"TMPDIR": str(self.temporary)}

    def words(self, out=None, cache=None, command="compile"):
        argv = [SEPCONV, command, str(self.folder / "layers.json"), "--cache", str(cache or self.cache), "-j", "2"]
        argv += ["--target", "x86-64-avx2", "--generator", GENERATOR]
        return argv + (["-o", str(out or self.out)] if command == "compile" else [])

    def compile(self, out=None, cache=None, **more):
        return subprocess.run(
            self.words(out, cache), env=self.environment, capture_output=True, text=True, timeout=120, **more
        )

    def compiled(self, out=None, cache=None):
        result = self.compile(out, cache)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def reference(self):
        """What a build that nothing disturbs gives, and the seconds that it takes."""
        begin = time.monotonic()
        self.compiled(self.folder / "reference", self.folder / "reference-cache")
        return contents(self.folder / "reference"), time.monotonic() - begin

    def assert_one_line(self, result, status, *words):
        self.assertEqual(result.returncode, status, result.stderr)
        last = result.stderr.strip().splitlines()[-1]
        self.assertTrue(last.startswith("sepconv: "), result.stderr)
        for word in words:
            self.assertIn(word, last)

    def assert_no_leftovers(self):
        self.assertEqual(list(self.temporary.iterdir()), [])
        for folder in (self.out, self.cache):
            if folder.exists():
                left = [path for path in folder.rglob("*") if path.name.startswith(".sepconv-")]
                self.assertEqual(left, [])

    def assert_no_processes(self):
        """All children of a killed command have ended."""
        mark = str(self.folder).encode()
        for _ in range(100):
            found = []
            for process in pathlib.Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    command = (process / "cmdline").read_bytes()
                    if mark in command and int(process.name) != os.getpid():
                        found.append(command)
            if not found:
                return
            time.sleep(0.05)
        self.fail(f"still running: {found}")

    def test_killed_at_any_moment(self):
        wanted, seconds = self.reference()
        chance = random.Random(SEED)
        for moment in range(MOMENTS):
            if moment % 2 == 0 and self.cache.exists():  # else the killed build's cache goes on
                subprocess.run(["rm", "-r", str(self.cache)], check=True)
            before = contents(self.out) if self.out.exists() else None
            run = subprocess.Popen(self.words(), env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0, seconds))
            run.send_signal(signal.SIGKILL)
            run.wait()
            self.assert_no_processes()
            if before is not None:
                self.assertEqual(contents(self.out), before)
            self.compiled()
            self.assertEqual(contents(self.out), wanted)
            self.assert_no_leftovers()

    def test_a_killed_verify_leaves_nothing_to_the_next(self):
        run = subprocess.Popen(
            self.words(command="verify"),
            env=self.environment | {"FAKE_GENERATOR_DELAY": "30"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not list(self.temporary.glob("*/files/.sepconv-staging-*/kernels/*")):
            time.sleep(0.02)
        run.send_signal(signal.SIGKILL)
        run.wait()
        self.assert_no_processes()
        self.assertNotEqual(list(self.temporary.iterdir()), [])
        subprocess.run(self.words(command="verify"), env=self.environment, capture_output=True, timeout=120)
        self.assert_no_leftovers()

    def test_two_at_once(self):
        wanted, _ = self.reference()
        runs = [
            subprocess.Popen(self.words(), env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            for _ in range(2)
        ]
        for run in runs:
            _, errors = run.communicate(timeout=120)
            self.assertEqual(run.returncode, 0, errors)
        self.assertEqual(contents(self.out), wanted)
        self.assert_no_leftovers()

    def test_damaged_cache_entries(self):
        self.compiled()
        wanted = contents(self.out)
        entries = sorted(self.cache.rglob("*.kernel"))
        self.assertEqual(len(entries), len(LAYERS))
        sound = [entry.read_bytes() for entry in entries]
        entries[0].write_bytes(sound[0][: len(sound[0]) // 2])
        flipped = bytearray(sound[1])
        flipped[len(flipped) * 2 // 3] ^= 0x10
        entries[1].write_bytes(flipped)
        entries[2].write_bytes(b"")
        result = self.compiled(self.folder / "again")
        self.assertIn("0 from the cache", result.stdout)
        self.assertEqual(contents(self.folder / "again"), wanted)
        self.assertEqual([entry.read_bytes() for entry in entries], sound)

    def test_a_full_disk_under_the_output(self):
        self.compiled(self.folder / "warm")  # the cache has the kernels
        with small_disk(self.folder / "disk", "40k") as disk:
            self.out = disk
            old = {name: b"old" for name in FILES}
            for name, text in old.items():
                (disk / name).write_bytes(text)
            result = self.compile()
            self.assertEqual(result.returncode, 3, result.stderr)
            self.assertIn("No space left on device", result.stderr)
            self.assertEqual(contents(disk), old)

    def test_a_full_disk_under_the_cache(self):
        with small_disk(self.folder / "disk", "4k") as disk:
            result = self.compiled(cache=disk)
            self.assertIn("cannot be written (No space left on device); kernels are not cached", result.stderr)
            self.assertEqual([path for path in disk.rglob("*") if path.name.startswith(".sepconv-")], [])
        self.assertEqual({path.name for path in self.out.iterdir()}, FILES)

    def test_a_full_disk_under_the_store(self):
        with small_disk(self.folder / "disk", "16k") as disk:
            argv = [SEPCONV, "tune", str(self.folder / "layers.json"), "--lock", str(disk / "layers.lock.json")]
            argv += ["--trials", "2", "--generator", GENERATOR, "--target", "x86-64-sse41", "--no-halide"]
            argv += ["--work", str(self.folder / "work"), "--no-cache"]
            result = subprocess.run(argv, env=self.environment, capture_output=True, text=True, timeout=120)
            self.assert_one_line(result, 3, "layers.lock.sqlite", "full")
            self.assertFalse((disk / "layers.lock.json").exists())

    def test_a_file_that_may_not_grow(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))

        self.compiled(self.folder / "warm")
        self.out.mkdir()
        (self.out / "layers.weights").write_bytes(b"old")
        result = self.compile(preexec_fn=limit)
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertEqual(contents(self.out), {"layers.weights": b"old"})

    def test_a_read_only_output(self):
        with small_disk(self.folder / "disk", "1m", ",ro") as disk:
            self.assert_one_line(self.compile(out=disk), 3, f"cannot write to '{disk}'", "Read-only file system")
            self.assert_one_line(self.compile(out=disk / "new"), 3, "cannot make the folder", "Read-only file system")

    def test_an_output_that_may_not_be_written(self):
        self.out.mkdir(mode=0o500)
        self.assert_one_line(self.compile(preexec_fn=obey_modes), 3, f"cannot write to '{self.out}'", "Permission denied")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sepconv", required=True)
    parser.add_argument("--generator", required=True)
    parser.add_argument("--moments", type=int, default=5)
    known, rest = parser.parse_known_args()
    SEPCONV, GENERATOR, MOMENTS = known.sepconv, known.generator, known.moments
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
