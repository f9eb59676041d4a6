"""What blind votes between two models show: which one is preferred, how surely, by how far.

Every function is pure and says which formula it uses and where that comes from. A vote is a win,
a loss, or neither of them (a tie, or both answers bad, counts half); wins and losses are decisive.
Each prompt is voted on once per pair of models, so that votes are independent draws of prompts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, comb, exp, log, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from studio.measure.statistics import Interval, normal_quantile, paired_interval

FEWEST_DECISIVE = 20
"""Below so many decisive votes nothing is claimed: even 14 of 19 would happen by chance."""
MOST_VOTES = 2000
"""`needed_votes` looks no further than this many decisive votes."""
EARLY = 0.1
"""Part of the accepted error that a preference told before the planned end may use."""


def win_rate(wins: int, losses: int, n: int, level: float = 0.95) -> tuple[float, Interval]:
    """Share of the votes won, ties counted half, and its confidence interval over prompts.

    The rate is 1/2 + (wins - losses) / 2n, half of a paired difference moved to 1/2, so that
    Tango's score interval for that difference is its interval: it stays honest where a bootstrap
    collapses, such as after ten wins in ten votes. Raises ZeroDivisionError for no votes.
    """
    low, high = paired_interval(losses, wins, n, level)
    return 0.5 + (wins - losses) / (2 * n), (0.5 + low / 2, 0.5 + high / 2)


def sign_test(wins: int, losses: int) -> float:
    """Two-sided p of "a decisive vote goes either way with 1/2": the exact binomial test.

    Holds if the number of votes was settled before the first look at the score.
    """
    n, more = wins + losses, max(wins, losses)
    return min(1.0, 2 * sum(comb(n, k) for k in range(more, n + 1)) / (1 << n))


def anytime_p(won: Sequence[bool]) -> float:
    """p of "a decisive vote goes either way with 1/2" that holds however often one looks.

    The likelihood of the votes in their order, averaged over all win rates, against that of 1/2:
    E = 2ⁿ / ((n + 1) C(n, wins)). Under 1/2 it is a martingale, and by Ville's inequality (1939)
    it ever reaches 1/p with a probability of at most p (Robbins 1970, Annals of Mathematical
    Statistics 41:1397-1409). So p = 1 / the largest E on the way, at most 1.
    """
    most, wins = 0.0, 0
    for n, win in enumerate(won, 1):
        wins += win
        most = max(most, n * log(2) - log((n + 1) * comb(n, wins)))
    return exp(-most)


def is_shown(
    won: Sequence[bool], *, finished: bool, comparisons: int = 1, level: float = 0.95
) -> bool:
    """Whether decisive votes show a preference, looked at while they come or at the planned end.

    At the end the sign test decides at 1 - level; before it, where names and scores are seen as
    one goes, only overwhelming evidence does: `anytime_p` at a tenth of that (the idea of
    Haybittle, 1971, British Journal of Radiology 44:793-797, and Peto). Both ways together are
    wrong in at most 5.1 % of arenas without a preference, for up to 200 decisive votes (counted
    exactly in the tests). `comparisons` divides the error among so many comparisons. Fewer than
    FEWEST_DECISIVE votes show nothing.
    """
    if len(won) < FEWEST_DECISIVE:
        return False
    error = (1 - level) / comparisons
    if finished and sign_test(sum(won), len(won) - sum(won)) <= error:
        return True
    return anytime_p(won) <= EARLY * error


@lru_cache(maxsize=512)
def needed_votes(rate: float, *, power: float = 0.8, level: float = 0.95) -> int | None:
    """How many decisive votes find a preference with probability `power`; None: over MOST_VOTES.

    If decisive votes are won at `rate`, the least number at which the exact sign test is below
    1 - level with that power (at least FEWEST_DECISIVE): 20 at 80 %, 49 at 70 %, 199 at 60 %.
    """
    better = max(rate, 1 - rate)
    if better <= 0.5:
        return None
    # The normal approximation is close; the exact power rises in steps around it.
    reach = normal_quantile(level) / 2 + normal_quantile(2 * power - 1) * sqrt(rate * (1 - rate))
    about = (reach / (better - 0.5)) ** 2
    for n in range(max(FEWEST_DECISIVE, int(0.85 * about)), MOST_VOTES + 1):
        chance = _tails(n, 0.5)
        least = int(np.argmax(2 * chance <= 1 - level))  # the fewest wins that are significant
        if _tails(n, better)[least] >= power:
            return n
    return None


def votes_still_needed(wins: int, losses: int, n: int, *, level: float = 0.95) -> int | None:
    """How many votes of any kind are still to be cast, if the rates seen so far stay.

    See `needed_votes`; 0 if there are enough, None if nothing was decisive or it is too many.
    """
    decisive = wins + losses
    needed = needed_votes(wins / decisive, level=level) if decisive else None
    return None if needed is None else ceil(max(0, needed - decisive) * n / decisive)


def _tails(n: int, rate: float) -> NDArray[np.float64]:
    """P(X >= k) for k = 0 … n + 1, X ~ Binomial(n, rate)."""
    k = np.arange(n + 1)
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    with np.errstate(divide="ignore", invalid="ignore"):
        lost = np.where(k < n, (n - k) * np.log1p(-rate), 0.0)
    terms = np.exp(logs[n] - logs - logs[::-1] + k * log(rate) + lost)
    return np.concatenate([np.cumsum(terms[::-1])[::-1], [0.0]])


@dataclass(frozen=True)
class Adjusted:
    """The win rate two answers of equal length would have."""

    rate: float
    interval: Interval
    pull: float
    """Log odds that a much longer answer gains; above 0 the judge likes length."""


def adjust_for_length(
    scores: ArrayLike, longer_by: ArrayLike, level: float = 0.95
) -> Adjusted | None:
    """The win rate at equal lengths; None where lengths never differ or tell the winner alone.

    `scores` holds 1, 1/2 or 0 per prompt, `longer_by` how much longer the scored answer was. As
    in length-controlled AlpacaEval (Dubois et al. 2024, arXiv 2404.04475), log odds are
    θ + β tanh(difference / its standard deviation), and the rate is the one at no difference.
    Halves make it a fractional logistic regression with a robust covariance (Papke & Wooldridge
    1996, Journal of Applied Econometrics 11:619-632), widened by n / (n - 2) for few votes.
    """
    y, difference = np.asarray(scores, float), np.asarray(longer_by, float)
    n, spread = len(y), float(np.std(difference)) if len(y) else 0.0
    if n < 3 or spread == 0:
        return None
    design = np.column_stack([np.ones(n), np.tanh(difference / spread)])
    fitted = _fit_logistic(design, y)
    if fitted is None:
        return None
    weights, share = fitted
    bread = np.linalg.inv((design * (share * (1 - share))[:, None]).T @ design)
    residuals = design * (y - share)[:, None]
    covariance = bread @ (residuals.T @ residuals) @ bread * n / (n - 2)
    reach = normal_quantile(level) * float(np.sqrt(covariance[0, 0]))
    at = float(weights[0])
    interval = _logistic(at - reach), _logistic(at + reach)
    return Adjusted(rate=_logistic(at), interval=interval, pull=float(weights[1]))


def _fit_logistic(
    design: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Newton's method; None if the weights run away, because something tells winners alone."""
    weights = np.zeros(design.shape[1])
    for _ in range(50):
        share = 1 / (1 + np.exp(-design @ weights))
        curvature = (design * (share * (1 - share))[:, None]).T @ design
        if np.linalg.cond(curvature) > 1e10:
            return None
        step = np.linalg.solve(curvature, design.T @ (y - share))
        weights = weights + step
        if float(np.abs(weights).max()) > 15:
            return None
        if float(np.abs(step).max(initial=0.0)) < 1e-10:
            return weights, 1 / (1 + np.exp(-design @ weights))
    return None


def _logistic(value: float) -> float:
    return 1 / (1 + exp(-value)) if value > -700 else 0.0
