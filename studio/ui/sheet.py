"""How the Report tab looks, on top of the theme; the colours are the theme's."""

REPORT = """
.st-lanes { display: grid; gap: .75rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); }
.st-lane { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  border-left: 3px solid var(--tuned); padding: .7rem 1rem; min-width: 0; }
.st-lane h3 { margin: 0; font-size: 1rem; }
.st-lane p { margin: .2rem 0; font-size: .88rem; overflow-wrap: anywhere; }
.st-facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr));
  gap: .6rem; margin: .5rem 0; }
.st-facts > div { display: flex; flex-direction: column; align-items: flex-start;
  font-size: .85rem; }
.st-facts .st-big { font-size: 1.3rem; font-weight: 650; line-height: 1.25; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
.st-chip.less, .st-chip.more { border-color: var(--tuned); color: var(--tuned); }
.st-after { margin: .6rem .2rem 0; }
.st-lines { border: 1px solid var(--line); border-radius: 10px; background: var(--card); }
.st-line { display: grid; grid-template-columns: minmax(9rem, 1.2fr) 2.4fr 2.2fr;
  gap: .2rem 1rem; padding: .4rem .9rem; border-bottom: 1px solid var(--line); font-size: .9rem; }
.st-line:last-child { border-bottom: none; }
.st-lane summary, .st-fold summary, .st-family summary { cursor: pointer; }
.st-families { display: flex; flex-direction: column; gap: .3rem; }
.st-family { border: 1px solid var(--line); border-radius: 8px; background: var(--card); }
.st-family > summary { display: grid; align-items: center; gap: .1rem .7rem;
  grid-template-columns: minmax(6rem, 1fr) minmax(11.5rem, 1.2fr) 6rem 8.8rem;
  padding: .3rem .7rem; list-style: none; font-size: .9rem; }
.st-family > summary::-webkit-details-marker { display: none; }
.st-family[open] > summary { border-bottom: 1px solid var(--line); }
.st-family .st-size { font-variant-numeric: tabular-nums; }
.st-family .st-verdict { justify-self: end; text-align: right; }
.st-fold > summary { padding: .35rem .2rem; font-size: .9rem; }
.st-fold > summary .st-quiet { display: block; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; max-width: 100%; font-size: .85rem; }
.st-fold[open] > summary .st-quiet { display: none; }
.st-fold .st-family { margin-bottom: .3rem; }
summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 6px; }
.st-interval { width: 6rem; height: .8rem; }
.st-interval .band { fill: var(--line); }
.st-interval .zero { stroke: var(--quiet); stroke-width: 1; opacity: .6; }
.st-interval .arm { stroke: var(--quiet); stroke-width: 2; vector-effect: non-scaling-stroke; }
.st-interval .dot { fill: var(--quiet); }
.st-interval.forgotten .arm, .st-interval.gained .arm, .st-interval.less .arm,
.st-interval.more .arm { stroke: var(--tuned); }
.st-interval.forgotten .dot, .st-interval.gained .dot, .st-interval.less .dot,
.st-interval.more .dot { fill: var(--tuned); }
.st-numbers { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr));
  gap: .3rem 1rem; margin: 0; padding: .5rem .8rem .7rem; font-size: .85rem; }
.st-numbers dt { color: var(--quiet); }
.st-numbers dd { margin: 0; font-variant-numeric: tabular-nums; }
#case-flip .wrap label span { white-space: pre; }
#fetch-report { display: none; }
#method table { display: block; overflow-x: auto; border: none; font-size: .85rem; }
#method td, #method th { word-break: normal; overflow-wrap: normal; }
#method td:first-child { min-width: 12rem; }
.st-case .st-before { margin: 0 0 .3rem; font-size: .85rem; white-space: pre-wrap; }
.st-toks { display: flex; flex-wrap: wrap; gap: .15rem; }
.st-tok { --better: 0; --worse: 0; display: inline-flex; flex-direction: column;
  align-items: center; border-radius: 4px; padding: 0 .2rem; line-height: 1.3;
  font: .82rem ui-monospace, SFMono-Regular, Menlo, monospace; border: 1px solid var(--line);
  background: linear-gradient(
    color-mix(in srgb, var(--tuned) calc(var(--better) * 55%), transparent),
    color-mix(in srgb, var(--tuned) calc(var(--better) * 55%), transparent)),
    linear-gradient(color-mix(in srgb, var(--base) calc(var(--worse) * 55%), transparent),
    color-mix(in srgb, var(--base) calc(var(--worse) * 55%), transparent)); }
.st-tok small { font-size: .68rem; color: inherit; opacity: .85; }
.st-legend { font-size: .85rem; line-height: 1.9; }
.st-legend .st-tok { vertical-align: middle; }
.st-end { align-items: flex-end; }
.st-repairs { flex-wrap: wrap; }
.st-repair { border: 1px solid var(--line); border-radius: 10px; background: var(--card);
  padding: .7rem .9rem !important; justify-content: space-between; }
.st-repair button { flex: none; }
.st-repair .st-options { flex: none; margin-top: auto; }
.st-repair h4 { margin: 0 0 .2rem; font-size: .95rem; }
.st-repair p { margin: 0; font-size: .86rem; color: var(--quiet); }
table.st-heat { border-collapse: separate; border-spacing: 2px; font-size: .8rem;
  font-variant-numeric: tabular-nums; border: none !important; width: auto; }
.prose table.st-heat th, .prose table.st-heat td { border: none !important;
  padding: .2rem .45rem; }
table.st-heat th { font-weight: 600; color: var(--quiet); text-align: right; }
table.st-heat td { text-align: right; border-radius: 4px; --heat: 0;
  background: color-mix(in srgb, var(--tuned) calc(var(--heat) * 60%), transparent); }
@media (max-width: 1360px) {
  .st-family > summary { grid-template-columns: minmax(0, 1fr) 6rem 8.6rem; }
  .st-family .st-size { grid-column: 1; grid-row: 2; font-size: .85rem; }
  .st-family .st-interval { grid-column: 2; grid-row: 1 / 3; }
  .st-family .st-verdict { grid-column: 3; grid-row: 1 / 3; }
}
@media (max-width: 460px) {
  .st-family > summary { grid-template-columns: minmax(0, 1fr) auto; }
  .st-family .st-interval { display: none; }
  .st-family .st-verdict { grid-column: 2; }
}
@media (max-width: 640px) {
  .st-line { grid-template-columns: 1fr; }
  .st-facts { grid-template-columns: 1fr 1fr; gap: .4rem; }
  #case-flip .wrap { grid-template-columns: 1fr 1fr; }
  #case-flip .wrap label { padding: .4rem .45rem; font-size: .8rem; }
  #case-flip .wrap label > input { flex: none; }
  .st-case dd:has(.st-toks) { grid-column: 1 / -1; }
  .st-case dl { grid-template-columns: 4.6rem 1fr; }
}
"""
