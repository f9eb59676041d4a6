"""A run over time: what its checkpoints had gained and lost, beside its loss."""

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from studio.errors import StudioError
from studio.measure.comparison import LaneSpec
from studio.measure.curve import Amount, Unit
from studio.measure.report import Report
from studio.studio import Studio
from studio.tuning.run import Run
from studio.ui import plots
from studio.ui.border import told, wire
from studio.ui.markup import empty, quiet
from studio.ui.points import (
    UNITS,
    Point,
    checkpoints_of,
    draw_arms,
    gather,
    run_of,
    runs_of,
    tell_amount,
)
from studio.ui.reading import Reading, has_lane
from studio.ui.sequence import draw_sequence
from studio.ui.theme import LANES, MUTED

SYMBOLS = ("circle", "square", "triangle-up", "star", "hexagon")
NONE = (
    "No checkpoint was measured here. Measure checkpoints asks the chosen run's earlier adapters "
    "the same questions: often most of the gain is there long before most of the loss."
)
NO_CHECKPOINTS = (
    "The chosen run kept no earlier adapters, so there is nothing to draw over time; its recipe "
    "says how many checkpoints are kept."
)


def build(studio: Studio, reading: Reading) -> None:
    """Lay the part out and wire it."""
    words = gr.HTML(empty(NONE), elem_id="journey-words")
    picture = gr.Plot(label="Gain, forgetting and loss over the steps", show_label=False,
                      elem_id="journey", min_width=300, visible=False, buttons=[])  # fmt: skip
    measure = gr.Button("Measure checkpoints", elem_id="measure-checkpoints", size="md")
    gr.Markdown("#### Tuned one after another")
    matrix = gr.HTML(elem_id="sequence")
    read = [reading.report, reading.lane, reading.unit]
    wire(reading.turned, show_sequence, inputs=reading.report, outputs=matrix)
    wire([*reading.turned, reading.unit.change], show, studio, inputs=read,
         outputs=[words, picture, measure], trigger_mode="always_last")  # fmt: skip
    wire(measure.click, measure_all, studio, inputs=[reading.chosen, reading.lane],
         outputs=reading.wanted, show_progress="minimal")  # fmt: skip


@told
def show(studio: Studio, report: Report | None, lane: str | None, unit: Unit) -> list[Any]:
    """The measured checkpoints of every run in the report, and the losses of these runs."""
    if report is None or lane is None or not has_lane(report, lane):
        return ["", gr.Plot(visible=False), gr.Button(visible=False)]
    points = gather(report, unit)
    paths = {run: checkpoints_of(points, run) for run in runs_of(report)}
    paths = {run: path for run, path in paths.items() if len(path) > 1}
    own = run_of(report.lane(lane))
    kept = bool(_checkpoints(studio, own))
    button = gr.Button(visible=kept and own not in paths)
    if not paths:
        return [empty(NONE if kept else NO_CHECKPOINTS), gr.Plot(visible=False), button]
    runs = {run: opened for run in paths if (opened := _open(studio, run))}
    words = quiet(
        "Solid: gained on the task. Dashed: forgotten over all old skills. Dotted, on the right "
        "scale: loss on the held-out examples, or on the training ones where there is none."
    )
    return [words, gr.Plot(value=draw(paths, runs, unit=unit), visible=True), button]


@told
def show_sequence(report: Report | None) -> str:
    """The matrix of runs tuned one after another."""
    return draw_sequence(report) if report else ""


def _open(studio: Studio, id: str) -> Run | None:
    try:
        return studio.run(id)
    except StudioError:  # deleted: its measurement stays, its loss does not
        return None


def _checkpoints(studio: Studio, id: str) -> list[int]:
    run = _open(studio, id)
    return run.checkpoints() if run is not None else []


def draw(paths: Mapping[str, Sequence[Point]], runs: Mapping[str, Run], *, unit: Unit) -> Any:
    """Gain and forgetting of every run's checkpoints over the steps, its loss on a second scale."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for number, (run, path) in enumerate(paths.items()):
        style = {"color": LANES[number % len(LANES)], "symbol": SYMBOLS[number % len(SYMBOLS)]}
        last = _last_step(runs.get(run), path)
        for field, dash in (("gained", "solid"), ("forgotten", "dash")):
            _draw_path(figure, path, field, last=last, dash=dash, unit=unit, **style)
        if run in runs:
            _draw_loss(figure, runs[run], name=path[0].name, color=style["color"])
    plots.settle(figure, height=380, legend_below=True)
    plots.label(figure, "step", UNITS[unit])
    figure.update_layout(
        yaxis2={
            "overlaying": "y", "side": "right", "title": "loss, nats per token",
            "rangemode": "tozero", "showgrid": False, "color": MUTED,
        },
        margin={"r": 55},
    )  # fmt: skip
    return figure


def _last_step(run: Run | None, path: Sequence[Point]) -> int:
    """The step at which the run ended; a little past its last checkpoint if it was deleted."""
    steps = run.steps() if run is not None else []
    if steps:
        return int(steps[-1]["step"])
    return round(1.25 * max(point.lane.checkpoint or 0 for point in path))


def _draw_path(
    figure: Any, path: Sequence[Point], field: str, *, last: int, dash: str, unit: Unit,
    color: str, symbol: str,
) -> None:  # fmt: skip
    amounts = [getattr(point, field) for point in path]
    still = Amount(value=0, low=0, high=0, n=amounts[0].n)
    figure.add_scatter(
        x=[0, *(point.lane.checkpoint or last for point in path)],
        y=[0, *(one.value for one in amounts)],
        name=f"{path[0].name}: {field}",
        mode="lines+markers",
        line={"color": color, "dash": dash, "width": 2},
        marker={"symbol": symbol, "size": 8, "color": color},
        error_y=draw_arms([still, *amounts], color=color),
        customdata=["the base"] + [tell_amount(field, one, unit) for one in amounts],
        hovertemplate="step %{x}: %{customdata}<extra></extra>",
    )


def _draw_loss(figure: Any, run: Run, *, name: str, color: str) -> None:
    events = run.events()
    told = [event for event in events if event.kind == "heldout"]
    kind = "held-out loss"
    if not told:
        told, kind = [event for event in events if event.kind == "step"], "training loss"
    figure.add_scatter(
        x=[event["step"] for event in told], y=[event["loss"] for event in told],
        name=f"{name}: {kind}", mode="lines", yaxis="y2", opacity=0.7,
        line={"color": color, "dash": "dot", "width": 1.5},
        hovertemplate=f"step %{{x}}: {kind} %{{y:.3f}}<extra></extra>",
    )  # fmt: skip


@told
def measure_all(studio: Studio, id: str | None, lane: str | None) -> str:
    """Measure the checkpoints of every run of the measurement, the chosen one's first."""
    if not id or not lane:
        raise StudioError("Open a finished measurement and choose a tuned model first.")
    comparison = studio.run(id).comparison
    runs = dict.fromkeys([LaneSpec.parse(lane).run, *(one.run for one in comparison.lanes)])
    steps = {run: _checkpoints(studio, run) for run in runs}
    lanes = [
        LaneSpec(run=run, checkpoint=step)
        for run, kept in steps.items()
        if kept
        for step in (*kept, None)
    ]
    if not lanes:
        raise StudioError(NO_CHECKPOINTS)
    started = studio.compare(lanes, **comparison.asks)
    gr.Info("Measuring the checkpoints in one batch; the curves appear when it is done.")
    return started.id
