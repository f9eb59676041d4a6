"""What happens between two training steps: events are written, and adapters kept on the way."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from studio.engine.between import Between, Moment, Weights
from studio.engine.copies import Lowest
from studio.errors import Diverged
from studio.tuning.events import EventLog

TOLD = {
    "loss": "loss",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
    "kl": "kl",
    "tokens_per_second": "tokens_per_second",
    "rewards/margins": "margin",  # of DPO: how far the chosen answer is ahead, times beta
}
"""What the trainer logs, and what an event calls it."""


LOWER = "lower the learning rate or the clipping norm"
TOO_HIGH = 2.0  # nats above the lowest loss; learning never costs that much for long


class Watch(Between):
    """Turns what the trainer logs into events, and ends a run whose loss leaves all bounds."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._step_began = 0.0
        self._lowest = Lowest()

    def before(self, now: Moment) -> None:
        """Take the time at which a step begins."""
        self._step_began = time.perf_counter()

    def hear(self, now: Moment, told: Mapping[str, Any]) -> None:
        """One event per training step, one per look at the held-out loss."""
        place = {"step": now.step, "total": now.total}
        if "eval_loss" in told:
            self._demand_numbers([float(told["eval_loss"])], now.step)
            self._log("heldout", loss=round(float(told["eval_loss"]), 4), **place)
        elif "loss" in told:
            numbers = {
                name: float(f"{float(told[word]):.4g}")
                for word, name in TOLD.items()
                if word in told
            }
            seconds = round(time.perf_counter() - self._step_began, 3)
            self._demand_numbers([numbers["loss"], numbers["grad_norm"]], now.step)
            self._log("step", **place, **numbers, seconds=seconds)
            self._demand_bounds(numbers["loss"], now.step)

    def held(self) -> dict[str, Any]:
        """The lowest loss, and the latest ones."""
        return {"lowest": self._lowest.loss, "latest": list(self._lowest.latest)}

    def take_back(self, held: Mapping[str, Any], copies: Mapping[int, Weights]) -> None:
        """Go on from these losses."""
        self._lowest = Lowest(held["lowest"], tuple(held["latest"]))

    def _demand_numbers(self, values: list[float], step: int) -> None:
        if not all(map(math.isfinite, values)):
            raise Diverged(f"The loss is no longer a number at step {step}; {LOWER}.")

    def _demand_bounds(self, loss: float, step: int) -> None:
        before, middle = self._lowest.loss, self._lowest.add(loss)
        if middle is not None and middle > before + TOO_HIGH:
            raise Diverged(
                f"The loss has risen from {before:.3f} to {middle:.3f} by step {step}; {LOWER}."
            )


class Keep(Between):
    """Keeps the adapter as it is after some of the steps."""

    def __init__(self, count: int, keep: Callable[[Any, int], None]) -> None:
        self._count = count
        self._keep = keep

    def after(self, now: Moment) -> None:
        """Keep the adapter if this is one of the steps."""
        if now.step in spaced(self._count, now.total):
            self._keep(now.model, now.step)


def spaced(count: int, steps: int) -> list[int]:
    """At most `count` steps that cut the whole into equal parts; the last is not among them."""
    places = {round(number * steps / (count + 1)) for number in range(1, count + 1)}
    return sorted(places - {0, steps})
