"""Running a deck: every prompt answered in every lane, a batch at a time, and kept as it comes.

    decks/<name>.jsonl              a person's own deck
    decks/runs/<id>/run.json        what was asked, in which lanes, how answers were drawn
    decks/runs/<id>/answers.jsonl   a line per prompt, whole or not there

What is there already is not asked again, so a run that was stopped goes on where it was.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Generator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

from pydantic import Field, ValidationError

from studio.chat.deck import Deck, Prompt
from studio.chat.endpoints import is_endpoint
from studio.chat.exchange import ID, Kept, is_id, now
from studio.chat.protocol import Diverged, Reply, Row, Said, Sampling, Update
from studio.chat.wording import share_differing
from studio.errors import ChatError, sentence
from studio.lines import append_lines, whole_lines
from studio.measure.outcome import BASE
from studio.names import slug

ROWS = 24
"""So many answers are written in one batch: prompts times lanes."""

Ask = Callable[[Sequence[Row]], Generator[Update]]
Diverge = Callable[[Sequence[Reply], Sequence[str]], Diverged]


class Given(Kept):
    """What one lane answered to one prompt."""

    text: str
    tokens: int = 0
    stopped: bool = False
    """Whether it ended by itself."""
    first_token: float = 0.0
    tokens_per_second: float = 0.0
    note: str = ""
    kl: float | None = None
    """Sum of KL(base‖lane) in nats along the base's own answer; None where it was not taken."""

    @property
    def failed(self) -> bool:
        """Whether there is no answer, and a note that says why."""
        return not self.tokens and not self.stopped and bool(self.note)


class Round(Kept):
    """One prompt answered by every lane."""

    prompt: str
    """The prompt's id."""
    answers: dict[str, Given]
    read: int = 0
    """Tokens of the base's answer, over which `kl` is summed."""
    about: str = ""
    """What the base ran on."""

    @property
    def failed(self) -> bool:
        """Whether some lane gave no answer; the prompt is asked again with the next run."""
        return any(said.failed for said in self.answers.values())

    def compares(self, lane: str) -> bool:
        """Whether the base and the lane both answered; else nothing is told about the lane."""
        return not (self.answers[BASE].failed or self.answers[lane].failed)

    def words(self, lane: str) -> float:
        """Share of words that differ between the base's answer and the lane's, 0 to 1."""
        return share_differing(self.answers[BASE].text, self.answers[lane].text)

    def kl(self, lane: str) -> float | None:
        """Mean of KL(base‖lane) per token of the base's answer, in nats."""
        total = self.answers[lane].kl
        return None if total is None or not self.read else total / self.read


class DeckRun(Kept):
    """What was asked, in full: the deck may change or go."""

    id: str = Field(pattern=ID)
    deck: Deck
    lanes: tuple[str, ...] = Field(min_length=1)
    """The base first."""
    base: str
    system: str = ""
    """System message of the prompts that have none."""
    sampling: Sampling
    owner: str = ""
    created: datetime

    @classmethod
    def of(cls, deck: Deck, lanes: Sequence[str], **fields: Any) -> Self:
        """The run of these prompts in these lanes; the same fields give the same id."""
        names = tuple(dict.fromkeys((BASE, *lanes)))
        run = cls(id="new", deck=deck, lanes=names, created=now(), **fields)
        said = run.model_dump(mode="json", exclude={"id", "created"})
        digits = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:10]
        return run.model_copy(update={"id": f"{slug(deck.name) or 'deck'}-{digits}"})

    @property
    def tuned(self) -> tuple[str, ...]:
        """Every lane but the base."""
        return self.lanes[1:]


class Table(NamedTuple):
    """A run as far as it has come."""

    run: DeckRun
    rounds: tuple[Round, ...]
    """Finished ones, in the deck's order."""
    live: tuple[Round, ...] = ()
    """Those being answered now."""
    waiting: int = 0
    """How many questions of others come first."""

    @property
    def done(self) -> bool:
        """Whether every prompt is answered."""
        return len(self.rounds) == len(self.run.deck.prompts)

    def prompt(self, id: str) -> Prompt:
        """The prompt of that id."""
        return next(one for one in self.run.deck.prompts if one.id == id)


class DeckRuns:
    """The runs kept in one folder; an owner sees only their own, None sees everything."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, run: DeckRun, *, fresh: bool = False) -> Table:
        """The run as it was left, or a new one; `fresh` forgets the answers there are."""
        folder = self._folder / run.id
        if fresh:
            shutil.rmtree(folder, ignore_errors=True)
        if not (folder / "run.json").exists():
            folder.mkdir(parents=True, exist_ok=True)
            partial = folder / "run.json.partial"
            partial.write_text(run.model_dump_json(indent=1), encoding="utf-8")
            partial.replace(folder / "run.json")
        return self.open(run.id)

    def open(self, id: str, owner: str | None = None) -> Table:
        """A run with the answers it has; ChatError if there is none, or none of this owner's."""
        missing = f"There is no run {id!r} of a deck; run the deck."
        path = self._folder / id / "run.json"
        if not is_id(id) or not path.is_file():
            raise ChatError(missing)
        try:
            run = DeckRun.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise ChatError(sentence(error, f"the deck's run {id}")) from error
        if owner not in (None, run.owner):
            raise ChatError(missing)
        return in_order(run, self._read(id))

    def all(self, owner: str | None = None) -> list[DeckRun]:
        """Every readable run, the newest first."""
        found = []
        for path in self._folder.glob("*/run.json"):
            try:
                found.append(DeckRun.model_validate_json(path.read_bytes()))
            except ValidationError:  # of another version: its deck can be run again
                continue
        found = [run for run in found if owner in (None, run.owner)]
        return sorted(found, key=lambda run: run.created, reverse=True)

    def add(self, run: DeckRun, rounds: Sequence[Round]) -> None:
        """Append finished rounds; a reader sees each whole or not at all."""
        lines = (one.model_dump_json() for one in rounds)
        append_lines(self._folder / run.id / "answers.jsonl", lines)

    def delete(self, id: str) -> None:
        """Remove a run with its answers."""
        shutil.rmtree(self._folder / self.open(id).run.id)

    def _read(self, id: str) -> list[Round]:
        found = []
        for line in whole_lines(self._folder / id / "answers.jsonl"):
            try:
                found.append(Round.model_validate_json(line))
            except ValueError:  # torn by a crash: that prompt is asked again
                continue
        return found


def in_order(run: DeckRun, rounds: Sequence[Round]) -> Table:
    """The rounds in the deck's order; of two for one prompt the later."""
    known = {one.prompt: one for one in rounds}
    return Table(run, tuple(known[p.id] for p in run.deck.prompts if p.id in known))


def deal(table: Table, runs: DeckRuns, *, ask: Ask, diverge: Diverge) -> Generator[Table]:
    """Answer what is not answered yet; yields the table as it fills, at last the whole.

    Every finished batch is kept at once. Closing the generator stops the batch under way.
    """
    run = table.run
    known = {one.prompt for one in table.rounds if not one.failed}
    rest = [prompt for prompt in run.deck.prompts if prompt.id not in known]
    among = [lane for lane in run.tuned if not is_endpoint(lane)]
    size = max(1, ROWS // len(run.lanes))
    for batch in (rest[begin : begin + size] for begin in range(0, len(rest), size)):
        asked = [prompt.under(run.system) for prompt in batch]
        rows = [Row(lane=lane, messages=messages) for messages in asked for lane in run.lanes]
        updates = ask(rows)
        try:
            for update in updates:
                rounds = _rounds(run, batch, update)
                if not update.done:
                    yield table._replace(live=rounds, waiting=update.waiting)
        finally:
            updates.close()
        if among:
            replies = [_reply(messages, one) for messages, one in zip(asked, rounds, strict=True)]
            rounds = _measured(rounds, diverge(replies, among))
        runs.add(run, rounds)
        table = in_order(run, [*table.rounds, *rounds])
        yield table
    if not rest:
        yield table


def _rounds(run: DeckRun, batch: Sequence[Prompt], update: Update) -> tuple[Round, ...]:
    """The answers by prompt; rows come in the order of asking."""
    if not update.rows:
        return ()
    rows = iter(update.rows)
    return tuple(
        Round(
            prompt=prompt.id,
            answers={lane: _given(next(rows)) for lane in run.lanes},
            about=update.about,
        )
        for prompt in batch
    )


def _given(said: Said) -> Given:
    return Given.model_validate(said.model_dump(include=set(Given.model_fields)))


def _reply(messages: Any, one: Round) -> Reply:
    said = one.answers[BASE]
    return Reply(messages=messages, answer=said.text, ended=said.stopped)


def _measured(rounds: Sequence[Round], found: Diverged) -> tuple[Round, ...]:
    return tuple(
        one.model_copy(
            update={
                "read": tokens,
                "answers": {
                    lane: given.model_copy(update={"kl": kl.get(lane)})
                    for lane, given in one.answers.items()
                },
            }
        )
        for one, tokens, kl in zip(rounds, found.tokens, found.kl, strict=True)
    )
