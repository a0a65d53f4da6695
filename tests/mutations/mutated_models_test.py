"""Puts model files that are damaged inside of their containers through the sepconv program.

Each file is made from one of tests/data/models: its JSON, its HDF5 structures or its weights are changed, and it is
packed again with right checksums. inspect, save-weights and compile (with a generator that compiles nothing) must end
with status 0 or 2, with one line that says why, in less than 10 s and less than 2 GB of memory for all their processes.

    B=build/release; python3 tests/mutations/mutated_models_test.py --sepconv $B/tools/sepconv \\
        --generator $B/tests/compile/fake-generator --count 1000
    ... --only h5-17 --keep folder     # one case, and its file
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path

import hdf5_mutations
import json_mutations

MODELS = Path(__file__).resolve().parent.parent / "data" / "models"
SECONDS, MEMORY = 10, 2 << 30
POLL_SECONDS = 0.005
# What the readers of the containers say; any other message comes from behind them.
FIRST_READER = ("zip", "HDF5", "JSON", "config.json", "model.weights.h5 in the archive", "damaged", "no model_",
                "crashed", "the limit for a file")


def packed(members: dict[str, bytes], rng: random.Random) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content, rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    return file.getvalue()


def mutated_keras(source: Path, rng: random.Random) -> bytes:
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    part = rng.choices(["config.json", "model.weights.h5", "both", "metadata.json", "members"], [42, 45, 5, 4, 4])[0]
    if part in ("config.json", "both"):
        members["config.json"] = json.dumps(json_mutations.mutate(json.loads(members["config.json"]), rng)).encode()
    if part in ("model.weights.h5", "both"):
        members["model.weights.h5"] = hdf5_mutations.mutate(members["model.weights.h5"], rng)
    if part == "metadata.json":
        members[part] = json.dumps(json_mutations.mutate(json.loads(members[part]), rng)).encode()
    if part == "members":
        name = rng.choice(sorted(members))
        content = members.pop(name)
        if rng.random() < 0.5:
            members[name + rng.choice([".1", "/", "\0"])] = content[:rng.randrange(len(content) + 1)]
    return packed(members, rng)


def mutated_h5(source: Path, rng: random.Random) -> bytes:
    content = source.read_bytes()
    if rng.random() < 0.45:
        start = content.find(b'{"class_name"')
        config, end = json.JSONDecoder().raw_decode(content[start:].decode("latin-1"))
        old = content[start:start + end]
        for _ in range(20):
            new = json.dumps(json_mutations.mutate(config, rng), separators=(",", ":")).encode()
            changed = hdf5_mutations.replace_text(content, old, new)
            if changed is not None:
                return changed
    return hdf5_mutations.mutate(content, rng)


def process_tree_bytes(root: int) -> int:
    """Resident memory of a process and all below it."""
    total, todo = 0, [root]
    while todo:
        pid = todo.pop()
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            todo += [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except (OSError, IndexError, ValueError):
            pass
    return total


class Run:
    """One command: its status, output, seconds and peak memory."""

    def __init__(self, command: list[str], environment: dict[str, str]):
        begin = time.monotonic()
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                       env=environment, start_new_session=True)
            self.peak, self.timed_out = 0, False
            while process.poll() is None:
                self.peak = max(self.peak, process_tree_bytes(process.pid))
                if time.monotonic() - begin > 3 * SECONDS:
                    self.timed_out = True
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                    break
                time.sleep(POLL_SECONDS)
            self.seconds = time.monotonic() - begin
            self.status = process.returncode
            output.seek(0)
            self.output = output.read().decode("utf-8", "replace")

    def fault(self) -> str | None:
        if self.timed_out or self.seconds > SECONDS:
            return f"took {self.seconds:.1f} s"
        if self.status not in (0, 2):
            return f"status {self.status}"
        if self.peak > MEMORY:
            return f"needed {self.peak >> 20} MiB"
        errors = [line for line in self.output.splitlines() if line.startswith("sepconv: ")]
        if self.status == 2 and len(errors) != 1:
            return f"{len(errors)} error lines"
        return None


def commands(arguments, model: Path, folder: Path, cache: Path) -> dict[str, list[str]]:
    sepconv = arguments.sepconv
    return {
        "inspect": [sepconv, "inspect", str(model)],
        "save-weights": [sepconv, "save-weights", str(model), "-o", str(folder / "out.weights.h5")],
        "compile": [sepconv, "compile", str(model), "-o", str(folder / "out"), "--target", "x86-64-avx2", "--generator",
                    arguments.generator, "--cache", str(cache), "-j", "1"],
    }


class Results:
    def __init__(self):
        self.statuses = {name: Counter() for name in ("inspect", "save-weights", "compile")}
        self.slowest, self.largest = (0.0, ""), (0, "")
        self.files, self.passed_reader, self.faults = Counter(), Counter(), []
        self.crashes = self.limits = 0  # of the child process that reads

    def add(self, case: str, command: str, run: Run) -> None:
        self.statuses[command][run.status] += 1
        self.crashes += "crashed: killed by signal" in run.output
        self.limits += "the limit for a file of" in run.output
        self.slowest = max(self.slowest, (run.seconds, f"{case} {command}"))
        self.largest = max(self.largest, (run.peak, f"{case} {command}"))
        if fault := run.fault():
            self.faults.append(f"{case} {command}: {fault}: {run.output[-300:].strip()}")
            print(self.faults[-1], flush=True)

    def print(self) -> None:
        for kind, files in self.files.items():
            share = 100 * self.passed_reader[kind] / files
            print(f"{kind}: {files} files, {self.passed_reader[kind]} ({share:.0f}%) passed the first reader")
        for command, statuses in self.statuses.items():
            print(f"{command}: " + ", ".join(f"status {s}: {n}" for s, n in sorted(statuses.items())))
        print(f"crashes of the reading process: {self.crashes}, limits hit: {self.limits}")
        print(f"slowest: {self.slowest[0]:.2f} s ({self.slowest[1]})")
        print(f"most memory: {self.largest[0] >> 20} MiB ({self.largest[1]})")
        print(f"{len(self.faults)} faults")


def run_case(case: str, arguments, folder: Path, cache: Path, environment: dict[str, str], results: Results) -> None:
    kind = case.split("-")[0]
    rng = random.Random(f"{arguments.seed}-{case}")
    sources = sorted(path for path in MODELS.glob(f"*.{kind}") if path.stat().st_size < 700_000)
    content = (mutated_keras if kind == "keras" else mutated_h5)(rng.choice(sources), rng)
    model = folder / f"model.{kind}"
    model.write_bytes(content)
    results.files[kind] += 1
    before = len(results.faults)
    for command, words in commands(arguments, model, folder, cache).items():
        run = Run(words, environment)
        results.add(case, command, run)
        if command == "inspect" and (run.status == 0 or not any(word in run.output for word in FIRST_READER)):
            results.passed_reader[kind] += 1
        if arguments.only:
            print(f"{command}: status {run.status}, {run.seconds:.2f} s, {run.peak >> 20} MiB\n{run.output}")
    if arguments.keep and (len(results.faults) > before or arguments.only):
        arguments.keep.mkdir(parents=True, exist_ok=True)
        (arguments.keep / f"{case}.{kind}").write_bytes(content)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sepconv", required=True, help="the sepconv program")
    parser.add_argument("--generator", required=True, help="the fake-generator program of tests/compile")
    parser.add_argument("--count", type=int, default=20, help="files of each kind")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--seconds", type=float, help="begin no further file after this time")
    parser.add_argument("--only", help="one case, as in h5-17")
    parser.add_argument("--keep", type=Path, help="folder for the files of cases that fail")
    arguments = parser.parse_args()
    cases = [f"{kind}-{i}" for i in range(arguments.count) for kind in ("keras", "h5")]
    cases = [arguments.only] if arguments.only else cases
    results, begin = Results(), time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        environment = {**os.environ, "TMPDIR": name}
        for number, case in enumerate(cases):
            if number % 200 == 0 and number:
                print(f"{number} of {len(cases)} files, {time.monotonic() - begin:.0f} s", flush=True)
            if arguments.seconds and time.monotonic() - begin > arguments.seconds:
                print(f"stopped after {arguments.seconds:g} s")
                break
            with tempfile.TemporaryDirectory(dir=name) as folder:
                run_case(case, arguments, Path(folder), Path(name) / "cache", environment, results)
    results.print()
    enough = all(3 * results.passed_reader[kind] >= files for kind, files in results.files.items() if files >= 100)
    if not enough:
        print("less than a third passed the first reader")
    return 1 if results.faults or not enough else 0


if __name__ == "__main__":
    sys.exit(main())
