"""scripts/fit_cpu_costs.py on trials whose times follow costs that the test chose."""

import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import unittest

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))
import fit_cpu_costs  # noqa: E402

PROGRAM = os.environ["SEPCONV_COST_TERMS"]
TABLE = ROOT / "generators" / "schedules" / "tables" / "x86-64-avx2.lock.json"
CYCLE = 0.4e-9
# The columns that the script reads, as autoschedule/records/store_schema.cpp has them.
SCHEMA = """
  CREATE TABLE contexts (id INTEGER PRIMARY KEY, threads INTEGER);
  CREATE TABLE tasks (id INTEGER PRIMARY KEY, problem TEXT, target TEXT);
  CREATE TABLE trials (id INTEGER PRIMARY KEY, task INTEGER, schedule TEXT, context INTEGER, kind TEXT, status TEXT,
                       seconds REAL);
  INSERT INTO contexts VALUES (1, 1);
"""


def rows():
    return [(row["problem"], row["target"], row["schedule"], 1, 0.0) for row in json.loads(TABLE.read_text())["rows"]]


class FitTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="sepconv-fit-")
        self.addCleanup(self.folder.cleanup)
        self.store = pathlib.Path(self.folder.name) / "trials.sqlite"

    def write_store(self, trials, seconds):
        with sqlite3.connect(self.store) as store:
            store.executescript(SCHEMA)
            for number, ((problem, target, schedule, threads, _), time) in enumerate(zip(trials, seconds), 1):
                store.execute("INSERT INTO tasks VALUES (?, ?, ?)", (number, problem, target))
                store.execute(
                    "INSERT INTO trials VALUES (?, ?, ?, ?, 'search', 'ok', ?)",
                    (number, number, schedule, threads, time),
                )

    def run_script(self, *words, program=PROGRAM):
        argv = [sys.executable, str(ROOT / "scripts" / "fit_cpu_costs.py"), str(self.store), "--program", program]
        return subprocess.run([*argv, *words], capture_output=True, text=True)

    def test_finds_the_costs_that_made_the_times(self):
        trials = rows()
        costs, totals, terms = fit_cpu_costs.terms_of(trials, PROGRAM)
        values = numpy.array(list(costs.values()))
        planted = values * numpy.linspace(0.5, 2, len(values))
        planted[list(costs).index("tile")] = 0
        seconds = CYCLE * (totals - terms.sum(axis=1) + terms / values @ planted)
        fitted, cycles = fit_cpu_costs.fit(costs, totals, terms, seconds)
        seen = terms.any(axis=0)
        self.assertGreaterEqual(seen.sum(), 5)
        numpy.testing.assert_allclose(fitted[seen], planted[seen], rtol=1e-3, atol=1e-3)
        numpy.testing.assert_allclose(fitted[~seen], values[~seen])
        self.assertLess(fit_cpu_costs.relative_error(cycles, seconds), 1e-4)

        self.write_store(trials, seconds)
        result = self.run_script("--target", "x86-64-avx2")
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines()}
        self.assertEqual(result.stdout.splitlines()[0], f"{len(trials)} trials of {len(trials)} problems")
        for name, table, fit in zip(costs, values, fitted):
            self.assertEqual(lines[name], [f"{table:.4g}", f"{fit:.4g}"])

    def test_ranks_within_problems(self):
        trials = [("p", "t", str(i), 1, 0.0) for i in range(6)]
        self.assertEqual(fit_cpu_costs.rank_correlation(trials, numpy.arange(6.0), numpy.arange(6.0) ** 2), 1)
        self.assertEqual(fit_cpu_costs.rank_correlation(trials, numpy.arange(6.0), -numpy.arange(6.0)), -1)

    def test_says_what_is_wrong(self):
        result = self.run_script()
        self.assertEqual((result.returncode, result.stderr.count("\n")), (2, 1))
        self.assertIn("does not exist; expected a store", result.stderr)
        self.store.write_bytes(b"no database at all, but long enough to be read as one")
        self.assertIn("is not a record store", self.run_script().stderr)
        self.store.unlink()
        self.write_store(rows()[:3], [1.0] * 3)
        result = self.run_script()
        self.assertEqual(result.returncode, 2)
        self.assertIn("3 trials of CPU schedules; a fit needs at least 20", result.stderr)
        self.store.unlink()
        self.write_store([("nonsense", *rows()[0][1:])] * 20, [1.0] * 20)
        result = self.run_script()
        self.assertEqual(result.returncode, 3)
        self.assertIn("sepconv-cost-terms: line 1: ", result.stderr)
        result = self.run_script(program="/nowhere/sepconv-cost-terms")
        self.assertEqual(result.returncode, 3)
        self.assertIn("cannot start '/nowhere/sepconv-cost-terms'", result.stderr)


if __name__ == "__main__":
    unittest.main()
