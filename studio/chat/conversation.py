"""One conversation with several lanes: a tree of exchanges that only ever grows.

    first question ── second question ── third question      the open path
                   └─ second question, edited                a version beside it

An edit, a retry or an undo opens another path through the tree; what was said stays in it. Every
deed gives a new conversation and leaves the old one as it was.
"""

from collections.abc import Sequence
from datetime import datetime
from secrets import token_hex
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from studio.chat.exchange import ID, Answer, Exchange, Kept, new_id, now
from studio.chat.protocol import Row, Sampling, Update
from studio.chat.wording import shorten
from studio.data.example import Message
from studio.errors import ChatError

TITLE = 60  # letters of the first question that become the title


class Origin(Kept):
    """Where a branch comes from."""

    conversation: str
    """Id of the conversation it was copied from."""
    exchange: str
    """Id of the last exchange that both share."""


class Conversation(Kept):
    """Everything that was said, and what the next question is asked with."""

    id: str = Field(pattern=ID)
    title: str = ""
    owner: str = ""
    """Key of the visitor it belongs to; never exported."""
    created: datetime
    updated: datetime
    base: str = "starter"
    lanes: tuple[str, ...] = ("base",)
    """Lanes that the next question is asked in."""
    system: str = ""
    """System message of the next question."""
    sampling: Sampling = Sampling()
    """How the next answers are drawn."""
    history: Literal["own", "shared"] = "own"
    """Whether each lane remembers its own answers, or all of them the kept ones."""
    everything: tuple[Exchange, ...] = ()
    """Every exchange there ever was, in the order of asking."""
    at: str | None = None
    """The last exchange of the open path; None before the first question."""
    branched_from: Origin | None = None
    named: datetime | None = None
    """When a person gave it its title."""

    @model_validator(mode="after")
    def _be_a_tree(self) -> Self:
        known: set[str] = set()
        for one in self.everything:
            if one.id in known or (one.parent is not None and one.parent not in known):
                raise ValueError(f"exchange {one.id} does not hang on the exchanges before it")
            known.add(one.id)
        if self.at is not None and self.at not in known:
            raise ValueError(f"there is no exchange {self.at} to be open")
        return self

    @classmethod
    def begin(cls, **fields: Any) -> Self:
        """A new conversation; its id begins with the time, so that ids sort by age."""
        moment = now()
        return cls.model_validate(
            {"id": new_id(moment), "created": moment, "updated": moment} | fields
        )

    # ---- reading

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """The open path, from the first question to the last."""
        by_id = {one.id: one for one in self.everything}
        path, id = [], self.at
        while id is not None:
            path.append(by_id[id])
            id = by_id[id].parent
        return tuple(reversed(path))

    def versions(self, n: int = -1) -> tuple[Exchange, ...]:
        """The exchange at this place of the path and those beside it, oldest first."""
        parent = self._exchange(n).parent
        return tuple(one for one in self.everything if one.parent == parent)

    def messages(self, lane: str, n: int = -1) -> tuple[Message, ...]:
        """What that lane is asked with the n-th question: all it remembers, then the question."""
        here = self._exchange(n)
        path = self.exchanges
        turns = [Message(role="system", content=here.system)] if here.system else []
        for one in path[: path.index(here)]:
            if answer := one.heard(lane, self.history):  # roles must take turns
                turns.append(Message(role="user", content=one.prompt))
                turns.append(Message(role="assistant", content=answer))
        return (*turns, Message(role="user", content=here.prompt))

    def rows(self, lanes: Sequence[str] | None = None) -> tuple[Row, ...]:
        """What is to be asked: the last question, in lanes that have not finished answering."""
        if self.at is None:
            return ()
        last = self.exchanges[-1]
        return tuple(
            Row(lane=lane, messages=self.messages(lane), begun=_begun(last, lane))
            for lane in last.unfinished
            if lanes is None or lane in lanes
        )

    # ---- deeds

    def arrange(self, **fields: Any) -> Self:
        """Change the base, lanes, system, sampling or history from here on."""
        return self.model_validate(dict(self) | fields | {"updated": now()})

    def rename(self, title: str) -> Self:
        """Give it a title in place of its first question."""
        return self._with(title=" ".join(title.split()), named=now())

    def say(self, prompt: str) -> Self:
        """Ask every lane; the answers come with `answered`."""
        return self._grow(self._ask(prompt, parent=self.at))

    def answered(self, update: Update) -> Self:
        """The conversation as it was asked, with the answers as far as they have come."""
        last = self.exchanges[-1]
        answers = dict(last.answers)
        for said in update.rows:
            if said.lane not in last.unfinished:
                continue
            before = last.answers.get(said.lane, Answer())
            answers[said.lane] = Answer(
                **said.model_dump(include=set(Answer.model_fields) - {"text", "tokens"}),
                text=before.text + said.text,
                tokens=before.tokens + said.tokens,
                done=update.done or said.stopped,
                sampling=last.sampling,
            )
        about = update.about or last.about
        proof = last.proof if update.proof is None else update.proof
        return self._replace(last, answers=answers, about=about, proof=proof)

    def edit(self, n: int, text: str) -> Self:
        """Ask something else in place of the n-th question; the old one stays beside it."""
        return self._grow(self._ask(text, parent=self._exchange(n).parent))

    def retry(self, n: int = -1, lane: str | None = None) -> Self:
        """Ask the n-th question again, in one lane or in all; the old answers stay beside it.

        Where answers are drawn, the seed moves on: the same seed would give the same answer. A
        lane that was not asked yet is asked beside the others, and takes nobody's place.
        """
        old = self._exchange(n)
        if lane is not None and lane not in old.answers and self._is_last(old):
            return self._replace(old, lanes=_union(old.lanes, lane), sampling=self.sampling)
        if lane is None:
            again = self._ask(old.prompt, parent=old.parent)
        else:
            others = {name: said for name, said in old.answers.items() if name != lane}
            kept = "" if old.kept == lane else old.kept  # it was the old answer that was preferred
            again = self._copy(old, answers=others, lanes=_union(old.lanes, lane), kept=kept)
        seeds = [one.sampling.seed for one in self.versions(n) if one.prompt == old.prompt]
        drawn = self.sampling
        if drawn.temperature and drawn.seed in seeds:
            drawn = drawn.model_copy(update={"seed": max(seeds) + 1})
        return self._grow(again.model_copy(update={"sampling": drawn}))

    def continue_(self, lane: str, n: int = -1) -> Self:
        """Let a lane go on with its answer; further questions after it stay in another path."""
        here = self._exchange(n)
        if lane not in here.answers:
            raise ChatError(f"Lane {lane} has not answered yet, so there is nothing to go on with.")
        begun = here.answers[lane].model_copy(update={"done": False, "stopped": False})
        changed = {
            "answers": here.answers | {lane: begun},
            "lanes": _union(here.lanes, lane),
            "sampling": self.sampling,
        }
        if self._is_last(here):
            return self._replace(here, **changed)
        return self._grow(self._copy(here, **changed))

    def keep(self, lane: str, n: int = -1) -> Self:
        """Go on from that lane's answer in a shared history."""
        here = self._exchange(n)
        if self._is_last(here):
            return self._replace(here, kept=lane)
        return self._grow(self._copy(here, kept=lane))

    def undo(self) -> Self:
        """Go back before the last question; `redo` brings it back."""
        return self._with(at=self._exchange(-1).parent)

    def redo(self) -> Self:
        """Open the newest exchange that goes on from here."""
        children = self._children(self.at)
        return self._with(at=children[-1].id) if children else self

    def turn_to(self, exchange: str) -> Self:
        """Open the path through that exchange, to where it was last gone on."""
        if exchange not in {one.id for one in self.everything}:
            raise ChatError(f"This conversation has no exchange {exchange}; open it again.")
        while children := self._children(exchange):
            exchange = children[-1].id
        return self._with(at=exchange)

    def branch(self, n: int = -1) -> Self:
        """A conversation of its own that begins with this one up to the n-th exchange."""
        here = self._exchange(n)
        path = self.exchanges
        shared = path[: path.index(here) + 1]
        fields = dict(self) | {
            "everything": shared,
            "at": here.id,
            "branched_from": Origin(conversation=self.id, exchange=here.id),
        }
        return self.begin(**{k: v for k, v in fields.items() if k not in _OF_ITS_OWN})

    # ---- how deeds are done

    def _exchange(self, n: int) -> Exchange:
        path = self.exchanges
        if not -len(path) <= n < len(path):
            raise ChatError(
                f"There is no exchange number {n} in this conversation; it has {len(path)}."
            )
        return path[n]

    def _is_last(self, exchange: Exchange) -> bool:
        """Whether nothing was ever said after it, so that it can be added to."""
        return exchange.id == self.at and not self._children(exchange.id)

    def _children(self, parent: str | None) -> list[Exchange]:
        return [one for one in self.everything if one.parent == parent]

    def _ask(self, prompt: str, *, parent: str | None) -> Exchange:
        if not prompt.strip():
            raise ChatError("Write a message first; every lane answers it.")
        return Exchange(
            id=token_hex(6), parent=parent, prompt=prompt.strip(), lanes=self.lanes,
            system=self.system.strip(), sampling=self.sampling, asked=now(),
        )  # fmt: skip

    def _copy(self, old: Exchange, **changed: Any) -> Exchange:
        return old.model_copy(update={"id": token_hex(6), "asked": now()} | changed)

    def _grow(self, exchange: Exchange) -> Self:
        title = self.title or shorten(exchange.prompt, TITLE)
        everything = (*self.everything, exchange)
        return self._with(everything=everything, at=exchange.id, title=title)

    def _replace(self, old: Exchange, **changed: Any) -> Self:
        new = old.model_copy(update=changed)
        everything = tuple(new if one.id == old.id else one for one in self.everything)
        return self._with(everything=everything)

    def _with(self, **fields: Any) -> Self:
        return self.model_copy(update=fields | {"updated": now()})


_OF_ITS_OWN = ("id", "created", "updated")


def _begun(exchange: Exchange, lane: str) -> str:
    return exchange.answers[lane].text if lane in exchange.answers else ""


def _union(lanes: tuple[str, ...], lane: str) -> tuple[str, ...]:
    return lanes if lane in lanes else (*lanes, lane)
