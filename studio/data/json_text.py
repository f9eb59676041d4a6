"""JSON read strictly: what JSON does not know, or would lose silently, is refused with a reason."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from studio.errors import DatasetError

JSON_DEPTH = 64
NAMED = 200  # the longest list that is taken for a row
PART = "part"
"""Column that says which list of a file a row stood in."""

_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True)
class Refused:
    """Stands inside parsed JSON where a value may not be kept."""

    reason: str


def parse(text: str) -> Any:
    """The value in a text, or Refused."""
    try:
        return _DECODER.decode(text)
    except ValueError as error:
        return Refused(_explain(error))
    except RecursionError:
        return Refused(_TOO_DEEP)


def read_lines(text: str) -> Iterator[tuple[int, Any]]:
    """Line number and value of every line that is not blank."""
    # Not splitlines(): it also breaks at U+2028, which is an ordinary character inside JSON.
    for line, record in enumerate(text.split("\n"), start=1):
        if record.strip():
            yield line, parse(record)


def read_array(text: str, name: str) -> Iterator[tuple[int, Any]]:
    """Line number and value of every item of a list; DatasetError where the list is broken."""
    at = _after_space(text, _after_space(text, 0) + 1)
    line = 1 + text.count("\n", 0, at)
    if text[at : at + 1] == "]":
        _want_end(text, at, name)
        return
    while True:
        value, end = _decode_at(text, at, line, name)
        yield line, value
        comma = _after_space(text, end)
        if text[comma : comma + 1] != ",":
            _want_end(text, comma, name)
            return
        line, at = line + text.count("\n", at, comma), _after_space(text, comma + 1)
        line += text.count("\n", comma, at)


def read_object(text: str, name: str) -> tuple[list[tuple[int, Any]], tuple[str, ...]]:
    """Rows of a JSON object that holds lists of them, and notes on what else it held.

    Rows of several lists are told apart by a column; lists of plain values are columns.
    """
    held = parse(text)
    if isinstance(held, Refused):
        raise DatasetError(f"{name}: {held.reason}.")
    columns = _columns(held)
    if columns is not None:
        return list(enumerate(columns, start=1)), ("Every list of the file is a column.",)
    parts = {key: value for key, value in held.items() if _is_rows(value)}
    if not parts:
        raise DatasetError(
            f"{name}: a JSON file must hold a list of objects, [{{...}}, {{...}}], or an object "
            "with such lists."
        )
    left = [key for key in held if key not in parts]
    notes = [f"Left aside, for it holds no rows: {', '.join(left)[:200]}."] if left else []
    if len(parts) == 1:
        notes.append(f"The rows are those of '{next(iter(parts))}'.")
    else:
        notes.append(f"Column '{PART}' says in which list a row stood: {', '.join(parts)[:200]}.")
    records: list[Any] = []
    for part, items in parts.items():
        named, told = name_columns(enumerate(items))
        notes += [note for note in told if note not in notes]
        records += [_marked(record, part) if len(parts) > 1 else record for _, record in named]
    return list(enumerate(records, start=1)), tuple(notes)


def name_columns(
    records: Iterable[tuple[int, Any]],
) -> tuple[Iterable[tuple[int, Any]], tuple[str, ...]]:
    """Records with columns column_1, column_2, ... if the first of them is a list of values.

    The second result tells a person about it.
    """
    coming = iter(records)
    first = next(coming, None)
    if first is None or not isinstance(first[1], list) or not 1 < len(first[1]) <= NAMED:
        return chain([first] if first else [], coming), ()
    names = [f"column_{number}" for number in range(1, len(first[1]) + 1)]
    named = ((line, _named(record, names)) for line, record in chain([first], coming))
    return named, (f"Its columns have no names; they are called {', '.join(names)[:100]}.",)


def _named(record: Any, names: Sequence[str]) -> Any:
    if isinstance(record, Refused):
        return record
    if not isinstance(record, list):
        return Refused("is not a list of values, as the others are")
    if len(record) != len(names):
        return Refused(f"has {len(record)} fields instead of {len(names)}")
    return dict(zip(names, record, strict=True))


def _columns(held: Any) -> list[dict[str, Any]] | None:
    """Rows of an object whose lists are columns, or None if they are not."""
    values = list(held.values())
    if not values or not all(isinstance(value, list) and value for value in values):
        return None
    if len({len(value) for value in values}) > 1:
        return None
    if any(isinstance(cell, dict | list) for value in values for cell in value[:100]):
        return None
    return [dict(zip(held, cells, strict=True)) for cells in zip(*values, strict=True)]


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict | list)


def _marked(record: Any, part: str) -> Any:
    return {**record, PART: part} if isinstance(record, dict) and PART not in record else record


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _want_end(text: str, at: int, name: str) -> None:
    end = _after_space(text, at + 1)
    if text[at : at + 1] != "]" or end != len(text):
        line = 1 + text.count("\n", 0, at)
        raise DatasetError(
            f"{name}, line {line}: not JSON (the list is not closed, or something follows it)."
        )


def _decode_at(text: str, at: int, line: int, name: str) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise DatasetError(f"{name}, line {error.lineno}: {_explain(error)}.") from error
    except RecursionError as error:
        raise DatasetError(f"{name}, line {line}: {_TOO_DEEP}.") from error
    except ValueError as error:
        raise DatasetError(f"{name}, line {line}: {_explain(error)}.") from error


def _explain(error: ValueError) -> str:
    if not isinstance(error, json.JSONDecodeError):
        return "holds a number with too many digits"
    place = f"line {error.lineno}, " if error.lineno > 1 else ""
    return f"not JSON ({error.msg.lower()} at {place}column {error.colno})"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Refused:
    columns = dict(pairs)
    if len(columns) == len(pairs):
        return columns
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            return Refused(f"the key '{name}' comes twice")
        seen.add(name)
    return columns


def _number(digits: str) -> float | Refused:
    value = float(digits)
    return value if math.isfinite(value) else Refused(f"{digits} is too large a number")


_TOO_DEEP = f"nested more than {JSON_DEPTH} deep"
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_constant=lambda constant: Refused(f"{constant} is not a JSON number"),
    parse_float=_number,
)
