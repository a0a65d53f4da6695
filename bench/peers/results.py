"""From the answers of a run to figures: medians over rounds, ratios, shares of the roofline, means by group.

Standard library only. A result is a dict with "layers" (each with "times" by contender and the turns of its "peak"),
"peers", "candidates", "peak" and "suite"; evaluate() adds what follows from the times."""

import math

from suite import Geometry

OVERHEAD = "overhead"  # the group whose time is what a call costs; in no mean
BIG = 256  # channels and filters from here on: layers that should come near the peak
BIG_MEAN, BIG_LEAST = 80, 72  # percent of it that they should reach


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def percentile(values, percent):
    """Between neighbours by their distance."""
    values = sorted(values)
    at = (len(values) - 1) * percent / 100
    low = min(int(at), len(values) - 1)
    high = min(low + 1, len(values) - 1)
    return values[low] + (at - low) * (values[high] - values[low])


def geomean(values):
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values))


def bandwidth(copy, size):
    """GB/s of copies that touch `size` bytes: between the measured sizes by their logarithms."""
    kib = size / 1024
    if kib <= copy[0][0]:
        return copy[0][1]
    for (low, slow), (high, fast) in zip(copy, copy[1:]):
        if kib <= high:
            share = math.log(kib / low) / math.log(high / low)
            return slow + share * (fast - slow)
    return copy[-1][1]


def best_peak(one, other):
    """Of two measurements in one run."""
    copy = [[kib, max(a, b)] for (kib, a), (_, b) in zip(one["copy"], other["copy"])]
    return dict(one, peak_gflops=max(one["peak_gflops"], other["peak_gflops"]), copy=copy)


def combine_rounds(answers):
    """One contender's answers for a layer, a round each -> its figure: the median of the rounds' medians."""
    good = [answer for answer in answers if "error" not in answer]
    if not good:
        return {"error": answers[0]["error"]}
    times = [answer["ms_median"] for answer in good]
    figure = {
        "ms": median(times),
        "ms_min": min(answer.get("ms_min", answer["ms_median"]) for answer in good),
        "rounds": times,
        "spread": (max(times) - min(times)) / median(times),
        "variant": good[-1].get("variant", ""),
        "note": good[-1].get("note", ""),
    }
    strict = [a.get("ms_median_strict", a["ms_median"] if a.get("strict", True) else None) for a in good]
    strict = [ms for ms in strict if ms is not None]
    if strict:
        figure["ms_strict"] = median(strict)
        figure["variant_strict"] = good[-1].get("variant_strict", figure["variant"])
    return figure


def combine_turns(answers):
    """The peak's answers beside a layer, a round each -> {"gflops": the median, "best": a burst, "turns"}; or None."""
    good = [answer for answer in answers if "error" not in answer]
    if not good:
        return None
    turns = [answer["gflops_median"] for answer in good]
    return {"gflops": median(turns), "best": max(answer["gflops_best"] for answer in good), "turns": turns}


def _evaluate_peak(result):
    """Adds the range of all turns to "peak"; "peak_gflops" becomes the best burst of the run."""
    beside = [row["peak"] for row in result["layers"] if row.get("peak")]
    turns = [gflops for one in beside for gflops in one["turns"]]
    if turns:
        best = max([result["peak"]["peak_gflops"], *(one["best"] for one in beside)])
        result["peak"] = {
            **result["peak"],
            "peak_gflops": best,
            "gflops_median": median(turns),
            "gflops_low": percentile(turns, 5),
            "gflops_high": percentile(turns, 95),
            "turns": len(turns),
        }


def layer_peak(row, result):
    """GFLOP/s of multiply-adds beside this layer; of the whole run where no turns were taken."""
    if row.get("peak"):
        return row["peak"]["gflops"]
    return result["peak"].get("gflops_median", result["peak"]["peak_gflops"])


def _fastest(times, names, key):
    found = {name: times[name][key] for name in names if key in times.get(name, {})}
    return min(found, key=found.get, default=None)


def _evaluate_layer(row, layer, result):
    geometry, peak = Geometry(layer), result["peak"]
    row["group"], row["flops"], row["bytes"] = layer["group"], geometry.flops(), geometry.bytes()
    gflops = layer_peak(row, result)
    compute = row["flops"] / gflops * 1e-6
    memory = row["bytes"] / bandwidth(peak["copy"], row["bytes"]) * 1e-6
    row["roofline_ms"], row["bound"] = max(compute, memory), "compute" if compute >= memory else "memory"
    times = row["times"]
    for figure in times.values():
        if "ms" in figure:
            figure["gflops"] = row["flops"] / figure["ms"] * 1e-6
            figure["pct_peak"] = 100 * figure["gflops"] / gflops
            figure["pct_best_burst"] = 100 * figure["gflops"] / peak["peak_gflops"]
            figure["pct_roofline"] = 100 * row["roofline_ms"] / figure["ms"]
    # A channels_first layer is judged in its own format; elsewhere a peer may take whichever it likes.
    row["judged"] = "ms" if geometry.channels_last else "ms_strict"
    row["best_peer"] = _fastest(times, result["peers"], row["judged"])
    row["ratio"] = {}
    if row["best_peer"]:
        row["best_ms"] = times[row["best_peer"]][row["judged"]]
        row["best_pct_peak"] = 100 * compute / row["best_ms"]
        row["best_pct_roofline"] = 100 * row["roofline_ms"] / row["best_ms"]
        row["ratio"] = {
            name: row["best_ms"] / times[name][row["judged"]]
            for name in result["candidates"]
            if row["judged"] in times.get(name, {})
        }


def _summary(rows, result, bar):
    judged = [row for row in rows if row.get("best_peer")]
    summary = {"layers": len(rows), "bar": bar, "candidates": {}}
    if judged:
        summary["best_peer_wins"] = {
            name: sum(row["best_peer"] == name for row in judged)
            for name in result["peers"]
            if any(row["best_peer"] == name for row in judged)
        }
        summary["best_peer_pct_peak"] = geomean(row["best_pct_peak"] for row in judged)
    for name in result["candidates"]:
        ratios = {row["name"]: row["ratio"][name] for row in judged if name in row["ratio"]}
        if not ratios:
            continue
        worst = min(ratios, key=ratios.get)
        mine = [row["times"][name]["pct_peak"] for row in judged if name in row["ratio"]]
        summary["candidates"][name] = {
            "geomean": geomean(ratios.values()),
            "worst": ratios[worst],
            "worst_layer": worst,
            "faster": sum(ratio > 1 for ratio in ratios.values()),
            "layers": len(ratios),
            "missing": len(judged) - len(ratios),
            "pct_peak": geomean(mine),
        }
    return summary


def _big(result, candidate, layers):
    """The candidate's layers with BIG channels and filters, against the peak beside them and the run's best burst."""
    rows = [
        (row["name"], row["times"][candidate])
        for row in result["layers"]
        if layers[row["name"]]["C"] >= BIG
        and (layers[row["name"]]["F"] or 0) >= BIG
        and "ms" in row["times"].get(candidate, {})
    ]
    if not rows:
        return None
    found = {"layers": len(rows)}
    for key in ("pct_peak", "pct_best_burst"):
        name, least = min(rows, key=lambda row: row[1][key])
        found[key] = {"geomean": geomean(figure[key] for _, figure in rows), "worst": least[key], "worst_layer": name}
    found["below"] = sorted((figure["pct_peak"], name) for name, figure in rows if figure["pct_peak"] < BIG_LEAST)
    return found


def evaluate(result):
    """Adds to each layer what follows from its times, and "summary" by group and for all, and "big".

    A ratio is the best peer's time / the candidate's: over 1 the candidate is faster. Returns the result."""
    suite = result["suite"]
    layers = {layer["name"]: layer for layer in suite["layers"]}
    bars = suite.get("bars", {})
    _evaluate_peak(result)
    for row in result["layers"]:
        _evaluate_layer(row, layers[row["name"]], result)
    result["big"] = {name: _big(result, name, layers) for name in result["candidates"]}
    result["summary"] = {}
    for group in suite["groups"]:
        rows = [row for row in result["layers"] if row["group"] == group]
        if rows and group != OVERHEAD:
            result["summary"][group] = _summary(rows, result, bars.get("groups", {}).get(group))
    rows = [row for row in result["layers"] if row["group"] != OVERHEAD]
    if rows:
        result["summary"]["all"] = _summary(rows, result, bars.get("all"))
    return result


def misses(result, candidate):
    """[(layer, ratio)] below the bar of single layers, the worst first."""
    bar = result["suite"].get("bars", {}).get("layer", 1.0)
    found = [
        (row["name"], row["ratio"][candidate])
        for row in result["layers"]
        if row["group"] != OVERHEAD and row["ratio"].get(candidate, bar) < bar
    ]
    return sorted(found, key=lambda item: item[1])
