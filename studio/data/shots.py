"""Solved rows shown before the one that is asked: which ones, and how they are written.

They are drawn from the rows to learn from alone, never the row itself nor another with the same
question, and depend on nothing but the rows, the template and the seed.
"""

from collections.abc import Sequence
from typing import NamedTuple

from studio.data.example import Message
from studio.data.split import SourceRow, fraction
from studio.data.template_parts import Shots

POOL = 1_000
"""Most rows that shots are drawn from: each has to be rendered in every phrasing."""


class Solved(NamedTuple):
    """A row with its prompt and its answer."""

    row: SourceRow
    prompt: str
    answer: str


def pool_of(rows: Sequence[SourceRow], *, seed: int) -> list[SourceRow]:
    """The rows that shots are drawn from: all, or as many as `POOL`, the same for the same seed."""
    if len(rows) <= POOL:
        return list(rows)
    chosen = sorted(rows, key=lambda row: fraction(seed, "pool", row.content))[:POOL]
    return sorted(chosen, key=lambda row: row.number)


def solve(
    rows: Sequence[SourceRow], prompts: Sequence[str], answers: Sequence[str]
) -> list[Solved]:
    """Rendered rows to draw from; those with an empty prompt or answer show nothing."""
    solved = (
        Solved(row, prompt.strip(), answer.strip())
        for row, prompt, answer in zip(rows, prompts, answers, strict=True)
    )
    return [one for one in solved if one.prompt and one.answer]


def draw(row: SourceRow, pool: Sequence[Solved], count: int, *, seed: int) -> list[Solved]:
    """Solved rows for this one: as many as asked for, fewer where there are no more."""
    drawn: list[Solved] = []
    asked = {row.question}
    for number in range(min(count, len(pool))):
        start = int(fraction(seed, f"shot {number}", row.content) * len(pool))
        for step in range(len(pool)):
            one = pool[(start + step) % len(pool)]
            if one.row.question not in asked and one.row.content != row.content:
                drawn.append(one)
                asked.add(one.row.question)
                break
    return drawn


def write(shots: Shots, drawn: Sequence[Solved]) -> str:
    """The text before the question."""
    return "".join(one.prompt + shots.between + one.answer + shots.separator for one in drawn)


def turns(drawn: Sequence[Solved]) -> list[Message]:
    """The turns before the question."""
    return [
        message
        for one in drawn
        for message in (
            Message(role="user", content=one.prompt),
            Message(role="assistant", content=one.answer),
        )
    ]
