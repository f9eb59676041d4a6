"""How the page looks: one calm theme, and two colours with one meaning everywhere.

Blue is the base, orange a tuned model: a pair that colour-blind people tell apart. A verdict is
never shown by colour alone.
"""

import gradio as gr

from studio.measure.palette import BASE, LANES, MUTED, TUNED

__all__ = ["BASE", "CSS", "HEAD", "LANES", "MUTED", "TUNED", "make_theme"]

HEAD = '<meta name="color-scheme" content="light dark">'

CSS = """
:root { --base: #2a78b8; --tuned: #c4620a; --base-soft: #e4eff8; --tuned-soft: #fcebd9;
  --line: #dfe3e8; --quiet: #5d6570; --card: #ffffff; --accent: #0f766e; }
.dark { --base: #6db3ea; --tuned: #f2a154; --base-soft: #14283a; --tuned-soft: #3a2712;
  --line: #343a44; --quiet: #a3abb7; --card: #1b2027; --accent: #57bdb2;
  --color-accent: #57bdb2; }
.dark input[type="range"] { --neutral-200: #454d59; }
.gradio-container { width: 100% !important; max-width: 1500px !important;
  margin: 0 auto !important; }
.gradio-container .html-container { padding: 0 !important; }
.gradio-container .prose { font-size: 0.95rem; }
/* An error is told in a message of its own; what was there before it stays to be seen. */
[data-testid="status-tracker"]:has(> .error) { display: none !important; }
footer { display: none !important; }
.st-head { display: flex; align-items: baseline; gap: .75rem; flex-wrap: wrap; }
.st-head h1 { font-size: 1.35rem; font-weight: 650; margin: 0; letter-spacing: -.01em; }
.st-head span, .st-quiet { color: var(--quiet); }
.st-lead { font-size: 1.05rem; max-width: 62rem; line-height: 1.55; }
.st-cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr));
  gap: .75rem; }
.st-card { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: .8rem 1rem; min-width: 0; overflow-wrap: anywhere; }
.st-card h3 { font-size: .8rem; font-weight: 600; color: var(--quiet); margin: 0 0 .25rem; }
.st-card .st-big { font-size: 1.25rem; font-weight: 600; line-height: 1.3; }
.st-card p { margin: .2rem 0 0; font-size: .88rem; color: var(--quiet); }
.st-empty { border: 1px dashed var(--line); border-radius: 10px; padding: 1.2rem;
  color: var(--quiet); text-align: center; }
.st-stage { display: grid; grid-template-columns: 1.6rem minmax(9rem, 16rem) 1fr; gap: .6rem;
  align-items: center; padding: .5rem 0; border-bottom: 1px solid var(--line); }
.st-stage:last-child { border-bottom: none; }
.st-mark { width: 1.4rem; height: 1.4rem; border-radius: 50%; display: grid; place-items: center;
  font-size: .8rem; border: 1.5px solid var(--line); color: var(--quiet); }
.st-mark.done { background: #0f766e; border-color: var(--accent); color: #fff; }
.st-mark.now { border-color: var(--accent); color: var(--accent); }
.st-mark.bad { border-color: var(--tuned); color: var(--tuned); }
.st-bar { height: .5rem; border-radius: .25rem; background: var(--line); overflow: hidden; }
.st-bar > div { height: 100%; background: #0f766e; border-radius: .25rem; transition: width .4s; }
.st-scroll { overflow-x: auto; max-width: 100%; }
.prose table.st-table, table.st-table { border: none !important; padding: 0 !important;
  border-collapse: collapse; width: 100%;
  font-size: .9rem;  font-variant-numeric: tabular-nums; }
.prose table.st-table th, table.st-table th { border: none !important; text-align: left;
  font-weight: 600; color: var(--quiet); font-size: .8rem;
  padding: .4rem .6rem; border-bottom: 1px solid var(--line) !important; }
.prose table.st-table td, table.st-table td { border: none !important; padding: .45rem .6rem;
  border-bottom: 1px solid var(--line) !important; vertical-align: top; }
.prose table.st-table tr, table.st-table tr { border: none !important; }
.prose table.st-table .num, table.st-table .num { text-align: right; white-space: nowrap; }
table.st-table tr.sum td { font-weight: 600; }
.st-chip { display: inline-block; white-space: nowrap; border-radius: 1rem; padding: .05rem .6rem;
  font-size: .8rem; border: 1px solid var(--line); background: var(--card); }
.st-chip.gained { border-color: var(--accent); color: var(--accent); font-weight: 600; }
.st-chip.forgotten { border-color: var(--tuned); color: var(--tuned); font-weight: 600; }
.st-chip.inconclusive { border-style: dashed; }
.st-base { color: var(--base); font-weight: 600; }
.st-tuned { color: var(--tuned); font-weight: 600; }
.st-count { margin: .8rem 0 .3rem; font-weight: 600; }
.st-talk { display: flex; flex-direction: column; gap: .5rem; }
.st-turn { border: 1px solid var(--line); border-radius: 10px; padding: .55rem .8rem;
  background: var(--card); white-space: pre-wrap; overflow-wrap: anywhere; }
.st-turn .st-role { display: block; font-size: .75rem; color: var(--quiet); margin-bottom: .15rem; }
.st-turn.assistant { border-left: 3px solid var(--tuned); }
.st-turn.user { border-left: 3px solid var(--base); }
.st-tokens { margin-bottom: .8rem; font-size: .8rem;
  font-family: ui-monospace, SFMono-Regular, Menlo, monospace;
  line-height: 1.9; overflow-wrap: anywhere; }
.st-tokens span { padding: .1rem 0; border-right: 1px solid var(--line); color: var(--quiet); }
.st-tokens span.learned { background: var(--tuned-soft); color: inherit; border-right-color:
  var(--tuned); font-weight: 600; }
.st-tokens span.cut { text-decoration: line-through; opacity: .6; }
.st-tokens span.spelled { outline: 1px dashed var(--quiet); outline-offset: -1px; }
.st-mix { display: flex; gap: 2px; height: 2rem; margin: .3rem 0; border-radius: 6px;
  overflow: hidden; }
.st-slice { min-width: 3px; overflow: hidden; text-align: center; line-height: 2rem;
  font-size: .75rem; font-weight: 600; }
.st-slice span { color: #fff; }
.st-swatch { display: inline-block; width: .8rem; height: .8rem; border-radius: 3px; }
.st-slice.task, .st-swatch.task { background: #9a4a06; }
.st-slice.probes, .st-swatch.probes { background: #1f5f95; }
.st-slice.dataset, .st-swatch.dataset { background: #0f766e; }
.st-slice.self, .st-swatch.self { background: #5d6570; }
.st-diff { font-size: .8rem; padding: .6rem .8rem; border: 1px solid var(--line);
  border-radius: 10px; background: var(--card); overflow-x: auto; }
.st-warn { margin: 0 0 .4rem; }
.st-case { border: 1px solid var(--line); border-radius: 10px; padding: .6rem .8rem;
  margin-bottom: .5rem; background: var(--card); overflow-wrap: anywhere; }
.st-cases { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr));
  gap: .5rem; }
.st-cases .st-case { margin: 0; }
.st-case pre { white-space: pre-wrap; font: inherit; margin: 0; }
.st-case dl { display: grid; grid-template-columns: 6rem 1fr; gap: .2rem .6rem; margin: .4rem 0 0;
  font-size: .9rem; }
.st-case dt { color: var(--quiet); }
.st-case dt.st-base { color: var(--base); }
.st-case dt.st-tuned { color: var(--tuned); }
.st-case dd { margin: 0; white-space: pre-wrap; }
.st-headline { border-left: 3px solid var(--tuned); padding: .2rem 0 .2rem .9rem; margin: .4rem 0;
  line-height: 1.55; }
.st-advice { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr));
  gap: 1.2rem; align-items: start; }
.st-grid { width: 100%; max-width: 34rem; }
.st-grid text { font-size: 12px; fill: var(--quiet); }
.st-grid text.st-grid-name { font-size: 13px; font-weight: 600; fill: currentColor; }
.st-lane-base { border-top: 3px solid var(--base) !important; }
.st-lane-tuned { border-top: 3px solid var(--tuned) !important; }
.st-lane-base .bubble-wrap, .st-lane-tuned .bubble-wrap { margin-top: 1.9rem;
  background: transparent !important;
  height: calc(100% - 1.9rem) !important; }
.st-lane-base button[aria-label="Clear"], .st-lane-tuned button[aria-label="Clear"] {
  display: none; }
.st-slot { gap: .35rem !important; }
.st-slot.base { border-top: 3px solid var(--base); }
.st-slot.tuned { border-top: 3px solid var(--tuned); }
#add-lane, #new-workbook, #delete-workbook { align-self: center; }
#delete-asked { align-items: center; }
.st-slot .row > button { align-self: end; }
.gradio-container input[role="combobox"] { text-overflow: ellipsis;
  padding-right: 1.4rem !important; }
.st-deeds { gap: .35rem !important; flex-wrap: wrap !important; }
.st-deeds button { flex: 0 1 auto !important; width: auto !important; padding: .2rem .6rem; }
.st-badge { color: var(--base); font-weight: 600; cursor: help; }
#chats .wrap { display: flex; flex-direction: column; flex-wrap: nowrap; gap: .25rem;
  max-height: 22rem; overflow-y: auto; }
#chats label { padding: .35rem .5rem; align-items: flex-start; overflow-wrap: anywhere; }
#chats label span { font-size: .82rem; line-height: 1.3; }
.st-raw { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr));
  gap: .75rem; }
.st-raw h4 { margin: 0 0 .3rem; font-size: .85rem; }
.st-raw pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font-size: .8rem;
  border: 1px solid var(--line); border-radius: 8px; padding: .6rem; background: var(--card); }
.st-raw mark { background: var(--base-soft); color: inherit; border-radius: 3px; }
#runs * { font-family: inherit !important; }
#runs .selection-button { display: none !important; }
#estimate .st-cards { grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); }
#about-run .st-cards + .st-quiet, .st-scroll + .st-quiet { margin-top: .7rem; }
.st-fields input[role="combobox"] { text-overflow: ellipsis; padding-right: 1.4rem; }
#case-flip .wrap { display: grid !important; grid-template-columns: 1fr 1fr; gap: .4rem; }
.st-gallery .wrap { display: grid !important; grid-template-columns: repeat(auto-fill,
  minmax(12rem, 1fr)); gap: .4rem; max-height: 19rem; overflow-y: auto; }
.st-column .wrap { display: grid !important; gap: .3rem; max-height: 15rem; overflow-y: auto; }
.st-remarks { list-style: none; margin: 0 0 .4rem; padding: 0; }
.st-remarks li { padding: .25rem 0 .25rem .6rem; border-left: 3px solid var(--line);
  margin-bottom: .3rem; overflow-wrap: anywhere; }
.st-remarks li.error { border-color: var(--tuned); }
.st-remarks li.warning { border-color: var(--accent); }
.st-remarks li > span { font-weight: 700; }
.st-gallery label { align-items: flex-start !important; overflow-wrap: anywhere; }
button:focus-visible, input:focus-visible, textarea:focus-visible, [role="tab"]:focus-visible {
  outline: 2px solid var(--accent) !important; outline-offset: 2px; }
@media (max-width: 640px) {
  .gradio-container { padding: .5rem !important; }
  .st-stage { grid-template-columns: 1.6rem 1fr; }
  .st-stage > :last-child { grid-column: 1 / -1; }
  #case-flip .wrap { grid-template-columns: 1fr; }
  .st-case dl { grid-template-columns: 1fr; }
  .tab-container button { padding: 0 .6rem !important; }
  .st-lane-base, .st-lane-tuned { height: 260px !important; }
  #chat-list { order: 2; }
  #lane-bar > * { flex-basis: 100% !important; }
  table.st-table, table.st-table tbody, table.st-table tr { display: block; }
  table.st-table thead { position: absolute; width: 1px; height: 1px; overflow: hidden;
    clip-path: inset(50%); }
  .prose table.st-table tr { border: 1px solid var(--line) !important; border-radius: 10px;
    background: var(--card); margin-bottom: .5rem; padding: .4rem .7rem; }
  .prose table.st-table td { display: flex; justify-content: space-between; gap: 1rem;
    border: none !important; padding: .15rem 0; text-align: right; white-space: normal; }
  .prose table.st-table td::before { content: attr(data-label); color: var(--quiet);
    text-align: left; flex: none; max-width: 45%; }
  .prose table.st-table td:empty { display: none; }
  .prose table.st-table td[data-label=""] { justify-content: flex-start; }
  .prose table.st-table td[data-label=""]::before { display: none; }
}
.st-side { border: 1px solid var(--line); border-radius: 10px; background: var(--card);
  padding: .6rem .9rem; height: 100%; white-space: pre-wrap; overflow-wrap: anywhere; }
.st-side h3 { font-size: .85rem; margin: 0 0 .3rem; color: var(--quiet); }
.st-side h3 + div { line-height: 1.55; }
@media (max-width: 640px) { #arena-answers { flex-direction: column; } }
#gathered, #example-box { border: 1px solid var(--line); border-left: 3px solid var(--accent);
  border-radius: 10px; background: var(--card); padding: .6rem .9rem; gap: .5rem; }
.st-gathered { margin: 0 0 .3rem; }
"""


def make_theme() -> gr.themes.Base:
    """The studio's theme; system fonts, so that nothing is loaded from elsewhere."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        secondary_hue=gr.themes.colors.slate,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_md,
        font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"],
    ).set(
        body_background_fill="#f7f8fa",
        body_background_fill_dark="#12161c",
        block_background_fill="#ffffff",
        block_background_fill_dark="#1b2027",
        block_border_width="1px",
        block_border_color="#dfe3e8",
        block_border_color_dark="#343a44",
        block_label_text_color="#5d6570",
        block_label_text_color_dark="#a3abb7",
        block_shadow="none",
        block_info_text_color="#5d6570",
        block_info_text_color_dark="#a3abb7",
        input_placeholder_color="#7b8491",
        color_accent="#0f766e",
        input_background_fill="#ffffff",
        input_background_fill_dark="#12161c",
        input_border_width="1px",
        checkbox_label_background_fill="#ffffff",
        checkbox_label_background_fill_hover="#eef7f6",
        checkbox_label_background_fill_selected="#e3f3f1",
        checkbox_label_background_fill_dark="#1b2027",
        checkbox_label_background_fill_hover_dark="#1f2d2f",
        checkbox_label_background_fill_selected_dark="#173532",
        checkbox_label_border_width="1px",
        checkbox_label_border_color="#dfe3e8",
        checkbox_label_border_color_dark="#343a44",
        button_secondary_background_fill="#ffffff",
        button_secondary_background_fill_hover="#eef7f6",
        button_secondary_background_fill_dark="#1b2027",
        button_secondary_background_fill_hover_dark="#1f2d2f",
        button_secondary_border_color="#cbd2da",
        button_secondary_border_color_dark="#454d59",
        button_border_width="1px",
        input_border_color="#cbd2da",
        input_border_color_dark="#454d59",
        button_primary_background_fill="#0f766e",
        button_primary_background_fill_hover="#0b5f59",
        button_primary_background_fill_dark="#0f766e",
        button_primary_background_fill_hover_dark="#13897f",
        button_primary_text_color="#ffffff",
    )
