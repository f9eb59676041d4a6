"""In which order a run reads its examples: shuffled, and with like lengths together where it pays.

The examples of a batch are filled up to the longest of them, and what is filled up costs as much
as text. A batch of like lengths has little of that. Every example is read as it would be read in
any other batch, once a round.
"""

import random
from collections.abc import Iterator, Sequence

from torch.utils.data import Sampler

WINDOW = 16
"""Batches that share out their examples among themselves by length: few enough that each round
mixes them anew, and enough that little is left to fill up."""
WORTH = 0.05
"""Share of the reading that like lengths have to save before the plain order is given up."""


class Order(Sampler[int]):
    """The places of all examples, in an order that depends on the seed and the round alone."""

    def __init__(self, lengths: Sequence[int], *, batch: int, seed: int) -> None:
        """`lengths` in tokens; a `batch` has so many examples."""
        self._lengths, self._batch, self._seed = lengths, batch, seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._lengths)

    def set_epoch(self, epoch: int) -> None:
        """Which round comes next; the library says so, also when it goes on in the middle."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        luck = random.Random(f"{self._seed} {self.epoch}")
        shuffled = luck.sample(range(len(self)), len(self))
        window = WINDOW * self._batch
        batches = []
        for begin in range(0, len(shuffled), window):
            alike = sorted(shuffled[begin : begin + window], key=self._lengths.__getitem__)
            batches += cut(alike, self._batch)
        # One that is not full stays the last, or those after it would be cut elsewhere.
        last = [batches.pop()] if batches and len(batches[-1]) < self._batch else []
        luck.shuffle(batches)
        return (place for batch in [*batches, *last] for place in batch)


def alike(lengths: Sequence[int], *, batch: int, seed: int) -> Order | None:
    """An order with like lengths together; None where it would save too little of the reading."""
    order = Order(lengths, batch=batch, seed=seed)
    shuffled = random.Random(seed).sample(range(len(lengths)), len(lengths))
    plain = read(lengths, shuffled, batch)
    return order if read(lengths, list(order), batch) <= (1 - WORTH) * plain else None


def read(lengths: Sequence[int], places: Sequence[int], batch: int) -> int:
    """How many tokens are read in that order, those that fill up a batch among them."""
    return sum(len(one) * max(lengths[place] for place in one) for one in cut(places, batch))


def cut(places: Sequence[int], batch: int) -> list[Sequence[int]]:
    """Batch after batch."""
    return [places[begin : begin + batch] for begin in range(0, len(places), batch)]
