"""Several learning rates for one recipe, as they are written: "1e-4, 3e-4"."""

import math
from collections.abc import Sequence

from studio.errors import RecipeError
from studio.tuning.recipe import Recipe

MOST_RATES = 8
"""Runs of one sweep."""
LETTERS = 60  # of the recipe's name, so that the rate has room behind it


def read_rates(text: str) -> list[float]:
    """The numbers between the commas, lowest first, each once.

    RecipeError for what is no number above 0, or for fewer than two or more than MOST_RATES.
    """
    try:
        rates = [float(one) for one in text.replace(";", ",").split(",") if one.strip()]
    except ValueError as error:
        raise RecipeError(
            f"{text!r} are no learning rates; write numbers with commas, such as 1e-4, 3e-4."
        ) from error
    return check_rates(rates)


def check_rates(rates: Sequence[float]) -> list[float]:
    """The rates, lowest first, each once; RecipeError where they make no sweep."""
    if not all(math.isfinite(rate) and rate > 0 for rate in rates):
        raise RecipeError("A learning rate of a sweep is a number above 0, such as 1e-4.")
    different = sorted(set(rates))
    if not 2 <= len(different) <= MOST_RATES:
        raise RecipeError(
            f"A sweep takes two to {MOST_RATES} different learning rates, not {len(different)}."
        )
    return different


def sweep_of(recipe: Recipe, rates: Sequence[float], *, title: str) -> list[Recipe]:
    """The recipe once for every rate, the rate in each one's name; RecipeError for a wrong one."""
    return [
        Recipe.make(
            recipe.model_dump()
            | {"learning_rate": rate, "name": f"{title[:LETTERS]} · rate {rate:g}"}
        )
        for rate in check_rates(rates)
    ]
