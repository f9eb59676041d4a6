"""The line above the panels of the Data tab: which workbook is open, another one, a new one."""

from html import escape
from typing import Any

import gradio as gr

from studio.data.workbook import Workbook
from studio.data.workbook_card import WorkbookCard
from studio.errors import DatasetError
from studio.studio import Studio
from studio.ui.border import told, wire
from studio.ui.markup import quiet
from studio.ui.workbench import Workbench, now, open_panel

NONE_OPEN = (
    "No workbook is open. Bring rows in, or begin with a sample: what you do to them is kept "
    "in a workbook until you freeze it into a dataset."
)
LISTED = 100


def build(studio: Studio, bench: Workbench) -> None:
    """Lay the line out and wire it."""
    with gr.Row(visible=False, elem_id="workbooks") as line:
        menu = gr.Dropdown([], label="Workbook", elem_id="workbook", min_width=220, scale=4)
        new = gr.Button("New workbook", size="sm", elem_id="new-workbook", min_width=120, scale=0)
        delete = gr.Button(
            "Delete this one", size="sm", elem_id="delete-workbook", min_width=120, scale=0
        )
    with gr.Row(visible=False, elem_id="delete-asked") as asked:
        gr.Markdown("Delete this workbook with all that was done in it? Its datasets stay.")
        sure = gr.Button("Delete it", size="sm", variant="stop", elem_id="delete-sure")
        keep = gr.Button("Keep it", size="sm", elem_id="delete-not")
    about = gr.HTML(quiet(NONE_OPEN), elem_id="about-workbook")

    shown = [line, menu, delete, asked, about]
    wire([bench.tab.select, bench.scope.change, bench.book.change, bench.changed.change], show,
         studio, inputs=[bench.book, bench.scope], outputs=shown,
         trigger_mode="always_last")  # fmt: skip
    opened = [bench.book, bench.changed]
    wire(menu.input, open_book, inputs=menu, outputs=opened)
    wire(new.click, close_book, outputs=[*opened, bench.panels])
    wire(delete.click, ask, outputs=asked)
    wire(keep.click, ask_no_more, outputs=asked)
    wire(sure.click, delete_book, studio, inputs=[bench.book, bench.scope],
         outputs=[*opened, bench.panels])  # fmt: skip


@told
def show(studio: Studio, book: str | None, scope: str | None) -> list[Any]:
    """The visitor's workbooks, and how the open one stands."""
    cards = studio.workbooks.list(scope)[:LISTED]
    names = [card.id for card in cards]
    opened = studio.workbooks.open(book, scope) if book in names else None
    return [
        gr.Row(visible=bool(cards)),
        gr.Dropdown(choices=[(_title(card), card.id) for card in cards],
                    value=opened.id if opened else None),
        gr.Button(visible=opened is not None),
        gr.Row(visible=False),
        _tell(opened) if opened else quiet(NONE_OPEN),
    ]  # fmt: skip


def open_book(book: str | None) -> list[Any]:
    """Put another workbook on the bench."""
    return [book, now()]


def close_book() -> list[Any]:
    """Clear the bench and show where rows come from; the workbook stays in the list."""
    return [None, now(), open_panel("rows")]


def ask() -> gr.Row:
    """Ask before anything is deleted."""
    return gr.Row(visible=True)


def ask_no_more() -> gr.Row:
    """Take the question away."""
    return gr.Row(visible=False)


@told
def delete_book(studio: Studio, book: str | None, scope: str | None) -> list[Any]:
    """Delete the open workbook."""
    if not book:
        raise DatasetError("No workbook is open; choose one first.")
    studio.workbooks.delete(book, scope)
    return close_book()


def _title(card: WorkbookCard) -> str:
    return f"{card.title} · {card.rows:,} rows · {card.created.astimezone():%d %b %H:%M}"


def _tell(book: Workbook) -> str:
    entries = book.entries()
    out = sum(entry.excluded for entry in entries)
    changed = sum(entry.changed for entry in entries)
    kept = len(entries) - out
    parts = [f"{kept:,} row{'s'[: kept != 1]}"]
    parts += [f"{out:,} left out"] if out else []
    parts += [f"{changed:,} edited"] if changed else []
    return (
        f'<p class="st-quiet"><strong>{escape(book.card.title)}</strong>: {", ".join(parts)}; '
        f"template {escape(book.template.title)}. Whatever you do is kept at once.</p>"
    )
