"""The cases behind a report: four kinds of change, each with its prompts and both answers."""

from html import escape
from typing import Any

import gradio as gr

from studio.errors import StudioError
from studio.measure.pairs import FLIPS, Flip, flips
from studio.measure.probe import Case
from studio.measure.results import read_probes, read_run_outcomes
from studio.studio import Studio
from studio.ui.border import told, wire
from studio.ui.markup import empty

NAMES = {
    "right_right": "right before and after",
    "right_wrong": "right before, wrong now",
    "wrong_right": "wrong before, right now",
    "wrong_wrong": "wrong before and after",
}
SHOWN = 12  # cases listed at once
NONE = "No case of this kind."


def build(studio: Studio, chosen: gr.Dropdown, lane: gr.Radio) -> list[Any]:
    """Lay the part out and wire it; returns what `list_probes` fills."""
    gr.Markdown("### Case by case")
    with gr.Row():
        probe = gr.Dropdown([], label="Probe", elem_id="case-probe", scale=1, min_width=200)
        flip = gr.Radio([], label="Cases", elem_id="case-flip", scale=3, min_width=280)
    listed = gr.HTML(elem_id="cases", min_height=80)
    wire(probe.input, count, studio, inputs=[chosen, lane, probe], outputs=[flip, listed])
    wire(flip.input, show, studio, inputs=[chosen, lane, probe, flip], outputs=listed)
    return [probe, flip, listed]


@told
def list_probes(studio: Studio, id: str | None, lane: str | None) -> list[Any]:
    """The probes of the measurement, the task first."""
    if not id or not lane or studio.run(id).status() != "finished":
        return [gr.skip(), gr.skip(), ""]
    report = studio.report(id)
    if lane not in {one.id for one in report.lanes}:
        return [gr.skip(), gr.skip(), ""]
    probes = [(f"{one.title} ({one.n})", one.name) for one in report.probes]
    first = probes[0][1]
    return [gr.Dropdown(choices=probes, value=first), *count(studio, id, lane, first)]


@told
def count(studio: Studio, id: str | None, lane: str | None, probe: str | None) -> list[Any]:
    """How many cases changed in which way; the lost ones are shown first, if there are any."""
    if not id or not lane or not probe:
        return [gr.skip(), ""]
    found = flips(read_run_outcomes(studio.run(id)), lane, probe)
    choices = [(f"{NAMES[flip]} ({len(found[flip])})", flip) for flip in FLIPS]
    order = ("right_wrong", "wrong_right", "wrong_wrong", "right_right")
    first = next((flip for flip in order if found[flip]), "right_wrong")
    return [gr.Radio(choices=choices, value=first), show(studio, id, lane, probe, first)]


@told
def show(
    studio: Studio, id: str | None, lane: str | None, probe: str | None, flip: str | None
) -> str:
    """The cases of one kind, with the expected answer and both given ones."""
    if not id or not lane or not probe or not flip:
        return ""
    run = studio.run(id)
    found = flips(read_run_outcomes(run), lane, probe)[flip]
    asked = next((one for one in read_probes(run) if one.name == probe), None)
    if asked is None:
        raise StudioError(f"The measurement has no probe {probe}; choose another one.")
    cases = {case.id: case for case in asked.cases}
    if not found:
        return empty(NONE)
    more = f"<p>The first {SHOWN} of {len(found)}.</p>" if len(found) > SHOWN else ""
    drawn = "".join(_draw(cases[one.case], one) for one in found[:SHOWN])
    return f'{more}<div class="st-cases">{drawn}</div>'


def _draw(case: Case, flip: Flip) -> str:
    prompt = "\n".join(message.content for message in case.messages)
    return (
        f'<div class="st-case"><pre>{escape(prompt)}</pre><dl>'
        f"<dt>Expected</dt><dd>{escape(case.answer)}</dd>"
        f'<dt class="st-base">Base</dt><dd>{escape(flip.base) or "(nothing)"}</dd>'
        f'<dt class="st-tuned">Tuned</dt><dd>{escape(flip.tuned) or "(nothing)"}</dd></dl></div>'
    )
