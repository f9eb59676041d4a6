"""How to make a measurement again: its data, its recipes, and the commands in their order."""

import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from studio.data.card import DatasetCard
from studio.data.dataset import open_dataset
from studio.errors import DatasetError, ProbeError, RunError
from studio.measure.comparison import Comparison
from studio.measure.probe import shipped
from studio.tuning.recipe import Recipe
from studio.tuning.run import Run, open_run

INSTALL = "pip install -r requirements.txt"


@dataclass(frozen=True)
class Tuned:
    """One tuned run behind a measurement, with the file that its recipe is kept in."""

    run: str
    title: str
    file: str
    recipe: Recipe


def find_recipes(runs: Sequence[Run]) -> list[Tuned]:
    """The recipes of the runs, each once."""
    found: dict[str, Tuned] = {}
    for run in runs:
        if run.id not in found:
            file = "recipe.yaml" if len(runs) == 1 else f"recipe-{len(found) + 1}.yaml"
            found[run.id] = Tuned(run.id, run.title, file, run.recipe)
    return list(found.values())


def find_runs(measurement: Run) -> list[Run]:
    """The tuned runs that a measurement is about; a deleted one is left out."""
    runs: dict[str, Run] = {}
    for lane in measurement.comparison.lanes:
        with suppress(RunError):
            runs[lane.run] = open_run(measurement.folder.parent, lane.run)
    return list(runs.values())


def find_datasets(runs: Sequence[Run]) -> list[DatasetCard]:
    """The cards of the datasets that the runs learned from; a deleted one is left out."""
    cards: dict[str, DatasetCard] = {}
    for run in runs:
        with suppress(DatasetError):
            folder = run.folder.parent.parent / "datasets"
            card = open_dataset(run.recipe.dataset, folder).card
            cards[card.id] = card
    return list(cards.values())


def tell_commands(
    datasets: Sequence[DatasetCard], tuned: Sequence[Tuned], comparison: Comparison | None
) -> str:
    """The commands that build the data, tune and measure again, one per line."""
    lines = [INSTALL]
    for card in datasets:
        lines.append(f"# must say {card.id}; add --rows FILE if the rows were not the template's")
        lines.append(_build(card))
    for one in tuned:
        lines.append(f"python -m studio train {one.file}   # makes run {one.run} again")
    if comparison:
        lines.append("# with the ids of the new runs")
        lines.append(_compare(comparison))
    return "\n".join(lines)


def _build(card: DatasetCard) -> str:
    words = ["python", "-m", "studio", "build", card.template, "--name", card.name]
    words += ["--heldout-share", f"{card.heldout_share:g}", "--phrasings", card.phrasings]
    words += ["--seed", str(card.seed)]
    if card.limit is not None:
        words += ["--limit", str(card.limit)]
    return shlex.join(words)


def _compare(comparison: Comparison) -> str:
    words = ["python", "-m", "studio", "compare", *(lane.id for lane in comparison.lanes)]
    if comparison.probes:
        words += ["--probes", ",".join(_packs(comparison.probes))]
    words += ["--limit", str(comparison.limit)]
    words += ["--max-new-tokens", str(comparison.max_new_tokens)]
    if comparison.shots:
        words += ["--shots", str(comparison.shots)]
    return shlex.join(words)


def _packs(names: Sequence[str]) -> list[str]:
    """The names, with a pack's name for its probes where all of them are among the names."""
    packs: dict[str, set[str]] = {}
    with suppress(ProbeError):
        for probe in shipped(None):
            packs.setdefault(probe.pack, set()).add(probe.name)
    told: dict[str, None] = {}
    for name in names:
        whole = (pack for pack, members in packs.items() if name in members <= set(names))
        told[next(whole, name)] = None
    return list(told)
