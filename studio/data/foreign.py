"""What templates of other programs and ours have in common: the words for what is brought over."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from jinja2 import nodes
from jinja2.filters import FILTERS

from studio.data.jinja_source import parse, reads
from studio.data.readers import Row
from studio.data.template import CHOICE_SEPARATOR, Template
from studio.data.template_parts import Phrasing
from studio.names import slug

UNKNOWN_LICENSE = "Not stated in the file it was imported from."
_MARKS = ("{{", "{%", "{#", "}}", "%}", "#}")


@dataclass(frozen=True)
class LeftOut:
    """Something that could not be brought over."""

    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


@dataclass(frozen=True)
class Brought:
    """Templates made of a file of another program."""

    templates: tuple[Template, ...]
    left: tuple[LeftOut, ...] = ()
    rows: dict[str, list[Row]] = field(default_factory=dict)
    """Rows that came along, by the name of their template."""


@dataclass(frozen=True)
class Given:
    """A template written for another program."""

    files: dict[str, str]
    """Text by the name of its file."""
    left: tuple[LeftOut, ...] = ()


def name_of(*parts: str) -> str:
    """A template's name made of these words."""
    return slug("-".join(filter(None, parts)), 64) or "imported"


def free_name(name: str, taken: Iterable[str]) -> str:
    """The name, or with a number behind it if it is taken."""
    known = set(taken)
    numbered = (f"{name[:60]}-{number}" for number in range(2, 1000))
    return name if name not in known else next(one for one in numbered if one not in known)


def literal(text: str) -> str:
    """Jinja source that gives exactly this text."""
    if not any(mark in text for mark in _MARKS):
        return text
    return "".join(
        "{{ " + repr(part) + " }}" if part in _MARKS else part
        for part in re.split("(" + "|".join(map(re.escape, _MARKS)) + ")", text)
    )


def unknown_in(source: str) -> str | None:
    """Why our renderer could not render this source, or None; TemplateError if it is no Jinja."""
    tree = parse(source)
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name != "range":
            return f"it calls {call.node.name}(), which is not known here"
    for use in tree.find_all(nodes.Filter):
        if use.name not in FILTERS or use.name == "random":
            return f"its filter '{use.name}' is not known here, or draws at random"
    if next(tree.find_all((nodes.Include, nodes.Extends, nodes.Import, nodes.FromImport)), None):
        return "it reads other files"
    return None


def phrasings(pairs: Iterable[tuple[str, str, str]]) -> tuple[str, tuple[Phrasing, ...]]:
    """The answer that most have in common, and phrasings of (name, prompt, answer)."""
    known = list(pairs)
    answers = [answer for _, _, answer in known]
    common = max(answers, key=answers.count)
    made = (
        Phrasing(name=name, prompt=prompt, answer=None if answer == common else answer)
        for name, prompt, answer in known
    )
    return common, tuple(made)


def without_system(template: Template, program: str, *, keeps_shots: bool = False) -> list[LeftOut]:
    """What hardly any other program can say of a template of ours."""
    left = []
    if template.system:
        left.append(LeftOut("system message", f"{program} has none"))
    if template.history_column:
        left.append(LeftOut("earlier turns", f"{program} asks single questions"))
    if template.turns:
        left.append(LeftOut("turns before the question", f"{program} asks single questions"))
    if template.shots and not keeps_shots:
        left.append(LeftOut("solved rows", f"{program} says nothing of them in a template"))
    if any(phrasing.weight != 1 for phrasing in template.phrasings):
        left.append(LeftOut("weights of the phrasings", f"{program} has none"))
    return left


def known_choices(template: Template) -> str:
    """Jinja that sets `answer_choices`, which only our renderer gives to every template."""
    choices = template.answer_choices
    if choices is None:
        return ""
    if isinstance(choices, tuple):
        return "{% set answer_choices = " + json.dumps(list(choices), ensure_ascii=False) + " %}"
    return (
        "{% set joined %}" + choices + "{% endset %}{% set answer_choices = joined.split('"
        + CHOICE_SEPARATOR + "') | map('trim') | list %}"
    )  # fmt: skip


def with_choices(template: Template, source: str) -> str:
    """The source with the possible answers set in it, where it reads them."""
    return known_choices(template) + source if reads(source, "answer_choices") else source
