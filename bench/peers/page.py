"""Results as one HTML page without outside parts: ratios by layer and by group, shares of the roofline, all times."""

import html
import math

from page_style import STYLE
from results import OVERHEAD, misses
from table import head_lines

RATIO_TICKS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32)
NEAR_TICKS = (0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.5, 2, 2.5, 3)  # where the whole axis is short


def _escape(value):
    return html.escape(str(value))


def _percent(value):
    return f"{value:.2f}%"


def _row(label, track, value, style=""):
    """A line of a chart."""
    return (
        f'<li class="{style}"><span class="label">{label}</span><span class="track">{track}</span>'
        f'<span class="value">{value}</span></li>'
    )


def _axis(marks):
    """marks: [(position in percent, text)]"""
    shown = "".join(f'<i style="left:{_percent(position)}">{text}</i>' for position, text in marks)
    return f'<li class="axis"><span></span><span class="marks">{shown}</span><span></span></li>'


def _grid(lines):
    """lines: [(position in percent, whether it is the one that matters)]"""
    return "".join(f'<i class="{"one" if one else "grid"}" style="left:{_percent(at)}"></i>' for at, one in lines)


class _RatioScale:
    """Positions of ratios on a logarithmic axis, in percent of its width."""

    def __init__(self, ratios):
        self.low, self.high = min([0.8, *ratios]) / 1.05, max([1.6, *ratios]) * 1.05

    def at(self, ratio):
        return 100 * math.log(ratio / self.low) / math.log(self.high / self.low)

    def ticks(self):
        ticks = NEAR_TICKS if self.high < 6 * self.low else RATIO_TICKS
        return [tick for tick in ticks if self.low <= tick <= self.high]

    def bar(self, ratio):
        """From 1 to the ratio."""
        start, end = sorted((self.at(1), self.at(ratio)))
        return f"left:{_percent(start)};width:{_percent(max(end - start, 0.15))}"

    def axis(self):
        return _axis([(self.at(tick), f"{tick:g}") for tick in self.ticks()])

    def grid(self):
        return _grid([(self.at(tick), tick == 1) for tick in self.ticks()])


def _grade(ratio, bar):
    return "below" if ratio < bar else "even" if ratio < 1 else "above"


def _tiles(result, name):
    summary = result["summary"]["all"]
    mine = summary["candidates"][name]
    below = len(misses(result, name))
    bar = result["suite"].get("bars", {}).get("layer", 1.0)
    tiles = [
        (f"{mine['geomean']:.2f}×", "as fast as the best library, geometric mean over the layers"),
        (f"{mine['faster']} of {mine['layers']}", "layers faster than every library"),
        (f"{below}", f"layers below {bar:g}× of the best library"),
        (f"{mine['worst']:.2f}×", f"the worst: {mine['worst_layer']}"),
        (
            f"{mine['pct_peak']:.0f}%",
            "of the FMA peak beside each layer, geometric mean; "
            f"the best library: {summary['best_peer_pct_peak']:.0f}%",
        ),
    ]
    cells = "".join(f'<div class="tile"><b>{_escape(b)}</b><span>{_escape(s)}</span></div>' for b, s in tiles)
    return f'<div class="tiles">{cells}</div>'


def _groups(result, name):
    rows = [(group, summary) for group, summary in result["summary"].items() if name in summary["candidates"]]
    ratios = [summary["candidates"][name]["geomean"] for _, summary in rows]
    scale = _RatioScale(ratios + [summary["bar"] for _, summary in rows if summary["bar"]])
    items = []
    for group, summary in rows:
        mine, bar = summary["candidates"][name], summary["bar"]
        label = (
            f"{_escape(group)} <small>{mine['layers']} layers, {mine['pct_peak']:.0f}% of peak; "
            f"best library {summary['best_peer_pct_peak']:.0f}%</small>"
        )
        track = f'{scale.grid()}<i class="bar" style="{scale.bar(mine["geomean"])}"></i>'
        value = f"{mine['geomean']:.2f}×"
        if bar:
            track += f'<i class="goal" style="left:{_percent(scale.at(bar))}"></i>'
            value += f" <small>of {bar:.2f}</small>"
        style = _grade(mine["geomean"], bar or 1) + (" mean" if group == "all" else "")
        items.append(_row(label, track, value, style))
    return (
        "<section><h2>By group</h2><p class='quiet'>Geometric means of the best library's time over sepconv's. Over 1, "
        "sepconv is faster; the upright mark is the bar that sepconv sets itself, and a mean below it is red.</p>"
        f'<ol class="bars">{scale.axis()}{"".join(items)}</ol></section>'
    )


def _layers(result, name):
    bar = result["suite"].get("bars", {}).get("layer", 1.0)
    rows = [row for row in result["layers"] if name in row["ratio"] and row["group"] != OVERHEAD]
    rows.sort(key=lambda row: -row["ratio"][name])
    scale = _RatioScale([row["ratio"][name] for row in rows])
    items = "".join(
        _row(
            _escape(row["name"]),
            f'{scale.grid()}<i class="bar" style="{scale.bar(row["ratio"][name])}"></i>',
            f"{row['ratio'][name]:.2f}× <small>{_escape(row['best_peer'])}</small>",
            _grade(row["ratio"][name], bar),
        )
        for row in rows
    )
    return (
        "<section><h2>Layer by layer</h2><p class='quiet'>The best library's time over sepconv's, and which it is; "
        f"sorted. Red is below {bar:g}.</p><ol class='bars tight'>{scale.axis()}{items}</ol></section>"
    )


def _roofline(result, name):
    rows = [row for row in result["layers"] if "ms" in row["times"].get(name, {}) and row["group"] != OVERHEAD]
    best = {row["name"]: row["best_pct_roofline"] for row in rows if row["best_peer"]}
    most = max([100, *(row["times"][name]["pct_roofline"] for row in rows), *best.values()])
    step = 20 if most <= 160 else 50
    top = step * math.ceil(most / step)
    ticks = range(0, top + 1, step)
    scale = 100 / top
    axis = _axis([(scale * tick, f"{tick}%") for tick in ticks])
    grid = _grid([(scale * tick, tick == 100) for tick in ticks])
    items, group = [], None
    for row in rows:
        if row["group"] != group:
            group = row["group"]
            items.append(f'<li class="group">{_escape(group)}</li>')
        mine, peer = row["times"][name]["pct_roofline"], best.get(row["name"])
        track, value = grid, f"{mine:.0f}%"
        if peer is not None:
            low, wide = min(mine, peer), abs(mine - peer)
            side = "above" if mine >= peer else "below"
            track += f'<i class="span {side}" style="left:{_percent(scale * low)};width:{_percent(scale * wide)}"></i>'
            track += f'<i class="dot peer" style="left:{_percent(scale * peer)}"></i>'
            value += f" <small>{peer:.0f}%</small>"
        track += f'<i class="dot" style="left:{_percent(scale * mine)}"></i>'
        items.append(_row(f"{_escape(row['name'])} <small>{row['bound']}</small>", track, value))
    return (
        "<section><h2>Percent of the roofline</h2><p class='quiet'>100% is the longer of operations at the FMA peak, "
        "measured beside the layer, and least bytes at the speed of a plain copy of as many. In caches such a copy is "
        "no hard limit: more than 100% is possible.</p><p class='legend'><span><i></i>sepconv</span>"
        "<span><i class='peer'></i>the best library</span></p>"
        f"<ol class='bars tight'>{axis}{''.join(items)}</ol></section>"
    )


def _speedup(result, name):
    found = result.get("speedup")
    if not found or not found["layers"]:
        return ""
    most = max(ratio for layer in found["layers"] for ratio in layer["ratio"].values())
    top = max(result["threads"], math.ceil(2 * most) / 2)
    scale = 100 / top
    ticks = [step / 2 for step in range(int(2 * top) + 1)] if top <= 4 else range(0, math.ceil(top))
    axis = _axis([(scale * tick, f"{tick:g}") for tick in ticks])
    grid = _grid([(scale * tick, tick == 1) for tick in ticks])
    goal = f'<i class="goal" style="left:{_percent(scale * found["bar"])}"></i>'
    items = []
    for layer in found["layers"]:
        mine = layer["ratio"][name]
        track = f'{grid}<i class="bar" style="left:0%;width:{_percent(scale * mine)}"></i>{goal}'
        others = [(peer, layer["ratio"][peer]) for peer in result["peers"] if peer in layer["ratio"]]
        for peer, ratio in others:
            title = _escape(f"{peer} {ratio:.2f}")
            track += f'<i class="dot peer" style="left:{_percent(scale * ratio)}" title="{title}"></i>'
        ms = f"{layer['one_thread_ms'][name]:.3g} ms"
        style = "below" if mine < found["bar"] else "above"
        items.append(_row(f"{_escape(layer['name'])} <small>{ms}</small>", track, f"{mine:.2f}×", style))
    mine = found["summary"][name]
    means = ", ".join(
        f"{_escape(peer)} {found['summary'][peer]['geomean']:.2f}"
        for peer in result["peers"]
        if peer in found["summary"]
    )
    return (
        f"<section><h2>{result['threads']} threads over one</h2><p class='quiet'>One thread's time over that of "
        f"{result['threads']}, layers over {found['over_ms']:g} ms. The FMA peak's own ratio in this run is "
        f"{found['peak_ratio']:.2f} ({found['best_ratio']:.2f} of the best bursts); the upright mark is the bar, "
        f"{found['bar']:.2f}, which {mine['met']} of {mine['layers']} layers reach; "
        f"geometric mean {mine['geomean']:.2f}"
        f"{'; the libraries: ' + means if means else ''}.</p><p class='legend'><span><i></i>sepconv</span>"
        f"<span><i class='peer'></i>a library</span></p><ol class='bars tight'>{axis}{''.join(items)}</ol></section>"
    )


def _times(result):
    names = result["candidates"] + result["peers"]
    head = "".join(f"<th>{_escape(name)}</th>" for name in names)
    body = []
    for row in result["layers"]:
        cells = []
        for name in names:
            figure = row["times"].get(name, {})
            if "ms" not in figure:
                cells.append(f'<td title="{_escape(figure.get("error", ""))}">–</td>')
                continue
            mark = ' class="best"' if name == row["best_peer"] else ""
            title = (
                f"{figure['variant']}; {figure['note']}; {len(figure['rounds'])} rounds, spread {figure['spread']:.0%}"
            )
            cells.append(f'<td{mark} title="{_escape(title)}">{figure["ms"]:.4g}</td>')
        body.append(f"<tr><td>{_escape(row['name'])}</td>{''.join(cells)}</tr>")
    return (
        "<section><details><summary>All times</summary><p class='quiet'>Milliseconds a call: the median over rounds of "
        "each round's median, in the layout that the library is fastest in. Bold: the one that sepconv is judged by; "
        "for channels_first layers that is the fastest one which keeps the format, whose time can be another than the "
        "one shown. A library three times slower than the best is timed in one round only. Hover for variants.</p>"
        f"<div class='wide'><table><tr><th>layer</th>{head}</tr>{''.join(body)}</table></div></details></section>"
    )


def _part(result, name):
    threads = "One thread" if result["threads"] == 1 else f"{result['threads']} threads"
    parts = [f"<h2 class='part'>{threads}</h2>"]
    parts += [f"<p class='quiet'>{_escape(line)}</p>" for line in head_lines(result)]
    if name not in result["summary"].get("all", {}).get("candidates", {}):
        return (
            "".join(parts) + "<section><p>No layer was timed both here and in a library.</p></section>" + _times(result)
        )
    parts += [
        _tiles(result, name),
        _groups(result, name),
        _layers(result, name),
        _roofline(result, name),
        _speedup(result, name),
        _times(result),
    ]
    return "".join(parts)


def page(results, name="sepconv"):
    """results: those of one run, one for each number of threads."""
    body = "".join(_part(result, name) for result in results)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>sepconv and its peers</title><style>{STYLE}</style></head><body><main>"
        "<h1>sepconv and its peers</h1><p>Depthwise-separable layers of real networks, float32: each one's time against "
        f"the fastest of the libraries that one would use instead.</p>{body}"
        "<footer>Made by <code>make bench-peers</code>; bench/peers/README.md tells how it measures.</footer>"
        "</main></body></html>\n"
    )
