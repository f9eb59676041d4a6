"""What keeps old skills, over three seeds: `PYTHONPATH=. python tests/bench/forgetting.py`.

Tunes the starter on the sentiment dataset plainly and with each thing that a recipe can do to
keep old skills, three times each, and measures all of it in one comparison. Every row is the mean
over the seeds with the smallest and the largest.
"""

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from studio import Recipe, Studio
from studio.measure.delta import Delta
from studio.measure.probe import OVERALL
from studio.measure.report import Report

SEEDS = (1, 2, 3)
SAME = {"epochs": 2, "rank": 16, "replay": 0.0}
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "replay of self-written text, 30 %": {"replay": 0.3},
    "KL anchor 2.0 on self-written text": {"kl_anchor": 2.0},
    "KL anchor 2.0 on given text": {"kl_anchor": 2.0, "anchor_on": "general-text"},
    "half the learning rate": {"rate_factor": 0.5},
    "two lower layers frozen": {"frozen_layers": 2},
    "DFT loss": {"loss": "dft"},
    "NEFTune 5": {"neftune": 5},
    "budget of 0.05 nats": {"forgetting_budget": 0.05},
}


def main() -> None:
    """Tune, measure, print the table; a folder as argument is used as home and kept."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(scratch)
        with Studio(home) as studio:
            runs = tune(studio)
            lanes = [run for ids in runs.values() for run in ids]
            measured = studio.wait(studio.compare(lanes))
            show(runs, studio.report(measured.id))


def tune(studio: Studio) -> dict[str, list[str]]:
    """One run per way and seed; returns their ids."""
    dataset = studio.build("sentiment")
    learn = studio.preset("learn", dataset=dataset.id).model_dump() | SAME
    runs: dict[str, list[str]] = {way: [] for way in WAYS}
    for seed in SEEDS:
        for way, fields in WAYS.items():
            recipe = Recipe.make(learn | fields | {"seed": seed, "name": f"{way}, seed {seed}"})
            runs[way].append(studio.wait(studio.train(recipe)).id)
    return runs


def show(runs: dict[str, list[str]], report: Report) -> None:
    """A row per way: gain, what was forgotten in points and in nats, families forgotten."""
    table = Table(
        "tuned", "gained, points", "retention, points", "right answers less likely, nats per token",
        "families forgotten", title=f"{len(SEEDS)} seeds: mean (min … max)",
    )  # fmt: skip
    for way, lanes in runs.items():
        deltas = [report.of(lane) for lane in lanes]
        gains = [next(one for one in found if one.kind == "gain") for found in deltas]
        kept = [next(one for one in found if one.probe == OVERALL) for found in deltas]
        table.add_row(
            way,
            spread([100 * points(one) for one in gains]),
            spread([100 * points(one) for one in kept]),
            spread([one.nll_difference for one in kept], digits=3),
            spread([forgotten(found) for found in deltas], digits=0),
        )
    Console(width=140).print(table)


def points(delta: Delta) -> float:
    """The difference of accuracy, which every probe of this bench has."""
    if delta.difference is None:
        raise ValueError(f"{delta.title} has no accuracy.")
    return delta.difference


def forgotten(deltas: list[Delta]) -> int:
    """How many of the retention families the verdict calls forgotten."""
    return sum(one.verdict == "forgotten" and one.probe != OVERALL for one in deltas)


def spread(values: list[float] | list[int], *, digits: int = 1) -> str:
    """Mean, least and most."""
    mean = statistics.mean(values)
    return f"{mean:.{digits}f} ({min(values):.{digits}f} … {max(values):.{digits}f})"


if __name__ == "__main__":
    main()
