"""Times contenders side by side: layer by layer, each round all of them in turn, the order alternating, each in its own
process, pinned. The machine's FMA peak is one of them: clocks move within seconds."""

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

from peers import last_core
from results import best_peak, combine_rounds, combine_turns, evaluate

NOISY = 0.10  # a leader whose rounds spread further is timed again
LEADING = 1.15  # this near to the best, a contender's noise matters
COPIES_EVERY = 20  # layers
PEAK_SECONDS = 0.04  # of a turn


class Server:
    """A process that answers each line with a line of JSON; it starts with the first one."""

    def __init__(self, command, env=None, timeout=60):
        self.command, self.env, self.timeout = command, {**os.environ, **(env or {})}, timeout
        self.process, self.buffer = None, b""

    def ask(self, question):
        """The answer, or {"error": why there is none}."""
        try:
            return self._ask(question)
        except (OSError, ValueError) as error:
            self.close()
            return {"error": f"{type(error).__name__}: {error}"[:200]}

    def _ask(self, question):
        if self.process is None or self.process.poll() is not None:
            self.buffer = b""
            self.process = subprocess.Popen(
                self.command,
                env=self.env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            atexit.register(self.close)
        self.process.stdin.write(question.encode() + b"\n")
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


class Contender:
    """A peer that answers names of layers with times."""

    def __init__(self, peer, suite, threads, cores, seconds, timeout):
        self.peer, self.timeout = peer, timeout
        self.base = ["taskset", "-c", cores, *peer.command, "--suite", str(suite), "--threads", str(threads)]
        self.base += ["--seconds", str(seconds)]
        self.server = Server(self.base + ["--serve"], peer.env, timeout)

    def ask(self, name):
        if self.peer.serves:
            return self.server.ask(name)
        try:
            return self._start(name)
        except (OSError, ValueError) as error:
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

    def close(self):
        self.server.close()


def _peak_command(home, threads, cores):
    return ["taskset", "-c", cores, str(pathlib.Path(home) / "build" / "peak"), str(threads)]


def measure_peak(home, threads, cores):
    """The best burst of multiply-adds and the speed of copies: the extremes, once in a while."""
    done = subprocess.run(_peak_command(home, threads, cores), stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def peak_server(home, threads, cores):
    """Bursts of multiply-adds for a turn: a contender among the others.

    Raises ValueError where the program is missing or older than this file."""
    server = Server(_peak_command(home, threads, cores) + ["--serve", str(PEAK_SECONDS)])
    answer = server.ask("")
    if "gflops_median" not in answer:
        server.close()
        raise ValueError(f"{home}/build/peak does not serve; run bench/peers/setup.sh ({answer.get('error', answer)})")
    return server


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


def all_contenders(peers, candidates, suite_path, options):
    """By (kind, name), as neighbours take their turns. Kinds: "times"; "peak", its name the number of threads; and with
    more than one thread "one_thread", the candidates once more with one: a ratio of neighbours is what threads gain."""

    def contender(peer, threads, cores):
        return Contender(peer, suite_path, threads, cores, options.seconds, options.timeout)

    def peak(threads, cores):
        return peak_server(options.peers_home, threads, cores)

    many, core = options.threads > 1, last_core(options.cores)
    found = {("times", name): contender(peer, options.threads, options.cores) for name, peer in peers.items()}
    if many:
        found["peak", 1] = peak(1, core)
    found["peak", options.threads] = peak(options.threads, options.cores)
    for name, peer in candidates.items():
        found["times", name] = contender(peer, options.threads, options.cores)
        if many:
            found["one_thread", name] = contender(peer, 1, core)
    return found


class _LayerRun:
    """The rounds of one layer."""

    def __init__(self, contenders, peers, options, first):
        self.contenders, self.peers, self.options = contenders, peers, options
        keys = list(contenders)
        first %= len(keys)
        self.order = keys[first:] + keys[:first]
        self.answers = {key: [] for key in keys}
        self.left_out = set()
        self.rounds = 0

    def figures(self, wanted="times"):
        found = {name: answers for (kind, name), answers in self.answers.items() if kind == wanted}
        return {name: combine_rounds(answers) for name, answers in found.items() if answers}

    def row(self, name):
        row = {"name": name, "times": self.figures()}
        row["peak"] = combine_turns(self.answers["peak", self.options.threads])
        if self.options.threads > 1:
            row["one_thread"] = self.figures("one_thread")
            row["one_thread_peak"] = combine_turns(self.answers["peak", 1])
        return row

    def run_round(self, layer, versions):
        order = self.order if self.rounds % 2 == 0 else self.order[::-1]
        for key in order:
            if key in self.left_out:
                continue
            answer = self.contenders[key].ask(layer["name"])
            kind, name = key
            if kind == "times" and "version" in answer:
                versions[name] = answer["version"]
            if kind != "peak" and "error" in answer:
                self.left_out.add(key)
            self.answers[key].append(answer)
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
            self.left_out |= {("times", n) for n in good if n in self.peers and good[n]["ms"] > slow}
        if self.rounds < self.options.rounds:
            return False
        noisy = any(
            figure["spread"] > NOISY and figure["ms"] < LEADING * best
            for name, figure in good.items()
            if ("times", name) not in self.left_out
        )
        return not noisy or self.rounds >= self.options.rounds + self.options.extra_rounds


def time_suite(suite, suite_path, layers, peers, candidates, options):
    """options: threads, cores, rounds, extra_rounds, seconds, drop_slower, timeout, peers_home, isa.

    Returns the evaluated result; progress goes to stderr."""
    contenders = all_contenders(peers, candidates, suite_path, options)
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
        rows.append(run.row(layer["name"]))
        shown = ", ".join(f"{n} {t['ms']:.4g}" if "ms" in t else f"{n} -" for n, t in rows[-1]["times"].items())
        counter = f"[{index + 1}/{len(layers)} {time.time() - start:.0f} s]"
        print(f"{counter} {layer['name']}: {shown} ({run.rounds} rounds)", file=sys.stderr, flush=True)
        if index % COPIES_EVERY == COPIES_EVERY - 1 or index == len(layers) - 1:
            peak = best_peak(peak, measure_peak(options.peers_home, options.threads, options.cores))
    for contender in contenders.values():
        contender.close()
    return evaluate(
        {
            "format": 3,
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
