"""Runs a network with sepconv: compile, then run on an array."""

import pathlib
import subprocess

import numpy as np


class RunFailed(Exception):
    """A command failed; the text has the command and the end of what it wrote."""


def command(arguments, seconds):
    try:
        done = subprocess.run([str(one) for one in arguments], capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise RunFailed(f"{' '.join(map(str, arguments))}: not done after {seconds} s") from None
    if done.returncode != 0:
        raise RunFailed(f"{' '.join(map(str, arguments))}: exit status {done.returncode}\n{(done.stdout + done.stderr)[-2000:]}")


def run_network(sepconv, model, x, names, folder, seconds=3600):
    """Compiles the model into the folder and returns its outputs for x, one array for each name."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    source, result = folder / "input.npy", folder / ("output.npz" if len(names) > 1 else "output.npy")
    result.unlink(missing_ok=True)
    np.save(source, x)
    command([sepconv, "compile", model, "--network", "-o", folder / "compiled"], seconds)
    command([sepconv, "run", folder / "compiled", "--input", source, "--output", result], seconds)
    loaded = np.load(result)
    if len(names) == 1:
        return {names[0]: loaded}
    if missing := set(names) - set(loaded.files):
        raise RunFailed(f"{result} lacks the output {sorted(missing)[0]}")
    return {name: loaded[name] for name in names}
