#!/usr/bin/env python3
"""Estimates with llvm-mca how busy the pointwise inner loop of an arm-64 kernel keeps a core's FMA ports.

For each problem the generator writes the kernel's assembly. llvm-mca then simulates the innermost loop with the most
by-element multiply-adds. Prints one line per core: FMAs per cycle, their share of the ports' peak, loads per FMA, and
what the loop keeps on the stack. Nothing runs on an ARM CPU.

  scripts/arm_mca.py --generator build/release/generators/sepconv-generator
  scripts/arm_mca.py --generator PATH --min-use 85 --cpu cortex-a76 --schedule SCHEDULE PROBLEM

Exit status: 0 success, 1 a loop is below --min-use or spills, 2 invalid usage, 3 a tool failed.
"""

import argparse
import collections
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile

CPUS = ("cortex-a76", "neoverse-n1", "neoverse-v2", "apple-m1")
ITERATIONS = 200


def separable(size, channels, filters, stride=1):
    out = -(-size // stride)
    pad = max((out - 1) * stride + 3 - size, 0)
    return (
        f"f32_nhwc_i{size}x{size}x{channels}.dw_k3x3_s{stride}x{stride}"
        f"_p{pad // 2}x{pad - pad // 2}x{pad // 2}x{pad - pad // 2}.bias.relu6.conv_o{filters}_k1x1.bias.relu6"
    )


# MobileNetV1's layers but the first.
PROBLEMS = {
    "112x112 32->64": separable(112, 32, 64),
    "56x56 128->128": separable(56, 128, 128),
    "56x56 128->256 s2": separable(56, 128, 256, 2),
    "28x28 256->256": separable(28, 256, 256),
    "14x14 512->512": separable(14, 512, 512),
    "14x14 512->1024 s2": separable(14, 512, 1024, 2),
    "7x7 1024->1024": separable(7, 1024, 1024),
}

Loop = collections.namedtuple("Loop", "label body fmas")


class ToolFailed(Exception):
    pass


class UnknownCpu(ToolFailed):
    """This llvm-mca has no model of the core."""


def run(argv, **kwargs):
    result = subprocess.run(argv, capture_output=True, text=True, **kwargs)
    if "is not a recognized processor" in result.stderr:
        raise UnknownCpu
    if result.returncode != 0:
        raise ToolFailed(f"{argv[0]} failed: {result.stderr.strip()}")
    return result.stdout


def find_mca():
    for name in ("llvm-mca-19", "llvm-mca"):
        if path := shutil.which(name):
            return path
    raise ToolFailed("llvm-mca is not in PATH; install the Debian package llvm-19 or llvm")


def innermost_loops(assembly):
    """Bodies from a label to a branch back to it, without those that hold another such loop."""
    lines = [line.split("//")[0].rstrip() for line in assembly.splitlines()]
    labels = {m[1]: i for i, line in enumerate(lines) if (m := re.match(r"(\.?[\w.$]+):", line))}
    spans = []
    for i, line in enumerate(lines):
        branch = re.match(r"\s+(?:b(?:\.\w+)?|cbn?z|tbn?z)\s.*?(\.L\w+)\s*$", line)
        if branch and labels.get(branch[1], i) < i:
            spans.append((labels[branch[1]], i, branch[1]))
    for begin, end, label in spans:
        if any(begin <= other[0] and other[1] < end for other in spans):
            continue
        body = [line.strip() for line in lines[begin:end + 1]]
        yield label, [line for line in body if line and not line.startswith(".") and not line.endswith(":")]


def pointwise_loop(assembly):
    """The innermost loop with the most by-element multiply-adds."""
    best = None
    for label, body in innermost_loops(assembly):
        if not any(re.match(r"fmla\s.*\.[sd]\[", line) for line in body):
            continue
        fmas = sum(line.startswith("fmla") for line in body)
        if best is None or fmas > best.fmas:
            best = Loop(label, body, fmas)
    return best


def loads_of(body):
    """Registers that loads fill: two for a pair."""
    return sum(2 if line.startswith("ldp") else 1 for line in body if line.startswith("ld"))


def spills_of(body):
    return sum(bool(re.match(r"(ld|st)\w*\s", line)) and re.search(r"\[(sp|x29)\b", line) is not None for line in body)


def port_use(mca, cpu, loop):
    """(FMAs a cycle, share of what the ports could do)."""
    code = "\n".join(loop.body) + "\n"
    text = run([mca, "-mtriple=aarch64-linux-gnu", f"-mcpu={cpu}", f"-iterations={ITERATIONS}"], input=code)
    cycles = int(re.search(r"^Total Cycles:\s+(\d+)", text, re.M)[1])
    throughputs = re.findall(r"^ +\d+ +\d+ +([\d.]+) +fmla\s", text, re.M)
    rate = loop.fmas * ITERATIONS / cycles
    # Printed with two digits: a third of a cycle would be 0.33.
    ports = round(1 / min(map(float, throughputs)))
    return rate, rate / ports


def assembly_of(generator, problem, schedule, target, folder):
    name = "kernel_" + re.sub(r"\W", "_", problem)
    argv = [generator, "--problem", problem, "--target", target, "--symbol", name, "--output", folder, "--listings"]
    run(argv + (["--schedule", schedule] if schedule else []))
    with open(os.path.join(folder, name + ".s"), encoding="utf-8") as file:
        return file.read()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generator", required=True, help="path of the sepconv-generator program")
    parser.add_argument("--target", default="arm-64")
    parser.add_argument("--schedule", help="a schedule text; default: the rule's")
    parser.add_argument("--cpu", action="append", choices=CPUS, help="only this core; may be repeated")
    parser.add_argument("--min-use", type=float, metavar="PERCENT", help="fail if a loop's share is lower or it spills")
    parser.add_argument("problem", nargs="*", help="problem texts; default: MobileNetV1's layers")
    arguments = parser.parse_args()
    problems = {text: text for text in arguments.problem} or PROBLEMS
    mca = find_mca()
    failed = False
    width = max(map(len, problems))
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        listings = pool.map(
            lambda text: assembly_of(arguments.generator, text, arguments.schedule, arguments.target, folder),
            problems.values())
        for name, assembly in zip(problems, listings):
            loop = pointwise_loop(assembly)
            if loop is None:
                raise ToolFailed(f"{name}: no loop of by-element multiply-adds in the assembly")
            loads, spills = loads_of(loop.body) / loop.fmas, spills_of(loop.body)
            for cpu in arguments.cpu or CPUS:
                try:
                    rate, use = port_use(mca, cpu, loop)
                except UnknownCpu:
                    print(f"{name:<{width}}  {cpu:<11}  {os.path.basename(mca)} does not know this core")
                    failed = failed or arguments.min_use is not None
                    continue
                print(f"{name:<{width}}  {cpu:<11}  {loop.fmas:3} FMAs of {len(loop.body):3}  {rate:4.2f} a cycle"
                      f"  port use {100 * use:5.1f}%  loads/FMA {loads:4.2f}  spills {spills}", flush=True)
                if arguments.min_use is not None and (100 * use < arguments.min_use or spills):
                    failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ToolFailed, OSError) as error:
        print(f"arm_mca.py: {error}", file=sys.stderr)
        sys.exit(3)
