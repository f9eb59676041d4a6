"""Templates kept, brought and taken away: one's own, their versions, other programs' files."""

import shutil
from pathlib import Path
from typing import Any

import gradio as gr

from studio.data.inversion import askable, invert
from studio.data.template import Template
from studio.data.template_forms import write_files, write_template
from studio.errors import StudioError, TemplateError
from studio.measure.numerals import counted
from studio.studio import Studio
from studio.ui import fetching, template_draft, template_editor, template_look
from studio.ui.border import told, wire
from studio.ui.template_draft import Draft
from studio.ui.template_panel import Panel, rows_at_hand, titles, use
from studio.ui.workbench import Workbench

SAVED_ROWS = 200  # rows of the workbook that are kept as samples with a template of one's own
GIVEN_ROWS = 1_000  # and those that go along into a form that has rows
FORMS = [
    ("Our own YAML", "yaml"), ("PromptSource YAML", "promptsource"), ("FLAN patterns", "flan"),
    ("Natural Instructions", "natural"), ("lm-evaluation-harness", "lm-eval"),
]  # fmt: skip


def build(studio: Studio, bench: Workbench, panel: Panel) -> None:
    """Lay the parts out and wire them."""
    with gr.Row():
        save = gr.Button("Save as my template", size="sm", elem_id="save-template", min_width=160)
        drop = gr.Button("Remove from my templates", size="sm", elem_id="remove-template",
                         min_width=160)  # fmt: skip
    _build_bringing(studio, bench, panel)
    _build_taking(studio, bench, panel)
    _build_versions(studio, bench, panel)
    _build_turning(studio, bench, panel)
    _build_yaml(studio, bench, panel)
    held = [bench.book, bench.scope, *panel.editor.held]
    wire(save.click, save_template, studio, inputs=held,
         outputs=[bench.changed, *panel.opened])  # fmt: skip
    wire(drop.click, remove_template, studio, inputs=[bench.scope, panel.editor.draft],
         outputs=panel.gallery)  # fmt: skip


def _build_bringing(studio: Studio, bench: Workbench, panel: Panel) -> None:
    with gr.Accordion("Bring templates from files", open=False, elem_id="bring-templates"):
        files = gr.File(
            label="PromptSource or lm-eval YAML, FLAN or Natural-Instructions JSON, or our own",
            file_count="multiple", elem_id="template-files", height=140,
        )  # fmt: skip
        brought = gr.HTML(elem_id="brought")
    wire(files.upload, bring_templates, studio, inputs=[files, bench.scope],
         outputs=[brought, panel.gallery])  # fmt: skip


def _build_taking(studio: Studio, bench: Workbench, panel: Panel) -> None:
    with gr.Accordion("Take it away", open=False, elem_id="take-template"):
        fetch = fetching.place("template")
        with gr.Row(elem_classes="st-deeds"):
            form = gr.Dropdown(FORMS, value="yaml", label="As", min_width=160, elem_id="form")
            give = gr.Button("Download", size="sm", min_width=120, elem_id="give-template")
        given = gr.HTML(elem_id="given")
    inputs = [form, bench.book, bench.scope, *panel.editor.held]
    fetching.bring(give, fetch, give_template, studio, inputs=inputs, also=[given])


def _build_versions(studio: Studio, bench: Workbench, panel: Panel) -> None:
    fold = gr.Accordion("Versions", open=False, elem_id="template-versions")
    with fold, gr.Row(elem_classes="st-deeds"):
        version = gr.Dropdown([], label="Saved versions of this template", min_width=200,
                              elem_id="version")  # fmt: skip
        back = gr.Button("Open this version", size="sm", min_width=120, elem_id="open-version")
    wire(fold.expand, list_versions, studio, inputs=[bench.scope, panel.editor.draft],
         outputs=version)  # fmt: skip
    wire(back.click, open_version, studio,
         inputs=[version, bench.book, bench.scope, panel.editor.draft],
         outputs=[bench.changed, *panel.opened])  # fmt: skip


def _build_turning(studio: Studio, bench: Workbench, panel: Panel) -> None:
    fold = gr.Accordion("Turn the task round", open=False, elem_id="turn-round")
    with fold, gr.Row(elem_classes="st-deeds"):
        column = gr.Dropdown([], label="Column to be answered", min_width=160,
                                 elem_id="round-column",
                                 info="It is asked for, and the answer is given.")  # fmt: skip
        turn = gr.Button("Turn it round", size="sm", min_width=120, elem_id="turn")
    held = [bench.book, bench.scope, *panel.editor.held]
    wire(fold.expand, list_columns, studio, inputs=held, outputs=column)
    wire(turn.click, turn_round, studio, inputs=[column, *held],
         outputs=[bench.changed, *panel.opened])  # fmt: skip


def _build_yaml(studio: Studio, bench: Workbench, panel: Panel) -> None:
    with gr.Accordion("The whole template as YAML", open=False, elem_id="as-yaml") as fold:
        text = gr.Code("", language="yaml", label="Every field of it", lines=8, max_lines=24,
                       wrap_lines=True, interactive=True, elem_id="yaml")  # fmt: skip
        take = gr.Button("Take this text", size="sm", elem_id="take-yaml")
    wire(fold.expand, show_yaml, inputs=panel.editor.held, outputs=text)
    wire(take.click, take_yaml, studio, inputs=[text, bench.book, bench.scope],
         outputs=[bench.changed, *panel.opened])  # fmt: skip


@told
def save_template(
    studio: Studio, book: str | None, scope: str | None, draft: Draft | None, *values: Any
) -> list[Any]:
    """Keep what is written under its title, with some of the rows at hand as samples."""
    written = template_editor.read(draft, values)
    template = template_draft.name_template(written, written.title)
    _, rows = rows_at_hand(studio, book, scope, written.name)
    saved = studio.save_template(template, rows[:SAVED_ROWS], owner=scope)
    gr.Info(f"Saved as {saved.name}; what it was before stays among its versions.")
    changed, gallery, *rest = use(studio, saved, book, scope)
    return [changed, gr.Radio(titles(studio.templates(scope)), value=gallery), *rest]


@told
def remove_template(studio: Studio, scope: str | None, draft: Draft | None) -> gr.Radio:
    """Take a template of one's own out of the gallery."""
    studio.remove_template(draft["name"] if draft else "", owner=scope)
    gr.Info("Removed from the gallery; its versions stay in the home folder.")
    return gr.Radio(titles(studio.templates(scope)), value=None)


@told
def bring_templates(studio: Studio, files: list[str] | None, scope: str | None) -> list[Any]:
    """Keep the templates of files; what cannot be converted is listed, file by file."""
    told_of = ""
    for path in map(Path, files or []):
        try:
            found = studio.import_templates(path, owner=scope)
        except StudioError as error:
            told_of += template_look.tell_fault(error)
            continue
        names = ", ".join(one.title for one in found.templates)
        ways = counted(sum(len(one.phrasings) for one in found.templates), "phrasing")
        told_of += template_look.tell_left(f"{path.name}: {names}; {ways}.", found.left)
    return [told_of, gr.Radio(titles(studio.templates(scope)))]


@told
def give_template(
    studio: Studio, form: str, book: str | None, scope: str | None, draft: Draft | None,
    *values: Any,
) -> list[Any]:  # fmt: skip
    """The template as a file of another program, several in one archive; and what was left out."""
    written = template_editor.read(draft, values)
    _, rows = rows_at_hand(studio, book, scope, written.name)
    given = write_template(written.model_copy(update={"rows": tuple(rows[:GIVEN_ROWS])}), form)
    paths = write_files(given, fetching.folder() / f"{written.name}-{form}")
    path = str(paths[0])
    if len(paths) > 1:
        path = shutil.make_archive(str(paths[0].parent), "zip", root_dir=paths[0].parent)
    made = f"{Path(path).name}: {', '.join(given.files)}"
    return [path, template_look.tell_left(made, given.left)]


@told
def list_versions(studio: Studio, scope: str | None, draft: Draft | None) -> gr.Dropdown:
    """The versions of the open template, the current one first."""
    versions = studio.template_versions(draft["name"], owner=scope) if draft else []
    choices = [
        (f"{one.saved:%d %b %Y %H:%M} UTC · {one.digits}{' · now' * one.is_current}", one.digits)
        for one in versions
    ]
    info = None if choices else "None: only templates that you saved have versions."
    return gr.Dropdown(choices, value=choices[0][1] if choices else None, info=info)


@told
def open_version(
    studio: Studio, digits: str | None, book: str | None, scope: str | None, draft: Draft | None
) -> list[Any]:
    """Open an older version in the editor; saving makes it the current one again."""
    if not digits or not draft:
        raise TemplateError("Choose a version first; templates get one whenever they are saved.")
    return use(studio, studio.template(f"{draft['name']}@{digits}", scope), book, scope)


@told
def list_columns(
    studio: Studio, book: str | None, scope: str | None, draft: Draft | None, *values: Any
) -> gr.Dropdown:
    """Columns that can become the answer."""
    template = template_editor.read(draft, values)
    columns = askable(template, rows_at_hand(studio, book, scope, template.name)[1])
    return gr.Dropdown(columns, value=columns[0] if columns else None)


@told
def turn_round(
    studio: Studio, column: str | None, book: str | None, scope: str | None,
    draft: Draft | None, *values: Any,
) -> list[Any]:  # fmt: skip
    """Open the template that asks the other way round; it is kept when it is saved."""
    template = template_editor.read(draft, values)
    _, rows = rows_at_hand(studio, book, scope, template.name)
    turned = invert(template, column or "", rows=rows)
    return use(studio, turned, book, scope)


@told
def show_yaml(draft: Draft | None, *values: Any) -> str:
    """The template as written, as text."""
    return template_editor.read(draft, values).yaml()


@told
def take_yaml(studio: Studio, text: str | None, book: str | None, scope: str | None) -> list[Any]:
    """Open the template of the text."""
    return use(studio, Template.parse(text or "", origin="in the box"), book, scope)
