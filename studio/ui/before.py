"""The first panel of the Data tab: where rows come from, and what becomes of them."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from studio.data.readers import Row, Rows, parse_rows, read_rows
from studio.data.rendering import preview
from studio.data.template import Template
from studio.errors import StudioError, TemplateError
from studio.studio import Studio
from studio.ui import examples, seen, workbench
from studio.ui.border import told, wire
from studio.ui.draft import Draft, apply_draft, name_template, open_draft
from studio.ui.links import Links, go_to
from studio.ui.workbench import Workbench

FIRST = "sentiment"
SOURCES = [("The template's own rows", "own"), ("Upload a file", "file"), ("Paste text", "text")]
FORMATS = [
    ("JSON lines", ".jsonl"), ("JSON", ".json"), ("CSV with a header", ".csv"),
    ("Tab-separated", ".tsv"), ("One text per line", ".txt"),
]  # fmt: skip
ANY_TASK = "every task"
SHOWN_ROWS = 50  # rows that can be looked at before a dataset is built

Boxes = list[gr.Textbox]


def build(studio: Studio, links: Links, bench: Workbench, tab: gr.Tab) -> None:
    """Lay the panel out and wire it."""
    with gr.Row():
        with gr.Column(scale=2, min_width=320):
            search, task, template, about = _lay_out_gallery(studio)
            source, file, text, kind, found = _lay_out_rows()
            boxes, save = _lay_out_editor()
        with gr.Column(scale=3, min_width=320):
            gr.Markdown("### What the model will see")
            number = gr.Slider(1, SHOWN_ROWS, value=1, step=1, label="Row shown", elem_id="row")
            seen = gr.HTML(examples.WAITING, elem_id="preview", min_height=260)
            options, build_button = _lay_out_build()
            built = gr.HTML(examples.NOT_BUILT, elem_id="built")
            tune = gr.Button("Tune on this dataset", visible=False, elem_id="tune-on-it")
    rows = gr.State([])

    drawn = [rows, found, number, seen]
    gathered = [template, source, file, text, kind, *boxes]
    chosen = [about, *boxes, *drawn]
    wire(bench.tab.select, choose_first, studio, inputs=[about, *gathered], outputs=chosen)
    sought = [search.change, task.change]
    wire(sought, list_templates, studio, inputs=[search, task, template], outputs=template)
    wire(template.input, choose, studio, inputs=gathered, outputs=chosen)
    wire(source.change, show_source, inputs=source, outputs=[file, text, kind])
    brought = [source.change, file.change, text.blur, kind.change]
    wire(brought, gather, studio, inputs=gathered, outputs=drawn, trigger_mode="always_last")
    shown = [template, rows, number, *boxes]
    edited = [number.release, *(box.blur for box in boxes)]
    wire(edited, show_row, studio, inputs=shown, outputs=seen, trigger_mode="always_last")
    kept = wire(save.click, save_template, studio, inputs=shown, outputs=template)
    wire(kept.then, show_row, studio, inputs=shown, outputs=seen)
    made = wire(
        build_button.click, build_dataset, studio, inputs=[template, rows, *options, *boxes],
        outputs=[built, links.dataset, tune], show_progress="minimal",
    )  # fmt: skip
    wire(made.success, workbench.now, outputs=bench.made)
    wire(tune.click, partial(go_to, "tune"), outputs=links.tabs)


def _lay_out_gallery(studio: Studio) -> tuple[gr.Textbox, gr.Dropdown, gr.Radio, gr.HTML]:
    tasks = sorted({template.task for template in studio.templates()})
    gr.Markdown("### Template")
    with gr.Row():
        search = gr.Textbox(value="", label="Search", placeholder="a word", min_width=120)
        task = gr.Dropdown([ANY_TASK, *tasks], value=ANY_TASK, label="Task", min_width=120)
    template = gr.Radio(
        _titles(studio.templates()), value=FIRST, label="Templates", elem_id="template",
        elem_classes="st-gallery",
    )  # fmt: skip
    return search, task, template, gr.HTML(elem_id="about-template")


def _lay_out_rows() -> tuple[gr.Radio, gr.File, gr.Textbox, gr.Dropdown, gr.HTML]:
    gr.Markdown("### Rows")
    source = gr.Radio(SOURCES, value="own", label="Where rows come from", elem_id="source")
    file = gr.File(
        label="File of rows: JSONL, JSON, CSV, TSV or TXT, at most 50 MB", visible=False,
        elem_id="file", height=140,
    )  # fmt: skip
    text = gr.Textbox(value="", label="Rows", lines=6, visible=False, elem_id="pasted")
    kind = gr.Dropdown(FORMATS, value=".jsonl", label="Format", visible=False, elem_id="format")
    return source, file, text, kind, gr.HTML(elem_id="found")


def _lay_out_editor() -> tuple[Boxes, gr.Button]:
    with gr.Accordion("Edit the template", open=False, elem_id="editor"):
        boxes = [
            gr.Textbox(value="", label="Title", elem_id="edit-title"),
            gr.Textbox(
                value="", label="System message", info="None if empty.", elem_id="edit-system"
            ),
            gr.Textbox(
                value="", label="Phrasings", lines=7, elem_id="edit-phrasings",
                info="Ways to ask, in Jinja over the columns; a line of --- between two.",
            ),
            gr.Textbox(
                value="", label="Answer", elem_id="edit-answer", info="Jinja over the columns."
            ),
            gr.Textbox(
                value="", label="Possible answers", lines=2, elem_id="edit-choices",
                info="One per line, or Jinja giving them separated by |||; empty if open.",
            ),
        ]  # fmt: skip
        save = gr.Button("Save as my template", size="sm", elem_id="save-template")
    return boxes, save


def _lay_out_build() -> tuple[list[Any], gr.Button]:
    with gr.Row():
        name = gr.Textbox(
            value="", label="Name of the dataset", placeholder="the template's title",
            elem_id="dataset-name",
            max_length=80, min_width=180, scale=2,
        )  # fmt: skip
        button = gr.Button("Build dataset", variant="primary", elem_id="build", min_width=160)
    with gr.Accordion("How it is built", open=False), gr.Row():
        share = gr.Number(
            0.2, label="Held-out share", minimum=0, maximum=1, step=0.05, min_width=140,
            info="Kept back to measure the gain; a split column decides where there is one.",
        )  # fmt: skip
        ways = gr.Radio(
            [("one phrasing per row", "one"), ("every phrasing", "all")], value="one",
            label="Phrasings", min_width=180, info="For rows to learn from.",
        )  # fmt: skip
        limit = gr.Number(
            0, label="Most rows", minimum=0, precision=0, min_width=120, info="0 takes all."
        )
        seed = gr.Number(42, label="Seed", minimum=0, precision=0, min_width=120)
    return [name, share, ways, limit, seed], button


def _titles(templates: Sequence[Template]) -> list[tuple[str, str]]:
    return [(template.title, template.name) for template in templates]


@told
def list_templates(
    studio: Studio, search: str | None, task: str | None, chosen: str | None
) -> gr.Radio:
    """The templates that fit the search, all if none is asked for."""
    words = (search or "").casefold().split()
    fitting = [
        template
        for template in studio.templates()
        if task in (None, ANY_TASK, template.task)
        and all(word in examples.searched(template) for word in words)
    ]
    names = [template.name for template in fitting]
    label = f"Templates ({len(fitting)})" if fitting else "Templates (none fits the search)"
    return gr.Radio(_titles(fitting), value=chosen if chosen in names else None, label=label)


@told
def choose_first(studio: Studio, about: str | None, *rest: Any) -> list[Any]:
    """Open the first template when the tab is opened, and leave a chosen one alone."""
    if about:
        return [gr.skip()] * (1 + 5 + 4)
    return choose(studio, *rest)


@told
def choose(studio: Studio, name: str | None, *rest: Any) -> list[Any]:
    """Open a template in the editor and look at its first row."""
    template = _template(studio, name)
    draft = open_draft(template)
    boxes = [draft.title, draft.system, draft.phrasings, draft.answer, draft.choices]
    source, file, text, kind = rest[:4]
    about = examples.tell_template(template)
    return [about, *boxes, *_gather(template, source, file, text, kind)]


def show_source(source: str) -> list[Any]:
    """Show the fields that belong to a source of rows."""
    return [
        gr.File(visible=source == "file"),
        gr.Textbox(visible=source == "text"),
        gr.Dropdown(visible=source == "text"),
    ]


@told
def gather(
    studio: Studio, name: str | None, source: str, file: str | None, text: str, kind: str,
    *boxes: str,
) -> list[Any]:  # fmt: skip
    """Read the rows and look at the first of them."""
    template = _edited(studio, name, boxes)
    return _gather(template, source, file, text, kind)


def _gather(template: Template, source: str, file: str | None, text: str, kind: str) -> list[Any]:
    try:
        rows = _read(template, source, file, text, kind)
    except StudioError as error:
        return [[], seen.tell_fault(error), gr.skip(), examples.WAITING]
    number = gr.Slider(maximum=max(2, min(SHOWN_ROWS, len(rows.rows))), value=1)
    return [rows.rows, examples.tell_rows(rows), number, _draw(template, rows.rows, 1)]


def _read(template: Template, source: str, file: str | None, text: str, kind: str) -> Rows:
    if source == "own":
        return Rows(template.all_rows(), [])
    if source == "file":
        return read_rows(Path(file)) if file else Rows([], [])
    return parse_rows(text, kind, name="pasted text") if text.strip() else Rows([], [])


@told
def show_row(studio: Studio, name: str | None, rows: list[Row], number: float, *boxes: str) -> str:
    """Draw one row as the model will see it, with the editor's changes."""
    return _draw(_edited(studio, name, boxes), rows, int(number))


def _draw(template: Template, rows: Sequence[Row], number: int) -> str:
    if not rows:
        return examples.WAITING
    try:
        rendered = preview(template, [rows[min(number, len(rows)) - 1]], phrasings="all")
    except StudioError as error:
        return seen.tell_fault(error)
    return seen.draw_examples(rendered)


@told
def save_template(
    studio: Studio, name: str | None, rows: list[Row], number: float, *boxes: str
) -> gr.Radio:
    """Keep the editor's template under its title, with the rows at hand."""
    template = name_template(_edited(studio, name, boxes), boxes[0])
    saved = studio.save_template(template, rows)
    gr.Info(f"Saved as {saved.name}, with {len(rows)} rows.")
    return gr.Radio(_titles(studio.templates()), value=saved.name)


@told
def build_dataset(
    studio: Studio, template: str | None, rows: list[Row], name: str, share: float, ways: str,
    limit: float, seed: float, *boxes: str,
) -> list[Any]:  # fmt: skip
    """Freeze the dataset; the same inputs give the same one again."""
    chosen = _edited(studio, template, boxes)
    dataset = studio.build(
        chosen,
        rows,
        name=name.strip() or None,
        heldout_share=share,
        seed=int(seed or 0),
        phrasings=ways,
        limit=int(limit) if limit else None,
    )
    return [examples.tell_dataset(dataset), dataset.id, gr.Button(visible=True)]


def _edited(studio: Studio, name: str | None, boxes: Sequence[str]) -> Template:
    """The chosen template with the editor's changes; empty boxes were never opened."""
    template = _template(studio, name)
    return apply_draft(template, Draft(*boxes)) if any(boxes) else template


def _template(studio: Studio, name: str | None) -> Template:
    if not name:
        raise TemplateError("Choose a template first.")
    return studio.template(name)
