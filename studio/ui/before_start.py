"""What a recipe will take, told under the Start button while the recipe is being made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.errors import StudioError
from studio.studio import Studio
from studio.tuning.estimate import Estimate, read_estimate
from studio.tuning.fitting import size
from studio.tuning.run import Run
from studio.ui import forms
from studio.ui.border import told
from studio.ui.markup import card, cards, empty
from studio.ui.standing import duration

NOTHING = "What the run will take of memory, time and disk appears here."


@dataclass(frozen=True)
class BeforeStart:
    """The parts that the tab wires."""

    shown: list[Any]
    fill: gr.Button
    anyway: gr.Button


def lay_out() -> BeforeStart:
    """Cards with the estimate, and what can be done if it does not fit."""
    takes = gr.HTML(empty(NOTHING), elem_id="estimate")
    with gr.Row():
        fill = gr.Button("Fill in what fits", size="sm", visible=False, elem_id="fill-fitting")
        anyway = gr.Button("Start anyway", size="sm", visible=False, elem_id="start-anyway")
    return BeforeStart(shown=[takes, fill, anyway], fill=fill, anyway=anyway)


@told
def tell(studio: Studio, *values: Any) -> list[Any]:
    """The estimate of the form's recipe; nothing while the form is not whole."""
    try:
        found = studio.estimate(forms.to_recipe(values))
    except StudioError:  # what is wrong stands beside it, where the recipe is spelled out
        return [empty(NOTHING), gr.Button(visible=False), gr.Button(visible=False)]
    unfit = not found.fits
    return [
        draw(found),
        gr.Button(visible=unfit or found.tight),
        gr.Button(visible=unfit),
    ]


def draw(found: Estimate) -> str:
    """Memory, time and disk, each with what it is made of."""
    has = found.machine
    if not found.fits:
        verdict = f"! Does not fit: there are {size(has.memory)} in all."
    elif found.tight:
        verdict = f"! Tight: {size(has.free)} of {size(has.memory)} are free now."
    else:
        verdict = f"Fits: {size(has.free)} of {size(has.memory)} are free."
    parts = sorted(found.parts.items(), key=lambda part: -part[1])
    made_of = ", ".join(f"{name} {size(amount)}" for name, amount in parts if amount >= 1e6)
    seconds = "unknown" if found.seconds is None else f"about {duration(found.seconds)}"
    kept = f"{size(has.disk)} are free."
    kept += f" The base is fetched first: {size(found.download)}." if found.download else ""
    share = found.trained / found.parameters
    return cards(
        [
            card("Memory", size(found.memory), verdict, f"{made_of}, and a tenth in reserve."),
            card("Time", seconds, f"{found.steps:,} steps, {found.tokens:,} tokens; from "
                 f"{found.pace}."),
            card("What learns", f"{found.trained:,} weights", f"{share:.1%} of the base's."),
            card("Disk", size(found.disk), kept),
        ]
    )  # fmt: skip


def ran_out(run: Run) -> bool:
    """Whether a run ended for want of memory: it said so, or died where it was tight.

    The kernel kills a process that takes too much without leaving it a last word.
    """
    if run.kind != "tune":
        return False
    status = run.status()
    if status == "failed":
        ended = run.last("failed")
        return bool(ended and ended["out_of_memory"])
    before = read_estimate(run) if status == "interrupted" else None
    return bool(before and before.tight)


def tell_used(run: Run) -> Sequence[str]:
    """What a run took, as cards, beside what was estimated before it was started."""
    ended = run.last("finished") or run.last("failed") or run.last("diverged")
    before = read_estimate(run)
    if not ended or not ended["peak_memory"]:
        return []
    told = size(ended["peak_memory"])
    if before is None:
        return [card("Memory used", told, f"{size(ended['disk'] or 0)} on the disk.")]
    disk = f"{size(ended['disk'] or 0)} on the disk, estimated {size(before.disk)}."
    facts = [card("Memory used", told, f"Estimated: {size(before.memory)}.", disk)]
    if ended["seconds"] and before.seconds is not None:
        facts.append(card("Time used", duration(ended["seconds"]),
                          f"Estimated: {duration(before.seconds)}."))  # fmt: skip
    return facts
