"""The examples of a batch in few rows: short ones lie side by side, and none sees another.

A batch is as wide as its longest example, and what fills up the others costs as much as text. Side
by side there is little left to fill up. Which examples make a batch, and what each of them gives,
stays as it is: positions begin anew with every example, by which the library keeps them apart.
"""

from collections.abc import Sequence
from inspect import signature
from math import ceil
from typing import Any

import torch

from studio.data.chat_form import IGNORED

PROVED = 3  # examples whose predictions are compared side by side and alone
TOLERANCE = 1e-3  # in logits: rounding of one product against another


class Packed:
    """Makes a batch of examples: `input_ids`, `position_ids` and `labels`, (rows, tokens) each."""

    def __init__(self, filling: int, hidden: int) -> None:
        """`filling` is the token that fills up a row; `hidden` is the model's width."""
        self._filling, self._hidden = filling, hidden

    def __call__(self, examples: Sequence[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        lengths = [len(one["input_ids"]) for one in examples]
        rows = side_by_side(lengths, self._hidden)
        size = len(rows), max(sum(lengths[place] for place in row) for row in rows)
        ids = torch.full(size, self._filling)
        labels = torch.full(size, IGNORED)
        # Whatever fills up has the first position, each token alone.
        positions = torch.zeros(size, dtype=torch.long)
        for number, row in enumerate(rows):
            begin = 0
            for place in row:
                here = slice(begin, begin + lengths[place])
                ids[number, here] = torch.tensor(examples[place]["input_ids"])
                labels[number, here] = torch.tensor(examples[place]["labels"])
                labels[number, begin] = IGNORED  # or the example before it would foretell it
                positions[number, here] = torch.arange(lengths[place])
                begin = here.stop
        return {"input_ids": ids, "position_ids": positions, "labels": labels}


def side_by_side(lengths: Sequence[int], hidden: int) -> list[list[int]]:
    """Places in rows, of the length that costs least for a model of that width."""
    text, longest = sum(lengths), max(lengths)
    tried = [
        _fill(lengths, max(longest, ceil(text / count))) for count in range(1, len(lengths) + 1)
    ]
    return min(tried, key=lambda rows: _cost(rows, lengths, hidden))


def _fill(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Places in rows of at most that size: the longest first, each where it fits first."""
    room: list[int] = []
    rows: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda one: -lengths[one]):
        fitting = (number for number, left in enumerate(room) if left >= lengths[place])
        number = next(fitting, len(rows))
        if number == len(rows):
            rows.append([])
            room.append(size)
        rows[number].append(place)
        room[number] -= lengths[place]
    return rows


def _cost(rows: Sequence[Sequence[int]], lengths: Sequence[int], hidden: int) -> float:
    """What the rows take, in tokens. A token is multiplied with some 12·hidden² weights a layer and
    compared with the whole row, 2·hidden a token; the latter runs at a third of the speed here.
    """
    size = max(sum(lengths[place] for place in row) for row in rows)
    return len(rows) * size * (1 + size / (2 * hidden))


def count_text(batch: dict[str, torch.Tensor]) -> int:
    """How many tokens of a batch are text, and fill up nothing."""
    if "attention_mask" in batch:
        return int(batch["attention_mask"].sum())
    positions = batch["position_ids"]
    return int((positions > 0).sum() + (positions == 1).sum())  # each example has a second token


@torch.no_grad()
def keeps_apart(model: Any, examples: Sequence[dict[str, list[int]]]) -> bool:
    """Whether this model gives examples side by side the predictions that it gives them alone."""
    if "position_ids" not in signature(type(model).forward).parameters:
        return False
    few = sorted(examples, key=lambda one: len(one["input_ids"]))[:PROVED]
    ids = torch.tensor([[token for one in few for token in one["input_ids"]]])
    positions = torch.cat([torch.arange(len(one["input_ids"])) for one in few])[None]
    was_training, device = model.training, next(model.parameters()).device
    model.eval()
    said = model(input_ids=ids.to(device), position_ids=positions.to(device), use_cache=False)
    apart, begin = 0.0, 0
    for one in few:
        alone = model(input_ids=torch.tensor([one["input_ids"]], device=device), use_cache=False)
        length = alone.logits.shape[1]
        difference = said.logits[:, begin : begin + length] - alone.logits
        apart = max(apart, float(difference.abs().max()))
        begin += length
    model.train(was_training)
    return apart <= TOLERANCE
