"""What the looks at a run found on its way: pace, memory, old skills, answers, over-fitting."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from studio.tuning.events import Event
from studio.tuning.fitting import size
from studio.tuning.stopping import LAST_WORDS

RISING = 3  # looks in a row without a new lowest held-out loss, the last of them rising
CLEARLY = 0.02  # share of the lowest loss that the last one must be above it
RECENT = 10  # steps whose pace is the pace now


@dataclass(frozen=True)
class Overfitting:
    """The held-out loss rises while the run goes on."""

    best_step: int
    best: float
    step: int
    loss: float

    def sentence(self) -> str:
        """What was seen, and what to do about it."""
        return (
            f"The held-out loss was lowest at step {self.best_step} ({self.best:.3f}) and has "
            f"risen since, to {self.loss:.3f} at step {self.step}: the run learns its examples by "
            "heart. Take fewer epochs, or keep the best instead of the last."
        )


@dataclass(frozen=True)
class Watched:
    """A run as its looks saw it; what was not seen is None."""

    tokens_per_second: float | None
    memory: int | None
    """Bytes at most."""
    seconds_left: float | None
    last: Event | None
    """The newest look: retention, forgotten and kl in nats per token."""
    share: float | None
    """Seconds of the looks between the first and the last, over those of the training."""
    overfitting: Overfitting | None
    answers: Sequence[Event]
    """What was answered to the same prompts, earliest first."""

    def lines(self) -> list[str]:
        """The same for a terminal."""
        pace = []
        if self.tokens_per_second:
            pace.append(f"{self.tokens_per_second:,.0f} tokens/s")
        if self.memory:
            pace.append(f"{size(self.memory)} of memory at most")
        if self.seconds_left:
            pace.append(f"about {round(self.seconds_left)} s left")
        told = [", ".join(pace)] if pace else []
        if self.last:
            told.append(
                f"general text {self.last['retention']:.3f} nats per token "
                f"({self.last['forgotten']:+.3f} against the base), KL {self.last['kl']:.4f}, at "
                f"step {self.last['step']}"
            )
        return told + ([self.overfitting.sentence()] if self.overfitting else [])


def watch(events: Sequence[Event]) -> Watched:
    """Read what the looks found so far."""
    steps = [event for event in events if event.kind == "step"]
    looks = [event for event in events if event.kind == "look"]
    ended = next((event for event in reversed(events) if event["peak_memory"]), None)
    memory = ended["peak_memory"] if ended else looks[-1]["memory"] if looks else None
    over = bool(events) and events[-1].kind in LAST_WORDS
    return Watched(
        tokens_per_second=_pace(steps),
        memory=memory,
        seconds_left=None if over else _seconds_left(steps),
        last=looks[-1] if looks else None,
        share=_share(steps, looks),
        overfitting=find_overfitting(events),
        answers=[event for event in events if event.kind == "answers"],
    )


def find_overfitting(events: Sequence[Event]) -> Overfitting | None:
    """Whether the held-out loss has been rising over several looks."""
    looks = [
        (int(event["step"]), float(event["loss"])) for event in events if event.kind == "heldout"
    ]
    if not looks:
        return None
    place = min(range(len(looks)), key=lambda number: looks[number][1])
    since = [loss for _, loss in looks[place:]]
    rising = len(since) > RISING and since[-1] > since[-2] and since[-2] > since[0]
    if not rising or since[-1] <= since[0] * (1 + CLEARLY):
        return None
    return Overfitting(*looks[place], *looks[-1])


def _pace(steps: Sequence[Event]) -> float | None:
    told: list[Any] = [one for event in steps[-RECENT:] if (one := event["tokens_per_second"])]
    return median(map(float, told)) if told else None


def _seconds_left(steps: Sequence[Event]) -> float | None:
    if len(steps) < 2:
        return None
    first, last = steps[0], steps[-1]
    left = int(last["total"]) - int(last["step"])
    return (last.at - first.at) / (int(last["step"]) - int(first["step"])) * left


def _share(steps: Sequence[Event], looks: Sequence[Event]) -> float | None:
    between = [event for event in looks if 0 < event["step"] < event["total"]]
    trained = sum(float(event["seconds"] or 0) for event in steps)
    return sum(float(event["seconds"]) for event in between) / trained if trained else None
