"""The Examples panel: page through a workbook's rows, find, edit, tag, exclude, and undo."""

from html import escape
from typing import Any

import gradio as gr

from studio.errors import DatasetError
from studio.studio import Studio
from studio.ui import book_editor, book_view
from studio.ui.book_editor import Editor
from studio.ui.book_view import View, look
from studio.ui.border import told, wire
from studio.ui.links import Links
from studio.ui.workbench import Workbench, now

LONGEST = 60  # letters of a deed on its button


def build(studio: Studio, links: Links, bench: Workbench, tab: gr.Tab) -> None:
    """Lay the panel out and wire it."""
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            view = book_view.lay_out(bench)
            out, back, tag, add, drop = _lay_out_bulk(view)
        with gr.Column(scale=2, min_width=320, elem_id="examples-side"):
            with gr.Row():
                undo = gr.Button("Undo", size="sm", interactive=False, elem_id="examples-undo")
                redo = gr.Button("Redo", size="sm", interactive=False, elem_id="examples-redo")
            editor = Editor(view.opened)
    book_view.wire_up(studio, view, tab)
    book_editor.wire_up(studio, view, editor)
    wire([tab.select, bench.book.change, bench.changed.change], tell_deeds, studio,
         inputs=[bench.book, bench.scope], outputs=[undo, redo],
         trigger_mode="always_last")  # fmt: skip
    for button, deed in ((undo, "undo"), (redo, "redo")):
        wire(button.click, step, studio, deed, inputs=[bench.book, bench.scope],
             outputs=bench.changed)  # fmt: skip
    for button, deed in ((out, "exclude"), (back, "include"), (add, "tag"), (drop, "untag")):
        wire(button.click, do_to_all, studio, deed, inputs=[tag, *view.held],
             outputs=bench.changed)  # fmt: skip


def _lay_out_bulk(view: View) -> tuple[gr.Button, gr.Button, gr.Textbox, gr.Button, gr.Button]:
    with gr.Accordion("All rows found at once", open=False, elem_id="examples-bulk"):
        view.about.render()
        with gr.Row(equal_height=True):
            out = gr.Button(
                "Exclude them", size="sm", min_width=110, elem_id="examples-exclude-all"
            )
            back = gr.Button("Include them", size="sm", min_width=110,
                             elem_id="examples-include-all")  # fmt: skip
            tag = gr.Textbox(value="", label="Tag", max_lines=1, max_length=40, min_width=120,
                             elem_id="examples-tag-word")  # fmt: skip
            add = gr.Button("Tag them", size="sm", min_width=90, elem_id="examples-tag-all")
            drop = gr.Button("Take the tag off", size="sm", min_width=110,
                             elem_id="examples-untag-all")  # fmt: skip
    return out, back, tag, add, drop


@told
def tell_deeds(studio: Studio, id: str | None, scope: str | None) -> list[Any]:
    """The buttons say what they would take back or do again."""
    if not id:
        return [gr.Button("Undo", interactive=False), gr.Button("Redo", interactive=False)]
    book = studio.workbooks.open(id, scope)
    done, undone = book.history(), book.future()
    return [
        gr.Button(f"{word}: {deeds[-1].told()[:LONGEST]}" if deeds else word,
                  interactive=bool(deeds))
        for word, deeds in (("Undo", done), ("Redo", undone))
    ]  # fmt: skip


@told
def step(studio: Studio, deed: str, id: str | None, scope: str | None) -> float:
    """Take the last deed back, or do it again."""
    if not id:
        raise DatasetError("No workbook is open; bring rows in the Rows panel first.")
    book = studio.workbooks.open(id, scope)
    told_of = book.undo() if deed == "undo" else book.redo()
    gr.Info(escape(told_of, quote=False), title="Taken back" if deed == "undo" else "Done again")
    return now()


@told
def do_to_all(studio: Studio, deed: str, tag: str | None, *held: Any) -> float:
    """Exclude, include or tag every row that is found; one undo takes it back."""
    looked = look(studio, *held)
    numbers = list(looked.numbers)
    if deed in ("tag", "untag"):
        done = getattr(looked.book, deed)(numbers, tag or "")
    else:
        done = getattr(looked.book, deed)(numbers)
    if not done:
        raise DatasetError("That holds for every row found already; nothing was done.")
    return now()
