"""Two stages: some weights learn first, then more of them from the top down, at lower rates.

Gradual unfreezing with discriminative learning rates, as in ULMFiT (Howard and Ruder, 2018).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import ceil, cos, pi
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR

from studio.engine.between import Between, Moment, Weights
from studio.engine.whole import Whole
from studio.models.structure import layer_of
from studio.tuning.events import EventLog
from studio.tuning.recipe import Recipe


@dataclass(frozen=True)
class Stage:
    """Weights that begin to learn at the same step and with the same rate."""

    names: tuple[str, ...]
    about: str
    begins: int
    """The step before which they stay as they are."""
    rate: float
    """Multiplies the learning rate from the second stage on."""


def plan(whole: Whole, recipe: Recipe, steps: int) -> list[Stage]:
    """What learns from when on: the first part, then the other layers from the top down."""
    first = set(whole.first) & set(whole.names)
    rest: dict[int, list[str]] = {}
    for name in whole.names:
        if name not in first:
            # Words come last, the head and the norm before it together with the last layer.
            below = "embed" in name
            rest.setdefault(-1 if below else _height(name, whole.names), []).append(name)
    turn = min(max(1, round(recipe.first_share * steps)), max(1, steps - 1))
    order = sorted(rest, reverse=True)
    stages = [Stage(tuple(sorted(first)), "the first part", 0, recipe.second_rate)]
    for depth, height in enumerate(order, start=1):
        wait = (depth - 1) * (steps - turn) // len(order) if recipe.gradual else 0
        about = f"layer {height + 1}" if height >= 0 else "the words' embeddings"
        rate = recipe.second_rate / recipe.layer_decay**depth
        stages.append(Stage(tuple(rest[height]), about, turn + wait, rate))
    return stages


def _height(name: str, names: list[str]) -> int:
    layer = layer_of(name)
    return layer if layer >= 0 else max(map(layer_of, names))


def optimizers(
    whole: Whole, stages: list[Stage], recipe: Recipe, steps: int
) -> tuple[torch.optim.Optimizer, LambdaLR]:
    """AdamW with a group for each stage, and the rates of all of them at every step."""
    groups = [{"params": [whole.parts.weight(name) for name in one.names]} for one in stages]
    adam = torch.optim.AdamW(groups, lr=recipe.rate, weight_decay=recipe.weight_decay)
    turn = stages[1].begins if len(stages) > 1 else steps
    rates: list[Callable[[int], float]] = [
        partial(_rate, one, recipe, steps, turn) for one in stages
    ]
    return adam, LambdaLR(adam, rates)


def _rate(stage: Stage, recipe: Recipe, steps: int, turn: int, step: int) -> float:
    """What the learning rate is multiplied with at a step."""
    warm = ceil(recipe.warmup * steps)
    if step < warm:
        return step / warm
    gone = (step - warm) / max(1, steps - warm)
    shapes = {"cosine": 0.5 * (1 + cos(pi * gone)), "linear": 1 - gone, "constant": 1.0}
    return shapes[recipe.scheduler] * (stage.rate if step >= turn else 1.0)


class Unfreezing(Between):
    """Lets the weights of a stage learn once its step has come."""

    def __init__(self, whole: Whole, stages: list[Stage], log: EventLog) -> None:
        self._whole = whole
        self._stages = stages
        self._log = log
        self._begun = 0

    def begin(self, now: Moment) -> None:
        """At first nothing learns, or what had begun to."""
        for place, stage in enumerate(self._stages):
            self._let_learn(stage, learn=place < self._begun)

    def before(self, now: Moment) -> None:
        """Whatever is due begins to learn."""
        due = [one for one in self._stages[self._begun :] if one.begins <= now.step]
        for stage in due:
            self._let_learn(stage, learn=True)
            self._log("stage", step=now.step, learns=stage.about)
        self._begun += len(due)

    def held(self) -> dict[str, Any]:
        """How many stages have begun."""
        return {"begun": self._begun}

    def take_back(self, held: Mapping[str, Any], copies: Mapping[int, Weights]) -> None:
        """Go on in the same stage."""
        self._begun = held["begun"]

    def _let_learn(self, stage: Stage, *, learn: bool) -> None:
        for name in stage.names:
            self._whole.parts.weight(name).requires_grad_(learn)
