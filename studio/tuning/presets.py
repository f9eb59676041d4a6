"""Named places to begin: the dial from keeping everything to learning the most, and two more.

Alpha is 32 everywhere: tied to the rank it would turn the rank into a second learning rate.
"""

from typing import Any, NamedTuple

from studio.errors import RecipeError
from studio.models.shape import Shape
from studio.tuning.methods import ADAPTERS, learning_rate_for
from studio.tuning.recipe import Recipe


class Preset(NamedTuple):
    """One place: what people read, the share of the formula's learning rate, and the fields."""

    title: str
    meaning: str
    rate: float
    fields: dict[str, Any]


PRESETS: dict[str, Preset] = {
    "keep": Preset(
        "Keep everything",
        "Half the learning rate, an anchor of 2 that holds the model to what the base says, and a "
        "tenth of replayed text: forgets least, learns somewhat less.",
        0.5,
        {"epochs": 2, "replay": 0.1, "kl_anchor": 2.0},
    ),
    "balanced": Preset(
        "Balanced",
        "Half the learning rate and a light anchor: learns nearly as much, forgets little.",
        0.5,
        {"epochs": 2, "kl_anchor": 0.5},
    ),
    "learn": Preset(
        "Learn the most",
        "Full learning rate, a large adapter, three rounds and a twentieth of replayed text: "
        "learns most, and may forget.",
        1.0,
        {"epochs": 3, "rank": 64, "replay": 0.05},
    ),
    "few": Preset(
        "Few examples",
        "For fewer than 200: a small adapter, half the learning rate, up to five rounds, a quarter "
        "of replayed text and a firm anchor, so that a handful of examples does not take over.",
        0.5,
        {"epochs": 5, "rank": 8, "replay": 0.25, "kl_anchor": 1.0},
    ),
    "whole": Preset(
        "All weights",
        "Every weight learns, at a twentieth of an adapter's learning rate, with a tenth of "
        "replayed text: for small models and much data.",
        0.5,
        {"method": "full", "epochs": 2, "replay": 0.1},
    ),
}
DIAL = ("keep", "balanced", "learn")
"""The places on the dial, in its order; the others lie beside it."""


def preset(
    name: str, *, dataset: str, base: str = "starter", shape: Shape | None = None,
    method: str = "qlora",
) -> Recipe:  # fmt: skip
    """The recipe of a preset for a base of that shape (without one, a Llama of width 2000).

    A method that the preset does not name itself is taken as given, without fields it has no use
    for. Raises RecipeError for a name that there is not.
    """
    if name not in PRESETS:
        raise RecipeError(f"There is no preset {name!r}; choose one of {', '.join(PRESETS)}.")
    chosen = PRESETS[name]
    fields = {"method": method} | chosen.fields
    share = chosen.rate
    if fields["method"] not in ADAPTERS:
        fields.pop("rank", None)
    if fields["method"] == "scratch":  # has nothing to be held to, and everything to learn
        fields, share = {"method": method, "epochs": 3}, 1.0
    rate = scaled_rate(str(fields["method"]), share, shape)
    return Recipe.make({"base": base, "dataset": dataset, "learning_rate": rate} | fields)


def scaled_rate(method: str, share: float, shape: Shape | None) -> float:
    """That share of the learning rate to begin with, for this method and shape; two digits."""
    width, family = (shape.hidden, shape.family) if shape else (2000, "llama")
    return float(f"{share * learning_rate_for(method, width, family=family):.2g}")
