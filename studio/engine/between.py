"""What acts between two training steps: the library's long calls in a few short ones of ours.

Whatever such a thing knows comes back with a run that goes on, so that it goes on as if it had
never stopped.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

Weights = Sequence[torch.Tensor]
"""All that learns, in the order of the optimizer."""


class Moment(NamedTuple):
    """Where a run is."""

    step: int
    total: int
    model: Any
    optimizer: Any
    args: TrainingArguments
    control: TrainerControl


class Between(TrainerCallback):
    """Something that acts between two steps."""

    def begin(self, now: Moment) -> None:
        """All is ready, and nothing has been learned yet or since the run was resumed."""

    def before(self, now: Moment) -> None:
        """A step begins."""

    def after(self, now: Moment) -> None:
        """A step has been made; its loss is told right after this."""

    def hear(self, now: Moment, told: Mapping[str, Any]) -> None:
        """The trainer tells what it measured."""

    def evaluated(self, now: Moment, loss: float) -> None:
        """The held-out loss has been taken."""

    def end(self, now: Moment) -> None:
        """No further step will be made."""

    def held(self) -> dict[str, Any]:
        """What it knows, to be written as JSON; weights are named by their step."""
        return {}

    def copies(self) -> dict[int, Weights]:
        """The weights that it holds, by their steps."""
        return {}

    def take_back(self, held: Mapping[str, Any], copies: Mapping[int, Weights]) -> None:
        """Know again what it knew; called before `begin`."""

    # ---- what the library calls

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **now: Any
    ) -> None:
        """The library's word for `begin`."""
        self.begin(_moment(args, state, control, now))

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **now: Any
    ) -> None:
        """The library's word for `before`."""
        self.before(_moment(args, state, control, now))

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **now: Any
    ) -> None:
        """The library's word for `after`."""
        self.after(_moment(args, state, control, now))

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl,
        logs: dict[str, Any] | None = None, **now: Any,
    ) -> None:  # fmt: skip
        """The library's word for `hear`."""
        self.hear(_moment(args, state, control, now), logs or {})

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **now: Any
    ) -> None:
        """The library's word for `evaluated`."""
        loss = float(now["metrics"]["eval_loss"])
        self.evaluated(_moment(args, state, control, now), loss)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **now: Any
    ) -> None:
        """The library's word for `end`."""
        self.end(_moment(args, state, control, now))


def _moment(
    args: TrainingArguments, state: TrainerState, control: TrainerControl, now: Mapping[str, Any]
) -> Moment:
    here = (state.global_step, state.max_steps, now.get("model"), now.get("optimizer"))
    return Moment(*here, args, control)
