"""One pass for each lane that shares no batch, put together as if it had been one."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from studio.errors import ModelError

PLAIN = (DynamicLayer, DynamicSlidingWindowLayer)  # layers that replace tensors, never fill them

Predict = Callable[..., tuple[torch.Tensor, Any]]
"""Logits at the scored places of rows, and what was kept of them."""


def predict_apart(
    predict: Predict,
    lanes: Sequence[str],
    scored: torch.Tensor,
    batches: Sequence[Sequence[int]],
    inputs: dict[str, Any],
) -> tuple[torch.Tensor, Any]:
    """The same as one pass over all rows would give, in one pass for each of the batches."""
    counts = scored.sum(-1).tolist()
    blocks: dict[int, torch.Tensor] = {}
    caches = []
    for rows in batches:
        own = {name: _take_rows(value, rows) for name, value in inputs.items()}
        logits, cache = predict([lanes[row] for row in rows], scored[list(rows)], **own)
        blocks |= zip(rows, logits.split([counts[row] for row in rows]), strict=True)
        caches.append(cache)
    order = torch.tensor([row for rows in batches for row in rows]).argsort()
    if not all(type(layer) in PLAIN for cache in caches for layer in cache.layers):
        raise ModelError(
            "This model keeps what it has read in a way of its own, so lanes that cannot share a "
            "batch are to be asked one at a time."
        )
    whole = fork(caches[0])
    for number, layer in enumerate(whole.layers):
        for name in ("keys", "values"):
            both = torch.cat([getattr(cache.layers[number], name) for cache in caches])
            setattr(layer, name, both[order.to(both.device)])
    return torch.cat([blocks[row] for row in range(len(lanes))]), whole


def _take_rows(value: Any, rows: Sequence[int]) -> Any:
    """The same for some of the rows; what is no tensor is what a pass before this one left."""
    if isinstance(value, torch.Tensor):
        return value[list(rows)]
    if value is None:
        return None
    own = fork(value)
    own.reorder_cache(torch.tensor(rows, device=own.layers[0].keys.device))
    return own


def fork(cache: Any) -> Any:
    """A cache of its own with the same contents; plain keys and values are shared, not copied."""
    if not all(type(layer) in PLAIN for layer in cache.layers):
        return copy.deepcopy(cache)
    own = copy.copy(cache)
    own.layers = [copy.copy(layer) for layer in cache.layers]
    return own
