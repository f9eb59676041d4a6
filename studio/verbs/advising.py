"""Advice on what to do with a dataset, measured on it and on this machine, and races."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress

from studio.errors import RunError
from studio.measure.results import read_report
from studio.models.catalogue import find_base
from studio.models.shape import find_shape
from studio.tuning.advising import Doing, measuring
from studio.tuning.advisor import Advice, advise
from studio.tuning.options import Option, loading_for
from studio.tuning.race import (
    CASES,
    ENTRANTS,
    Entrant,
    Placed,
    Race,
    choose_steps,
    list_races,
    place,
    save_race,
    shorten,
)
from studio.tuning.run import UNDER_WAY
from studio.tuning.signals import Signals, read_signals, signals_path
from studio.tuning.transfer import CANDIDATES, Ranking, ranking
from studio.verbs.measuring import Measuring


class Advising(Measuring):
    """What to do with a dataset, and which of it does best."""

    def advising(
        self, dataset: str, *, base: str = "starter", again: bool = False
    ) -> Iterator[Doing | Advice]:
        """Tell what is being measured, and at last the advice; stop it whenever you like.

        What was measured before is not measured again unless `again`. Raises DatasetError,
        ModelError or RunError.
        """
        kept = None if again else self._kept_signals(dataset, base)
        if kept is None:
            machine, method = self.machine(), self._loading(base)
            log = self.settings.logs / "advice.log"
            for told in measuring(self.settings.home, dataset, base, method, log=log):
                if isinstance(told, Signals):
                    kept = told
                else:
                    yield told
        if kept:
            machine = self.machine()
            yield advise(kept, machine)

    def advise(self, dataset: str, *, base: str = "starter", again: bool = False) -> Advice:
        """What to do with a dataset on a base; see `advising`."""
        *_, found = self.advising(dataset, base=base, again=again)
        assert isinstance(found, Advice)
        return found

    def advised(self, dataset: str, *, base: str = "starter") -> Advice | None:
        """The advice, if the dataset has been measured on that base before."""
        kept = self._kept_signals(dataset, base)
        return advise(kept, self.machine()) if kept else None

    def rank_prompts(
        self, dataset: str, *, base: str = "starter", runs: Sequence[str] = ()
    ) -> Iterator[Doing | Ranking]:
        """Tell what is being measured, and at last which soft prompts suit a dataset.

        Without `runs` the newest prompts of that base are ranked. Raises RunError or DatasetError.
        """
        self.dataset(dataset)
        known = [
            run.id
            for run in self.runs()
            if run.kind == "tune" and run.recipe.is_soft and run.recipe.base == base
            if run.status() == "finished"
        ]
        chosen = list(runs) or known[:CANDIDATES]
        if strange := [id for id in chosen if id not in known]:
            raise RunError(f"{strange[0]} is no finished soft prompt of {base}; choose another.")
        if not chosen:
            raise RunError(f"There is no finished soft prompt of {base} yet; tune one first.")
        log = self.settings.logs / "transfer.log"
        yield from ranking(self.settings.home, dataset, base, chosen, log=log)

    def race(self, options: Sequence[Option]) -> Race:
        """Tune each option for some steps, then measure them all together; returns at once."""
        entered = [option for option in options if option.recipe][:ENTRANTS]
        if len(entered) < 2:
            raise RunError("A race needs at least two recipes.")
        first = entered[0].recipe
        assert first is not None
        steps = choose_steps(entered, self.dataset(first.dataset).card.train)
        runs = self.train_all([shorten(option, steps) for option in entered])
        entrants = [
            Entrant(run=run.id, title=option.title, recipe=option.recipe)
            for run, option in zip(runs, entered, strict=True)
            if option.recipe
        ]
        ways = dict.fromkeys(one.recipe.loading for one in entrants)
        groups = [[one.run for one in entrants if one.recipe.loading == way] for way in ways]
        race = Race(
            id=entrants[0].run,
            dataset=first.dataset,
            base=first.base,
            entrants=tuple(entrants),
            measurements=tuple(self.compare(lanes, limit=CASES).id for lanes in groups),
        )
        save_race(self.settings.races, race)
        return race

    def stop_race(self, race: Race) -> None:
        """Cancel what is still under way of a race, the measurement first."""
        for id in (*race.measurements, *(one.run for one in race.entrants)):
            with suppress(RunError):  # it has ended, or was deleted
                self.run(id).cancel()

    def races(self, dataset: str | None = None) -> list[Race]:
        """Every race, or those over one dataset; the newest first."""
        found = list_races(self.settings.races)
        return [one for one in found if dataset in (None, one.dataset)]

    def placed(self, race: Race) -> list[Placed]:
        """How the entrants did, the winner first; without a point who is not measured yet."""
        reports = []
        for id in race.measurements:
            with suppress(RunError):  # deleted
                if (run := self.run(id)).status() == "finished":
                    reports.append(read_report(run))
        return place(race, reports)

    def keep_best(self, race: Race) -> list[str]:
        """Delete the trials that another one beats on both counts; their ids.

        Raises RunError before all have been measured.
        """
        placed = self.placed(race)
        if not all(one.point for one in placed):
            raise RunError("The race is not over; wait until every trial has been measured.")
        gone = []
        for one in placed:
            folder = self.settings.runs / one.entrant.run
            if not one.best and folder.exists():
                if self.run(one.entrant.run).status() in UNDER_WAY:
                    raise RunError(f"Run {one.entrant.run} is still under way.")
                shutil.rmtree(folder)
                gone.append(one.entrant.run)
        return gone

    def _kept_signals(self, dataset: str, base: str) -> Signals | None:
        found = find_base(base)
        id = self.dataset(dataset).id
        path = signals_path(self.settings.cache, id, found.fingerprint, self._loading(base))
        return read_signals(path)

    def _loading(self, base: str) -> str:
        return loading_for(find_shape(base), self.machine())
