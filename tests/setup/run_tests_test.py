#!/usr/bin/env python3
"""scripts/run_tests.py over small ctest projects: which skips pass, which are errors, and what is printed last."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "run_tests.py"
CTEST = os.environ.get("SEPCONV_CTEST") or shutil.which("ctest")

GOOGLE = """[ RUN      ] Rows.{name}
/a/b.cpp:12: Skipped
{reason}

[  SKIPPED ] Rows.{name} (0 ms)
"""


class RunTests(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)
        self.tests = []

    def add_test(self, name, output="fine", status=0, properties=""):
        """A test that prints `output` and ends with `status`."""
        (self.path / f"{name}.txt").write_text(output, encoding="utf-8")
        program = f"import sys; print(open(r'{self.path / name}.txt').read()); sys.exit({status})"
        self.tests.append(f'add_test({name} "{sys.executable}" "-c" "{program}")\n')
        if properties:
            self.tests.append(f"set_tests_properties({name} PROPERTIES {properties})\n")

    def run_tests(self, went_without="", ci=""):
        (self.path / "CTestTestfile.cmake").write_text("".join(self.tests), encoding="utf-8")
        record = self.path / "went-without"
        if went_without:
            record.write_text(went_without, encoding="utf-8")
        environment = os.environ | {"SEPCONV_CTEST": CTEST, "SEPCONV_WENT_WITHOUT": str(record), "CI": ci}
        return subprocess.run([sys.executable, SCRIPT, "--test-dir", self.path, "--output-on-failure"], text=True,
                              capture_output=True, check=False, env=environment)

    def expect(self, result, status, *texts):
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        for text in texts:
            self.assertIn(text, result.stdout)
        before, _, summary = result.stdout.partition("% tests passed")
        self.assertTrue(summary, result.stdout)
        self.assertNotIn("tests: ", summary)
        return before

    def test_passes_what_passed(self):
        self.add_test("one")
        result = self.run_tests()
        self.expect(result, 0, "100% tests passed")
        self.assertNotIn("tests: ", result.stdout)

    def test_fails_what_failed(self):
        self.add_test("one", "boom", status=1)
        self.expect(self.run_tests(), 1, "boom", "0% tests passed", "one (Failed)")

    def test_lets_an_instruction_set_and_a_device_be_lacking(self):
        skipped = 'SKIP_REGULAR_EXPRESSION "SKIPPED"'
        reason = "this CPU or its operating system lacks avx512 (f, cd, vl, dq, bw)"
        self.add_test("row", GOOGLE.format(name="wide", reason=reason), properties=skipped)
        self.add_test("gpu", GOOGLE.format(name="cuda", reason="GPU: no CUDA device can be used"), properties=skipped)
        self.expect(self.run_tests(), 0, "1 skipped for want of this instruction set: avx512",
                    "1 skipped for want of this device")

    def test_lets_a_right_be_lacking(self):
        self.add_test("terminal", "lacks right: to open a terminal", 77, "SKIP_RETURN_CODE 77")
        self.expect(self.run_tests(), 0, "skipped for want of this right: to open a terminal")

    def test_names_a_package_that_the_set_up_should_have_installed(self):
        self.add_test("arm", "lacks package qemu-user: there is no qemu-aarch64", 77, "SKIP_RETURN_CODE 77")
        before = self.expect(self.run_tests(), 1, "100% tests passed")
        self.assertIn("tests: error: arm was skipped: package: qemu-user\n", before)

    def test_lets_a_package_be_lacking_that_the_set_up_went_without(self):
        self.add_test("arm", "lacks package qemu-user: there is no qemu-aarch64", 77, "SKIP_RETURN_CODE 77")
        before = self.expect(self.run_tests("qemu-user\nccache\n"), 0)
        self.assertIn("tests: the set-up went without ccache, qemu-user", before)
        self.expect(self.run_tests("ccache\n"), 1, "tests: error: arm was skipped: package: qemu-user")

    def test_lets_nothing_be_lacking_under_ci(self):
        self.add_test("one")
        self.expect(self.run_tests("ccache\n"), 0, "tests: the set-up went without ccache")
        self.expect(self.run_tests("ccache\n", ci="true"), 1, "tests: error: the set-up went without ccache")

    def test_knows_the_packages_behind_opencl(self):
        skipped = 'SKIP_REGULAR_EXPRESSION "no OpenCL device can be used"'
        reason = "GPU: no OpenCL device can be used; it needs"
        self.add_test("gpu", GOOGLE.format(name="cl", reason=reason), properties=skipped)
        self.expect(self.run_tests(), 1, "Rows.cl was skipped: package: pocl-opencl-icd, ocl-icd-libopencl1")
        self.expect(self.run_tests("ocl-icd-libopencl1\n"), 0)

    def test_sees_skips_inside_of_tests_that_pass(self):
        self.add_test("many", GOOGLE.format(name="a", reason="this machine is too small"))
        self.add_test("python", "test_x (a.B) ... skipped 'there is no numpy'\n\nOK (skipped=1)")
        self.add_test("quiet", "OK (skipped=2)")
        self.add_test("nested", "  3/9 Test #3: inner ......***Skipped   0.01 sec")
        self.expect(self.run_tests(), 1, "Rows.a was skipped: unknown cause: this machine is too small",
                    "python: test_x was skipped: unknown cause: there is no numpy", "quiet was skipped: unknown cause",
                    "nested: inner was skipped: unknown cause")

    def test_sees_tests_that_are_disabled_or_say_nothing(self):
        self.add_test("off", properties="DISABLED TRUE")
        self.add_test("mute", "", 77, "SKIP_RETURN_CODE 77")
        self.expect(self.run_tests(), 1, "off was skipped: unknown cause: the test is disabled",
                    "mute was skipped: unknown cause: no reason is given")

    def test_reports_that_no_test_ran(self):
        result = self.run_tests()
        self.assertEqual(result.returncode, 3, result.stdout)
        self.assertIn("ctest ran no test", result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
