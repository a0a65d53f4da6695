#!/usr/bin/env python3
"""Runs ctest and checks why tests were skipped. A skipped test is an error, except for four causes:

  instruction set   the CPU does not have it
  device            there is no such GPU
  right             the user may not do it: "lacks right: WHAT"
  package           scripts/setup.sh reported that it could not install it: "lacks package NAME[ NAME...]: WHY"

Skipped tests and packages missing from the set-up are reported before ctest's summary, which is printed last.

Usage: scripts/run_tests.py [ctest's options], such as --preset quick or --test-dir build/release
Environment: with CI=true, a package that the set-up could not install is an error.
Exit status: 0 all tests passed, 1 a test failed or was skipped for another cause, 2 invalid usage, 3 ctest did not run.
"""

import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
WENT_WITHOUT = "build/setup-went-without"  # one package a line; written by scripts/setup.sh
SUMMARY = re.compile(r"(\x1b\[[0-9;]*m)*\d+% tests passed")
SHOWN = 20  # skipped tests that are listed one by one


@dataclasses.dataclass
class Skip:
    test: str
    reason: str


@dataclasses.dataclass
class Cause:
    kind: str
    what: str
    allowed: bool


# What a reason says, and the packages that would have prevented it.
PACKAGE_REASONS = (
    (re.compile(r"lacks package ([\w.+-]+(?: [\w.+-]+)*)"), None),
    (re.compile(r"no OpenCL device can be used"), "pocl-opencl-icd ocl-icd-libopencl1"),
)
OTHER_REASONS = (
    (re.compile(r"operating system lacks ([^;\n]+)"), "instruction set"),
    (re.compile(r"lacks right: (.+)"), "right"),
    (re.compile(r"(no CUDA device[^\n]*|no NVIDIA GPU[^\n]*)"), "device"),
)


def cause_of(reason, went_without):
    """Why a test was skipped, and whether it may be."""
    for pattern, packages in PACKAGE_REASONS:
        if match := pattern.search(reason):
            names = (packages or match.group(1)).split()
            return Cause("package", ", ".join(names), any(name in went_without for name in names))
    for pattern, kind in OTHER_REASONS:
        if match := pattern.search(reason):
            return Cause(kind, match.group(1).strip(), True)
    return Cause("unknown cause", reason, False)


def first_line(text):
    return next((line.strip() for line in text.splitlines() if line.strip()), "no reason is given")


def stated_reason(text):
    """The line of a skipped test's output that tells a known cause, else the first one."""
    patterns = [pattern for pattern, _ in PACKAGE_REASONS + OTHER_REASONS]
    for line in text.splitlines():
        if any(pattern.search(line) for pattern in patterns):
            return line.strip()
    return first_line(text)


def skips_inside(name, output):
    """The tests that a program with tests of its own skipped: GoogleTest's, unittest's, and those of another ctest."""
    skips = []
    google = re.findall(r"^\[  SKIPPED \] (\S+) \(\d+ ms\)", output, re.MULTILINE)
    reasons = re.findall(r": Skipped\n(.*?)\n\s*\[  SKIPPED \] (\S+) \(\d+ ms\)", output, re.DOTALL)
    stated = {test: stated_reason(reason) for reason, test in reasons}
    skips += [Skip(test, stated.get(test, "no reason is given")) for test in google]
    python = re.findall(r"^(\S+) .*\.\.\. skipped ['\"](.*)['\"]$", output, re.MULTILINE)
    skips += [Skip(f"{name}: {test}", reason) for test, reason in python]
    count = re.search(r"^(?:OK|FAILED) \(.*?skipped=(\d+)", output, re.MULTILINE)
    if count and int(count.group(1)) > len(python):
        skips.append(Skip(name, "unittest skipped tests of it without a reason that is seen; use verbosity=2"))
    skips += [Skip(f"{name}: {test}", "a ctest inside skipped it; run that through scripts/run_tests.py")
              for test in re.findall(r"Test +#\d+: (\S+) \.*\*\*\*(?:Skipped|Not Run)", output)]
    return skips


def read_skips(junit):
    """All skipped tests of a ctest run, from its JUnit file."""
    skips = []
    for case in xml.etree.ElementTree.parse(junit).getroot().iter("testcase"):
        name, output = case.get("name"), case.findtext("system-out") or ""
        if case.get("status") == "disabled":
            skips.append(Skip(name, "the test is disabled"))
            continue
        inside = skips_inside(name, output)
        skips += inside
        if case.get("status") == "notrun" and not inside:
            skips.append(Skip(name, stated_reason(output)))
    return skips


def judge(skips, went_without, strict):
    """Prints what was skipped and why. Returns whether all of it was allowed."""
    good, allowed = True, {}
    if went_without:
        print(f"tests: {'error: ' if strict else ''}the set-up went without {', '.join(sorted(went_without))}"
              " (it could not install what is named), and tests that need it were skipped")
        good = not strict
    bad = []
    for skip in skips:
        cause = cause_of(skip.reason, went_without)
        if cause.allowed:
            allowed.setdefault(f"{cause.kind}: {cause.what}", []).append(skip.test)
        else:
            bad.append(f"{skip.test} was skipped: {cause.kind}: {cause.what}")
    for cause, tests in sorted(allowed.items()):
        print(f"tests: {len(tests)} skipped for want of this {cause}")
    for line in bad[:SHOWN]:
        print(f"tests: error: {line}")
    if len(bad) > SHOWN:
        print(f"tests: error: {len(bad) - SHOWN} more were skipped for a cause that is not allowed")
    return good and not bad


def run_ctest(options, junit):
    """Runs ctest with its output passed on. Returns its exit status, and the summary, which is held back."""
    ctest = pathlib.Path(os.environ.get("SEPCONV_CTEST", ROOT / ".venv/bin/ctest"))
    # Ctest would cut the output of passed tests.
    command = [ctest, *options, "--output-junit", junit, "--test-output-size-passed", "1000000",
               "--test-output-size-failed", "1000000"]
    summary = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          env=os.environ | {"PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}"}) as process:
        for line in process.stdout:
            if summary or SUMMARY.match(line):
                summary.append(line)
            else:
                print(line, end="", flush=True)
    return process.returncode, "".join(summary)


def main(options):
    if "-h" in options or "--help" in options:
        print(__doc__.strip())
        return 0
    record = pathlib.Path(os.environ.get("SEPCONV_WENT_WITHOUT", ROOT / WENT_WITHOUT))
    went_without = set(record.read_text(encoding="utf-8").split()) if record.exists() else set()
    with tempfile.TemporaryDirectory() as folder:
        junit = pathlib.Path(folder, "tests.xml")
        try:
            status, summary = run_ctest(options, junit)
        except OSError as error:
            print(f"run_tests.py: ctest could not be started: {error}", file=sys.stderr)
            return 3
        good = not junit.exists() or judge(read_skips(junit), went_without, os.environ.get("CI") in ("true", "1"))
    print(summary, end="", flush=True)
    if not summary:
        print("run_tests.py: ctest ran no test", file=sys.stderr)
        return 3
    return 1 if status != 0 or not good else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
