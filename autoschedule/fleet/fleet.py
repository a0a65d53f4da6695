#!/usr/bin/env python3
"""Trials on a Dask cluster, for `sepconv tune --scheduler`.

Reads one file of tasks. Builds their candidates on workers with the resource sepconv_builder, measures them on workers
with the resource that the tasks name, and writes one line of JSON to the report as each task ends. Workers need this
Python's dask, and the programs sepconv-builder and sepconv-generator (builders) or sepconv-runner (runners), in PATH or
named by SEPCONV_BUILDER, SEPCONV_GENERATOR and SEPCONV_RUNNER in the worker's environment.

  fleet.py describe --scheduler tcp://head:8786 --resource avx512
  fleet.py run --scheduler tcp://head:8786 --tasks tasks.json --report report.jsonl

Exit status: 0 success, 2 invalid usage, 3 the cluster cannot be used.
"""

import argparse
import json
import os
import sys

BUILDER_RESOURCE = "sepconv_builder"
# Further attempts after a worker died in the middle of a task; then its trials are lost.
RETRIES = 2
CONNECT_SECONDS = 10


class ClusterFailed(Exception):
    """The cluster cannot be used; the message says what to do."""


# What workers run. Dask sends these functions by value: a worker needs no file of ours besides the programs.


def program(variable, name):
    """The words of a program: the environment's, which may name an interpreter or an emulator first, or its name."""
    import shlex

    return shlex.split(os.environ.get(variable, "")) or [name]


def run_limited(argv, seconds):
    """Runs a program in a process group that is killed after `seconds`.

    Returns (exit status, output); the status is None after a timeout.
    """
    import signal
    import subprocess

    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        output, _ = process.communicate(timeout=seconds)
        status = process.returncode
    except subprocess.TimeoutExpired:
        output, status = b"", None
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
    return status, output.decode(errors="replace")


def private_folder(name):
    """A folder of this user's in the system's folder for temporary files: what lies in it is run.

    Raises RuntimeError where another user has taken the name, or could write into the folder.
    """
    import pathlib
    import stat
    import tempfile

    folder = pathlib.Path(tempfile.gettempdir()) / f"{name}-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        pass
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise RuntimeError(
            f"'{folder}' is not a folder that only its user can write to; remove it, or set TMPDIR for the worker"
        )
    return folder


def build(candidate, limits):
    """Builds one candidate: {"status", "message", "build_seconds", "files": name -> bytes}."""
    import pathlib

    kernels = private_folder("sepconv-kernels")
    generator = program("SEPCONV_GENERATOR", "sepconv-generator")[0]
    if os.sep not in generator:
        import shutil

        generator = shutil.which(generator) or generator
    argv = program("SEPCONV_BUILDER", "sepconv-builder")
    for name in ("problem", "target", "schedule"):
        argv += [f"--{name}", candidate[name]]
    argv += ["--generator", generator, "--kernels", str(kernels)]
    argv += ["--time-limit", str(limits["build_seconds"]), "--memory-mb", str(limits["build_memory_mb"])]
    # The builder has a limit for each of its few tools.
    status, output = run_limited(argv, 4 * limits["build_seconds"] + 10)
    if status is None:
        return {"status": "build-timeout", "message": "the builder hung", "build_seconds": 0, "files": {}}
    if status not in (0, 1):
        raise RuntimeError(f"sepconv-builder: exit status {status}: {output.strip()[-500:]}")
    line = json.loads(output.strip().splitlines()[-1])
    files = {}
    if line["status"] == "ok":
        files = {path.name: path.read_bytes() for path in pathlib.Path(line["folder"]).iterdir() if path.is_file()}
    return {"status": line["status"], "message": line["message"], "build_seconds": line["seconds"], "files": files}


def measure(builds, arguments, problem_key, seconds):
    """Measures the kernels that were built, in one process of the runner: a line for each candidate."""
    import pathlib
    import tempfile

    lines = [
        {"status": built["status"], "message": built["message"], "build_seconds": built["build_seconds"]}
        for built in builds
    ]
    runnable = [index for index, built in enumerate(builds) if built["status"] == "ok"]
    if not runnable:
        return lines
    references = private_folder("sepconv-references")
    with tempfile.TemporaryDirectory(prefix="sepconv-trial-") as folder:
        argv = program("SEPCONV_RUNNER", "sepconv-runner") + list(arguments)
        for index in runnable:
            kernel = pathlib.Path(folder) / str(index)
            kernel.mkdir()
            for name, content in builds[index]["files"].items():
                (kernel / name).write_bytes(content)
            argv += ["--kernel", str(kernel)]
        if runnable[0] != 0:
            argv.append("--no-yardstick")
        report = pathlib.Path(folder) / "report.jsonl"
        argv += ["--reference", str(references / f"{problem_key}.ref"), "--report", str(report)]
        status, output = run_limited(argv, seconds)
        reported = report.read_text().splitlines() if report.exists() else []
    for place, index in enumerate(runnable):
        try:
            line = json.loads(reported[place])
            line.pop("kernel", None)
            lines[index].update(line)
        except (IndexError, ValueError):
            if status is None:
                lines[index].update(status="run-timeout", message="the runner hung")
            else:
                message = f"sepconv-runner: exit status {status}: {output.strip()[-500:]}"
                lines[index].update(status="lost", message=message)
    return lines


def processor():
    """What a worker's kernels run on."""
    import platform

    try:
        with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
            for line in cpuinfo:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


# What the tuner's side does.


def connect(address):
    import distributed

    try:
        if os.path.exists(address):
            return distributed.Client(scheduler_file=address, timeout=CONNECT_SECONDS)
        return distributed.Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise ClusterFailed(
            f"no Dask scheduler answers at '{address}' ({error}); start one with 'dask scheduler'"
        ) from error


def workers_with(client, resource):
    workers = client.scheduler_info(n_workers=-1)["workers"]
    found = [address for address, worker in workers.items() if worker.get("resources", {}).get(resource, 0) >= 1]
    if not found:
        raise ClusterFailed(
            f"none of the cluster's {len(workers)} workers carries the resource '{resource}'; start one with "
            f"'dask worker ADDRESS --nthreads 1 --resources \"{resource}=1\"'"
        )
    return found


def describe(client, resource):
    """The processors behind the resource, each once: where the measurements come from."""
    return ", ".join(sorted(set(client.run(processor, workers=workers_with(client, resource)).values())))


def lost(task, reason):
    return [{"status": "lost", "message": reason} for _ in task["candidates"]]


def run_tasks(client, work, report):
    """Submits everything at once and writes one line as each task ends."""
    import concurrent.futures
    import hashlib

    import distributed

    workers_with(client, BUILDER_RESOURCE)
    workers_with(client, work["resource"])
    limits = work["limits"]
    builds, runs = {}, {}
    for number, task in enumerate(work["tasks"]):
        built = []
        for candidate in task["candidates"]:
            key = json.dumps(candidate, sort_keys=True)
            if key not in builds:
                builds[key] = client.submit(
                    build, candidate, limits, pure=False, retries=RETRIES, resources={BUILDER_RESOURCE: 1}
                )
            built.append(builds[key])
        problem_key = hashlib.sha256(task["candidates"][0]["problem"].encode()).hexdigest()[:32]
        future = client.submit(
            measure,
            built,
            task["arguments"],
            problem_key,
            task["seconds"],
            pure=False,
            retries=RETRIES,
            resources={work["resource"]: 1},
        )
        runs[future] = number
    try:
        for future in distributed.as_completed(runs, timeout=work["seconds"]):
            number = runs[future]
            try:
                lines = future.result()
            except Exception as error:  # what a worker raised, or its death
                lines = lost(work["tasks"][number], f"{type(error).__name__}: {error}")
            write(report, number, lines)
            work["tasks"][number]["done"] = True
    except (TimeoutError, concurrent.futures.TimeoutError):
        for future, number in runs.items():
            if not work["tasks"][number].get("done"):
                write(report, number, lost(work["tasks"][number], f"no answer within {work['seconds']:.0f} s"))
        client.cancel(list(runs) + list(builds.values()), force=True)


def write(report, number, lines):
    report.write(json.dumps({"task": number, "trials": lines}) + "\n")
    report.flush()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], epilog=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("describe", "run"):
        command = commands.add_parser(name)
        command.add_argument("--scheduler", required=True, help="the scheduler's address, or its --scheduler-file")
        if name == "describe":
            command.add_argument("--resource", required=True, help="resource of the workers that measure")
        else:
            command.add_argument("--tasks", required=True, help="file of tasks, as the tuner writes it")
            command.add_argument("--report", required=True, help="file to write one line per task to")
    arguments = parser.parse_args()
    try:
        with connect(arguments.scheduler) as client:
            if arguments.command == "describe":
                print(describe(client, arguments.resource))
                return 0
            with open(arguments.tasks, encoding="utf-8") as file:
                work = json.load(file)
            with open(arguments.report, "a", encoding="utf-8") as report:
                run_tasks(client, work, report)
    except ModuleNotFoundError as error:
        print(f"fleet: {error}; install the package dask[distributed] for {sys.executable}", file=sys.stderr)
        return 3
    except ClusterFailed as error:
        print(f"fleet: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
