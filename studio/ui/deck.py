"""Many prompts at once: a deck is answered by every lane, and what differs is seen in a table."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from studio.chat import deck_sheet
from studio.chat.deck_run import Table
from studio.chat.deck_sheet import Order
from studio.errors import StudioError
from studio.studio import Studio
from studio.ui import deck_detail, deck_view, fetching, own_decks
from studio.ui.border import told, wire
from studio.ui.deck_drawing import MEASURES, PAGE, PICK, draw_table, draw_tallies
from studio.ui.deck_view import ANY, see
from studio.ui.links import Links
from studio.ui.markup import empty, quiet, stage
from studio.ui.setting import Setting, read_sampling
from studio.ui.writing import Writing

LIMIT = 24  # prompts asked unless a person wants more
PACE = 0.7  # seconds between two drawings of answers that are being written
NOTHING = (
    "The answers of all lanes appear here, prompt by prompt, with what differs marked. Choose a "
    "deck and press Run the deck."
)
FIRST = "The first answers also load the model."
FORMS: dict[str, Callable[[Table], str]] = {"csv": deck_sheet.csv, "jsonl": deck_sheet.jsonl}
TITLES = {"csv": "Table as CSV", "jsonl": "Everything as JSON lines"}


def build(studio: Studio, links: Links, setting: Setting, tab: gr.Tab) -> None:
    """Lay the part out and wire it."""
    deck, limit, fresh, run, stop = _lay_out_choice()
    with gr.Accordion("Prompts of your own, earlier runs", open=False, elem_id="own-deck"):
        own_decks.build(studio, setting, deck)
        before = gr.Dropdown([], label="Earlier runs", info="Kept with all answers.",
                             elem_id="deck-runs", visible=False)  # fmt: skip
    state = gr.HTML(empty(NOTHING), elem_id="deck-state")
    with gr.Column(visible=False, elem_id="deck-body") as body:
        view = deck_view.lay_out(setting.scope)
        table = gr.HTML(elem_id="deck-table", js_on_load=PICK)
        pages = _lay_out_pages()
        gr.HTML(MEASURES)
        with gr.Row():
            fetching.offer("deck", TITLES, write, studio, inputs=[view.run, view.scope])
    detail = deck_detail.build(studio, setting, view, table)

    shown = [state, body, view.lane, table, pages[0], view.page]
    listed = [setting.lanes, setting.base, setting.scope, deck, before]
    writing = Writing()
    running = wire(
        run.click, answer, studio, writing,
        inputs=[deck, limit, fresh, setting.lanes, setting.base, setting.system, setting.owner,
                setting.scope, view.order, view.lane, view.only, *setting.sampling],
        outputs=[view.run, *shown], concurrency_limit=4, trigger_mode="once",
    )  # fmt: skip
    for event in ([tab.select, setting.lanes.change], running.then):
        wire(event, list_decks, studio, inputs=listed, outputs=[deck, before])
    halted = wire(stop.click, lambda: None, cancels=running, queue=False)
    wire(halted.then, halt, studio, writing, inputs=[setting.owner, *view.held], outputs=shown)
    wire(before.input, open_run, studio, outputs=[view.run, *shown],
         inputs=[before, view.scope, view.order, view.lane, view.only])  # fmt: skip
    looked = [view.order.input, view.lane.input, view.only.input]
    wire(looked, turn, studio, None, inputs=view.held, outputs=shown)
    for button, step in zip(pages[1:], (-1, 1), strict=True):
        wire(button.click, turn, studio, step, inputs=view.held, outputs=shown)
    wire(view.run.change, lambda: gr.Column(visible=False), outputs=detail)


def _lay_out_choice() -> tuple[Any, ...]:
    with gr.Row(equal_height=True):
        deck = gr.Dropdown([], label="Deck", elem_id="deck", scale=4, min_width=260,
                           info="Held-out rows of the task, old skills, or your own; never "
                           "mixed.")  # fmt: skip
        limit = gr.Number(LIMIT, label="Prompts", info="0 asks all.", minimum=0, precision=0,
                          elem_id="deck-limit", min_width=110)  # fmt: skip
        with gr.Column(scale=1, min_width=240):
            run = gr.Button("Run the deck", variant="primary", elem_id="run-deck")
            with gr.Row():
                stop = gr.Button("Stop", size="sm", elem_id="stop-deck", min_width=60)
                fresh = gr.Checkbox(False, label="Ask anew", elem_id="fresh-deck", min_width=110,
                                    container=False)  # fmt: skip
    return deck, limit, fresh, run, stop


def _lay_out_pages() -> tuple[gr.Row, gr.Button, gr.Button]:
    with gr.Row(visible=False, elem_id="deck-pages") as row:
        back = gr.Button("Earlier prompts", size="sm", elem_id="deck-back", min_width=120)
        ahead = gr.Button("More prompts", size="sm", elem_id="deck-ahead", min_width=120)
    return row, back, ahead


@told
def list_decks(
    studio: Studio, lanes: list[str], base: str, scope: str | None, chosen: str | None,
    opened: str | None,
) -> list[Any]:  # fmt: skip
    """The decks that suit the lanes and the runs there are; earlier choices are kept."""
    titles = studio.decks(lanes, base=base, owner=scope)
    value = chosen if chosen in titles else next(iter(titles))
    runs = [
        (f"{one.deck.title} · {len(one.deck.prompts)} prompts · "
         f"{', '.join(map(studio.title_of, one.lanes))} · {one.created:%Y-%m-%d %H:%M}", one.id)
        for one in studio.deck_runs.all(scope)
    ]  # fmt: skip
    return [
        gr.Dropdown(choices=[(title, name) for name, title in titles.items()], value=value),
        gr.Dropdown(choices=runs, value=opened, visible=bool(runs)),
    ]


@told
def answer(
    studio: Studio, writing: Writing, deck: str | None, limit: float, fresh: bool,
    lanes: list[str], base: str, system: str, owner: str, scope: str | None, order: Order,
    lane: str | None, only: bool, *sampling: float,
) -> Iterator[list[Any]]:  # fmt: skip
    """Run the deck and show the table as it fills; closing this stops the batch under way."""
    if not deck:
        raise StudioError("Choose a deck first.")
    with writing.hold(owner):
        tables = studio.run_deck(
            studio.deck(deck, lanes[1:], owner=scope), lanes[1:], limit=int(limit or 0),
            system=system, base=base, owner=owner, fresh=fresh, sampling=read_sampling(*sampling),
        )  # fmt: skip
        last, seen = 0.0, -1
        try:
            for table in tables:
                if len(table.rounds) > seen or time.monotonic() - last > PACE:
                    last, seen = time.monotonic(), len(table.rounds)
                    drawn = _draw(studio, table, order, lane, only, 0, running=True)
                    yield [table.run.id, *drawn]
        finally:
            tables.close()


@told
def halt(studio: Studio, writing: Writing, owner: str, *held: Any) -> list[Any]:
    """Show what was answered until the stop, once nothing more is added."""
    writing.wait(owner)
    return show(studio, *held)


@told
def open_run(
    studio: Studio, id: str, scope: str | None, order: Order, lane: str | None, only: bool
) -> list[Any]:
    """An earlier run, from its beginning."""
    return [id, *show(studio, id, scope, order, lane, only, 0)]


@told
def show(
    studio: Studio, id: str | None, scope: str | None, order: Order, lane: str | None, only: bool,
    page: int,
) -> list[Any]:  # fmt: skip
    """The run that is open, as it is kept."""
    if not id:
        return [gr.skip()] * 6
    return _draw(studio, studio.deck_runs.open(id, scope), order, lane, only, page)


@told
def turn(
    studio: Studio, step: int | None, id: str | None, scope: str | None, order: Order,
    lane: str | None, only: bool, page: int,
) -> list[Any]:  # fmt: skip
    """Another page of it; without a step the first one."""
    return show(studio, id, scope, order, lane, only, 0 if step is None else page + step)


def _draw(
    studio: Studio, table: Table, order: Order, lane: str | None, only: bool, page: int,
    running: bool = False,
) -> list[Any]:  # fmt: skip
    """State, body, menu of lanes, table, pages and page."""
    titles = {one: studio.title_of(one) for one in table.run.lanes}
    choices = [("any lane", ANY), *((titles[one], one) for one in table.run.tuned)]
    chosen = lane if lane in table.run.tuned else None
    rounds = see(table, order, lane, only)
    pages = max(1, -(-len(rounds) // PAGE))
    page = min(max(0, page), pages - 1)
    part = rounds[page * PAGE : (page + 1) * PAGE]
    drawn = draw_table(table, [*table.live, *part], titles, against=chosen)
    note = quiet("No answers differ.") if table.rounds and not rounds else ""
    counted = draw_tallies(deck_sheet.tallies(table), titles)
    return [
        _tell(table, running) + (counted if table.rounds else ""),
        gr.Column(visible=bool(table.rounds or table.live)),
        gr.Dropdown(choices=choices, value=chosen or ANY),
        drawn + note,
        gr.Row(visible=pages > 1),
        page,
    ]


def _tell(table: Table, running: bool) -> str:
    """How far the run is, and what it ran on."""
    total, count = len(table.run.deck.prompts), len(table.rounds)
    title = table.run.deck.title
    about = next((one.about for one in table.rounds if one.about), "")
    failed = sum(one.failed for one in table.rounds)
    if table.done and failed:
        told = f"{failed} of {total} prompts were not answered in every lane; run the deck again."
        return stage("bad", title, f"{told} {about}".strip())
    if table.done:
        return stage("done", title, f"{total} prompts answered in every lane. {about}".strip())
    if table.waiting:
        return stage("now", title, f"Waiting: {table.waiting} before you in the line.", None)
    told = f"{count} of {total} prompts answered."
    if not running:
        return stage("later", title, f"Stopped: {told} Run the deck again to go on.")
    return stage("now", title, told if count else f"{told} {FIRST}", count / total)


@told
def write(studio: Studio, form: str, id: str | None, scope: str | None) -> str:
    """The run as a file in a folder of its own."""
    if not id:
        raise StudioError("Run a deck first.")
    return fetching.write(f"{id}.{form}", FORMS[form](studio.deck_runs.open(id, scope)))
