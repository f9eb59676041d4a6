"""A workbook: rows brought in, and everything a person did to them since, until they are frozen.

    workbooks/<id>/
      card.json       what it is and where its rows came from
      rows.jsonl      [row, origin] as they came in, a line each
      refused.jsonl   [place, reason] of every record that could not be used
      edits.jsonl     one line per deed; only ever appended to

How the rows stand now is what the deeds made of them, in their order.
"""

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from studio.data.checks import Finding
from studio.data.readers import FIELD_CHARACTERS, ROWS, Row
from studio.data.template import Template
from studio.data.workbook_deeds import (
    DEED,
    Added,
    Deed,
    Entry,
    Left,
    Rewritten,
    RowDeed,
    Settled,
    Tagged,
    Templated,
    Turned,
    do,
    number_rows,
)
from studio.errors import DatasetError, sentence
from studio.lines import append_lines, whole_lines
from studio.tuning.lock import locked

CARD, CAME, REFUSED, EDITS = "card.json", "rows.jsonl", "refused.jsonl", "edits.jsonl"


class WorkbookCard(BaseModel):
    """What a workbook is; written once."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: str
    """Name of its folder."""
    title: str
    """What people see."""
    owner: str = ""
    """Key of the visitor it belongs to."""
    created: datetime
    """When it was begun."""
    rows: int
    """How many rows came in at first."""
    sources: tuple[str, ...] = ()
    """Where they came from and how many from each, a line each."""
    mapping: str = ""
    """What the rows were taken for."""
    findings: tuple[Finding, ...] = ()
    """What was found while they were read."""
    template: str
    """The template it was begun with, as the text of a YAML file."""
    draft: str = ""
    """Name of the chat draft whose items it takes in; empty if none."""


class Workbook:
    """One workbook; several threads and processes may change it, each deed whole or not at all."""

    def __init__(self, folder: Path) -> None:
        """Read it; DatasetError if it is not there or its card cannot be read."""
        self.folder = folder
        try:
            self.card = WorkbookCard.model_validate_json((folder / CARD).read_bytes())
            came = json.loads(b"[" + b",".join(whole_lines(folder / CAME)) + b"]")
        except FileNotFoundError:
            raise DatasetError(
                f"There is no workbook '{folder.name}'; begin one, or choose one from the list."
            ) from None
        except ValidationError as error:
            raise DatasetError(sentence(error, f"workbook '{folder.name}'")) from error
        self._came = number_rows((row for row, _ in came), (origin for _, origin in came))
        self._entries = list(self._came)
        self._template = Template.parse(self.card.template, origin=f"of {folder.name}")
        self._options: dict[str, Any] = {}
        self._done: list[RowDeed] = []
        self._undone: list[RowDeed] = []
        self._read = 0
        self._turn = threading.RLock()
        self.refresh()

    @property
    def id(self) -> str:
        """Name of the folder."""
        return self.card.id

    @property
    def version(self) -> int:
        """Another one after every deed: what was worked out of an older one does not hold."""
        return self._read

    @property
    def template(self) -> Template:
        """The template that makes examples of the rows."""
        return self._template

    @property
    def options(self) -> dict[str, Any]:
        """How it is to be frozen, as far as a person settled it."""
        return dict(self._options)

    def entries(self) -> Sequence[Entry]:
        """Every entry by number, the excluded ones too; not to be changed."""
        return self._entries

    def entry(self, number: int) -> Entry:
        """The entry of that number; DatasetError if there is none."""
        if not 0 < number <= len(self._entries):
            raise DatasetError(
                f"There is no row {number}; workbook '{self.card.title}' has "
                f"{len(self._entries):,}."
            )
        return self._entries[number - 1]

    def kept(self) -> list[Entry]:
        """The entries that are frozen: all but the excluded ones."""
        return [entry for entry in self._entries if not entry.excluded]

    def rows(self) -> list[Row]:
        """The rows of the kept entries."""
        return [entry.row for entry in self.kept()]

    def origins(self) -> list[str]:
        """Where each of `rows` came from."""
        return [entry.origin for entry in self.kept()]

    def columns(self) -> list[str]:
        """Names of all columns, in the order in which they first appear."""
        return list(dict.fromkeys(name for entry in self._entries for name in entry.row))

    def tags(self) -> list[str]:
        """Every tag in use."""
        return sorted({tag for entry in self._entries for tag in entry.tags})

    def refused(self) -> list[tuple[str, str]]:
        """Place and reason of every record that could not be used."""
        lines = (json.loads(line) for line in whole_lines(self.folder / REFUSED))
        return [(str(place), str(reason)) for place, reason in lines]

    # ---- what a person does

    def edit(self, number: int, columns: Mapping[str, JsonValue]) -> None:
        """Write other values into columns of a row; nothing happens if they stand there."""
        self.rewrite({number: self.entry(number).row | dict(columns)})

    def rewrite(self, rows: Mapping[int, Row], why: str = "") -> list[int]:
        """Put other rows in the place of these; gives the numbers of those that changed."""
        changed = {n: dict(row) for n, row in rows.items() if self.entry(n).row != row}
        for number, row in changed.items():
            _refuse(f"Row {number}", row)
        if changed:
            self._note(Rewritten(rows=changed, why=why))
        return list(changed)

    def exclude(self, numbers: Iterable[int], why: str = "") -> list[int]:
        """Leave rows out; gives the numbers of those that were not left out before."""
        return self._leave(numbers, out=True, why=why)

    def include(self, numbers: Iterable[int]) -> list[int]:
        """Take excluded rows in again; gives the numbers of those that were excluded."""
        return self._leave(numbers, out=False)

    def tag(self, numbers: Iterable[int], tag: str) -> list[int]:
        """Give rows a tag; gives the numbers of those that had it not."""
        return self._tag(numbers, tag, on=True)

    def untag(self, numbers: Iterable[int], tag: str) -> list[int]:
        """Take a tag off rows; gives the numbers of those that had it."""
        return self._tag(numbers, tag, on=False)

    def add(self, rows: Sequence[Row], origins: Sequence[str], why: str = "") -> list[int]:
        """Add rows with where each came from; gives their numbers."""
        if len(rows) != len(origins):
            raise DatasetError(f"{len(rows)} rows came with {len(origins)} origins; give one each.")
        if len(self._entries) + len(rows) > ROWS:
            raise DatasetError(f"There would be more than {ROWS:,} rows; exclude or add fewer.")
        for row in rows:
            _refuse("A new row", row)
        if not rows:
            return []
        with self._turn:
            added = Added(rows=tuple(map(dict, rows)), origins=tuple(origins), why=why)
            before = self._note(added)
            return list(range(before + 1, before + len(rows) + 1))

    def undo(self) -> str:
        """Take the last deed to rows back; says which it was. DatasetError if there is none."""
        with self._turn:
            if not self.refresh()._done:
                raise DatasetError("There is nothing to undo; the rows are as they came in.")
            told = self._done[-1].told()
            self._note(Turned(back=True))
        return told

    def redo(self) -> str:
        """Do the last deed taken back again; says which it was. DatasetError if there is none."""
        with self._turn:
            if not self.refresh()._undone:
                raise DatasetError("There is nothing to do again.")
            told = self._undone[-1].told()
            self._note(Turned(back=False))
        return told

    def history(self) -> list[RowDeed]:
        """The deeds that hold, in their order; `undo` takes the last one back."""
        return list(self._done)

    def future(self) -> list[RowDeed]:
        """The deeds that were taken back; `redo` does the last one again."""
        return list(self._undone)

    def use_template(self, template: Template) -> None:
        """Let this template make the examples; the rows stay."""
        bare = template.model_copy(update={"rows": (), "rows_file": None})
        if bare != self._template:
            self._note(Templated(template=bare.yaml()))

    def settle(self, **options: Any) -> None:
        """Note how it is to be frozen; options not named stay as they were."""
        if self._options | options != self._options:
            self._note(Settled(options=options))

    # ---- the file of deeds

    def refresh(self) -> Self:
        """Take in what was done since it was last read, here or in another process."""
        with self._turn:
            path = self.folder / EDITS
            if not path.exists() or path.stat().st_size == self._read:
                return self
            with path.open("rb") as file:
                file.seek(self._read)
                content = file.read()
            whole, newline, _ = content.rpartition(b"\n")
            for line in whole.split(b"\n") if newline else ():
                try:
                    self._take(DEED.validate_json(line))
                except ValidationError:
                    continue  # torn by a crash, and closed by the next deed
            self._read += len(whole) + len(newline)
        return self

    def _take(self, deed: Deed) -> None:
        if isinstance(deed, Templated):
            self._template = Template.parse(deed.template, origin=f"of {self.id}")
        elif isinstance(deed, Settled):
            self._options |= deed.options
        elif isinstance(deed, Turned):
            self._turn_back() if deed.back else self._turn_forth()
        else:
            do(deed, self._entries)
            self._done.append(deed)
            self._undone.clear()

    def _turn_back(self) -> None:
        if self._done:
            self._undone.append(self._done.pop())
            entries = list(self._came)
            for deed in self._done:
                do(deed, entries)
            self._entries = entries

    def _turn_forth(self) -> None:
        if self._undone:
            self._done.append(self._undone.pop())
            do(self._done[-1], self._entries)

    def _note(self, deed: Deed) -> int:
        """Write the deed down and do it; gives how many entries there were before."""
        try:
            with self._turn, locked(self.folder / "lock"):
                before = len(self.refresh().entries())
                append_lines(self.folder / EDITS, [deed.model_dump_json()], lasting=True)
                self.refresh()
                return before
        except OSError as error:
            raise DatasetError(
                f"Workbook '{self.card.title}' cannot be written ({error.strerror}), and nothing "
                "was done; make room and try again."
            ) from error

    def _leave(self, numbers: Iterable[int], *, out: bool, why: str = "") -> list[int]:
        concerned = [n for n in dict.fromkeys(numbers) if self.entry(n).excluded != out]
        if concerned:
            self._note(Left(rows=tuple(concerned), out=out, why=why))
        return concerned

    def _tag(self, numbers: Iterable[int], tag: str, *, on: bool) -> list[int]:
        tag = " ".join(tag.split())[:40]
        if not tag:
            raise DatasetError("A tag needs a word; write one.")
        concerned = [n for n in dict.fromkeys(numbers) if (tag in self.entry(n).tags) != on]
        if concerned:
            self._note(Tagged(rows=tuple(concerned), tag=tag, on=on))
        return concerned


def _refuse(which: str, row: Row) -> None:
    """Raise DatasetError if a reader would not have taken the row either."""
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
