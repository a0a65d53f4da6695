#!/usr/bin/env python3
"""Runs the fuzz targets of a build with libFuzzer, two at a time, and prints a line for each.

A target starts from tests/fuzz/corpus, its regressions, and what earlier runs found, which is kept below the build
folder. A fault does not end its target: the input is kept, one for each place of the code, and the target starts again.

    run_fuzzers.py --minutes 2                  all targets
    run_fuzzers.py --minutes 30 --only 'h5*'    some
    run_fuzzers.py --merge                      makes tests/fuzz/corpus anew: the few inputs that reach all of the code

A fault is the library's when the innermost function of ours only called libhdf5, which has no instrumentation: it is
listed and kept apart, and belongs in tests/fuzz/library. Exit status: 0 no fault of ours, 1 a fault, 2 bad usage, 3 a
target cannot be run.
"""

import argparse
import concurrent.futures
import dataclasses
import fnmatch
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
PREFIX = "sepconv_fuzz_"
TIMEOUT_S = 10
RSS_MB = 2048
MOST_FAULTS = 40  # of a target, after which its run ends
SLOW = ("timeout", "slow-unit")  # what libFuzzer calls inputs that took long
# Of a target, in tests/fuzz/corpus.
MOST_CORPUS_FILES = {"model_json": 400, "layer_config": 120, "tfjs": 120}
DEFAULT_CORPUS_FILES = 60
MOST_CORPUS_BYTES = {
    "h5_model": 200_000,
    "given_weights": 70_000,
    "keras_archive": 120_000,
    "model_json": 500_000,
    "layer_config": 60_000,
    "tfjs": 100_000,
}
DEFAULT_CORPUS_BYTES = 40_000
DEFAULT_MAX_LEN = 16 << 10
MAX_LEN = {"h5_model": 128 << 10, "keras_archive": 128 << 10, "model_json": 64 << 10, "given_weights": 64 << 10}
# What a stack shows above the code at fault: the sanitizers' own functions, libFuzzer's and the C library's.
NOT_AT_FAULT = re.compile(
    r"__asan|__sanitizer|__ubsan|__interceptor|__lsan|fuzzer::|libc\.so|libm\.so|libstdc\+\+|libz\.so|"
    r"\boperator new|\bmalloc\b|\bcalloc\b|\brealloc\b|\bmem(cpy|move|set|cmp)\b|\bstrn?(len|cpy|cmp|dup)\b|\bfree\b|"
    r"compiler-rt|<unknown module>|\babort\b|\braise\b|/usr/include/c\+\+|/include/c\+\+/"
)


@dataclasses.dataclass
class Outcome:
    target: str
    seconds: float = 0
    runs: int = 0
    first_coverage: int = 0
    coverage: int = 0
    faults: dict = dataclasses.field(default_factory=dict)  # place in the code: kept input
    library_faults: dict = dataclasses.field(default_factory=dict)
    problem: str = ""  # why the target could not be run


def targets_of(build, pattern):
    names = sorted(path.name.removeprefix(PREFIX) for path in (build / "tests" / "fuzz").glob(PREFIX + "*"))
    return [name for name in names if fnmatch.fnmatch(name, pattern)]


def place_of_fault(log):
    """The innermost function that may be at fault in the first stack of a report, and whether it is libhdf5's."""
    frames = re.findall(r"^ +#\d+ 0x[0-9a-f]+ +(?:in )?(.*)$", log, re.MULTILINE)
    for frame in frames:
        if not NOT_AT_FAULT.search(frame):
            in_library = "libhdf5" in frame
            place = re.sub(r"\+0x[0-9a-f]+.*|\(BuildId.*", "", frame).strip()
            return re.sub(r"/\S*/", "", place)[:120], in_library
    error = re.search(r"runtime error: .*|ERROR: \S+: [a-z-]+", log)
    return (error.group(0) if error else "unknown place")[:120], False


def command_of(program, target, folder):
    return [
        str(program),
        f"-timeout={TIMEOUT_S}",
        f"-rss_limit_mb={RSS_MB}",
        f"-max_len={MAX_LEN.get(target, DEFAULT_MAX_LEN)}",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
        "-reload=0",
    ]


def environment(scratch):
    suppressions = ROOT / "scripts" / "sanitizers" / "lsan.supp"
    return {
        **os.environ,
        "TMPDIR": scratch,
        # A request beyond all memory fails as it does without ASan; libFuzzer still ends what takes more than its limit.
        "ASAN_OPTIONS": "detect_container_overflow=0:allocator_may_return_null=1",
        "LSAN_OPTIONS": f"suppressions={suppressions}:print_suppressions=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }


def read_statistics(log, outcome):
    runs = re.search(r"stat::number_of_executed_units: +(\d+)", log)
    if not runs:  # none are printed after a fault of some kinds
        runs = (re.findall(r"^#(\d+)\s", log, re.MULTILINE) or [None])[-1:]
        outcome.runs += int(runs[0] or 0)
    else:
        outcome.runs += int(runs.group(1))
    coverage = [int(found) for found in re.findall(r"\bcov: (\d+)", log)]
    if coverage:
        outcome.first_coverage = outcome.first_coverage or coverage[0]
        outcome.coverage = max(outcome.coverage, *coverage)


def fails_again(program, path, scratch):
    """Whether the input fails by itself, too: a timeout may have been the machine's, busy with something else."""
    command = [
        str(program),
        f"-timeout={TIMEOUT_S}",
        f"-rss_limit_mb={RSS_MB}",
        "-artifact_prefix=/dev/null/",
        str(path),
    ]
    return subprocess.run(command, env=environment(scratch), capture_output=True).returncode != 0


def keep_faults(log, program, folder, outcome, scratch):
    """Sorts new inputs at fault by their place in the code. Returns how many there were."""
    new = [path for path in folder.iterdir() if path.is_file()]
    place, in_library = place_of_fault(log)
    kept = outcome.library_faults if in_library else outcome.faults
    for path in new:
        if place in kept or (path.name.startswith(SLOW) and not fails_again(program, path, scratch)):
            path.unlink()
            continue
        home = folder / ("library" if in_library else "ours")
        home.mkdir(exist_ok=True)
        kept[place] = path.rename(home / path.name)
        (home / (path.name + ".log")).write_text(log)
    return len(new)


def fuzz(build, target, minutes, scratch):
    program = build / "tests" / "fuzz" / (PREFIX + target)
    folder = build / "fuzzing" / target
    corpus, found = folder / "corpus", folder / "faults"
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(exist_ok=True)
    seeds = [path for kind in ("corpus", "regressions") if (path := FOLDER / kind / target).is_dir()]
    outcome = Outcome(target)
    begin, end = time.monotonic(), time.monotonic() + 60 * minutes
    faults = 0
    while faults < MOST_FAULTS and (left := int(end - time.monotonic())) > 0:
        command = command_of(program, target, found) + [f"-max_total_time={left}", str(corpus), *map(str, seeds)]
        # In bytes: an input may be part of the output.
        run = subprocess.run(command, env=environment(scratch), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        log = run.stdout.decode(errors="replace")
        (folder / "last.log").write_text(log)
        read_statistics(log, outcome)
        new = keep_faults(log, program, found, outcome, scratch)
        faults += new
        if run.returncode != 0 and new == 0:
            outcome.problem = f"exit status {run.returncode} without an input: {folder / 'last.log'}"
            break
    outcome.seconds = time.monotonic() - begin
    return outcome


def print_outcome(outcome):
    rate = outcome.runs / max(outcome.seconds, 1e-9)
    print(
        f"{outcome.target:<14} {outcome.seconds:6.0f} s {outcome.runs:10} runs {rate:8.0f}/s"
        f"   coverage {outcome.first_coverage} -> {outcome.coverage}"
        f"   faults {len(outcome.faults)}, in libhdf5 {len(outcome.library_faults)}",
        flush=True,
    )
    for place, path in outcome.faults.items():
        print(f"  FAULT {place}: {path}", flush=True)
    for place, path in outcome.library_faults.items():
        print(f"  libhdf5: {place}: {path}", flush=True)
    if outcome.problem:
        print(f"  {outcome.problem}", flush=True)


def run_all(build, targets, minutes, jobs):
    worst = 0
    memory = pathlib.Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as scratch:
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            runs = [pool.submit(fuzz, build, target, minutes, scratch) for target in targets]
            for run in concurrent.futures.as_completed(runs):
                outcome = run.result()
                print_outcome(outcome)
                worst = max(worst, 3 if outcome.problem else 1 if outcome.faults else 0)
    return worst


def merge(build, target, seeds, scratch):
    """Replaces the target's corpus by the fewest inputs of all that reach the same code."""
    program = build / "tests" / "fuzz" / (PREFIX + target)
    new = pathlib.Path(scratch) / "new" / target
    new.mkdir(parents=True)
    old = FOLDER / "corpus" / target
    sources = [str(path) for path in (old, seeds / target, build / "fuzzing" / target / "corpus") if path.is_dir()]
    command = command_of(program, target, pathlib.Path(scratch)) + ["-set_cover_merge=1", "-use_counters=0"]
    log = subprocess.run(
        [*command, str(new), *sources], env=environment(scratch), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if log.returncode != 0:
        sys.exit(f"run_fuzzers: cannot merge {target}: {log.stdout.decode(errors='replace')[-500:]}")
    # libFuzzer writes first what reaches most.
    most_files = MOST_CORPUS_FILES.get(target, DEFAULT_CORPUS_FILES)
    room, kept = MOST_CORPUS_BYTES.get(target, DEFAULT_CORPUS_BYTES), 0
    for path in sorted(new.iterdir(), key=lambda path: (path.stat().st_mtime_ns, path.stat().st_ino)):
        if kept < most_files and path.stat().st_size <= room:
            room, kept = room - path.stat().st_size, kept + 1
        else:
            path.unlink()
    shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(new, old)
    print(f"{target:<14} {kept} inputs, {sum(path.stat().st_size for path in old.iterdir())} bytes", flush=True)


def merge_all(build, targets):
    with tempfile.TemporaryDirectory() as scratch:
        seeds = pathlib.Path(scratch) / "seeds"
        subprocess.run([sys.executable, str(FOLDER / "make_seeds.py"), str(seeds)], check=True)
        for target in targets:
            merge(build, target, seeds, scratch)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "fuzz")
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--jobs", type=int, default=2, help="targets at a time")
    parser.add_argument("--only", default="*", help="targets whose names match this pattern")
    parser.add_argument("--merge", action="store_true", help="make tests/fuzz/corpus anew")
    arguments = parser.parse_args()
    targets = targets_of(arguments.build, arguments.only)
    if not targets:
        parser.error(f"no target matches '{arguments.only}' in {arguments.build}")
    if arguments.merge:
        return merge_all(arguments.build, targets)
    return run_all(arguments.build, targets, arguments.minutes, arguments.jobs)


if __name__ == "__main__":
    sys.exit(main())
