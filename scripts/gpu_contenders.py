"""What scripts/gpu_bench.py times: compiled layers, plain Python, and torch with cuDNN or torch.compile.

A contender can load() a layer, give its output() as floats in the problem's layout, and times() of calls."""

import array
import json
import os
import subprocess
import time


class BenchFailed(Exception):
    pass


class Ours:
    """The program sepconv_gpu_bench, one command a line."""

    name = "sepconv"

    def __init__(self, program, api, layers):
        self.process = subprocess.Popen([program, api, layers], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.hello = self._answer()
        self.kernel = {}

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
        self.kernel = self.ask("load", name, batch, folder)
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
