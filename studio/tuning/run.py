"""A run is a folder: what to do, what happened, and what came of it.

    runs/<id>/
      recipe.json (…)                   what to do, written once before the worker starts
      events.jsonl                      appended by the worker and by nobody else
      worker.log                        what the worker printed
      alive.lock                        locked while the worker lives
      adapter/                          the result, put there by one rename
      checkpoints/<step>/               what it was on the way, likewise
      states/<step>/                    what it can go on from, while it has not ended
      outcomes.jsonl, report.json       when it measured

Status is derived from the last event and the lock, and stored nowhere.
"""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from studio.data.dataset import open_dataset
from studio.errors import DatasetError, RunError
from studio.measure.comparison import Comparison
from studio.names import slug
from studio.tuning.events import Event, read_events, still_true
from studio.tuning.label import read_label
from studio.tuning.lock import is_locked
from studio.tuning.recipe import Recipe
from studio.tuning.repair import Repair
from studio.tuning.states import forget_states, state_steps
from studio.tuning.stopping import AGAIN, EVENTS, LAST_WORDS, LOCK, ask, insist, reopen

Kind = Literal["tune", "compare", "repair"]
Status = Literal[
    "created", "waiting", "running", "paused", "finished", "failed", "diverged", "cancelled",
    "interrupted",
]  # fmt: skip
SPECS: dict[Kind, str] = {
    "tune": "recipe.json", "compare": "comparison.json", "repair": "repair.json"
}  # fmt: skip
UNDER_WAY = ("created", "waiting", "running")
RESUMABLE = ("paused", "interrupted", "failed")


class Run:
    """One piece of work in a worker process, seen through its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"Run({self.id!r})"

    @property
    def id(self) -> str:
        """The folder's name: time, and what it is about."""
        return self.folder.name

    @property
    def kind(self) -> Kind:
        """A tuning run has a recipe, a measuring run a comparison, a repairing run a repair."""
        return next(
            (kind for kind, name in SPECS.items() if (self.folder / name).exists()), "compare"
        )

    @property
    def makes_adapter(self) -> bool:
        """Whether its result can be talked to, measured and exported."""
        return self.kind != "compare"

    @property
    def recipe(self) -> Recipe:
        """What a tuning run was told to do, or how the adapter of a repairing run was tuned."""
        if self.kind == "repair":
            return self.repair.recipe
        return Recipe.model_validate_json(self._text("recipe.json"))

    @property
    def repair(self) -> Repair:
        """What a repairing run was told to do."""
        return Repair.model_validate_json(self._text("repair.json"))

    @property
    def comparison(self) -> Comparison:
        """What a measuring run was told to do."""
        return Comparison.model_validate_json(self._text("comparison.json"))

    def summary(self) -> str:
        """What it was told to do, in a line."""
        match self.kind:
            case "tune":
                return self.recipe.summary()
            case "repair":
                return self.repair.summary()
            case "compare":
                return self.title

    @property
    def adapter(self) -> Path:
        """Where the adapter is once the run has finished."""
        return self.folder / "adapter"

    def adapter_at(self, step: int | None) -> Path:
        """The adapter of an earlier step, or (None) of the end; raises RunError if not kept."""
        if step is None:
            return self.adapter
        if step not in (kept := self.checkpoints()):
            listed = f"it kept steps {', '.join(map(str, kept))}" if kept else "it kept none"
            raise RunError(f"Run {self.id} has no checkpoint of step {step}; {listed}.")
        return self.folder / "checkpoints" / str(step)

    def checkpoints(self) -> list[int]:
        """The steps whose adapters were kept on the way, earliest first."""
        found = (self.folder / "checkpoints").glob("[0-9]*")
        return sorted(int(entry.name) for entry in found if entry.name.isdecimal())

    def lanes(self) -> list[str]:
        """What of it can be talked to and measured: its end if it finished, and earlier steps."""
        ended = [self.id] if self.makes_adapter and self.status() == "finished" else []
        return ended + [f"{self.id}:{step}" for step in self.checkpoints()]

    def replayed(self) -> tuple[str, ...]:
        """Probes of which one half was learned by this run or by one it goes on from."""
        try:
            made_for = json.loads((self.adapter / "made_for.json").read_text(encoding="utf-8"))
            return tuple(made_for.get("replayed", ()))
        except FileNotFoundError:  # not finished yet: what it will have learned
            names = dict.fromkeys(
                [*self.recipe.replay_probes, *self.recipe.anchor_on, *self._mixed_in()]
            )
            for id in self.builds_on():
                if (before := Run(self.folder.parent / id)).folder.exists():
                    names |= dict.fromkeys(before.replayed())
            return tuple(names)

    def _mixed_in(self) -> tuple[str, ...]:
        """Probes of which one half is part of the dataset."""
        with suppress(DatasetError):  # removed since
            datasets = self.folder.parent.parent / "datasets"
            return open_dataset(self.recipe.dataset, datasets).card.replayed()
        return ()

    def builds_on(self) -> list[str]:
        """Ids of the runs that have to end before this one can begin, each once."""
        if self.kind == "tune":
            return [self.recipe.start_from] if self.recipe.start_from else []
        lanes = self.repair.sources if self.kind == "repair" else self.comparison.lanes
        return list(dict.fromkeys(lane.run for lane in lanes))

    @property
    def title(self) -> str:
        """What a person called it."""
        if self.kind == "compare":
            lanes = self.comparison.lanes
            return f"Measurement of {len(lanes)} run" + ("s" if len(lanes) > 1 else "")
        return read_label(self.folder).title or self.recipe.name or self.recipe.dataset

    @property
    def note(self) -> str:
        """What a person noted about it."""
        return read_label(self.folder).note

    def _text(self, name: str) -> str:
        try:
            return (self.folder / name).read_text(encoding="utf-8")
        except OSError as error:
            raise RunError(f"Run {self.id} has no {name}; it is not a whole run folder.") from error

    def events(self) -> list[Event]:
        """What happened so far; without steps that were taken back, or a line half written."""
        return still_true(self.all_events())

    def all_events(self) -> list[Event]:
        """Everything that was ever written down, in its order."""
        return list(read_events(self.folder / EVENTS))

    def status(self) -> Status:
        """Derived from the last event and the lock; "interrupted" if the worker died wordless."""
        alive = self.is_alive()  # before reading: a last word written in between is still seen
        events = self.all_events()
        last = events[-1].kind if events else AGAIN
        if last in LAST_WORDS:
            return last  # type: ignore[return-value]
        if last == AGAIN:
            return "created"
        if not alive:
            return "interrupted"
        return "waiting" if last == "waiting" else "running"

    def is_alive(self) -> bool:
        """Whether a worker holds the run's lock."""
        return is_locked(self.folder / LOCK)

    def error(self) -> str | None:
        """Why it failed, diverged or had to pause, in a sentence, if it did."""
        events = self.all_events()
        last = events[-1] if events else None
        if last and last.kind in ("failed", "diverged", "paused", "hung"):
            return None if last["message"] is None else str(last["message"])
        if self.status() != "interrupted":
            return None
        return "The worker stopped without a last word: killed, out of memory, or power lost."

    def starts(self) -> int:
        """How often a worker has begun with it."""
        return sum(event.kind == "started" for event in self.all_events())

    def goes_on_from(self) -> int:
        """The newest step whose state was saved; 0 if it would begin anew."""
        return max(state_steps(self.folder), default=0)

    def steps(self) -> list[dict[str, Any]]:
        """Numbers of every logged training step: step, total, loss, learning_rate, seconds, …"""
        return [event.model_extra or {} for event in self.events() if event.kind == "step"]

    def last(self, kind: str) -> Event | None:
        """The newest event of a kind."""
        return next((event for event in reversed(self.events()) if event.kind == kind), None)

    def log_tail(self, lines: int = 40) -> str:
        """The end of what the worker printed."""
        try:
            text = (self.folder / "worker.log").read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def cancel(self) -> None:
        """Stop the run for good; its folder stays. Raises RunError if it has ended already."""
        self._demand_under_way("cancelled")
        insist(self.folder, "cancelled")
        forget_states(self.folder)

    def pause(self) -> None:
        """Let it save its state after the step under way, and stop; returns before it has.

        Raises RunError if it has ended already.
        """
        self._demand_under_way("paused")
        ask(self.folder, "paused")

    def _demand_under_way(self, word: str) -> None:
        if (status := self.status()) not in UNDER_WAY:
            raise RunError(f"Run {self.id} cannot be {word}: it is {status}.")

    def reopen(self, *, automatic: bool = False) -> bool:
        """Let a worker go on with it; False if one is asked for already.

        Raises RunError if there is nothing to go on with.
        """
        if self.status() in RESUMABLE and reopen(self.folder, automatic=automatic):
            return True
        if self.status() == "created":
            return False
        raise RunError(f"Run {self.id} is {self.status()}; there is nothing to resume.")


def create_run(runs_folder: Path, spec: Recipe | Comparison | Repair, *, about: str) -> Run:
    """Make the folder of a new run and write what it is to do; nothing starts yet."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    called = slug(about) or "run"
    name = f"{type(spec).__name__.lower()}.json"
    for attempt in range(1000):
        folder = runs_folder / (f"{stamp}-{called}" + (f"-{attempt + 1}" if attempt else ""))
        building = folder.with_name(f".{folder.name}")
        try:
            building.mkdir(parents=True)
        except FileExistsError:
            continue
        (building / name).write_text(spec.model_dump_json(indent=2) + "\n", encoding="utf-8")
        if not folder.exists():
            building.rename(folder)
            return Run(folder)
        (building / name).unlink()
        building.rmdir()
    raise RunError(f"No free name for a new run in {runs_folder}; try again in a second.")


def open_run(runs_folder: Path, run_id: str) -> Run:
    """The run with this id; raises RunError naming the newest ones if there is none."""
    known = [run.id for run in list_runs(runs_folder)]
    if run_id not in known:
        hint = f"The newest are {', '.join(known[:3])}." if known else "There are no runs yet."
        raise RunError(f"There is no run {run_id!r}. {hint}")
    return Run(runs_folder / run_id)


def list_runs(runs_folder: Path) -> list[Run]:
    """All runs, newest first."""
    if not runs_folder.is_dir():
        return []
    folders = (
        entry
        for entry in runs_folder.iterdir()
        if not entry.name.startswith(".")
        and any((entry / name).exists() for name in SPECS.values())
    )
    return [Run(folder) for folder in sorted(folders, key=lambda entry: entry.name, reverse=True)]
