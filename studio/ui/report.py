"""The fifth tab: what was gained and what was forgotten, how sure that is, and every case."""

import os
import tempfile
from pathlib import Path
from typing import Any

import gradio as gr

from studio.errors import StudioError
from studio.measure.report import Report
from studio.studio import Studio
from studio.ui import cases, findings, plots
from studio.ui.border import told, wire
from studio.ui.links import Links
from studio.ui.markup import empty, stage
from studio.ui.standing import look

NO_REPORT = (
    "The report appears here: what was gained on the task, what was forgotten elsewhere, and how "
    "sure that is. Choose finished runs and press Measure."
)
PACE = 1.5  # seconds between two looks at the folder


def build(studio: Studio, links: Links, tab: gr.Tab) -> None:
    """Lay the tab out and wire it."""
    with gr.Row():
        chosen = gr.Dropdown([], label="Measurement", elem_id="measurement", scale=2, min_width=260)
        with gr.Column(scale=3, min_width=320), gr.Row():
            runs = gr.Dropdown(
                [], multiselect=True, label="Or measure tuned runs against their base",
                elem_id="measure-runs", scale=3, min_width=200,
            )  # fmt: skip
            limit = gr.Number(
                0, label="Cases per probe", info="0 takes all.", minimum=0, precision=0,
                elem_id="limit", min_width=110, scale=1,
            )  # fmt: skip
            measure = gr.Button("Measure", variant="primary", elem_id="measure", min_width=110)
    state = gr.HTML(empty(NO_REPORT), elem_id="report-state")
    with gr.Column(visible=False, elem_id="report-body") as body:
        headlines = gr.HTML(elem_id="headlines")
        lane = gr.Radio([], label="Tuned model", elem_id="report-lane")
        with gr.Row():
            plane = gr.Plot(
                label="Gained against forgotten",
                show_label=False,
                min_width=300,
                scale=2,
                elem_id="plane",
            )
            bars = gr.Plot(
                label="Differences", show_label=False, min_width=300, scale=3, elem_id="bars"
            )
        table = gr.HTML(elem_id="findings")
        shown_cases = cases.build(studio, chosen, lane)
        with gr.Accordion("How it was measured", open=False):
            method = gr.Markdown(elem_id="method")
        with gr.Row():
            markdown = gr.DownloadButton("Download as Markdown", size="sm", elem_id="as-markdown")
            numbers = gr.DownloadButton("Download as JSON", size="sm", elem_id="as-json")
    timer, shown = gr.Timer(PACE, active=False), gr.State(None)

    offered = [links.measurement, chosen, runs]
    opened = wire(tab.select, list_choices, studio, inputs=offered, outputs=offered)
    started = wire(measure.click, start, studio, inputs=[runs, limit], outputs=chosen)
    everything = [state, body, headlines, lane, plane, method, markdown, numbers, timer, shown]
    for event in ([chosen.input, timer.tick], opened.then, started.then):
        wire(event, show, studio, inputs=[chosen, shown], outputs=everything)
    turned = [lane.input, shown.change]
    wire(turned, show_lane, studio, inputs=[chosen, lane], outputs=[table, bars])
    wire(turned, cases.list_probes, studio, inputs=[chosen, lane], outputs=shown_cases)


@told
def list_choices(
    studio: Studio, sent: str | None, chosen: str | None, runs: list[str] | None
) -> list[Any]:
    """The measurements to read, and the runs that can be measured."""
    every = studio.runs()
    measured = [(_title(studio, run.id), run.id) for run in every if run.kind == "compare"]
    tuned = [
        (f"{run.title} · {run.id[:15]}", run.id)
        for run in every
        if run.kind == "tune" and run.status() == "finished"
    ]
    known = [id for _, id in measured]
    value = next((id for id in (sent, chosen, *known) if id in known), None)
    kept = [id for id in runs or [] if id in {id for _, id in tuned}]
    return [
        None,
        gr.Dropdown(choices=measured, value=value, info=None if known else "None yet."),
        gr.Dropdown(choices=tuned, value=kept or [id for _, id in tuned[:1]]),
    ]


def _title(studio: Studio, id: str) -> str:
    """Which runs a measurement is about, and when it was made."""
    names = []
    for lane in studio.run(id).comparison.lanes:
        try:
            names.append(studio.run(lane.run).title)
        except StudioError:  # the run was deleted, its measurement stays
            names.append(lane.id)
    return f"{', '.join(names)} · {id[:15]}"


@told
def start(studio: Studio, runs: list[str] | None, limit: float) -> gr.Dropdown:
    """Start measuring the chosen runs against their base."""
    if not runs:
        raise StudioError("Choose at least one finished run to measure.")
    run = studio.compare(runs, limit=int(limit or 0))
    return list_choices(studio, run.id, None, runs)[1]


@told
def show(studio: Studio, id: str | None, shown: str | None) -> list[Any]:
    """The chosen measurement: its progress, or its report once it is there."""
    hidden = gr.Column(visible=False)
    still = gr.Timer(active=False)
    nothing = [gr.skip()] * 6
    if not id:
        return [empty(NO_REPORT), hidden, *nothing, still, None]
    run = studio.run(id)
    standing = look(run)
    if standing.status != "finished":
        mark = "now" if standing.under_way else "bad"
        title = "Measuring" if standing.under_way else "No report"
        words = stage(mark, title, standing.sentence, standing.share)
        clock = gr.Timer(active=standing.under_way)
        return [words, hidden, *nothing, clock, None]
    if shown == id:
        return [gr.skip(), gr.skip(), *nothing, still, gr.skip()]
    report = studio.report(id)
    lanes = [(lane.title, lane.id) for lane in report.lanes]
    return [
        "",
        gr.Column(visible=True),
        findings.tell_headlines(report),
        gr.Radio(choices=lanes, value=lanes[0][1], visible=len(lanes) > 1),
        plots.draw_plane(report),
        report.method(),
        gr.DownloadButton(value=_write(id, "md", report.markdown())),
        gr.DownloadButton(value=_write(id, "json", report.model_dump_json(indent=1))),
        still,
        id,
    ]


@told
def show_lane(studio: Studio, id: str | None, lane: str | None) -> list[Any]:
    """One lane's numbers as a table and as bars."""
    report = _report(studio, id, lane)
    if report is None or lane is None:
        return ["", None]
    return [findings.tell_lane(report, lane), plots.draw_differences(report, lane)]


def _report(studio: Studio, id: str | None, lane: str | None) -> Report | None:
    if not id or not lane or studio.run(id).status() != "finished":
        return None
    report = studio.report(id)
    return report if lane in {one.id for one in report.lanes} else None


def _write(id: str, suffix: str, text: str) -> str:
    """A file to download, in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="report-", dir=os.environ["GRADIO_TEMP_DIR"]))
    path = folder / f"report-{id}.{suffix}"
    path.write_text(text, encoding="utf-8")
    return str(path)
