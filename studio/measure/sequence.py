"""Runs tuned one after another: what each still can do of what the ones before it learned.

R[i][j] is the accuracy on task j after tuning on task i; row 0 is the base, before any tuning.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict

from studio.measure import bootstrap, statistics
from studio.measure.bootstrap import Numbers
from studio.measure.pairs import Pair
from studio.measure.probe import Probe

Cube = Numbers
"""Accuracies: (resamples, 1 + tasks, tasks), the base's row first."""


class Lane(Protocol):
    """What a sequence has to know about a lane."""

    @property
    def id(self) -> str:
        """As in the outcomes."""

    @property
    def run(self) -> str:
        """The run that made its adapter."""

    @property
    def dataset(self) -> str:
        """What the run was tuned on."""

    @property
    def start_from(self) -> str:
        """The run whose adapter it went on from; empty: the base."""

    @property
    def strength(self) -> float:
        """1 is the adapter as it was trained."""

    @property
    def checkpoint(self) -> int | None:
        """None is the adapter the run ended with."""


class Measured(BaseModel):
    """A number with its interval; no interval where there are too few cases."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    value: float
    low: float | None
    high: float | None


class TuningSequence(BaseModel):
    """The matrix R of runs tuned one after another, and what follows from it.

    Accuracies and their differences are shares. The intervals are a bootstrap over the cases of
    each task; they do not know how another seed or another order of the tasks would do.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    lanes: tuple[str, ...]
    """The lanes in the order in which they were tuned."""
    tasks: tuple[str, ...]
    """Their gain probes in the same order."""
    titles: tuple[str, ...]
    """What a person reads for each task."""
    cases: tuple[int, ...]
    """Cases of each task."""
    matrix: tuple[tuple[Measured, ...], ...]
    """R with Wilson intervals; row 0 is the base, row i the i-th lane, column j the j-th task."""
    acc: Measured
    """ACC: mean accuracy over all tasks at the end (Lopez-Paz & Ranzato 2017)."""
    bwt: Measured
    """BWT: mean of R[T][j] - R[j][j] over the tasks before the last; below 0 is forgetting."""
    fwt: Measured
    """FWT: mean of R[j-1][j] - R[0][j] from the second task on, with the base's own score for
    R[0][j], where Lopez-Paz & Ranzato take a model that has learned nothing."""
    forgetting: Measured
    """Mean drop from the best score after any earlier task, max R[l][j] - R[T][j] over
    1 <= l < T, over the tasks before the last (Chaudhry et al. 2018)."""


def follow(
    lanes: Sequence[Lane],
    pairs: Mapping[str, Mapping[str, Sequence[Pair]]],
    probes: Mapping[str, Probe],
    *,
    level: float,
) -> TuningSequence | None:
    """The lanes as a sequence; None unless two or more were tuned one after another, each on a
    task of its own that was measured."""
    chain = find_chain(lanes)
    tasks = [lane.dataset for lane in chain]
    measured = all(name in probes and probes[name].kind == "gain" for name in tasks)
    if len(chain) < 2 or len(set(tasks)) < len(tasks) or not measured:
        return None
    columns = [_marks([pairs[lane.id][name] for lane in chain]) for name in tasks]
    value = np.stack([marks.mean(axis=1) for marks in columns], axis=1)[None]
    drawn = np.stack(
        [
            _resample(column, probes[name], seed)
            for seed, (column, name) in enumerate(zip(columns, tasks, strict=True))
        ],
        axis=2,
    )
    fewest = min(len({case.cluster or case.id for case in probes[name].cases}) for name in tasks)

    def measure(summary: Callable[[Cube], Numbers]) -> Measured:
        ends = bootstrap.percentile_interval(summary(drawn), fewest, level) or (None, None)
        return Measured(value=float(summary(value)[0]), low=ends[0], high=ends[1])

    return TuningSequence(
        lanes=tuple(lane.id for lane in chain),
        tasks=tuple(tasks),
        titles=tuple(probes[name].title for name in tasks),
        cases=tuple(len(probes[name].cases) for name in tasks),
        matrix=_frame(columns, level),
        acc=measure(accuracy_at_the_end),
        bwt=measure(backward_transfer),
        fwt=measure(forward_transfer),
        forgetting=measure(forgetting),
    )


def find_chain(lanes: Sequence[Lane]) -> list[Lane]:
    """The longest row of lanes of which each went on from the run before; the first may have any
    start. Only adapters as they ended, at full strength."""
    whole = {lane.run: lane for lane in lanes if lane.strength == 1 and lane.checkpoint is None}
    best: list[Lane] = []
    for last in whole.values():
        chain = [last]
        while (before := whole.get(chain[0].start_from)) is not None and before not in chain:
            chain.insert(0, before)
        best = max(best, chain, key=len)
    return best


def accuracy_at_the_end(cube: Cube) -> Numbers:
    """ACC = 1/T Σ_j R[T][j], for each matrix of the cube."""
    averages: Numbers = np.mean(cube[:, -1], axis=1)
    return averages


def backward_transfer(cube: Cube) -> Numbers:
    """BWT = 1/(T-1) Σ_{j<T} (R[T][j] - R[j][j])."""
    earlier = np.arange(cube.shape[2] - 1)
    averages: Numbers = np.mean(cube[:, -1, earlier] - cube[:, earlier + 1, earlier], axis=1)
    return averages


def forward_transfer(cube: Cube) -> Numbers:
    """FWT = 1/(T-1) Σ_{j>=2} (R[j-1][j] - R[0][j])."""
    later = np.arange(1, cube.shape[2])
    averages: Numbers = np.mean(cube[:, later, later] - cube[:, 0, later], axis=1)
    return averages


def forgetting(cube: Cube) -> Numbers:
    """F = 1/(T-1) Σ_{j<T} (max_{1<=l<T} R[l][j] - R[T][j])."""
    averages: Numbers = np.mean(cube[:, 1:-1, :-1].max(axis=1) - cube[:, -1, :-1], axis=1)
    return averages


def _marks(lanes: Sequence[Sequence[Pair]]) -> Numbers:
    """Right (1) or wrong (0): (1 + lanes, cases), the base's row first."""
    rows = [[bool(pair.base.correct) for pair in lanes[0]]]
    rows += [[bool(pair.tuned.correct) for pair in pairs] for pairs in lanes]
    return np.asarray(rows, float)


def _resample(marks: Numbers, probe: Probe, seed: int) -> Numbers:
    """Bootstrapped accuracies of one task: (resamples, 1 + lanes)."""
    columns = np.vstack([marks, np.ones(marks.shape[1])]).T
    sums = bootstrap.add_up(columns, [case.cluster or case.id for case in probe.cases])
    drawn = bootstrap.resample(sums, seed=seed)
    return drawn[:, :-1] / drawn[:, -1:]


def _frame(columns: Sequence[Numbers], level: float) -> tuple[tuple[Measured, ...], ...]:
    def measure(marks: Numbers) -> Measured:
        low, high = statistics.wilson_interval(float(marks.sum()), len(marks), level)
        return Measured(value=float(marks.mean()), low=low, high=high)

    rows = range(len(columns[0]))
    return tuple(tuple(measure(column[row]) for column in columns) for row in rows)
