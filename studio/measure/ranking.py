"""The order of three and more models by pairwise votes: Bradley and Terry's model.

Every model has a strength, and one is preferred to another with probability s / (s + other).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from studio.measure.bootstrap import Numbers, add_up, percentile_interval, resample
from studio.measure.statistics import Interval

POINTS = 400 / log(10)
"""Points per unit of log strength: 400 points are odds of ten to one, as in chess."""
PRIOR = 0.5
"""Virtual votes that every lane wins against each lane it met: strengths stay finite by them."""
_LEAST = 0.05  # of such a vote stays in every resample, or some would have no strengths at all


@dataclass(frozen=True)
class Rank:
    """One model's place; points are counted from the first model, which has 0."""

    name: str
    points: float
    interval: Interval | None
    """None for the first model, and where too few prompts were voted on."""


def rank(
    names: Sequence[str],
    votes: Sequence[tuple[str, int, int, float]],
    *,
    prior: float = PRIOR,
    level: float = 0.95,
    seed: int = 0,
) -> list[Rank]:
    """Points of every model against the first, with bootstrap intervals over prompts.

    A vote is (prompt, model, other model, score of the first of both: 1, 1/2 or 0), models as
    places in `names`. All votes on a prompt are drawn together. The virtual votes are a prompt
    for each model and are drawn like the others: so an interval keeps its width where a model won
    every vote, and a bootstrap of the votes alone would repeat itself. Models keep their order.
    """
    count = len(names)
    columns = np.zeros((len(votes), count, count))
    for row, (_, one, other, score) in enumerate(votes):
        columns[row, one, other] = score
        columns[row, other, one] = 1 - score
    sums = add_up(columns.reshape(len(votes), -1), [prompt for prompt, *_ in votes])
    wins = sums.sum(0).reshape(count, count)
    virtual = np.where(wins + wins.T > 0, prior, 0.0)
    by_model = virtual * np.eye(count)[:, :, None]  # (model that wins, model, other)
    fitted = fit(wins[None] + virtual)[0]
    drawn = resample(np.concatenate([sums, by_model.reshape(count, -1)]), seed=seed)
    resampled = fit(drawn.reshape(-1, count, count) + _LEAST * virtual)
    return [
        Rank(
            name,
            POINTS * float(fitted[place]),
            _scaled(percentile_interval(resampled[:, place], len(sums), level)) if place else None,
        )
        for place, name in enumerate(names)
    ]


def fit(wins: NDArray[np.float64], *, steps: int = 2000) -> Numbers:
    """Log strengths against the first model: (samples, models, models) to (samples, models).

    `wins[s, i, j]` counts how often i won against j. Hunter's (2004, Annals of Statistics
    32:384-406) iteration for the likelihood of Bradley & Terry (1952, Biometrika 39:324-345).
    Virtual votes for every pair that met are Davidson & Solomon's (1973, Biometrika 60:477-487)
    prior.
    """
    met = wins + wins.transpose(0, 2, 1)
    won = wins.sum(2)
    strength = np.ones(won.shape)
    for _ in range(steps):
        shared = met / (strength[:, :, None] + strength[:, None, :])
        better = won / np.maximum(shared.sum(2), 1e-300)
        better /= np.exp(np.log(np.maximum(better, 1e-300)).mean(1, keepdims=True))
        moved = float(np.abs(better - strength).max(initial=0.0))
        strength = better
        if moved < 1e-9:
            break
    logs = np.log(np.maximum(strength, 1e-300))
    return np.asarray(logs - logs[:, :1])


def _scaled(interval: Interval | None) -> Interval | None:
    return (POINTS * interval[0], POINTS * interval[1]) if interval else None
