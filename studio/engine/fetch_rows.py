"""The child process that loads a dataset with `datasets` and writes its rows, one a line.

`studio/data/hub.py` starts it with what it wishes for as JSON in the argument; what the lines mean
is told in `studio/data/child_rows.py`.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import datasets
import pyarrow as pa
from datasets.exceptions import DatasetsError

from studio.data.json_text import PART

DOWNLOAD_BYTES = 5_000_000_000
_PLAIN = (datasets.Value, datasets.ClassLabel, datasets.List, datasets.LargeList, dict,
          datasets.Translation)  # fmt: skip


class TooMuch(ValueError):
    """The dataset has more rows or text than may be read."""


def main() -> None:
    """Load what the argument names and write its rows."""
    datasets.disable_progress_bars()
    wish = json.loads(sys.argv[1])
    try:
        refuse_large(wish)
        for line in lines(load(wish), rows=wish["rows"], characters=wish["characters"]):
            sys.stdout.write(line + "\n")
    except (DatasetsError, OSError, ValueError, pa.ArrowException) as error:
        sys.stdout.write(f"!{explain(error)}\n")


def refuse_large(wish: dict[str, Any]) -> None:
    """ValueError if the dataset says that it is too large to be fetched whole."""
    info = datasets.load_dataset_builder(wish["path"], wish["config"]).info
    if (info.download_size or 0) > DOWNLOAD_BYTES:
        raise TooMuch(f"it has {info.download_size / 1e9:.0f} GB, too much to be fetched")


def load(wish: dict[str, Any]) -> dict[str, datasets.Dataset]:
    """The splits wished for, by name."""
    found = datasets.load_dataset(wish["path"], wish["config"], split=wish["split"])
    return (
        {wish["split"]: found} if wish["split"] else {str(key): one for key, one in found.items()}
    )


def lines(splits: dict[str, datasets.Dataset], *, rows: int, characters: int) -> Iterator[str]:
    """Notes first, then a line per row."""
    for name, split in splits.items():
        readable, notes = as_plain(split)
        yield from (f"*{note}" for note in notes)
        marked = len(splits) > 1 and PART not in split.column_names
        for row in readable:
            line = line_of(row | {PART: name} if marked else row)
            rows, characters = rows - 1, characters - len(line)
            if rows < 0 or characters < 0:
                raise TooMuch("it has too many rows; name a split, or a part such as train[:10000]")
            yield line
    if len(splits) > 1:
        yield f"*Column '{PART}' says of which split a row is: {', '.join(splits)}."


def as_plain(split: datasets.Dataset) -> tuple[Iterable[dict[str, Any]], list[str]]:
    """The split without pictures and sound, its labels as names, and notes that say so."""
    media = [name for name, kind in split.features.items() if not isinstance(kind, _PLAIN)]
    labels = {
        name: kind.names
        for name, kind in split.features.items()
        if isinstance(kind, datasets.ClassLabel) and kind.names
    }
    notes = [f"Column '{name}' is no text and is left aside." for name in media]
    notes += [f"Column '{name}' has its labels as words." for name in labels]
    readable = split.remove_columns(media)
    return (_Named(readable, labels) if labels else readable), notes


class _Named:
    """Rows whose labels are words; a missing label stays missing."""

    def __init__(self, split: datasets.Dataset, labels: dict[str, list[str]]) -> None:
        self.split, self.labels = split, labels

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for row in self.split:
            named = {
                column: names[row[column]] if row[column] is not None and row[column] >= 0 else None
                for column, names in self.labels.items()
            }
            yield row | named


def line_of(row: dict[str, Any]) -> str:
    """A row as JSON, or why it cannot be."""
    try:
        return "+" + json.dumps(row, default=as_json)
    except (ValueError, TypeError) as error:
        return f"-{explain(error)}"


def as_json(value: Any) -> Any:
    """Times and exact decimals as text; anything else that JSON does not know is refused."""
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, Decimal | timedelta):
        return str(value)
    raise TypeError(f"holds a {type(value).__name__}, which is not text")


def explain(error: Exception) -> str:
    """An error in one clause."""
    return " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__


if __name__ == "__main__":
    main()
