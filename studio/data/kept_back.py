"""What is held out is learned nowhere: not of another dataset either, and in no other words."""

from collections.abc import Sequence

from studio.data.example import Example
from studio.data.likeness import near_pairs


def apart_from(examples: Sequence[Example], heldout: Sequence[Example]) -> list[Example]:
    """The examples of a dataset that tell nothing of what another one holds out.

    Left out is what asks the same, what is made of the same row (as a task turned round is), and
    what says nearly the same as is asked there, in whatever template and on whichever side.
    """
    if not heldout:
        return list(examples)
    asked = {asked_in(one) for one in heldout}
    rows = {_row(one) for one in heldout}
    others = [one for one in examples if asked_in(one) not in asked and _row(one) not in rows]
    questions, answers = _texts(others)
    held_questions, held_answers = _texts(heldout)
    # An answer may be that of many rows; a question that is another's answer is of its row.
    near = [
        *near_pairs(questions, [*held_questions, *held_answers]),
        *near_pairs(answers, held_questions),
    ]
    known = {place for place, _ in near}
    return [one for place, one in enumerate(others) if place not in known]


def asked_in(example: Example) -> str:
    """What is asked last, without case and spacing."""
    return " ".join(example.messages[-1].content.casefold().split())


def _row(example: Example) -> str:
    """The row it was made of: a hash of what its template read."""
    return example.id.partition("-")[0]


def _texts(examples: Sequence[Example]) -> tuple[list[str], list[str]]:
    """What is asked and what is answered."""
    return [one.question for one in examples], [one.completion for one in examples]
