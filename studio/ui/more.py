"""The More panel: rows made of rows or written by a model, to be ticked, edited or rejected."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from html import escape
from typing import Any

import gradio as gr

from studio.data.proposals import MADE, is_made, summarize
from studio.data.workbook import Workbook
from studio.errors import DatasetError
from studio.studio import Studio
from studio.ui import more_lists, more_ways
from studio.ui.border import told, wire
from studio.ui.links import Links
from studio.ui.markup import bar, quiet
from studio.ui.more_lists import List
from studio.ui.more_ways import Ways
from studio.ui.workbench import Workbench, now, open_panel
from studio.verbs.growing import Written

NO_BOOK = "No workbook is open: bring rows in the Rows panel, and more can be made of them here."


def build(studio: Studio, links: Links, bench: Workbench, tab: gr.Tab) -> None:
    """Lay the panel out and wire it."""
    standing = gr.HTML(quiet(NO_BOOK), elem_id="more-standing")
    with gr.Row():
        with gr.Column(scale=2, min_width=320):
            ways = more_ways.lay_out()
        with gr.Column(scale=4, min_width=320):
            rows = more_lists.lay_out("rows", visible=True)
            phrasings = more_lists.lay_out("phrasings", visible=False)
    more_lists.wire_rows(studio, bench, rows)
    more_lists.wire_phrasings(studio, bench, phrasings)
    _wire_ways(studio, bench, tab, ways, standing, rows, phrasings)
    held = [bench.book, bench.scope]
    settings = [ways.column, *ways.noise, ways.patterns, *ways.write, *ways.asks, ways.turned,
                ways.count, ways.seed]  # fmt: skip
    run = wire(ways.propose.click, propose, studio, concurrency_limit=4, trigger_mode="once",
               inputs=[*held, bench.owner, ways.way, *settings],
               outputs=[*rows.drawn, *phrasings.drawn, ways.stop, bench.book,
                        bench.panels])  # fmt: skip
    halted = wire(ways.stop.click, lambda: gr.Button(visible=False), outputs=ways.stop,
                  cancels=run, queue=False)  # fmt: skip
    wire(halted.then, show, studio, inputs=held, outputs=rows.drawn)


def _wire_ways(
    studio: Studio, bench: Workbench, tab: gr.Tab, ways: Ways, standing: gr.HTML, rows: List,
    phrasings: List,
) -> None:  # fmt: skip
    wire(ways.way.change, show_way, inputs=ways.way,
         outputs=[ways.about, ways.column, *ways.groups.values(), ways.count, ways.seed,
                  ways.propose, rows.group, phrasings.group])  # fmt: skip
    wire([tab.select, bench.book.change, bench.changed.change], refresh, studio,
         inputs=[bench.book, bench.scope, ways.fitted], trigger_mode="always_last",
         outputs=[standing, ways.fitted, ways.asked, ways.column, ways.write[0], ways.write[-1],
                  ways.turned, ways.plan, *ways.asks, *rows.drawn])  # fmt: skip
    wire(bench.book.change, more_lists.nothing, outputs=phrasings.drawn)
    wire(ways.asked.input, settle, studio, inputs=[bench.book, bench.scope, ways.asked],
         outputs=bench.changed)  # fmt: skip


def show_way(way: str) -> list[Any]:
    """The settings of a way, and the list of what it proposes."""
    lists = [gr.Column(visible=way != "phrasings"), gr.Column(visible=way == "phrasings")]
    return [*more_ways.show_way(way), *lists]


@told
def refresh(studio: Studio, id: str | None, scope: str | None, fitted: str) -> list[Any]:
    """Everything as the workbook stands now."""
    if not id:
        skipped = [gr.skip()] * (7 + more_ways.ASKS)
        return [quiet(NO_BOOK), *skipped, *more_lists.nothing(NO_BOOK)]
    book = studio.workbooks.open(id, scope)
    drawn = more_lists.draw_rows(studio, id, scope)
    return [_tell_book(book), *more_ways.fit(studio, book, fitted), *drawn]


@told
def show(studio: Studio, id: str | None, scope: str | None) -> list[Any]:
    """The rows that are proposed."""
    return more_lists.draw_rows(studio, id, scope) if id else more_lists.nothing(NO_BOOK)


@told
def propose(
    studio: Studio, id: str | None, scope: str | None, owner: str, way: str, *settings: Any
) -> Iterator[list[Any]]:
    """Make proposals the chosen way; while a model writes they come batch by batch."""
    if not id:
        raise DatasetError(NO_BOOK)
    column, kinds, share, patterns, *write, turned, count, seed = settings
    still, rest = [gr.skip()] * 4, [gr.Button(visible=False), gr.skip(), gr.skip()]
    drawn: dict[str, Any] = {"count": int(count or 1), "seed": int(seed or 0), "owner": scope}
    if way == "write":
        yield from _write(studio, id, scope, owner, write, drawn)
        return
    if way == "invert":
        book = studio.invert(id, column=turned or "", owner=scope)
        title = escape(book.card.title, quote=False)
        gr.Info(f"'{title}' is open now; freeze it, and mix it in with the other one.")
        yield [*still, *still, rest[0], book.id, open_panel("template")]
        return
    if way == "phrasings":
        yield [*still, *more_lists.draw_phrasings(studio, id, scope), *rest]
        return
    before = len(studio.proposals(id, owner=scope))
    if way == "noise":
        found = studio.propose_noise(id, kinds=kinds, column=column or "", share=share, **drawn)
    else:
        found = studio.propose_rewordings(id, patterns=patterns, column=column or "", **drawn)
    if len(found) == before:
        raise DatasetError(
            "No row has room for more of that; choose another way, seed or column, or add patterns."
        )
    yield [*more_lists.draw_rows(studio, id, scope), *still, *rest]


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
    still, left = [gr.skip()] * 4, [gr.skip()] * 2
    writing = studio.write_rows(
        id, plan, **more_ways.lane_of(who), shots=int(shots), temperature=heat, new=new,
        checker=checker or "", asker=owner, **drawn,
    )  # fmt: skip
    with closing(writing):
        seen = 0
        for written in writing:
            rows = [_tell(written), *still[1:]]
            if written.done > seen:
                seen = written.done
                rows = more_lists.draw_rows(studio, id, scope, _tell(written))
            yield [*rows, *still, gr.Button(visible=True), *left]
    yield [*more_lists.draw_rows(studio, id, scope), *still, gr.Button(visible=False), *left]


def _tell(written: Written) -> str:
    """How far the writing has come."""
    if written.waiting:
        return quiet(f"{written.waiting} questions of others are answered first.")
    told = f"{written.done} of {written.total} rows written"
    said = f"Proposed by now: {summarize(written.proposals)}" if written.proposals else ""
    saying = quiet(f"… {written.saying[:160]}") if written.saying else ""
    return quiet(f"{told}. {said}") + bar(written.done / written.total, told) + saying


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
        entry.origin.removeprefix(MADE).split(",")[0].split(" (")[0]
        for entry in entries
        if is_made(entry.origin)
    )
    told = f"{len(entries):,} rows"
    if made:
        parts = ", ".join(f"{count:,} {how}" for how, count in made.most_common())
        told += f", of which {made.total():,} were made ({parts}); "
        told += "those are only learned from, never held out"
    return quiet(f"{book.card.title}: {told}.")
