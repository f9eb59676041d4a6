"""What the parts of the Template panel share: the open template, and how another is opened."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from studio.data.readers import Row
from studio.data.template import Template
from studio.data.workbook import Workbook
from studio.studio import Studio
from studio.ui import template_editor, template_look, workbench
from studio.ui.template_draft import Boxes
from studio.ui.template_editor import Editor

OPENED = 3 + 2 + len(Boxes._fields)
"""How many values open a template: those of `Panel.opened`."""


@dataclass(frozen=True)
class Panel:
    """What the parts of the panel share."""

    gallery: gr.Radio
    about: gr.HTML
    editor: Editor
    synced: gr.State
    """The open workbook's template as YAML text when it was last taken from there or put there."""
    state: gr.HTML
    number: gr.Number
    seen: gr.HTML

    @property
    def opened(self) -> list[Any]:
        """What opening a template fills: see `open_it`."""
        return [self.gallery, self.about, self.synced, *self.editor.shown]

    @property
    def looked(self) -> list[Any]:
        """What `look` fills."""
        return [self.state, self.seen, self.editor.picker]


def use(studio: Studio, template: Template, book: str | None, scope: str | None) -> list[Any]:
    """Open a template and let the workbook use it: its time of change, then as `open_it`."""
    if book is None:
        return [gr.skip(), *open_it(studio, template, scope)]
    opened = studio.workbooks.open(book, scope)
    opened.use_template(template)
    return [workbench.now(), *open_it(studio, template, scope, opened.template.yaml())]


def open_it(studio: Studio, template: Template, scope: str | None, synced: str = "") -> list[Any]:
    """Values for `Panel.opened`."""
    known = {one.name: one for one in studio.templates(scope)}
    is_own = template.name in studio.own_templates(scope)
    gallery = template.name if template.name in known else None
    told_of = template_look.tell_template(known.get(template.name, template), is_own=is_own)
    return [gallery, told_of, synced, *template_editor.show(template)]


def rows_at_hand(
    studio: Studio, book: str | None, scope: str | None, name: str
) -> tuple[Workbook | None, list[Row]]:
    """The open workbook and its rows; without one those of the template of that name."""
    if book:
        opened = studio.workbooks.open(book, scope)
        return opened, opened.rows()
    known = {one.name: one for one in studio.templates(scope)}
    return None, known[name].all_rows() if name in known else []


def titles(templates: Sequence[Template]) -> list[tuple[str, str]]:
    """Templates as the gallery lists them; two of the same title are told apart by their names."""
    counts = [template.title for template in templates]
    return [
        (one.title if counts.count(one.title) == 1 else f"{one.title} ({one.name})", one.name)
        for one in templates
    ]
