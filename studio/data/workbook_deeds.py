"""What a person does to the rows of a workbook: each deed is a line of a file that only grows."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from studio.data.readers import Row


class Entry(NamedTuple):
    """One row of a workbook as it stands now."""

    number: int
    """From 1; stays what it is whatever happens to other entries."""
    row: Row
    origin: str
    """Where the row came from, such as "rows.csv, line 3"."""
    tags: tuple[str, ...] = ()
    excluded: bool = False
    """Whether it is left out when the workbook is frozen."""
    changed: bool = False
    """Whether its text is another than the one that came in."""


class _Deed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    when: datetime = Field(default_factory=lambda: datetime.now(UTC))
    why: str = ""
    """What a person did it for; empty where the deed says all."""


class Rewritten(_Deed):
    """Rows that stand in the place of others, by number."""

    deed: Literal["rewritten"] = "rewritten"
    rows: dict[int, dict[str, Any]]

    def numbers(self) -> Collection[int]:
        """The entries concerned."""
        return self.rows.keys()

    def told(self) -> str:
        """What was done, in a line."""
        return self.why or f"{_rows(self.rows)} edited"


class Left(_Deed):
    """Rows that are left out from now on, or taken in again."""

    deed: Literal["left"] = "left"
    rows: tuple[int, ...]
    out: bool = True

    def numbers(self) -> Collection[int]:
        """The entries concerned."""
        return self.rows

    def told(self) -> str:
        """What was done, in a line."""
        return self.why or f"{_rows(self.rows)} {'excluded' if self.out else 'included again'}"


class Tagged(_Deed):
    """A tag that rows got, or lost."""

    deed: Literal["tagged"] = "tagged"
    rows: tuple[int, ...]
    tag: str
    on: bool = True

    def numbers(self) -> Collection[int]:
        """The entries concerned."""
        return self.rows

    def told(self) -> str:
        """What was done, in a line."""
        return f"{_rows(self.rows)} {'tagged' if self.on else 'no longer tagged'} '{self.tag}'"


class Added(_Deed):
    """Rows that came later, each with where it came from."""

    deed: Literal["added"] = "added"
    rows: tuple[dict[str, Any], ...]
    origins: tuple[str, ...]
    refused: tuple[tuple[str, str], ...] = ()
    """Place and reason of every record that came with them and could not be used."""
    sources: tuple[str, ...] = ()
    """Where they came from and how many from each, a line each."""

    def numbers(self) -> Collection[int]:
        """None of those that were there."""
        return ()

    def told(self) -> str:
        """What was done, in a line."""
        return self.why or f"{_rows(self.rows)} added"


class Turned(_Deed):
    """The last deed taken back, or the last one taken back done again."""

    deed: Literal["turned"] = "turned"
    back: bool


class Templated(_Deed):
    """Another template for the same rows; it cannot be undone, only chosen otherwise."""

    deed: Literal["templated"] = "templated"
    template: str
    """The text of its YAML file."""


class Settled(_Deed):
    """How the workbook is to be frozen."""

    deed: Literal["settled"] = "settled"
    options: dict[str, Any]


RowDeed = Rewritten | Left | Tagged | Added
Deed = RowDeed | Turned | Templated | Settled
DEED: TypeAdapter[Deed] = TypeAdapter(Annotated[Deed, Field(discriminator="deed")])


def do(deed: RowDeed, entries: list[Entry]) -> None:
    """Do the deed to the list; numbers that are not there are passed over."""
    if isinstance(deed, Added):
        first = len(entries) + 1
        both = zip(deed.rows, deed.origins, strict=True)
        entries += [Entry(number, row, origin) for number, (row, origin) in enumerate(both, first)]
        return
    for number in deed.numbers():
        if 0 < number <= len(entries):
            entries[number - 1] = _done(deed, entries[number - 1])


def _done(deed: Rewritten | Left | Tagged, entry: Entry) -> Entry:
    if isinstance(deed, Rewritten):
        return entry._replace(row=deed.rows[entry.number], changed=True)
    if isinstance(deed, Left):
        return entry._replace(excluded=deed.out)
    others = tuple(tag for tag in entry.tags if tag != deed.tag)
    return entry._replace(tags=(*others, deed.tag) if deed.on else others)


def number_rows(rows: Iterable[Row], origins: Iterable[str]) -> list[Entry]:
    """Entries of rows that nothing happened to yet."""
    both = zip(rows, origins, strict=True)
    return [Entry(number, row, origin) for number, (row, origin) in enumerate(both, 1)]


def _rows(rows: Sequence[Any] | Collection[Any]) -> str:
    if len(rows) == 1 and isinstance(number := next(iter(rows)), int):
        return f"Row {number}"
    return f"{len(rows):,} row{'s'[: len(rows) != 1]}"
