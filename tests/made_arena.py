"""Arenas whose lanes answer at once: what a lane says follows from its name and the question."""

from collections.abc import Generator, Sequence
from typing import Any

from studio.chat.arena import Arena, Trial
from studio.chat.deck import Deck, Prompt
from studio.chat.protocol import Said, Sampling, Update
from studio.chat.votes import Arenas, Choice
from studio.data.example import Message

LANES = ("base", "tuned-one", "tuned-two")
Rows = Sequence[tuple[str, Sequence[Message]]]


def deck(name: str, prompts: int, kind: Any = "own") -> Deck:
    """A deck of questions that differ."""
    return Deck(
        name=name, title=name.title(), kind=kind,
        prompts=tuple(
            Prompt.model_validate({"id": f"p{n}", "prompt": f"Question {n} of {name}?"})
            for n in range(prompts)
        ),
    )  # fmt: skip


class Answers:
    """Stands where the engine does, and remembers what it was asked."""

    def __init__(self, said: dict[str, str] | None = None) -> None:
        self.asked: list[tuple[tuple[str, ...], str, Sampling]] = []
        self._said = said or {}

    def __call__(
        self, rows: Rows, *, base: str, sampling: Sampling, owner: str
    ) -> Generator[Update]:
        self.asked.append((tuple(lane for lane, _ in rows), rows[0][1][-1].content, sampling))
        for done in (False, True):
            yield Update(
                id=1,
                done=done,
                rows=tuple(self._say(lane, list(messages), sampling) for lane, messages in rows),
            )

    def _say(self, lane: str, messages: Sequence[Message], sampling: Sampling) -> Said:
        written = self._said.get(lane, f"{sum(map(ord, lane))} says of {{question}}")
        text = written.format(question=messages[-1].content)
        if sampling.temperature:
            text += f" (drawn with {sampling.seed})"
        return Said(
            lane=lane, text=text, tokens=5, stopped=True, first_token=0.1, tokens_per_second=9
        )


def lane_of(trial: Trial, choice: Choice) -> str | None:
    """The lane that a choice prefers."""
    return {"a": trial.a, "b": trial.b}.get(choice)


def vote_for(arenas: Arenas, arena: Arena, lane: str, *, but_of: int = 0) -> None:
    """Vote on everything: for the lane wherever it stands, against it once in so many."""
    wins = 0
    while duel := arenas.next(arena.id):
        choice: Choice = "a" if duel.a == lane else "b" if duel.b == lane else "tie"
        if duel.a == duel.b:
            choice = "tie"
        elif duel.kind == "pair" and choice != "tie":
            wins += 1
            if but_of and wins % but_of == 0:
                choice = "b" if choice == "a" else "a"
        arenas.vote(arena.id, duel.number, choice, seconds=2)


def begin(lanes: int = 2, prompts: int = 30, seed: int = 0) -> Arena:
    """An arena of two decks that nobody has opened yet."""
    decks = (deck("task", prompts, "task"), deck("old", prompts, "retention"))
    return Arena.begin(lanes=LANES[:lanes], decks=decks, title="t", seed=seed)


def settle(arenas: Arenas, prompts: int = 24, **fields: object) -> Arena:
    """A started arena of two lanes and one deck."""
    given = {"lanes": LANES[:2], "decks": (deck("task", prompts, "task"),), "title": "t"}
    return arenas.start(**given | fields)
