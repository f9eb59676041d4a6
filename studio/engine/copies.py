"""What a run was at an earlier step, held in memory: the last good state, the best one."""

from collections import deque
from statistics import median
from typing import Any, NamedTuple

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

MOST = 20  # how often in a run at most
LASTING = 5  # steps whose middle loss is looked at, so that one odd batch decides nothing
TOLERATED = 1.0  # nats above any step's lowest loss that still count as good


class Copy(NamedTuple):
    """All that learns, as it was after a step."""

    step: int
    weights: list[torch.Tensor]


def take(optimizer: Any, step: int) -> Copy:
    """A copy of all that learns, or will learn in a later stage, in the computer's memory."""
    weights = [one.detach().to("cpu", copy=True) for one in _learning(optimizer)]
    return Copy(step, weights)


def put_back(optimizer: Any, copy: Copy) -> None:
    """Make what learns what it was."""
    with torch.no_grad():
        for parameter, kept in zip(_learning(optimizer), copy.weights, strict=True):
            parameter.copy_(kept)


def _learning(optimizer: Any) -> list[torch.nn.Parameter]:
    return [one for group in optimizer.param_groups for one in group["params"]]


class Lowest:
    """The lowest loss that a run has had for some steps, or the first one."""

    def __init__(self) -> None:
        self._latest: deque[float] = deque(maxlen=LASTING)
        self.loss = float("inf")

    def add(self, loss: float) -> float | None:
        """Take one step's loss; the middle one of the latest steps once they are enough."""
        self._latest.append(loss)
        if len(self._latest) == 1 and self.loss == float("inf"):
            self.loss = loss
        if len(self._latest) < LASTING:
            return None
        middle = median(self._latest)
        self.loss = min(self.loss, middle)
        return middle


class LastGood(TrainerCallback):
    """Holds the weights of the last step whose loss was a number within bounds.

    A copy counts once the next step's loss, which these weights made, turns out well.
    """

    def __init__(self) -> None:
        self._candidate: Copy | None = None
        self._good: Copy | None = None
        self._optimizer: Any = None
        self._lowest = float("inf")

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **now: Any
    ) -> None:
        """Take a copy every few steps."""
        self._optimizer = now["optimizer"]
        if state.global_step % max(1, state.max_steps // MOST) == 0:
            self._candidate = take(self._optimizer, state.global_step)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Judge the copy of an earlier step by the loss of this one."""
        if "loss" not in (logs or {}):
            return
        loss = float((logs or {})["loss"])
        self._lowest = min(self._lowest, loss)
        if self._candidate and self._candidate.step < state.global_step:
            if loss <= self._lowest + TOLERATED:  # false for what is no number
                self._good = self._candidate
            self._candidate = None

    def go_back(self) -> int | None:
        """Make the model what it was at the last good step, and say which; None without any."""
        if self._good is None:
            return None
        put_back(self._optimizer, self._good)
        return self._good.step
