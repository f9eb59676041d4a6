"""Gain and forgetting against the strength of one run's adapter, and the best strength to keep."""

from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr

from studio.errors import StudioError
from studio.measure.comparison import LaneSpec
from studio.measure.curve import Amount, BestStrength, Unit
from studio.measure.report import Report
from studio.studio import Studio
from studio.ui import plots
from studio.ui.border import told, wire
from studio.ui.markup import empty
from studio.ui.numbers import interval, number, signed
from studio.ui.points import (
    DIGITS,
    UNITS,
    Point,
    draw_arms,
    gather,
    name_run,
    run_of,
    strengths_of,
    tell_amount,
)
from studio.ui.reading import Reading, has_lane
from studio.ui.theme import BASE, MUTED, TUNED

MEASURED = (0.25, 0.5, 0.75, 1.0, 1.25)
"""The strengths that one click measures."""
FEW = 3  # from so many strengths on a curve is drawn
NOT_OPEN = "Open a finished measurement and choose a tuned model first."
SOFT = "A soft prompt has no strength: it is there or not. Taken off, it leaves the base as it was."
NONE = "Choose a tuned model above: its strengths appear here."


def build(studio: Studio, reading: Reading) -> None:
    """Lay the part out and wire it."""
    words = gr.HTML(empty(NONE), elem_id="strength-words")
    curve = gr.Plot(label="Gain and forgetting against strength", show_label=False,
                    elem_id="strength-curve", min_width=300, visible=False, buttons=[])  # fmt: skip
    with gr.Row(elem_classes="st-end"):
        strength = gr.Number(1, label="Strength", minimum=0, maximum=1.5, step=0.05,
                             info="0 is the base, 1 the adapter as trained.", min_width=140,
                             elem_id="kept-strength")  # fmt: skip
        keep = gr.Button("Keep this strength", elem_id="keep-strength", min_width=160, size="md")
        measure = gr.Button("Measure strengths", elem_id="measure-strengths", min_width=160,
                            size="md")  # fmt: skip
    read = [reading.report, reading.lane, reading.unit, reading.budget]
    again = [*reading.turned, reading.unit.change, reading.budget.change]
    wire(again, show, studio, inputs=read, outputs=[words, curve, strength],
         trigger_mode="always_last")  # fmt: skip
    wire(measure.click, measure_all, studio, inputs=[reading.chosen, reading.lane],
         outputs=reading.wanted, show_progress="minimal")  # fmt: skip
    wire(keep.click, keep_strength, studio, inputs=[reading.chosen, reading.lane, strength],
         outputs=reading.wanted, show_progress="minimal")  # fmt: skip


@told
def show(
    studio: Studio, report: Report | None, lane: str | None, unit: Unit, budget: float | None
) -> list[Any]:
    """The curve of the chosen lane's run, or what to do to get one."""
    if report is None or lane is None or not has_lane(report, lane):
        return [empty(NONE), gr.Plot(visible=False), gr.skip()]
    if report.detached(lane):
        return [empty(SOFT), gr.Plot(visible=False), gr.skip()]
    run = run_of(report.lane(lane))
    points = strengths_of(gather(report, unit), run)
    if len(points) < FEW:
        words = empty(
            f"{name_run(report.lane(lane))} was measured at {_count(points)}. Measure strengths "
            "asks it again at 25, 50, 75, 100 and 125 % of its tuning, in one batch: often a "
            "weaker one keeps most of the gain and forgets far less."
        )
        return [words, gr.Plot(visible=False), gr.skip()]
    best = report.best_strength(run, budget, unit=unit) if budget is not None else None
    figure = draw(points, unit=unit, budget=budget, best=best.point.strength if best else None)
    chosen = best.point.strength if best else gr.skip()
    return [tell_best(best, unit, budget), gr.Plot(value=figure, visible=True), chosen]


def _count(points: Sequence[Point]) -> str:
    if not points:
        return "no strength that can be drawn"
    return f"{len(points)} strength{'s' if len(points) > 1 else ''} only"


def tell_best(best: BestStrength | None, unit: Unit, budget: float | None) -> str:
    """Which strength gains most inside the budget, and how sure it is that it is inside."""
    if budget is None:
        return empty("Give a budget above: the best strength inside it is marked.")
    gained, forgotten = best.point.in_unit(unit) if best else (None, None)
    if best is None or gained is None or forgotten is None:
        sentence = (
            f"No measured strength gains anything while forgetting at most {budget:g} "
            f"{UNITS[unit]}. Raise the budget, or repair the run below."
        )
        return f'<div class="st-headline">{escape(sentence)}</div>'
    digits = DIGITS[unit]
    sentence = (
        f"Strength {best.point.strength:g} gains most inside the budget of {budget:g} "
        f"{UNITS[unit]}: {signed(gained.value, digits=digits)} gained, "
        f"{number(forgotten.value, digits=digits)} forgotten "
        f"({interval(forgotten.low, forgotten.high, digits=digits)}, n = {forgotten.n:,})."
    )
    sentence += (
        " Its whole interval lies inside."
        if best.certain
        else " Its interval reaches beyond the budget; more cases would tell."
    )
    return f'<div class="st-headline">{escape(sentence)}</div>'


def draw(
    points: Sequence[Point], *, unit: Unit, budget: float | None, best: float | None = None
) -> Any:
    """Two lines over the strength: gained and forgotten, both with intervals; 0 is the base."""
    import plotly.graph_objects as go

    figure = go.Figure()
    _draw_line(figure, points, "gained", color=TUNED, symbol="circle", unit=unit)
    _draw_line(figure, points, "forgotten", color=MUTED, symbol="square", unit=unit, dash="dash")
    figure.add_scatter(
        x=[0], y=[0], mode="markers", name="base", marker={"color": BASE, "size": 12,
        "symbol": "diamond"}, hovertemplate="base<extra></extra>",
    )  # fmt: skip
    if budget is not None:
        figure.add_hline(
            y=budget, line={"color": MUTED, "width": 1.5, "dash": "dot"},
            annotation={"text": f"budget {budget:g}", "xanchor": "right", "yanchor": "bottom"},
        )  # fmt: skip
    if best is not None:
        figure.add_vline(
            x=best, line={"color": TUNED, "width": 1.5, "dash": "dot"},
            annotation={"text": f"best inside: ×{best:g}", "yanchor": "bottom", "y": 1},
        )  # fmt: skip
    plots.settle(figure, height=360, legend_below=True)
    plots.label(figure, "strength (0 is the base, 1 as trained)", UNITS[unit])
    return figure


def _draw_line(
    figure: Any, points: Sequence[Point], field: str, *, color: str, symbol: str, unit: Unit,
    dash: str = "solid",
) -> None:  # fmt: skip
    amounts = [getattr(point, field) for point in points]
    still = Amount(value=0, low=0, high=0, n=amounts[0].n)
    figure.add_scatter(
        x=[0, *(point.lane.strength for point in points)],
        y=[0, *(one.value for one in amounts)],
        name=f"{field}, {UNITS[unit]}",
        mode="lines+markers",
        line={"color": color, "width": 2, "dash": dash},
        marker={"color": color, "size": 8, "symbol": symbol},
        error_y=draw_arms([still, *amounts], color=color),
        customdata=["the base"] + [tell_amount(field, one, unit) for one in amounts],
        hovertemplate="×%{x:g}: %{customdata}<extra></extra>",
    )


@told
def measure_all(studio: Studio, id: str | None, lane: str | None) -> str:
    """Measure the chosen lane's run at every strength, with the cases of the open measurement."""
    run, comparison = _chosen(studio, id, lane)
    lanes = [LaneSpec(run=run, strength=strength) for strength in MEASURED]
    started = studio.compare(lanes, **comparison.asks)
    gr.Info("Measuring five strengths in one batch; the curve appears when it is done.")
    return started.id


@told
def keep_strength(studio: Studio, id: str | None, lane: str | None, strength: float | None) -> str:
    """Publish the run's adapter at this strength as a run of its own, and measure both."""
    if not id or not lane:
        raise StudioError(NOT_OPEN)
    if strength is None or not 0 < strength <= 1.5:
        raise StudioError("Give a strength above 0 and at most 1.5; 0 would be the base.")
    _, measurement = studio.repair_and_measure(id, LaneSpec.parse(lane).run, "strength",
                                               strength=strength)  # fmt: skip
    gr.Info("Kept as a run of its own; it is measured beside the original now.")
    return measurement.id


def _chosen(studio: Studio, id: str | None, lane: str | None) -> tuple[str, Any]:
    if not id or not lane:
        raise StudioError(NOT_OPEN)
    return LaneSpec.parse(lane).run, studio.run(id).comparison
