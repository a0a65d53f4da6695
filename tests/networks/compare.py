"""Compares the outputs of a network with the reference, and prints the table of all networks."""

import dataclasses

import numpy as np


@dataclasses.dataclass
class Expected:
    name: str
    values: np.ndarray
    keras_error: float
    limit: float
    deviation: float


@dataclasses.dataclass
class Row:
    """One network of the table. Error, Keras' error and limit are those of the output that is nearest to its limit."""
    network: str
    layers: int
    output: str
    error: float
    keras_error: float
    limit: float
    deviations: tuple
    seconds: float
    missed: list     # the outputs beyond their limits

    @property
    def passed(self):
        return not self.missed


def largest_error(actual, expected):
    """The largest difference; infinite for another shape and for values that are no numbers."""
    actual = np.asarray(actual, "float64")
    if actual.shape != expected.shape or not np.isfinite(actual).all():
        return np.inf
    return float(np.abs(actual - expected).max())


def compare(network, layers, actual, expected, seconds):
    """The row of a network. ACTUAL is a dictionary of arrays, EXPECTED a list."""
    errors = [(largest_error(actual[one.name], one.values), one) for one in expected]
    error, worst = max(errors, key=lambda pair: pair[0] / pair[1].limit)
    deviations = [one.deviation for one in expected]
    missed = [one.name for error, one in errors if not error <= one.limit]
    return Row(network, layers, worst.name, error, worst.keras_error, worst.limit, (min(deviations), max(deviations)),
               seconds, missed)


HEADER = f"{'network':26} {'layers':>6} {'max error':>10} {'Keras':>10} {'limit':>10} {'std of blocks':>14} {'seconds':>8}  output"


def text_of(row):
    verdict = "" if row.passed else f"  FAILED from {row.missed[0]} on, {len(row.missed)} outputs"
    return (f"{row.network:26} {row.layers:6} {row.error:10.2e} {row.keras_error:10.2e} {row.limit:10.2e} "
            f"{row.deviations[0]:6.2f}..{row.deviations[1]:<6.2f} {row.seconds:8.1f}  {row.output}{verdict}")
