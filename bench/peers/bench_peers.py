#!/usr/bin/env python3
"""Compares sepconv with the libraries that setup.sh installed.

Checks that all compute the same, times all in alternation on pinned cores, and writes a table, JSON and an HTML page.

  build/peers/bin/python bench/peers/bench_peers.py --sepconv build/release/tools/sepconv
  ... --threads 1 --peers onednn,litert --only '^tiny_' --rounds 9
  ... --isa avx2                 # sepconv, and the libraries that allow it, without AVX-512
  ... --page-of one.json,two.json --out folder      # only the page and the tables, of earlier runs

Exit status: 0 success, 1 a wrong result, 2 invalid usage.
"""

import argparse
import json
import pathlib
import re
import sys

from suite import DEFAULT_SUITE, HERE, load_suite

HOME = HERE.parent.parent / "build" / "peers"
ISAS = {"avx2": "x86-64-avx2"}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sepconv", type=pathlib.Path, help="the program")
    parser.add_argument("--suite", type=pathlib.Path, default=DEFAULT_SUITE)
    parser.add_argument("--threads", default="1,2", help="numbers of threads, separated by commas (%(default)s)")
    parser.add_argument("--cores", help="for taskset; the last ones if left out")
    parser.add_argument("--peers", help="names, separated by commas; all that are set up if left out")
    parser.add_argument("--peers-home", type=pathlib.Path, default=HOME, help="what setup.sh filled")
    parser.add_argument("--only", default="", help="regular expression on layer names")
    parser.add_argument("--group", default="", help="regular expression on groups")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--extra-rounds", type=int, default=3, help="maximum number of extra rounds when the leader is noisy")
    parser.add_argument("--seconds", type=float, default=0.15, help="of each measurement")
    parser.add_argument("--drop-slower", type=float, default=3, help="peers this much slower run in one round only")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for an answer")
    parser.add_argument("--isa", choices=sorted(ISAS), help="hold sepconv, and the peers that allow it, to this")
    parser.add_argument("--lock", type=pathlib.Path, help="lockfile for sepconv's schedules")
    parser.add_argument(
        "--candidate",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="another program that follows the protocol with --serve",
    )
    parser.add_argument(
        "--check", choices=("quick", "all", "none"), default="quick", help="which layers' results are checked first"
    )
    parser.add_argument("--out", type=pathlib.Path, default=HOME / "results", help="folder of the table, JSON and page")
    parser.add_argument("--page-of", help="JSON files of earlier runs, separated by commas; nothing is timed")
    return parser.parse_args()


def wanted_layers(suite, options):
    try:
        only, group = re.compile(options.only), re.compile(options.group)
    except re.error as error:
        raise ValueError(f"--only, --group: no regular expression: {error}") from error
    layers = [layer for layer in suite["layers"] if only.search(layer["name"]) and group.search(layer["group"])]
    if not layers:
        raise ValueError("--only, --group: no layer matches")
    return layers


def candidates_of(options):
    from peers import Peer

    command = [options.sepconv.resolve(), "bench"]
    if options.isa:
        command += ["--target", ISAS[options.isa]]
    if options.lock:
        command += ["--lock", options.lock.resolve()]
    found = {"sepconv": Peer(command)}
    for text in options.candidate:
        name, equals, words = text.partition("=")
        if not equals or not name or not words.split():
            raise ValueError(f"--candidate: expected NAME=COMMAND, received '{text}'")
        found[name] = Peer(words.split())
    return found


def write_results(results, folder):
    import page
    import table
    from speedup import add_speedups

    add_speedups(results)
    folder.mkdir(parents=True, exist_ok=True)
    files = {"peers.html": page.page(results)}
    for result in results:
        files[f"peers_{result['threads']}.txt"] = table.text(result)
        files[f"peers_{result['threads']}.json"] = json.dumps(result, indent=1) + "\n"
    for name, content in files.items():
        temporary = folder / (name + ".tmp")
        temporary.write_text(content, encoding="utf-8")
        temporary.replace(folder / name)
    for result in results:
        print(table.text(result))
    print(f"written: {', '.join(str(folder / name) for name in files)}")


def old_results(paths):
    from results import evaluate

    results = []
    for path in paths.split(","):
        with open(path, encoding="utf-8") as file:
            results.append(evaluate(json.load(file)))
    return results


def run(options):
    if options.page_of:
        write_results(old_results(options.page_of), options.out)
        return 0
    if options.sepconv is None or not options.sepconv.is_file():
        raise ValueError(f"--sepconv: expected the program's path, received '{options.sepconv}'")
    from peers import cores_for, installed_peers

    suite = load_suite(options.suite)
    layers = wanted_layers(suite, options)
    wanted = options.peers.split(",") if options.peers else None
    counts = [int(count) for count in options.threads.split(",")]
    home = options.peers_home.resolve()
    candidates = candidates_of(options)
    given_cores = options.cores
    if options.check != "none":
        import check

        names = [layer for layer in layers if options.check == "all" or re.search(check.QUICK, layer["name"])]
        everyone = {**candidates, **installed_peers(home, 1, options.isa, wanted)}
        if not check.check(options.suite, names, everyone, list(candidates), 1, cores_for(1, given_cores)):
            print("bench_peers: results differ: nothing is timed", file=sys.stderr)
            return 1
    import compare

    results = []
    for threads in counts:
        options.threads, options.cores = threads, cores_for(threads, given_cores)
        peers = installed_peers(home, threads, options.isa, wanted)
        results.append(compare.time_suite(suite, options.suite, layers, peers, candidates, options))
    write_results(results, options.out)
    return 0


def main():
    try:
        return run(parse_arguments())
    except (ValueError, OSError) as error:
        print(f"bench_peers: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
