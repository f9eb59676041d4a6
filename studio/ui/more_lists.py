"""What the More panel proposes: a list of rows and one of phrasings, each with its buttons."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.data.proposals import summarize
from studio.data.template_parts import Phrasing
from studio.errors import DatasetError
from studio.studio import Studio
from studio.ui import proposed
from studio.ui.border import told, wire
from studio.ui.markup import empty, quiet
from studio.ui.workbench import Workbench, now

NOTHING = (
    "Choose a way and press Propose: what it makes is listed here. Nothing is added before you "
    "say so."
)
NONE_TICKED = "Nothing is ticked; tick what is to be added, or reject all."
PHRASINGS = ["Add", "Phrasing", "Made by"]
WIDTHS: list[str | int] = ["11%", "63%", "26%"]


@dataclass(frozen=True)
class List:
    """A table with what stands over it and the buttons below."""

    group: gr.Column
    state: gr.HTML
    table: gr.Dataframe
    buttons: gr.Row
    columns: gr.State
    """Names of the rows' columns that are shown."""
    add: gr.Button
    reject: gr.Button
    every: gr.Button
    none: gr.Button

    @property
    def drawn(self) -> list[Any]:
        """What `nothing` and the drawing functions give."""
        return [self.state, self.table, self.buttons, self.columns]


def lay_out(name: str, *, visible: bool) -> List:
    """An empty list; `name` is "rows" or "phrasings"."""
    with gr.Column(visible=visible, min_width=0) as group:
        state = gr.HTML(empty(NOTHING), elem_id=f"more-{name}-told")
        table = gr.Dataframe(
            headers=PHRASINGS, datatype=["bool", "str", "str"], visible=False, interactive=True,
            wrap=True, type="array", max_height=560, buttons=[], static_columns=[2],
            column_widths=WIDTHS, elem_id=f"more-{name}", elem_classes="st-cells",
        )  # fmt: skip
        with gr.Row(visible=False, elem_id=f"more-{name}-buttons") as buttons:
            add, reject, every, none = (
                gr.Button(title, size="sm", min_width=90, elem_id=f"more-{name}-{deed}",
                          variant="primary" if deed == "add" else "secondary")
                for deed, title in (("add", "Add the ticked ones"), ("reject", "Reject all"),
                                    ("all", "Tick all"), ("none", "Tick none"))
            )  # fmt: skip
    return List(group, state, table, buttons, gr.State([]), add, reject, every, none)


def wire_rows(studio: Studio, bench: Workbench, rows: List) -> None:
    """What is done in the table of rows is kept at once."""
    held = [bench.book, bench.scope]
    cells = [*held, rows.table, rows.columns]
    wire(rows.table.input, note, studio, inputs=cells, trigger_mode="always_last")
    wire(rows.add.click, take_rows, studio, inputs=cells, outputs=bench.changed)
    wire(rows.reject.click, reject_rows, studio, inputs=held, outputs=rows.drawn)
    for button, on in ((rows.every, True), (rows.none, False)):
        ticked = wire(button.click, proposed.tick, 1, on, inputs=rows.table, outputs=rows.table)
        wire(ticked.success, note, studio, inputs=cells)


def wire_phrasings(studio: Studio, bench: Workbench, phrasings: List) -> None:
    """Phrasings are kept nowhere before they are added."""
    taken = wire(phrasings.add.click, take_phrasings, studio, outputs=bench.changed,
                 inputs=[bench.book, bench.scope, phrasings.table])  # fmt: skip
    for event in (taken.success, phrasings.reject.click):
        wire(event, nothing, outputs=phrasings.drawn)
    for button, on in ((phrasings.every, True), (phrasings.none, False)):
        wire(button.click, proposed.tick, 0, on, inputs=phrasings.table, outputs=phrasings.table)


def nothing(sentence: str = NOTHING) -> list[Any]:
    """No proposals, and why."""
    return [empty(sentence), gr.Dataframe(visible=False), gr.Row(visible=False), []]


def draw_rows(studio: Studio, id: str, scope: str | None, about: str = "") -> list[Any]:
    """The rows that are proposed for a workbook."""
    proposals = studio.proposals(id, owner=scope)
    if not proposals:
        return [about, *nothing()[1:]] if about else nothing()
    columns = proposed.shown(studio.workbooks.open(id, scope).template, proposals)
    last = len(columns) + 2
    table = gr.Dataframe(
        value=proposed.draw(proposals, columns), headers=proposed.headers(columns), visible=True,
        datatype=proposed.kinds(columns), static_columns=[0, last, last + 1],
        column_widths=proposed.widths(columns),
    )  # fmt: skip
    said = about or quiet(f"Proposed: {summarize(proposals)} Write in a cell to change it.")
    return [said, table, gr.Row(visible=True), columns]


def draw_phrasings(studio: Studio, id: str, scope: str | None) -> list[Any]:
    """What the rules make of the workbook's phrasings."""
    found = studio.propose_phrasings(id, owner=scope)
    if not found:
        return nothing("The rules find no further phrasing; write one in the Template panel.")
    cells = [[True, one.prompt, one.name.removeprefix("made: ")] for one in found]
    said = quiet(f"{len(found)} phrasings proposed. Write in a cell to change it.")
    return [said, gr.Dataframe(value=cells, visible=True), gr.Row(visible=True), PHRASINGS]


@told
def note(studio: Studio, id: str | None, scope: str | None, cells: Any, columns: list[str]) -> None:
    """Keep what was ticked and written in the table of rows."""
    if id and columns:
        proposals = studio.proposals(id, owner=scope)
        studio.decide(id, proposed.read_cells(cells, proposals, columns), owner=scope)


@told
def take_rows(
    studio: Studio, id: str | None, scope: str | None, cells: Any, columns: list[str]
) -> float:
    """Add what is ticked, as it was edited; the rest is rejected."""
    note(studio, id, scope, cells, columns)
    numbers = studio.take_proposals(id or "", owner=scope)
    gr.Info(f"{len(numbers)} rows added; the Examples panel can take them back.")
    return now()


@told
def reject_rows(studio: Studio, id: str | None, scope: str | None) -> list[Any]:
    """Forget the proposals."""
    studio.reject_proposals(id or "", owner=scope)
    return nothing()


@told
def take_phrasings(
    studio: Studio, id: str | None, scope: str | None, cells: Sequence[Sequence[Any]]
) -> float:
    """Give the template what is ticked, as it was edited, with the answers that go with it."""
    answers = {one.name: one.answer for one in studio.propose_phrasings(id or "", owner=scope)}
    ticked = [
        (str(prompt), f"made: {how}")
        for add, prompt, how in cells
        if proposed.is_ticked(add) and str(prompt).strip()
    ]
    new = [Phrasing(prompt=text, name=name, answer=answers.get(name)) for text, name in ticked]
    if not new:
        raise DatasetError(NONE_TICKED)
    count = studio.add_phrasings(id or "", new, owner=scope)
    gr.Info(f"The template of this workbook has {count} phrasings now.")
    return now()
