"""Runs a network with sepconv: compile, then run on an array."""

import json
import pathlib
import subprocess

import numpy as np


class RunFailed(Exception):
    """A command failed; the text has the command and the end of what it wrote."""


def command(arguments, seconds):
    """Runs a program and returns what it writes to its standard output."""
    try:
        done = subprocess.run([str(one) for one in arguments], capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise RunFailed(f"{' '.join(map(str, arguments))}: not done after {seconds} s") from None
    if done.returncode != 0:
        raise RunFailed(f"{' '.join(map(str, arguments))}: exit status {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def best_target(sepconv):
    """The target whose kernels this machine's CPU would choose, of those that are compiled unasked."""
    targets = json.loads(command([sepconv, "targets", "--json"], 60))["targets"]
    usable = [one for one in targets if one["device"] == "cpu" and one["available"] and not one.get("experimental")]
    return max(usable, key=lambda one: one["rank"])["name"]


def run_network(sepconv, target, model, x, names, folder, seconds=3600):
    """Compiles the model for the target and returns its outputs for x, one array for each name."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    source, result = folder / "input.npy", folder / ("output.npz" if len(names) > 1 else "output.npy")
    result.unlink(missing_ok=True)
    np.save(source, x)
    command([sepconv, "compile", model, "--network", "--shared", "--target", target, "-o", folder / "compiled"], seconds)
    command([sepconv, "run", folder / "compiled", "--input", source, "--output", result], seconds)
    loaded = np.load(result)
    if len(names) == 1:
        return {names[0]: loaded}
    if missing := set(names) - set(loaded.files):
        raise RunFailed(f"{result} lacks the output {sorted(missing)[0]}")
    return {name: loaded[name] for name in names}
