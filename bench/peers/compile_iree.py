"""Compiles a Keras model with IREE: JAX exports StableHLO, iree-compile makes a module for the CPU of this machine."""

import os
import pathlib
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SECONDS = 600  # for each of the two programs
FLAGS = (
    "--iree-input-type=stablehlo",
    "--iree-hal-target-device=local",
    "--iree-hal-local-target-device-backends=llvm-cpu",
    "--iree-llvmcpu-target-cpu=host",
)
LEVELS = (("--iree-opt-level=O3", "--iree-opt-data-tiling"), ())  # the default level compiles networks that O3 does not
IM2COL = "--iree-global-opt-use-im2col-for-convs"  # faster for some networks, slower for others


def run_tool(command, seconds=SECONDS):
    """Raises RuntimeError with the first error that the program reports, or its last line. Raises TimeoutError as well."""
    name = pathlib.Path(command[0]).name
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
                          start_new_session=True) as process:
        try:
            output = process.communicate(timeout=seconds)[1]
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{name} took more than {seconds:g} s") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # iree-compile is a script that starts the compiler
    if process.returncode:
        lines = [line for line in output.splitlines() if line.strip()]
        reported = [line[line.index("error:"):] for line in lines if "error:" in line]
        raise RuntimeError((reported or lines[-1:] or [f"{name}: exit status {process.returncode}"])[0])


def export(path, model_file):
    """Writes StableHLO."""
    run_tool([sys.executable, HERE / "export_stablehlo.py", model_file, path])


def write_module(path, stablehlo, *flags):
    """At the first of LEVELS that compiles. Raises what the first one raised if none does."""
    compiler, first = pathlib.Path(sys.executable).with_name("iree-compile"), None
    for level in LEVELS:
        try:
            run_tool([compiler, *FLAGS, *level, *flags, stablehlo, "-o", path])
            return
        except RuntimeError as error:
            first = first or error
    raise first
