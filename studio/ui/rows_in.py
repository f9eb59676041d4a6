"""The Rows panel: rows are brought in from anywhere, looked at, mapped, and put into a workbook."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from studio.data.gather import Place
from studio.data.intake import Intake, list_refused, take_in
from studio.data.mapping import Format
from studio.data.mapping_form import fits
from studio.data.workbook import Workbook
from studio.errors import DatasetError, StudioError
from studio.studio import Studio
from studio.ui import fetching, mapping_slots, rows_panel, rows_told, sources
from studio.ui.border import told, wire
from studio.ui.links import Links
from studio.ui.seen import tell_fault
from studio.ui.workbench import Workbench, now, open_panel

VALUES_SHOWN = 1000


def build(studio: Studio, links: Links, bench: Workbench, tab: gr.Tab) -> None:
    """Lay the panel out and wire it."""
    intake = gr.State(None)
    with gr.Row():
        with gr.Column(scale=2, min_width=320):
            about, lost, fetch = _lay_out_book()
            source = sources.lay_out()
        with gr.Column(scale=3, min_width=320):
            panel = rows_panel.lay_out()

    whose = [bench.book, bench.scope]
    listed = wire([bench.tab.select, bench.made.change, bench.scope.change], list_sources, studio,
                  inputs=[source.sample, bench.scope], outputs=source.menus)  # fmt: skip
    wire([bench.tab.select, bench.book.change, bench.changed.change, bench.scope.change], tell_book,
         studio, inputs=whose, outputs=[about, lost, panel.add],
         trigger_mode="always_last")  # fmt: skip
    taken = {"inputs": [*whose, intake, *source.held], "outputs": [intake, *panel.parts]}
    wire(listed.then, read_first, studio, **taken)
    wire(source.source.change, sources.show_source, inputs=source.source,
         outputs=[*source.groups.values()])  # fmt: skip
    brought = [
        source.source.input, source.files.change, source.encoding.input, source.text.blur,
        source.sample.input, source.fetch.click, source.hub.submit, source.chats.input,
        source.lane.input, source.dataset.input,
    ]  # fmt: skip
    wire(brought, read, studio, **taken, trigger_mode="always_last", show_progress="minimal",
         show_progress_on=panel.found)  # fmt: skip
    _wire_form(studio, bench, intake, panel)
    kept = [intake, *whose]
    wire(panel.begin.click, begin, studio, inputs=[panel.title, *kept],
         outputs=[bench.book, bench.changed, bench.panels], show_progress="minimal")  # fmt: skip
    wire(panel.add.click, add, studio, inputs=kept, outputs=[bench.changed, bench.panels])
    fetching.bring(panel.refused, fetch, write_refused, inputs=intake)
    fetching.bring(lost, fetch, write_refused_of_book, studio, inputs=whose)


def _wire_form(studio: Studio, bench: Workbench, intake: gr.State, panel: rows_panel.Panel) -> None:
    """Every choice about the rows changes the intake, and is drawn from it."""
    form = [intake, *panel.mapped]
    last = {"trigger_mode": "always_last"}
    wire(panel.column.input, show_values, inputs=[intake, panel.column], outputs=panel.values)
    wire(panel.values.input, choose_values, inputs=[intake, panel.column, panel.values],
         outputs=form, **last)  # fmt: skip
    wire(panel.template.input, use_template, studio,
         inputs=[intake, panel.template, bench.book, bench.scope], outputs=form)  # fmt: skip
    wire(panel.format.input, take_for, inputs=[intake, panel.format], outputs=form)
    filled = [menu.input for menu in panel.slots.menus]
    wire(filled, fill, inputs=[intake, *panel.slots.parts], outputs=[intake, *panel.judged], **last)


def _lay_out_book() -> tuple[gr.HTML, gr.Button, gr.DownloadButton]:
    about = gr.HTML(visible=False, elem_id="rows-of-book")
    lost = gr.Button("Its refused records as CSV", size="sm", visible=False, elem_id="lost-of-book")
    return about, lost, fetching.place("refused")


# ---- what the events do


@told
def list_sources(studio: Studio, sample: str | None, scope: str | None) -> list[Any]:
    """The samples, conversations and datasets there are to choose from."""
    return sources.list_sources(studio, sample, scope)


@told
def tell_book(studio: Studio, book: str | None, scope: str | None) -> list[Any]:
    """Where the rows of the open workbook came from; nothing while none is open."""
    if not book:
        return [gr.HTML(visible=False), gr.Button(visible=False), gr.Button(visible=False)]
    opened = studio.workbooks.open(book, scope)
    return [
        gr.HTML(rows_told.tell_book(opened), visible=True),
        gr.Button(visible=bool(opened.refused())),
        gr.Button(visible=True),
    ]


@told
def read_first(
    studio: Studio, book: str | None, scope: str | None, before: Intake | None, *held: Any
) -> list[Any]:
    """Read the sample when the tab is opened, and leave what was read alone."""
    if before is not None:
        return [gr.skip()] * (1 + len(rows_panel.draw(None, [], None)))
    return _read(studio, book, scope, *held)


@told
def read(
    studio: Studio, book: str | None, scope: str | None, _before: Intake | None, *held: Any
) -> list[Any]:
    """Read the rows of the source, and suggest what they are."""
    return _read(studio, book, scope, *held)


def _read(studio: Studio, book: str | None, scope: str | None, *held: Any) -> list[Any]:
    opened = _book(studio, book, scope)
    templates = studio.templates(scope)
    try:
        gathered = sources.read(studio, scope, *held)
    except StudioError as error:
        return [None, tell_fault(error), *rows_panel.draw(None, templates, opened)[1:]]
    wished = sources.template_of(studio, scope, *held)
    if wished is None and opened and fits(opened.template, gathered.rows):
        wished = opened.template
    intake = take_in(gathered, templates, wished)
    return [intake, *rows_panel.draw(intake, templates, opened)]


@told
def show_values(intake: Intake | None, column: str | None) -> gr.Dropdown:
    """The values of a column with how often they come, those chosen before chosen again."""
    if intake is None or not column:
        return gr.Dropdown(choices=[], value=None)
    found = intake.values(column)
    some = f"The {VALUES_SHOWN} most frequent of {len(found):,} are listed; type any other."
    return gr.Dropdown(
        choices=[(f"{value[:60]} ({count:,})", value) for value, count in found[:VALUES_SHOWN]],
        value=list(intake.wished.get(column, ())) or None,
        info=some if len(found) > VALUES_SHOWN else "None chosen takes every row.",
    )


@told
def choose_values(
    intake: Intake | None, column: str | None, values: Sequence[str] | None
) -> list[Any]:
    """Take only rows with these values in the column."""
    if intake is None or not column:
        return _no_change()
    other = intake.where(column, [str(value) for value in values or ()])
    return [other, gr.skip(), *rows_panel.draw_form(other)]


@told
def use_template(
    studio: Studio, intake: Intake | None, name: str, book: str | None, scope: str | None
) -> list[Any]:
    """Map the rows for another template."""
    if intake is None:
        return _no_change()
    opened = _book(studio, book, scope)
    if opened and name == rows_panel.THE_BOOKS:
        other = intake.use(opened.template)
    else:
        other = intake.use(studio.template(name, scope))
    return [other, gr.skip(), *rows_panel.draw_form(other)]


@told
def take_for(intake: Intake | None, format: Format) -> list[Any]:
    """Take the rows for something else."""
    if intake is None:
        return _no_change()
    other = intake.take_for(format)
    return [other, gr.skip(), *rows_panel.draw_form(other)]


@told
def fill(intake: Intake | None, *held: str | None) -> list[Any]:
    """Map the rows as the form says."""
    if intake is None:
        return [gr.skip()] * (1 + len(rows_panel.draw_outcome(None)))
    other = mapping_slots.fill(intake, held)
    return [other, *rows_panel.draw_outcome(other)]


@told
def begin(
    studio: Studio, title: str, intake: Intake | None, book: str | None, scope: str | None
) -> list[Any]:
    """Put the rows into a workbook of their own and open it."""
    if intake is None:
        raise DatasetError("There are no rows yet; choose where they come from.")
    made = intake.made
    begun = studio.workbooks.begin(
        title, made, intake.template, owner=scope, mapping=intake.mapping.told[:2000]
    )
    gr.Info(f"{len(made.rows):,} rows are in a workbook of their own.", title="Begun")
    return [begun.id, now(), open_panel("template")]


@told
def add(studio: Studio, intake: Intake | None, book: str | None, scope: str | None) -> list[Any]:
    """Add the rows to the open workbook."""
    opened = _book(studio, book, scope)
    if intake is None or opened is None:
        raise DatasetError("There is nothing to add yet; read rows and open a workbook first.")
    made = intake.made
    numbers = opened.take(made)
    gr.Info(f"{len(numbers):,} rows were added; undo takes them out again.", title="Added")
    return [now(), open_panel("examples")]


@told
def write_refused(intake: Intake | None) -> str:
    """Every refused record of what was read, those that the mapping refuses too, as a file."""
    if intake is None:
        raise DatasetError("Nothing was read yet.")
    try:
        refused = intake.made.refused
    except DatasetError:
        refused = intake.chosen.refused
    return fetching.write("refused.csv", list_refused(refused))


@told
def write_refused_of_book(studio: Studio, book: str | None, scope: str | None) -> str:
    """Every record that was refused on its way into the open workbook, as a file."""
    opened = studio.workbooks.open(book or "", scope)
    parted = [(place.rpartition(", line "), why) for place, why in opened.refused()]
    refused = [(Place(source, int(line)), why) for (source, _, line), why in parted]
    return fetching.write(f"{opened.id}-refused.csv", list_refused(refused))


def _no_change() -> list[Any]:
    return [gr.skip()] * (2 + len(rows_panel.draw_form(None)))


def _book(studio: Studio, book: str | None, scope: str | None) -> Workbook | None:
    return studio.workbooks.open(book, scope) if book else None
