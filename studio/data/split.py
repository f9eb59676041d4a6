"""Which rows are learned from and which are held out, decided before any of them is rendered.

A row is known by its content: a hash of the columns that the template reads. So the decision about
a row stays the same when other rows come or go, and the same content never stands on both sides.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from studio.data.readers import Row
from studio.data.template import Template
from studio.errors import DatasetError

Side = Literal["train", "heldout"]

SIDES: dict[Side, tuple[str, ...]] = {
    "train": ("train", "training"),
    "heldout": ("heldout", "held-out", "test", "validation", "valid", "val", "dev", "eval"),
}
"""What files call the two sides."""

# Answers with more different values than this, or with hardly any value twice, are texts.
LABELS = 20

# Made once: `json.dumps` with options would make one for each row.
_ENCODE = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode


@dataclass(frozen=True)
class SourceRow:
    """A row with its number (from 1) and the hashes of what a template reads of it."""

    number: int
    columns: Row
    content: str
    """Hash of all that the template reads."""
    question: str
    """Hash of what the prompt reads: rows with the same question must stay together."""
    label: str
    """Hash of what the answer alone reads."""
    group: str = ""
    """Hash of the value that keeps rows on one side; empty if it stands for itself."""
    origin: str = ""
    """Where it came from, if that is known."""

    @property
    def bound(self) -> str:
        """What decides about its side: rows with the same stay together."""
        return self.group or self.question


@dataclass(frozen=True)
class Split:
    """The two sides, and the held-out rows left out as their question or group is learned too."""

    train: list[SourceRow]
    heldout: list[SourceRow]
    leaked: list[SourceRow]


def identify(
    rows: Sequence[Row],
    template: Template,
    *,
    group_column: str = "",
    origins: Sequence[str] = (),
) -> list[SourceRow]:
    """Number the rows and hash what the template reads; DatasetError if a column is missing."""
    _refuse_missing_columns(rows, template)
    if group_column and not any(group_column in row for row in rows):
        raise DatasetError(f"No row has a column '{group_column}' to keep rows together by.")
    whole = template.reads_whole_row()
    asked = template.prompt_variables()
    answered = template.variables() - asked
    found = []
    for number, row in enumerate(rows, start=1):
        read = set(row) if whole else asked | answered
        read -= {template.split_column} - asked - answered
        question = asked if asked and not whole else read
        content = _hash(row, read)
        found.append(
            SourceRow(
                number=number,
                columns=row,
                content=content,
                question=content if question == read else _hash(row, question),
                label=_hash(row, answered),
                group=_hash(row, {group_column}) if row.get(group_column) is not None else "",
                origin=origins[number - 1] if origins else "",
            )
        )
    return found


def without_duplicates(rows: Sequence[SourceRow]) -> tuple[list[SourceRow], list[SourceRow]]:
    """The first row of each content, and the repetitions."""
    kept: dict[str, SourceRow] = {}
    repeated = []
    for row in rows:
        if row.content in kept:
            repeated.append(row)
        else:
            kept[row.content] = row
    return list(kept.values()), repeated


def choose(rows: Sequence[SourceRow], limit: int | None, *, seed: int) -> list[SourceRow]:
    """At most `limit` rows in their order, the same ones for the same seed."""
    if limit is None or limit >= len(rows):
        return list(rows)
    chosen = sorted(rows, key=lambda row: fraction(seed, "choose", row.content))[:limit]
    return sorted(chosen, key=lambda row: row.number)


def split_rows(
    rows: Sequence[SourceRow], *, column: str | None, heldout_share: float, seed: int
) -> Split:
    """Part the rows by the column that says so where rows have it, otherwise by their hash."""
    if column and any(column in row.columns for row in rows):
        sides = {row.number: _side_in_column(row, column) for row in rows}
    else:
        sides = _sides_by_hash(rows, heldout_share, seed)
    train = [row for row in rows if sides[row.number] == "train"]
    heldout = [row for row in rows if sides[row.number] == "heldout"]
    learned = {row.question for row in train} | {row.group for row in train if row.group}
    leaked = [row for row in heldout if row.question in learned or row.group in learned]
    left_out = {row.number for row in leaked}
    return Split(
        train=train,
        heldout=[row for row in heldout if row.number not in left_out],
        leaked=leaked,
    )


def fraction(seed: int, purpose: str, key: str) -> float:
    """A number in [0, 1) that depends on nothing but the arguments."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{key}".encode()).digest()
    return int.from_bytes(digest[:7]) / 2**56


def _side_in_column(row: SourceRow, column: str) -> Side:
    value = row.columns.get(column)
    for side, words in SIDES.items():
        if value in words:
            return side
    raise DatasetError(
        f"Row {row.number}: column '{column}' holds {value!r}; every row must say 'train' or "
        "'heldout' (or test, validation) there, or no row may have that column."
    )


def _sides_by_hash(rows: Sequence[SourceRow], heldout_share: float, seed: int) -> dict[int, Side]:
    """Hold out a row when its hash says so, and see that every label is on both sides.

    A plain threshold keeps each row's side for ever; only a label so rare that all its rows fell
    on one side gives up the row nearest to the threshold.
    """
    place = {row.number: fraction(seed, "split", row.bound) for row in rows}
    sides: dict[int, Side] = {
        number: "heldout" if value < heldout_share else "train" for number, value in place.items()
    }
    labels = len({row.label for row in rows})
    are_labels = labels <= min(LABELS, len(rows) // 2)
    groups: dict[str, list[SourceRow]] = defaultdict(list)
    for row in rows:
        groups[row.label if are_labels else "all"].append(row)
    are_free = not any(row.group for row in rows)  # then nothing bound has another label
    for group in groups.values():
        ordered = sorted(group, key=lambda row: place[row.number])
        if len({row.bound for row in ordered}) < 2:
            continue
        if sides[ordered[0].number] == "train":
            _move(ordered if are_free else rows, ordered[0].bound, "heldout", sides)
        elif sides[ordered[-1].number] == "heldout":
            _move(ordered if are_free else rows, ordered[-1].bound, "train", sides)
    return sides


def _move(rows: Sequence[SourceRow], bound: str, side: Side, sides: dict[int, Side]) -> None:
    for row in rows:
        if row.bound == bound:
            sides[row.number] = side


def _refuse_missing_columns(rows: Sequence[Row], template: Template) -> None:
    needed = template.required_columns()
    present = set().union(*rows) if rows else needed
    missing = sorted(needed - present)
    if missing:
        names = ", ".join(f"'{name}'" for name in missing)
        raise DatasetError(
            f"Template '{template.name}' needs {names}, and no row has it; "
            f"columns are {', '.join(sorted(present))}."
        )


def _hash(row: Row, columns: Collection[str | None]) -> str:
    text = _ENCODE({name: value for name, value in row.items() if name in columns})
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
