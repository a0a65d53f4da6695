#!/usr/bin/env python3
"""Compiles and runs the narrow networks of tests/data/networks, and compares each block with Keras.

An error may be 4 times Keras' own float32 error, and at most 1e-4 of the largest value. --changed changes one weight in the
middle of each network first; then the exit status is 0 if the comparison fails.

Exit status: 0 passed, 1 an output is beyond its limit, 2 invalid usage, 3 sepconv failed.
"""

import argparse
import json
import pathlib
import struct
import sys
import tempfile
import time
import zipfile

import numpy as np

import compare
import sepconv_runs

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "data" / "networks"


def read_expected(row):
    """The input and the list of expected outputs of a row of networks.json."""
    arrays = np.load(FOLDER / row["io"])
    return arrays["input"], [compare.Expected(one["name"], arrays[one["name"]].astype("float64"), one["keras_error"],
                                              one["limit"], one["deviation"]) for one in row["outputs"]]


def write_changed(row, path):
    """A copy of the model with the changed weight."""
    change = row["middle_weight"]
    with zipfile.ZipFile(FOLDER / row["file"]) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = bytearray(old.read(name))
            if name == change["member"]:
                assert struct.unpack_from("<f", data, change["offset"])[0] == change["value"]
                struct.pack_into("<f", data, change["offset"], change["changed"])
            new.writestr(name, bytes(data))


def check(row, sepconv, target, folder, changed):
    """The table's row of one network."""
    x, expected = read_expected(row)
    model = FOLDER / row["file"]
    if changed:
        model = folder / row["file"]
        write_changed(row, model)
    start = time.monotonic()
    actual = sepconv_runs.run_network(sepconv, target, model, x, [one.name for one in expected], folder)
    return compare.compare(row["name"], row["layers"], actual, expected, time.monotonic() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sepconv", required=True, help="the program")
    parser.add_argument("--target", help="what to compile for; default: the best that this machine runs")
    parser.add_argument("--changed", action="store_true", help="expect that a changed weight is noticed")
    parser.add_argument("names", nargs="*", help="networks to check; all when none is named")
    arguments = parser.parse_args()
    rows = {row["name"]: row for row in json.loads((FOLDER / "networks.json").read_text())["networks"]}
    if unknown := set(arguments.names) - set(rows):
        parser.error(f"unknown network {sorted(unknown)[0]}; known: {', '.join(rows)}")
    target = arguments.target or sepconv_runs.best_target(arguments.sepconv)
    print(f"target {target}\n{compare.HEADER}")
    status = 0
    for name in arguments.names or rows:
        with tempfile.TemporaryDirectory() as folder:
            try:
                row = check(rows[name], arguments.sepconv, target, pathlib.Path(folder), arguments.changed)
            except sepconv_runs.RunFailed as error:
                print(f"{name:26} {error}", flush=True)
                status = 3
                continue
        print(compare.text_of(row), flush=True)
        if row.passed == arguments.changed:
            status = max(status, 1)
    return status


if __name__ == "__main__":
    sys.exit(main())
