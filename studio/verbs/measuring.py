"""Measuring what runs gained and forgot, and mending what they forgot."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from studio.data.example import Message
from studio.errors import RunError, StudioError
from studio.measure.comparison import Comparison, LaneSpec
from studio.measure.flagged import flag
from studio.measure.importing import import_probe, keep_heldout
from studio.measure.keepsake import pack
from studio.measure.probe import Probe, own_probes
from studio.measure.probe import find as find_probes
from studio.measure.probe import shipped as shipped_probes
from studio.measure.report import Report
from studio.measure.results import read_report, rejudge
from studio.models.gate import MADE_FOR, demand_whole
from studio.tuning.recipe import Recipe
from studio.tuning.remedy import RemedyName, mend
from studio.tuning.run import UNDER_WAY, Run, create_run
from studio.verbs.tuning import Tuning

LaneName = str | LaneSpec


class Measuring(Tuning):
    """Probes, measurements, reports and repairs."""

    def compare(
        self,
        lanes: Sequence[LaneName],
        *,
        probes: Sequence[str] | None = None,
        limit: int = 0,
        max_new_tokens: int = 48,
        shots: int = 0,
    ) -> Run:
        """Start measuring tuned lanes against their base: the task's held-out rows and probes.

        Without `probes`, those made for the base are asked; with `shots`, each once more behind
        so many solved cases. The runs may still be under way.
        """
        chosen = [LaneSpec.parse(lane) if isinstance(lane, str) else lane for lane in lanes]
        base, method, recipes = self._shared_base(chosen)
        comparison = Comparison(
            base=base,
            method=method,
            lanes=tuple(chosen),
            datasets=tuple(dict.fromkeys(recipe.dataset for recipe in recipes)),
            probes=tuple(self.retention_probes(base) if probes is None else probes),
            limit=limit,
            max_new_tokens=max_new_tokens,
            shots=shots,
            replayed=tuple(
                dict.fromkeys(name for lane in chosen for name in self.run(lane.run).replayed())
            ),
        )
        return self._measure(comparison, recipes[0].dataset)

    def _measure(self, comparison: Comparison, about: str) -> Run:
        """Start a measurement whose probes are all there."""
        comparison.gather_probes(self.settings.home)
        run = create_run(self.settings.runs, comparison, about=f"measure {about}")
        self._launcher.start(run)
        return run

    def measure_more(self, id: str, limit: int = 0) -> Run:
        """Measure once more what that measurement did, on up to `limit` cases per probe; 0: all.

        What it found is reused, also if it was broken off: only new cases cost time.
        """
        before = self.measurement(id).comparison
        if limit and limit < (before.limit or limit + 1):
            had = f"up to {before.limit}" if before.limit else "all"
            raise RunError(f"Run {id} asks {had} cases per probe already; give a higher limit.")
        more = before.model_copy(update={"limit": limit})
        return self._measure(more, self.run(before.lanes[0].run).recipe.dataset)

    def retention_probes(self, base: str) -> list[str]:
        """Names of the probes asked without being named: a base's own pack and a person's own.

        The starter has a pack of its own; the pack "general" is for every other base.
        """
        pack = base if base == "starter" else "general"
        own = own_probes(self.settings.probes)
        return [probe.name for probe in (*shipped_probes(pack), *own)]

    def probes(self) -> list[Probe]:
        """Every probe there is, the shipped ones first."""
        return find_probes(None, self.settings.probes)

    def import_probe(self, path: Path | str, **options: Any) -> Probe:
        """Keep a probe made of a person's file: see `studio.measure.importing` for which files.

        Options are name, title and kind; ProbeError leaves nothing behind.
        """
        return import_probe(Path(path).expanduser(), self.settings.probes, **options)

    def keep_heldout(self, dataset: str, **options: Any) -> Probe:
        """Keep a dataset's held-out examples as a retention probe; options: name and title."""
        return keep_heldout(self.dataset(dataset), self.settings.probes, **options)

    def flag_case(self, messages: Sequence[Message], answer: str) -> Probe:
        """Keep a chat's question with the answer that should stay; the probe of all flagged."""
        return flag(self.settings.probes, messages, answer)

    def _shared_base(self, lanes: Sequence[LaneSpec]) -> tuple[str, Any, list[Recipe]]:
        """Base and method that all lanes share, and their recipes; RunError if they differ."""
        if not lanes:
            raise RunError("Name at least one run to compare with its base.")
        runs = [self.run(lane.run) for lane in lanes]
        for run, lane in zip(runs, lanes, strict=True):
            if not run.makes_adapter:
                raise RunError(f"Run {run.id} is a measurement; only tuned runs can be compared.")
            if (status := run.status()) in UNDER_WAY:
                continue
            if lane.checkpoint is None and status != "finished":
                raise RunError(f"Run {run.id} is {status} and has no adapter to use.")
            run.adapter_at(lane.checkpoint)
        recipes = [run.recipe for run in runs]
        for recipe, lane in zip(recipes, lanes, strict=True):
            if not recipe.has_strength and lane.strength != 1:
                what = "a soft prompt" if recipe.is_soft else "a model begun from random weights"
                raise RunError(
                    f"{lane.run} is {what}, which is there or not and has no strength; ask "
                    f"for {lane.run} alone."
                )
        if len({(recipe.base, recipe.loading) for recipe in recipes}) > 1:
            raise RunError(
                "These runs were tuned on different bases or precisions, so one base lane cannot "
                "stand for all; compare them one at a time."
            )
        return recipes[0].base, recipes[0].loading, recipes

    def measurement(self, id: str) -> Run:
        """The measuring run of that id, or the newest finished one that measured that tuned run.

        One that measured the run as it ended, at full strength, goes before any other.
        """
        run = self.run(id)
        if run.kind == "compare":
            return run
        about = [
            (any(lane.id == id for lane in other.comparison.lanes), other)
            for other in self.runs()
            if other.kind == "compare"
            and any(lane.run == id for lane in other.comparison.lanes)
            and other.status() == "finished"
        ]
        if not about:
            raise RunError(f"Run {id} has not been measured yet; compare it with its base first.")
        return max(about, key=lambda one: one[0])[1]

    def report(self, id: str, **bounds: Any) -> Report:
        """The report of a measuring run, or the newest one about a tuned run.

        With bounds (margin, nll_margin, level) it is judged again by them; nothing is saved.
        """
        run = self.measurement(id)
        return rejudge(run, **bounds) if bounds else read_report(run)

    def repair(self, report_id: str | None, lane: LaneName, how: RemedyName, **options: Any) -> Run:
        """Start what mends the lane: tuning again, or a repair of its adapter.

        The report (a measurement's or a tuned run's id) says what fell and which strength is best;
        None will do where the options say so. Options are those of the remedy of that name in
        `studio.tuning.remedy`, and `name`.
        """
        spec = LaneSpec.parse(lane) if isinstance(lane, str) else lane
        self._shared_base([spec])
        run, name = self.run(spec.run), options.pop("name", "")
        made = mend(run, spec, how, report=self.report(report_id) if report_id else None, **options)
        if isinstance(made, Recipe):
            return self.train(made.model_copy(update={"name": name or made.name}))
        self._shared_base(made.sources)
        recipe = made.recipe.model_copy(update={"name": name or made.recipe.name})
        repaired = create_run(
            self.settings.runs, made.model_copy(update={"recipe": recipe}), about=recipe.name
        )
        self._launcher.start(repaired)
        return repaired

    def repair_and_measure(
        self, report_id: str | None, lane: LaneName, how: RemedyName, **options: Any
    ) -> tuple[Run, Run]:
        """Start `repair`, and after it the measurement of the lane before and after.

        It asks what the report asked, or without one every probe of the base.
        """
        asked: dict[str, Any] = {}
        if report_id:
            before = self.measurement(report_id).comparison
            before.gather_probes(self.settings.home)  # one that is gone is told before any work
            asked = before.asks | {"shots": before.shots}
        repaired = self.repair(report_id, lane, how, **options)
        return repaired, self.compare([lane, repaired.id], **asked)

    def export(self, id: str, folder: Path) -> Path:
        """Copy a finished run's adapter with card, recipe and newest report into a new folder."""
        run = self.run(id)
        if not run.makes_adapter or run.status() != "finished":
            raise RunError(f"Run {id} is {run.status()}; only a finished tuning run is exported.")
        if (run.adapter / MADE_FOR).exists():
            demand_whole(run.adapter)
        measurement = report = None
        with suppress(StudioError):  # not measured yet: the adapter goes without a report
            measurement = self.measurement(id)
            report = read_report(measurement)
        return pack(run, measurement, report, Path(folder).expanduser())
