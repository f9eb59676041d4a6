"""The workbooks of one folder: begun, opened, listed, deleted."""

import json
import secrets
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from studio.data.gather import Gathered, Place
from studio.data.readers import Row
from studio.data.template import Template
from studio.data.workbook import Workbook
from studio.data.workbook_card import CAME, CARD, REFUSED, WorkbookCard
from studio.errors import DatasetError
from studio.names import slug, telling_slug

HELD_BYTES = 50_000_000
"""Of the files of workbooks that are kept in memory, where they take several times as much."""


class Workbooks:
    """The workbooks of one folder; an owner sees only their own, None sees everything."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: OrderedDict[str, Workbook] = OrderedDict()
        self._turn = threading.Lock()

    def begin(
        self,
        title: str,
        gathered: Gathered | Sequence[Row],
        template: Template,
        *,
        owner: str | None = None,
        mapping: str = "",
        draft: str = "",
    ) -> Workbook:
        """A new workbook of these rows; it appears whole or not at all.

        Plain rows are said to come from the template. DatasetError if there are none, unless it
        is to take in a draft.
        """
        came = gathered if isinstance(gathered, Gathered) else _sample(gathered, template)
        if not came.rows and not draft:
            why = "".join(f" {place}: {reason}." for place, reason in came.refused[:1])
            raise DatasetError(f"There is no usable row.{why}")
        title = " ".join(title.split())[:80] or template.title
        card = WorkbookCard(
            id=telling_slug(title, secrets.token_hex(3)),
            title=title,
            owner=owner or "",
            created=datetime.now(UTC),
            rows=len(came.rows),
            sources=tuple(came.sources),
            mapping=mapping,
            template=template.model_copy(update={"rows": (), "rows_file": None}).yaml(),
            draft=draft,
        )
        origins = map(str, came.places)
        self._write(card, zip(came.rows, origins, strict=True), came.told_refused)
        book = self.open(card.id, owner)
        if came.group_column:
            book.settle(group_column=came.group_column)
        return book

    def open(self, id: str, owner: str | None = None) -> Workbook:
        """The workbook of that id; DatasetError if there is none, or none of this owner's."""
        if not id or slug(id) != id:
            raise DatasetError(f"There is no workbook '{id}'; choose one from the list.")
        with self._turn:
            book = self._open.pop(id, None)
            if book is None or not (book.folder / CARD).exists():
                book = Workbook(self._folder / id)
            self._open[id] = book
            while len(self._open) > 1 and sum(one.size for one in self._open.values()) > HELD_BYTES:
                self._open.popitem(last=False)
        if owner not in (None, book.card.owner):
            raise DatasetError(f"There is no workbook '{id}'; choose one from the list.")
        return book.refresh()

    def list(self, owner: str | None = None) -> list[WorkbookCard]:
        """The cards of every workbook, the one that was begun last first."""
        cards = []
        for path in self._folder.glob(f"*/{CARD}"):
            with suppress(ValidationError, FileNotFoundError):
                cards.append(WorkbookCard.model_validate_json(path.read_bytes()))
        mine = [card for card in cards if owner in (None, card.owner)]
        return sorted(mine, key=lambda card: (card.created, card.id), reverse=True)

    def delete(self, id: str, owner: str | None = None) -> None:
        """Remove a workbook; datasets that were frozen of it stay."""
        book = self.open(id, owner)
        with self._turn:
            self._open.pop(id, None)
            shutil.rmtree(book.folder)

    def _write(
        self,
        card: WorkbookCard,
        rows: Iterable[tuple[Row, str]],
        refused: Iterable[tuple[str, str]],
    ) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".beginning-", dir=self._folder) as workshop:
            half_made = Path(workshop) / card.id
            half_made.mkdir()
            _write_lines(half_made / CAME, rows)
            _write_lines(half_made / REFUSED, refused)
            (half_made / CARD).write_text(card.model_dump_json(indent=1), encoding="utf-8")
            half_made.rename(self._folder / card.id)


def _write_lines(path: Path, values: Iterable[Any]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


def _sample(rows: Sequence[Row], template: Template) -> Gathered:
    name = f"template {template.name}"
    return Gathered(list(rows), [Place(name, at) for at in range(1, len(rows) + 1)], [])
