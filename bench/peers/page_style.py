"""The style of the page; light or dark as the reader's system is."""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #ffffff; --text: #1a2230; --quiet: #5a6575; --line: #dde1e7; --grid: #dfe3e9;
  --ours: #1f66d6; --peer: #b45f06; --bad: #c0362c; --even: #8fa3bd; --track: #f2f4f7;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1318; --card: #161c24; --text: #e5eaf1; --quiet: #9ba7b6; --line: #2a333e; --grid: #2d3743;
    --ours: #62a4ff; --peer: #f0a442; --bad: #ff7b70; --even: #7189a6; --track: #1b222b;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif; }
main { max-width: 1100px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 18px; margin: 0 0 4px; }
h2.part { font-size: 22px; margin: 34px 0 6px; }
p { margin: 0 0 14px; max-width: 80ch; }
h2.part ~ p.quiet { margin: 0; font-size: 13.5px; max-width: none; overflow-wrap: anywhere; }
.quiet { color: var(--quiet); }
small { color: var(--quiet); font-size: 12px; font-weight: 400; }
code { font: 12.5px/1.45 ui-monospace, Menlo, Consolas, "Liberation Mono", monospace; }
section, .tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
section { padding: 20px; margin-top: 18px; min-width: 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 14px; margin-top: 18px; }
.tile { padding: 14px 18px; }
.tile b { display: block; font-size: 28px; line-height: 1.2; font-weight: 650; font-variant-numeric: tabular-nums; }
.tile span { color: var(--quiet); font-size: 13.5px; overflow-wrap: anywhere; }
ol.bars { list-style: none; margin: 8px 0 0; padding: 0; }
ol.bars li { display: grid; grid-template-columns: minmax(150px, 330px) 1fr 130px; gap: 14px; align-items: center;
  padding: 4px 0; }
ol.bars.tight li { padding: 1px 0; font-size: 13.5px; }
ol.bars .label { overflow-wrap: anywhere; line-height: 1.3; }
ol.bars .label small { display: inline-block; }
ol.bars .track { position: relative; height: 18px; background: var(--track); border-radius: 3px; }
ol.bars.tight .track { height: 14px; }
.track i, .marks i { position: absolute; }
.track .bar { top: 2px; bottom: 2px; border-radius: 2px; background: var(--ours); }
.below .bar { background: var(--bad); }
.even .bar { background: var(--even); }
.track .grid, .track .one { top: 0; bottom: 0; width: 1px; background: var(--grid); }
.track .one { top: -4px; bottom: -4px; background: var(--quiet); }
.track .goal { top: -3px; bottom: -3px; width: 3px; margin-left: -1px; border-radius: 2px; background: var(--text); }
.track .span { top: 50%; height: 2px; margin-top: -1px; background: var(--ours); opacity: 0.55; }
.track .span.below { background: var(--bad); }
.track .dot { top: 50%; width: 10px; height: 10px; margin: -5px 0 0 -5px; border-radius: 50%; background: var(--ours); }
.track .dot.peer { background: var(--card); border: 2px solid var(--peer); }
.axis .marks { position: relative; height: 18px; }
.marks i { transform: translateX(-50%); font: normal 11.5px/18px inherit; font-style: normal; font-size: 11.5px;
  color: var(--quiet); }
ol.bars .value { font-variant-numeric: tabular-nums; font-weight: 600; white-space: nowrap; }
ol.bars .mean { border-top: 1px solid var(--line); margin-top: 6px; padding-top: 9px; font-weight: 650; }
ol.bars li.group { display: block; font-weight: 650; padding: 10px 0 2px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 20px; color: var(--quiet); font-size: 13px; }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 50%; margin-right: 6px;
  background: var(--ours); }
.legend i.peer { background: none; border: 2px solid var(--peer); }
summary { cursor: pointer; font-weight: 650; }
details p { margin-top: 8px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 4px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--quiet); font-weight: 600; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td.best { font-weight: 700; }
footer { margin-top: 26px; color: var(--quiet); font-size: 13px; }
@media (max-width: 640px) {
  main { padding: 18px 12px 40px; }
  section { padding: 14px; }
  ol.bars li, ol.bars.tight li { grid-template-columns: 1fr 120px; gap: 1px 10px; padding: 4px 0; }
  ol.bars .label { grid-column: 1 / 3; }
  ol.bars .axis span:first-child { display: none; }
}
@media print {
  body { background: none; }
  section, .tile, ol.bars li { break-inside: avoid; }
}
"""
