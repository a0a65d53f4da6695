#!/usr/bin/env python3
"""Prints the line coverage of each reader of untrusted bytes that the fuzz targets' inputs reach.

    coverage.py                 of tests/fuzz/corpus and tests/fuzz/regressions
    coverage.py --found         and of what the fuzzers found in build/fuzz

Needs the build of the preset fuzz-coverage. The missed lines of a file are named where its coverage is below 85%.
Exit status: 0 printed, 3 a tool or a target failed.
"""

import argparse
import collections
import os
import pathlib
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
PREFIX = "sepconv_fuzz_"
ENOUGH = 0.85
# Files, or folders of which all .cpp files count, that bytes of a stranger's file or command line go through.
READERS = [
    "autoschedule/lockfile.cpp",
    "autoschedule/record.cpp",
    "generators/compile/kernel_object.cpp",
    "generators/spec/gpu_schedule.cpp",
    "generators/spec/schedule.cpp",
    "generators/spec/target.cpp",
    "runner/npy.cpp",
    "runner/npz.cpp",
    "runtime/core/activation.cpp",
    "runtime/core/conv_problem.cpp",
    "runtime/core/text.h",
    "runtime/core/weights_file.cpp",
    "runtime/keras",
    "runtime/layers/keras_rules.cpp",
    "tools/input_shape.cpp",
    "tools/plan_bytes.cpp",
]
# In those folders, what only writes.
NOT_READERS = {"hdf5_writer.cpp", "save_weights.cpp"}


def fail(message):
    print(f"coverage: {message}", file=sys.stderr)
    sys.exit(3)


def tool(name):
    """LLVM's tool of the version of clang++, which is the only one that reads its profiles."""
    answer = subprocess.run(["clang++", f"-print-prog-name={name}"], capture_output=True, text=True)
    return answer.stdout.strip() or name


def output_of(command, **options):
    run = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **options
    )
    if run.returncode != 0:
        fail(f"{command[0]} ended with status {run.returncode}: {run.stdout[-400:]}")
    return run.stdout


def replay(programs, found, scratch):
    """Runs every target on its inputs. Returns the path of the merged profile."""
    profiles = []
    for program in programs:
        target = program.name.removeprefix(PREFIX)
        folders = [FOLDER / "corpus" / target, FOLDER / "regressions" / target]
        if found:
            folders.append(found / "fuzzing" / target / "corpus")
        profile = f"{scratch}/{target}.profraw"
        environment = {**os.environ, "LLVM_PROFILE_FILE": profile, "TMPDIR": scratch}
        output_of([str(program), *(str(folder) for folder in folders if folder.is_dir())], env=environment)
        profiles.append(profile)
    merged = f"{scratch}/merged.profdata"
    output_of([tool("llvm-profdata"), "merge", "-sparse", "-o", merged, *profiles])
    return merged


def line_counts(programs, profile):
    """{file: {line: times it was reached}} of all programs."""
    objects = [word for program in programs[1:] for word in ("-object", str(program))]
    command = [tool("llvm-cov"), "export", "-format=lcov", f"-instr-profile={profile}", str(programs[0]), *objects]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
    if run.returncode != 0:
        fail(f"llvm-cov: {run.stderr[-400:]}")
    counts = collections.defaultdict(dict)
    name = ""
    for line in run.stdout.splitlines():
        if line.startswith("SF:"):
            name = os.path.relpath(line[3:], ROOT)
        elif line.startswith("DA:"):
            number, count = line[3:].split(",")[:2]
            counts[name][int(number)] = max(counts[name].get(int(number), 0), int(count))
    return counts


def is_reader(name):
    path = pathlib.Path(name)
    if path.name in NOT_READERS:
        return False
    return name in READERS or (str(path.parent) in READERS and path.suffix == ".cpp")


def ranges(lines):
    """[1, 2, 3, 7] as "1-3, 7"."""
    runs = []
    for line in lines:
        if runs and line == runs[-1][1] + 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def print_table(counts):
    total = reached_total = 0
    for name in sorted(filter(is_reader, counts)):
        lines = counts[name]
        missed = sorted(number for number, count in lines.items() if count == 0)
        reached = len(lines) - len(missed)
        total, reached_total = total + len(lines), reached_total + reached
        print(f"{name:<42} {reached:5} of {len(lines):5} lines  {100 * reached / len(lines):5.1f}%")
        if reached < ENOUGH * len(lines):
            print(f"    missed: {ranges(missed)}")
    print(f"{'all':<42} {reached_total:5} of {total:5} lines  {100 * reached_total / max(total, 1):5.1f}%")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "fuzz-coverage")
    parser.add_argument("--found", action="store_true", help="count what the fuzzers found, too")
    arguments = parser.parse_args()
    programs = sorted((arguments.build / "tests" / "fuzz").glob(PREFIX + "*"))
    if not programs:
        fail(f"{arguments.build} holds no fuzz targets; build the preset fuzz-coverage")
    with tempfile.TemporaryDirectory() as scratch:
        profile = replay(programs, ROOT / "build" / "fuzz" if arguments.found else None, scratch)
        print_table(line_counts(programs, profile))


if __name__ == "__main__":
    main()
