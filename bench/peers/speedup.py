"""What more threads gain: each layer's time with one thread over its time with several, beside what the peak gains.

A candidate is timed with one thread among the contenders of the run with several; a library's time with one thread is
that of another run, scaled by the peak of one thread beside the layer in both."""

from results import OVERHEAD, geomean, median

OVER_MS = 0.5  # with one thread; shorter layers are not worth waking a thread for
SHARE = 0.9  # of the peak's gain that a candidate should reach


def _turns(result, key):
    return [gflops for row in result["layers"] if row.get(key) for gflops in row[key]["turns"]]


def _peak_ratio(result, one):
    """Of all turns of the run; of the best bursts where no turns were taken."""
    many, single = _turns(result, "peak"), _turns(result, "one_thread_peak")
    if many and single:
        return median(many) / median(single)
    return result["peak"]["peak_gflops"] / one["peak"]["peak_gflops"] if one else None


def _best_ratio(result, one):
    """Of the best bursts: what the peak gains undisturbed. Other work on the machine lowers the ratio of the turns."""
    single = [row["one_thread_peak"]["best"] for row in result["layers"] if row.get("one_thread_peak")]
    if one:
        single.append(one["peak"]["peak_gflops"])
    return result["peak"]["peak_gflops"] / max(single)


def _own_times(row, before, names):
    """Milliseconds with one thread: of this run, else of the run before."""
    here, before = row.get("one_thread") or {}, before or {"times": {}}
    clock = 1.0  # how much faster a core was in the run before
    if row.get("one_thread_peak") and before.get("peak"):
        clock = before["peak"]["gflops"] / row["one_thread_peak"]["gflops"]
    found = {}
    for name in names:
        if "ms" in here.get(name, {}):
            found[name] = here[name]["ms"]
        elif "ms" in before["times"].get(name, {}):
            found[name] = before["times"][name]["ms"] * clock
    return found


def _layer(row, before, result):
    ones = _own_times(row, before, result["candidates"] + result["peers"])
    times = row["times"]
    found = {
        "name": row["name"],
        "one_thread_ms": ones,
        "ratio": {name: ms / times[name]["ms"] for name, ms in ones.items() if "ms" in times.get(name, {})},
    }
    if row.get("peak") and row.get("one_thread_peak"):
        found["peak_ratio"] = row["peak"]["gflops"] / row["one_thread_peak"]["gflops"]
    return found


def _summary(name, layers, bar):
    ratios = {layer["name"]: layer["ratio"][name] for layer in layers if name in layer["ratio"]}
    if not ratios:
        return None
    worst = min(ratios, key=ratios.get)
    return {
        "layers": len(ratios),
        "geomean": geomean(ratios.values()),
        "met": sum(ratio >= bar for ratio in ratios.values()),
        "worst": ratios[worst],
        "worst_layer": worst,
    }


def speedup(result, one=None):
    """Of a run with several threads; one: the run with one thread, if there is one. None where nothing can be said."""
    peak_ratio = _peak_ratio(result, one)
    if peak_ratio is None:
        return None
    before = {row["name"]: row for row in one["layers"]} if one else {}
    layers = [
        _layer(row, before.get(row["name"]), result) for row in result["layers"] if row.get("group") != OVERHEAD
    ]
    first = result["candidates"][0]
    layers = [layer for layer in layers if first in layer["ratio"] and layer["one_thread_ms"][first] > OVER_MS]
    layers.sort(key=lambda layer: layer["ratio"][first])
    bar = SHARE * peak_ratio
    summaries = {name: _summary(name, layers, bar) for name in result["candidates"] + result["peers"]}
    return {
        "over_ms": OVER_MS,
        "peak_ratio": peak_ratio,
        "best_ratio": _best_ratio(result, one),
        "bar": bar,
        "layers": layers,
        "summary": {name: summary for name, summary in summaries.items() if summary},
    }


def add_speedups(results):
    """Adds "speedup" to each result with several threads."""
    one = next((result for result in results if result["threads"] == 1), None)
    for result in results:
        if result["threads"] > 1:
            result["speedup"] = speedup(result, one)
