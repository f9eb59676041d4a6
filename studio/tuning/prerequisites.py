"""What a recipe names has to be there: layers, probes, earlier datasets, and pairs."""

from contextlib import suppress

from studio.data.dataset import open_dataset
from studio.data.drafts import Drafts
from studio.data.preferences import freeze, is_frozen
from studio.errors import DatasetError, RecipeError
from studio.measure.halves import held_half, replayed_half
from studio.measure.probe import find
from studio.models.catalogue import Base
from studio.settings import Settings
from studio.tuning.recipe import Recipe


def settle_sources(recipe: Recipe, base: Base, settings: Settings, drafts: Drafts) -> Recipe:
    """The recipe with packs as the probes in them, and a draft's pairs as they are now.

    Raises RecipeError, ProbeError, DatasetError or ChatError for what is not there.
    """
    layers = max(recipe.frozen_layers, recipe.last_layers)
    if layers > base.layers or recipe.frozen_layers == base.layers:
        raise RecipeError(
            f"{base.name} has {base.layers} layers, and the recipe freezes or trains {layers}; "
            "lower frozen_layers or last_layers."
        )
    on_top = recipe.last_layers if recipe.is_partial and recipe.trained == "last-layers" else 0
    if recipe.frozen_layers + on_top > base.layers:
        raise RecipeError(
            f"The last {on_top} and the lowest {recipe.frozen_layers} of {base.layers} layers "
            "overlap, and a layer cannot both learn and be frozen; lower last_layers or "
            "frozen_layers."
        )
    probes = find(recipe.replay_probes, settings.probes)
    for probe in probes:
        replayed_half(probe)
    for name in recipe.replay_datasets:
        open_dataset(name, settings.datasets)
    found: dict[str, object] = {
        "replay_probes": tuple(probe.name for probe in probes),
        "anchor_on": tuple(one for name in recipe.anchor_on for one in _held(name, settings)),
    }
    if recipe.pairs and not is_frozen(recipe.pairs, settings.pairs):
        found["pairs"] = freeze(drafts.open(recipe.pairs), settings.pairs)
    return recipe.model_copy(update=found)


def _held(name: str, settings: Settings) -> list[str]:
    """The dataset of that name, or the probes."""
    with suppress(DatasetError):
        return [open_dataset(name, settings.datasets).id]
    return [held_half(probe).name for probe in find((name,), settings.probes)]
