"""One run going on from another: whether its adapter fits, and what shape it brings along."""

import json
from pathlib import Path

from studio.errors import RecipeError
from studio.models.catalogue import Base
from studio.models.gate import check_adapter
from studio.tuning.recipe import Recipe
from studio.tuning.run import UNDER_WAY, Run, open_run


def continued(recipe: Recipe, base: Base, runs_folder: Path) -> Recipe:
    """The recipe with the shape of the adapter it starts from; without one, as it is.

    Raises RecipeError, RunError or ModelError if that adapter is none, or none of this base.
    """
    if not recipe.start_from:
        return recipe
    parent = open_run(runs_folder, recipe.start_from)
    if not parent.makes_adapter:
        raise RecipeError(f"Run {parent.id} is a measurement; start_from names a tuned run.")
    before, status = parent.recipe, parent.status()
    if (before.base, before.method) != (recipe.base, recipe.method):
        raise RecipeError(
            f"Run {parent.id} was tuned on {before.base} with {before.method}, so it cannot be "
            f"continued on {recipe.base} with {recipe.method}; use the same base and method."
        )
    if status == "finished":
        check_adapter(parent.adapter, base.fingerprint)
        return recipe.model_copy(update=_shape(parent))
    if status in UNDER_WAY and parent.kind == "tune":
        return recipe.model_copy(update={name: getattr(before, name) for name in _names(before)})
    raise RecipeError(f"Run {parent.id} is {status} and has no adapter to start from.")


def _shape(parent: Run) -> dict[str, object]:
    """Rank, alpha and layers, or the length, as the finished adapter has them."""
    config = json.loads((parent.adapter / "adapter_config.json").read_text(encoding="utf-8"))
    shape: dict[str, object] = {
        name: getattr(parent.recipe, name) for name in _names(parent.recipe)
    }
    if parent.recipe.is_soft:
        return shape | {"virtual_tokens": int(config["num_virtual_tokens"])}
    if not parent.recipe.is_lora:
        return shape
    return shape | {"rank": int(config["r"]), "alpha": round(config["lora_alpha"])}


def _names(recipe: Recipe) -> tuple[str, ...]:
    """The fields that an adapter brings along."""
    if recipe.is_soft:
        return ("virtual_tokens",)
    if recipe.is_lora:
        return ("rank", "alpha", "targets", "rslora", "dora", "frozen_layers")
    return ("frozen_layers",)
