"""Small gauges of what a run forgets: how it takes general text, and how far it has moved."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.nn.functional import cross_entropy, log_softmax

from studio.engine.load import Engine
from studio.measure.halves import held_half, measuring_half
from studio.measure.probe import find
from studio.tuning.recipe import Recipe

GENERAL = "general-text"  # the probe whose texts are looked at
TEXTS = 16  # looked at each time
LONGEST = 48  # tokens of a text
NUMBERS = 1 << 24  # held of the base's own predictions: 64 MiB


def general_rows(engine: Engine, recipe: Recipe, home: Path) -> list[list[int]]:
    """Tokens of some general texts: of the half that is not measured, unless it is held to."""
    (probe,) = find((GENERAL,), home / "probes")
    half = measuring_half if GENERAL in recipe.anchor_on else held_half
    texts = [case.answer for case in half(probe).cases[:TEXTS]]
    return [list(ids[:LONGEST]) for ids in engine.tokenizer(texts).input_ids]


class Reading(NamedTuple):
    """What a look at general text found."""

    retention: float
    """Nats per token of the texts."""
    forgotten: float
    """How many of them are more than the base's."""
    kl: float
    """KL(base‖tuned), mean over a part of the tokens, in nats."""


class Gauge:
    """Compares a model in training with the base on a few general texts."""

    def __init__(self, model: Any, rows: list[list[int]], base: AbstractContextManager[Any]):
        """`base` makes the model the base for a while: its predictions are held for later."""
        self._rows = rows
        with base:
            logits, targets = _read(model, rows)
        self._start = float(cross_entropy(logits, targets))
        count = max(1, min(len(targets), NUMBERS // logits.shape[-1]))
        self._places = torch.linspace(0, len(targets) - 1, count, device=logits.device).long()
        self._base = log_softmax(logits[self._places], -1)

    def read(self, model: Any) -> Reading:
        """Look at the model as it is now, in one forward pass."""
        logits, targets = _read(model, self._rows)
        loss = float(cross_entropy(logits, targets))
        tuned = log_softmax(logits[self._places], -1)
        kl = float((self._base.exp() * (self._base - tuned)).sum(-1).mean())
        return Reading(loss, loss - self._start, kl)


def _read(model: Any, rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Predictions (tokens, vocabulary) for every token but the first ones, and those tokens."""
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.arange(longest) < torch.tensor([len(row) for row in rows])[:, None]
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    with torch.no_grad():
        said = model(input_ids=ids.to(device), attention_mask=mask.long().to(device))
    model.train(was_training)
    logits = said.logits[:, -longest:-1]  # a soft prompt's places have no text
    there = mask[:, 1:].to(device)
    return logits[there].float(), ids[:, 1:].to(device)[there]
