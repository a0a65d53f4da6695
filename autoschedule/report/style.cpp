#include "autoschedule/report/style.h"

namespace sepconv::autoschedule::report {

const char* const kStyle = R"(
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #ffffff; --text: #1a2230; --quiet: #5a6575; --line: #dde1e7; --grid: #e9ecf0;
  --ours: #1f66d6; --halide: #b45f06; --bad: #c0362c; --good: #14804a; --dot: #8fa3bd; --track: #eef1f5;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1318; --card: #161c24; --text: #e5eaf1; --quiet: #9ba7b6; --line: #2a333e; --grid: #232b35;
    --ours: #62a4ff; --halide: #f0a442; --bad: #ff7b70; --good: #4cc38a; --dot: #7189a6; --track: #202934;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif; }
main { max-width: 1100px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 18px; margin: 0 0 4px; }
h3 { font-size: 15px; margin: 0; }
p { margin: 0 0 14px; max-width: 75ch; }
p.quiet, .quiet { color: var(--quiet); }
small { color: var(--quiet); font-size: 12.5px; }
code, .code { font: 12.5px/1.45 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace;
  overflow-wrap: anywhere; }
section, .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 20px;
  margin-top: 18px; min-width: 0; }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; margin: 16px 0 0; }
dl.facts dt { color: var(--quiet); }
dl.facts dd { margin: 0; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 14px; margin-top: 18px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 18px; }
.tile b { display: block; font-size: 28px; line-height: 1.2; font-weight: 650; font-variant-numeric: tabular-nums; }
.tile span { color: var(--quiet); font-size: 13.5px; }
ol.bars { list-style: none; margin: 14px 0 0; padding: 0; }
ol.bars li { display: grid; grid-template-columns: minmax(150px, 330px) 1fr 64px; gap: 14px; align-items: center;
  padding: 3px 0; }
ol.bars .label { overflow-wrap: anywhere; line-height: 1.3; }
ol.bars .track { position: relative; height: 16px; background: var(--track); border-radius: 3px; }
ol.bars .bar { position: absolute; inset: 0 auto 0 0; background: var(--ours); border-radius: 3px; }
ol.bars.halide .bar { background: var(--halide); }
ol.bars .below .bar { background: var(--bad); }
ol.bars .reference { position: absolute; top: -3px; bottom: -3px; width: 2px; margin-left: -1px; background: var(--text);
  opacity: 0.55; }
ol.bars .value { text-align: right; font-variant-numeric: tabular-nums; font-weight: 600; white-space: nowrap; }
ol.bars .mean { border-top: 1px solid var(--line); margin-top: 6px; padding-top: 9px; font-weight: 650; }
svg { display: block; width: 100%; height: auto; font-family: inherit; }
svg text { fill: var(--text); }
svg .tick { font-size: 11px; fill: var(--quiet); }
svg .axis { font-size: 12.5px; fill: var(--quiet); }
svg .grid { stroke: var(--grid); stroke-width: 1; }
svg .one { stroke: var(--quiet); stroke-width: 1; stroke-dasharray: 3 3; }
.curves { display: grid; align-items: end; grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); gap: 18px 16px; margin-top: 14px; }
figure { margin: 0; min-width: 0; }
figcaption { display: flex; justify-content: space-between; gap: 10px; font-size: 13px; line-height: 1.3;
  margin-bottom: 2px; }
figcaption span { overflow-wrap: anywhere; }
figcaption .value { white-space: nowrap; overflow-wrap: normal; align-self: end; font-weight: 650; font-variant-numeric: tabular-nums; color: var(--ours); }
svg .dots, svg .failed { fill: none; stroke: var(--dot); stroke-width: 3; stroke-linecap: round; }
svg .failed { stroke: var(--bad); }
svg .best { fill: none; stroke: var(--ours); stroke-width: 2; }
.wide { overflow-x: auto; margin-top: 10px; }
svg.roofline { min-width: 620px; }
svg .roof { stroke: var(--bad); stroke-width: 1.5; }
svg .rooftext { font-size: 12px; fill: var(--bad); }
svg .rooftext, svg .number { paint-order: stroke; stroke: var(--card); stroke-width: 3px; stroke-linejoin: round; }
svg .gain { stroke: var(--ours); stroke-width: 1.5; opacity: 0.55; }
svg .rule { fill: var(--card); stroke: var(--quiet); stroke-width: 1.5; }
svg .point { fill: var(--ours); }
svg .number { font-size: 12px; font-weight: 600; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 20px; color: var(--quiet); font-size: 13px; margin-top: 10px; }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 50%; margin-right: 6px;
  background: var(--ours); }
.legend i.rule { background: none; border: 2px solid var(--quiet); }
.legend i.trial { background: var(--dot); }
.legend i.failed { background: var(--bad); }
.legend i.line { width: 16px; height: 3px; border-radius: 0; vertical-align: middle; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 6px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--quiet); font-weight: 600; vertical-align: bottom; }
th:nth-child(2), td:nth-child(2) { text-align: left; white-space: normal; min-width: 210px; }
th.text, td.text { text-align: left; }
ol.key { columns: 260px; column-gap: 24px; margin: 12px 0 0; padding-left: 2.2em; font-size: 13px; }
ol.key li { break-inside: avoid; padding-right: 8px; overflow-wrap: anywhere; }
ol.key li::marker { font-weight: 600; }
th:first-child, td:first-child { padding-left: 0; color: var(--quiet); }
.reason { padding: 10px 0; border-top: 1px solid var(--line); }
.reason:first-of-type { border-top: 0; }
.reason h3 { display: flex; justify-content: space-between; gap: 12px; }
.example { margin: 6px 0 0; padding-left: 12px; border-left: 3px solid var(--line); }
.example .code { display: block; white-space: pre-wrap; max-height: 9em; overflow: auto; }
.schedules { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr)); gap: 14px;
  margin-top: 14px; }
.schedules article { border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; min-width: 0; }
.schedules ul { margin: 6px 0 0; padding-left: 18px; }
.schedules li { margin: 2px 0; overflow-wrap: anywhere; font-size: 13.5px; }
.schedules header { display: flex; justify-content: space-between; gap: 10px; }
.schedules header b { color: var(--ours); white-space: nowrap; }
.schedules .kept header b { color: var(--quiet); font-weight: 600; }
details.run { margin-top: 26px; }
details.run > summary { cursor: pointer; font-weight: 650; overflow-wrap: anywhere; }
footer { margin-top: 26px; color: var(--quiet); font-size: 13px; }
@media (max-width: 640px) {
  main { padding: 18px 12px 40px; }
  section, .card { padding: 14px; }
  ol.bars li { grid-template-columns: 1fr 58px; gap: 2px 10px; }
  ol.bars .label { grid-column: 1 / 3; }
  dl.facts { grid-template-columns: 1fr; gap: 0; }
  dl.facts dd { margin-bottom: 8px; }
}
@media print {
  body { background: none; }
  section, .tile, .schedules article, figure { break-inside: avoid; }
}
)";

}  // namespace sepconv::autoschedule::report
