"""The template editor's text boxes as a template, and back."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from studio.data.template import Template
from studio.data.template_parts import Phrasing
from studio.errors import TemplateError, sentence
from studio.names import slug

BETWEEN = "\n---\n"
"""Stands between two phrasings in the editor's box."""


@dataclass(frozen=True)
class Draft:
    """What the editor's boxes hold."""

    title: str
    system: str
    phrasings: str
    answer: str
    choices: str


def open_draft(template: Template) -> Draft:
    """The template as it is shown in the editor."""
    choices = template.answer_choices
    return Draft(
        title=template.title,
        system=template.system,
        phrasings=BETWEEN.join(phrasing.prompt.strip() for phrasing in template.phrasings),
        answer=template.answer,
        choices=choices if isinstance(choices, str) else "\n".join(choices or ()),
    )


def apply_draft(template: Template, draft: Draft) -> Template:
    """The template with the editor's changes; itself if there are none. Raises TemplateError."""
    if draft == open_draft(template):
        return template
    fields = template.model_dump() | {
        "title": draft.title.strip() or template.title,
        "system": draft.system,
        "phrasings": _phrasings(template, draft.phrasings),
        "answer": draft.answer,
        "answer_choices": _choices(draft.choices),
    }
    return _make(fields)


def name_template(template: Template, title: str) -> Template:
    """A person's own copy under a name made of its title."""
    name = slug(title, 60)
    if not name:
        raise TemplateError("Give the template a title with letters in it; its name is made of it.")
    return _make(template.model_dump() | {"name": name, "title": title.strip()})


def _phrasings(template: Template, text: str) -> list[dict[str, Any]]:
    """A phrasing that was not touched keeps its weight and its own answer."""
    known = {phrasing.prompt.strip(): phrasing for phrasing in template.phrasings}
    prompts = [part.strip() for part in re.split(r"^---+[ \t]*$", text, flags=re.MULTILINE)]
    written = [known.get(prompt) or _phrase(prompt) for prompt in prompts if prompt]
    if not written:
        raise TemplateError("The template asks nothing; write at least one phrasing.")
    return [phrasing.model_dump() for phrasing in written]


def _phrase(prompt: str) -> Phrasing:
    return Phrasing(prompt=prompt)


def _choices(text: str) -> str | Sequence[str] | None:
    if "{{" in text or "{%" in text:
        return text
    return tuple(line.strip() for line in text.splitlines() if line.strip()) or None


def _make(fields: dict[str, Any]) -> Template:
    try:
        return Template.model_validate(fields)
    except ValidationError as error:
        raise TemplateError(sentence(error, "the template")) from error
