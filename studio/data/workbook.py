"""A workbook: rows brought in, and everything a person did to them since, until they are frozen.

How the rows stand now is what the deeds made of them, in their order.
"""

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import JsonValue, ValidationError

from studio.data.checks import Finding
from studio.data.gather import Gathered, tell_refused
from studio.data.readers import ROWS, Row, refuse_row
from studio.data.template import Template
from studio.data.workbook_card import CAME, CARD, EDITS, REFUSED, WorkbookCard
from studio.data.workbook_deeds import (
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
from studio.data.workbook_log import DeedLog
from studio.errors import DatasetError, sentence
from studio.lines import whole_lines
from studio.tuning.lock import locked


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
        self._came_size = (folder / CAME).stat().st_size
        self._came = number_rows((row for row, _ in came), (origin for _, origin in came))
        self._entries = list(self._came)
        self._template = Template.parse(self.card.template, origin=f"of {folder.name}")
        self._options: dict[str, Any] = {}
        self._done: list[RowDeed] = []
        self._undone: list[RowDeed] = []
        self._log = DeedLog(folder / EDITS)
        self._turn = threading.RLock()
        self.refresh()

    @property
    def id(self) -> str:
        """Name of the folder."""
        return self.card.id

    @property
    def size(self) -> int:
        """Bytes of its files: what it takes of memory goes with them."""
        return self._came_size + self._log.read

    @property
    def version(self) -> int:
        """Another one after every deed: what was worked out of an older one does not hold."""
        return self._log.read

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

    def sources(self) -> list[str]:
        """Where the rows came from and how many from each, those added later last."""
        later = (line for deed in self._added() for line in deed.sources)
        return [*self.card.sources, *(f"{line}, added later" for line in later)]

    def refused(self) -> list[tuple[str, str]]:
        """Place and reason of every record that could not be used, also of those added later."""
        lines = (json.loads(line) for line in whole_lines(self.folder / REFUSED))
        came = [(str(place), str(reason)) for place, reason in lines]
        return came + [one for deed in self._added() for one in deed.refused]

    def findings(self) -> list[Finding]:
        """What a dataset's card has to say of how the rows came."""
        return tell_refused(self.refused())

    def _added(self) -> Iterator[Added]:
        """The deeds that hold by which rows came later."""
        return (deed for deed in self._done if isinstance(deed, Added))

    # ---- what a person does

    def edit(self, number: int, columns: Mapping[str, JsonValue]) -> None:
        """Write other values into columns of a row; nothing happens if they stand there."""
        self.rewrite({number: self.entry(number).row | dict(columns)})

    def rewrite(self, rows: Mapping[int, Row], why: str = "") -> list[int]:
        """Put other rows in the place of these; gives the numbers of those that changed."""
        changed = {n: dict(row) for n, row in rows.items() if self.entry(n).row != row}
        for number, row in changed.items():
            refuse_row(f"Row {number}", row)
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
        return self._add(Added(rows=tuple(map(dict, rows)), origins=tuple(origins), why=why))

    def take(self, came: Gathered) -> list[int]:
        """Add rows that were gathered, with what is known of how they came; gives their numbers."""
        added = Added(
            rows=tuple(map(dict, came.rows)),
            origins=tuple(map(str, came.places)),
            refused=tuple(came.told_refused),
            sources=tuple(came.sources),
        )
        numbers = self._add(added)
        if came.group_column and "group_column" not in self._options:
            self.settle(group_column=came.group_column)
        return numbers

    def _add(self, added: Added) -> list[int]:
        if len(self._entries) + len(added.rows) > ROWS:
            raise DatasetError(f"There would be more than {ROWS:,} rows; exclude or add fewer.")
        for row in added.rows:
            refuse_row("A new row", row)
        if not added.rows:
            return []
        before = self._note(added)
        return list(range(before + 1, before + len(added.rows) + 1))

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
            for deed in self._log.news():
                self._take(deed)
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
                self._log.append(deed)
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
