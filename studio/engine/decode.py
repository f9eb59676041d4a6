"""The loop that continues texts token by token, all rows of a batch at once."""

import inspect
from collections.abc import Callable, Sequence
from threading import Event
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

from studio.engine.lanes import Lane
from studio.engine.load import Engine
from studio.engine.prefix import Kept, Layers
from studio.engine.quick import Step
from studio.errors import ModelError

Drawing = Callable[[torch.Tensor], torch.Tensor]
"""Makes tokens, (rows,), of logits, (rows, vocabulary)."""
Hear = Callable[[list[int]], bool]
"""Hears every row's new token, and says whether to go on."""


def decode(
    engine: Engine,
    lanes: Sequence[str],
    texts: Sequence[Sequence[int]],
    draw: Drawing,
    *,
    limit: int,
    hear: Hear,
    stop: Event | None = None,
    kept: Kept | None = None,
) -> None:
    """Continue token texts, each in its lane, by up to `limit` tokens; the lanes share a batch."""
    softs = [engine.soft_prompt(lane) for lane in lanes]
    rows = [
        [*range(-len(soft), 0), *text] if soft is not None else list(text)
        for soft, text in zip(softs, texts, strict=True)
    ]
    tuned = [engine.lane(lane) for lane in lanes]
    with engine.rows_of(lanes):
        batch = _Batch(engine, rows, softs, _known(engine, tuned, rows, kept))
        logits = batch.read()
        step: Any = batch.step
        if engine.quick and not any(lane and lane.apart for lane in tuned):
            step = Step(engine.inner, engine.deltas, batch.cache, batch.mask)
        for number in range(limit):
            tokens = draw(logits)
            spoken = tokens.tolist()
            if not hear(spoken) or (stop and stop.is_set()) or number == limit - 1:
                break
            for row, token in zip(rows, spoken, strict=True):
                row.append(token)
            logits = step(tokens)
        if kept is not None and batch.plain:
            layers = step.kept() if isinstance(step, Step) else batch.kept()
            _keep(kept, tuned, rows, batch.mask, layers)


class _Batch:
    """Rows read by the library's own forward pass, left-padded; any architecture."""

    def __init__(
        self,
        engine: Engine,
        rows: Sequence[Sequence[int]],
        softs: Sequence[torch.Tensor | None],
        known: Sequence[tuple[int, Layers]],
    ) -> None:
        self._model = engine.inner
        self._softs = softs
        self._takes = inspect.signature(self._model.forward).parameters
        if "past_key_values" not in self._takes:
            raise ModelError(
                f"{engine.base.name} keeps what it has read in a way of its own, which answers "
                "here cannot go on from; choose a base of another architecture."
            )
        self.cache: Any = DynamicCache(config=self._model.config)
        self.plain = all(type(layer) is DynamicLayer for layer in self.cache.layers)
        device = engine.device
        new = [row[length:] for row, (length, _) in zip(rows, known, strict=True)]
        self._ids = _left([torch.tensor(tokens) for tokens in new], 0).to(device)
        fresh = _left([torch.ones(len(tokens)) for tokens in new], 0)
        before = _left([torch.ones(length) for length, _ in known], 0)
        self.mask = torch.cat((before, fresh), dim=-1).long().to(device)
        self._positions = (self.mask.cumsum(-1) - 1).clamp(min=0)[:, before.shape[1] :]
        if before.shape[1]:
            _fill(self.cache, [layers for _, layers in known], before.shape[1])

    def read(self) -> torch.Tensor:
        """Logits of what comes after the texts, (rows, vocabulary)."""
        if any(soft is not None for soft in self._softs):
            return self._forward(inputs_embeds=self._embedded())
        return self._forward(input_ids=self._ids)

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits of the token after these, (rows, vocabulary); `tokens` is (rows,)."""
        self.mask = torch.nn.functional.pad(self.mask, (0, 1), value=1)
        self._positions = self._positions[:, -1:] + 1
        return self._forward(input_ids=tokens[:, None])

    def kept(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Keys and values of every layer, each (rows, heads, tokens, width)."""
        return [(layer.keys, layer.values) for layer in self.cache.layers]

    def _forward(self, **inputs: torch.Tensor) -> torch.Tensor:
        given: dict[str, Any] = {"position_ids": self._positions, "logits_to_keep": 1}
        # Without padding the mask says nothing, and its absence takes the shorter way.
        if not bool(self.mask.all()):
            given["attention_mask"] = self.mask
        given = {name: value for name, value in given.items() if name in self._takes}
        output = self._model(**inputs, **given, past_key_values=self.cache, use_cache=True)
        self.cache = output.past_key_values
        return output.logits[:, -1].float()

    def _embedded(self) -> torch.Tensor:
        """The rows' embeddings; places below zero are those of a soft prompt."""
        embedded = self._model.get_input_embeddings()(self._ids.clamp(min=0)).clone()
        for row, soft in enumerate(self._softs):
            if soft is not None:
                there = self._ids[row] < 0
                embedded[row, there] = soft[self._ids[row, there]].to(embedded.dtype)
        return embedded


def _left(rows: Sequence[torch.Tensor], padding: int) -> torch.Tensor:
    """The rows as one tensor, (rows, longest), padded on the left."""
    longest = max(len(row) for row in rows)
    padded = torch.full((len(rows), longest), padding)
    for place, row in enumerate(rows):
        padded[place, longest - len(row) :] = row
    return padded


def _known(
    engine: Engine, lanes: Sequence[Lane | None], rows: Sequence[Sequence[int]], kept: Kept | None
) -> list[tuple[int, Layers]]:
    """How much of every row is known already."""
    if kept is None:
        return [(0, [])] * len(rows)
    return [kept.find(lane, row) for lane, row in zip(lanes, rows, strict=True)]


def _fill(cache: Any, known: Sequence[Layers], longest: int) -> None:
    """Put what is known of the rows into the cache, padded on the left."""
    (example,) = [layers for layers in known if layers][:1]
    for number, (keys, values) in enumerate(example):
        filled = []
        for which, like in enumerate((keys, values)):
            block = like.new_zeros(len(known), like.shape[0], longest, like.shape[2])
            for row, layers in enumerate(known):
                if layers:
                    kept = layers[number][which]
                    block[row, :, longest - kept.shape[1] :] = kept
            filled.append(block)
        cache.update(filled[0], filled[1], number)


def _keep(
    kept: Kept,
    lanes: Sequence[Lane | None],
    rows: Sequence[Sequence[int]],
    mask: torch.Tensor,
    layers: Sequence[tuple[torch.Tensor, torch.Tensor]],
) -> None:
    """Remember every row without its padding; the last token of a row was not read any more."""
    width = layers[0][0].shape[2]
    there = torch.nn.functional.pad(mask.bool(), (0, width - mask.shape[1]), value=True)
    for row, lane in enumerate(lanes):
        own = [(keys[row][:, there[row]], values[row][:, there[row]]) for keys, values in layers]
        kept.keep(lane, rows[row][: own[0][0].shape[1]], own)
