#!/usr/bin/env python3
"""Compares the kernels of two lockfiles, and Halide's autoschedulers, in one interleaved run.

Each problem that both lockfiles have for the target is built with both schedules. In each round every problem's kernels
are timed in alternation in one process, on one pinned core with warm caches, the order turned round from round to
round; the figure is the median over rounds of the ratio of the first lockfile's time to the second's. Every kernel is
checked against the double reference first. Prints a table, and with --json writes everything.

  bench/compare_locks.py bench/baselines/rules_2026_11_21.lock.json tuned.lock.json --target x86-64-avx2

Exit status: 0 success, 1 a kernel was wrong or could not be built, 2 invalid usage.
"""

import argparse
import json
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile


def schedules_of(path, target):
    rows = json.loads(pathlib.Path(path).read_text())["rows"]
    return {row["problem"]: row["schedule"] for row in rows if row["target"] == target}


def build(arguments, problem, schedule, kernels):
    argv = [arguments.build / "autoschedule/measure/sepconv-builder", "--problem", problem]
    argv += ["--target", arguments.target, "--schedule", schedule, "--kernels", kernels]
    argv += ["--generator", arguments.build / "generators/sepconv-generator", "--time-limit", "300"]
    result = subprocess.run(list(map(str, argv)), capture_output=True, text=True)
    if result.returncode not in (0, 1):
        raise RuntimeError(result.stderr.strip())
    return json.loads(result.stdout)


def measure(arguments, folders, reference):
    """Seconds of each kernel, in order; None where it is not ok."""
    argv = [arguments.build / "runner/sepconv-runner", "trial", "--no-yardstick", "--reference", reference]
    argv += ["--seconds", arguments.seconds, "--max-seconds", 10 * arguments.seconds, "--threads", arguments.threads]
    if arguments.cpu is not None:
        argv += ["--cpu", arguments.cpu]
    for folder in folders:
        argv += ["--kernel", folder]
    result = subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    for line in lines:
        if line["status"] != "ok":
            print(f"{line['kernel']}: {line['status']}: {line['message']}", file=sys.stderr)
    return [line["seconds"] if line["status"] == "ok" else None for line in lines]


def compare(arguments, problem, contenders, work):
    """The median seconds of each contender, and the median ratio of the first to each; None where one is not ok."""
    folders, names = [], []
    for name, schedule in contenders.items():
        built = build(arguments, problem, schedule, work / "kernels")
        if built["status"] == "ok":
            folders.append(built["folder"])
            names.append(name)
        else:
            print(f"{problem}: {name}: {built['status']}: {built['message'][:200]}", file=sys.stderr)
    rounds = {name: [] for name in names}
    for number in range(arguments.rounds):
        order = list(range(len(names)))
        if number % 2:
            order.reverse()
        times = measure(arguments, [folders[i] for i in order], work / "problem.ref")
        for place, i in enumerate(order):
            rounds[names[i]].append(times[place])
    (work / "problem.ref").unlink(missing_ok=True)
    good = {name: values for name, values in rounds.items() if None not in values}
    first = good.get(next(iter(contenders)))
    return {
        name: {
            "seconds": statistics.median(values),
            "ratio": statistics.median(a / b for a, b in zip(first, values)) if first else None,
        }
        for name, values in good.items()
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], epilog=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("first", help="the baseline lockfile, such as the rules'")
    parser.add_argument("second")
    parser.add_argument("--target", required=True)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"), help="the build tree")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.1, help="seconds per kernel and round")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cpu", type=int, help="core that times the kernels; default: the last one")
    parser.add_argument("--halide", nargs="*", default=[], help="Halide's autoschedulers, such as halide-mullapudi2016")
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    first, second = (schedules_of(path, arguments.target) for path in (arguments.first, arguments.second))
    problems = sorted(first.keys() & second.keys())
    if not problems:
        print(f"compare_locks: the lockfiles share no problem for {arguments.target}", file=sys.stderr)
        return 2
    results, whole = {}, True
    print(f"{'problem':<48} {'first':>10} {'second':>10} {'speed-up':>9}  over Halide's best")
    with tempfile.TemporaryDirectory(prefix="sepconv-locks-") as scratch:
        for problem in problems:
            contenders = {"first": first[problem], "second": second[problem]}
            contenders |= {name: name for name in arguments.halide}
            result = results[problem] = compare(arguments, problem, contenders, pathlib.Path(scratch))
            if "first" not in result or "second" not in result:
                whole = False
                continue
            halide = [result[name]["seconds"] for name in arguments.halide if name in result]
            times = [f"{1e6 * result[name]['seconds']:>8.1f}us" for name in ("first", "second")]
            over = f"{min(halide) / result['second']['seconds']:>6.2f}x" if halide else ""
            print(f"{problem:<48} {times[0]} {times[1]} {result['second']['ratio']:>8.3f}x  {over}", flush=True)
    ratios = [result["second"]["ratio"] for result in results.values() if result.get("second", {}).get("ratio")]
    if ratios:
        mean = math.exp(statistics.fmean(map(math.log, ratios)))
        print(f"geometric mean {mean:.3f}x, least {min(ratios):.3f}x, {len(ratios)} problems, {arguments.rounds} rounds")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
