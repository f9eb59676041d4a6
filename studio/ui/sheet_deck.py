"""How decks and explained answers look, on top of the theme; the colours are the theme's."""

DECKS = """
.st-why { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 2; font-size: 1rem;
  border: 1px solid var(--line); border-radius: 10px; background: var(--card);
  padding: .5rem .8rem; max-height: 22rem; overflow-y: auto; }
.st-wt { --part: 0; border-radius: 3px; padding: .12rem 0; cursor: default; position: relative;
  box-shadow: inset -1px 0 var(--line); border-bottom: 2px solid transparent; }
.st-legend .st-wt { padding: .12rem .4rem; }
.st-wt.better { background: color-mix(in srgb, var(--tuned) calc(var(--part) * 50%), transparent);
  border-bottom: 2px solid var(--tuned); }
.st-wt.worse { background: color-mix(in srgb, var(--base) calc(var(--part) * 50%), transparent);
  border-bottom: 2px dotted var(--base); }
.st-wt[aria-selected="true"] { outline: 2px solid var(--quiet); outline-offset: 1px; }
.st-wt:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.st-wt.parts::before, .st-parts::before { content: "◆"; color: var(--accent); font-size: .7em;
  vertical-align: .2em; margin: 0 .1em; }
.st-why-facts { margin: 0 0 .5rem; line-height: 1.5; }
.st-why-card { border: 1px solid var(--line); border-radius: 10px; background: var(--card);
  padding: .5rem .8rem; font-size: .9rem; }
.st-why-card[hidden] { display: none; }
.st-why-card p { margin: 0 0 .4rem; }
.st-why-card code, .st-why-lists code { white-space: pre-wrap; background: none; padding: 0;
  border: none; font-size: .88em; overflow-wrap: anywhere; }
.st-why-lists { display: grid; gap: .4rem 1.2rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr)); }
.st-why-lists h4 { font-size: .8rem; font-weight: 600; color: var(--quiet); margin: 0 0 .2rem; }
.st-why-lists > :first-child { --bar: var(--base); }
.st-why-lists > :last-child { --bar: var(--tuned); }
.prose .st-why-lists ol, .st-why-lists ol { list-style: none; margin: 0; padding: 0; }
.st-why-lists li { display: grid; grid-template-columns: 1fr auto; position: relative; gap: .6rem;
  padding: .08rem .35rem; margin: 0 0 2px; font-variant-numeric: tabular-nums; }
.st-why-lists li.chosen { font-weight: 650; }
.st-why-bar { position: absolute; inset: 0 auto 0 0; width: var(--share); border-radius: 3px;
  background: color-mix(in srgb, var(--bar) 28%, transparent); }
.st-why-lists li > :not(.st-why-bar) { position: relative; }
.st-words { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.6;
  border: 1px solid var(--line); border-radius: 10px; background: var(--card);
  padding: .5rem .8rem; max-height: 22rem; overflow-y: auto; }
.st-words del, .st-legend del { color: inherit; text-decoration: line-through;
  text-decoration-color: var(--base); background: var(--base-soft); border-radius: 3px; }
.st-deck del, .st-marks del { color: inherit; text-decoration: underline dotted 2px var(--base);
  background: var(--base-soft); border-radius: 3px; }
.st-words ins, .st-deck ins, .st-legend ins { color: inherit; text-decoration: underline;
  text-decoration-color: var(--tuned); text-decoration-thickness: 2px;
  background: var(--tuned-soft); border-radius: 3px; }
.st-words del + ins { margin-left: .3em; }
.st-deck table.st-table { min-width: 44rem; table-layout: fixed; }
.st-deck td { overflow-wrap: anywhere; }
.st-deck .st-said { white-space: pre-wrap; max-height: 11rem; overflow-y: auto;
  line-height: 1.45; }
.st-deck td small { display: block; color: var(--quiet); font-variant-numeric: tabular-nums;
  margin-top: .15rem; }
.st-deck tbody tr[data-name] { cursor: pointer; }
.st-deck tbody tr[data-name]:hover td { background: var(--tuned-soft); }
#fetch-deck { display: none; }
.st-deck th:last-child, .st-deck td:last-child { width: 5.2rem; }
.st-deck th:first-child { width: 24%; }
.st-deck button.st-open { border: 1px solid var(--line); border-radius: 6px; color: inherit;
  background: var(--card); padding: .05rem .6rem; cursor: pointer; font-weight: 500;
  font-size: .85rem; line-height: 1.6; }
.st-deck .st-right { color: var(--accent); font-weight: 650; }
.st-deck .st-wrong { color: var(--tuned); font-weight: 650; }
.st-tallies { margin: .3rem 0 .5rem; }
@media (max-width: 640px) {
  .st-words del + ins { margin-left: .3em; }
.st-deck table.st-table { min-width: 0; }
  .prose .st-deck table.st-table td, .st-deck table.st-table td { display: block;
    text-align: left; padding: .25rem 0 !important; }
  .prose .st-deck table.st-table td::before, .st-deck table.st-table td::before { display: block;
    max-width: 100%; font-size: .75rem; }
  .st-deck th:last-child, .st-deck td:last-child { width: auto; }
  .prose .st-deck table.st-table td:last-child::before { display: none; }
}
"""
