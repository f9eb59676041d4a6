"""Rows on their way to the sandbox: only what is read, column by column where that is exact."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from studio.data.readers import Row
from studio.data.renderer import WHOLE_ROWS
from studio.errors import TemplateError

# What orjson writes and reads exactly as the JSON of Python does, or refuses to write.
_EXACT = {str, bool, int, type(None)}
_ABSENT = object()


def write_rows(
    head: Mapping[str, Any],
    rows: Sequence[Row],
    columns: Sequence[str] | None,
    *,
    numbers: Sequence[int],
    what: str,
) -> bytes:
    """A line with the head and the rows: these columns, or None for all that a row has.

    TemplateError, speaking of `what` and the number of the row, if a value is not plain.
    """
    if columns is not None and (line := _by_column(head, rows, columns)):
        return line
    read = None if columns is None else frozenset(columns)
    whole = [
        row if read is None else {name: value for name, value in row.items() if name in read}
        for row in rows
    ]
    texts = [_write(row, what, number) for row, number in zip(whole, numbers, strict=True)]
    start = json.dumps(head)
    return WHOLE_ROWS + f'{start[:-1]}, "rows": [{",".join(texts)}]}}\n'.encode()


def _by_column(head: Mapping[str, Any], rows: Sequence[Row], columns: Sequence[str]) -> bytes:
    """The line in columns; empty where some row lacks one, or a value needs Python's JSON."""
    values = {}
    for name in columns:
        column = [row.get(name, _ABSENT) for row in rows]
        kinds = set(map(type, column))
        if kinds == {object}:
            continue  # nobody's column, such as the variable of a loop
        if not _EXACT.issuperset(kinds) and not all(map(_is_exact, column)):
            return b""
        values[name] = column
    if not values:
        return orjson.dumps({**head, "rows": [{}] * len(rows)}) + b"\n"
    try:
        return orjson.dumps({**head, "columns": values}) + b"\n"
    except TypeError:  # half a character, or a number of more than 64 bits
        return b""


def _is_exact(value: Any) -> bool:
    kinds = map(type, value) if isinstance(value, list) else [type(value)]
    return _EXACT.issuperset(kinds)


def _write(row: Row, what: str, number: int) -> str:
    try:
        return json.dumps(row, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise TemplateError(
            f"{what}, row {number}: a column holds something that is not plain text, a number, "
            f"a list or a mapping ({error})."
        ) from error
