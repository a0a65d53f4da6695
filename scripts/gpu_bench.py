#!/usr/bin/env python3
"""Times compiled layers on a GPU against cuDNN and torch.compile, in turns within one run.

Ours are run by the program sepconv_gpu_bench (CUDA events on a stream of the program's own context); the others by
torch (events as well): cuDNN with both memory formats and cudnn.benchmark on, and torch.compile with Triton. All
compute in float32 without TF32. Before anything is timed each result is checked against cuDNN's. Per layer the
contenders take turns for several rounds; a figure is the median over all rounds. "warm": calls follow each other, the
first left out; "flushed": a buffer larger than L2 is written before each call. Where Keras pads one side more than the
other, which torch's convolution cannot, torch gets its input padded beforehand, outside of the timed part.

  scripts/gpu_bench.py --program PATH --layers bench/gpu/layers.txt --json FILE
  scripts/gpu_bench.py --dry-run ...   on an OpenCL device, by the wall clock, against plain Python instead of torch

Exit status: 0 done, 1 a result differs, 2 wrong use, 3 there is no device, or a program failed.
"""

import argparse
import array
import json
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time

try:
    import numpy  # comes with torch; without it large results take minutes to compare
except ImportError:
    numpy = None

TOLERANCE = 1e-4  # of the largest element of the reference: sums of up to some 2,000 products in another order


class BenchFailed(Exception):
    pass


# Problems


def parse_problem(text):
    """The fields of a separable float32 problem's text."""
    match = re.fullmatch(
        r"separable_f32_(?P<layout>nhwc|nchw)_i(?P<IH>\d+)x(?P<IW>\d+)x(?P<IC>\d+)_o(?P<OC>\d+)"
        r"_k(?P<KH>\d+)x(?P<KW>\d+)_s(?P<stride_h>\d+)x(?P<stride_w>\d+)_d(?P<dilation_h>\d+)x(?P<dilation_w>\d+)"
        r"_p(?P<top>\d+)x(?P<bottom>\d+)x(?P<left>\d+)x(?P<right>\d+)_m(?P<multiplier>\d+)"
        r"_mid-(?P<middle_bias>bias|nobias)-(?P<middle>\w+)_out-(?P<bias>bias|nobias)-(?P<activation>\w+)", text)
    if not match:
        raise BenchFailed(f"'{text}' is not a static separable problem of float32")
    problem = {k: int(v) if v.isdigit() else v for k, v in match.groupdict().items()}
    for key in ("middle", "activation"):
        if problem[key] not in ("linear", "relu", "relu6"):
            raise BenchFailed(f"'{text}': the activation '{problem[key]}' is not linear, relu or relu6")
    for key in ("middle_bias", "bias"):
        problem[key] = problem[key] == "bias"
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


# Contenders: load() a layer, give its output() as floats in the problem's layout, and times() of calls


class Ours:
    """The program sepconv_gpu_bench, one command a line."""

    name = "sepconv"

    def __init__(self, program, api, layers):
        self.process = subprocess.Popen([program, api, layers], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.hello = self._answer()
        self.row = {}

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise BenchFailed(f"sepconv_gpu_bench ended: {self.process.stderr.read().strip()}")
        answer = json.loads(line)
        if "error" in answer:
            raise BenchFailed(f"sepconv_gpu_bench: {answer['error']}")
        return answer

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def load(self, name, problem, batch, data, folder):
        for key, values in data.items():
            with open(os.path.join(folder, key), "wb") as file:
                values.tofile(file)
        self.row = self.ask("load", name, batch, folder)
        self.path = os.path.join(folder, "output")

    def output(self):
        elements = self.ask("run", self.path)["elements"]
        values = array.array("f")
        with open(self.path, "rb") as file:
            values.fromfile(file, elements)
        return values

    def times(self, count, caches):
        return self.ask("time", count, caches)["seconds"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)


class PlainPython:
    """The layer as a loop over its definition, for --dry-run."""

    name = "python"

    def load(self, name, problem, batch, data, folder):
        self.problem, self.batch, self.data = problem, batch, data

    def _compute(self):
        p, data = self.problem, self.data
        nhwc = p["layout"] == "nhwc"

        def at(values, n, y, x, c, height, width, channels):
            if nhwc:
                return values[((n * height + y) * width + x) * channels + c]
            return values[((n * channels + c) * height + y) * width + x]

        def finish(value, kind):
            return value if kind == "linear" else max(value, 0.0) if kind == "relu" else min(max(value, 0.0), 6.0)

        out = array.array("f", bytes(4 * self.batch * p["OH"] * p["OW"] * p["OC"]))
        for n in range(self.batch):
            for oy in range(p["OH"]):
                for ox in range(p["OW"]):
                    middle = []
                    for k in range(p["K"]):
                        total = data["middle_bias"][k] if p["middle_bias"] else 0.0
                        for ky in range(p["KH"]):
                            for kx in range(p["KW"]):
                                y = oy * p["stride_h"] + ky * p["dilation_h"] - p["top"]
                                x = ox * p["stride_w"] + kx * p["dilation_w"] - p["left"]
                                if 0 <= y < p["IH"] and 0 <= x < p["IW"]:
                                    weight = data["depthwise"][(ky * p["KW"] + kx) * p["K"] + k]
                                    total += weight * at(data["input"], n, y, x, k // p["multiplier"],
                                                         p["IH"], p["IW"], p["IC"])
                        middle.append(finish(total, p["middle"]))
                    for c in range(p["OC"]):
                        total = data["bias"][c] if p["bias"] else 0.0
                        total += sum(value * data["pointwise"][k * p["OC"] + c] for k, value in enumerate(middle))
                        index = (((n * p["OH"] + oy) * p["OW"] + ox) * p["OC"] + c if nhwc else
                                 ((n * p["OC"] + c) * p["OH"] + oy) * p["OW"] + ox)
                        out[index] = finish(total, p["activation"])
        return out

    def output(self):
        return self._compute()

    def times(self, count, caches):
        seconds = []
        for _ in range(count):
            begin = time.perf_counter()
            self._compute()
            seconds.append(time.perf_counter() - begin)
        return seconds


class Torch:
    """The layer in torch: depthwise and 1x1 convolution with their epilogues."""

    def __init__(self, torch, channels_last, compiled, device="cuda"):
        self.torch, self.device = torch, device
        self.format = torch.channels_last if channels_last else torch.contiguous_format
        self.compiled = compiled
        self.name = ("torch.compile" if compiled else "cuDNN") + (" channels_last" if channels_last else " NCHW")
        if device == "cuda":  # elsewhere nothing can be timed
            l2 = getattr(torch.cuda.get_device_properties(0), "L2_cache_size", 0)
            self.buffer = torch.empty(max(256 << 20, 4 * l2), dtype=torch.uint8, device=device)

    def load(self, name, problem, batch, data, folder):
        torch, p = self.torch, problem
        functional = torch.nn.functional
        arrays = {key: torch.frombuffer(bytearray(values.tobytes()), dtype=torch.float32).to(self.device)
                  for key, values in data.items()}
        if p["layout"] == "nhwc":
            x = arrays["input"].reshape(batch, p["IH"], p["IW"], p["IC"]).permute(0, 3, 1, 2)
        else:
            x = arrays["input"].reshape(batch, p["IC"], p["IH"], p["IW"])
        padding = (p["top"], p["left"])
        if p["top"] != p["bottom"] or p["left"] != p["right"]:
            x = functional.pad(x, (p["left"], p["right"], p["top"], p["bottom"]))
            padding = (0, 0)
        x = x.contiguous(memory_format=self.format)
        depthwise = arrays["depthwise"].reshape(p["KH"], p["KW"], p["K"]).permute(2, 0, 1).unsqueeze(1)
        depthwise = depthwise.contiguous(memory_format=self.format)
        pointwise = arrays["pointwise"].reshape(p["K"], p["OC"]).t().reshape(p["OC"], p["K"], 1, 1)
        pointwise = pointwise.contiguous(memory_format=self.format)
        middle_bias, bias = arrays.get("middle_bias"), arrays.get("bias")
        stride, dilation = (p["stride_h"], p["stride_w"]), (p["dilation_h"], p["dilation_w"])
        finish = {"linear": lambda y: y, "relu": functional.relu, "relu6": functional.relu6}
        middle, last = finish[p["middle"]], finish[p["activation"]]

        def layer(x):
            y = functional.conv2d(x, depthwise, middle_bias, stride, padding, dilation, groups=p["IC"])
            return last(functional.conv2d(middle(y), pointwise, bias))

        if self.compiled:
            torch._dynamo.reset()
            layer = torch.compile(layer, mode="max-autotune-no-cudagraphs", dynamic=False)
        self.nhwc = p["layout"] == "nhwc"
        self.call = lambda: layer(x)

    def output(self):
        with self.torch.inference_mode():
            y = self.call()
        y = (y.permute(0, 2, 3, 1) if self.nhwc else y).contiguous().cpu()
        return array.array("f", y.numpy().tobytes())

    def times(self, count, caches):
        """As bench/gpu/device_timer.cpp takes them."""
        torch = self.torch
        seconds = []
        with torch.inference_mode():
            while len(seconds) < count:
                series = 10 if caches == "warm" else 1
                events = [torch.cuda.Event(enable_timing=True) for _ in range(series + 1)]
                for _ in range(4 if caches == "warm" else 1):
                    self.buffer.zero_()
                if caches == "warm":
                    self.call()
                for event in events[:-1]:
                    event.record()
                    self.call()
                events[-1].record()
                torch.cuda.synchronize()
                seconds += [a.elapsed_time(b) * 1e-3 for a, b in zip(events, events[1:])]
        return seconds[:count]


def torch_contenders(with_compile):
    try:
        import torch
    except ImportError as error:
        raise BenchFailed(f"torch cannot be imported: {error}") from error
    if not torch.cuda.is_available():
        raise BenchFailed("torch finds no CUDA device")
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    contenders = [Torch(torch, False, False), Torch(torch, True, False)]
    if with_compile:
        contenders.append(Torch(torch, True, True))
    versions = {"torch": torch.__version__, "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    return contenders, versions


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
    parser.add_argument("--program", required=True, help="sepconv_gpu_bench, which has the layers' kernels")
    parser.add_argument("--layers", required=True, help="a name and a problem a line")
    parser.add_argument("--only", default="", help="a regular expression that the names of layers must match")
    parser.add_argument("--batch", type=int, help="images of a call (16; 2 with --dry-run)")
    parser.add_argument("--rounds", type=int, help="turns of each contender (7; 2 with --dry-run)")
    parser.add_argument("--repeats", type=int, help="timed calls of a turn (30; 2 with --dry-run)")
    parser.add_argument("--json", required=True, help="the file for all figures")
    parser.add_argument("--no-compile", action="store_true",
                        help="leave torch.compile out, which takes up to a minute for each layer")
    parser.add_argument("--dry-run", action="store_true", help="no CUDA and no torch: OpenCL, against plain Python")
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
        layer["row"] = ours.row
        measured.append(layer)
        print(f"{name}: {ours.row['target']} {ours.row['schedule']}: " + ", ".join(
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
