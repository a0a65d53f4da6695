#!/usr/bin/env python3
"""Compares sepconv with other libraries on whole networks: batch 1, float32, on pinned cores.

  build/peers/bin/python bench/peers/bench_networks.py --sepconv build/release/tools/sepconv \\
      --timer build/release/bench/sepconv_network_timer
  ... --only 'mobilenet*' --rounds 9 --threads 2

Converts and compiles each network of --models, checks that each contender computes what Keras computes, and times all of
them in alternation. What was converted or compiled before is used again.
Exit status: 0 success, 1 a wrong result of sepconv, 2 invalid usage, 3 no network was timed.
"""

import argparse
import datetime
import fnmatch
import json
import os
import pathlib
import subprocess
import sys
import time

import numpy as np

import network_adaptor
import network_table
from compare import Server, cpu_info
from network_files import all_current
from peers import cores_for
from results import median

HERE = pathlib.Path(__file__).resolve().parent
HOME = HERE.parent.parent / "build" / "peers"
LIMIT = 1e-3  # of the largest value: beyond it a result is wrong


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sepconv", type=pathlib.Path, required=True, help="the program")
    parser.add_argument("--timer", type=pathlib.Path, required=True, help="the program sepconv_network_timer")
    parser.add_argument("--models", type=pathlib.Path, default=HERE.parent.parent / "build" / "networks",
                        help="NAME/NAME.keras and NAME/input.npy, as check_networks.py leaves them (%(default)s)")
    parser.add_argument("--only", default="*", help="pattern of the names of networks")
    parser.add_argument("--peers", default=",".join(network_adaptor.PEERS),
                        help="names, separated by commas (%(default)s)")
    parser.add_argument("--target", help="of sepconv; the best that this machine runs if left out")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cores", help="for taskset; the last ones if left out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each measurement")
    parser.add_argument("--drop-slower", type=float, default=3, help="peers this much slower than the best run once")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for an answer")
    parser.add_argument("--folder", type=pathlib.Path, default=HOME / "networks", help="for converted networks")
    parser.add_argument("--out", type=pathlib.Path, default=HOME / "results", help="for the table and JSON")
    parser.add_argument("--prepare", action="store_true", help="only convert and compile")
    return parser.parse_args()


def network_names(options):
    found = sorted(path.parent.name for path in options.models.glob("*/*.keras") if path.stem == path.parent.name)
    names = fnmatch.filter(found, options.only)
    if not names:
        raise ValueError(f"--only {options.only}: no such network in '{options.models}'")
    return names


def files_of(peers):
    """What the peers, separated by commas, read of a network."""
    names = peers.split(",")
    for name in names:
        if name not in network_adaptor.PEERS:
            raise ValueError(f"--peers: '{name}' is none of: {', '.join(network_adaptor.PEERS)}")
    return {network_adaptor.PEERS[name][1] for name in names}


def best_target(sepconv):
    """The target whose kernels this machine's CPU would choose."""
    done = subprocess.run([sepconv, "targets", "--json"], stdout=subprocess.PIPE, check=True)
    targets = json.loads(done.stdout)["targets"]
    usable = [one for one in targets if one["device"] == "cpu" and one["available"] and not one.get("experimental")]
    return max(usable, key=lambda one: one["rank"])["name"]


def prepare(name, files, options):
    """Compiles and converts one network. Returns why sepconv cannot compile it, or None."""
    model = options.models / name / f"{name}.keras"
    if not all_current(options.folder / name, model, files):
        command = [sys.executable, HERE / "network_convert.py", "--models", options.models, "--folder", options.folder]
        subprocess.run([*command, name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    folder = options.folder / name / f"sepconv_{options.threads}"
    folder.mkdir(parents=True, exist_ok=True)
    command = [options.sepconv, "compile", model, "-o", folder, "--name", "net",
               "--network", "--shared", "--target", options.target, "--threads", str(options.threads)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stderr[-300:] if done.returncode else None


def all_contenders(options):
    """A process for each, started with its first question."""
    pinned = ["taskset", "-c", options.cores]
    rest = [str(options.folder.resolve()), str(options.threads), str(options.seconds)]
    found = {"sepconv": Server([*pinned, str(options.timer.resolve()), *rest], timeout=options.timeout)}
    for name in options.peers.split(","):
        command = [*pinned, sys.executable, str(HERE / "network_adaptor.py"), name, *rest]
        found[name] = Server(command, {"OMP_NUM_THREADS": str(options.threads)}, options.timeout)
    return found


def check(name, contenders, options):
    """Each contender's answer to "check", with its error against Keras; those that fail have an "error" text."""
    expected = np.load(options.folder / name / "expected.npy").ravel().astype(np.float64)
    answers = {}
    for contender, server in contenders.items():
        answer = answers[contender] = server.ask(f"check {name}")
        if "error" in answer:
            continue
        actual = np.load(options.folder / name / f"{contender}.out.npy").ravel()
        if actual.size != expected.size:
            answer["error"] = f"{actual.size} values instead of {expected.size}"
            continue
        answer["largest"] = float(np.max(np.abs(actual - expected)) / np.max(np.abs(expected)))
        if not answer["largest"] <= LIMIT:  # NaN as well
            answer["error"] = f"wrong result: differs by {answer['largest']:.1e} of the largest value"
    return answers


def time_network(name, contenders, left_out, options, first):
    """Rounds in which each contender runs once, then the peak. The start rotates and the direction alternates."""
    order = [contender for contender in contenders if contender not in left_out]
    order = order[first % len(order):] + order[:first % len(order)]
    answers, peak = {contender: [] for contender in order}, []
    for index in range(options.rounds):
        for contender in order if index % 2 == 0 else order[::-1]:
            answers[contender].append(contenders[contender].ask(f"time {name}"))
            if options.threads > 1:
                time.sleep(0.03)  # until the last one's helper threads stop spinning
        peak.append(contenders["sepconv"].ask("peak -"))
        if index == 0:
            times = {one: found[0]["ms_median"] for one, found in answers.items() if "ms_median" in found[0]}
            slow = options.drop_slower * min(times.values(), default=0)
            order = [one for one in order if one == "sepconv" or times.get(one, 2 * slow) <= slow]
    return answers, peak


def row_of(name, contenders, options, versions, first):
    checked = check(name, contenders, options)
    for contender, answer in checked.items():
        if "version" in answer:
            versions[contender] = answer["version"]
    failed = {contender: answer for contender, answer in checked.items() if "error" in answer}
    answers, peak = {}, []
    if len(failed) < len(contenders):
        answers, peak = time_network(name, contenders, failed, options, first)
    answers.update({contender: [answer] for contender, answer in failed.items()})
    row = {"name": name, "threads": options.threads, "answers": answers, "peak": peak,
           "flops": checked["sepconv"].get("flops", 0),
           "notes": {contender: answer["note"] for contender, answer in checked.items() if answer.get("note")},
           "errors": {one: answer["largest"] for one, answer in checked.items() if "largest" in answer}}
    return network_table.evaluate(row)


def write_result(result, options):
    options.out.mkdir(parents=True, exist_ok=True)
    text = network_table.markdown(result)
    stem = options.out / f"networks_{options.threads}"
    stem.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    stem.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


def run(options):
    names, files = network_names(options), files_of(options.peers)
    options.target = options.target or best_target(options.sepconv)
    options.cores = cores_for(options.threads, options.cores)
    for name in names:
        if why := prepare(name, files, options):
            print(f"bench_networks: {name}: sepconv compile failed: {why}", file=sys.stderr)
    if options.prepare:
        return 0
    contenders = all_contenders(options)
    version = subprocess.run([options.sepconv, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    versions = {"sepconv": version.split()[-1] + f" ({options.target})"}
    load_before, rows = os.getloadavg()[0], []
    date = datetime.datetime.now().isoformat(timespec="minutes")
    for index, name in enumerate(names):
        rows.append(row_of(name, contenders, options, versions, index))
        contenders["sepconv"].close()  # the next network shall not find this one's kernels
        figures = rows[-1]["figures"].items()
        shown = ", ".join(f"{one} {figure['us']:.1f}" if "us" in figure else f"{one} -" for one, figure in figures)
        print(f"[{index + 1}/{len(names)}] {name}: {shown}", file=sys.stderr, flush=True)
    for server in contenders.values():
        server.close()
    peaks = [row["peak_gflops"] for row in rows if row["peak_gflops"]]
    if not peaks:
        return 3
    write_result({"date": date, "cpu": cpu_info(), "threads": options.threads, "cores": options.cores,
                  "rounds": options.rounds, "seconds": options.seconds, "versions": versions,
                  "load": [load_before, os.getloadavg()[0]], "contenders": list(contenders),
                  "peak_gflops": median(peaks), "rows": rows}, options)
    return 1 if any("wrong" in row["figures"]["sepconv"].get("error", "") for row in rows) else 0


def main():
    try:
        return run(parse_arguments())
    except (ValueError, OSError, subprocess.SubprocessError) as error:
        print(f"bench_networks: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
