"""What a run was at an earlier step, held in memory: the last good state, the best one."""

from collections import deque
from collections.abc import Mapping
from statistics import median
from typing import Any, NamedTuple

import torch

from studio.engine.between import Between, Moment, Weights

MOST = 20  # how often in a run at most
LASTING = 5  # steps whose middle loss is looked at, so that one odd batch decides nothing
TOLERATED = 1.0  # nats above any step's lowest loss that still count as good


class Copy(NamedTuple):
    """All that learns, as it was after a step."""

    step: int
    weights: Weights


def take(optimizer: Any, step: int) -> Copy:
    """A copy of all that learns, or will learn in a later stage, in the computer's memory."""
    weights = [one.detach().to("cpu", copy=True) for one in learning(optimizer)]
    return Copy(step, weights)


def put_back(optimizer: Any, weights: Weights) -> None:
    """Make what learns what it was."""
    with torch.no_grad():
        for parameter, kept in zip(learning(optimizer), weights, strict=True):
            parameter.copy_(kept)


def learning(optimizer: Any) -> list[torch.nn.Parameter]:
    """All that learns, or will learn in a later stage."""
    return [one for group in optimizer.param_groups for one in group["params"]]


class Lowest:
    """The lowest loss that a run has had for some steps, or the first one."""

    def __init__(self, loss: float = float("inf"), latest: tuple[float, ...] = ()) -> None:
        self.loss = loss
        self.latest: deque[float] = deque(latest, maxlen=LASTING)

    def add(self, loss: float) -> float | None:
        """Take one step's loss; the middle one of the latest steps once they are enough."""
        self.latest.append(loss)
        if len(self.latest) == 1 and self.loss == float("inf"):
            self.loss = loss
        if len(self.latest) < LASTING:
            return None
        middle = median(self.latest)
        self.loss = min(self.loss, middle)
        return middle


class LastGood(Between):
    """Holds the weights of the last step whose loss was a number within bounds.

    A copy counts once the next step's loss, which these weights made, turns out well.
    """

    def __init__(self) -> None:
        self._candidate: Copy | None = None
        self._good: Copy | None = None
        self._optimizer: Any = None
        self._lowest = float("inf")

    def after(self, now: Moment) -> None:
        """Take a copy every few steps."""
        self._optimizer = now.optimizer
        if now.step % max(1, now.total // MOST) == 0:
            self._candidate = take(self._optimizer, now.step)

    def hear(self, now: Moment, told: Mapping[str, Any]) -> None:
        """Judge the copy of an earlier step by the loss of this one."""
        if "loss" not in told:
            return
        loss = float(told["loss"])
        self._lowest = min(self._lowest, loss)
        if self._candidate and self._candidate.step < now.step:
            if loss <= self._lowest + TOLERATED:  # false for what is no number
                self._good = self._candidate
            self._candidate = None

    def go_back(self) -> int | None:
        """Make the model what it was at the last good step, and say which; None without any."""
        if self._good is None:
            return None
        put_back(self._optimizer, self._good.weights)
        return self._good.step

    def held(self) -> dict[str, Any]:
        """Which copies are held, and the lowest loss."""
        return {"lowest": self._lowest, "steps": [step_of(self._candidate), step_of(self._good)]}

    def copies(self) -> dict[int, Weights]:
        """The last good one, and the one that is to be judged."""
        return {one.step: one.weights for one in (self._candidate, self._good) if one}

    def take_back(self, held: Mapping[str, Any], copies: Mapping[int, Weights]) -> None:
        """Hold the same again."""
        self._lowest = held["lowest"]
        self._candidate, self._good = (copy_of(step, copies) for step in held["steps"])


def step_of(copy: Copy | None) -> int | None:
    """A copy's step, to be written down."""
    return copy.step if copy else None


def copy_of(step: int | None, copies: Mapping[int, Weights]) -> Copy | None:
    """The copy that was written down so."""
    return None if step is None else Copy(step, copies[step])
