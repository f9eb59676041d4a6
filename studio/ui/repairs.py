"""What can be done about what was forgotten: every repair with what it costs, and its button."""

from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr

from studio.errors import StudioError
from studio.measure.comparison import LaneSpec
from studio.measure.curve import BUDGETS, Unit
from studio.measure.report import Report
from studio.studio import Studio
from studio.tuning.remedy import REMEDIES, RemedyName, fallen
from studio.tuning.run import Run
from studio.ui import repair_options
from studio.ui.border import told, wire
from studio.ui.findings import retention_of
from studio.ui.markup import empty, quiet
from studio.ui.points import run_of
from studio.ui.reading import Reading, has_lane

TITLES: dict[RemedyName, str] = {
    "kl_anchor": "Tune again, anchored",
    "replay": "Tune again, replaying what fell",
    "strength": "Weaken the adapter",
    "checkpoint": "Go back to an earlier step",
    "average": "Average its checkpoints",
    "intruder": "Shrink intruding directions",
}
SENTENCES: dict[RemedyName, str] = {
    "kl_anchor": "The model is held to what the base says on text the base wrote itself. Costs a "
    "whole tuning, about twice as long; forgets least.",
    "replay": "Half of each fallen skill's cases is learned again beside the task; the other half "
    "measures whether it helped. Costs a whole tuning.",
    "strength": "The adapter's update is multiplied down for good, to the strength that gains most "
    "inside the budget. Costs seconds; gives up some of the gain.",
    "checkpoint": "The adapter as it was earlier in the tuning, before most was lost. Costs "
    "nothing; gives up what was learned after it.",
    "average": "The mean of the run's checkpoints and its end, which often keeps the gain and "
    "evens out the loss. Costs seconds.",
    "intruder": "Directions that the tuning put in front of the base's own are shrunk. Costs a "
    "minute of decomposing; the gain mostly stays.",
}
NAMED = 5  # fallen skills named one by one, the worst first
NOTHING = (
    "Nothing is shown to be forgotten, so nothing needs repair. The repairs below work all the "
    "same, for what is inconclusive or became less likely."
)


def build(studio: Studio, reading: Reading) -> None:
    """Lay the part out and wire it."""
    words = gr.HTML(empty("Choose a tuned model above: its repairs appear here."),
                    elem_id="repair-words")  # fmt: skip
    cards: list[Any] = []
    menus: list[Any] = []
    asked = [reading.chosen, reading.lane, reading.report, reading.budget, reading.unit]
    with gr.Row(elem_classes="st-repairs", equal_height=True):
        for how in REMEDIES:
            with gr.Column(min_width=240, visible=False, elem_classes="st-repair") as card:
                gr.HTML(f"<h4>{escape(TITLES[how])}</h4><p>{escape(SENTENCES[how])}</p>")
                fields = repair_options.lay_out(how)
                begin = gr.Button("Repair and measure", size="sm", elem_id=f"repair-{how}")
            cards.append(card)
            options = zip(repair_options.OPTIONS[how], fields, strict=True)
            menus += [field for option, field in options if not option.step]
            wire(begin.click, start, studio, how, inputs=[*asked, *fields], outputs=reading.wanted,
                 show_progress="minimal", trigger_mode="once")  # fmt: skip
    filled = gr.State(None)
    read = [reading.report, reading.lane, filled]
    wire(reading.turned, show, studio, inputs=read, outputs=[words, filled, *cards, *menus])


@told
def show(
    studio: Studio, report: Report | None, lane: str | None, filled: list[str] | None
) -> list[Any]:
    """What the numbers point to, and the repairs that apply to the lane.

    The menus are filled once for a lane of a measurement: what a person has chosen since stays.
    """
    left = [gr.skip() for _ in repair_options.MENUS]
    hidden = [None, *(gr.Column(visible=False) for _ in REMEDIES), *left]
    if report is None or lane is None or not has_lane(report, lane):
        return ["", *hidden]
    try:
        run = studio.run(LaneSpec.parse(lane).run)
    except StudioError:
        return [empty("The run behind this model was deleted; nothing can be repaired."), *hidden]
    spec = LaneSpec.parse(lane)
    offered = applicable(report, spec, run)
    cards = [gr.Column(visible=how in offered) for how in REMEDIES]
    now = [report.created.isoformat(), lane]
    menus = left if filled == now else repair_options.offer(studio, report, spec, run)
    return [tell_advice(report, lane, run, offered), now, *cards, *menus]


def applicable(report: Report, lane: LaneSpec, run: Run) -> list[RemedyName]:
    """The repairs that can be done to this lane at all."""
    matrices = run.recipe.is_lora and not run.recipe.dora
    can: dict[RemedyName, bool] = {
        "kl_anchor": run.kind == "tune" and run.recipe.can_be_held,
        "replay": run.kind == "tune" and run.recipe.loss != "dpo" and bool(fallen(report, lane.id)),
        "strength": matrices,
        "checkpoint": bool(run.checkpoints()) and not lane.checkpoint,
        "average": bool(run.checkpoints()) and matrices,
        "intruder": matrices and run.recipe.method == "lora",
    }
    return [how for how in REMEDIES if can[how]]


def tell_advice(report: Report, lane: str, run: Run, offered: Sequence[RemedyName]) -> str:
    """Which repair the numbers point to, and why."""
    down = fallen(report, lane)
    if not down:
        return quiet(NOTHING)
    titles = [one.title for one in retention_of(report, lane) if one.probe in down]
    named = ", ".join(titles[:NAMED])
    more = f" and {len(down) - NAMED} more" if len(down) > NAMED else ""
    info = report.lane(lane)
    best = report.best_strength(run_of(info), BUDGETS["points"])
    gained, forgotten = best.point.in_unit("points") if best else (None, None)
    if best and gained and forgotten and best.point.strength < info.strength:
        first = (
            f"The strengths show a cheap way: at {best.point.strength:g} it forgot "
            f"{forgotten.value:.1f} points and still gained {gained.value:.1f}."
        )
    elif "kl_anchor" in offered and not run.recipe.kl_anchor:
        first = "It was tuned without an anchor: that is what most often keeps old skills."
    elif "replay" in offered:
        first = "It was anchored already; replaying what fell is the next thing to try."
    else:
        first = "Measure strengths above first: it is the cheapest repair."
    return (
        f'<div class="st-headline"><strong>Down: {escape(named + more)}.</strong> {escape(first)} '
        '<span class="st-quiet">Every repair makes a new run; the original stays, and both are '
        "measured side by side.</span></div>"
    )


@told
def start(
    studio: Studio, how: RemedyName, id: str | None, lane: str | None, report: Report | None,
    budget: float | None, unit: Unit, *values: Any,
) -> Any:  # fmt: skip
    """Start the repair, and the measurement of original and repaired together."""
    if not id or not lane or report is None:
        raise StudioError("Open a finished measurement and choose a tuned model first.")
    options = repair_options.read(how, values)
    if how == "strength" and "strength" not in options:
        options["strength"] = _best_strength(report, lane, budget, unit)
    _, measurement = studio.repair_and_measure(id, lane, how, **options)
    gr.Info("Repairing; the original and the repaired model are measured side by side then.")
    return measurement.id


def _best_strength(report: Report, lane: str, budget: float | None, unit: Unit) -> float:
    """The lane's own strength if it is a weaker one, else the best that was measured."""
    info = report.lane(lane)
    if info.strength != 1:
        return info.strength
    allowed = BUDGETS[unit] if budget is None else budget
    best = report.best_strength(run_of(info), allowed, unit=unit)
    if best is None or best.point.strength == 1:
        raise StudioError(
            "No weaker strength of this run was measured inside the budget. Press Measure "
            "strengths first, or raise the budget."
        )
    return best.point.strength
