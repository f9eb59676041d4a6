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
from studio.names import slug
from studio.tuning.recipe import Recipe
from studio.tuning.repair import Repair
from studio.tuning.run import Run, open_run

INSTALL = "pip install -r requirements.txt"


@dataclass(frozen=True)
class Made:
    """A run that made an adapter, with the file that its recipe is kept in."""

    run: Run
    file: str

    @property
    def recipe(self) -> Recipe | None:
        """What it was tuned with; None for a repair, which is a command and no recipe."""
        return self.run.recipe if self.run.kind == "tune" else None


def find_runs(runs: Sequence[Run]) -> list[Made]:
    """The runs with all that they go on from, each once, the earlier ones first.

    The recipe of a run that was asked for alone is kept in recipe.yaml, and so is the only one;
    several are kept in recipe-1.yaml and so on.
    """
    found: dict[str, Run] = {}
    for run in runs:
        _gather(run, found)
    tuned = [run.id for run in found.values() if run.kind == "tune"]
    files = {id: f"recipe-{number}.yaml" for number, id in enumerate(tuned, start=1)}
    for run in runs:
        if len(runs) == 1 and (run.id in tuned or len(tuned) == 1):
            files[run.id if run.id in tuned else tuned[0]] = "recipe.yaml"
    return [Made(run, files.get(run.id, "")) for run in found.values()]


def _gather(run: Run, found: dict[str, Run]) -> None:
    if run.id in found:
        return
    for id in run.builds_on():
        with suppress(RunError):  # a deleted run is left out
            _gather(open_run(run.folder.parent, id), found)
    if run.makes_adapter:
        found[run.id] = run


def find_datasets(runs: Sequence[Made]) -> list[DatasetCard]:
    """The cards of the datasets that the runs learned from; a deleted one is left out."""
    cards: dict[str, DatasetCard] = {}
    for run in (one.run for one in runs):
        with suppress(DatasetError):
            folder = run.folder.parent.parent / "datasets"
            card = open_dataset(run.recipe.dataset, folder).card
            cards[card.id] = card
    return list(cards.values())


def tell_commands(
    datasets: Sequence[DatasetCard], runs: Sequence[Made], comparison: Comparison | None
) -> str:
    """The commands that build the data, tune and measure again, one per line."""
    lines = [INSTALL]
    for card in datasets:
        lines.append(f"# must say {card.id}; add --rows FILE if the rows were not the template's")
        lines.append(_build(card))
    for one in runs:
        if one.recipe is None:
            lines.append(_repair(one.run.repair))
        else:
            if one.recipe.start_from:
                lines.append(f"# set start_from in {one.file} to the new id of that run")
            lines.append(f"python -m studio train {one.file}   # makes {one.run.id} again")
    if comparison:
        lines.append("# with the ids of the new runs")
        lines.append(_compare(comparison))
    return "\n".join(lines)


def _repair(repair: Repair) -> str:
    first, *others = repair.sources
    words = ["python", "-m", "studio", "repair", "--how", repair.how, "--name", repair.recipe.name]
    match repair.how:
        case "strength":
            whole = first.model_copy(update={"strength": 1.0})
            words += ["--lane", whole.id, "--strength", f"{first.strength:g}"]
        case "average":
            words += ["--lane", first.id, "--lanes", ",".join(lane.id for lane in others)]
            words += ["--rank", str(repair.rank)]
        case "checkpoint":
            words += ["--lane", first.id]
        case "intruder":
            words += ["--lane", first.id, "--top", str(repair.top)]
            words += ["--likeness", f"{repair.likeness:g}", "--kept", f"{repair.kept:g}"]
    return shlex.join([*words, "--no-measure"])


def _build(card: DatasetCard) -> str:
    words = ["python", "-m", "studio", "build", card.template]
    if card.id.startswith(f"{slug(card.name)}-"):  # else it bears the template's own title
        words += ["--name", card.name]
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
