"""Keys and values of conversations so far, so that the next turn computes only what is new."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import torch

from studio.engine.lanes import Lane

LIMIT = 256 << 20  # bytes

Layers = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of every layer, each (heads, tokens, width)."""


class _Key(NamedTuple):
    lane: Lane | None
    tokens: tuple[int, ...]


class Kept:
    """What lanes have computed for the texts they last read or wrote; the oldest goes first.

    Keys and values of a token depend on the tokens before it and on the lane, so they may be
    used again for any text that begins with the same tokens in the same lane at the same
    strength.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._texts: OrderedDict[_Key, Layers] = OrderedDict()
        self.bytes = 0
        """How much memory it holds."""

    def find(self, lane: Lane | None, tokens: Sequence[int]) -> tuple[int, Layers]:
        """How many of the first tokens are known, and theirs; one at least is left to compute."""
        best, found = 0, None
        for key in self._texts:
            if key.lane == lane:
                length = min(_shared(key.tokens, tokens), len(tokens) - 1)
                if length > best:
                    best, found = length, key
        if found is None:
            return 0, []
        self._texts.move_to_end(found)
        cut = [(keys[:, :best], values[:, :best]) for keys, values in self._texts[found]]
        return best, cut

    def keep(self, lane: Lane | None, tokens: Sequence[int], layers: Layers) -> None:
        """Remember a text; its own beginnings are forgotten, and what no longer fits."""
        if _size(layers) > self._limit:
            return
        new = _Key(lane, tuple(tokens))
        for key in [key for key in self._texts if key.lane == lane]:
            shared = _shared(key.tokens, new.tokens)
            if shared == len(key.tokens):
                self._drop(key)
            elif shared == len(new.tokens):  # more is known already
                self._texts.move_to_end(key)
                return
        self._texts[new] = layers
        self.bytes += _size(layers)
        while self.bytes > self._limit:
            self._drop(next(iter(self._texts)))

    def _drop(self, key: _Key) -> None:
        self.bytes -= _size(self._texts.pop(key))


def _size(layers: Layers) -> int:
    return sum(tensor.numel() * tensor.element_size() for pair in layers for tensor in pair)


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two texts have in common from the beginning."""
    for place, (first, second) in enumerate(zip(one, other, strict=False)):
        if first != second:
            return place
    return min(len(one), len(other))
