#!/usr/bin/env python3
"""The code blocks of the documents: commands run, C++ compiles, CMake configures, JSON parses.

The build is installed into a scratch folder. Each document has another one, in which its commands run in turn, next to
links to the files of the checkout. Commands that take too long, or need what a test does not have, stand in not_run.txt
with the reason.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import command_list
import markdown

LIST = pathlib.Path(__file__).with_name("not_run.txt")
MODELS = "tests/data/models/"
# Files that the documents' commands read, and what stands for them here.
INPUTS = {
    "mobilenet.keras": MODELS + "mobilenet_v1_025_96.keras",
    "model.keras": MODELS + "tcn_causal.keras",
    "speech.keras": MODELS + "kws1d.keras",
    "old_model.h5": MODELS + "xception_mini.h5",
    "detector.json": "tests/docs/detector.json",
}
SECONDS = 60  # after which a command has failed


class Programs:
    """The build under test, installed into the folder `prefix`."""

    def __init__(self, options, prefix):
        self.build, self.prefix = pathlib.Path(options.build).resolve(), pathlib.Path(prefix)
        self.compiler, self.cmake = options.cxx, options.cmake
        subprocess.run([self.cmake, "--install", self.build, "--prefix", prefix], stdout=subprocess.DEVNULL, check=True)
        # Kernels that other tests have compiled are found here, too.
        (self.build / "kernel-cache").mkdir(exist_ok=True)
        (self.prefix / "cache").mkdir()
        (self.prefix / "cache/sepconv").symlink_to(self.build / "kernel-cache")

    def environment(self):
        """For a command in a document: the programs, and PROBLEM and SCHEDULE, which the reader would set himself."""
        ours = ("SEPCONV_TEST_CPU", "SEPCONV_TARGET")
        inherited = {name: value for name, value in os.environ.items() if name not in ours}
        folders = [self.prefix / "bin", markdown.ROOT / ".venv/bin", os.environ["PATH"]]
        return inherited | {"PATH": os.pathsep.join(str(folder) for folder in folders), "EDITOR": "true",
                            "XDG_CACHE_HOME": str(self.prefix / "cache"), "CXX": self.compiler} | self.shipped_texts()

    @staticmethod
    def shipped_texts():
        """PROBLEM and SCHEDULE of a shipped table's first entry."""
        table = (markdown.ROOT / "generators/schedules/tables/x86-64-avx2.lock.json").read_text(encoding="utf-8")
        return {name.upper(): re.search(f'"{name}": *"([^"]+)"', table)[1] for name in ("problem", "schedule")}


def write_npy(path, shape):
    """A float32 array of zeros."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (63 - (len(header) + 10) % 64) + "\n"
    count = 1
    for extent in shape:
        count *= extent
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + bytes(4 * count))


def make_folder(folder, programs):
    """What a reader of the documents has in his folder: a clone, its build, a few models."""
    for name in {name.split("/")[0] for name in markdown.tracked_files()}:
        (folder / name).symlink_to(markdown.ROOT / name)
    (folder / "build").mkdir()
    (folder / "build/release").symlink_to(programs.build)
    for name, source in INPUTS.items():
        shutil.copy(markdown.ROOT / source, folder / name)
    write_npy(folder / "x.npy", (1, 24, 24, 32))  # what conv_dw_3 of mobilenet.keras reads
    write_npy(folder / "image.npy", (2, 96, 96, 3))  # what mobilenet.keras reads


def run(command, folder, programs):
    """Why the command failed, or None."""
    with subprocess.Popen(["bash", "-c", command], cwd=folder, env=programs.environment(), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          start_new_session=True) as process:
        try:
            output, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return f"runs for more than {SECONDS} s"
    if process.returncode == 0:
        return None
    end = "\n".join(output.strip().split("\n")[-5:])
    return f"exit status {process.returncode}: {end}"


def check_commands(document, listed, programs):
    """Runs a document's commands; the faults, and how long each took."""
    faults, times = [], []
    plan = command_list.planned(document, listed)
    if not plan:
        return faults, times
    with tempfile.TemporaryDirectory(prefix="sepconv-docs-") as name:
        make_folder(pathlib.Path(name), programs)
        for line, documented, command in plan:
            start = time.monotonic()
            why = ("make builds, which takes too long for a test" if command.startswith("make ")
                   else run(command, name, programs))
            times.append((time.monotonic() - start, command))
            if why:
                faults.append(f"{document.name}:{line}: {documented}\n  {why}\n  (mend the document, or list the command "
                              f"in tests/docs/{LIST.name} with the reason)")
    return faults, times


def check_cpp(block, folder, programs):
    """Compiles a block of C++; one without includes is taken for statements after all headers of ours."""
    source = block.text
    if "#include" not in source:
        headers = sorted((programs.prefix / "include/sepconv").glob("*.h"))
        includes = "".join(f"#include <sepconv/{header.name}>\n" for header in headers)
        source = f"{includes}void block() {{\n{source}\n}}\n"
    (folder / "block.cpp").write_text(source, encoding="utf-8")
    generated = " ".join(f"-I '{programs.build / 'examples' / name}'"
                         for name in ("embedded/speech.sepconv", "mobilenet/mobilenet.sepconv"))
    return run(f"{programs.compiler} -std=c++20 -fsyntax-only -I '{programs.prefix}/include' {generated} block.cpp",
               folder, programs)


def check_cmake(block, folder, programs):
    """Configures a project that has an executable `app` and the block."""
    (folder / "main.cpp").write_text("int main() { return 0; }\n", encoding="utf-8")
    (folder / "mobilenet.lock.json").write_text('{"format": 1, "kernels": []}\n', encoding="utf-8")
    shutil.copy(markdown.ROOT / INPUTS["mobilenet.keras"], folder / "mobilenet.keras")
    (folder / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.28)\nproject(app LANGUAGES CXX)\n"
                                           "add_executable(app main.cpp)\n" + block.text + "\n", encoding="utf-8")
    return run(f"'{programs.cmake}' -S . -B build -G Ninja -D CMAKE_PREFIX_PATH='{programs.prefix}'", folder, programs)


def check_json(block, _folder, _programs):
    try:
        json.loads(block.text)
    except ValueError as error:
        return str(error)
    return None


def check_other_blocks(document, programs):
    checks = {"cpp": check_cpp, "cmake": check_cmake, "json": check_json}
    faults = []
    for block in document.blocks():
        if block.language not in checks:
            continue
        with tempfile.TemporaryDirectory(prefix="sepconv-docs-") as name:
            if why := checks[block.language](block, pathlib.Path(name), programs):
                faults.append(f"{document.name}:{block.line}: the block of {block.language}: {why}")
    return faults


class Commands(unittest.TestCase):
    programs = None

    def test_code_blocks_of_the_documents(self):
        documents = [document for document in markdown.documents() if not markdown.is_dated(document)]
        listed = command_list.CommandList(LIST.read_text(encoding="utf-8"))
        faults, times = list(listed.faults), []
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            results = pool.map(lambda document: (check_commands(document, listed, self.programs),
                                                 check_other_blocks(document, self.programs)), documents)
            for document, ((failed, took), other) in zip(documents, results):
                faults += command_list.block_faults(document) + failed + other
                times += took
        faults += [f"tests/docs/{LIST.name}, {fault}" for fault in listed.unused()]
        for seconds, command in sorted(times, reverse=True)[:12]:
            print(f"{seconds:5.1f} s  {command}")
        print(f"{len(times)} commands ran")
        if faults:
            self.fail("\n" + "\n".join(faults))
        self.assertGreater(len(times), 20, "hardly any command was found")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="folder of the build whose programs run")
    parser.add_argument("--cxx", default="c++", help="the compiler of blocks of C++")
    parser.add_argument("--cmake", default="cmake", help="the CMake of blocks of CMake")
    options, others = parser.parse_known_args()
    with tempfile.TemporaryDirectory(prefix="sepconv-docs-") as prefix:
        Commands.programs = Programs(options, prefix)
        result = unittest.main(argv=[sys.argv[0], *others], exit=False).result
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
