"""How the Template panel shows a template: what it is for, what is odd, and a row through it."""

from collections.abc import Sequence
from html import escape

from studio.data.example import Example
from studio.data.foreign import LeftOut
from studio.data.lint import Remark
from studio.data.rendering import preview
from studio.data.template import Template
from studio.errors import StudioError
from studio.measure.numerals import counted
from studio.ui import markup
from studio.ui.seen import tell_fault

SIGNS = {"error": "×", "warning": "!", "note": "·"}
SAMPLE_CHARACTERS = 600
NO_ROWS = "It brings no rows of its own; what it makes of yours is shown below."


def searched(template: Template) -> str:
    """The text that a search for a template looks in."""
    asked = " ".join(phrasing.prompt for phrasing in template.phrasings)
    parts = (template.name, template.title, template.description, template.task, asked)
    return " ".join(parts).casefold()


def tell_template(template: Template, *, is_own: bool) -> str:
    """What a template is for, and one of its own rows through it."""
    columns = ", ".join(sorted(template.variables() - {"answer_choices"})) or "none"
    whose = "Your own. " if is_own else ""
    return (
        f"<p><strong>{escape(template.title)}.</strong> {escape(template.description)}</p>"
        + _draw_sample(template)
        + markup.quiet(
            f"{whose}{template.task.capitalize()}; {counted(len(template.phrasings), 'phrasing')}; "
            f"reads the columns {columns}. {template.license}"
        )
    )


def _draw_sample(template: Template) -> str:
    try:
        rendered = preview(template, template.all_rows()[:3], phrasings="one")
    except StudioError as error:
        return tell_fault(error)
    return draw_turns(rendered[0]) if rendered else markup.quiet(NO_ROWS)


def draw_turns(example: Example) -> str:
    """An example as turns of a conversation, long ones cut."""
    turns = [
        markup.turn(message.role, _cut(message.content)) for message in example.messages
    ]  # fmt: skip
    return markup.talk([*turns, markup.turn("assistant", _cut(example.completion))])


def tell_remarks(remarks: Sequence[Remark]) -> str:
    """What the lint found, the worst first."""
    if not remarks:
        return markup.quiet("✓ Nothing odd: every column is there, every answer can be reached.")
    items = "".join(
        f'<li class="{remark.severity}"><span aria-label="{remark.severity}">'
        f"{SIGNS[remark.severity]}</span> <strong>{escape(remark.place)}</strong>: "
        f"{escape(remark.message)}</li>"
        for remark in remarks
    )
    return f'<ul class="st-remarks">{items}</ul>'


def tell_left(kept: str, left: Sequence[LeftOut]) -> str:
    """What was brought over or written, and what could not be, with the reason."""
    told = f"<p>{escape(kept)}</p>"
    if not left:
        return told + markup.quiet("✓ Nothing was left out.")
    rows = [[escape(one.what), escape(one.why)] for one in left]
    return told + markup.table(["Left out", "Why"], rows)


def _cut(text: str) -> str:
    return text[:SAMPLE_CHARACTERS] + (" …" if len(text) > SAMPLE_CHARACTERS else "")
