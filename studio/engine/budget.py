"""A run that forgets more than its budget ends, with what it was when it last kept within."""

from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from studio.engine.load import Engine
from studio.measure.halves import held_half, measuring_half
from studio.measure.probe import find
from studio.tuning.events import EventLog
from studio.tuning.recipe import Recipe

GENERAL = "general-text"  # the probe whose texts are looked at
TEXTS = 16  # looked at each time
LONGEST = 96  # tokens of a text
LOOKS = 20  # how often in a run


def general_rows(engine: Engine, recipe: Recipe, home: Path) -> list[list[int]]:
    """Tokens of some general texts: of the half that is not measured, unless it is held to."""
    (probe,) = find((GENERAL,), home / "probes")
    half = measuring_half if GENERAL in recipe.anchor_on else held_half
    texts = [case.answer for case in half(probe).cases[:TEXTS]]
    return [list(ids[:LONGEST]) for ids in engine.tokenizer(texts).input_ids]


def text_loss(model: Any, rows: list[list[int]]) -> float:
    """Nats per token of these texts, all tokens together; nothing is learned."""
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.arange(longest) < torch.tensor([len(row) for row in rows])[:, None]
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    with torch.no_grad():
        said = model(input_ids=ids.to(device), attention_mask=mask.long().to(device))
    model.train(was_training)
    logits = said.logits[:, -longest:-1].float()  # a soft prompt's places have no text
    there = mask[:, 1:].to(device)
    return float(cross_entropy(logits[there], ids[:, 1:].to(device)[there]))


class Budget(TrainerCallback):
    """Looks at general text every few steps, and ends the run beyond the budget."""

    def __init__(self, rows: list[list[int]], budget: float, log: EventLog) -> None:
        self._rows = rows
        self._budget = budget
        self._log = log
        self._start = 0.0
        self._within: tuple[int, list[torch.Tensor]] = (0, [])

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **now: Any
    ) -> None:
        """Take the loss that the run begins with."""
        self._start = text_loss(now["model"], self._rows)
        self._within = (0, _copies(now["optimizer"]))

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **now: Any
    ) -> None:
        """Compare, every few steps and at the end; beyond the budget go back and stop."""
        every = max(1, state.max_steps // LOOKS)
        if state.global_step % every and state.global_step != state.max_steps:
            return
        forgotten = text_loss(now["model"], self._rows) - self._start
        place = {"step": state.global_step, "total": state.max_steps}
        self._log("forgotten", nats=round(forgotten, 4), **place)
        if forgotten <= self._budget:
            self._within = (state.global_step, _copies(now["optimizer"]))
            return
        step, weights = self._within
        with torch.no_grad():
            for parameter, kept in zip(_learning(now["optimizer"]), weights, strict=True):
                parameter.copy_(kept)
        self._log(
            "warning",
            message=f"At step {state.global_step} general text was {forgotten:.3f} nats per token "
            f"less likely than at the start, more than the budget of {self._budget:g}; the run "
            f"ended with what it was at step {step}.",
        )
        control.should_training_stop = True


def _learning(optimizer: Any) -> list[torch.nn.Parameter]:
    """All that learns, or will learn in a later stage."""
    return [one for group in optimizer.param_groups for one in group["params"]]


def _copies(optimizer: Any) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in _learning(optimizer)]
