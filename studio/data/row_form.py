"""A row of a workbook as boxes of text, and back."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from studio.data.readers import Row
from studio.data.template import Template
from studio.errors import DatasetError

BOXES = 8


@dataclass(frozen=True)
class RowForm:
    """What stands in the boxes."""

    columns: tuple[str, ...]
    """Names of the columns that have a box of their own, at most BOXES."""
    texts: tuple[str, ...]
    """What they hold: text as it is, anything else as JSON."""
    rest: str
    """All other columns as one JSON object; empty if there are none."""


def lead(template: Template, columns: Sequence[str]) -> list[str]:
    """The columns in the order in which they matter: what is asked, what is answered, the rest."""
    asked = template.prompt_variables() - {"answer_choices", "row"}
    answered = template.variables() - asked - {"answer_choices", "row"}
    needed = sorted(template.required_columns() - set(columns) - {"answer_choices", "row"})
    every = [*columns, *needed]
    first = [name for name in every if name in asked]
    first += [name for name in every if name in answered]
    return list(dict.fromkeys([*first, *every]))


def fill(row: Row, columns: Sequence[str]) -> RowForm:
    """The row as boxes for these columns, the first ones each in its own."""
    boxed = tuple(columns[:BOXES])
    rest = {name: value for name, value in row.items() if name not in boxed}
    return RowForm(
        columns=boxed,
        texts=tuple(as_text(row.get(name)) for name in boxed),
        rest=json.dumps(rest, ensure_ascii=False, indent=1) if rest else "",
    )


def read(row: Row, form: RowForm) -> Row:
    """The row with what the boxes hold; what was no text stays none.

    DatasetError if a box does not hold what its column held, such as a number.
    """
    made = {name: row[name] for name in row if name in form.columns}
    for name, text in zip(form.columns, form.texts, strict=True):
        if text != as_text(row.get(name)):
            made[name] = _value(name, row.get(name), text)
    return made | _rest(form.rest)


def merge(before: Row, written: Row, now: Row) -> Row:
    """The row as it stands now, with what a person wrote since they saw it as it was before.

    DatasetError if a column was changed by both, to different values.
    """
    made = dict(now)
    for name in dict.fromkeys([*before, *written]):
        versions = [_held(row, name) for row in (before, written, now)]
        if versions[0] == versions[1] or versions[1] == versions[2]:
            continue
        if versions[0] != versions[2]:
            raise DatasetError(
                f"column '{name}' was changed elsewhere meanwhile; open the row again."
            )
        if name in written:
            made[name] = written[name]
        else:
            del made[name]
    return made


def _held(row: Row, name: str) -> tuple[JsonValue, ...]:
    """What a column holds; nothing where there is none."""
    return (row[name],) if name in row else ()


def as_text(value: JsonValue) -> str:
    """A value as a person reads and writes it."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    nested = isinstance(value, list | dict)
    return json.dumps(value, ensure_ascii=False, indent=1 if nested else None)


def _value(name: str, before: JsonValue, text: str) -> JsonValue:
    if before is None or isinstance(before, str):
        return text
    try:
        value: JsonValue = json.loads(text)
    except ValueError as error:
        raise DatasetError(
            f"Column '{name}' holds {_kind(before)}, and what you wrote is none: {error}."
        ) from error
    return value


def _rest(text: str) -> Row:
    if not text.strip():
        return {}
    try:
        value = json.loads(text)
    except ValueError as error:
        raise DatasetError(f"The other columns are not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise DatasetError('The other columns must be a JSON object, such as {"id": 3}.')
    return value


def _kind(value: JsonValue) -> str:
    names = {bool: "true or false", list: "a list", dict: "an object"}
    return names.get(type(value), "a number")
