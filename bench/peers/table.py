"""A result as text: a line a layer, then a line a group, the big layers and the misses, then what more threads gain."""

from results import BIG, BIG_LEAST, BIG_MEAN, misses


def _cell(figure, width):
    if figure is None:
        return f"{'':>{width}}"
    return f"{figure['ms']:>{width}.4g}" if "ms" in figure else f"{'-':>{width}}"


def peak_line(result):
    peak = result["peak"]
    if "turns" not in peak:
        return f"FMA peak {peak['peak_gflops']:.1f} GFLOP/s, the best burst ({peak['isa']})"
    return (
        f"FMA peak {peak['gflops_median']:.1f} GFLOP/s, the median of {peak['turns']} turns between the others' "
        f"(5th to 95th percentile {peak['gflops_low']:.1f} to {peak['gflops_high']:.1f}); the best burst "
        f"{peak['peak_gflops']:.1f} ({peak['isa']})"
    )


def head_lines(result):
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    held = f", held to {result['held_to']} where a library allows it" if result["held_to"] else ""
    return [
        f"{result['cpu']['model']}, {result['threads']} thread(s) on core(s) {result['cores']}, {result['date']}{held}",
        f"{peak_line(result)}; load before and after {result['load'][0]:.2f}, {result['load'][1]:.2f}",
        f"versions: {versions}",
    ]


def layer_lines(result):
    names = result["candidates"] + result["peers"]
    wide = max([len("layer")] + [len(row["name"]) for row in result["layers"]])
    head = f"{'layer':<{wide}}" + "".join(f"{name[:11]:>12}" for name in names)
    head += "".join(f"{'ratio':>8}{'%peak':>7}{'%roof':>7}" for _ in result["candidates"])
    lines, group = [head + "  best peer"], None
    for row in result["layers"]:
        if row["group"] != group:
            group = row["group"]
            lines.append(f"-- {group}")
        line = f"{row['name']:<{wide}}" + "".join(_cell(row["times"].get(name), 12) for name in names)
        for name in result["candidates"]:
            figure = row["times"].get(name, {})
            ratio = row["ratio"].get(name)
            line += f"{ratio:>8.2f}" if ratio else f"{'-':>8}"
            line += f"{figure['pct_peak']:>7.1f}{figure['pct_roofline']:>7.1f}" if "ms" in figure else f"{'':>14}"
        best = row["best_peer"] or "-"
        lines.append(line + f"  {best}" + (" (same format)" if row["judged"] == "ms_strict" else ""))
    return lines


def big_lines(result, name):
    """The layers that should come near the peak: of that beside them, and of the run's best burst.

    The bars are one thread's."""
    big = result["big"][name]
    if big is None:
        return []
    one = result["threads"] == 1
    mean_bar, least_bar = (f" (bar {BIG_MEAN})", f" (bar {BIG_LEAST})") if one else ("", "")
    beside, best = big["pct_peak"], big["pct_best_burst"]
    lines = [
        f"{big['layers']} layers with C and F from {BIG} up:",
        f"  {beside['geomean']:.1f}% of the peak beside them, geometric mean{mean_bar}, "
        f"the lowest {beside['worst']:.1f}% {beside['worst_layer']}{least_bar}",
        f"  {best['geomean']:.1f}% of the run's best burst, the lowest {best['worst']:.1f}% {best['worst_layer']}",
    ]
    return lines + [f"  below {BIG_LEAST}%: {percent:.1f}%  {layer}" for percent, layer in big["below"] if one]


def group_lines(result):
    lines = []
    for name in result["candidates"]:
        head = f"{name:<16}{'layers':>7}{'geomean':>9}{'bar':>6}{'faster':>8}{'%peak':>7}{'peer %':>8}  worst"
        lines += [head] if not lines else ["", head]
        for group, summary in result["summary"].items():
            mine = summary["candidates"].get(name)
            if mine is None:
                lines.append(f"{group:<16}{summary['layers']:>7}  no result")
                continue
            bar = f"{summary['bar']:.2f}" if summary["bar"] else "-"
            missing = f", {mine['missing']} without a result" if mine["missing"] else ""
            lines.append(
                f"{group:<16}{mine['layers']:>7}{mine['geomean']:>9.3f}{bar:>6}{mine['faster']:>8}"
                f"{mine['pct_peak']:>7.1f}{summary['best_peer_pct_peak']:>8.1f}"
                f"  {mine['worst']:.2f} {mine['worst_layer']}{missing}"
            )
        lines += big_lines(result, name)
        below = misses(result, name)
        bar = result["suite"].get("bars", {}).get("layer", 1.0)
        lines.append(f"{len(below)} layers below {bar:g}" + (":" if below else ""))
        lines += [f"  {ratio:.2f}  {layer}" for layer, ratio in below]
    return lines


def speedup_lines(result):
    """A line a layer, the least gain first, then a line for each contender."""
    found = result.get("speedup")
    if not found:
        return []
    threads, bar, first = result["threads"], found["bar"], result["candidates"][0]
    lines = [
        f"{threads} threads over one, layers over {found['over_ms']:g} ms with one; the peak's ratio in this run "
        f"{found['peak_ratio']:.2f} ({found['best_ratio']:.2f} of the best bursts), the bar {bar:.2f}"
    ]
    if not found["layers"]:
        return [*lines, "no such layer"]
    names = [name for name in result["candidates"] + result["peers"] if name in found["summary"]]
    wide = max(len("geometric mean"), *(len(layer["name"]) for layer in found["layers"]))
    lines.append(f"{'layer':<{wide}}{'ms':>9}{'peak':>7}" + "".join(f"{name[:11]:>12}" for name in names))
    for layer in found["layers"]:
        line = f"{layer['name']:<{wide}}{layer['one_thread_ms'][first]:>9.4g}"
        line += f"{layer['peak_ratio']:>7.2f}" if "peak_ratio" in layer else f"{'-':>7}"
        line += "".join(f"{layer['ratio'][name]:>12.2f}" if name in layer["ratio"] else f"{'-':>12}" for name in names)
        lines.append(line + ("  below" if layer["ratio"][first] < bar else ""))
    summary = found["summary"]
    lines.append(f"{'geometric mean':<{wide}}{'':>16}" + "".join(f"{summary[n]['geomean']:>12.2f}" for n in names))
    reached = [f"{summary[n]['met']} of {summary[n]['layers']}" for n in names]
    lines.append(f"{'at the bar':<{wide}}{'':>16}" + "".join(f"{text:>12}" for text in reached))
    return lines


def error_lines(result):
    return [
        f"no result: {row['name']}, {name}: {figure['error']}"
        for row in result["layers"]
        for name, figure in row["times"].items()
        if "error" in figure
    ]


def text(result):
    explained = (
        "ms a call; ratio: the best peer's time / the candidate's, over 1 the candidate is faster; "
        "%peak: of the FMA peak beside the layer"
    )
    parts = [head_lines(result), [explained], layer_lines(result), group_lines(result), speedup_lines(result)]
    parts.append(error_lines(result))
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"
