#!/usr/bin/env python3
"""Whole networks in the comparison with other libraries: converted files, IREE's compiler, the table."""

import os
import pathlib
import sys
import tempfile
import time
import unittest
from unittest import mock

import samples  # noqa: F401  first: it makes the modules below known

import compile_iree
import network_files
import network_table


class Files(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        self.model = self.write("net.keras", age=60)

    def write(self, name, text="", age=0):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        os.utime(path, (time.time() - age,) * 2)
        return path

    def current(self, *files):
        return network_files.all_current(self.folder, self.model, files)

    def test_a_file_is_made_or_has_a_reason(self):
        self.assertFalse(self.current("model.onnx"))
        self.write("model.onnx")
        self.assertFalse(self.current("model.onnx"))  # the run that wrote it did not end
        self.write(network_files.FAILURES, '{"model.vmfb": "not supported"}')
        self.assertTrue(self.current("model.onnx", "model.vmfb"))
        self.assertFalse(self.current("model.onnx", "model.tflite"))
        failures = network_files.failures_of(self.folder)
        self.assertEqual(network_files.existing(self.folder, "model.onnx", failures), self.folder / "model.onnx")
        with self.assertRaisesRegex(RuntimeError, "^no model.vmfb: not supported$"):
            network_files.existing(self.folder, "model.vmfb", failures)

    def test_files_older_than_the_model(self):
        self.write(network_files.FAILURES, "{}")
        old = self.write("model.onnx", age=90)
        self.assertFalse(network_files.is_current(old, self.model))
        self.assertFalse(self.current("model.onnx"))
        self.write("model.onnx")
        self.write(network_files.FAILURES, '{"model.vmfb": "not supported"}', age=90)
        self.assertFalse(self.current("model.vmfb"))

    def test_an_interrupted_write_leaves_nothing_in_place(self):
        def fail(path):
            path.write_text("half", encoding="utf-8")
            raise ValueError("interrupted")

        with self.assertRaisesRegex(ValueError, "interrupted"):
            network_files.write_whole(self.folder / "model.onnx", fail)
        self.assertFalse((self.folder / "model.onnx").exists())
        network_files.write_whole(self.folder / "model.onnx", lambda path: path.write_text("whole", encoding="utf-8"))
        self.assertEqual((self.folder / "model.onnx").read_text(encoding="utf-8"), "whole")

    def test_a_folder_replaces_a_folder(self):
        for text in ("first", "second"):
            def write(path, text=text):
                path.mkdir()
                (path / text).touch()

            network_files.write_whole(self.folder / "saved_model", write)
        self.assertEqual([path.name for path in (self.folder / "saved_model").iterdir()], ["second"])
        self.assertFalse((self.folder / "saved_model.tmp").exists())


class Compiler(unittest.TestCase):
    def run_shell(self, script, seconds=20):
        compile_iree.run_tool(["/bin/sh", "-c", script], seconds)

    def test_reports_the_first_error(self):
        self.run_shell("echo 'x.mlir:1: error: only a warning' >&2")
        with self.assertRaisesRegex(RuntimeError, "^error: 'op' failed$"):
            self.run_shell("echo note >&2; echo \"x.mlir:1:2: error: 'op' failed\" >&2; echo 'y: error: z' >&2; exit 1")
        with self.assertRaisesRegex(RuntimeError, "^ValueError: last$"):
            self.run_shell("printf 'Traceback\\nValueError: last\\n\\n' >&2; exit 1")
        with self.assertRaisesRegex(RuntimeError, "^sh: exit status 7$"):
            self.run_shell("exit 7")

    def test_the_time_limit_ends_what_the_program_started(self):
        start = time.monotonic()
        with self.assertRaisesRegex(TimeoutError, "^sh took more than 0.2 s$"):
            self.run_shell("sleep 30 & wait", seconds=0.2)
        self.assertLess(time.monotonic() - start, 10)  # a child that lives keeps the pipe open

    def test_exports_and_compiles(self):
        commands = []
        with mock.patch.object(compile_iree, "run_tool", commands.append):
            compile_iree.export("model.mlirbc", "net.keras")
            compile_iree.write_module("im2col.vmfb", "model.mlirbc", compile_iree.IM2COL)
        exported, compiled = ([str(word) for word in command] for command in commands)
        self.assertEqual(exported[:1] + exported[2:], [sys.executable, "net.keras", "model.mlirbc"])
        self.assertEqual(pathlib.Path(compiled[0]).name, "iree-compile")
        self.assertEqual(compiled[-4:], [compile_iree.IM2COL, "model.mlirbc", "-o", "im2col.vmfb"])
        self.assertIn("--iree-llvmcpu-target-cpu=host", compiled)
        self.assertIn("--iree-opt-level=O3", compiled)

    def test_the_default_level_where_the_best_fails(self):
        def compile_with(*answers):
            with mock.patch.object(compile_iree, "run_tool", side_effect=answers) as run_tool:
                try:
                    compile_iree.write_module("model.vmfb", "model.mlirbc")
                finally:
                    commands.extend(call.args[0] for call in run_tool.call_args_list)

        commands = []
        compile_with(RuntimeError("at O3"), None)
        self.assertEqual(["--iree-opt-level=O3" in command for command in commands], [True, False])
        with self.assertRaisesRegex(RuntimeError, "at O3"):
            compile_with(RuntimeError("at O3"), RuntimeError("at the default"))
        commands.clear()
        with self.assertRaisesRegex(TimeoutError, "too long"):
            compile_with(TimeoutError("too long"))
        self.assertEqual(len(commands), 1)


class Table(unittest.TestCase):
    def test_a_contender_without_a_time_has_a_reason(self):
        row = {"name": "net", "threads": 1, "peak": [{"gflops": 100.0}], "flops": 5e6, "notes": {},
               "answers": {"sepconv": [{"ms_median": 0.1}], "litert": [{"ms_median": 0.2}],
                           "iree": [{"error": "RuntimeError: no model.vmfb:\n error: 'op' failed"}]},
               "errors": {"sepconv": 1e-7, "litert": 2e-7}}
        contenders = ["sepconv", "litert", "iree"]
        row = network_table.evaluate(row)
        self.assertEqual((row["best"], row["ratio"]), ("litert", 2.0))
        lines = network_table.table_lines([row], contenders)
        self.assertEqual(lines[-1], "| net | 100.0 | 200.0 | - | litert | 2.00 | 50% |")
        reason = "- net, iree: RuntimeError: no model.vmfb: error: 'op' failed"
        self.assertEqual(network_table.failure_lines([row]), [reason])
        summary = "\n".join(network_table.summary_lines([row], contenders))
        self.assertIn("Against litert alone: 2.00 over 1 networks", summary)
        self.assertNotIn("iree", summary)


if __name__ == "__main__":
    unittest.main(verbosity=2)
