"""The More panel: rows made of rows or written by a model, to be ticked, edited or rejected."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import gradio as gr

from studio.data.proposals import is_made, summarize
from studio.data.template_parts import Phrasing
from studio.data.workbook import Workbook
from studio.errors import DatasetError
from studio.studio import Studio
from studio.ui import more_ways, proposed
from studio.ui.border import told, wire
from studio.ui.links import Links
from studio.ui.markup import bar, empty, quiet
from studio.ui.more_ways import Ways
from studio.ui.workbench import Workbench, now, open_panel
from studio.verbs.growing import Written

NO_BOOK = "No workbook is open: bring rows in the Rows panel, and more can be made of them here."
NOTHING = "Choose a way and press Propose: what it makes is listed here. Nothing is added before \
you say so."
PHRASINGS = ["Add", "Phrasing", "Made by"]
WIDTHS: list[str | int] = ["11%", "63%", "26%"]


def build(studio: Studio, links: Links, bench: Workbench, tab: gr.Tab) -> None:
    """Lay the panel out and wire it."""
    standing = gr.HTML(quiet(NO_BOOK), elem_id="more-standing")
    with gr.Row():
        with gr.Column(scale=2, min_width=320):
            ways = more_ways.lay_out()
        with gr.Column(scale=4, min_width=320):
            state = gr.HTML(empty(NOTHING), elem_id="more-state")
            rows = gr.Dataframe(
                visible=False, interactive=True, wrap=True, elem_id="more-rows", type="array",
                max_height=560, show_row_numbers=False, buttons=[],
            )  # fmt: skip
            phrasings = gr.Dataframe(
                headers=PHRASINGS, datatype=["bool", "str", "str"], visible=False, wrap=True,
                interactive=True, elem_id="more-phrasing-rows", type="array", static_columns=[2],
                column_widths=WIDTHS, buttons=[],
            )  # fmt: skip
            buttons, add, reject, every, none = _lay_out_buttons()
    columns = gr.State([])
    held = [bench.book, bench.scope]
    listed = [state, rows, phrasings, buttons, columns]
    _wire_ways(studio, bench, tab, ways, standing, listed)

    settings = [ways.column, *ways.noise, ways.patterns, *ways.write, *ways.asks, ways.turned,
                ways.count, ways.seed]  # fmt: skip
    run = wire(ways.propose.click, propose, studio, concurrency_limit=4, trigger_mode="once",
               inputs=[*held, bench.owner, ways.way, *settings],
               outputs=[*listed, ways.stop, bench.book, bench.panels])  # fmt: skip
    halted = wire(ways.stop.click, lambda: gr.Button(visible=False), outputs=ways.stop,
                  cancels=run, queue=False)  # fmt: skip
    wire(halted.then, show, studio, inputs=[*held, ways.way], outputs=listed)
    wire(add.click, take, studio, inputs=[*held, ways.way, rows, phrasings, columns],
         outputs=bench.changed)  # fmt: skip
    wire(reject.click, throw_away, studio, inputs=[*held, ways.way], outputs=listed)
    for button, on in ((every, True), (none, False)):
        wire(button.click, tick, on, inputs=[ways.way, rows, phrasings], outputs=[rows, phrasings])


def _lay_out_buttons() -> tuple[gr.Row, gr.Button, gr.Button, gr.Button, gr.Button]:
    with gr.Row(visible=False, elem_id="more-buttons") as row:
        add = gr.Button("Add the ticked ones", variant="primary", size="sm", min_width=140,
                        elem_id="more-add")  # fmt: skip
        reject = gr.Button("Reject all", size="sm", min_width=90, elem_id="more-reject")
        every = gr.Button("Tick all", size="sm", min_width=80, elem_id="more-tick-all")
        none = gr.Button("Tick none", size="sm", min_width=80, elem_id="more-tick-none")
    return row, add, reject, every, none


def _wire_ways(
    studio: Studio, bench: Workbench, tab: gr.Tab, ways: Ways, standing: gr.HTML,
    listed: Sequence[Any],
) -> None:  # fmt: skip
    held = [bench.book, bench.scope]
    wire(ways.way.change, more_ways.show_way, inputs=ways.way,
         outputs=[ways.about, ways.column, *ways.groups.values(), ways.count, ways.seed,
                  ways.propose])  # fmt: skip
    wire([tab.select, bench.book.change, bench.changed.change], refresh, studio,
         inputs=[*held, ways.way], trigger_mode="always_last",
         outputs=[standing, ways.column, ways.write[0], ways.write[-1], ways.plan, *ways.asks,
                  ways.asked, ways.turned, *listed])  # fmt: skip
    wire(ways.way.input, show, studio, inputs=[*held, ways.way], outputs=listed)
    wire(ways.asked.input, settle, studio, inputs=[*held, ways.asked], outputs=bench.changed)


@told
def refresh(studio: Studio, id: str | None, scope: str | None, way: str) -> list[Any]:
    """Everything as the workbook stands now."""
    if not id:
        settings = 6 + more_ways.ASKS
        return [quiet(NO_BOOK), *[gr.skip()] * settings, *nothing(NO_BOOK)]
    book = studio.workbooks.open(id, scope)
    return [_tell_book(book), *more_ways.fit(studio, book), *show(studio, id, scope, way)]


@told
def show(studio: Studio, id: str | None, scope: str | None, way: str) -> list[Any]:
    """What is proposed for the workbook: rows, or phrasings of its template."""
    if not id:
        return nothing(NO_BOOK)
    if way == "phrasings":
        return nothing(NOTHING)
    return _draw_rows(studio, id, scope)


def nothing(sentence: str) -> list[Any]:
    """No proposals, and why."""
    hidden = gr.Dataframe(visible=False)
    return [empty(sentence), hidden, hidden, gr.Row(visible=False), []]


def _draw_rows(studio: Studio, id: str, scope: str | None, about: str = "") -> list[Any]:
    proposals = studio.proposals(id, owner=scope)
    if not proposals:
        return nothing(NOTHING)
    columns = proposed.shown(studio.workbooks.open(id, scope).template, proposals)
    table = gr.Dataframe(
        value=proposed.draw(proposals, columns), headers=proposed.headers(columns), visible=True,
        datatype=proposed.kinds(columns), static_columns=[0, 2 + len(columns), 3 + len(columns)],
        column_widths=proposed.widths(columns),
    )  # fmt: skip
    said = about or quiet(f"Proposed: {summarize(proposals)} Write in a cell to change it.")
    return [said, table, gr.Dataframe(visible=False), gr.Row(visible=True), columns]


@told
def propose(
    studio: Studio, id: str | None, scope: str | None, owner: str, way: str, *settings: Any
) -> Iterator[list[Any]]:
    """Make proposals the chosen way; while a model writes they come batch by batch."""
    if not id:
        raise DatasetError(NO_BOOK)
    column, kinds, share, patterns, *rest = settings
    *write, turned, count, seed = rest
    still = [gr.Button(visible=False), gr.skip(), gr.skip()]
    drawn: dict[str, Any] = {"count": int(count or 1), "seed": int(seed or 0), "owner": scope}
    if way == "write":
        yield from _write(studio, id, scope, owner, write, drawn)
        return
    if way == "invert":
        book = studio.invert(id, column=turned or "", owner=scope)
        gr.Info(f"'{book.card.title}' is open now; freeze it, and mix it in with the other one.")
        yield [*[gr.skip()] * 5, still[0], book.id, open_panel("template")]
        return
    if way == "phrasings":
        yield [*_draw_phrasings(studio, id, scope), *still]
        return
    if way == "noise":
        found = studio.propose_noise(id, kinds=kinds, column=column or "", share=share, **drawn)
    else:
        found = studio.propose_rewordings(id, patterns=patterns, column=column or "", **drawn)
    if not found:
        raise DatasetError("No row has room for that; choose another way, or add patterns.")
    yield [*_draw_rows(studio, id, scope), *still]


def _draw_phrasings(studio: Studio, id: str, scope: str | None) -> list[Any]:
    found = studio.propose_phrasings(id, owner=scope)
    if not found:
        return nothing("The rules find no further phrasing; write one in the Template panel.")
    cells = [[True, one.prompt, one.name.removeprefix("made: ")] for one in found]
    said = quiet(f"{len(found)} phrasings proposed. Write in a cell to change it.")
    return [said, gr.Dataframe(visible=False), gr.Dataframe(value=cells, visible=True),
            gr.Row(visible=True), []]  # fmt: skip


def _write(
    studio: Studio, id: str, scope: str | None, owner: str, write: Sequence[Any],
    drawn: dict[str, Any],
) -> Iterator[list[Any]]:  # fmt: skip
    who, shots, heat, new, checker, *asks = write
    plan = studio.plan_writing(id, owner=scope)
    known = dict(zip(plan.written, asks, strict=False))
    plan = replace(plan, asks={**plan.asks, **{name: ask for name, ask in known.items() if ask}})
    book = studio.workbooks.open(id, scope)
    # Pressed again, it writes others: what was written before is no use a second time.
    drawn["seed"] += len(book.entries()) - book.card.rows + len(studio.proposals(id, owner=scope))
    stop = [gr.Button(visible=True), gr.skip(), gr.skip()]
    skipped = [gr.skip()] * 4
    writing = studio.write_rows(
        id, plan, **more_ways.lane_of(who), shots=int(shots), temperature=heat, new=new,
        checker=checker or "", asker=owner, **drawn,
    )  # fmt: skip
    with closing(writing):
        seen = 0
        for written in writing:
            if written.done > seen:
                seen = written.done
                yield [*_draw_rows(studio, id, scope, _tell(written)), *stop]
            else:
                yield [_tell(written), *skipped, *stop]
    yield [*_draw_rows(studio, id, scope), gr.Button(visible=False), gr.skip(), gr.skip()]


def _tell(written: Written) -> str:
    """How far the writing has come."""
    if written.waiting:
        return quiet(f"{written.waiting} questions of others are answered first.")
    told = f"{written.done} of {written.total} rows written"
    said = f"Proposed by now: {summarize(written.proposals)}" if written.proposals else ""
    saying = quiet(f"… {written.saying[:160]}") if written.saying else ""
    return quiet(f"{told}. {said}") + bar(written.done / written.total, told) + saying


@told
def take(
    studio: Studio, id: str | None, scope: str | None, way: str, rows: Any, phrasings: Any,
    columns: list[str],
) -> float:  # fmt: skip
    """Add what is ticked, as it was edited; the rest is rejected."""
    if not id:
        raise DatasetError(NO_BOOK)
    if way == "phrasings":
        new = [
            Phrasing(prompt=str(prompt), name=f"made: {how}")
            for add, prompt, how in phrasings
            if proposed.is_ticked(add) and str(prompt).strip()
        ]
        _need(new)
        count = studio.add_phrasings(id, new, owner=scope)
        gr.Info(f"The template of this workbook has {count} phrasings now.")
        return now()
    proposals = studio.proposals(id, owner=scope)
    taken = proposed.ticked(rows, proposals, columns)
    _need(taken)
    numbers = studio.take_proposals(id, taken, owner=scope)
    gr.Info(f"{len(numbers)} rows added; the Examples panel can take them back.")
    return now()


def _need(ticked: Sequence[Any]) -> None:
    if not ticked:
        raise DatasetError("Nothing is ticked; tick what is to be added, or reject all.")


@told
def throw_away(studio: Studio, id: str | None, scope: str | None, way: str) -> list[Any]:
    """Forget the proposals."""
    if id and way != "phrasings":
        studio.reject_proposals(id, owner=scope)
    return nothing(NOTHING)


def tick(on: bool, way: str, rows: Any, phrasings: Any) -> list[Any]:
    """Tick all of what is shown, or none of it."""
    if way == "phrasings":
        return [gr.skip(), [[on, *cell[1:]] for cell in phrasings]]
    return [proposed.tick_all(rows, on), gr.skip()]


@told
def settle(studio: Studio, id: str | None, scope: str | None, asked: str) -> Any:
    """Note whether every row is asked in all phrasings or in one."""
    if not id:
        return gr.skip()
    studio.workbooks.open(id, scope).settle(phrasings=asked)
    return now()


def _tell_book(book: Workbook) -> str:
    """How many rows are there, and how many of them were made."""
    entries = book.kept()
    made = Counter(
        entry.origin.removeprefix("made: ").split(",")[0].split(" (")[0]
        for entry in entries
        if is_made(entry.origin)
    )
    told = f"{len(entries):,} rows"
    if made:
        parts = ", ".join(f"{count:,} {how}" for how, count in made.most_common())
        told += f", of which {sum(made.values()):,} were made ({parts}); those are only learned \
from, never held out"
    return quiet(f"{book.card.title}: {told}.")
