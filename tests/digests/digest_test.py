#!/usr/bin/env python3
"""The digest tells machine code apart, and nothing of names; the command tells differences and bad lists."""

import contextlib
import io
import os
import pathlib
import tempfile
import unittest

import kernel_digests
import object_digest
from kernel_digests import Kernel

GENERATOR = os.environ["SEPCONV_GENERATOR"]
DEPTHWISE = "f32_nhwc_i6x5x8.dw_k3x3_p1x1x1x1.bias.relu"
OTHER = "f32_nhwc_i6x5x8.dw_k3x3_p1x1x1x1.bias.relu6"
TARGETS = ["x86-64-avx2", "x86-64-avx512", "arm-64", "cuda-sm70", "opencl"]

PTX = """.version 6.0
.visible .entry kernel_out_s0_x(  // a comment
 .param .u64 kernel_out_s0_x_param_0)
{ ld.param.u64 %rd1, [kernel_out_s0_x_param_0]; $L__BB0_1: }
"""
OPENCL = """#pragma OPENCL FP_CONTRACT ON
__kernel void kernel_out_s0_x(__address_space___input const float *restrict _input, int _out_extent)
{ float _t1 = _input[get_local_id(0)]; /* a comment */ }
"""


def run(*argv):
    """(exit status, what was printed)"""
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        status = kernel_digests.main(["--generator", GENERATOR, "--jobs", "2", *map(str, argv)])
    return status, out.getvalue() + errors.getvalue()


class ObjectDigestTest(unittest.TestCase):
    def digest(self, problem, target, symbol):
        with tempfile.TemporaryDirectory() as folder:
            arguments = ["--problem", problem, "--target", target, "--symbol", symbol, "--output", folder]
            result = kernel_digests.run_generator(GENERATOR, *arguments)
            self.assertEqual(result.returncode, 0, result.stderr)
            return object_digest.object_digest((pathlib.Path(folder) / f"{symbol}.o").read_bytes())

    def test_is_the_same_for_every_symbol(self):
        for target in TARGETS:
            with self.subTest(target=target):
                self.assertEqual(
                    self.digest(DEPTHWISE, target, "k"), self.digest(DEPTHWISE, target, "a_much_longer_name")
                )

    def test_is_another_for_other_code(self):
        for target in TARGETS:
            with self.subTest(target=target):
                self.assertNotEqual(self.digest(DEPTHWISE, target, "k"), self.digest(OTHER, target, "k"))

    def test_no_object(self):
        with self.assertRaisesRegex(ValueError, "not an object file"):
            object_digest.object_digest(b"\x7fELF, but no more")


class DeviceTextTest(unittest.TestCase):
    def test_ptx_without_names(self):
        renamed = PTX.replace("kernel_out_s0_x", "k_result_s0_column").replace("a comment", "another")
        self.assertEqual(object_digest.normal_ptx(PTX), object_digest.normal_ptx(renamed))
        self.assertNotEqual(object_digest.normal_ptx(PTX), object_digest.normal_ptx(PTX.replace("%rd1", "%rd2")))

    def test_opencl_without_names(self):
        renamed = OPENCL.replace("_input", "_image").replace("_out_extent", "_n").replace("kernel_out", "k_result")
        self.assertEqual(object_digest.normal_opencl(OPENCL), object_digest.normal_opencl(renamed))
        for other in (OPENCL.replace("(0)", "(1)"), OPENCL.replace("_input[", "_out_extent[")):
            self.assertNotEqual(object_digest.normal_opencl(OPENCL), object_digest.normal_opencl(other))


class CommandTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.list = pathlib.Path(folder.name) / "kernels.tsv"
        kernels = [Kernel(DEPTHWISE, "x86-64-sse41"), Kernel(DEPTHWISE.replace("f32", "f64"), "opencl")]
        kernel_digests.write_list(self.list, "no versions", kernels)
        self.assertEqual(run("write", self.list), (0, ""))

    def test_what_was_written_passes(self):
        self.assertEqual(run("check", self.list), (0, "2 kernels, 0 digests differ\n"))
        self.assertEqual([k.digest == "refused" for k in kernel_digests.read_list(self.list)[1]], [False, True])

    def test_another_digest_is_told(self):
        head, kernels = kernel_digests.read_list(self.list)
        kernels[0].digest = "0" * 16
        kernel_digests.write_list(self.list, head, kernels)
        status, text = run("check", self.list)
        self.assertEqual(status, 1)
        self.assertIn("was " + kernels[0].line(), text)
        self.assertIn("2 kernels, 1 digests differ", text)

    def test_other_versions_compare_schedules_only(self):
        _, kernels = kernel_digests.read_list(self.list)
        kernels[0].digest = "0" * 16
        kernel_digests.write_list(self.list, "Halide 1.0.0, clang version 1.0.0", kernels)
        status, text = run("check", self.list)
        self.assertEqual(status, 0, text)
        self.assertIn("comparing schedules only", text)
        kernels[0].schedule = "block_fuse0"
        kernel_digests.write_list(self.list, "Halide 1.0.0, clang version 1.0.0", kernels)
        self.assertEqual(run("check", self.list)[0], 1)

    def test_bad_lists(self):
        lines = self.list.read_text().splitlines()
        for bad, reason in (
            (lines[:1], ":2: expected the columns"),
            (lines[:2], "holds no kernels"),
            ([*lines, "a\tb"], ":5: not a kernel"),
        ):
            self.list.write_text("\n".join(bad) + "\n")
            status, text = run("check", self.list)
            self.assertEqual(status, 2)
            self.assertIn(reason, text)
        self.assertEqual(run("check", self.list.with_name("absent"))[0], 2)


if __name__ == "__main__":
    unittest.main()
