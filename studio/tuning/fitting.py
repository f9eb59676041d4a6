"""Recipes that fit: the same work in smaller bites, or why there is none that does."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from studio.errors import RecipeError
from studio.models.shape import Shape
from studio.tuning.estimate import Estimate, estimate
from studio.tuning.lengths import Lengths
from studio.tuning.machine import Machine
from studio.tuning.recipe import Recipe

SHORTEST = 64
"""Tokens below which max_length is not lowered: little is left of an example."""
LESS = 0.7
"""Of what ran out of memory, so much may be tried again."""
SIZES = ("B", "kB", "MB", "GB", "TB")


class Fitting(NamedTuple):
    """A recipe that fits, what was changed for it, and what it takes."""

    recipe: Recipe
    changes: tuple[str, ...]
    estimate: Estimate


def lighten(recipe: Recipe) -> Iterator[tuple[Recipe, tuple[str, ...]]]:
    """The recipe in ever smaller bites, each with all that differs from the given one.

    First the batch is halved and the accumulation doubled, which learns the same; then the base
    goes into 4 bits; then examples are cut shorter.
    """
    changes: dict[str, str] = {}
    while True:
        if recipe.batch_size > 1:
            batch = recipe.batch_size // 2
            fields: dict[str, Any] = {"batch_size": batch, "accumulation": recipe.accumulation * 2}
            changes["batch"] = f"batch_size {batch}, accumulation {fields['accumulation']}"
        elif _may_take_4_bits(recipe):
            fields, changes["bits"] = {"method": "qlora"}, "the base in 4 bits (qlora)"
        elif recipe.max_length // 2 >= SHORTEST:
            fields = {"max_length": recipe.max_length // 2}
            changes["length"] = f"max_length {fields['max_length']}"
        else:
            return
        recipe = recipe.model_copy(update=fields)
        yield recipe, tuple(changes.values())


def _may_take_4_bits(recipe: Recipe) -> bool:
    """Not where the first weights need full precision, or come from a run in full precision."""
    return recipe.method == "lora" and recipe.init != "orthogonal" and not recipe.start_from


def fit(
    recipe: Recipe, shape: Shape, lengths: Lengths, machine: Machine, *, memory: float | None = None
) -> Fitting | None:
    """The first lighter recipe within `memory` bytes, by default all that the machine has."""
    allowed = machine.memory if memory is None else memory
    for lighter, changes in lighten(recipe):
        found = estimate(lighter, shape, lengths, machine)
        if found.memory <= allowed:
            return Fitting(lighter, changes, found)
    return None


def fit_again(
    recipe: Recipe, shape: Shape, lengths: Lengths, machine: Machine, *, reached: int = 0
) -> Fitting:
    """The lighter recipe to answer with when this one ran out of memory. RecipeError if none.

    The estimate was too low then, so what is tried next has to be well below it, and below what
    was `reached` in bytes when the memory ended, if that is known.
    """
    before = estimate(recipe, shape, lengths, machine).memory
    allowed = min(machine.free, LESS * before, reached or before)
    found = fit(recipe, shape, lengths, machine, memory=allowed)
    if found:
        return found
    *_, last = [None, *lighten(recipe)]
    if last is None:
        raise RecipeError(
            "No recipe takes less than this one, which ran out of memory; choose a smaller base, "
            "or a machine with more memory."
        )
    return Fitting(*last, estimate(last[0], shape, lengths, machine))


def refuse(asked: Estimate, lighter: Fitting | None) -> None:
    """RecipeError with the numbers if a recipe cannot fit, and with one that can if there is."""
    has = asked.machine
    if asked.disk + asked.download > has.disk:
        raise RecipeError(
            f"This run would put {size(asked.disk + asked.download)} on the disk, and "
            f"{size(has.disk)} are free; keep fewer checkpoints, or make room."
        )
    if asked.fits:
        return
    largest = max(asked.parts, key=lambda name: asked.parts[name])
    instead = (
        f"With {' and '.join(lighter.changes)} it takes about {size(lighter.estimate.memory)}."
        if lighter
        else "Choose a smaller base, or a machine with more memory."
    )
    raise RecipeError(
        f"This recipe needs about {size(asked.memory)} of memory, of which {largest} takes "
        f"{size(asked.parts[largest])}, and this machine "
        f"({has.name}) has {size(has.memory)}. {instead}"
    )


def size(amount: float) -> str:
    """Bytes as people say them: "850 MB", "23.4 GB"."""
    step = 0
    while amount >= 1000 and step < len(SIZES) - 1:
        amount, step = amount / 1000, step + 1
    return f"{amount:.1f} {SIZES[step]}" if amount < 10 and step else f"{amount:.0f} {SIZES[step]}"
