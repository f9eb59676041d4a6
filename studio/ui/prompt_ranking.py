"""Which soft prompt to begin with: earlier prompts tried on the new rows before any tuning."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from studio.errors import StudioError
from studio.studio import Studio
from studio.tuning.transfer import Ranking
from studio.ui import stopping
from studio.ui.border import told, wire
from studio.ui.markup import empty, quiet, table

NOT_YET = (
    "A new soft prompt may begin as one that was tuned before on a task alike. Ranking tries every "
    "earlier prompt of this base on the held-out rows of this dataset, and compares which neurons "
    "it makes fire with those of a prompt tuned here for a few steps."
)


@dataclass(frozen=True)
class PromptRanking:
    """The parts that the tab wires: the button, and the run whose prompt is the best."""

    take: gr.Button
    best: gr.State


def build(studio: Studio, base: gr.Dropdown, dataset: gr.Dropdown) -> PromptRanking:
    """Lay the fold out and wire it; the tab fills the form when the best prompt is taken."""
    with gr.Accordion("Begin with the soft prompt of another task", open=False,
                      elem_id="rank-prompts-fold"):  # fmt: skip
        found = gr.HTML(empty(NOT_YET), elem_id="prompt-ranking")
        with gr.Row():
            rank = gr.Button("Rank the prompts", size="sm", elem_id="rank-prompts")
            stop = stopping.place("rank-stop")
            take = gr.Button("Begin with the best", size="sm", visible=False, elem_id="take-prompt")
    best = gr.State("")
    ranked = [found, take, best]
    ranking = wire(rank.click, rank_prompts, studio, inputs=[base, dataset], outputs=ranked)
    stopped = stopping.let_stop(stop, [(rank, ranking)])
    wire(stopped.then, lambda: [empty(NOT_YET), gr.Button(visible=False), ""], outputs=ranked)
    return PromptRanking(take, best)


@told
def rank_prompts(studio: Studio, base: str | None, dataset: str | None) -> Iterator[list[Any]]:
    """Tell what is being tried, and then the ranking."""
    if not dataset:
        raise StudioError("Choose the dataset that the new prompt is to learn from first.")
    for doing in studio.rank_prompts(dataset, base=(base or "").strip() or "starter"):
        if isinstance(doing, Ranking):
            best = doing.best
            yield [tell_ranking(doing), gr.Button(visible=bool(best)), best.run if best else ""]
        else:
            count = f" ({doing.done} of {doing.total})" if doing.total else ""
            yield [quiet(f"{doing.name.capitalize()}{count} …"), gr.skip(), gr.skip()]


def tell_ranking(ranking: Ranking) -> str:
    """The candidates as a table, and what to do."""
    rows = [
        [escape(one.run), f"{one.nll:.3f}", f"{one.right:.0%}", f"{one.overlap:.2f}"]
        for one in ranking.candidates
    ]
    rows.append(["No prompt", f"{ranking.base_nll:.3f}", f"{ranking.base_right:.0%}", ""])
    head = ["Prompt of run", "Nats per token", "Right", "Neurons shared"]
    best = ranking.best
    advice = (
        f"{escape(best.run)} suits these rows best before any tuning."
        if best
        else "No earlier prompt does better here than none; begin anew."
    )
    asked = f"Asked {ranking.cases} held-out questions, without any tuning. Fewer nats are better."
    return f"<p class='st-headline'>{advice}</p>{table(head, rows)}{quiet(asked)}"
