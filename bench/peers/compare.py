"""Times contenders side by side: layer by layer, each round all of them in turn, the order alternating, each in its own
process, pinned."""

import atexit
import datetime
import json
import os
import pathlib
import platform
import re
import selectors
import subprocess
import sys
import time

from results import best_peak, combine_rounds, evaluate

NOISY = 0.10  # a leader whose rounds spread further is timed again
LEADING = 1.15  # this near to the best, a contender's noise matters
PEAK_EVERY = 20  # layers


class Contender:
    """A process that answers names with times."""

    def __init__(self, peer, suite, threads, cores, seconds, timeout):
        self.peer, self.timeout = peer, timeout
        self.base = ["taskset", "-c", cores, *peer.command, "--suite", str(suite), "--threads", str(threads)]
        self.base += ["--seconds", str(seconds)]
        self.process, self.buffer = None, b""

    def ask(self, name):
        try:
            return self._serve(name) if self.peer.serves else self._start(name)
        except (OSError, ValueError) as error:
            self.close()
            return {"error": f"{type(error).__name__}: {error}"[:200]}

    def _start(self, name):
        """A process for this one answer."""
        try:
            done = subprocess.run(
                self.base + ["--only", f"^{re.escape(name)}$"],
                env={**os.environ, **self.peer.env},
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=self.timeout,
            )
        except subprocess.TimeoutExpired:
            return {"error": f"no answer in {self.timeout:g} s"}
        answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]
        mine = [answer for answer in answers if answer.get("name") == name]
        return mine[0] if mine else {"error": f"no answer, exit status {done.returncode}"}

    def _serve(self, name):
        if self.process is None or self.process.poll() is not None:
            self.buffer = b""
            self.process = subprocess.Popen(
                self.base + ["--serve"],
                env={**os.environ, **self.peer.env},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            atexit.register(self.close)
        self.process.stdin.write(name.encode() + b"\n")
        self.process.stdin.flush()
        deadline = time.monotonic() + self.timeout
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while True:
                line, found, rest = self.buffer.partition(b"\n")
                if found:
                    self.buffer = rest
                    if line.startswith(b"{"):
                        return json.loads(line)
                    continue
                if not selector.select(max(0, deadline - time.monotonic())):
                    self.close(kill=True)
                    return {"error": f"no answer in {self.timeout:g} s"}
                chunk = os.read(self.process.stdout.fileno(), 65536)
                if not chunk:
                    return {"error": f"the process ended, exit status {self.process.wait()}"}
                self.buffer += chunk

    def close(self, kill=False):
        if self.process is None or self.process.poll() is not None:
            return
        try:
            if kill:
                self.process.kill()
            self.process.stdin.close()
            self.process.wait(5)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()


def measure_peak(home, threads, cores):
    program = pathlib.Path(home) / "build" / "peak"
    done = subprocess.run(["taskset", "-c", cores, program, str(threads)], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def cpu_info():
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    model = re.search(r"^model name\s*: (.*)$", text, re.M)
    flags = re.search(r"^flags\s*: (.*)$", text, re.M)
    wide = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_tile")
    return {
        "model": model[1] if model else platform.processor() or "unknown",
        "cores": os.cpu_count(),
        "isa": [name for name in wide if flags and name in flags[1].split()],
    }


class _LayerRun:
    """The rounds of one layer."""

    def __init__(self, contenders, peers, options, first):
        self.contenders, self.peers, self.options = contenders, peers, options
        names = list(contenders)
        first %= len(names)
        self.order = names[first:] + names[:first]
        self.answers = {name: [] for name in names}
        self.left_out = set()
        self.rounds = 0

    def figures(self):
        return {name: combine_rounds(answers) for name, answers in self.answers.items() if answers}

    def run_round(self, layer, versions):
        order = self.order if self.rounds % 2 == 0 else self.order[::-1]
        for name in order:
            if name in self.left_out:
                continue
            answer = self.contenders[name].ask(layer["name"])
            if "version" in answer:
                versions[name] = answer["version"]
            if "error" in answer:
                self.left_out.add(name)
            self.answers[name].append(answer)
            if self.options.threads > 1:
                time.sleep(0.03)  # until the last one's helper threads stop spinning
        self.rounds += 1

    def finished(self):
        good = {name: figure for name, figure in self.figures().items() if "ms" in figure}
        if not good:
            return True
        best = min(figure["ms"] for figure in good.values())
        if self.rounds == 1:
            slow = self.options.drop_slower * best
            self.left_out |= {name for name in good if name in self.peers and good[name]["ms"] > slow}
        if self.rounds < self.options.rounds:
            return False
        noisy = any(
            figure["spread"] > NOISY and figure["ms"] < LEADING * best
            for name, figure in good.items()
            if name not in self.left_out
        )
        return not noisy or self.rounds >= self.options.rounds + self.options.extra_rounds


def time_suite(suite, suite_path, layers, peers, candidates, options):
    """options: threads, cores, rounds, extra_rounds, seconds, drop_slower, timeout, peers_home, isa.

    Returns the evaluated result; progress goes to stderr."""
    everyone = {**peers, **candidates}
    contenders = {
        name: Contender(peer, suite_path, options.threads, options.cores, options.seconds, options.timeout)
        for name, peer in everyone.items()
    }
    load_before = os.getloadavg()
    start = time.time()
    peak = measure_peak(options.peers_home, options.threads, options.cores)
    rows, versions = [], {}
    for index, layer in enumerate(layers):
        run = _LayerRun(contenders, peers, options, index)
        while True:
            run.run_round(layer, versions)
            if run.finished():
                break
        times = run.figures()
        rows.append({"name": layer["name"], "times": times})
        shown = ", ".join(f"{n} {t['ms']:.4g}" if "ms" in t else f"{n} -" for n, t in times.items())
        counter = f"[{index + 1}/{len(layers)} {time.time() - start:.0f} s]"
        print(f"{counter} {layer['name']}: {shown} ({run.rounds} rounds)", file=sys.stderr, flush=True)
        if index % PEAK_EVERY == PEAK_EVERY - 1 or index == len(layers) - 1:
            peak = best_peak(peak, measure_peak(options.peers_home, options.threads, options.cores))
    for contender in contenders.values():
        contender.close()
    return evaluate(
        {
            "format": 2,
            "date": datetime.datetime.now().isoformat(timespec="seconds"),
            "cpu": cpu_info(),
            "system": platform.platform(),
            "threads": options.threads,
            "cores": options.cores,
            "rounds": options.rounds,
            "seconds": options.seconds,
            "held_to": options.isa,
            "run_seconds": round(time.time() - start),
            "load": [load_before[0], os.getloadavg()[0]],
            "peers": list(peers),
            "candidates": list(candidates),
            "versions": versions,
            "peak": peak,
            "suite": suite,
            "layers": rows,
        }
    )
