"""The result of bench_networks.py as Markdown: a row for each network, then means, losses and what failed."""

from results import geomean, median

BAR = 0.97  # a ratio below it is a loss
WHOLE_DELEGATE = "XNNPACK, 1 part(s)"  # what network_adaptor.py notes for most networks


def figures_of(answers):
    """One contender's answers for a network, a round each -> {"us", "spread", "rounds"} or {"error"}."""
    good = [answer["ms_median"] * 1e3 for answer in answers if "ms_median" in answer]
    if not good:
        return {"error": next((answer["error"] for answer in answers if "error" in answer), "no answer")}
    return {"us": median(good), "spread": (max(good) - min(good)) / median(good), "rounds": len(good)}


def evaluate(row):
    """Adds "us", "best", "ratio" and, from the peak of the same rounds, "percent_of_peak" to a row."""
    row["figures"] = {name: figures_of(answers) for name, answers in row["answers"].items()}
    timed = {name: figure["us"] for name, figure in row["figures"].items() if "us" in figure}
    mine = timed.pop("sepconv", None)
    peaks = [answer["gflops"] for answer in row["peak"] if "gflops" in answer]
    row["peak_gflops"] = median(peaks) if peaks else None
    row["best"] = min(timed, key=timed.get) if timed else None
    row["ratio"] = timed[row["best"]] / mine if mine and timed else None
    if mine and peaks:
        row["gflops"] = row["flops"] / mine * 1e-3
        row["percent_of_peak"] = 100 * row["gflops"] / (row["peak_gflops"] * row["threads"])
    return row


def number(us):
    return f"{us:.1f}" if us < 1000 else f"{us:.0f}"


def table_lines(rows, contenders):
    head = ["Network", *contenders, "Best peer", "Ratio", "FMA peak"]
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " --- |" * (len(head) - 1)]
    for row in rows:
        figures = [row["figures"].get(name, {}) for name in contenders]
        cells = [number(figure["us"]) if "us" in figure else "-" for figure in figures]
        ratio = row["ratio"]
        text = "-" if ratio is None else f"{ratio:.2f}" if ratio >= BAR else f"**{ratio:.2f}**"
        share = f"{row['percent_of_peak']:.0f}%" if "percent_of_peak" in row else "-"
        lines.append("| " + " | ".join([row["name"], *cells, row["best"] or "-", text, share]) + " |")
    return lines


def summary_lines(rows, contenders):
    judged = [row for row in rows if row["ratio"]]
    if not judged:
        return ["No network has a ratio."]
    below = sorted((row for row in judged if row["ratio"] < BAR), key=lambda row: row["ratio"])
    names = ", ".join(f"{row['name']} {row['ratio']:.2f}" for row in below)
    lines = [
        f"Geometric mean of the ratios: {geomean(row['ratio'] for row in judged):.2f} over {len(judged)} networks.",
        f"Networks below {BAR}: {len(below)}" + (f" ({names})." if below else "."),
    ]
    for name in contenders[1:]:
        pairs = [row["figures"][name]["us"] / row["figures"]["sepconv"]["us"] for row in judged
                 if "us" in row["figures"].get(name, {})]
        if pairs:
            slower = sum(pair < 1 for pair in pairs)
            lines.append(f"Against {name} alone: {geomean(pairs):.2f} over {len(pairs)} networks, "
                         f"of which {name} is faster in {slower}.")
    return ["- " + line for line in lines]


def failure_lines(rows):
    lines = [f"- {row['name']}, {name}: {' '.join(figure['error'].split())[:200]}"
             for row in rows for name, figure in row["figures"].items() if "error" in figure]
    return lines or ["None."]


def note_lines(rows):
    """Where a delegate did not take the whole network."""
    lines = [f"- {row['name']}, {name}: {note}" for row in rows for name, note in row["notes"].items()
             if note != WHOLE_DELEGATE]
    return lines or ["None."]


def error_lines(rows):
    """The largest error of each contender, as a share of the largest value that Keras computes."""
    worst = {}
    for row in rows:
        for name, error in row["errors"].items():
            worst[name] = max(worst.get(name, (0, "")), (error, row["name"]))
    return [f"- {name}: {error:.1e} ({network})" for name, (error, network) in worst.items()]


def markdown(result):
    rows, contenders = result["rows"], result["contenders"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    spread = max((row["figures"]["sepconv"].get("spread", 0) for row in rows), default=0)
    parts = [
        [f"Times are microseconds of one call, the median of {result['rounds']} rounds' medians. The ratio is the best "
         "peer's time divided by sepconv's. Ratios below 0.97 are bold. The last column is sepconv's share of the FMA "
         "peak that was measured in the same rounds; only the operations of its steps count."],
        [f"- CPU: {result['cpu']['model']} ({', '.join(result['cpu']['isa'])}), {result['cpu']['cores']} cores, "
         f"{result['threads']} thread(s) on core(s) {result['cores']}, {result['date']}",
         f"- load before and after: {result['load'][0]:.2f}, {result['load'][1]:.2f}",
         f"- FMA peak: {result['peak_gflops']:.0f} GFLOP/s, the median of all rounds",
         f"- versions: {versions}",
         f"- largest spread of sepconv's rounds, (slowest - fastest) / median: {100 * spread:.0f}%"],
        table_lines(rows, contenders),
        summary_lines(rows, contenders),
        ["Left out because they did not convert, run or agree with Keras:", "", *failure_lines(rows)],
        ["Networks that LiteRT's XNNPACK delegate did not take as one part:", "", *note_lines(rows)],
        ["Largest difference to Keras, divided by Keras' largest value:", "", *error_lines(rows)],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"
