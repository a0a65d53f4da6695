#!/usr/bin/env python3
"""One digest of machine code for each kernel of a list: the proof that a change of the sources changes no kernel.

    kernel_digests.py check tests/digests/short.tsv       compare; prints each line that differs
    kernel_digests.py write tests/digests/short.tsv       make schedules and digests of the list's kernels anew
    kernel_digests.py show PROBLEM TARGET [SCHEDULE]      one kernel's line, and what its digest is made of

A list is a table with tabs: problem, target, whose schedule (`rule`: the rule must choose it again; `given`), schedule,
digest. A digest of `refused` says that there is no schedule, `fails` that the generator cannot compile it. The first
line names the versions of Halide and LLVM: with others, machine code says nothing, and schedules alone are compared.

Exit status: 0 no difference, 1 differences, 2 invalid usage or a bad list.
"""

import argparse
import concurrent.futures
import csv
import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import object_digest

ROOT = pathlib.Path(__file__).resolve().parents[2]
GENERATOR = ROOT / "build/release/generators/sepconv-generator"
COLUMNS = ["problem", "target", "whose", "schedule", "digest"]
RULE, GIVEN = "rule", "given"
REFUSED, FAILS = "refused", "fails"
TIMEOUT_S = 300


@dataclasses.dataclass
class Kernel:
    problem: str
    target: str
    whose: str = RULE
    schedule: str = ""
    digest: str = ""

    def line(self):
        return "\t".join([self.problem, self.target, self.whose, self.schedule, self.digest])


def run_generator(generator, *arguments):
    return subprocess.run([generator, *arguments], capture_output=True, text=True, timeout=TIMEOUT_S)


def versions(generator):
    """Such as "Halide 21.0.0, clang version 21.1.1": the second stands in every object."""
    halide = run_generator(generator, "--version").stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        smallest = "f32_nhwc_i1x1x8.dw_k1x1"
        data = object_of(generator, Kernel(smallest, "x86-64-sse41"), folder)
    compiler = re.search(rb"clang version [0-9.]+", data or b"")
    if not halide or compiler is None:
        raise ValueError(f"{generator} tells no version of Halide or LLVM")
    return f"{halide}, {compiler.group(0).decode()}"


def schedule_of(generator, kernel):
    """The rule's schedule, or None where there is none."""
    result = run_generator(generator, "--schedule-only", "--problem", kernel.problem, "--target", kernel.target)
    if result.returncode not in (0, 2):
        raise ValueError(f"{kernel.problem} on {kernel.target}: {result.stderr.strip()}")
    return result.stdout.strip() if result.returncode == 0 else None


def object_of(generator, kernel, folder):
    """The object's bytes, or None if the kernel cannot be compiled."""
    arguments = ["--problem", kernel.problem, "--target", kernel.target, "--symbol", "kernel", "--output", folder]
    if kernel.schedule:
        arguments += ["--schedule", kernel.schedule]
    result = run_generator(generator, *arguments)
    return (pathlib.Path(folder) / "kernel.o").read_bytes() if result.returncode == 0 else None


def made_anew(generator, kernel, with_digest=True):
    """The kernel with the schedule and digest that this tree gives it."""
    schedule = kernel.schedule if kernel.whose == GIVEN else schedule_of(generator, kernel)
    made = dataclasses.replace(kernel, schedule=schedule or "", digest="")
    if schedule is None:
        made.digest = REFUSED
    elif with_digest:
        with tempfile.TemporaryDirectory() as folder:
            data = object_of(generator, made, folder)
        made.digest = FAILS if data is None else object_digest.object_digest(data)
    return made


def read_list(path):
    """(versions, kernels)
    @raises ValueError naming the line that is no kernel."""
    kernels = []
    with open(path, newline="") as file:
        head = file.readline().rstrip("\n").removeprefix("# ")
        rows = csv.reader(file, delimiter="\t")
        if next(rows, None) != COLUMNS:
            raise ValueError(f"{path}:2: expected the columns {' '.join(COLUMNS)}")
        for number, row in enumerate(rows, 3):
            if len(row) != len(COLUMNS) or row[2] not in (RULE, GIVEN):
                raise ValueError(f"{path}:{number}: not a kernel: expected {' '.join(COLUMNS)}, received {row}")
            kernels.append(Kernel(*row))
    if not kernels:
        raise ValueError(f"{path}: holds no kernels")
    return head, kernels


def write_list(path, head, kernels):
    lines = [f"# {head}", "\t".join(COLUMNS), *(kernel.line() for kernel in kernels)]
    temporary = pathlib.Path(f"{path}.tmp")
    temporary.write_text("\n".join(lines) + "\n")
    temporary.replace(path)


def all_made_anew(generator, kernels, jobs, with_digest=True):
    """The kernels as this tree makes them, in order; tells a terminal how far it is."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for count, made in enumerate(pool.map(lambda k: made_anew(generator, k, with_digest), kernels), 1):
            if sys.stderr.isatty():
                print(f"\r{count} of {len(kernels)} kernels", end="", file=sys.stderr)
            yield made
    if sys.stderr.isatty():
        print(file=sys.stderr)


def check(options):
    head, kernels = read_list(options.list)
    now = versions(options.generator)
    with_digest = now == head
    if not with_digest:
        print(f"{options.list} is of {head}, this is {now}: comparing schedules only")
    differences = 0
    for wanted, made in zip(kernels, all_made_anew(options.generator, kernels, options.jobs, with_digest)):
        if not with_digest and REFUSED not in (wanted.digest, made.digest):
            made.digest = wanted.digest
        if made != wanted:
            differences += 1
            print(f"was {wanted.line()}\nis  {made.line()}")
    print(f"{len(kernels)} kernels, {differences} {'digests' if with_digest else 'schedules'} differ")
    return 1 if differences else 0


def write(options):
    _, kernels = read_list(options.list)
    write_list(
        options.list, versions(options.generator), list(all_made_anew(options.generator, kernels, options.jobs))
    )
    return 0


def show(options):
    whose = GIVEN if options.schedule else RULE
    kernel = made_anew(options.generator, Kernel(options.problem, options.target, whose, options.schedule or ""))
    print(kernel.line())
    if kernel.digest not in (REFUSED, FAILS):
        with tempfile.TemporaryDirectory() as folder:
            print(*object_digest.KernelObject(object_of(options.generator, kernel, folder)).lines(), sep="\n")
    return 0


def options_of(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generator", type=pathlib.Path, default=GENERATOR, help="the sepconv-generator program")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count(), help="kernels compiled at a time")
    commands = parser.add_subparsers(required=True)
    for command in (check, write):
        subparser = commands.add_parser(command.__name__)
        subparser.add_argument("list", type=pathlib.Path)
        subparser.set_defaults(command=command)
    subparser = commands.add_parser(show.__name__)
    subparser.add_argument("problem")
    subparser.add_argument("target")
    subparser.add_argument("schedule", nargs="?")
    subparser.set_defaults(command=show)
    return parser.parse_args(argv)


def main(argv):
    options = options_of(argv)
    options.generator = options.generator.resolve()
    try:
        return options.command(options)
    except (OSError, ValueError) as error:
        print(f"kernel_digests.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
