#!/usr/bin/env python3
"""The workspace of each committed network is hardly larger than the tensors that live at once.

What lives is counted here from the steps alone, not by sepconv.
"""

import json
import pathlib
import subprocess
import sys

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "data" / "networks"
MOST = 1.05
ALIGNMENT = 64  # of each tensor: what tiny ones are rounded up to


def bases_of(network):
    """The tensor that holds each tensor's memory, by name."""
    return {one["name"]: one["base"] for one in network["tensors"]}


def most_alive(network):
    """The largest sum of bytes of tensors that a step, or one before and one after it, uses."""
    bases = bases_of(network)
    spans = {}
    for number, step in enumerate(network["steps"]):
        for name in [step["input"], step["output"], *step["operands"]]:
            spans.setdefault(bases[name], [number, number])[1] = number
    given = {bases[name] for name in network["inputs"] + network["outputs"]}
    sizes = {one["name"]: -(-one["bytes"] // ALIGNMENT) * ALIGNMENT for one in network["tensors"]}
    return max(sum(sizes[name] for name, (first, last) in spans.items() if first <= number <= last and name not in given)
               for number in range(len(network["steps"])))


def main():
    status = 0
    for model in sorted(FOLDER.glob("*.keras")):
        done = subprocess.run([sys.argv[1], "inspect", model, "--network", "--json"], capture_output=True, text=True,
                              check=True, timeout=120)
        network = json.loads(done.stdout)["network"]
        alive = most_alive(network)
        ratio = network["tensor_bytes"] / alive if alive else 1
        print(f"{model.stem:20} {network['tensor_bytes']:9} bytes, {alive:9.0f} alive at once: {ratio:.3f}")
        if not 1 <= ratio <= MOST:
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
