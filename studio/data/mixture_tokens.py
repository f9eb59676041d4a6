"""How many tokens each part of a mixture will have, before anything is frozen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from studio.data.example import Example
from studio.data.mixture import Source
from studio.data.token_lengths import add_up

Kind = Literal["task", "probes", "dataset", "self"]


class Slice(NamedTuple):
    """One part of what is learned."""

    kind: Kind
    """The task, replayed probes, an earlier dataset, or what the base writes itself in tuning."""
    title: str
    """What people see."""
    examples: int
    """How many there will be, about."""
    tokens: int
    """What they have together, about: a sample is counted."""


def weigh(
    task: Sequence[Example],
    count: int,
    sources: Sequence[Source],
    *,
    replay: float,
    folder: Path,
) -> list[Slice]:
    """The slices of a mixture, in tokens of the base in `folder`.

    `task` is a sample of `count` examples to learn from. `replay` is the recipe's share of
    conversations that the base writes itself while it is tuned; they are taken to be as long as the
    others. ModelError if the base's chat form cannot be read.
    """
    whole = count / max(0.01, 1 - sum(source.part.share for source in sources))
    slices = [Slice("task", "The task", count, _tokens(task, count, folder))]
    for source in sources:
        drawn = round(whole * source.part.share)
        tokens = _tokens(source.examples, drawn, folder)
        slices.append(Slice(source.part.kind, source.title, drawn, tokens))
    if replay:
        examples = sum(one.examples for one in slices)
        tokens = sum(one.tokens for one in slices)
        factor = replay / (1 - replay)
        title = "Written by the base while it is tuned"
        slices.append(Slice("self", title, round(examples * factor), round(tokens * factor)))
    return slices


def _tokens(examples: Sequence[Example], count: int, folder: Path) -> int:
    """Tokens of `count` examples like these."""
    return round(add_up(examples, folder).tokens * count / len(examples)) if examples else 0
