"""Rows proposed for a workbook, with what made them: nothing is added before a person says so.

They lie beside the workbook, in `proposals.json`, so that they are still there after a reload.
"""

import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from studio.data.readers import Row
from studio.data.whole_file import write_whole
from studio.tuning.lock import locked

FILE = "proposals.json"
MADE = "made: "
"""How the origin of every row begins that nobody wrote."""
_SOURCES = re.compile(r", (?:of|after) row (\d+(?: and \d+)*)$")


class Proposal(BaseModel):
    """One row that may be added, and where it came from."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    row: Row
    """The row, as it would be added."""
    how: str
    """What made it, such as "typos" or "written by starter"."""
    of: int | None = None
    """Number of the entry it was made of; None if it is new."""
    shown: tuple[int, ...] = ()
    """Numbers of the entries that were shown to the model that wrote it."""
    fault: str = ""
    """Why a filter would rather leave it out; empty if nothing speaks against it."""
    edited: bool = False
    """Whether a person wrote in it."""
    wanted: bool | None = None
    """Whether a person would add it; None if nothing was said yet."""

    @property
    def ticked(self) -> bool:
        """Whether it would be added now."""
        return not self.fault if self.wanted is None else self.wanted

    @property
    def origin(self) -> str:
        """Where the row came from, for its entry."""
        source = f", of row {self.of}" if self.of is not None else ""
        if self.shown:
            source = f", after row {' and '.join(map(str, self.shown))}"
        return f"{MADE}{self.how}{', edited' if self.edited else ''}{source}"

    def decided(self, wanted: bool, row: Row) -> "Proposal":
        """The same as a person left it."""
        if (wanted, row) == (self.ticked, self.row):
            return self
        edited = self.edited or row != self.row
        return self.model_copy(update={"row": row, "wanted": wanted, "edited": edited})


def is_made(origin: str) -> bool:
    """Whether an entry of that origin was made of others or by a model."""
    return origin.startswith(MADE)


def sources_of(origin: str) -> tuple[int, ...]:
    """Numbers of the entries that an entry of that origin was made of, or written after."""
    found = _SOURCES.search(origin) if is_made(origin) else None
    return tuple(map(int, found[1].split(" and "))) if found else ()


def summarize(proposals: Sequence[Proposal]) -> str:
    """How many there are, and what speaks against the others, in a sentence."""
    if not proposals:
        return "Nothing was proposed."
    good = sum(not one.fault for one in proposals)
    faults = Counter(one.fault.split(":")[0] for one in proposals if one.fault)
    against = ", ".join(f"{count:,} {fault}" for fault, count in faults.most_common())
    told = f"{good:,} of {len(proposals):,} pass the filters"
    return f"{told}; {against}." if against else f"{told}."


_READER = TypeAdapter(list[Proposal])
_TURN = threading.Lock()


@contextmanager
def undisturbed(folder: Path) -> Iterator[None]:
    """Nobody else changes what is proposed meanwhile, in another window or process."""
    with _TURN, locked(folder / "proposals.lock"):
        yield


def load_proposals(folder: Path) -> list[Proposal]:
    """What is proposed for the workbook in that folder; nothing if the file cannot be read."""
    try:
        return _READER.validate_json((folder / FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return []


def save_proposals(folder: Path, proposals: Sequence[Proposal]) -> None:
    """Keep what is proposed, in the place of what was."""
    if not proposals:
        (folder / FILE).unlink(missing_ok=True)
        return
    write_whole(folder / FILE, _READER.dump_json(list(proposals)))
