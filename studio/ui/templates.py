"""The second panel of the Data tab: the words that rows are asked in, edited and tried live."""

import random
from collections.abc import Sequence
from typing import Any

import gradio as gr

from studio.data.lint import Remark, lint
from studio.data.readers import Row
from studio.data.rendering import preview
from studio.data.template import Template
from studio.data.warm import warm_sandbox
from studio.data.workbook import Workbook
from studio.errors import StudioError
from studio.studio import Studio
from studio.ui import seen, template_editor, template_files, template_look, workbench
from studio.ui.border import told, wire
from studio.ui.links import Links
from studio.ui.template_draft import Draft
from studio.ui.template_panel import OPENED, Panel, open_it, rows_at_hand, titles, use
from studio.ui.workbench import Workbench

FIRST = "sentiment"
ANY_TASK, OWN = "every task", "my own"
POOL = 200  # rows from which the preview draws solved rows
LOOSE = "No workbook is open: what you change here is lost on a reload unless you save it."


def build(studio: Studio, links: Links, bench: Workbench, tab: gr.Tab) -> None:
    """Lay the panel out and wire it."""
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            search, task, gallery = _lay_out_gallery(studio)
        with gr.Column(scale=2, min_width=320):
            about = gr.HTML(elem_id="about-template", elem_classes="st-about")
            begin = gr.Button("Start a workbook with its own rows", size="sm",
                              elem_id="begin-with-own")  # fmt: skip
    with gr.Row():
        with gr.Column(scale=1, min_width=320):
            editor = template_editor.lay_out()
        with gr.Column(scale=1, min_width=320):
            state = gr.HTML(elem_id="template-state")
            with gr.Row(elem_classes="st-deeds"):
                number = gr.Number(1, label="Row shown", minimum=1, precision=0, min_width=120,
                                   scale=0, elem_id="row")  # fmt: skip
                other = gr.Button("Another row", size="sm", elem_id="another-row", min_width=100)
            drawn = gr.HTML(elem_id="preview", min_height=260)
            panel = Panel(gallery, about, editor, gr.State(""), state, number, drawn)
            template_files.build(studio, bench, panel)
    _wire_up(studio, bench, panel, tab, search, task, begin)
    wire(other.click, draw_row, studio, inputs=[bench.book, bench.scope, editor.draft],
         outputs=number)  # fmt: skip


def _wire_up(
    studio: Studio, bench: Workbench, panel: Panel, tab: gr.Tab, search: gr.Textbox,
    task: gr.Dropdown, begin: gr.Button,
) -> None:  # fmt: skip
    editor, book = panel.editor, [bench.book, bench.scope]
    seeing = {"inputs": [*book, panel.number, *editor.held], "outputs": panel.looked}
    wire([search.change, task.change, bench.scope.change], list_templates, studio,
         inputs=[search, task, panel.gallery, bench.scope], outputs=panel.gallery)  # fmt: skip
    opening = [
        # Not bench.changed: while this panel is open, only this panel changes the workbook.
        wire([tab.select, bench.book.change], follow, studio, trigger_mode="always_last",
             inputs=[*book, panel.synced, editor.draft], outputs=panel.opened),
        wire(panel.gallery.input, choose, studio, inputs=[panel.gallery, *book],
             outputs=[bench.changed, *panel.opened], trigger_mode="always_last"),
        *template_editor.wire_up(editor),
    ]  # fmt: skip
    for opened in opening:
        wire(opened.success, look, studio, **seeing)
    typed = [box.input for box in editor.boxes]
    wire([*typed, panel.number.change], look, studio, trigger_mode="always_last", **seeing)
    left = [box.blur for box in editor.boxes if hasattr(box, "blur")]
    wire([*left, editor.boxes[-1].change], keep, studio,
         inputs=[*book, panel.synced, *editor.held], outputs=[bench.changed, panel.synced],
         trigger_mode="always_last")  # fmt: skip
    wire(begin.click, start, studio, inputs=[bench.scope, panel.gallery, *editor.held],
         outputs=[bench.book, bench.changed])  # fmt: skip


def _lay_out_gallery(studio: Studio) -> tuple[gr.Textbox, gr.Dropdown, gr.Radio]:
    known = studio.templates()
    tasks = sorted({template.task for template in known})
    with gr.Row():
        search = gr.Textbox(value="", label="Search", placeholder="a word", min_width=120,
                            elem_id="search-templates")  # fmt: skip
        task = gr.Dropdown([ANY_TASK, OWN, *tasks], value=ANY_TASK, label="Task", min_width=120,
                           elem_id="task-templates")  # fmt: skip
    gallery = gr.Radio(
        titles(known), value=None, label="Templates", elem_id="template", elem_classes="st-gallery"
    )
    return search, task, gallery


@told
def list_templates(
    studio: Studio, search: str | None, task: str | None, chosen: str | None, scope: str | None
) -> gr.Radio:
    """The templates that fit the search, all if none is asked for."""
    words = (search or "").casefold().split()
    own = studio.own_templates(scope)
    fitting = [
        template
        for template in studio.templates(scope)
        if task in (None, ANY_TASK, template.task) or (task == OWN and template.name in own)
        if all(word in template_look.searched(template) for word in words)
    ]
    names = [template.name for template in fitting]
    label = f"Templates ({len(fitting)})" if fitting else "Templates (none fits the search)"
    return gr.Radio(titles(fitting), value=chosen if chosen in names else None, label=label)


@told
def follow(
    studio: Studio, book: str | None, scope: str | None, synced: str, draft: Draft | None
) -> list[Any]:
    """Show the workbook's template, unless it is the one shown; without a workbook a first one."""
    if book is None:
        return [gr.skip()] * OPENED if draft else open_it(studio, studio.template(FIRST), scope)
    template = studio.workbooks.open(book, scope).template
    if template.yaml() == synced:
        return [gr.skip()] * OPENED
    return open_it(studio, template, scope, template.yaml())


@told
def choose(studio: Studio, name: str | None, book: str | None, scope: str | None) -> list[Any]:
    """Open a template, and let the workbook use it."""
    if not name:
        return [gr.skip()] * (1 + OPENED)
    return use(studio, studio.template(name, scope), book, scope)


@told
def keep(
    studio: Studio, book: str | None, scope: str | None, synced: str, draft: Draft | None,
    *values: Any,
) -> list[Any]:  # fmt: skip
    """Let the workbook use what is written, if it is a template; `look` tells what is wrong.

    Boxes that nobody wrote in since they were filled change nothing: another window may have.
    """
    if book is None or draft is None:
        return [gr.skip(), gr.skip()]
    opened = studio.workbooks.open(book, scope)
    try:
        template = template_editor.read(draft, values)
    except StudioError:
        return [gr.skip(), gr.skip()]
    if template.yaml() == synced:
        return [gr.skip(), gr.skip()]
    opened.use_template(template)
    now = opened.template.yaml()
    return [gr.skip(), gr.skip()] if now == synced else [workbench.now(), now]


@told
def start(
    studio: Studio, scope: str | None, name: str | None, draft: Draft | None, *values: Any
) -> list[Any]:
    """Begin a workbook of the template's own rows, with what is written in the editor."""
    template = template_editor.read(draft, values)
    source = studio.template(name or template.name, scope)
    opened = studio.begin_workbook(source, title=template.title, owner=scope)
    if template.name == source.name:
        opened.use_template(template)
    return [opened.id, workbench.now()]


@told
def look(
    studio: Studio, book: str | None, scope: str | None, number: float | None,
    draft: Draft | None, *values: Any,
) -> list[Any]:  # fmt: skip
    """What is odd about the template as written, and a row through it."""
    if draft is None:
        return [gr.skip()] * 3
    opened, rows = rows_at_hand(studio, book, scope, draft["name"])
    try:
        template = template_editor.read(draft, values)
        with warm_sandbox() as sandbox:
            remarks = lint(template, rows, sandbox=sandbox)
        drawn = _draw(template, rows, int(number or 1), draft["open"])
    except StudioError as error:
        remarks, drawn = [Remark("error", "template", str(error))], gr.skip()
    state = template_look.tell_remarks(remarks) + _tell_use(opened, remarks)
    return [state, drawn, template_editor.name_phrasings(draft, values)]


@told
def draw_row(studio: Studio, book: str | None, scope: str | None, draft: Draft | None) -> int:
    """The number of any row."""
    _, rows = rows_at_hand(studio, book, scope, draft["name"] if draft else "")
    return random.randint(1, max(1, len(rows)))


def _draw(template: Template, rows: Sequence[Row], number: int, phrasing: int) -> str:
    """The row in the phrasing that is open, the others folded."""
    if not rows:
        return seen.tell_fault(StudioError("There are no rows; bring some in the Rows panel."))
    row = rows[min(number, len(rows)) - 1]
    try:
        rendered = preview(template, [row], phrasings="all", pool=rows[:POOL])
    except StudioError as error:
        return seen.tell_fault(error)
    ordered = sorted(rendered, key=lambda example: example.phrasing != phrasing + 1)
    return seen.draw_examples(ordered)


def _tell_use(book: Workbook | None, remarks: Sequence[Remark]) -> str:
    if book is None:
        return template_look.markup.quiet(LOOSE)
    if any(remark.place == "template" for remark in remarks):
        told_of = "Not used yet: the workbook keeps the last form that could be read."
    elif any(remark.severity == "error" for remark in remarks):
        told_of = f"It makes no examples of the rows of {book.card.title} as it is."
    else:
        told_of = f"Used for the {len(book.rows()):,} rows of {book.card.title}."
    return template_look.markup.quiet(told_of)
