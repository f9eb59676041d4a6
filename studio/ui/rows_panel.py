"""The components of the Rows panel, and how rows on their way into a workbook are drawn in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.data.intake import Intake
from studio.data.mapping import TITLES, Format
from studio.data.template import Template
from studio.data.workbook import Workbook
from studio.errors import DatasetError
from studio.ui import mapping_slots, rows_told
from studio.ui.markup import quiet

THE_BOOKS = "@"
"""Stands for the template of the open workbook."""
FORMATS: list[tuple[str, Format]] = [(title, format) for format, title in TITLES.items()]


@dataclass(frozen=True)
class Panel:
    """The components below the source."""

    found: gr.HTML
    refused: gr.Button
    column: gr.Dropdown
    values: gr.Dropdown
    chosen: gr.HTML
    fold: gr.Accordion
    template: gr.Dropdown
    format: gr.Dropdown
    slots: mapping_slots.Slots
    ready: gr.HTML
    title: gr.Textbox
    begin: gr.Button
    add: gr.Button
    rows: gr.HTML

    @property
    def judged(self) -> list[Any]:
        """What `draw_outcome` draws: what would come of the rows."""
        return [self.chosen, self.ready, self.begin, self.add, self.rows]

    @property
    def mapped(self) -> list[Any]:
        """What `draw_form` draws: the form, and what would come of the rows."""
        return [self.template, self.format, *self.slots.parts, *self.judged]

    @property
    def parts(self) -> list[Any]:
        """What `draw` draws: everything."""
        return [
            self.found, self.refused, self.column, self.values, self.fold, self.title,
            *self.mapped,
        ]  # fmt: skip


def lay_out() -> Panel:
    """Everything below the source, empty."""
    found = gr.HTML(quiet("No rows yet."), elem_id="found")
    refused = gr.Button("All refused records as CSV", size="sm", visible=False, elem_id="refused")
    with gr.Accordion("Only some of the rows", open=False, elem_id="only-some"):
        with gr.Row():
            column = gr.Dropdown([], label="Column", elem_id="filter-column", min_width=150)
            values = gr.Dropdown(
                [], multiselect=True, label="Its values", elem_id="filter-values", min_width=240,
                scale=3, info="None chosen takes every row.", allow_custom_value=True,
            )  # fmt: skip
        chosen = gr.HTML(elem_id="chosen-rows")
    with gr.Accordion("Which column is which", open=False, elem_id="which-column") as fold:
        with gr.Row():
            template = gr.Dropdown([], label="For the template", elem_id="rows-template",
                                   min_width=220)  # fmt: skip
            format = gr.Dropdown(FORMATS, value="columns", label="The rows are", min_width=220,
                                 elem_id="taken-for")  # fmt: skip
        slots = mapping_slots.lay_out()
    ready = gr.HTML(elem_id="ready")
    with gr.Row():
        title = gr.Textbox(value="", label="Title of the workbook", max_length=80, min_width=180,
                           elem_id="workbook-title", scale=2)  # fmt: skip
        begin = gr.Button("Begin a workbook", variant="primary", elem_id="begin", min_width=160,
                          interactive=False)  # fmt: skip
        add = gr.Button("Add to the open one", elem_id="add-rows", min_width=160, visible=False)
    rows = gr.HTML(rows_told.NOTHING, elem_id="first-rows")
    return Panel(found, refused, column, values, chosen, fold, template, format, slots, ready,
                 title, begin, add, rows)  # fmt: skip


def draw(intake: Intake | None, templates: Sequence[Template], book: Workbook | None) -> list[Any]:
    """Everything below the source, for rows just read."""
    columns = intake.columns if intake else []
    menu = [(one.title, one.name) for one in templates]
    chosen = intake.template.name if intake else None
    if book is not None:
        menu.insert(0, (f"The workbook's: {book.template.title}", THE_BOOKS))
        if intake is not None and intake.template == book.template:
            chosen = THE_BOOKS
    return [
        rows_told.tell_read(intake.everything) if intake else quiet("No rows yet."),
        gr.Button(visible=bool(intake and intake.everything.refused)),
        gr.Dropdown(choices=columns, value=None),
        gr.Dropdown(choices=[], value=None),
        gr.Accordion(open=intake is not None and not _fits_by_itself(intake)),
        gr.Textbox(value=_title(intake)),
        gr.Dropdown(choices=menu, value=chosen),
        *draw_form(intake),
    ]


def draw_form(intake: Intake | None) -> list[Any]:
    """The form without its menu of templates, and what would come of the rows."""
    format = gr.Dropdown(choices=FORMATS, value=intake.mapping.format) if intake else gr.skip()
    return [format, *mapping_slots.draw(intake), *draw_outcome(intake)]


def draw_outcome(intake: Intake | None) -> list[Any]:
    """What would come of the rows as they are chosen and mapped now."""
    chosen = rows_told.tell_chosen(intake)
    if intake is None or not intake.everything.rows:
        never = gr.Button(interactive=False)
        return [chosen, "", never, never, rows_told.NOTHING]
    try:
        ready = bool(intake.made.rows)
    except DatasetError:
        ready = False
    press = gr.Button(interactive=ready)
    return [chosen, rows_told.tell_ready(intake), press, press, rows_told.draw_rows(intake)]


def _fits_by_itself(intake: Intake) -> bool:
    """Whether the rows have what the template reads under its own names."""
    return not intake.mapping.columns and intake.template.required_columns() <= {*intake.columns}


def _title(intake: Intake | None) -> str:
    """What a workbook is called unless a person says otherwise: its first file or the sample."""
    if intake is None or not intake.everything.places:
        return ""
    source = intake.everything.places[0].source
    if source.startswith("sample of "):
        return intake.template.title
    return source.rpartition("/")[2].rpartition(":")[2].partition(".")[0][:80]
