#!/usr/bin/env python3
"""Asks real Keras for random layers with their weights and outputs, and compares sepconv's kernels with them.

    python3 tests/data/check_against_keras.py --sepconv build/release/tools/sepconv [--count 500] [--seed S]

Runs where Keras is installed (`pip install keras==3.15.1 jax numpy`); elsewhere it says so and ends with status 0.
make_goldens.py draws the layers; `sepconv verify` compiles and compares them. Prints the worst ratio of error to limit.
"""

import argparse
import importlib.util
import pathlib
import re
import subprocess
import sys
import tempfile

RESULT = re.compile(r"max error (\S+)\s+limit (\S+)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sepconv", type=pathlib.Path, required=True, metavar="PROGRAM")
    parser.add_argument("--count", type=int, default=500, metavar="N", help="random layers; default 500")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", default="x86-64-sse41,x86-64-avx2", help="rows to compare, separated by commas")
    parser.add_argument("--keep", type=pathlib.Path, metavar="FOLDER", help="keep the cases for `sepconv verify FOLDER`")
    arguments = parser.parse_args()
    for module in ("keras", "jax"):
        if importlib.util.find_spec(module) is None:
            print(f"skipped: {module} is not installed (pip install keras==3.15.1 jax numpy)")
            return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or temporary
        script = pathlib.Path(__file__).with_name("make_goldens.py")
        subprocess.run([sys.executable, script, folder, "--random", str(arguments.count), "--seed",
                        str(arguments.seed)], check=True)
        result = subprocess.run([arguments.sepconv, "verify", folder, "--target", arguments.target],
                                capture_output=True, text=True)
    worst, worst_line = 0.0, ""
    for line in result.stdout.splitlines():
        if not line.startswith("ok"):
            print(line)
        found = RESULT.search(line)
        if found and float(found[2]) > 0 and not float(found[1]) / float(found[2]) <= worst:
            worst, worst_line = float(found[1]) / float(found[2]), line
    print(result.stderr, end="", file=sys.stderr)
    print(f"worst ratio of error to limit: {worst:.3f}: {worst_line}")
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
