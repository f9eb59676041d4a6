"""The column mapping as a form: which fields there are to fill, and what a filled form says.

fields = fields_of("text/label", template)     text (needed), label (needed), options
mapping = guess("text/label", rows, template)  the columns that most likely fill them
mapping = fill("text/label", {"text": "say"}, {"options": ["a", "b"]})
"""

import json
from collections.abc import Mapping as Filled
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from studio.data.columns import Columns
from studio.data.mapping import BESIDES, GIVES, TAKES, Format, Mapping, options_of, suggest
from studio.data.readers import Row
from studio.data.template import Template
from studio.errors import DatasetError

FIRST: dict[Format, str] = {
    "messages": "conversation",
    "alpaca": "conversation",
    "prompt/completion": "conversation",
    "question/answer": "conversation",
    "text/label": "label",
}
"""The shipped template that takes rows of a format as they are."""
BESIDE: dict[Format, tuple[str, ...]] = {
    "messages": ("system",),
    "alpaca": ("input", "context", "system"),
    "prompt/completion": ("system",),
    "question/answer": ("context", "system"),
}
"""Fields that rows of a format may have as well."""
LOOKED_AT = 200


@dataclass(frozen=True)
class Field:
    """One line of the form."""

    name: str
    needed: bool
    """Whether no row can be used without it."""


def fields_of(format: Format, template: Template) -> list[Field]:
    """What can be filled for rows of a format and a template, what is needed first."""
    taken = sorted(TAKES.get(format, frozenset()), key=_usual)
    required = template.required_columns()
    given = GIVES[format] if format in TAKES else frozenset()
    needed = [*taken, *sorted(required - given - set(taken), key=_usual)]
    read = template.variables() - given - {"answer_choices", "row"}
    split = {template.split_column} if template.split_column else set()
    others = [*BESIDE.get(format, ()), *sorted((read | split) - required, key=_usual)]
    optional = [name for name in dict.fromkeys(others) if name not in needed]
    return [Field(name, True) for name in needed] + [Field(name, False) for name in optional]


def guess(format: Format, rows: Sequence[Row], template: Template) -> Mapping:
    """The columns that most likely fill the fields, if the rows are of that format."""
    suggested = suggest(rows, template)
    if suggested.format == format or not {suggested.format, format} & TAKES.keys():
        return suggested.model_copy(update={"format": format})
    columns = Columns.of(rows)
    found: dict[str, str] = {}
    for field in fields_of(format, template):
        likely = [field.name] if field.name in columns.names else columns.like(field.name)
        if field.name == "messages":
            likely = [turns] if (turns := columns.turns()) else []
        free = [name for name in likely if name not in found.values()]
        if free and (field.needed or free[0] == field.name):
            found[field.name] = free[0]
    mapping = Mapping(format=format, columns=found)
    return mapping.model_copy(update={"constants": options_of(mapping, template, rows)})


def fill(format: Format, columns: Filled[str, str], constants: Filled[str, JsonValue]) -> Mapping:
    """The mapping that a filled form says; a field of both takes the constant.

    DatasetError if rows of that format cannot be taken apart without a field that is missing.
    """
    wanted = TAKES.get(format, frozenset())
    chosen = {name: one for name, one in columns.items() if one and name not in constants}
    if absent := sorted(wanted - chosen.keys(), key=_usual):
        raise DatasetError(
            f"Which column is '{absent[0]}'? Choose it, or take the rows for something else."
        )
    named = wanted | BESIDES
    same = {name for name, one in chosen.items() if name == one and name not in named}
    kept = {name: one for name, one in chosen.items() if name not in same}
    return Mapping(format=format, columns=kept, constants=dict(constants))


def read_constant(text: str) -> JsonValue:
    """A list or an object if the text is JSON of one, else the text; DatasetError if broken."""
    if text[:1] not in ("[", "{"):
        return text
    try:
        value: JsonValue = json.loads(text)
    except ValueError as error:
        raise DatasetError(f"'{text[:60]}' is not JSON; close it, or begin otherwise.") from error
    return value


def write_constant(value: JsonValue) -> str:
    """The text that `read_constant` reads as this value."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def fits(template: Template, rows: Sequence[Row]) -> bool:
    """Whether rows like these can be used with the template as they are suggested to be read."""
    sample = rows[:: max(1, len(rows) // LOOKED_AT)]
    return bool(sample) and not suggest(sample, template).missing(template, sample)


def choose_template(rows: Sequence[Row], templates: Sequence[Template]) -> Template:
    """The template that rows are most likely for: by their format, else by the names of columns."""
    named = {template.name: template for template in templates}
    found = suggest(rows).format if rows else "columns"
    there = set(rows[0]) if rows else set()
    closest = max(templates, key=lambda one: _closeness(one, there))
    if _closeness(closest, there) > 2:
        return closest
    return named.get(FIRST.get(found, "conversation"), closest)


def _closeness(template: Template, there: set[str]) -> int:
    """How many columns a template reads by their own names; none if it misses one."""
    required = template.required_columns()
    return len(required) if required <= there else 0


def _usual(name: str) -> tuple[int, str]:
    """The order in which people think of them: what is asked, what is answered, the rest."""
    order = ("messages", "instruction", "prompt", "question", "text", "answer", "output", "label")
    return (order.index(name) if name in order else len(order), name)
