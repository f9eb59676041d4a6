"""Rows from files that people bring: JSON lines, JSON, CSV, TSV and plain text.

Nothing is guessed and nothing disappears: a file is refused with a reason, or every record in it
is either kept as a row or listed as refused with its line and the reason.
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import JsonValue

from studio.errors import DatasetError

Row: TypeAlias = dict[str, JsonValue]
"""One row: plain values by column name."""

FILE_BYTES = 50_000_000
ROWS = 200_000
COLUMNS = 200
FIELD_CHARACTERS = 100_000
JSON_DEPTH = 64

FORMATS = (".jsonl", ".json", ".csv", ".tsv", ".txt")

# Recognised by their first bytes, because a name proves nothing.
_REFUSED_KINDS = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip (or a spreadsheet)",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstandard",
    b"PAR1": "parquet",
    b"\x89PNG": "a picture",
    b"%PDF": "PDF",
}


@dataclass(frozen=True)
class Rows:
    """What a file held: the rows kept, and (line, reason) for every record refused."""

    rows: list[Row]
    refused: list[tuple[int, str]]


@dataclass(frozen=True)
class _Refused:
    """Stands inside parsed JSON where a value may not be kept."""

    reason: str


def read_rows(path: Path) -> Rows:
    """Read all rows of a file; the name's suffix says the format.

    DatasetError if the file as a whole cannot be read: missing, too large, compressed, not UTF-8,
    of an unknown format, or with a broken head.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise DatasetError(
            f"{path.name}: files of this kind cannot be read; bring one of {', '.join(FORMATS)}."
        )
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES + 1)
    except OSError as error:
        raise DatasetError(f"{path.name} cannot be read: {error.strerror}.") from error
    return parse_rows(_decode(content, path.name), suffix, name=path.name)


def parse_rows(text: str, suffix: str, *, name: str = "text") -> Rows:
    """Read rows from text in the format that a file with this suffix would have."""
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DatasetError(f"{name}, line {line}: holds a NUL character; save it as plain text.")
    if suffix == ".jsonl":
        return _sort(_json_lines(text), name)
    if suffix == ".json":
        return _sort(_json_items(text, name), name)
    if suffix == ".txt":
        lines = enumerate(text.split("\n"), start=1)
        return _sort(((n, {"text": line.rstrip("\r")}) for n, line in lines if line.strip()), name)
    return _sort(_table(text, "\t" if suffix == ".tsv" else ",", name), name)


def _decode(content: bytes, name: str) -> str:
    if len(content) > FILE_BYTES:
        raise DatasetError(
            f"{name} is larger than {FILE_BYTES // 1_000_000} MB; split it into smaller files."
        )
    for magic, kind in _REFUSED_KINDS.items():
        if content.startswith(magic):
            raise DatasetError(f"{name} is {kind}, not text; unpack or export it first.")
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DatasetError(
            f"{name}, line {line}, byte {error.start + 1}: not {'UTF-16' if wide else 'UTF-8'}; "
            "save the file as UTF-8."
        ) from error


def _sort(records: Iterable[tuple[int, Any]], name: str) -> Rows:
    rows: list[Row] = []
    refused: list[tuple[int, str]] = []
    for line, record in records:
        reason = _fault(record)
        if reason:
            refused.append((line, reason))
        else:
            rows.append(record)
        if len(rows) + len(refused) > ROWS:
            raise DatasetError(f"{name} has more than {ROWS:,} rows; split it into smaller files.")
    return Rows(rows, refused)


def _json_lines(text: str) -> Iterator[tuple[int, Any]]:
    # Not splitlines(): it also breaks at U+2028, which is an ordinary character inside JSON.
    for line, record in enumerate(text.split("\n"), start=1):
        if record.strip():
            yield line, _parse_json(record)


def _json_items(text: str, name: str) -> Iterator[tuple[int, Any]]:
    items = _parse_json(text)
    if isinstance(items, _Refused):
        raise DatasetError(f"{name}: {items.reason}.")
    if not isinstance(items, list):
        raise DatasetError(f"{name}: a JSON file must hold a list of objects, [{{...}}, {{...}}].")
    yield from enumerate(items, start=1)


def _parse_json(text: str) -> Any:
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=lambda constant: _Refused(f"{constant} is not a JSON number"),
            parse_float=_number,
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, " if error.lineno > 1 else ""
        return _Refused(f"not JSON ({error.msg.lower()} at {place}column {error.colno})")
    except RecursionError:
        return _Refused(f"nested more than {JSON_DEPTH} deep")
    except ValueError:
        return _Refused("holds a number with too many digits")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Refused:
    columns = dict(pairs)
    if len(columns) == len(pairs):
        return columns
    names = [name for name, _ in pairs]
    twice = next(name for name in names if names.count(name) > 1)
    return _Refused(f"the key '{twice}' comes twice")


def _number(digits: str) -> float | _Refused:
    value = float(digits)
    return value if math.isfinite(value) else _Refused(f"{digits} is too large a number")


def _table(text: str, delimiter: str, name: str) -> Iterator[tuple[int, Any]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, _Refused(f"not a table row ({error})")
            continue
        if not fields:
            continue
        if header is None:
            header = [field.strip() for field in fields]
            if "" in header or len(set(header)) < len(header):
                raise DatasetError(f"{name}, line {line}: every column needs a name of its own.")
        elif len(fields) != len(header):
            yield line, _Refused(f"has {len(fields)} fields instead of {len(header)}")
        else:
            yield line, dict(zip(header, fields, strict=True))


def _fault(record: Any) -> str | None:
    """Say why a record cannot be a row, or None if it can."""
    if isinstance(record, _Refused):
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
    if isinstance(value, _Refused):
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
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds half of a character (a lone surrogate)"
    return None
