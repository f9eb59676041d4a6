"""How a deck's table is looked at: which run, in what order, against which lane."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.chat.deck_run import Round, Table
from studio.chat.deck_sheet import Order, arrange

ORDERS = [
    ("KL from the base", "kl"),
    ("Words that differ", "words"),
    ("Lost, then gained", "lost"),
    ("As in the deck", "deck"),
]
ANY = "any"


@dataclass(frozen=True)
class View:
    """Which run is open, and how its table is looked at."""

    run: gr.State
    """Id of the run of a deck, or None."""
    scope: gr.State
    """Whose runs the visitor may see: see `studio.ui.setting`."""
    order: gr.Dropdown
    lane: gr.Dropdown
    only: gr.Checkbox
    page: gr.State

    @property
    def held(self) -> list[Any]:
        """What `show` reads."""
        return [self.run, self.scope, self.order, self.lane, self.only, self.page]


def lay_out(scope: gr.State) -> View:
    """The menus above the table."""
    with gr.Row(equal_height=True):
        order = gr.Dropdown(ORDERS, value="kl", label="Most different first by",
                            elem_id="deck-order", min_width=180)  # fmt: skip
        lane = gr.Dropdown([("any lane", ANY)], value=ANY, label="Compare the base with",
                           elem_id="deck-lane", min_width=180)  # fmt: skip
        only = gr.Checkbox(False, label="Only where answers differ", elem_id="deck-only",
                           min_width=180)  # fmt: skip
    return View(gr.State(None), scope, order, lane, only, gr.State(0))


def see(table: Table, order: Order, lane: str | None, only: bool) -> Sequence[Round]:
    """The rounds that are looked at, in their order."""
    chosen = lane if lane in table.run.tuned else None
    return arrange(table, order, chosen, only_different=only)
