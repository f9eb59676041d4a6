"""Rows of several sources at once, each record still leading back to its file and line."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from studio.data import mapping as mappings
from studio.data.checks import Finding
from studio.data.readers import ROWS, Row, Rows, read_rows
from studio.data.template import Template
from studio.errors import DatasetError

FILES = 20
TOGETHER_BYTES = 100_000_000
TOLD = 5  # refused records that are named on a card


@dataclass(frozen=True)
class Place:
    """Where a record stands."""

    source: str
    """Name of the file, or what else the record came from."""
    line: int
    """Its line there, or its number where there are no lines; from 1."""

    def __str__(self) -> str:
        return f"{self.source}, line {self.line}"


@dataclass(frozen=True)
class Gathered:
    """Rows with their places, and every refused record with its place and the reason."""

    rows: list[Row]
    places: list[Place]
    refused: list[tuple[Place, str]]
    notes: tuple[str, ...] = ()
    left: int = 0
    """How many were left aside because they were not wished for."""
    group: str = ""
    """The column whose equal values belong together; empty where there is none."""

    @property
    def told(self) -> str:
        """How many records came in, were kept and were refused, in a line."""
        total = len(self.rows) + len(self.refused) + self.left
        aside = f", {self.left:,} left aside" if self.left else ""
        kept = f"{len(self.rows):,} kept, {len(self.refused):,} refused"
        return f"{total:,} records in: {kept}{aside}"

    @property
    def told_refused(self) -> list[tuple[str, str]]:
        """Place and reason of every refused record, in words."""
        return [(str(place), reason) for place, reason in self.refused]

    @property
    def sources(self) -> list[str]:
        """Where they came from, and how many from each were kept and refused, a line each."""
        kept = Counter(place.source for place in self.places)
        lost = Counter(place.source for place, _ in self.refused)
        return [
            f"{source}: {kept[source]:,} rows" + f", {lost[source]:,} refused" * (source in lost)
            for source in dict.fromkeys([*kept, *lost])
        ]

    @property
    def group_column(self) -> str:
        """The column that keeps rows on one side unless a person says otherwise.

        Empty where fewer than two groups are in the rows: all of them would be on one side.
        """
        groups = {str(row[self.group]) for row in self.rows if row.get(self.group) is not None}
        return self.group if len(groups) > 1 else ""

    def where(self, wished: Mapping[str, Sequence[str]]) -> "Gathered":
        """Only rows whose columns hold one of the values wished for."""
        for column in wished:
            if not any(column in row for row in self.rows):
                raise DatasetError(f"No row has a column '{column}' to choose by.")
        chosen = [
            number
            for number, row in enumerate(self.rows)
            if all(str(row.get(column)) in values for column, values in wished.items())
        ]
        return replace(
            self,
            rows=[self.rows[number] for number in chosen],
            places=[self.places[number] for number in chosen],
            left=self.left + len(self.rows) - len(chosen),
        )

    def mapped(self, mapping: mappings.Mapping) -> "Gathered":
        """With the columns of the mapping; a row that cannot have them is refused."""
        made = mappings.apply(mapping, self.rows)
        return replace(
            self,
            rows=made.rows,
            places=[self.places[number - 1] for number in made.numbers],
            refused=[
                *self.refused,
                *((self.places[number - 1], reason) for number, reason in made.refused),
            ],
        )

    def findings(self) -> list[Finding]:
        """What a dataset's card says of the records that were refused."""
        return tell_refused(self.told_refused)


def tell_refused(refused: Sequence[tuple[str, str]]) -> list[Finding]:
    """What a dataset's card says of refused records, by their place and the reason."""
    if not refused:
        return []
    first = "; ".join(f"{place}: {reason}" for place, reason in refused[:TOLD])
    more = len(refused) - TOLD
    return [
        Finding(
            kind="refused records",
            severity="warning",
            count=len(refused),
            message=f"Records that could not be used were left out: {first}"
            + (f"; and {more:,} more." if more > 0 else "."),
        )
    ]


def gather(
    paths: Sequence[Path], *, encoding: str = "", others: Iterable[tuple[str, Rows]] = ()
) -> Gathered:
    """Read all files, and add what others were read already by name.

    DatasetError if one of them cannot be read, or they are too much together.
    """
    if len(paths) > FILES:
        raise DatasetError(f"{len(paths)} files are too many at once; bring at most {FILES}.")
    if sum(path.stat().st_size for path in paths if path.exists()) > TOGETHER_BYTES:
        raise DatasetError(
            f"The files have more than {TOGETHER_BYTES // 1_000_000} MB together; bring fewer."
        )
    files = ((path.name, read_rows(path, encoding=encoding)) for path in paths)
    return put_together(chain(files, others))


def put_together(parts: Iterable[tuple[str, Rows]]) -> Gathered:
    """The rows of all sources, in their order."""
    whole = Gathered([], [], [])
    notes: list[str] = []
    group = ""
    for source, found in parts:
        group = group or found.group
        whole.rows.extend(found.rows)
        lines = found.lines or range(1, len(found.rows) + 1)
        whole.places.extend(Place(source, line) for line in lines)
        whole.refused.extend((Place(source, line), reason) for line, reason in found.refused)
        notes += [f"{source}: {note}" for note in found.notes]
        if len(whole.rows) + len(whole.refused) > ROWS:
            raise DatasetError(f"There are more than {ROWS:,} rows together; bring fewer.")
    return Gathered(whole.rows, whole.places, whole.refused, tuple(notes), group=group)


def demand(mapping: mappings.Mapping, rows: Sequence[Row], template: Template) -> mappings.Mapping:
    """The mapping, if it gives the template all it must have; else DatasetError."""
    missing = mapping.missing(template, rows)
    if missing:
        there = ", ".join(dict.fromkeys(name for row in rows[:100] for name in row))
        raise DatasetError(
            f"Template '{template.name}' needs {' and '.join(map(repr, missing))}, and the rows "
            f"have {there[:300]}; say which column is which, or choose another template."
        )
    return mapping
