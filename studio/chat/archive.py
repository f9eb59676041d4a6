"""Saved conversations: one JSON file each, written anew by one rename after every change.

    chats/<id>.json            a conversation
    chats/.removed/<id>.json   one that was deleted, until it is brought back

What two tabs say in one conversation at once is put together: exchanges are only ever added.
"""

import contextlib
import os
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from studio.chat.conversation import Conversation
from studio.chat.exchange import Exchange, is_id, new_id
from studio.chat.protocol import Update
from studio.errors import ChatError, sentence
from studio.tuning.lock import locked

SLOWEST_SAVE = 1.0  # seconds between two saves of an answer that is being written
SAVING_SHARE = 0.05  # of the time, while answers come, may go into saving them
EXCERPT = 60  # letters shown on either side of what was searched for


@dataclass(frozen=True)
class Summary:
    """What the list of conversations shows of one."""

    id: str
    title: str
    owner: str
    created: datetime
    updated: datetime
    lanes: tuple[str, ...]
    exchanges: int
    """On the open path."""
    paths: int
    """How many paths there are; more than one where something was edited, retried or undone."""
    broken_off: bool
    """Whether the last answer was not finished."""
    branched_from: str = ""
    """Id of the conversation it is a branch of."""
    excerpt: str = ""
    """Where the words searched for stand."""


class Archive:
    """The conversations of one folder; an owner sees only their own, None sees everything."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._removed = folder / ".removed"
        self._turn = threading.Lock()
        self._read: dict[Path, tuple[tuple[int, int], Summary, str]] = {}

    def save(self, conversation: Conversation, *, durably: bool = True) -> Conversation:
        """Write the conversation, together with what another tab added to it meanwhile.

        One that was deleted meanwhile stays deleted, and whole. With `durably` it is on the disk
        when this returns, and so survives a power cut; without, it survives the end of the studio.
        """
        with self._alone():
            path = self._place(conversation.id)
            with contextlib.suppress(FileNotFoundError, ChatError):
                conversation = _together(_read(path), conversation)
            _write(path, conversation, durably=durably)
        return conversation

    def open(self, id: str, owner: str | None = None) -> Conversation:
        """The conversation of that id; ChatError if there is none, or none of this owner's."""
        return self._open(self._folder, id, owner)

    def list(self, owner: str | None = None, query: str = "") -> list[Summary]:
        """Conversations in which every word of the query occurs, the last changed first."""
        words = query.casefold().split()
        found = []
        for summary, texts in self._everything():
            folded = texts.casefold()
            if owner in (None, summary.owner) and all(word in folded for word in words):
                excerpt = _excerpt(texts, words[0]) if words else ""
                found.append(Summary(**vars(summary) | {"excerpt": excerpt}))
        return sorted(found, key=lambda one: (one.updated, one.id), reverse=True)

    def faults(self) -> dict[str, str]:
        """Files that are no conversation, and why; they are left alone."""
        faults = {}
        for path in sorted(self._folder.glob("*.json")):
            try:
                _read(path)
            except ChatError as error:
                faults[path.name] = str(error)
        return faults

    def rename(self, id: str, title: str, owner: str | None = None) -> Conversation:
        """Give it another title."""
        if not title.strip():
            raise ChatError("Write the new title; a conversation without one cannot be found.")
        return self.save(self.open(id, owner).rename(title))

    def remove(self, id: str, owner: str | None = None) -> None:
        """Delete it; `restore` brings it back."""
        self.open(id, owner)
        self._removed.mkdir(exist_ok=True)
        with self._alone():
            (self._folder / f"{id}.json").replace(self._removed / f"{id}.json")

    def restore(self, id: str, owner: str | None = None) -> Conversation:
        """Bring a deleted one back."""
        self._open(self._removed, id, owner)
        with self._alone():
            (self._removed / f"{id}.json").replace(self._folder / f"{id}.json")
        return self.open(id, owner)

    def take_in(self, path: Path, owner: str = "") -> Conversation:
        """Add an exported conversation; one that is here already stays, and this is a copy."""
        try:
            found = _read(path)
        except FileNotFoundError:
            raise ChatError(f"There is no file {path}.") from None
        own = {} if not self._place(found.id).exists() else {"id": new_id(found.created)}
        return self.save(found.model_copy(update=own | {"owner": owner}))

    def follow(
        self, asked: Conversation, updates: Generator[Update]
    ) -> Generator[tuple[Conversation, Update]]:
        """The conversation as its answers come, saved at least every second and at the end.

        However it ends, by itself, by a stop or by an error, what was said so far is kept.
        """
        current, about, proof = asked, "", None
        pace = _Pace()
        try:
            for update in updates:
                about, proof = (
                    update.about or about,
                    proof if update.proof is None else update.proof,
                )
                if update.rows:
                    told = update.model_copy(update={"about": about, "proof": proof})
                    current = asked.answered(told)
                    if pace.is_due():
                        # On a full disk the answer goes on; the end tells that it is not saved.
                        with pace.measured(), contextlib.suppress(ChatError):
                            self.save(current, durably=False)
                yield current, update
        finally:
            updates.close()  # nobody listens any more: the answers stop
            self.save(current)

    def _open(self, folder: Path, id: str, owner: str | None) -> Conversation:
        missing = f"There is no conversation {id!r}; choose one from the list."
        if not is_id(id):
            raise ChatError(missing)
        try:
            found = _read(folder / f"{id}.json")
        except FileNotFoundError:
            raise ChatError(missing) from None
        if owner not in (None, found.owner):
            raise ChatError(missing)  # whose it is, and that it is there, is nobody's business
        return found

    def _place(self, id: str) -> Path:
        here, removed = self._folder / f"{id}.json", self._removed / f"{id}.json"
        return removed if removed.exists() and not here.exists() else here

    def _everything(self) -> Iterator[tuple[Summary, str]]:
        """Summaries and texts; a file is read again only when it has changed."""
        for path in self._folder.glob("*.json"):
            with contextlib.suppress(FileNotFoundError, ChatError):
                state = path.stat()
                mark = (state.st_mtime_ns, state.st_ino)
                if path not in self._read or self._read[path][0] != mark:
                    conversation = _read(path)
                    self._read[path] = (mark, _summary(conversation), _texts(conversation))
                yield self._read[path][1:]

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep out other threads, and other processes over the same home."""
        with self._turn, locked(self._folder / ".lock"):
            yield


class _Pace:
    """When the next save is due, so that saving takes little of the time."""

    def __init__(self) -> None:
        self._next = 0.0

    def is_due(self) -> bool:
        return time.monotonic() >= self._next

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        begun = time.monotonic()
        yield
        took = time.monotonic() - begun
        self._next = time.monotonic() + min(SLOWEST_SAVE, took / SAVING_SHARE)


def _read(path: Path) -> Conversation:
    """The conversation in that file; FileNotFoundError, or ChatError for one that is broken."""
    try:
        return Conversation.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ChatError(f"{path.name} cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        raise ChatError(sentence(error, f"conversation {path.name}")) from error


def _write(path: Path, conversation: Conversation, *, durably: bool) -> None:
    half_made = path.with_suffix(".part")
    try:
        with half_made.open("w", encoding="utf-8") as file:
            file.write(conversation.model_dump_json(indent=1, exclude_defaults=True) + "\n")
            if durably:
                file.flush()
                os.fsync(file.fileno())
        half_made.replace(path)
    except OSError as error:
        raise ChatError(
            f"The conversation cannot be saved ({error.strerror}); make room in the home folder. "
            "What you see is kept on the page until you close it."
        ) from error


def _together(saved: Conversation, ours: Conversation) -> Conversation:
    """Ours, with the exchanges that were saved from elsewhere and with the newer title."""
    mine = {one.id: one for one in ours.everything}
    before = {one.id for one in saved.everything}
    everything = [_longer(one, mine[one.id]) if one.id in mine else one for one in saved.everything]
    everything += [one for one in ours.everything if one.id not in before]
    newer = max(saved, ours, key=lambda one: (one.named is not None, one.named or one.created))
    if newer.named is None:
        newer = ours
    return ours.model_copy(
        update={"everything": tuple(everything), "title": newer.title, "named": newer.named}
    )


def _longer(saved: Exchange, ours: Exchange) -> Exchange:
    """Ours, but an answer that has gone on elsewhere is not cut back."""
    gone_on = {
        lane: answer
        for lane, answer in saved.answers.items()
        if lane not in ours.answers
        or (
            len(answer.text) > len(ours.answers[lane].text)
            and answer.text.startswith(ours.answers[lane].text)
        )
    }
    return ours.model_copy(update={"answers": ours.answers | gone_on}) if gone_on else ours


def _summary(one: Conversation) -> Summary:
    parents = {exchange.parent for exchange in one.everything}
    path = one.exchanges
    return Summary(
        id=one.id,
        title=one.title,
        owner=one.owner,
        created=one.created,
        updated=one.updated,
        lanes=one.lanes,
        exchanges=len(path),
        paths=sum(exchange.id not in parents for exchange in one.everything),
        broken_off=bool(path and path[-1].unfinished),
        branched_from=one.branched_from.conversation if one.branched_from else "",
    )


def _texts(conversation: Conversation) -> str:
    """All that can be searched, of every path."""
    parts = [conversation.title]
    for one in conversation.everything:
        parts += [one.prompt, *(answer.text for answer in one.answers.values())]
    return "\n".join(parts)


def _excerpt(texts: str, word: str) -> str:
    at = max(0, texts.casefold().find(word))
    cut = texts[max(0, at - EXCERPT) : at + len(word) + EXCERPT]
    return " ".join(cut.split())
