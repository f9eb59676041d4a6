"""Rows from files that people bring: JSON lines, JSON, tables, plain text and Parquet.

Nothing is guessed and nothing disappears: a file is refused with a reason, or every record in it
is either kept as a row or listed as refused with its line and the reason.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import JsonValue

from studio.data.json_text import (
    JSON_DEPTH,
    Refused,
    name_columns,
    read_array,
    read_lines,
    read_object,
)
from studio.data.parquet import read_parquet
from studio.data.sniff import FORMATS, KIND_NAMES, PARQUET, decode, refuse_packed, sniff
from studio.data.tables import COLUMNS, read_table
from studio.errors import DatasetError

Row: TypeAlias = dict[str, JsonValue]
"""One row: plain values by column name."""

FILE_BYTES = 50_000_000
ROWS = 200_000
FIELD_CHARACTERS = 100_000

__all__ = ["FILE_BYTES", "FORMATS", "ROWS", "Row", "Rows", "parse_pasted", "parse_rows",
           "read_rows", "refuse_row", "sort_rows"]  # fmt: skip


@dataclass(frozen=True)
class Rows:
    """What a file held: the rows kept, and (line, reason) for every record refused."""

    rows: list[Row]
    refused: list[tuple[int, str]]
    lines: list[int] = field(default_factory=list)
    """Where each row stands: its line, or its number where the file has no lines."""
    kind: str = ""
    """What the file was read as."""
    notes: tuple[str, ...] = ()
    """What a person should know about how it was read."""
    group: str = ""
    """The column whose equal values belong together; empty where there is none."""


def refuse_row(which: str, row: Row) -> None:
    """Raise DatasetError, speaking of `which`, if no file could have brought this row."""
    try:
        json.dumps(row, ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:
        raise DatasetError(f"{which} cannot be kept as text: {error}.") from error
    for name, value in row.items():
        if isinstance(value, str) and len(value) > FIELD_CHARACTERS:
            raise DatasetError(
                f"{which}, column '{name}' would have more than {FIELD_CHARACTERS:,} "
                "characters; shorten it."
            )


def read_rows(path: Path, *, encoding: str = "") -> Rows:
    """Read all rows of a file; what stands in it says the format, its suffix where both would do.

    Text is UTF-8, or UTF-16 by its mark, or what `encoding` says. DatasetError if the file as a
    whole cannot be read: missing, too large, compressed, of another encoding or format, or broken.
    """
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES + 1)
    except OSError as error:
        raise DatasetError(f"{path.name} cannot be read: {error.strerror}.") from error
    if len(content) > FILE_BYTES:
        raise DatasetError(
            f"{path.name} is larger than {FILE_BYTES // 1_000_000} MB; split it into smaller files."
        )
    if content.startswith(PARQUET):
        records = read_parquet(path, rows=ROWS, columns=COLUMNS)
        return sort_rows(records, path.name, kind=KIND_NAMES["parquet"])
    refuse_packed(content, path.name)
    text = decode(content, path.name, encoding)
    del content
    return parse_rows(text, path.suffix.lower(), name=path.name)


def parse_rows(text: str, suffix: str = "", *, name: str = "text") -> Rows:
    """Read rows from text; the suffix is what a file with this text would be called."""
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DatasetError(f"{name}, line {line}: holds a NUL character; save it as plain text.")
    if not text.strip():
        return Rows([], [])
    form = sniff(text, suffix)
    if form is None:
        raise DatasetError(
            f"{name}: files of this kind cannot be read; bring one of {', '.join(FORMATS)}."
        )
    records: Iterable[tuple[int, Any]]
    notes: tuple[str, ...] = ()
    match form.kind:
        case "jsonl":
            records, notes = name_columns(read_lines(text))
        case "json" if text.lstrip().startswith("["):
            records, notes = name_columns(read_array(text, name))
        case "json":
            records, notes = read_object(text, name)
        case "txt":
            lines = enumerate(text.split("\n"), start=1)
            records = ((n, {"text": line.rstrip("\r")}) for n, line in lines if line.strip())
        case _:
            records = read_table(text, form.delimiter, name)
            if form.delimiter != {".csv": ",", ".tsv": "\t"}.get(suffix):
                notes = (f"Its columns are parted by {form.delimiter!r}.",)
    return sort_rows(records, name, kind=KIND_NAMES[form.kind], notes=notes)


def parse_pasted(text: str) -> Rows:
    """Read rows from text that has no name; what looks like nothing else is a text per line."""
    suffix = "" if sniff(text, "") else ".txt"
    return parse_rows(text, suffix, name="pasted text")


def sort_rows(
    records: Iterable[tuple[int, Any]], name: str, *, kind: str = "", notes: tuple[str, ...] = ()
) -> Rows:
    """Part (line, record) pairs into the rows kept and those refused."""
    rows: list[Row] = []
    lines: list[int] = []
    refused: list[tuple[int, str]] = []
    for line, record in records:
        reason = _fault(record)
        if reason:
            refused.append((line, reason))
        else:
            rows.append(record)
            lines.append(line)
        if len(rows) + len(refused) > ROWS:
            raise DatasetError(f"{name} has more than {ROWS:,} rows; split it into smaller files.")
    return Rows(rows, refused, lines, kind, notes)


def _fault(record: Any) -> str | None:
    """Say why a record cannot be a row, or None if it can."""
    if isinstance(record, Refused):
        return record.reason
    if not isinstance(record, dict):
        return "not an object with columns"
    if not record:
        return "has no columns"
    if len(record) > COLUMNS:
        return f"has more than {COLUMNS} columns"
    return _value_fault(record, depth=1)


def _value_fault(value: Any, *, depth: int) -> str | None:
    if depth > JSON_DEPTH:
        return f"nested more than {JSON_DEPTH} deep"
    if isinstance(value, Refused):
        return value.reason
    if isinstance(value, str):
        return _text_fault(value)
    if isinstance(value, dict):
        parts: Iterable[Any] = [*value, *value.values()]
    elif isinstance(value, list):
        parts = value
    else:
        return None
    reasons = (_value_fault(part, depth=depth + 1) for part in parts)
    return next((reason for reason in reasons if reason), None)


def _text_fault(text: str) -> str | None:
    if len(text) > FIELD_CHARACTERS:
        return f"holds a field of more than {FIELD_CHARACTERS:,} characters"
    if "\0" in text:
        return "holds a NUL character"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "holds half of a character (a lone surrogate)"
    return None
