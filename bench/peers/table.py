"""A result as text: a line a layer, then a line a group, then the misses."""

from results import misses


def _cell(figure, width):
    if figure is None:
        return f"{'':>{width}}"
    return f"{figure['ms']:>{width}.4g}" if "ms" in figure else f"{'-':>{width}}"


def head_lines(result):
    peak = result["peak"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    held = f", held to {result['held_to']} where a library allows it" if result["held_to"] else ""
    return [
        f"{result['cpu']['model']}, {result['threads']} thread(s) on core(s) {result['cores']}, {result['date']}{held}",
        f"FMA peak {peak['peak_gflops']:.1f} GFLOP/s ({peak['isa']}); load before and after "
        f"{result['load'][0]:.2f}, {result['load'][1]:.2f}",
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
        below = misses(result, name)
        bar = result["suite"].get("bars", {}).get("layer", 1.0)
        lines.append(f"{len(below)} layers below {bar:g}" + (":" if below else ""))
        lines += [f"  {ratio:.2f}  {layer}" for layer, ratio in below]
    return lines


def error_lines(result):
    return [
        f"no result: {row['name']}, {name}: {figure['error']}"
        for row in result["layers"]
        for name, figure in row["times"].items()
        if "error" in figure
    ]


def text(result):
    explained = "ms a call; ratio: the best peer's time / the candidate's, over 1 the candidate is faster"
    parts = [head_lines(result), [explained], layer_lines(result), group_lines(result), error_lines(result)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"
