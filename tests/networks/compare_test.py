#!/usr/bin/env python3
"""Tests of the comparison, of the committed networks' files, and of a stand-in for sepconv that computes them wrongly."""

import contextlib
import io
import json
import pathlib
import stat
import sys
import tempfile
import unittest
from unittest import mock

import numpy as np

import check_twins
import compare

ROWS = json.loads((check_twins.FOLDER / "networks.json").read_text())["networks"]

STAND_IN = """#!{python}
import pathlib, sys
import numpy as np
if sys.argv[1] == "compile":
    folder = pathlib.Path(sys.argv[sys.argv.index("-o") + 1])
    folder.mkdir(parents=True)
else:
    arrays = dict(np.load({io!r}))
    x = np.load(sys.argv[sys.argv.index("--input") + 1])
    assert np.array_equal(x, arrays.pop("input"))
    arrays[{output!r}].flat[0] += {error}
    np.savez(sys.argv[sys.argv.index("--output") + 1], **arrays)
"""


class Comparison(unittest.TestCase):
    def expected(self, **changes):
        values = dict(name="add", values=np.array([[1.0, -2.0]]), keras_error=1e-7, limit=4e-7, deviation=1.5) | changes
        return compare.Expected(**values)

    def row(self, *values):
        return compare.compare("net", 3, {"add": np.array([values])}, [self.expected()], 1.0)

    def test_passes_within_the_limit(self):
        self.assertTrue(self.row(1.0 + 3.9e-7, -2.0).passed)

    def test_fails_beyond_the_limit(self):
        self.assertEqual(self.row(1.0 + 4.1e-7, -2.0).missed, ["add"])

    def test_fails_on_nan_infinity_and_another_shape(self):
        for values in [(1.0, np.nan), (np.inf, -2.0), (1.0, -2.0, 0.0)]:
            self.assertFalse(self.row(*values).passed)

    def test_reports_the_output_nearest_to_its_limit(self):
        outputs = [self.expected(), self.expected(name="scores", limit=1.0)]
        actual = {"add": np.array([[1.0 + 3e-7, -2.0]]), "scores": np.array([[1.2, -2.0]])}
        row = compare.compare("net", 3, actual, outputs, 1.0)
        self.assertEqual(row.output, "add")
        self.assertTrue(row.passed)


class CommittedFiles(unittest.TestCase):
    def test_fit_in_one_megabyte_and_are_all_listed(self):
        listed = {"networks.json"} | {row[key] for row in ROWS for key in ("file", "io")}
        self.assertEqual({path.name for path in check_twins.FOLDER.iterdir()}, listed)
        self.assertLessEqual(sum(path.stat().st_size for path in check_twins.FOLDER.iterdir()), 1 << 20)

    def test_agree_with_the_manifest(self):
        for row in ROWS:
            x, expected = check_twins.read_expected(row)
            self.assertEqual(list(x.shape), row["input"]["shape"])
            for one, listed in zip(expected, row["outputs"]):
                with self.subTest(network=row["name"], output=one.name):
                    self.assertEqual(list(one.values.shape), listed["shape"])
                    self.assertTrue(np.isfinite(one.values).all())
                    self.assertGreater(one.limit, 0)
                    self.assertLessEqual(one.limit, min(4 * one.keras_error, 1e-4 * listed["largest"]) * 1.001)
                    self.assertTrue(0.1 <= one.deviation <= 10)

    def test_have_the_weight_to_change_where_the_manifest_says(self):
        with tempfile.TemporaryDirectory() as folder:
            for row in ROWS:
                check_twins.write_changed(row, pathlib.Path(folder) / row["file"])


class Program(unittest.TestCase):
    def status(self, error, *options):
        """Exit status of the check with a program whose first block is off by ERROR limits."""
        row = ROWS[0]
        first = row["outputs"][0]
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder) / "sepconv"
            program.write_text(STAND_IN.format(python=sys.executable, io=str(check_twins.FOLDER / row["io"]),
                                               output=first["name"], error=error * first["limit"]))
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
            with mock.patch.object(sys, "argv", ["check_twins.py", "--sepconv", str(program), "--target", "any", row["name"], *options]):
                with contextlib.redirect_stdout(io.StringIO()):
                    return check_twins.main()

    def test_passes_with_right_outputs(self):
        self.assertEqual(self.status(0.5), 0)

    def test_fails_with_wrong_outputs(self):
        self.assertEqual(self.status(2), 1)

    def test_expects_wrong_outputs_of_a_changed_model(self):
        self.assertEqual(self.status(2, "--changed"), 0)
        self.assertEqual(self.status(0.5, "--changed"), 1)


if __name__ == "__main__":
    unittest.main()
