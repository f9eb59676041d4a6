"""How the Examples and Checks panels look, on top of the theme; the colours are the theme's."""

BOOK = """
.st-rows td { overflow-wrap: anywhere; vertical-align: top; min-width: 5rem; }
.st-label { white-space: nowrap; }
.st-rows td:last-child { min-width: 8.5rem; overflow-wrap: break-word; }
#examples-side { position: sticky; top: .5rem; align-self: flex-start; max-height: 100vh;
  overflow-y: auto; }
.st-rows tbody tr[data-name] { cursor: pointer; }
.st-rows tbody tr[data-name]:hover td { background: var(--base-soft); }
.st-rows tr:has([aria-pressed="true"]) td { background: var(--base-soft);
  box-shadow: inset 0 1px var(--accent), inset 0 -1px var(--accent); }
.st-rows .st-open, .st-findings .st-open { border: 1px solid var(--line); border-radius: 6px;
  background: var(--card); color: inherit; padding: .1rem .5rem; cursor: pointer;
  font-variant-numeric: tabular-nums; margin: 0 .2rem .2rem 0; font-size: .85rem;
  font-weight: 500; }
.st-findings td:first-child { white-space: nowrap; }
.st-findings td:nth-child(4) { min-width: 16rem; }
.st-findings .st-open:hover, .st-rows .st-open:hover { border-color: var(--accent); }
.st-note, .st-tag { display: inline-block; border-radius: 6px; padding: 0 .4rem; font-size: .8rem;
  border: 1px solid var(--line); margin: 0 .1rem .15rem 0; white-space: nowrap; }
.st-tag { border-color: var(--accent); color: var(--accent); }
.st-bars { max-height: 20rem; overflow-y: auto; display: grid; gap: .2rem; }
.st-bar-line { display: grid; grid-template-columns: minmax(5rem, 11rem) 1fr 6rem; gap: .6rem;
  align-items: center; font-size: .88rem; }
.st-bar-line > span:first-child { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.st-bar-line b { font-weight: 500; font-variant-numeric: tabular-nums; }
.st-bar-room { display: flex; height: .75rem; background: color-mix(in srgb, var(--line) 40%,
  transparent); border-radius: 3px; overflow: hidden; }
.st-bar-room .learned { background: var(--tuned); }
.st-bar-room .kept { background: var(--base); }
.st-lengths { width: 100%; max-width: 40rem; height: auto; }
.st-lengths rect { fill: var(--tuned); }
.st-lengths line { stroke: var(--base); stroke-width: 2; stroke-dasharray: 5 3; }
.st-lengths text { fill: var(--quiet); font-size: 12px; }
@media (max-width: 900px) { #examples-side { position: static; max-height: none; } }
@media (max-width: 640px) {
  .st-bar-line { grid-template-columns: 6rem 1fr 4.5rem; }
  /* Gradio writes the width of a block into it. */
  #examples-told, #checks-told { min-width: 100% !important; }
}
"""
