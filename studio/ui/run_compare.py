"""Two to four runs beside each other: where their recipes differ, what came of it, their curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from studio.errors import StudioError
from studio.studio import Studio
from studio.tuning.differences import MOST
from studio.tuning.run import Run
from studio.tuning.stopping import LAST_WORDS
from studio.tuning.transfer import speed_up
from studio.ui import plots
from studio.ui.border import told
from studio.ui.markup import empty, quiet, table
from studio.ui.run_table import find_headlines
from studio.ui.standing import duration, look
from studio.ui.theme import LANES, MUTED

INVITATION = f"Choose two to {MOST} runs: where their recipes differ, and what came of it."
COLORS = (*LANES, MUTED)
DASHES = ("solid", "dash", "dot", "dashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up")
NOTHING = "–"
LINES = "In the picture, thick with signs is the held-out loss, thin the training loss."


@dataclass(frozen=True)
class Compared:
    """The parts of the comparison."""

    chosen: gr.Dropdown
    shown: list[Any]
    """The table, the curves, and what they were drawn of."""


def lay_out() -> Compared:
    """A menu of several runs, and below it what there is to say of them."""
    with gr.Accordion("Compare runs", open=False, elem_id="compare-runs"):
        # A run that was deleted meanwhile is told, not refused by the menu.
        chosen = gr.Dropdown([], value=[], multiselect=True, max_choices=MOST, elem_id="compared",
                             label=f"Two to {MOST} runs", allow_custom_value=True)  # fmt: skip
        told_here = gr.HTML(quiet(INVITATION), elem_id="compared-table")
        curves = gr.Plot(show_label=False, label="Loss over the steps", visible=False,
                         elem_id="compared-curves")  # fmt: skip
        drawn = gr.State(None)
    return Compared(chosen, [told_here, curves, drawn])


@told
def show_compared(studio: Studio, ids: Sequence[str] | None, drawn: Any) -> list[Any]:
    """The comparison as it stands; left alone while nothing has happened to any of the runs."""
    if len(ids or []) < 2:
        return [quiet(INVITATION), gr.Plot(visible=False), None]
    try:
        runs = [studio.run(id) for id in ids or []]
    except StudioError as error:
        return [empty(str(error)), gr.Plot(visible=False), None]
    headlines = find_headlines(studio)
    now = [[run.id, run.title, run.status(), len(run.events()), headlines.get(run.id)]
           for run in runs]  # fmt: skip
    if now == drawn:
        return [gr.skip()] * 3
    figure = draw_compared(runs)
    return [
        tell_compared(studio, runs, headlines),
        gr.Plot(value=figure, visible=figure is not None),
        now,
    ]


def tell_compared(
    studio: Studio, runs: Sequence[Run], headlines: dict[str, tuple[str, str]]
) -> str:
    """A table with a column for each run: the fields that differ, then what came of them."""
    differing = studio.differing([run.id for run in runs])
    rows = [["Run", *(run.title for run in runs)]]
    rows += [[_words(one.field), *map(_plain, one.values)] for one in differing]
    if any(run.kind == "repair" for run in runs):
        rows.append(["Repair", *(run.summary() if run.kind == "repair" else "" for run in runs)])
    known = [headlines.get(run.id, ("", "")) for run in runs]
    rows += [
        ["How it stands", *(look(run).word for run in runs)],
        ["Gain, points", *(gain for gain, _ in known)],
        ["Change on old skills, points", *(kept for _, kept in known)],
        ["Training loss at the end", *(_loss(run, "step") for run in runs)],
        ["Held-out loss at the end", *(_loss(run, "heldout") for run in runs)],
        ["Time", *(took(run) for run in runs)],
    ]
    cells = [[f"<strong>{escape(row[0])}</strong>", *(escape(one or NOTHING) for one in row[1:])]
             for row in rows]  # fmt: skip
    same = "" if differing else quiet("Their recipes are the same in every field.")
    unmeasured = [str(place) for place, run in enumerate(runs, 1) if run.id not in headlines]
    wanting = f"Gain and forgetting come from measuring; not yet of run {', '.join(unmeasured)}."
    headers = ["", *map(str, range(1, len(runs) + 1))]
    below = [wanting] * bool(unmeasured) + tell_speed(runs) + [LINES]
    return same + table(headers, cells) + "".join(map(quiet, below))


def tell_speed(runs: Sequence[Run]) -> list[str]:
    """How much sooner the others came to where the first of them, on its dataset, came at best."""
    first, *others = runs
    told_of = []
    for place, run in enumerate(others, 2):
        if run.recipe.dataset == first.recipe.dataset and (times := speed_up(first, run)):
            told_of.append(
                f"Run {place} came to the best held-out loss of run 1 in {1 / times:.0%} of its "
                f"steps ({times:.1f} times as soon)."
            )
    return told_of


def took(run: Run) -> str:
    """How long an ended run worked; without the time that it waited."""
    events = run.events()
    if not events or events[-1].kind not in LAST_WORDS:
        return ""
    begun = next((event for event in events if event.kind == "phase"), events[0])
    return duration(events[-1].at - begun.at)


def draw_compared(runs: Sequence[Run]) -> Any:
    """Held-out loss in full, training loss faintly, a dash and a sign for every run.

    None before any run has made a step.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for place, run in enumerate(runs):
        events = run.events()
        name = f"run {place + 1}"
        about = f"{escape(run.title)}<br>%{{y:.3f}} at step %{{x}}<extra></extra>"
        line = {"color": COLORS[place], "dash": DASHES[place]}
        learned = [event for event in events if event.kind == "step"]
        heldout = [event for event in events if event.kind == "heldout"]
        if learned:
            figure.add_scatter(
                x=[one["step"] for one in learned], y=[one["loss"] for one in learned],
                name=name, legendgroup=name, mode="lines", hovertemplate=about,
                line={**line, "width": 1.2}, opacity=0.55, showlegend=not heldout,
            )  # fmt: skip
        if heldout:
            figure.add_scatter(
                x=[one["step"] for one in heldout], y=[one["loss"] for one in heldout],
                name=name, legendgroup=name, mode="lines+markers", hovertemplate=about,
                line={**line, "width": 2.5}, marker={"symbol": SYMBOLS[place], "size": 8},
            )  # fmt: skip
    if not figure.data:
        return None
    plots.settle(figure, height=360)
    figure.update_xaxes(title="step")
    figure.update_yaxes(title="nats per token", rangemode="tozero")
    return figure


def _loss(run: Run, kind: str) -> str:
    event = run.last(kind)
    return f"{event['loss']:.3f}" if event and event["loss"] is not None else ""


def _words(field: str) -> str:
    return field.replace("_", " ").capitalize().replace("Kl ", "KL ")


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(value) if isinstance(value, tuple) else str(value)
