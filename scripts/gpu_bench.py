#!/usr/bin/env python3
"""Times compiled layers on a GPU against cuDNN and torch.compile, in turns within one run.

sepconv_gpu_bench runs our layers, timed by CUDA events on a stream of its own context. torch runs the others, also
timed by events: cuDNN with both memory formats and cudnn.benchmark on, and torch.compile with Triton. All compute in
float32 without TF32. Each result is checked against cuDNN's before anything is timed. The contenders take turns on each
layer for several rounds; a figure is the median over all rounds. "warm": calls follow each other, and the first is not
counted. "flushed": a buffer larger than L2 is written before each call. torch's convolution cannot pad one side more
than the other, as Keras does; its input is then padded outside the timed part.

  scripts/gpu_bench.py --program PATH --layers bench/gpu/layers.txt --json FILE
  scripts/gpu_bench.py --dry-run ...   on an OpenCL device, by the wall clock, against plain Python instead of torch

Exit status: 0 success, 1 a result differs, 2 invalid usage, 3 there is no device, or a program failed.
"""

import argparse
import array
import json
import os
import platform
import random
import re
import statistics
import sys
import tempfile

import problem_text
from gpu_contenders import BenchFailed, Ours, PlainPython, torch_contenders

try:
    import numpy  # comes with torch; without it large results take minutes to compare
except ImportError:
    numpy = None

TOLERANCE = 1e-4  # of the largest element of the reference: sums of up to some 2,000 products in another order


# Problems


def parse_problem(text):
    """The fields of a separable float32 problem's text."""
    try:
        whole = problem_text.parse(text)
        if problem_text.kind_of(whole) != "separable" or whole["dtype"] != "f32" or "?" in text:
            raise ValueError("not static, separable and float32")
        first, last = whole["stages"]
        problem = {"layout": whole["layout"], "IH": whole["IH"], "IW": whole["IW"], "IC": whole["IC"],
                   "OC": last["filters"], **{key: value for key, value in first.items() if isinstance(value, int)}}
        problem["middle_bias"], problem["middle"] = problem_text.epilogue(first)
        problem["bias"], problem["activation"] = problem_text.epilogue(last)
    except (ValueError, KeyError, IndexError) as error:
        raise BenchFailed(f"'{text}' is not a static separable problem of float32") from error
    for key in ("middle", "activation"):
        if problem[key] not in ("linear", "relu", "relu6"):
            raise BenchFailed(f"'{text}': the activation '{problem[key]}' is not linear, relu or relu6")
    for side in ("top", "bottom", "left", "right"):
        problem[side] = problem.pop("pad_" + side)
    problem["K"] = problem["IC"] * problem["multiplier"]
    for out, extent, kernel, stride, dilation, pads in (
            ("OH", "IH", "KH", "stride_h", "dilation_h", ("top", "bottom")),
            ("OW", "IW", "KW", "stride_w", "dilation_w", ("left", "right"))):
        padded = problem[extent] + sum(problem[pad] for pad in pads)
        problem[out] = (padded - (problem[kernel] - 1) * problem[dilation] - 1) // problem[stride] + 1
    return problem


def read_layers(path):
    """{name: problem text} of a file of layers."""
    layers = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            words = line.split()
            if words and not words[0].startswith("#"):
                layers[words[0]] = words[1]
    return layers


def flops(problem, batch):
    pixels = problem["OH"] * problem["OW"] * batch
    return 2 * pixels * problem["K"] * (problem["KH"] * problem["KW"] + problem["OC"])


def make_data(problem, batch, seed):
    """{array name: floats} in [-1, 1); weights scaled so that outputs are about as large as inputs. A prime number of
    values is repeated: no two rows of an array are alike, and large arrays take no time."""
    source = random.Random(seed)
    values = array.array("f", (source.uniform(-1, 1) for _ in range(8191)))

    def floats(count, scale=1.0):
        block = values if scale == 1.0 else array.array("f", (scale * value for value in values))
        whole = block * (count // len(block) + 1)
        start = source.randrange(len(values))
        return (block[start:] + whole)[:count]

    taps, K = problem["KH"] * problem["KW"], problem["K"]
    data = {"input": floats(batch * problem["IH"] * problem["IW"] * problem["IC"]),
            "depthwise": floats(taps * K, (3 / taps) ** 0.5),
            "pointwise": floats(K * problem["OC"], (3 / K) ** 0.5)}
    if problem["middle_bias"]:
        data["middle_bias"] = floats(K)
    if problem["bias"]:
        data["bias"] = floats(problem["OC"])
    return data


# Measuring


def difference(values, reference):
    """The largest difference, in parts of the reference's largest element; infinite where a value is not finite."""
    if len(values) != len(reference):
        return float("inf")
    if numpy is not None:
        return _numpy_difference(numpy.asarray(values, "float64"), numpy.asarray(reference, "float64"))
    scale = max(map(abs, reference), default=0.0) or 1.0
    worst = max((abs(a - b) for a, b in zip(values, reference)), default=0.0)
    return worst / scale if worst == worst and all(map(_finite, values)) else float("inf")


def _finite(value):
    return value - value == 0


def _numpy_difference(values, reference):
    if not numpy.isfinite(values).all():
        return float("inf")
    return float(numpy.abs(values - reference).max(initial=0.0) / (numpy.abs(reference).max(initial=0.0) or 1.0))


def measure(name, text, batch, contenders, reference, rounds, repeats):
    """One layer: {"name", "problem", "flops", "results": {contender: {"difference", "warm", "flushed"}}}."""
    problem = parse_problem(text)
    data = make_data(problem, batch, name)
    seconds = {c.name: {"warm": [], "flushed": []} for c in contenders}
    with tempfile.TemporaryDirectory() as folder:
        for contender in contenders:
            contender.load(name, problem, batch, data, folder)
        wanted = reference.output()
        differences = {c.name: difference(c.output(), wanted) for c in contenders}
        for caches in ("warm", "flushed"):
            for contender in contenders:
                contender.times(1, caches)  # choices of algorithms, compilation
            for _ in range(rounds):
                for contender in contenders:
                    seconds[contender.name][caches] += contender.times(repeats, caches)
    results = {key: {"difference": differences[key], **{caches: summary(all) for caches, all in times.items()}}
               for key, times in seconds.items()}
    return {"name": name, "problem": text, "flops": flops(problem, batch), "results": results}


def summary(seconds):
    """Median and quartiles."""
    first, _, third = statistics.quantiles(seconds, n=4) if len(seconds) > 1 else (seconds[0],) * 3
    return {"median": statistics.median(seconds), "quartiles": [first, third], "count": len(seconds)}


def wrong_results(layers):
    return [(layer["name"], key, result["difference"]) for layer in layers for key, result in layer["results"].items()
            if not result["difference"] <= TOLERANCE]


def table(layers, caches):
    """Medians in microseconds as a Markdown table; the last column says how many times faster the first contender is
    than the best other."""
    names = list(layers[0]["results"])
    lines = [f"| {caches} | " + " | ".join(f"{name}, us" for name in names) + " | GFLOP/s | against the best |",
             "| --- |" + " --- |" * (len(names) + 2)]
    for layer in layers:
        medians = [layer["results"][name][caches]["median"] for name in names]
        ratio = min(medians[1:]) / medians[0]
        cells = [f"{median * 1e6:.1f}" for median in medians]
        cells += [f"{layer['flops'] / medians[0] / 1e9:.0f}", f"{ratio:.2f}x"]
        lines.append(f"| {layer['name']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_json(path, report):
    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(report, file, indent=2)
        file.write("\n")
    os.replace(temporary, path)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="path of sepconv_gpu_bench, linked with the layers' kernels")
    parser.add_argument("--layers", required=True, help="file with one layer per line: its name and its problem")
    parser.add_argument("--only", default="", help="only layers whose names match this regular expression")
    parser.add_argument("--batch", type=int, help="images per call; default: 16, or 2 with --dry-run")
    parser.add_argument("--rounds", type=int, help="turns of each contender; default: 7, or 2 with --dry-run")
    parser.add_argument("--repeats", type=int, help="timed calls per turn; default: 30, or 2 with --dry-run")
    parser.add_argument("--json", required=True, help="file to write all figures to")
    parser.add_argument("--no-compile", action="store_true",
                        help="skip torch.compile, which takes up to a minute per layer")
    parser.add_argument("--dry-run", action="store_true", help="use OpenCL and plain Python instead of CUDA and torch")
    arguments = parser.parse_args(argv)
    usual = (2, 2, 2) if arguments.dry_run else (16, 7, 30)
    given = (arguments.batch, arguments.rounds, arguments.repeats)
    batch, rounds, repeats = (b if a is None else a for a, b in zip(given, usual))
    if min(batch, rounds, repeats) < 1:
        parser.error("--batch, --rounds and --repeats: expected at least 1")
    layers = {name: text for name, text in read_layers(arguments.layers).items() if re.search(arguments.only, name)}
    if not layers:
        parser.error(f"--only: no layer of '{arguments.layers}' matches '{arguments.only}'")

    ours = Ours(arguments.program, "opencl" if arguments.dry_run else "cuda", arguments.layers)
    others, versions = ([PlainPython()], {}) if arguments.dry_run else torch_contenders(not arguments.no_compile)
    print(f"{ours.hello['device']}, {ours.hello['clock']}; batch {batch}; {versions or 'plain Python'}", flush=True)
    measured = []
    for name, text in layers.items():
        layer = measure(name, text, batch, [ours] + others, others[0], rounds, repeats)
        layer["kernel"] = ours.kernel
        measured.append(layer)
        print(f"{name}: {ours.kernel['target']} {ours.kernel['schedule']}: " + ", ".join(
            f"{key} {result['warm']['median'] * 1e6:.1f} us (differs by {result['difference']:.1e})"
            for key, result in layer["results"].items()), flush=True)
    ours.close()
    write_json(arguments.json, {"device": ours.hello["device"], "clock": ours.hello["clock"], "versions": versions,
                                "python": platform.python_version(), "batch": batch, "rounds": rounds,
                                "repeats": repeats, "tolerance": TOLERANCE, "layers": measured})
    print("\n" + table(measured, "warm") + "\n\n" + table(measured, "flushed"))
    wrong = wrong_results(measured)
    for name, key, worst in wrong:
        print(f"WRONG: {name} by {key} differs by {worst:.2e} of the largest element; at most {TOLERANCE:g}")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (BenchFailed, OSError) as error:
        print(f"gpu_bench.py: {error}", file=sys.stderr)
        sys.exit(3)
