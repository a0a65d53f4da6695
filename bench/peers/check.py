"""Do all compute the same? Every variant of every contender on the same data, against a result in double precision."""

import json
import os
import pathlib
import re
import subprocess
import tempfile

import numpy as np

from reference import in_own_layout, result, tensors
from suite import Geometry

TOLERANCE = 1e-4  # of the largest value

# At least one layer of each kind, and none that takes long in double precision.
QUICK = (
    "^(mbv1_b4|mbv2_dw_112x112x96|xcep_10x10x1024|k5_dw_56|convnext_dw7_7|deeplab_33x33x960|dw_65|quartz_c1|quartz_c2"
    "|tcn_L16000_64_k3_d64|dm2_56x56x64_128|dm4|dm2_L500|odd_31|odd_L333|tiny_L32|cf_14|cf_dw|b32_7x7|overhead)"
)


def write_data(layer, folder):
    x, depthwise, pointwise, bias = tensors(layer)
    parts = {"x": in_own_layout(layer, x), "dw": depthwise, "pw": pointwise, "b": bias}
    for what, values in parts.items():
        if values is not None:
            np.ascontiguousarray(values, np.float32).tofile(folder / f"{layer['name']}.{what}.bin")


def read_result(layer, path):
    """NHWC."""
    g = Geometry(layer)
    if path.endswith(".npy"):
        return np.load(path)
    y = np.fromfile(path, np.float32)
    return (
        y.reshape(g.output_shape(True)) if g.channels_last else y.reshape(g.output_shape(False)).transpose(0, 2, 3, 1)
    )


def ask_all(peer, suite_path, layers, folder, threads, cores):
    """Answers by layer name. The folder is the contender's own."""
    pattern = "^(" + "|".join(re.escape(layer["name"]) for layer in layers) + ")$"
    command = ["taskset", "-c", cores, *peer.command, "--suite", str(suite_path), "--threads", str(threads)]
    done = subprocess.run(
        command + ["--only", pattern, "--io-dir", str(folder)],
        env={**os.environ, **peer.env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    missing = {"error": f"no answer, exit status {done.returncode}: {last}"[:200]}
    found = {answer["name"]: answer for answer in answers}
    return {layer["name"]: found.get(layer["name"], missing) for layer in layers}


def errors_of(answer, layer, expected):
    """Relative error by variant. The files are removed: those of a whole suite are gigabytes."""
    scale = np.abs(expected).max()
    errors = {}
    for variant, path in answer["files"].items():
        y = read_result(layer, path)
        same = y.shape == expected.shape and np.isfinite(y).all()
        errors[variant] = float(np.abs(y - expected).max() / scale) if same else float("inf")
        os.unlink(path)
    return errors


def check(suite_path, layers, contenders, must, threads, cores, say=print):
    """Whether all results are right, and the contenders named in `must` have one for every layer."""
    wrong = 0
    with tempfile.TemporaryDirectory() as top:
        data = pathlib.Path(top) / "data"
        data.mkdir()
        for layer in layers:
            write_data(layer, data)
        answers = {}
        for name, peer in contenders.items():
            folder = pathlib.Path(top) / name
            folder.mkdir()
            for file in data.iterdir():
                (folder / file.name).symlink_to(file)
            answers[name] = ask_all(peer, suite_path, layers, folder, threads, cores)
        for layer in layers:
            expected = result(layer)
            shown = []
            for name in contenders:
                answer = answers[name][layer["name"]]
                if "error" in answer:
                    wrong += name in must
                    shown.append(f"{name}: no result: {answer['error'][:120]}")
                    continue
                for variant, error in errors_of(answer, layer, expected).items():
                    right = error < TOLERANCE
                    wrong += not right
                    shown.append(f"{name}/{variant} {error:.0e}{'' if right else ' WRONG'}")
            say(f"{layer['name']}: {', '.join(shown)}")
    return wrong == 0
