#!/usr/bin/env python3
"""LiteRT's interpreter with its XNNPACK delegate, on files that make_tflite.py makes in a process of its own.

NHWC only; a channels_first layer runs as "nhwc", or with transpositions at both ends ("transpose")."""

import importlib.metadata
import json
import subprocess
import sys

import numpy as np

from make_tflite import tflite_file, tflite_variants
from protocol import Variant, adaptor_main
from reference import tensors
from suite import HERE, Geometry


def make_variant(layer, name, threads):
    from ai_edge_litert.interpreter import Interpreter

    g = Geometry(layer)
    path = tflite_file(layer, name)
    if not path.exists():
        subprocess.run(
            [sys.executable, HERE / "make_tflite.py", "--layer"],
            input=json.dumps(layer),
            text=True,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    interpreter.allocate_tensors()
    x = tensors(layer)[0]
    last = name == "nhwc"
    image = x if last else x.transpose(0, 3, 1, 2)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.ascontiguousarray(image))
    output = interpreter.get_output_details()[0]["index"]
    inner = getattr(interpreter, "_interpreter", None)
    call = getattr(inner, "Invoke", interpreter.invoke)  # without Python's own layer around it

    def run():
        call()

    def out():
        y = np.array(interpreter.get_tensor(output))
        return y.reshape(g.output_shape(True)) if last else y.reshape(g.output_shape(False)).transpose(0, 2, 3, 1)

    run.keep = interpreter
    ops = [op["op_name"] for op in interpreter._get_ops_details()]
    note = "XNNPACK" if "DELEGATE" in ops else "without XNNPACK: " + ", ".join(ops)
    return Variant(name, last == g.channels_last, run, out, note)


def setup(threads):
    import ai_edge_litert.interpreter  # to fail here, once, where it is not installed

    def build(layer):
        return [make_variant(layer, name, threads) for name in tflite_variants(layer)]

    return importlib.metadata.version("ai-edge-litert"), build


if __name__ == "__main__":
    adaptor_main("litert", setup)
