"""What a recipe would take on this machine, before anything is started, and one that fits."""

from studio.data.preferences import Pair, is_frozen, read_pairs, split
from studio.errors import ModelError
from studio.models.catalogue import locate
from studio.models.shape import Shape, find_shape
from studio.tuning.estimate import Estimate, estimate
from studio.tuning.fitting import Fitting, fit, fit_again, refuse
from studio.tuning.lengths import Lengths, measure_lengths, measure_pairs
from studio.tuning.machine import Machine, look
from studio.tuning.recipe import Recipe
from studio.tuning.run import Run, list_runs
from studio.verbs.curating import Curating

LOOKED_BACK = 40
"""Newest runs among which one alike is looked for, to know the pace."""


class Estimating(Curating):
    """Memory, disk and time of recipes."""

    def machine(self) -> Machine:
        """What this machine has to give now."""
        return look(self.settings.home)

    def estimate(self, recipe: Recipe) -> Estimate:
        """Memory, disk and time of a recipe here; of a base on the Hub only config.json is read.

        Raises ModelError or DatasetError if base or dataset are not to be had.
        """
        return estimate(
            recipe, *self._sizes(recipe), self.machine(), here=_is_here(recipe.base),
            runs=list_runs(self.settings.runs)[:LOOKED_BACK],
        )  # fmt: skip

    def fit(self, recipe: Recipe) -> Fitting | None:
        """The first lighter recipe that fits into what is free here; None if there is none."""
        machine = self.machine()
        return fit(recipe, *self._sizes(recipe), machine, memory=machine.free)

    def lighter(self, run: Run) -> Fitting:
        """The recipe to start again with after this run ran out of memory.

        Raises RecipeError if nothing lighter is left to try.
        """
        ended = run.last("failed")
        reached = int(ended["peak_memory"] or 0) if ended else 0
        return fit_again(run.recipe, *self._sizes(run.recipe), self.machine(), reached=reached)

    def _estimate_before(self, recipe: Recipe, *, anyway: bool) -> Estimate | None:
        """What it will take; RecipeError with the numbers if it cannot fit, unless `anyway`."""
        try:
            asked = self.estimate(recipe)
        except ModelError:
            return None  # what is wrong with the base is told where it is opened
        if not asked.fits and not anyway:
            refuse(asked, fit(recipe, *self._sizes(recipe), asked.machine))
        return asked

    def _sizes(self, recipe: Recipe) -> tuple[Shape, Lengths]:
        shape = find_shape(recipe.base)
        if recipe.loss == "dpo" and (learned := split(self._pairs(recipe.pairs))[0]):
            return shape, measure_pairs(learned, recipe.base)
        return shape, measure_lengths(self.dataset(recipe.dataset), recipe.base)

    def _pairs(self, name: str) -> list[Pair]:
        """Pairs frozen under a name, or those of a draft as it is now."""
        if is_frozen(name, self.settings.pairs):
            return read_pairs(name, self.settings.pairs)
        lines = self.drafts.open(name).preferences().split("\n")
        return [Pair.model_validate_json(line) for line in lines if line]


def _is_here(base: str) -> bool:
    try:
        return locate(base, download=False).exists()
    except ModelError:
        return False
