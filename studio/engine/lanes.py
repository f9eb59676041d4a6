"""Which lane every row of a batch belongs to, and what its adapter adds to the base's products.

All rows go through the base's weights together. What a LoRA adapter adds to a product Wx is
s·B(Ax), and it is added in place to the rows of its lanes alone: nothing whatsoever happens to
a row of the base.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft.tuners.lora import Linear, LoraLayer
from peft.tuners.lora.bnb import Linear4bit
from torch.nn.functional import linear

from studio.errors import ModelError


@dataclass(frozen=True)
class Lane:
    """A tuned lane: an adapter that lies on the base, at a strength."""

    adapter: str
    """PEFT's name of the adapter."""
    strength: float = 1.0
    """Multiplies the adapter's update."""
    apart: str = ""
    """Why its rows cannot share a batch with other lanes; empty if they can."""


Rows = tuple[Lane | None, ...]
"""The lane of every row of a batch; None is the base."""
Groups = dict[Lane, slice | list[int]]
"""Which rows of a batch belong to each tuned lane."""
Added = tuple[slice | list[int], torch.Tensor, torch.Tensor, float]
"""Which rows get something, A, Bᵀ and s."""


class Deltas:
    """What the adapters add to the products of the base, for the rows under way."""

    def __init__(self) -> None:
        self._layers: dict[int, _Layer] = {}
        self.rows: Rows | None = None
        self._prepared: Rows | None = None

    def watch(self, model: torch.nn.Module) -> None:
        """Take over the products of every layer that has an adapter by now."""
        present = {id(layer): layer for layer in lora_layers(model)}
        for number, layer in present.items():
            if number not in self._layers and type(layer) in (Linear, Linear4bit):
                self._layers[number] = _Layer(layer, self)
        for number in self._layers.keys() - present.keys():
            del self._layers[number]
        self.rows = self._prepared = None  # adapters have come or gone

    def set_rows(self, rows: Rows | None) -> None:
        """From now on a batch has these rows; None hands the layers back to PEFT."""
        if rows is not None and rows != self._prepared:
            self._prepared = rows
            groups = _groups(rows)
            for layer in self._layers.values():
                layer.set_rows(groups)
        self.rows = rows

    def added(self, layer: torch.nn.Module) -> list[Added]:
        """What the adapters of the rows under way add to a layer's product."""
        watched = self._layers.get(id(layer))
        return watched.groups if watched else []


class _Layer:
    """Stands in for the forward pass of one of PEFT's layers."""

    def __init__(self, layer: Any, deltas: Deltas) -> None:
        self._layer = layer
        self._deltas = deltas
        self._alone = layer.forward
        self.groups: list[Added] = []
        layer.forward = self.forward

    def set_rows(self, groups: Groups) -> None:
        """Look up the matrices of those of the adapters that this layer has."""
        layer = self._layer
        self.groups = [
            (
                places,
                layer.lora_A[lane.adapter].weight,
                layer.lora_B[lane.adapter].weight.t(),
                layer.scaling[lane.adapter] * lane.strength,
            )
            for lane, places in groups.items()
            if lane.adapter in layer.lora_A
        ]

    def forward(self, x: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
        """The layer's product, (rows, tokens, out), with what each row's adapter adds to it."""
        rows = self._deltas.rows
        if rows is None:
            return self._alone(x, *arguments, **options)
        result: torch.Tensor = self._layer.base_layer(x, *arguments, **options)
        if not self.groups:
            return result
        if len(x) != len(rows):
            raise ModelError(
                "This model's layers mix the rows of a batch, so lanes cannot share one; ask for "
                "one lane at a time."
            )
        for places, down, up, scale in self.groups:
            if isinstance(places, slice) and result.dtype == down.dtype:
                kept = linear(x[places], down).flatten(0, -2)
                result[places].view(-1, result.shape[-1]).addmm_(kept, up, alpha=scale)
            else:
                kept = linear(x[places].to(down.dtype), down)
                result[places] += (kept @ up * scale).to(result.dtype)
        return result


def lora_layers(model: torch.nn.Module) -> list[Any]:
    """Every layer of the model that has adapters."""
    return [layer for layer in model.modules() if isinstance(layer, LoraLayer)]


def saved_names(model: torch.nn.Module, name: str) -> set[str]:
    """The names under which PEFT saves an adapter's weights."""
    return {
        # DoRA's magnitudes lose the name of their one tensor.
        key.replace(f".{name}.", ".").replace("magnitude_vector.weight", "magnitude_vector")
        for key in model.state_dict()
        if f".{name}." in key and "lora_" in key
    }


def _groups(rows: Rows) -> Groups:
    """The places of every tuned lane; a slice where they lie side by side."""
    places: dict[Lane, list[int]] = {}
    for place, row in enumerate(rows):
        if row is not None:
            places.setdefault(row, []).append(place)
    return {
        lane: slice(at[0], at[-1] + 1) if at[-1] - at[0] + 1 == len(at) else at
        for lane, at in places.items()
    }


def why_apart(config: Any, layers: Sequence[LoraLayer], name: str) -> str:
    """Why rows with this adapter cannot share a batch with other lanes; empty if they can."""
    if getattr(config, "use_dora", False):
        return "DoRA rescales the base's weights"
    own = [layer for layer in layers if name in layer.lora_A or name in layer.lora_embedding_A]
    if any(name in layer.lora_variant for layer in own):
        return "its kind of LoRA works on whole batches"
    if any(type(layer) not in (Linear, Linear4bit) for layer in own):
        return "it changes more than linear layers"
    if getattr(config, "modules_to_save", None) or getattr(config, "trainable_token_indices", None):
        return "it replaces whole layers of the base"
    if getattr(config, "lora_bias", False):
        return "it has biases of its own"
    return ""
