"""What takes the place of the base's parts while one lane speaks, and is taken away again.

Weights of a lane's own stand in for the base's; scales (IA3) multiply what some layers read or
say. Both work on the modules as they were before any adapter wrapped them, and leave every bit of
the base as it was.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import load_file

from studio.errors import ModelError
from studio.models.gate import WEIGHTS

PREFIX = "base_model.model."  # before every name in PEFT's files
SCALE = ".ia3_l"  # after the layer's name in a file of scales


class StandIn(Protocol):
    """Something that can take the place of parts of the base for a while."""

    why_apart: str
    """Why its rows cannot share a batch with other lanes."""

    def in_place(self, strength: float) -> Any:
        """A context in which it does, at a strength: 0 is the base, 1 what was tuned."""


class Parts:
    """A model's modules by name and its weights by name, as they are now."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.modules = dict(model.named_modules())
        self.weights: dict[str, tuple[torch.nn.Module, str]] = {
            f"{name}.{own}".lstrip("."): (module, own)
            for name, module in model.named_modules()
            for own, weight in module._parameters.items()
            if weight is not None
        }

    def weight(self, name: str) -> torch.Tensor:
        """The weight of that name."""
        module, own = self.weights[name]
        weight = module._parameters[own]
        assert weight is not None
        return weight

    @contextmanager
    def exchanged(self, weights: Mapping[str, torch.Tensor]) -> Iterator[None]:
        """These weights in the place of those of the same names, for a while."""
        before = {}
        try:
            for name, tensor in weights.items():
                module, own = self.weights[name]
                before[name] = module._parameters[own]
                module._parameters[own] = torch.nn.Parameter(tensor, requires_grad=False)
            yield
        finally:
            for name, weight in before.items():
                module, own = self.weights[name]
                module._parameters[own] = weight


class OwnWeights:
    """Weights tuned themselves; at another strength than 1 a mean of theirs and the base's."""

    why_apart = "its weights stand in for the base's own"

    def __init__(
        self, parts: Parts, folder: Path, config: Mapping[str, Any], device: torch.device
    ) -> None:
        """Read the weights in a folder; ModelError if they are not weights of this model."""
        state = load_file(folder / WEIGHTS, device=str(device))
        for other, name in (config.get("same") or {}).items():  # one tensor under two names
            state[other] = state[name]
        self._parts = parts
        self._tuned = {}
        for name, tensor in state.items():
            known = name in parts.weights and parts.weight(name).shape == tensor.shape
            if not known or not bool(tensor.isfinite().all()):
                raise ModelError(
                    f"The weights in {folder} do not fit the base: {name} is not finite or not "
                    "one of its own in full precision. Tune again."
                )
            self._tuned[name] = tensor.to(parts.weight(name).dtype)

    @contextmanager
    def in_place(self, strength: float) -> Iterator[None]:
        """The tuned weights instead of the base's, W + strength · (W_tuned - W) of each."""
        weights: Mapping[str, torch.Tensor] = self._tuned
        if strength != 1:
            weights = {
                name: torch.lerp(self._parts.weight(name).detach(), tensor, strength)
                for name, tensor in self._tuned.items()
            }
        with self._parts.exchanged(weights):
            yield


class Scales:
    """IA3: one number per feature, which multiplies what a layer says or what it reads."""

    why_apart = "it scales what the base's layers pass on"

    def __init__(
        self, parts: Parts, folder: Path, config: Mapping[str, Any], device: torch.device
    ) -> None:
        """Read the scales in a folder; ModelError if they are not for layers of this model."""
        reading = tuple(config.get("feedforward_modules") or ())
        self._scales: list[tuple[torch.nn.Module, torch.Tensor, bool]] = []
        for key, tensor in load_file(folder / WEIGHTS, device=str(device)).items():
            name = key.removeprefix(PREFIX).removesuffix(SCALE)
            layer, reads = parts.modules.get(name), name.endswith(reading)
            size = getattr(layer, "in_features" if reads else "out_features", None)
            if layer is None or size != tensor.numel() or not bool(tensor.isfinite().all()):
                raise ModelError(
                    f"The scales in {folder} do not fit the base: {name} is not finite or not one "
                    "of its layers. Tune again."
                )
            self._scales.append((layer, tensor.flatten(), reads))

    @contextmanager
    def in_place(self, strength: float) -> Iterator[None]:
        """The scales at work: 1 + strength · (scale - 1) of each."""
        with ExitStack() as hooks:
            for layer, tuned, reads in self._scales:
                scale = 1 + strength * (tuned - 1)
                hook: Any = _Read(scale) if reads else _Said(scale)
                add = layer.register_forward_pre_hook if reads else layer.register_forward_hook
                hooks.callback(add(hook).remove)
            yield


class _Read:
    """Multiplies what a layer reads."""

    def __init__(self, scale: torch.Tensor) -> None:
        self._scale = scale

    def __call__(self, _: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> tuple[Any, ...]:
        return ((given[0] * self._scale).to(given[0].dtype), *given[1:])


class _Said:
    """Multiplies what a layer says."""

    def __init__(self, scale: torch.Tensor) -> None:
        self._scale = scale

    def __call__(
        self, _: torch.nn.Module, given: tuple[torch.Tensor, ...], said: torch.Tensor
    ) -> torch.Tensor:
        return (said * self._scale).to(said.dtype)


KINDS: dict[str, type[OwnWeights] | type[Scales]] = {"WEIGHTS": OwnWeights, "IA3": Scales}
"""By the kind that an adapter's configuration names."""
