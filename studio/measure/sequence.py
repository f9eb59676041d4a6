"""Runs tuned one after another: what each still can do of what the ones before it learned.

R[i][j] is the accuracy on task j after tuning on task i; row 0 is the base, before any tuning.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from studio.measure import statistics
from studio.measure.pairs import Pair
from studio.measure.probe import Probe

Marks = list[list[bool]]
"""One task's cases, right or wrong: a row per stage, the base first."""


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
    """A number with its interval."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    value: float
    low: float
    high: float


class TuningSequence(BaseModel):
    """The matrix R of runs tuned one after another, and what follows from it.

    Accuracies and their differences are shares. The intervals know how few cases there are; they
    do not know how another seed or another order of the tasks would do.
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
    1 <= l < T, over the tasks before the last (Chaudhry et al. 2018). The interval takes the best
    stage for known."""


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
    stages = range(1, len(chain) + 1)
    marks = [_mark([pairs[lane.id][name] for lane in chain]) for name in tasks]
    return TuningSequence(
        lanes=tuple(lane.id for lane in chain),
        tasks=tuple(tasks),
        titles=tuple(probes[name].title for name in tasks),
        cases=tuple(len(probes[name].cases) for name in tasks),
        matrix=tuple(
            tuple(_measure(column[stage], level) for column in marks) for stage in (0, *stages)
        ),
        acc=_average([_measure(column[-1], level) for column in marks]),
        bwt=_average([_change(column, stage, -1, level) for stage, column in _earlier(marks)]),
        fwt=_average(
            [_change(marks[stage], 0, stage, level) for stage in stages if stage < len(chain)]
        ),
        forgetting=_average(
            [_change(column, -1, _best(column), level) for _, column in _earlier(marks)]
        ),
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


def _mark(lanes: Sequence[Sequence[Pair]]) -> Marks:
    rows = [[bool(pair.base.correct) for pair in lanes[0]]]
    return rows + [[bool(pair.tuned.correct) for pair in pairs] for pairs in lanes]


def _earlier(marks: Sequence[Marks]) -> list[tuple[int, Marks]]:
    """The tasks before the last, each with the stage at which it was learned."""
    return list(enumerate(marks[:-1], start=1))


def _best(column: Marks) -> int:
    """The stage after which the task was done best, among all but the base and the last."""
    return max(range(1, len(column) - 1), key=lambda stage: sum(column[stage]))


def _measure(right: Sequence[bool], level: float) -> Measured:
    low, high = statistics.wilson_interval(sum(right), len(right), level)
    return Measured(value=sum(right) / len(right), low=low, high=high)


def _change(column: Marks, before: int, after: int, level: float) -> Measured:
    """How much more is right after one stage than after another, on the same cases."""
    both = list(zip(column[before], column[after], strict=True))
    lost, gained = both.count((True, False)), both.count((False, True))
    low, high = statistics.paired_interval(lost, gained, len(both), level)
    return Measured(value=(gained - lost) / len(both), low=low, high=high)


def _average(parts: Sequence[Measured]) -> Measured:
    low, high = statistics.average_interval([(one.value, (one.low, one.high)) for one in parts])
    return Measured(value=sum(one.value for one in parts) / len(parts), low=low, high=high)
