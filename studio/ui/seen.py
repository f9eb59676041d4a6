"""What the model will see of a row: its conversation, and its tokens through a base's own form."""

from collections.abc import Sequence
from html import escape

from studio.data.example import Example
from studio.data.form_files import open_form
from studio.data.readers import Row
from studio.data.rendering import preview
from studio.data.template import Template
from studio.errors import StudioError
from studio.models.catalogue import find_base
from studio.ui import markup
from studio.ui.tokens import draw_tokens
from studio.verbs.curating import MAX_LENGTH


def draw(
    template: Template,
    row: Row,
    *,
    base: str = "starter",
    max_length: int | None = MAX_LENGTH,
    pool: Sequence[Row] | None = None,
) -> str:
    """A row as the template makes it: the first phrasing in tokens, the others folded.

    Solved rows that the template shows are drawn from `pool`. What cannot be rendered is told in
    its place.
    """
    try:
        rendered = preview(template, [row], phrasings="all", pool=pool)
        return draw_examples(rendered, base=base, max_length=max_length)
    except StudioError as error:
        return tell_fault(error)


def draw_examples(
    rendered: Sequence[Example], *, base: str = "starter", max_length: int | None = MAX_LENGTH
) -> str:
    """The examples of one row: the first with its tokens, the other phrasings folded.

    ModelError if the base is not on this machine or has no chat template.
    """
    first = rendered[0]
    form = open_form(find_base(base, download=False).folder)
    learned = form.learn([first], max_length=max_length, pieces=True)[0]
    turns = [markup.turn(message.role, message.content) for message in first.messages]
    turns.append(markup.turn("assistant", first.completion, about=" (learned)"))
    tokens = draw_tokens(learned, marks=form.marks_in(first))
    return markup.talk(turns) + tokens + _draw_others(rendered[1:])


def _draw_others(others: Sequence[Example]) -> str:
    if not others:
        return ""
    drawn = "".join(
        markup.talk([markup.turn("user", one.messages[-1].content, about=f" {one.phrasing}")])
        + "<br>"
        for one in others
    )
    count = f"{len(others)} other phrasing{'s' * (len(others) > 1)} of this row"
    return f"<details><summary>{count}</summary><br>{drawn}</details>"


def tell_fault(error: StudioError) -> str:
    """A fault where the result would have been, so that the work is not interrupted."""
    return f'<div class="st-case" role="alert">! {escape(str(error))}</div>'
