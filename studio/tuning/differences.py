"""Several runs beside each other: where their recipes differ, and what came of it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from studio.errors import RunError
from studio.tuning.run import Run

MOST = 4
"""So many runs are compared at once; more curves cannot be told apart."""


class Differing(NamedTuple):
    """A field of the recipe that is not the same in all runs."""

    field: str
    values: tuple[Any, ...]
    """One for each run, in their order."""


def differing(runs: Sequence[Run]) -> list[Differing]:
    """The fields that are not the same in all recipes, in the recipe's order.

    What a run is called is no difference. RunError for fewer than two runs or more than MOST.
    """
    if not 2 <= len(runs) <= MOST:
        raise RunError(f"Choose two to {MOST} runs to compare; {len(runs)} are chosen.")
    fields: list[Mapping[str, Any]] = [run.recipe.model_dump() for run in runs]
    return [
        Differing(name, tuple(each[name] for each in fields))
        for name in type(runs[0].recipe).model_fields
        if name != "name" and any(each[name] != fields[0][name] for each in fields)
    ]
