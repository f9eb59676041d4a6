"""The fifth tab: what was gained and what was forgotten, how sure that is, and every case."""

from typing import Any

import gradio as gr

from studio.errors import StudioError
from studio.measure.comparison import LaneSpec
from studio.measure.curve import BUDGETS
from studio.measure.report import Report
from studio.studio import Studio
from studio.ui import (
    cases,
    deeper,
    downloads,
    findings,
    journey,
    plane,
    recovery,
    repairs,
    strengths,
)
from studio.ui.border import told, wire
from studio.ui.links import Links
from studio.ui.markup import empty, stage
from studio.ui.reading import Reading, has_lane
from studio.ui.standing import look

NO_REPORT = (
    "The report appears here: what was gained on the task, what was forgotten elsewhere, and how "
    "sure that is. Choose finished runs and press Measure."
)
NO_LANE = "Choose a tuned model above: its skills appear here."
COUNTED = [("Points", "points"), ("Nats per token", "nats")]
# A picture that was drawn behind a fold does not know its width until it is seen.
FIT = "() => { setTimeout(() => window.dispatchEvent(new Event('resize')), 60) }"
PACE = 1.5  # seconds between two looks at the folder


def build(studio: Studio, links: Links, tab: gr.Tab) -> None:
    """Lay the tab out and wire it."""
    chosen, fold, runs, limit, measure = _lay_out_choice()
    with gr.Row(equal_height=False):
        state = gr.HTML(empty(NO_REPORT), elem_id="report-state")
        stop = gr.Button("Stop measuring", size="sm", elem_id="stop-measuring", visible=False,
                         min_width=130, scale=0)  # fmt: skip
    report, stamp, wanted, turn = gr.State(None), gr.State(None), gr.State(None), gr.State(0)
    with gr.Column(visible=False, elem_id="report-body") as body:
        headlines = gr.HTML(elem_id="headlines")
        with gr.Row():
            lane = gr.Dropdown([], label="Tuned model", elem_id="report-lane", scale=2,
                               info="The details below are about it.", min_width=260)  # fmt: skip
            unit = gr.Radio(COUNTED, value="points", label="Count differences in", elem_id="unit",
                            min_width=200)  # fmt: skip
            budget = gr.Number(
                BUDGETS["points"], label="Forgetting accepted", minimum=0, step=0.5,
                elem_id="budget", min_width=120,
            )  # fmt: skip
        reading = Reading(chosen=chosen, lane=lane, report=report, unit=unit, budget=budget,
                          wanted=wanted, stamp=stamp, turn=turn)  # fmt: skip
        _lay_out_parts(studio, reading)
    timer = gr.Timer(PACE, active=False)

    offered = [links.measurement, chosen, runs]
    opened = [
        wire(tab.select, open_tab, studio, inputs=offered, outputs=[*offered, fold]),
        wire(wanted.change, list_wanted, studio, inputs=[wanted, runs], outputs=[chosen, runs]),
        wire(measure.click, start, studio, inputs=[runs, limit], outputs=chosen),
        wire(stop.click, cancel, studio, inputs=chosen),
    ]
    everything = [state, stop, body, report, stamp, timer]
    for event in ([chosen.input, timer.tick], *(one.then for one in opened)):
        wire(event, show, studio, inputs=[chosen, stamp], outputs=everything)
    wire(stamp.change, show_top, inputs=[report, turn, lane], outputs=[headlines, lane, turn])
    wire(unit.input, lambda unit: BUDGETS[unit], inputs=unit, outputs=budget)


def _lay_out_choice() -> tuple[Any, ...]:
    chosen = gr.Dropdown([], label="Measurement", elem_id="measurement")
    title = "Measure tuned runs against their base"
    with gr.Accordion(title, open=False, elem_id="new-measure") as fold, gr.Row():
        runs = gr.Dropdown([], multiselect=True, label="Tuned runs", elem_id="measure-runs",
                           scale=3, min_width=220)  # fmt: skip
        limit = gr.Number(0, label="Cases per probe", info="0 takes all.", minimum=0,
                          precision=0, elem_id="limit", min_width=110, scale=1)  # fmt: skip
        measure = gr.Button("Measure", variant="primary", elem_id="measure", min_width=110)
    return chosen, fold, runs, limit, measure


def _lay_out_parts(studio: Studio, reading: Reading) -> None:
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=320):
            plane.build(studio, reading)
            with gr.Accordion("Tuned models side by side", open=False, visible=False) as beside:
                table = gr.HTML(elem_id="side-by-side")
        with gr.Column(scale=1, min_width=320):
            _lay_out_families(reading)
    wire(reading.turned, show_side_by_side, inputs=reading.report, outputs=[beside, table])
    for title, id, part in (
        ("Strength: how much to keep", "part-strength", strengths),
        ("Repair what was forgotten", "part-repair", repairs),
        ("Case by case", "part-cases", cases),
        ("Lost, or only hidden?", "part-hidden", recovery),
        ("Over time, and run after run", "part-journey", journey),
        ("Measure more, judge differently", "part-deeper", deeper),
    ):
        with gr.Accordion(title, open=False, elem_id=id) as folded:
            part.build(studio, reading)
        folded.expand(None, js=FIT, api_visibility="private")
    downloads.build(studio, reading)


def _lay_out_families(reading: Reading) -> None:
    shown = gr.Radio(findings.FILTERS, value="changed", label="Skills", elem_id="family-filter")
    families = gr.HTML(elem_id="findings")
    wire([*reading.turned, shown.change], show_families,
         inputs=[reading.report, reading.lane, shown], outputs=families)  # fmt: skip


@told
def open_tab(
    studio: Studio, sent: str | None, chosen: str | None, runs: list[str] | None
) -> list[Any]:
    """What there is to choose from; where nothing was measured yet, that part is unfolded."""
    choices = list_choices(studio, sent, chosen, runs)
    measured = any(run.kind == "compare" for run in studio.runs())
    return [None, *choices, gr.skip() if measured else gr.Accordion(open=True)]


@told
def list_choices(
    studio: Studio, sent: str | None, chosen: str | None, runs: list[str] | None
) -> list[Any]:
    """The measurements to read, and the runs that can be measured."""
    every = studio.runs()
    measured = [(_title(studio, run.id), run.id) for run in every if run.kind == "compare"]
    tuned = [
        (" · ".join([run.title, run.id[:15], *_step_of(lane)]), lane)
        for run in every
        if run.kind != "compare"
        for lane in ([run.id] if run.status() == "finished" else run.lanes())
    ]
    known = [id for _, id in measured]
    value = next((id for id in (sent, chosen, *known) if id in known), None)
    kept = [id for id in runs or [] if id in {id for _, id in tuned}]
    newest = [id for _, id in tuned if ":" not in id] or [id for _, id in tuned]
    return [
        gr.Dropdown(choices=measured, value=value, info=None if known else "None yet."),
        gr.Dropdown(choices=tuned, value=kept or newest[:1]),
    ]


def _step_of(lane: str) -> list[str]:
    step = LaneSpec.parse(lane).checkpoint
    return [] if step is None else [f"step {step}"]


@told
def list_wanted(studio: Studio, wanted: str | None, runs: list[str] | None) -> list[Any]:
    """The measurements again, with one that a part of the tab has just started opened."""
    return list_choices(studio, wanted, None, runs)


def _title(studio: Studio, id: str) -> str:
    """Which runs a measurement is about, and when it was made."""
    names = []
    for lane in studio.run(id).comparison.lanes:
        try:
            name = studio.run(lane.run).title
        except StudioError:  # the run was deleted, its measurement stays
            name = lane.run
        mark = f" step {lane.checkpoint}" if lane.checkpoint else ""
        names.append(name + mark + (f" ×{lane.strength:g}" if lane.strength != 1 else ""))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more} · {id[:15]}"


@told
def start(studio: Studio, runs: list[str] | None, limit: float) -> gr.Dropdown:
    """Start measuring the chosen runs against their base."""
    if not runs:
        raise StudioError("Choose at least one finished run to measure.")
    run = studio.compare(runs, limit=int(limit or 0))
    return list_choices(studio, run.id, None, runs)[0]


@told
def cancel(studio: Studio, id: str | None) -> None:
    """Stop the measurement that is under way."""
    if id:
        studio.run(id).cancel()


@told
def show(studio: Studio, id: str | None, stamp: list[Any] | None) -> list[Any]:
    """The chosen measurement: its progress, or its report once it is there."""
    hidden, still = gr.Column(visible=False), gr.Timer(active=False)
    unstoppable = gr.Button(visible=False)
    if not id:
        return [empty(NO_REPORT), unstoppable, hidden, None, None, still]
    run = studio.run(id)
    standing = look(run)
    if standing.status != "finished":
        clock = gr.Timer(active=standing.under_way)
        button = gr.Button(visible=standing.under_way)
        return [tell_progress(studio, id), button, hidden, None, None, clock]
    if stamp and stamp[0] == id:  # it is shown already, perhaps judged with other margins
        return [gr.skip(), unstoppable, gr.skip(), gr.skip(), gr.skip(), still]
    report = studio.report(id)
    return ["", unstoppable, gr.Column(visible=True), report, [id], still]


def tell_progress(studio: Studio, id: str) -> str:
    """How the measurement stands, and the runs it waits for."""
    lines = []
    for name in dict.fromkeys(lane.run for lane in studio.run(id).comparison.lanes):
        try:
            awaited = studio.run(name)
        except StudioError:  # deleted; the measurement will say so itself
            continue
        standing = look(awaited)
        if standing.under_way:
            lines.append(stage("now", awaited.title, standing.sentence, standing.share))
    standing = look(studio.run(id))
    mark = "now" if standing.under_way else "bad"
    title = "Measuring" if standing.under_way else "No report"
    return "".join(lines) + stage(mark, title, standing.sentence, standing.share)


@told
def show_top(report: Report | None, turn: int, lane: str | None) -> list[Any]:
    """Every lane's summary, and the lanes to choose from; the chosen one is kept."""
    if report is None:
        return ["", gr.skip(), gr.skip()]
    lanes = [(one.title, one.id) for one in report.lanes]
    ends = [one.id for one in report.lanes if one.strength == 1 and not one.checkpoint]
    value = lane if has_lane(report, lane) else next(iter([*ends, lanes[0][1]]))
    return [findings.tell_lanes(report), gr.Dropdown(choices=lanes, value=value), turn + 1]


@told
def show_families(report: Report | None, lane: str | None, shown: str) -> str:
    """One lane's skills, filtered."""
    if report is None or lane is None or not has_lane(report, lane):
        return empty(NO_LANE)
    return findings.tell_families(report, lane, shown)


@told
def show_side_by_side(report: Report | None) -> list[Any]:
    """All lanes in one table, where there are several."""
    if report is None or len(report.lanes) < 2:
        return [gr.Accordion(visible=False), ""]
    return [gr.Accordion(visible=True), findings.tell_side_by_side(report)]
