"""Tables in text: which character parts the columns, and the rows under their header."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from studio.data.json_text import Refused
from studio.errors import DatasetError

COLUMNS = 200
SAMPLE_ROWS = 20
SAMPLE_CHARACTERS = 200_000
DELIMITERS = (",", "\t", ";", "|")

# Python's own limit would break a long field in two; ours is applied to the row as a whole.
csv.field_size_limit(1 << 30)


def has_columns(text: str, delimiter: str) -> bool:
    """Whether the header has several columns with this character between them."""
    head = _head(text, delimiter)
    return bool(head) and len(head[0]) > 1


def find_delimiter(text: str, among: tuple[str, ...] = DELIMITERS) -> str | None:
    """The character that parts the header and every row of the beginning alike, if one does."""
    for delimiter in among:
        head = _head(text, delimiter)
        widths = {len(fields) for fields in head}
        if len(head) > 1 and len(widths) == 1 and widths.pop() > 1:
            return delimiter
    return None


def read_table(text: str, delimiter: str, name: str) -> Iterator[tuple[int, Any]]:
    """Line number and row of every record under the header, or why it is refused.

    DatasetError if the header is of no use.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, Refused(_explain(error))
            continue
        if not fields:
            continue
        if header is None:
            header = _header(fields, line, name)
        elif len(fields) != len(header):
            yield line, Refused(f"has {len(fields)} fields instead of {len(header)}")
        else:
            yield line, dict(zip(header, fields, strict=True))


def _head(text: str, delimiter: str) -> list[list[str]]:
    """The first records; the last one is left out where the sample cuts it."""
    sample = text[:SAMPLE_CHARACTERS]
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    found: list[list[str]] = []
    try:
        for fields in reader:
            if fields:
                found.append(fields)
            if len(found) > SAMPLE_ROWS:
                break
    except csv.Error:
        return []
    return found if len(sample) == len(text) or len(found) > SAMPLE_ROWS else found[:-1]


def _header(fields: list[str], line: int, name: str) -> list[str]:
    header = [field.strip() for field in fields]
    if len(header) > COLUMNS:
        raise DatasetError(f"{name}, line {line}: has more than {COLUMNS} columns; leave some out.")
    if "" in header or len(set(header)) < len(header):
        raise DatasetError(f"{name}, line {line}: every column needs a name of its own.")
    return header


def _explain(error: csv.Error) -> str:
    if "unexpected end of data" in str(error):
        return "a quotation mark that opens here is never closed"
    return f"not a table row ({error})"
