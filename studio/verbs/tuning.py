"""Starting tuning runs, and looking after them."""

import shutil
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from studio.errors import DatasetError, RunError
from studio.models.catalogue import find_base
from studio.models.shape import find_shape
from studio.tuning.differences import Differing, differing
from studio.tuning.estimate import ESTIMATE, Estimate
from studio.tuning.events import Event
from studio.tuning.label import write_label
from studio.tuning.lineage import continued
from studio.tuning.lock import locked
from studio.tuning.minding import PERIOD, may_go_on
from studio.tuning.plain import write_plain
from studio.tuning.prerequisites import settle_sources
from studio.tuning.presets import preset
from studio.tuning.queue import in_line, reorder
from studio.tuning.recipe import Method, Recipe
from studio.tuning.run import UNDER_WAY, Run, create_run, list_runs, open_run
from studio.tuning.sweep import sweep_of
from studio.verbs.estimating import Estimating

STARTING = threading.Lock()
"""The lock of a file holds other processes off, and no thread of this one."""


class Tuning(Estimating):
    """Recipes and runs."""

    def warm_up(self) -> None:
        """Have a standby process ready, so that the next run starts at once.

        From now on the runs are looked after: what hangs is killed, what was killed goes on.
        """
        self._launcher.warm_up()
        self._minder.start()

    def is_warm(self) -> bool:
        """Whether the standby is ready by now."""
        return self._launcher.is_warm()

    def preset(
        self, name: str, *, dataset: str, base: str = "starter", method: Method = "qlora"
    ) -> Recipe:
        """A point on the dial or beside it, its learning rate that of the method and the base.

        Few examples are seen more often, so that there are steps enough to learn anything.
        """
        recipe = preset(name, dataset=dataset, base=base, shape=find_shape(base), method=method)
        with suppress(DatasetError):  # chosen later
            recipe = recipe.for_examples(self.dataset(dataset).card.train)
        return recipe

    def train(self, recipe: Recipe, *, anyway: bool = False) -> Run:
        """Start a tuning run; it waits in line if the device is busy. Nothing is left on error.

        One that cannot fit on this machine is refused with the numbers, unless `anyway`.
        """
        (run,) = self.train_all([recipe], anyway=anyway)
        return run

    def train_once(self, recipe: Recipe, *, anyway: bool = False) -> tuple[Run, bool]:
        """Start a run, or find the one of this very recipe that is under way; whether it is new.

        However often Start is pressed, in however many tabs: the same recipe comes to the same
        result, so that a second run beside the first would show nothing.
        """
        settled, asked = self._make_ready(recipe, anyway=anyway)
        with STARTING, locked(self.settings.home / "start.lock"):
            for run in self.runs():
                same = run.kind == "tune" and run.status() in UNDER_WAY and run.recipe == settled
                if same:
                    return run, False
            return self._start(settled, asked), True

    def train_all(self, recipes: Sequence[Recipe], *, anyway: bool = False) -> list[Run]:
        """Start runs that wait in line for each other; none if one of them cannot be."""
        ready = [self._make_ready(recipe, anyway=anyway) for recipe in recipes]
        return [self._start(recipe, asked) for recipe, asked in ready]

    def _make_ready(self, recipe: Recipe, *, anyway: bool) -> tuple[Recipe, Estimate | None]:
        """The recipe as it will be followed, and what it will take."""
        asked = self._estimate_before(recipe, anyway=anyway)
        base = find_base(recipe.base)
        recipe = continued(recipe, base, self.settings.runs)
        return settle_sources(recipe, base, self.settings, self.drafts), asked

    def _start(self, recipe: Recipe, asked: Estimate | None) -> Run:
        about = recipe.name or self.dataset(recipe.dataset).card.name
        run = create_run(self.settings.runs, recipe, about=about)
        if asked:
            (run.folder / ESTIMATE).write_text(asked.model_dump_json(indent=1), encoding="utf-8")
        self._launcher.start(run)
        return run

    def runs(self) -> list[Run]:
        """Every run, newest first."""
        self._launcher.expect()
        self._launcher.reap()
        return list_runs(self.settings.runs)

    def run(self, id: str) -> Run:
        """The run of that id."""
        return open_run(self.settings.runs, id)

    def wait(self, run: Run, *, on_event: Callable[[Event], None] | None = None) -> Run:
        """Wait until the run has ended; raises RunError unless it finished.

        Meanwhile the runs are looked after: one that was killed goes on, if it had come further.
        """
        seen, looked = 0, 0.0
        while True:
            status = run.status()
            events = run.all_events()
            for event in events[seen:]:
                if on_event:
                    on_event(event)
            seen = len(events)
            if status not in UNDER_WAY and not may_go_on(run) and run.status() == status:
                break
            if status not in UNDER_WAY or time.monotonic() - looked > PERIOD:
                self._minder.look()
                looked = time.monotonic()
            time.sleep(0.1)
        self._launcher.reap()
        if status != "finished":
            raise RunError(f"Run {run.id} is {status}. {run.error() or ''}".strip())
        return run

    def pause(self, id: str) -> None:
        """Let a run save its state after the step under way and stop; it can be resumed."""
        self.run(id).pause()

    def resume(self, id: str) -> Run:
        """Go on with a run that was paused, interrupted or failed, where its last state was saved.

        Without one it begins anew. RunError if it is under way or has ended for good.
        """
        run = self.run(id)
        self._launcher.resume(run)
        return run

    def retry(self, id: str, *, anyway: bool = False, **changes: Any) -> Run:
        """Start a tuning run's recipe once more as a new run, with these fields changed."""
        run = self.run(id)
        if run.kind != "tune":
            raise RunError(f"Run {id} was not tuned from a recipe; choose a tuning run.")
        return self.train(Recipe.make(run.recipe.model_dump() | changes), anyway=anyway)

    def sweep(self, recipe: Recipe, rates: Sequence[float], *, anyway: bool = False) -> list[Run]:
        """Start the recipe once for every learning rate; each run's name says which.

        RecipeError for fewer than two or a wrong one, before anything starts.
        """
        title = recipe.name or self.dataset(recipe.dataset).card.name
        recipes = sweep_of(recipe, rates, title=title)
        return self.train_all(recipes, anyway=anyway)

    def rename_run(self, id: str, title: str) -> None:
        """Call a run otherwise; empty gives it its recipe's name back."""
        write_label(self.run(id).folder, title=title)

    def note_run(self, id: str, note: str) -> None:
        """Note something about a run, in place of what was noted before."""
        write_label(self.run(id).folder, note=note)

    def runs_in_line(self) -> list[Run]:
        """The runs that wait for the device, the next one first."""
        known = {run.id: run for run in self.runs()}
        return [known[name] for name in in_line(self.settings.home) if name in known]

    def move_run(self, id: str, places: int) -> list[Run]:
        """Let a waiting run go so many places forward (negative) or back; the line as it is then.

        RunError if it does not wait.
        """
        line = [run.id for run in self.runs_in_line()]
        if id not in line:
            raise RunError(f"Run {id} does not wait for the device; it is {self.run(id).status()}.")
        at = line.index(id)
        line.insert(min(max(0, at + places), len(line) - 1), line.pop(at))
        reorder(self.settings.home, line)
        return self.runs_in_line()

    def differing(self, ids: Sequence[str]) -> list[Differing]:
        """Where the recipes of two to four runs differ."""
        return differing([self.run(id) for id in ids])

    def export_plain(self, id: str, folder: Path | str) -> tuple[Path, list[str]]:
        """Write what tunes a run's recipe with TRL alone; the folder, and what TRL cannot say."""
        run = self.run(id)
        if run.kind != "tune":
            raise RunError(f"Run {id} was not tuned from a recipe; choose a tuning run.")
        recipe = run.recipe
        path = Path(recipe.base).expanduser()
        local = recipe.base == "starter" or path.is_dir()
        base = str(find_base(recipe.base).folder) if local else recipe.base
        return write_plain(
            recipe, self.dataset(recipe.dataset), base, Path(folder).expanduser(), name=run.id,
            cuda=self.machine().device == "cuda",
        )  # fmt: skip

    def delete_run(self, id: str) -> None:
        """Remove a run that has ended, with its adapter and log."""
        run = self.run(id)
        if run.status() in UNDER_WAY:
            raise RunError(f"Run {id} is {run.status()}; cancel it before deleting it.")
        shutil.rmtree(run.folder)
