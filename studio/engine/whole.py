"""Tuning the model's own weights: which of them learn, what they were, and how they are kept."""

import re
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, TrainerCallback

from studio.engine.load import Engine
from studio.engine.publish import WEIGHTS, write_json
from studio.engine.stand_ins import Parts
from studio.engine.weights import pick_dtype
from studio.errors import ModelError
from studio.models.structure import READING, layer_of, part_of
from studio.tuning.recipe import Recipe


class Whole:
    """All or some of the model's own weights, trained in float32."""

    def __init__(self, engine: Engine, recipe: Recipe) -> None:
        """Choose what learns; scratch draws every weight anew first."""
        if recipe.method == "scratch":
            engine.model = draw_anew(engine, recipe.seed)
        self.model: Any = engine.model
        self.shape: PeftConfig | None = None
        self.optimizers: tuple[Any, Any] = (None, None)
        self.callbacks: list[TrainerCallback] = []
        self.first = choose(self.model, recipe)
        self.same = _settle_ties(self.model, self.first)
        self.parts = Parts(self.model)
        everything = self._without_twins(list(self.parts.weights))
        later = kept_high(everything, recipe.frozen_layers) if recipe.method == "two_stage" else []
        self.names = list(dict.fromkeys([*self._without_twins(self.first), *later]))
        self._method = recipe.method
        self._dtype = pick_dtype(engine.device)
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)
        for name in self.names:
            weight = self.parts.weight(name)
            weight.data = weight.data.float()
            weight.requires_grad_(True)
        self._before = self._copies() if recipe.kl_anchor else {}

    def _without_twins(self, names: list[str]) -> list[str]:
        """A tensor under two names learns under one."""
        return [name for name in names if name not in self.same]

    def _copies(self) -> dict[str, torch.Tensor]:
        copies = {name: self.parts.weight(name).detach().clone() for name in self.names}
        return copies | {twin: copies[name] for twin, name in self.same.items() if name in copies}

    def settle(self, trainer: Any) -> None:
        """Nothing is left to do once the trainer is there."""

    def untuned(self, model: Any) -> AbstractContextManager[Any]:
        """The base as it was, for a while: its weights are exchanged, there is no second model."""
        return self.parts.exchanged(self._before) if self._before else nullcontext()

    def save(self, model: Any, draft: Path) -> None:
        """Write the weights that learned, by their own names, and what they are."""
        state = {
            name: self.parts.weight(name).detach().to("cpu", self._dtype).contiguous()
            for name in self.names
        }
        same = {twin: name for twin, name in self.same.items() if name in state}
        save_file(state, draft / WEIGHTS, metadata={"format": "pt"})
        config = {"peft_type": "WEIGHTS", "method": self._method, "same": same}
        write_json(draft / "adapter_config.json", config)


def draw_anew(engine: Engine, seed: int) -> Any:
    """A model of the base's shape with random weights, as its architecture draws them."""
    torch.manual_seed(seed)
    config = engine.model.config
    if hasattr(config, "quantization_config"):
        raise ModelError("A base that is stored in few bits cannot be begun from random weights.")
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32).to(engine.device)


def choose(model: Any, recipe: Recipe) -> list[str]:
    """Names of the weights that learn, or learn first; ModelError if there is none."""
    names = list(Parts(model).weights)
    count = _layer_count(names)
    if recipe.method not in ("partial", "two_stage"):
        chosen = names
    elif recipe.trained == "last-layers":
        lowest = count - recipe.last_layers
        chosen = [name for name in names if layer_of(name) >= lowest] if lowest > 0 else names
    elif recipe.trained == "head":
        chosen = [_name_of(model, model.get_output_embeddings())]
    elif recipe.trained == "mlp":
        chosen = [name for name in names if part_of(name) == "mlp"]
    elif recipe.trained == "attention":
        chosen = [one for one in names if part_of(one) == "attention" and READING.search(one)]
    else:
        chosen = [name for name in names if re.search(recipe.pattern, name)]
    if not (kept := kept_high(chosen, recipe.frozen_layers)):
        raise ModelError(
            f"{recipe.shape}: no weight of this base is left to learn; it has {count} layers, "
            f"and weights such as {names[len(names) // 2]}. Choose others."
        )
    return kept


def kept_high(names: list[str], frozen: int) -> list[str]:
    """The names that do not belong to the lowest layers, or to what lies below those."""
    if not frozen:
        return names
    return [name for name in names if "embed" not in name and not 0 <= layer_of(name) < frozen]


def _layer_count(names: list[str]) -> int:
    return max(map(layer_of, names)) + 1


def _settle_ties(model: Any, chosen: list[str]) -> dict[str, str]:
    """What is one tensor under two names, by the second; a head that learns alone is cut loose.

    Otherwise training the head would change what the words are read as.
    """
    head, words = model.get_output_embeddings(), model.get_input_embeddings()
    if head is None or head.weight is not words.weight:
        return {}
    head_name, words_name = _name_of(model, head), _name_of(model, words)
    if head_name in chosen and words_name not in chosen:
        head.weight = torch.nn.Parameter(head.weight.detach().clone())
        return {}
    return {head_name: words_name}


def _name_of(model: Any, layer: Any) -> str:
    return next(f"{name}.weight" for name, one in model.named_modules() if one is layer)
