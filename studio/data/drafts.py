"""Drafts: what was gathered in chat and is to be learned, before it is frozen into a dataset.

    drafts/<name>/
      card.json      title, whose it is, when it was begun
      items.jsonl    one line per deed: kept, taken back, or built from; only ever appended to

An item is an example, a pair of a preferred and another answer, or a case that must not be
forgotten. Each says where it came from.
"""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from studio.data.draft import Draft, digest
from studio.data.draft_items import (
    LINE,
    Built,
    DraftCard,
    Item,
    KeptCase,
    KeptExample,
    KeptPair,
    Provenance,
    TakenBack,
)
from studio.data.example import Message
from studio.errors import ChatError, sentence
from studio.lines import append_lines, whole_lines
from studio.names import slug, telling_slug

FIRST = "From chat"


class Drafts:
    """The drafts of one folder; an owner sees only their own, None sees everything."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turn = threading.Lock()

    def list(self, owner: str | None = None) -> list[Draft]:
        """Every draft, the one that was begun last first."""
        found = []
        for path in self._folder.glob("*/card.json"):
            with suppress(ChatError):
                found.append(self.open(path.parent.name, owner))
        return sorted(found, key=lambda draft: (draft.card.created, draft.name), reverse=True)

    def open(self, name: str, owner: str | None = None) -> Draft:
        """The draft of that name; ChatError if there is none, or none of this owner's."""
        folder = self._folder / slug(name)
        try:
            if not name or slug(name) != name:
                raise FileNotFoundError
            card = DraftCard.model_validate_json((folder / "card.json").read_bytes())
        except FileNotFoundError:
            raise ChatError(f"There is no draft {name!r}; choose one from the list.") from None
        except ValidationError as error:
            raise ChatError(sentence(error, f"draft {name}")) from error
        if owner not in (None, card.owner):
            raise ChatError(f"There is no draft {name!r}; choose one from the list.")
        items: dict[str, Item] = {}
        built = []
        for line in _lines(folder / "items.jsonl"):
            if isinstance(line, Built):
                built.append(line)
            elif isinstance(line, TakenBack):
                items.pop(line.id, None)
            else:
                items.pop(line.id, None)  # a newer word on the same question stands last
                items[line.id] = line
        return Draft(name, card, tuple(items.values()), tuple(built))

    def begin(self, title: str = FIRST, owner: str | None = None) -> Draft:
        """The owner's draft of that title; made if it is not there yet."""
        name = telling_slug(title, mark_of(owner or ""))
        folder = self._folder / name
        with self._turn:
            if not (folder / "card.json").exists():
                folder.mkdir(parents=True, exist_ok=True)
                card = DraftCard(title=title, owner=owner or "", created=_now())
                half_made = folder / "card.part"
                half_made.write_text(card.model_dump_json(indent=1), encoding="utf-8")
                half_made.replace(folder / "card.json")
        return self.open(name, owner)

    def keep_example(
        self,
        name: str,
        messages: Sequence[Message],
        answer: str,
        came_from: Provenance,
        owner: str | None = None,
    ) -> Draft:
        """Keep an example; one with the same question takes the older one's place."""
        asked = _asked(messages)
        return self._keep(
            name, owner, KeptExample, id=digest("example", asked), messages=asked,
            answer=answer.strip(), came_from=came_from,
        )  # fmt: skip

    def keep_pair(
        self,
        name: str,
        messages: Sequence[Message],
        chosen: str,
        rejected: str,
        came_from: Provenance,
        owner: str | None = None,
    ) -> Draft:
        """Keep a preference; the opposite one about the same two answers gives way to it."""
        if chosen.strip() == rejected.strip():
            raise ChatError("Both answers are the same, so there is nothing to prefer.")
        asked = _asked(messages)
        both = sorted([chosen, rejected])
        return self._keep(
            name, owner, KeptPair, id=digest("pair", asked, both), messages=asked, chosen=chosen,
            rejected=rejected, came_from=came_from,
        )  # fmt: skip

    def keep_case(
        self,
        name: str,
        messages: Sequence[Message],
        answer: str,
        came_from: Provenance,
        owner: str | None = None,
    ) -> Draft:
        """Note that this case was flagged, and where it came from."""
        asked = _asked(messages)
        return self._keep(
            name, owner, KeptCase, id=digest("retention", asked), messages=asked,
            answer=answer.strip(), came_from=came_from,
        )  # fmt: skip

    def take_back(self, name: str, item: str, owner: str | None = None) -> Draft:
        """Remove an item; keeping it again brings it back."""
        if item not in {one.id for one in self.open(name, owner).items}:
            raise ChatError(f"Draft {name!r} has no item {item!r}.")
        return self._append(name, owner, TakenBack(id=item, when=_now()))

    def note_built(
        self, name: str, dataset: str, items: Sequence[str], owner: str | None = None
    ) -> Draft:
        """Note that a dataset was made of these items."""
        line = Built(dataset=dataset, items=tuple(items), when=_now())
        return self._append(name, owner, line)

    def _keep(self, name: str, owner: str | None, kind: type[Item], **fields: Any) -> Draft:
        try:
            item = kind(**fields, when=_now())
        except ValidationError as error:
            raise ChatError(sentence(error, "what you want to keep")) from error
        return self._append(name, owner, item)

    def _append(self, name: str, owner: str | None, line: Item | TakenBack | Built) -> Draft:
        draft = self.open(name, owner)
        path = self._folder / name / "items.jsonl"
        append_lines(path, [line.model_dump_json()], lasting=True)
        return self.open(draft.name)


def mark_of(owner: str) -> str:
    """A visitor's mark: tells visitors apart without giving their key away."""
    return hashlib.sha256(owner.encode()).hexdigest()[:8] if owner else ""


def _lines(path: Path) -> Iterator[Item | TakenBack | Built]:
    """Whole lines; torn or foreign ones are passed over."""
    for line in whole_lines(path):
        with suppress(ValidationError):
            yield LINE.validate_json(line)


def _asked(messages: Sequence[Message]) -> tuple[Message, ...]:
    if not messages or messages[-1].role != "user" or not messages[-1].content.strip():
        raise ChatError("There is no question to keep; ask one first.")
    return tuple(messages)


def _now() -> datetime:
    return datetime.now(UTC)
