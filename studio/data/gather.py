"""Rows of several sources at once, each record still leading back to its file and line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from studio.data.readers import ROWS, Row, Rows, read_rows
from studio.errors import DatasetError

FILES = 20
TOGETHER_BYTES = 100_000_000


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

    @property
    def told(self) -> str:
        """How many records came in, were kept and were refused, in a line."""
        total = len(self.rows) + len(self.refused)
        return f"{total:,} records in: {len(self.rows):,} kept, {len(self.refused):,} refused"


def gather(paths: Sequence[Path], *, encoding: str = "") -> Gathered:
    """Read all files; DatasetError if one of them cannot be read, or they are too much together."""
    if len(paths) > FILES:
        raise DatasetError(f"{len(paths)} files are too many at once; bring at most {FILES}.")
    if sum(path.stat().st_size for path in paths if path.exists()) > TOGETHER_BYTES:
        raise DatasetError(
            f"The files have more than {TOGETHER_BYTES // 1_000_000} MB together; bring fewer."
        )
    return put_together((path.name, read_rows(path, encoding=encoding)) for path in paths)


def put_together(parts: Iterable[tuple[str, Rows]]) -> Gathered:
    """The rows of all sources, in their order."""
    whole = Gathered([], [], [])
    notes: list[str] = []
    for source, found in parts:
        whole.rows.extend(found.rows)
        lines = found.lines or range(1, len(found.rows) + 1)
        whole.places.extend(Place(source, line) for line in lines)
        whole.refused.extend((Place(source, line), reason) for line, reason in found.refused)
        notes += [f"{source}: {note}" for note in found.notes]
        if len(whole.rows) + len(whole.refused) > ROWS:
            raise DatasetError(f"There are more than {ROWS:,} rows together; bring fewer.")
    return Gathered(whole.rows, whole.places, whole.refused, tuple(notes))
