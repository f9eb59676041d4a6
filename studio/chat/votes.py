"""The votes of blind arenas on disk: written once, line by line, and never changed.

    arena/<id>/arena.json     what was settled before the first vote
    arena/<id>/trials.jsonl   trials with their two answers, as they were shown
    arena/<id>/votes.jsonl    one vote per trial; of two for one trial the first counts

A torn last line, after a power cut, is passed over and written anew.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from studio.chat.arena import Arena, Trial
from studio.chat.exchange import Kept, is_id, now
from studio.chat.protocol import Said, Update
from studio.data.example import Message
from studio.errors import ChatError, sentence
from studio.lines import append_lines, whole_lines
from studio.tuning.lock import locked

Choice = Literal["a", "b", "tie", "bad"]
CHOICES: dict[Choice, str] = {"a": "A is better", "b": "B is better", "tie": "Tie",
                              "bad": "Both are bad"}  # fmt: skip

Ask = Callable[..., Generator[Update]]
"""Answers (lane, conversation) rows: `Studio.ask`."""
_Line = TypeVar("_Line", bound=Kept)


class Duel(Trial):
    """A trial with its two answers."""

    answer_a: str
    answer_b: str
    ended_a: bool = True
    """Whether A ended by itself, and not at the limit of tokens."""
    ended_b: bool = True


class Vote(Kept):
    """What was chosen in one trial."""

    trial: int
    choice: Choice
    same: bool = False
    """Both answers had the same words: a tie that nobody was asked about."""
    void: str = ""
    """The word by which an answer gave its lane away; such a vote does not count."""
    seconds: float | None = None
    """From showing the answers to the vote."""
    at: datetime


class Arenas:
    """The arenas of one folder; an owner sees only their own, None sees everything."""

    def __init__(self, folder: Path, ask: Ask) -> None:
        self._folder = folder
        self._ask = ask
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    # ---- arenas

    def start(self, **fields: Any) -> Arena:
        """Settle a new arena; fields are those of `Arena`, lanes and decks at least."""
        try:
            arena = Arena.begin(**fields)
        except ValidationError as error:
            raise ChatError(sentence(error, "the arena")) from error
        place = self._folder / arena.id
        place.mkdir(parents=True)
        half_made = place / "arena.json.part"
        half_made.write_text(arena.model_dump_json(indent=1), encoding="utf-8")
        half_made.replace(place / "arena.json")
        return arena

    def open(self, id: str, owner: str | None = None) -> Arena:
        """The arena of that id; ChatError if there is none, or none of this owner's."""
        missing = f"There is no arena {id!r}; start one, or choose another."
        if not is_id(id):
            raise ChatError(missing)
        try:
            arena = Arena.model_validate_json((self._folder / id / "arena.json").read_bytes())
        except FileNotFoundError:
            raise ChatError(missing) from None
        except ValidationError as error:
            raise ChatError(sentence(error, f"arena {id}")) from error
        if owner not in (None, arena.owner):
            raise ChatError(missing)
        return arena

    def list(self, owner: str | None = None) -> list[Arena]:
        """Readable arenas, newest first."""
        found = []
        for path in self._folder.glob("*/arena.json"):
            try:
                found.append(self.open(path.parent.name, owner))
            except ChatError:  # another's, or broken: it is told when it is opened
                continue
        return sorted(found, key=lambda one: one.id, reverse=True)

    # ---- trials

    def duels(self, id: str) -> dict[int, Duel]:
        """Trials that were answered, by number."""
        found: dict[int, Duel] = {}
        for duel in self._read(id, "trials.jsonl", Duel):
            found.setdefault(duel.number, duel)
        return found

    def votes(self, id: str) -> dict[int, Vote]:
        """Votes by the number of their trial, in the order in which they were cast."""
        found: dict[int, Vote] = {}
        for vote in self._read(id, "votes.jsonl", Vote):
            found.setdefault(vote.trial, vote)
        return found

    def next(self, id: str, *, after: int = -1) -> Duel | None:
        """The first trial beyond `after` that waits for a vote, answered; None if there is none.

        Asking beyond the trial that is being read prepares the one after it. Answers with the
        same words are counted as ties without asking anybody. Raises what `Studio.ask` raises.
        """
        arena = self.open(id)
        with self._turns[id]:
            for trial in arena.trials()[after + 1 :]:
                votes = self.votes(id)
                if trial.number in votes or not self._is_asked(id, trial, votes, after):
                    continue
                duel = self.duels(id).get(trial.number) or self._answer(arena, trial)
                if duel.kind != "pair" or duel.answer_a.strip() != duel.answer_b.strip():
                    return duel
                self._append(id, Vote(trial=trial.number, choice="tie", same=True, at=now()))
        return None

    def left(self, id: str) -> int:
        """How many trials wait for a vote, as far as it can be known."""
        votes = self.votes(id)
        trials = self.open(id).trials()
        return sum(
            one.number not in votes and self._is_asked(id, one, votes, len(trials))
            for one in trials
        )

    def vote(self, id: str, trial: int, choice: Choice, *, seconds: float | None = None) -> Vote:
        """Cast a vote. ChatError if there is one already, or nothing was shown to vote on."""
        arena, duel = self.open(id), self.duels(id).get(trial)
        if duel is None:
            raise ChatError(f"Trial {trial} of this arena was not shown yet; vote on what you see.")
        void = arena.give_away(duel, duel.answer_a, duel.answer_b) or ""
        cast = Vote(trial=trial, choice=choice, void=void, seconds=seconds, at=now())
        if not self._append(id, cast):
            raise ChatError(f"Trial {trial} has its vote, and a vote is never changed; go on.")
        return cast

    def _is_asked(self, id: str, trial: Trial, votes: dict[int, Vote], after: int) -> bool:
        """A repeat of what no person judged, or judged with the names in sight, tells nothing."""
        if trial.repeats is None:
            return True
        first = votes.get(trial.repeats)
        if first is None:
            return trial.repeats <= after  # is being judged just now
        return not (first.same or first.void)

    def _answer(self, arena: Arena, trial: Trial) -> Duel:
        """Both answers in one batch, complete before either is seen."""
        if trial.repeats is not None:
            first = self.duels(arena.id)[trial.repeats]
            said = [(first.answer_b, first.ended_b), (first.answer_a, first.ended_a)]
        else:
            said = [(one.text, one.stopped) for one in self._said(arena, trial)]
        (answer_a, ended_a), (answer_b, ended_b) = said
        duel = Duel(**dict(trial), answer_a=answer_a, answer_b=answer_b,
                    ended_a=ended_a, ended_b=ended_b)  # fmt: skip
        self._append(arena.id, duel)
        return self.duels(arena.id)[trial.number]

    def _said(self, arena: Arena, trial: Trial) -> Sequence[Said]:
        messages, settings = arena.messages(trial), arena.sampling
        if trial.kind != "catch":
            return self._complete(arena, [(trial.a, messages), (trial.b, messages)], settings.seed)
        one = self._complete(arena, [(trial.a, messages)], settings.seed)
        if not settings.temperature:
            return [*one, *one]
        # Another seed, or the sides of a catch trial would be the same word for word.
        return [*one, *self._complete(arena, [(trial.a, messages)], settings.seed + 1)]

    def _complete(
        self, arena: Arena, rows: Sequence[tuple[str, Sequence[Message]]], seed: int
    ) -> Sequence[Said]:
        sampling = arena.sampling.model_copy(update={"seed": seed})
        asked = self._ask(rows, base=arena.base, sampling=sampling, owner=arena.owner)
        with closing(asked) as updates:
            *_, last = updates
        for said in last.rows:
            if said.note and not said.stopped and said.tokens < sampling.max_new_tokens:
                # Half an answer would be voted down for a fault that is not its lane's.
                raise ChatError(f"A lane of this trial could not answer: {said.note}")
        return last.rows

    # ---- files

    def _append(self, id: str, line: Duel | Vote) -> bool:
        """Write a line to the disk, unless its trial has one; False if it has."""
        name, number = (
            ("trials.jsonl", line.number) if isinstance(line, Duel) else ("votes.jsonl", line.trial)
        )
        known = self.duels if isinstance(line, Duel) else self.votes
        with self._alone(id):
            if number in known(id):
                return False
            append_lines(self._folder / id / name, [line.model_dump_json()], lasting=True)
        return True

    def _read(self, id: str, name: str, kind: type[_Line]) -> Iterator[_Line]:
        """The whole lines of a file."""
        for line in whole_lines(self._folder / id / name):
            try:
                yield kind.model_validate_json(line)
            except ValidationError:  # torn
                continue

    @contextmanager
    def _alone(self, id: str) -> Iterator[None]:
        """Keep out other threads, and other processes over the same home."""
        with self._turns[f"{id}/"], locked(self._folder / id / ".lock"):
            yield
