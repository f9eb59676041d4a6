"""A home with a run of every kind for the Tune tab: measured, failed, diverged, raced, advised."""

from math import exp
from typing import Any, NamedTuple

from made_outcomes import answered, probe
from made_report import make_report_home
from made_signals import made_signals

from studio import Recipe, Studio
from studio.measure.comparison import Comparison, LaneSpec
from studio.measure.results import save_probes, save_report
from studio.models.catalogue import find_base
from studio.tuning.events import append_event
from studio.tuning.options import loading_for
from studio.tuning.race import Entrant, Race, save_race
from studio.tuning.run import Run, create_run
from studio.tuning.signals import signals_path

TOTAL = 60
ASKED = [("held out", "Is the review positive or negative? A joy.", "positive"),
         ("old skill", "What is the capital of France?", "Paris")]  # fmt: skip


class TuneHome(NamedTuple):
    """What was made."""

    dataset: str
    plain: Run
    keeping: Run
    failed: Run
    diverged: Run
    live: Run
    race: Race


def make_tune_home(studio: Studio) -> TuneHome:
    """Two measured runs, one out of memory, one diverged, one half done, a race, and advice."""
    home = make_report_home(studio)
    dataset = home.plain.recipe.dataset
    race = make_race(studio, dataset)
    make_advice(studio, dataset)
    failed = begin(studio, Recipe(dataset=dataset, name="Too large", batch_size=512), steps=2)
    told = {"message": "The memory is full. Start it again with the recipe that fits: half the "
            "batch_size and twice the accumulation.", "out_of_memory": True}  # fmt: skip
    say(failed, "failed", **told, peak_memory=9_800_000_000, disk=70_000, seconds=12.0)
    diverged = begin(studio, Recipe(dataset=dataset, name="Too fast", learning_rate=0.3), steps=21)
    (diverged.folder / "checkpoints" / "20").mkdir(parents=True)
    told = {"message": f"The loss is no longer a number at step 22. What it was at step 20 was "
            f"kept: {diverged.id}:20."}  # fmt: skip
    say(diverged, "diverged", **told, kept=20, peak_memory=1_400_000_000, disk=900_000)
    live = begin(studio, Recipe(dataset=dataset, name="Reviews", kl_anchor=0.5), steps=38)
    return TuneHome(dataset, home.plain, home.keeping, failed, diverged, live, race)


def begin(studio: Studio, recipe: Recipe, *, steps: int) -> Run:
    """A run that learned for so many steps of 60 and over-fits from the thirtieth on."""
    run = create_run(studio.settings.runs, recipe, about=recipe.name)
    say(run, "started", pid=1)
    say(run, "phase", name="training")
    for step in range(steps + 1):
        if step:
            loss = 0.1 + 3 * exp(-step / 12) + 0.15 * (step % 3)
            say(run, "step", step=step, loss=round(loss, 4), learning_rate=1e-3, seconds=0.8,
                tokens_per_second=2210.0, kl=0.02 * step / TOTAL)  # fmt: skip
        if step % 6 == 0:
            heldout = 0.4 + 2.9 * exp(-step / 9) + max(0, step - 18) * 0.012
            say(run, "heldout", step=step, loss=round(heldout, 4))
            say(run, "look", step=step, retention=3.2 + step / 400, forgotten=step / 400,
                kl=step / 900, memory=1_300_000_000, seconds=0.4)  # fmt: skip
        if step % 18 == 0:
            said = [
                {"about": about, "asked": asked, "wanted": wanted,
                 "answer": wanted if step or about == "old skill" else "I like it very much."}
                for about, asked, wanted in ASKED
            ]  # fmt: skip
            say(run, "answers", step=step, said=said)
    return run


def say(run: Run, kind: str, **fields: Any) -> None:
    """One event; whatever counts steps says of how many."""
    total = {"total": TOTAL} if "step" in fields else {}
    append_event(run.folder / "events.jsonl", kind, **fields, **total)


def make_advice(studio: Studio, dataset: str) -> None:
    """What measuring the dataset on the starter would have kept."""
    found = made_signals(dataset=dataset, train=32, heldout=8)
    method = loading_for(found.shape, studio.machine())
    path = signals_path(
        studio.settings.cache, dataset, find_base("starter").fingerprint, method
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(found.model_copy(update={"method": method}).model_dump_json())


def make_race(studio: Studio, dataset: str) -> Race:
    """A race that is over: the first gained more and kept as much."""
    recipes = {
        "Rank 32": Recipe(dataset=dataset, rank=32),
        "Rank 8": Recipe(dataset=dataset, rank=8),
    }
    runs = {}
    for title, recipe in recipes.items():
        trial = recipe.model_copy(update={"name": f"Race: {title}"})
        runs[title] = create_run(studio.settings.runs, trial, about=trial.name)
        say(runs[title], "finished", steps=50)
    lanes = tuple(LaneSpec(run=run.id) for run in runs.values())
    spec = Comparison(base="starter", method="qlora", lanes=lanes, datasets=(dataset,))
    measured = create_run(studio.settings.runs, spec, about="race measured")
    task, old = probe("task", 50, "gain"), probe("old", 50)
    outcomes = [*answered("base", task, [False] * 50), *answered("base", old, [True] * 50)]
    for run, right in zip(runs.values(), (40, 25), strict=True):
        outcomes += answered(run.id, task, [number < right for number in range(50)])
        outcomes += answered(run.id, old, [True] * 50)
    save_probes(measured, [task, old])
    save_report(measured, outcomes, [task, old], conditions={})
    say(measured, "finished")
    entrants = tuple(
        Entrant(run=runs[title].id, title=title, recipe=recipe) for title, recipe in recipes.items()
    )
    race = Race(id=entrants[0].run, dataset=dataset, base="starter", entrants=entrants,
                measurements=(measured.id,))  # fmt: skip
    save_race(studio.settings.races, race)
    return race
