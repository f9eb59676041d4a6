"""How far a long piece of work is, and how long it will still take."""

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from pydantic import BaseModel, ConfigDict

CERTAIN = 0.03
"""Share of the work after which the time left is more than a guess."""


class Progress(BaseModel):
    """How far it is."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    stage: str
    """What is being done."""
    done: int = 0
    """So much of the stage is done,"""
    total: int = 0
    """of so much; 0 where it is one step."""
    share: float = 0.0
    """Of the whole work, from 0 to 1."""
    seconds_left: float | None = None
    """For the whole work; None as long as that is a guess."""

    def __str__(self) -> str:
        counted = f": {self.done:,} of {self.total:,}" if self.total else ""
        left = "" if self.seconds_left is None else f", {_time(self.seconds_left)} left"
        return f"{self.stage}{counted}{left}"


class Tell(Protocol):
    """Takes what is being done, and how much of it is done."""

    def __call__(self, stage: str, done: int = 0, total: int = 0) -> None:
        """Say so."""


def say_nothing(stage: str, done: int = 0, total: int = 0) -> None:
    """Nobody is told."""


def counting_from(before: int, told: Callable[[int], None]) -> Callable[[int], None]:
    """Tells how much is done of all, by what is done of a part after so much before it."""
    return lambda done: told(before + done)


class Pace:
    """Works out the time left from what each stage took of earlier work."""

    def __init__(self, weights: Mapping[str, float], tell: Callable[[Progress], None]) -> None:
        self._weights = weights
        self._tell = tell
        self._begun = time.monotonic()

    def __call__(self, stage: str, done: int = 0, total: int = 0) -> None:
        """Pass it on with the time left."""
        names = list(self._weights)
        before = sum(self._weights[name] for name in names[: names.index(stage)])
        here = self._weights[stage] * (done / total if total else 0.0)
        share = (before + here) / sum(self._weights.values())
        spent = time.monotonic() - self._begun
        left = spent * (1 - share) / share if share >= CERTAIN else None
        self._tell(Progress(stage=stage, done=done, total=total, share=share, seconds_left=left))


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"
