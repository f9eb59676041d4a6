"""What else is learned beside the task: replayed cases of old skills, and earlier datasets.

A part is drawn by its share of all examples to learn from, always the same ones. What is held out
to measure the task, or another part, is never drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from studio.data.example import Example
from studio.data.kept_back import apart_from, asked_in
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
    heldout: Sequence[Example] = ()
    """What measures it, and so is learned from no other source either."""

    @property
    def is_dataset(self) -> bool:
        """Whether it is an earlier dataset, whose rows may come again in other words."""
        return self.part.kind == "dataset"

    def as_json(self) -> dict[str, Any]:
        """As plain values, for another process."""
        return {
            "part": self.part.model_dump(),
            "title": self.title,
            "examples": [one.model_dump(mode="json") for one in self.examples],
            "probes": list(self.probes),
            "heldout": [one.model_dump(mode="json") for one in self.heldout],
        }

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Self:
        """What `as_json` gave."""
        part = Part.model_validate(told["part"])
        sides = ([Example.model_validate(one) for one in told[s]] for s in ("examples", "heldout"))
        examples, heldout = sides
        return cls(part, told["title"], examples, tuple(told["probes"]), heldout)

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
    mixed, portions = list(task), []
    for source in sources:
        drawable = _drawable(source, heldout, sources)
        if not drawable:
            raise DatasetError(
                f"There is nothing to replay of {source.title}: all of it tells what is held out; "
                "leave it out."
            )
        count = max(1, round(whole * source.part.share))
        mixed += _draw(drawable, count, source.part, seed)
        portions.append(_portion(source, count, drawable))
    return mixed, portions


def _drawable(
    source: Source, heldout: Sequence[Example], sources: Sequence[Source]
) -> list[Example]:
    """What may be learned of a source: nothing that is held out of the task or of the others."""
    others = [one for one in sources if one is not source]
    rows = [*heldout, *(one for other in others if other.is_dataset for one in other.heldout)]
    cases = [one for other in sources if not other.is_dataset for one in other.heldout]
    asked = {asked_in(one) for one in (*rows, *cases)}
    free = [one for one in source.examples if asked_in(one) not in asked]
    return apart_from(free, rows) if source.is_dataset else free


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
