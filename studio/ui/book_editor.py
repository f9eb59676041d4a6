"""One row of a workbook, opened: its columns to write in, its tags, and what the model will see."""

from typing import Any

import gradio as gr

from studio.data.row_form import BOXES, RowForm, fill, lead, merge, read
from studio.errors import DatasetError
from studio.studio import Studio
from studio.ui import seen
from studio.ui.book_table import tell_entry
from studio.ui.book_view import Looked, View, look
from studio.ui.border import told, wire
from studio.ui.markup import empty
from studio.ui.workbench import now

UNOPENED = "Choose a row to read all of it, change it, tag it, and see its tokens."
PARTS = 2 + 2 + BOXES + 1 + 3
POOL = 500  # rows of which solved ones are drawn for the picture
SEEN = "() => { document.querySelector('#examples-row')?.scrollIntoView({block: 'nearest'}) }"


class Editor:
    """The components of the form."""

    def __init__(self, opened: gr.State) -> None:
        self.opened = opened
        self.filled = gr.State(None)
        """The row, the tags, the template's fingerprint and the columns it was filled with."""
        self.heading = gr.HTML(empty(UNOPENED), elem_id="examples-row")
        with gr.Column(visible=False, elem_id="examples-form") as self.form:
            self.boxes = [
                gr.Textbox(value="", visible=False, elem_id=f"examples-box-{place}", max_lines=12)
                for place in range(1, BOXES + 1)
            ]
            self.rest = gr.Textbox(value="", label="Other columns, as JSON", max_lines=12,
                                   visible=False, elem_id="examples-rest")  # fmt: skip
            with gr.Row():
                self.save = gr.Button("Save", variant="primary", size="sm", min_width=80,
                                      elem_id="examples-save")  # fmt: skip
                self.leave = gr.Button("Exclude", size="sm", min_width=80,
                                       elem_id="examples-exclude")  # fmt: skip
                self.back = gr.Button("Row before", size="sm", min_width=90,
                                      elem_id="examples-row-back")  # fmt: skip
                self.ahead = gr.Button("Next row", size="sm", min_width=80,
                                       elem_id="examples-row-ahead")  # fmt: skip
            self.tags = gr.Textbox(value="", label="Tags", info="With commas between.",
                                   max_lines=2, elem_id="examples-tags")  # fmt: skip
        self.seen = gr.HTML(elem_id="examples-seen")

    @property
    def parts(self) -> list[Any]:
        """What `show` gives."""
        return [
            self.opened, self.filled, self.heading, self.form, *self.boxes, self.rest, self.leave,
            self.tags, self.seen,
        ]  # fmt: skip


def wire_up(studio: Studio, view: View, editor: Editor) -> None:
    """A click on a row of the table opens it; what is done to it is told to the other panels."""
    shown = editor.parts
    opened = wire(view.table.click, open_row, studio, inputs=view.held, outputs=shown)
    opened.success(None, js=SEEN, api_visibility="private")
    for button, step in ((editor.back, -1), (editor.ahead, 1)):
        wire(button.click, turn_row, studio, step, inputs=view.held, outputs=shown)
    wire(view.bench.changed.change, show_again, studio, inputs=[editor.filled, *view.held],
         outputs=shown, trigger_mode="always_last")  # fmt: skip
    wire(view.bench.book.change, close, outputs=shown)
    written = [editor.filled, *editor.boxes, editor.rest, *view.held]
    wire(editor.save.click, save, studio, inputs=written, outputs=view.bench.changed)
    wire(editor.leave.click, leave, studio, inputs=view.held, outputs=view.bench.changed)
    wire([editor.tags.submit, editor.tags.blur], retag, studio,
         inputs=[editor.tags, *view.held], outputs=view.bench.changed)  # fmt: skip


@told
def open_row(studio: Studio, event: gr.EventData, *held: Any) -> list[Any]:
    """The row that was chosen."""
    looked = look(studio, *held)
    return show(looked, int(event._data.get("name", 0)))


@told
def turn_row(studio: Studio, step: int, *held: Any) -> list[Any]:
    """The row before or after the open one, in the order of the table."""
    looked = look(studio, *held)
    numbers = looked.numbers
    if looked.opened in numbers:
        place = numbers.index(looked.opened) + step
        return show(looked, numbers[min(max(0, place), len(numbers) - 1)])
    return show(looked, numbers[0]) if numbers else close()


@told
def show_again(studio: Studio, filled: Any, *held: Any) -> list[Any]:
    """The open row as it stands now; what did not change keeps what a person is writing there."""
    if not held[0] or held[-1] is None:
        return [gr.skip()] * PARTS
    looked = look(studio, *held)
    if not 0 < held[-1] <= len(looked.book.entries()):
        return close()
    shown = show(looked, held[-1])
    row, tags, template, columns = filled or (None, None, None, None)
    if (shown[1][0], shown[1][3]) == (row, columns):
        shown[4:-3] = [gr.skip()] * (BOXES + 1)
        if shown[1][2] == template:
            shown[-1] = gr.skip()
    if shown[1][1] == tags:
        shown[-2] = gr.skip()
    return shown


def close() -> list[Any]:
    """No row is open."""
    hidden = [gr.Textbox(visible=False)] * (BOXES + 1)
    return [None, None, empty(UNOPENED), gr.Column(visible=False), *hidden, gr.skip(), gr.skip(),
            ""]  # fmt: skip


def show(looked: Looked, number: int) -> list[Any]:
    """Everything about one row."""
    book, entry = looked.book, looked.book.entry(number)
    form = fill(entry.row, _columns(looked))
    boxes = [
        gr.Textbox(value=text, label=name, visible=True)
        for name, text in zip(form.columns, form.texts, strict=True)
    ]
    boxes += [gr.Textbox(value="", visible=False)] * (BOXES - len(boxes))
    return [
        number,
        (entry.row, entry.tags, book.template.fingerprint(), form.columns),
        tell_entry(entry, looked.checked),
        gr.Column(visible=True),
        *boxes,
        gr.Textbox(value=form.rest, visible=bool(form.rest)),
        "Include again" if entry.excluded else "Exclude",
        ", ".join(entry.tags),
        seen.draw(book.template, entry.row, pool=[one.row for one in book.entries()[:POOL]]),
    ]  # fmt: skip


@told
def save(studio: Studio, filled: Any, *values: Any) -> float:
    """Write into the open row what a person changed in the boxes since they were filled.

    What was changed elsewhere meanwhile, as in another window, stays.
    """
    boxes, rest, held = values[:BOXES], values[BOXES], values[BOXES + 1 :]
    looked, number = _open(studio, *held)
    row, _, _, columns = filled
    texts = tuple(text or "" for text in boxes[: len(columns)])
    written = read(row, RowForm(tuple(columns), texts, rest or ""))
    try:
        merged = merge(row, written, looked.book.entry(number).row)
    except DatasetError as error:
        raise DatasetError(f"Row {number}, {error}") from error
    if not looked.book.rewrite({number: merged}):
        gr.Info(f"Row {number} stands as it was.")
    return now()


@told
def leave(studio: Studio, *held: Any) -> float:
    """Exclude the open row, or include it again."""
    looked, number = _open(studio, *held)
    out = looked.book.entry(number).excluded
    (looked.book.include if out else looked.book.exclude)([number])
    return now()


@told
def retag(studio: Studio, tags: str | None, *held: Any) -> Any:
    """Let the open row have these tags and no others."""
    looked, number = _open(studio, *held)
    before = looked.book.entry(number).tags
    wished = [" ".join(tag.split()) for tag in (tags or "").split(",") if tag.strip()]
    for tag in wished:
        looked.book.tag([number], tag)
    for tag in set(before) - set(wished):
        looked.book.untag([number], tag)
    return gr.skip() if looked.book.entry(number).tags == before else now()


def _open(studio: Studio, *held: Any) -> tuple[Looked, int]:
    looked = look(studio, *held)
    if looked.opened is None:
        raise DatasetError("Choose a row first.")
    return looked, looked.opened


def _columns(looked: Looked) -> list[str]:
    return lead(looked.book.template, looked.book.columns())
