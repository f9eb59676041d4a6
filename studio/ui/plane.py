"""The gain–forgetting plane: every tuned lane as a point, with its intervals as a cross."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from studio.errors import StudioError
from studio.measure.curve import Unit
from studio.measure.report import Report
from studio.studio import Studio
from studio.ui import plots
from studio.ui.border import told, wire
from studio.ui.points import (
    UNITS,
    Point,
    checkpoints_of,
    draw_arms,
    find_front,
    gather,
    strengths_of,
    tell_amount,
)
from studio.ui.reading import Reading
from studio.ui.theme import BASE, LANES, MUTED

SYMBOLS = ("circle", "square", "triangle-up", "star", "hexagon")
BESIDE = 6  # other measurements that can be drawn into the same plane
# A picture tells what is under the pointer only in its own event, so a click asks it there.
PICK = """
document.addEventListener('click', event => {
  const plot = event.target.closest?.('#plane')?.querySelector('.js-plotly-plot');
  const point = plot?._hoverdata?.[0];
  if (point?.customdata?.[0]) trigger('click', {lane: point.customdata[0]});
});
"""


def build(studio: Studio, reading: Reading) -> None:
    """Lay the picture out and wire it."""
    picture = gr.Plot(
        label="Gained against forgotten", show_label=False, min_width=300, elem_id="plane",
        buttons=[],
    )  # fmt: skip
    picker = gr.HTML("", visible="hidden", js_on_load=PICK, elem_id="plane-picker")
    beside = gr.Dropdown(
        [], multiselect=True, max_choices=BESIDE, label="Draw other measurements beside it",
        info="Those that asked the same questions of the same base.", elem_id="plane-beside",
        visible=False,
    )  # fmt: skip
    drawn = [reading.report, reading.unit, reading.budget, beside]
    again = [*reading.turned, reading.unit.change, reading.budget.change, beside.change]
    wire(again, show, studio, inputs=drawn, outputs=picture, trigger_mode="always_last")
    wire(reading.stamp.change, list_beside, studio,
         inputs=[reading.report, reading.chosen], outputs=beside)  # fmt: skip
    wire(picker.click, pick, inputs=[reading.report, reading.turn],
         outputs=[reading.lane, reading.turn])  # fmt: skip


@told
def show(
    studio: Studio, report: Report | None, unit: Unit, budget: float, beside: list[str] | None
) -> Any:
    """The plane of the report, with those of other measurements in it."""
    if report is None:
        return None
    others = [studio.report(id) for id in beside or []]
    return draw([report, *others], unit=unit, budget=budget)


@told
def list_beside(studio: Studio, report: Report | None, id: str | None) -> gr.Dropdown:
    """The other finished measurements that asked the same questions of the same base."""
    if report is None:
        return gr.Dropdown(choices=[], value=None, visible=False)
    asked = {one.fingerprint for one in report.probes}
    found = []
    for run in studio.runs():
        if run.kind != "compare" or run.id == id or run.status() != "finished":
            continue
        try:
            other = studio.report(run.id)
        except StudioError:  # made by another version; it can be measured again
            continue
        if other.base == report.base and {one.fingerprint for one in other.probes} == asked:
            names = ", ".join(lane.title for lane in other.lanes)
            found.append((f"{names} · {run.id[:15]}", run.id))
    return gr.Dropdown(choices=found, value=None, visible=bool(found))


@told
def pick(report: Report | None, turn: int, event: gr.EventData) -> list[Any]:
    """The lane of the point that was clicked; one of another measurement has no details here."""
    lane = str(event._data.get("lane", ""))
    known = {one.id for one in report.lanes} if report else set()
    return [lane, turn + 1] if lane in known else [gr.skip(), gr.skip()]


def draw(reports: Sequence[Report], *, unit: Unit, budget: float | None) -> Any:
    """Every lane as a point: what it forgot (to the right) against what it gained (upwards)."""
    import plotly.graph_objects as go

    figure = go.Figure()
    by_report = [gather(report, unit) for report in reports]
    # A lane that several reports measured is drawn once, as the open report has it.
    by_lane = {one.lane.id: one for points in reversed(by_report) for one in reversed(points)}
    points = list(reversed(by_lane.values()))
    _draw_front(figure, points)
    runs = list(dict.fromkeys(one.run for one in points))
    for number, run in enumerate(runs):
        color, symbol = LANES[number % len(LANES)], SYMBOLS[number % len(SYMBOLS)]
        _draw_path(figure, strengths_of(points, run), color=color, from_base=True)
        _draw_path(figure, checkpoints_of(points, run), color=color, dash="dot")
        own = [one for one in points if one.run == run]
        _draw_run(figure, own, unit=unit, color=color, symbol=symbol)
    figure.add_scatter(
        x=[0], y=[0], mode="markers", name="base",
        marker={"color": BASE, "size": 13, "symbol": "diamond"},
        hovertemplate="base: nothing gained, nothing forgotten<extra></extra>",
    )  # fmt: skip
    _settle(figure, points, unit=unit, budget=budget)
    return figure


def _draw_front(figure: Any, points: Sequence[Point]) -> None:
    front = find_front(points)
    if len(front) < 2:
        return
    figure.add_scatter(
        x=[place[0] for place in front], y=[place[1] for place in front],
        mode="lines", name="front: nothing beats these in both", hoverinfo="skip",
        line={"color": "rgba(138, 143, 152, 0.5)", "width": 7},
    )  # fmt: skip


def _draw_path(
    figure: Any,
    points: Sequence[Point],
    *,
    color: str,
    dash: str = "solid",
    from_base: bool = False,
) -> None:
    """Join a run's strengths, from the base on, or its checkpoints."""
    if len(points) < 2:
        return
    start = [0.0] if from_base else []
    figure.add_scatter(
        x=start + [one.forgotten.value for one in points],
        y=start + [one.gained.value for one in points],
        mode="lines", line={"color": color, "width": 1.5, "dash": dash},
        legendgroup=points[0].run, showlegend=False, hoverinfo="skip",
    )  # fmt: skip


def _draw_run(figure: Any, points: Sequence[Point], *, unit: Unit, color: str, symbol: str) -> None:
    crowded = len(points) > 2
    figure.add_scatter(
        x=[one.forgotten.value for one in points],
        y=[one.gained.value for one in points],
        name=points[0].name,
        legendgroup=points[0].run,
        mode="markers+text",
        cliponaxis=False,
        text=[one.mark for one in points],
        textposition="bottom center",
        textfont={"size": 11},
        marker={
            "color": color,
            "size": [9 if one.mark else 13 for one in points],
            "symbol": symbol,
            "line": {"color": "rgba(255,255,255,0.7)", "width": 1},
        },
        error_x=draw_arms([one.forgotten for one in points], color=color, thin=crowded),
        error_y=draw_arms([one.gained for one in points], color=color, thin=crowded),
        customdata=[[one.lane.id, *_tell(one, unit)] for one in points],
        hovertemplate="<b>%{customdata[1]}</b><br>%{customdata[2]}<br>%{customdata[3]}"
        "<extra></extra>",
    )


def _tell(point: Point, unit: Unit) -> list[str]:
    return [
        point.lane.title,
        tell_amount("gained", point.gained, unit),
        tell_amount("forgot", point.forgotten, unit),
    ]


def _settle(figure: Any, points: Sequence[Point], *, unit: Unit, budget: float | None) -> None:
    if budget is not None:
        figure.add_vline(
            x=budget, line={"color": MUTED, "width": 1.5, "dash": "dash"},
            annotation={"text": f"budget {budget:g}", "y": 1, "yanchor": "bottom"},
        )  # fmt: skip
    plots.settle(figure, height=430, legend_below=True)
    plots.label(figure, f"forgotten, {UNITS[unit]} (all retention probes)",
                f"gained on the task, {UNITS[unit]}")  # fmt: skip
    figure.update_layout(hovermode="closest")
