"""What else is learned beside the task: replayed cases of old skills, and earlier datasets.

A part is drawn by its share of all examples to learn from, always the same ones. What is asked in
the held-out rows of the task is never drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from studio.data.example import Example
from studio.data.split import fraction
from studio.errors import DatasetError

MOST = 0.9
"""The task keeps at least the rest."""


class Part(BaseModel):
    """A part that is wished for."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kind: Literal["probes", "dataset"]
    """Cases of retention probes, or the examples of an earlier dataset."""
    name: str = Field(min_length=1)
    """Name of a probe or a pack, or id of the dataset."""
    share: float = Field(gt=0, le=MOST)
    """Of all examples to learn from."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Portion(Part):
    """What was drawn for a part, as the card keeps it."""

    title: str
    """What people see."""
    examples: int
    """How many are learned."""
    different: int
    """How many different ones there were; they take turns where more are learned."""
    left_out: int
    """So many were not drawn, because held-out rows of the task ask the same."""
    probes: tuple[str, ...] = ()
    """The probes of which one half was drawn from: only the other half may be measured."""


@dataclass(frozen=True)
class Source:
    """Where a part is drawn from."""

    part: Part
    title: str
    examples: Sequence[Example]
    probes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As plain values, for another process."""
        return {
            "part": self.part.model_dump(),
            "title": self.title,
            "examples": [one.model_dump(mode="json") for one in self.examples],
            "probes": list(self.probes),
        }

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Self:
        """What `as_json` gave."""
        examples = [Example.model_validate(one) for one in told["examples"]]
        part = Part.model_validate(told["part"])
        return cls(part, told["title"], examples, tuple(told["probes"]))

    def fingerprint(self) -> str:
        """SHA-256 of all that could be drawn."""
        digest = sha256()
        for one in self.examples:
            digest.update(one.model_dump_json(include={"id", "messages", "completion"}).encode())
        return digest.hexdigest()


def mix(
    task: Sequence[Example], heldout: Sequence[Example], sources: Sequence[Source], *, seed: int
) -> tuple[list[Example], list[Portion]]:
    """The task's examples and after them those of every part; and what was drawn.

    DatasetError if the parts leave too little to the task, or one has nothing to draw.
    """
    together = sum(source.part.share for source in sources)
    if together > MOST:
        raise DatasetError(
            f"The parts beside the task are {together:.0%} of what is learned, and at most "
            f"{MOST:.0%} can be; lower a share."
        )
    whole = len(task) / (1 - together)
    kept = {_asked(one) for one in heldout} | {_row(one) for one in heldout}
    mixed, portions = list(task), []
    for source in sources:
        drawable = [
            one for one in source.examples if _asked(one) not in kept and _row(one) not in kept
        ]
        if not drawable:
            raise DatasetError(
                f"There is nothing to replay of {source.title}: it has no example that the "
                "held-out rows do not ask; leave it out."
            )
        count = max(1, round(whole * source.part.share))
        mixed += _draw(drawable, count, source.part, seed)
        portions.append(_portion(source, count, drawable))
    return mixed, portions


def _draw(examples: Sequence[Example], count: int, part: Part, seed: int) -> list[Example]:
    ordered = sorted(examples, key=lambda one: fraction(seed, f"mix {part}", one.id))
    drawn = []
    for place in range(count):
        turn, index = divmod(place, len(ordered))
        again = f".{turn + 1}" if turn else ""
        one = ordered[index]
        drawn.append(one.model_copy(update={"id": f"{one.id}{again}", "part": str(part)}))
    return drawn


def _portion(source: Source, count: int, drawable: Sequence[Example]) -> Portion:
    return Portion(
        **source.part.model_dump(),
        title=source.title,
        examples=count,
        different=min(count, len(drawable)),
        left_out=len(source.examples) - len(drawable),
        probes=source.probes,
    )


def _row(example: Example) -> str:
    """The row it was made of: a task turned round has the same rows, and asks otherwise."""
    return example.id.partition("-")[0]


def _asked(example: Example) -> str:
    return " ".join(example.messages[-1].content.casefold().split())
