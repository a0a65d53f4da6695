#!/usr/bin/env python3
"""Fits the costs of the tuner's CPU model to measured trials.

    scripts/fit_cpu_costs.py mobilenet.lock.sqlite --target x86-64-avx2

Reads the trials in the stores that `sepconv tune` wrote, and asks sepconv-cost-terms how many cycles the model counts
for each and which costs cause them. Fits cycle time * (fixed cycles + sum of cost * amount) to the measured times, with
costs of at least 0 and the smallest sum of squared relative errors. Prints the costs in the table
(generators/spec/cpu_costs.h) and the fitted ones, and how well each set ranks the schedules of a problem. Writes
nothing: update the table by hand, with rounded figures.

Exit status: 0 success, 2 invalid usage or no trials, 3 the program failed.
"""

import argparse
import json
import pathlib
import sqlite3
import subprocess
import sys

import numpy

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build" / "release" / "autoschedule" / "search" / "sepconv-cost-terms"
LEAST_TRIALS = 20
QUERY = """
  SELECT tasks.problem, tasks.target, trials.schedule, contexts.threads, trials.seconds
  FROM trials JOIN tasks ON tasks.id = trials.task JOIN contexts ON contexts.id = trials.context
  WHERE trials.status = 'ok' AND trials.kind = 'search' AND trials.seconds > 0 AND trials.schedule LIKE 'block%'
  ORDER BY trials.id
"""


class WrongUse(Exception):
    pass


def read_trials(stores, targets):
    trials = []
    for store in stores:
        if not store.is_file():
            raise WrongUse(f"'{store}' does not exist; expected a store that `sepconv tune` wrote")
        try:
            with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
                rows = connection.execute(QUERY).fetchall()
        except sqlite3.DatabaseError as error:
            raise WrongUse(f"'{store}' is not a record store: {error}") from None
        trials += [row for row in rows if not targets or row[1] in targets]
    if len(trials) < LEAST_TRIALS:
        raise WrongUse(f"{len(trials)} trials of CPU schedules; a fit needs at least {LEAST_TRIALS}")
    return trials


def terms_of(trials, program):
    """The table's costs, and for each trial (cycles in all, cycles due to each cost)."""
    lines = "".join(
        json.dumps({"problem": problem, "target": target, "schedule": schedule, "threads": threads}) + "\n"
        for problem, target, schedule, threads, _ in trials
    )
    try:
        run = subprocess.run([str(program)], input=lines, capture_output=True, text=True)
    except OSError as error:
        raise RuntimeError(f"cannot start '{program}': {error.strerror}; build it, or name it with --program") from None
    if run.returncode != 0:
        raise RuntimeError(run.stderr.strip() or f"'{program}' ended with status {run.returncode}")
    costs, *rest = [json.loads(line) for line in run.stdout.splitlines()]
    totals = numpy.array([line["total"] for line in rest])
    return costs, totals, numpy.array([[line["terms"][name] for name in costs] for line in rest])


def nonnegative_least_squares(a, b):
    """x >= 0 with the least |a x - b|: coordinate descent on the normal equations, which always converges here."""
    scale = numpy.sqrt((a * a).sum(axis=0))
    scale[scale == 0] = 1
    a = a / scale
    gram, target = a.T @ a, a.T @ b
    x = numpy.zeros(a.shape[1])
    for _ in range(100000):
        before = x.copy()
        for i in range(len(x)):
            if gram[i, i] > 0:
                x[i] = max(0.0, x[i] + (target[i] - gram[i] @ x) / gram[i, i])
        if numpy.abs(x - before).max() <= 1e-12 * max(numpy.abs(x).max(), 1e-300):
            break
    return x / scale


def fit(costs, totals, terms, seconds):
    """The fitted costs, and the trials' cycles with them. A cost that no trial has keeps its value."""
    values = numpy.array(list(costs.values()))
    amounts = terms / values
    fixed = totals - terms.sum(axis=1)
    x = nonnegative_least_squares(numpy.column_stack([fixed, amounts]) / seconds[:, None], numpy.ones(len(seconds)))
    if x[0] == 0:
        raise WrongUse("the trials are explained without multiply-adds and memory: too few, or too much alike")
    fitted = numpy.where(amounts.any(axis=0), x[1:] / x[0], values)
    return fitted, fixed + amounts @ fitted


def ranks(values):
    order = numpy.argsort(values, kind="stable")
    result = numpy.empty(len(values))
    result[order] = numpy.arange(len(values))
    return result


def rank_correlation(trials, cycles, seconds):
    """Spearman's, mean over the problems with at least five trials."""
    groups = {}
    for index, trial in enumerate(trials):
        groups.setdefault((trial[0], trial[1], trial[3]), []).append(index)
    each = [
        numpy.corrcoef(ranks(cycles[group]), ranks(seconds[group]))[0, 1] for group in groups.values() if len(group) >= 5
    ]
    return float(numpy.mean(each)) if each else float("nan")


def relative_error(cycles, seconds):
    """Root mean square, with the cycle time that suits best."""
    ratio = cycles / seconds
    return float(numpy.sqrt(numpy.mean((ratio * ratio.sum() / (ratio @ ratio) - 1) ** 2)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stores", nargs="+", type=pathlib.Path, help="record stores that sepconv tune wrote")
    parser.add_argument("--target", action="append", default=[], help="use only trials of this target; may be repeated")
    parser.add_argument("--program", type=pathlib.Path, default=PROGRAM, help="path of the sepconv-cost-terms program")
    options = parser.parse_args()
    try:
        trials = read_trials(options.stores, options.target)
        costs, totals, terms = terms_of(trials, options.program)
        seconds = numpy.array([trial[4] for trial in trials])
        fitted, cycles = fit(costs, totals, terms, seconds)
    except WrongUse as error:
        print(f"fit_cpu_costs.py: {error}", file=sys.stderr)
        return 2
    except RuntimeError as error:
        print(f"fit_cpu_costs.py: {error}", file=sys.stderr)
        return 3
    print(f"{len(trials)} trials of {len({trial[:2] for trial in trials})} problems")
    print(f"{'cost':<18}{'table':>10}{'fitted':>10}")
    for name, table, value in zip(costs, costs.values(), fitted):
        print(f"{name:<18}{table:>10.4g}{value:>10.4g}")
    before, after = relative_error(totals, seconds), relative_error(cycles, seconds)
    print(f"{'relative error':<18}{before:>10.3f}{after:>10.3f}")
    before, after = rank_correlation(trials, totals, seconds), rank_correlation(trials, cycles, seconds)
    print(f"{'rank correlation':<18}{before:>10.3f}{after:>10.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
