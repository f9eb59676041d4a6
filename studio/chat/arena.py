"""A blind arena: which prompts are answered by which two lanes, on which sides, in which order.

Everything is settled before the first vote and follows from the seed, so that nobody, and nothing
that happens on the way, can choose what is asked next.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import combinations
from random import Random
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from studio.chat.deck import Deck, Prompt
from studio.chat.exchange import ID, Kept, new_id, now
from studio.chat.protocol import Sampling
from studio.data.example import Message
from studio.measure.outcome import BASE

BLOCK = 10
"""After so many ordinary trials one catch trial and one repeat have come: each 8 % of all."""
GAP = 4
"""At least so many ordinary trials lie between one and its repeat, so that it is forgotten."""
TELLTALES = ("fine-tuned", "finetuned", "fine tuned", "base model", "untuned")
"""Words by which an answer gives its lane away, besides the lane's own name."""

Side = Literal["a", "b"]
Kind = Literal["pair", "catch", "repeat"]


class Trial(Kept):
    """One prompt, answered by a lane on either side."""

    number: int
    """Place in the arena, from 0."""
    kind: Kind
    """`catch`: both sides are the same lane. `repeat`: an earlier trial with its sides changed."""
    deck: str
    """Name of the deck."""
    prompt: str
    """Id of the prompt in its deck."""
    a: str
    """The lane on the left."""
    b: str
    """The lane on the right."""
    repeats: int | None = None
    """Number of the trial that is asked again."""


class Arena(Kept):
    """Everything that is settled before the first vote."""

    id: str = Field(pattern=ID)
    title: str
    owner: str = ""
    """Key of the visitor it belongs to; never exported."""
    created: datetime
    base: str = "starter"
    lanes: tuple[str, ...] = Field(min_length=2)
    """Who is voted on; the first is what the others are compared with."""
    titles: dict[str, str] = {}
    """What a person calls the lanes."""
    decks: tuple[Deck, ...] = Field(min_length=1)
    """What is asked; each deck has a score of its own."""
    system: str = ""
    """System message of prompts that have none of their own."""
    sampling: Sampling = Sampling()
    """How all answers are drawn; both sides of a trial with the same seed."""
    seed: int = 0
    """Of the order, the pairs and the sides."""

    @model_validator(mode="after")
    def _tell_apart(self) -> Self:
        if len(set(self.lanes)) < len(self.lanes):
            raise ValueError("the lanes have to differ; one is named twice")
        if len({deck.name for deck in self.decks}) < len(self.decks):
            raise ValueError("a deck is named twice")
        return self

    @classmethod
    def begin(cls, **fields: Any) -> Self:
        """A new arena; its id begins with the time, so that ids sort by age."""
        moment = now()
        return cls.model_validate({"id": new_id(moment), "created": moment} | fields)

    def title_of(self, lane: str) -> str:
        """What a person calls the lane."""
        return self.titles.get(lane, lane)

    def deck(self, name: str) -> Deck:
        """The deck of that name."""
        return next(deck for deck in self.decks if deck.name == name)

    def prompt(self, trial: Trial) -> Prompt:
        """What is asked in a trial."""
        return next(one for one in self.deck(trial.deck).prompts if one.id == trial.prompt)

    def messages(self, trial: Trial) -> tuple[Message, ...]:
        """What both sides of a trial are asked."""
        return self.prompt(trial).under(self.system)

    def pairs(self) -> list[tuple[str, str]]:
        """Every two lanes that meet: the later one, then the one it is compared with."""
        return [(later, earlier) for earlier, later in combinations(self.lanes, 2)]

    def trials(self) -> list[Trial]:
        """All trials in their order.

        Every pair of lanes meets once on every prompt. Decks are mixed, so that a person cannot
        prepare for one; sides are drawn for each trial.
        """
        random, trials = Random(self.seed), list[Trial]()
        block: list[Trial] = []
        for deck, prompt, pair in self._meetings(random):
            a, b = random.sample(pair, 2)
            block.append(Trial(number=0, kind="pair", deck=deck, prompt=prompt, a=a, b=b))
            if len(block) == BLOCK:
                trials += self._with_checks(block, trials, random)
                block = []
        return [*trials, *_numbered(block, len(trials))]

    def _meetings(self, random: Random) -> Iterator[tuple[str, str, tuple[str, str]]]:
        """Deck, prompt and pair: each round asks every prompt, each time of another pair."""
        prompts = [(deck.name, one.id) for deck in self.decks for one in deck.prompts]
        pairs = random.sample(self.pairs(), len(self.pairs()))
        places = random.sample(range(len(prompts)), len(prompts))
        for turn in range(len(pairs)):
            for place in random.sample(places, len(places)):
                yield (*prompts[place], pairs[(place + turn) % len(pairs)])

    def _with_checks(
        self, block: list[Trial], before: Sequence[Trial], random: Random
    ) -> list[Trial]:
        """The block with a catch trial somewhere, and a repeat in its later half."""
        model, lane = random.choice(block), random.choice(self.lanes)
        catch = model.model_copy(update={"kind": "catch", "a": lane, "b": lane})
        place = random.randrange(GAP + 1, BLOCK + 1)
        done = {one.repeats for one in before}
        fresh = [one for one in before if one.kind == "pair" and one.number not in done]
        fresh += _numbered(block[: place - GAP], len(before))
        again = random.choice(fresh)
        repeat = again.model_copy(
            update={"kind": "repeat", "a": again.b, "b": again.a, "repeats": again.number}
        )
        # The catch trial comes after the repeat, so that the numbers before it stay true.
        mixed = [*block[:place], repeat, *block[place:]]
        mixed.insert(random.randrange(place + 1, len(mixed) + 1), catch)
        return _numbered(mixed, len(before))

    def give_away(self, trial: Trial, a: str, b: str) -> str | None:
        """The word by which one answer says which lane it comes from, or None.

        A lane's name, its base's, or a telltale, in one answer only and not in the question. Such
        a vote is void: blanking the word out would still show that there was one.
        """
        asked = " ".join(message.content for message in self.messages(trial))
        named = [
            name for lane in self.lanes for name in (lane, self.title_of(lane)) if lane != BASE
        ]
        for word in dict.fromkeys((self.base.rstrip("/").rsplit("/", 1)[-1], *named, *TELLTALES)):
            if len(word) > 3 and not _says(asked, word) and _says(a, word) != _says(b, word):
                return word
        return None


def _numbered(trials: Sequence[Trial], first: int) -> list[Trial]:
    return [
        one.model_copy(update={"number": number}) for number, one in enumerate(trials, start=first)
    ]


def _says(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) is not None
