"""How sure a ratio over many cases is, such as nats per token, when some cases hang together.

Cases of one cluster (of one document, say) are drawn together, because what happens to one tells
much about the others; nothing is ever drawn token by token. Every function is pure.
"""

from collections.abc import Hashable, Sequence
from functools import lru_cache
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from studio.measure.statistics import Interval, normal_quantile, normal_tail

Numbers = NDArray[np.float64]

RESAMPLES = 2000
FEWEST_CLUSTERS = 5
"""A bootstrap over fewer clusters than this says nothing, so no interval is given."""

_BLOCK = 100  # resamples added up at once, so that memory stays small for thousands of cases


def add_up(columns: ArrayLike, clusters: Sequence[Hashable]) -> Numbers:
    """Sums of each column over each cluster: (cases, columns) to (clusters, columns).

    The clusters come in the order in which they are first met.
    """
    values = np.asarray(columns, float)
    numbers: dict[Hashable, int] = {}
    places = [numbers.setdefault(cluster, len(numbers)) for cluster in clusters]
    sums = np.zeros((len(numbers), values.shape[1]))
    np.add.at(sums, places, values)
    return sums


def resample(sums: Numbers, *, seed: int = 0) -> Numbers:
    """Column sums of RESAMPLES samples of as many clusters, drawn with replacement.

    (clusters, columns) to (RESAMPLES, columns). One draw serves every column, so that ratios of
    columns keep what numerator and denominator have in common (Davison & Hinkley 1997, Bootstrap
    Methods and their Application, sections 2.4 and 3.8). The seed fixes the draws.
    """
    drawn = _draw(len(sums), seed)
    blocks = range(0, RESAMPLES, _BLOCK)
    return np.concatenate([drawn[begin : begin + _BLOCK] @ sums for begin in blocks])


@lru_cache(maxsize=4)
def _draw(clusters: int, seed: int) -> NDArray[np.uint8]:
    """How often each cluster is drawn in each resample: (RESAMPLES, clusters).

    Kept, because a report asks for the same numbers of clusters again and again.
    """
    generator = np.random.default_rng(seed)
    times = np.empty((RESAMPLES, clusters), np.uint8)
    for resampled in times:
        drawn = generator.integers(clusters, size=clusters)
        # A cluster would have to be drawn more than 255 times for this not to fit.
        resampled[:] = np.bincount(drawn, minlength=clusters)
    return times


def divide(numerators: Numbers, denominators: Numbers) -> Numbers:
    """One ratio per resample; nan where the denominator is not above 0."""
    ratios = np.full(len(numerators), np.nan)
    np.divide(numerators, denominators, out=ratios, where=denominators > 0)
    return ratios


def percentile_interval(resamples: Numbers, clusters: int, level: float = 0.95) -> Interval | None:
    """The expanded percentile interval of a bootstrap; None below FEWEST_CLUSTERS.

    The plain percentiles are too narrow for few clusters by sqrt((n - 1) / n) and by z against t;
    Hesterberg (2015, The American Statistician 69:371-386, section 4) widens them to the shares
    Φ(±t sqrt(n / (n - 1))). t is taken from its expansion in 1 / (n - 1) around z (Abramowitz &
    Stegun 26.7.5). Resamples in which the ratio does not exist (nan) count for both ends.
    """
    if clusters < FEWEST_CLUSTERS:
        return None
    z, freedom = normal_quantile(level), clusters - 1
    t = z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    tail = normal_tail(t * sqrt(clusters / freedom))
    missing = np.isnan(resamples)
    low = np.quantile(np.where(missing, -np.inf, resamples), tail, method="lower")
    high = np.quantile(np.where(missing, np.inf, resamples), 1 - tail, method="higher")
    return (float(low), float(high)) if np.isfinite([low, high]).all() else None


def ratio_p(numerators: ArrayLike, denominators: ArrayLike) -> float:
    """Two-sided p of "the ratio of the sums is 0", one numerator and denominator per cluster.

    The t test of the linearised ratio r = Σx / Σy: its standard error is
    sqrt(m / (m - 1) Σ(x - r y)²) / Σy over m clusters (Cochran 1977, Sampling Techniques, section
    6.4), with m - 1 degrees of freedom; for equal denominators it is the ordinary t test. t is
    turned to z by Abramowitz & Stegun 26.7.8. 1 for fewer than two clusters.
    """
    x, y = np.asarray(numerators, float), np.asarray(denominators, float)
    m = len(x)
    ratio = x.sum() / y.sum()
    if m < 2 or ratio == 0:
        return 1.0
    error = sqrt(m / (m - 1) * float(((x - ratio * y) ** 2).sum())) / float(y.sum())
    if error == 0:
        return 0.0
    t, freedom = abs(float(ratio)) / error, m - 1
    return 2 * normal_tail(t * (1 - 1 / (4 * freedom)) / sqrt(1 + t * t / (2 * freedom)))


def design_effect(differences: ArrayLike, cases: ArrayLike, flips: int) -> float:
    """Variance of a paired difference with clusters over its variance without, at least 1.

    `differences` holds per cluster the cases gained minus lost, `cases` how many it has. The
    variance with clusters is that of the linearised ratio, as in `ratio_p`. Where nothing
    flipped there is no telling, and each cluster counts as one case.
    """
    x, y = np.asarray(differences, float), np.asarray(cases, float)
    m, n = len(x), float(y.sum())
    ratio = float(x.sum()) / n
    alone = flips - n * ratio * ratio
    if m < 2 or alone <= 0:
        return n / m
    together = m / (m - 1) * float(((x - ratio * y) ** 2).sum())
    return max(1.0, together / alone)


def needed_clusters(
    difference: float,
    wide: Interval,
    narrow: Interval,
    clusters: int,
    *,
    margin: float,
    stricter: float = 1.0,
) -> float | None:
    """How many clusters in all would bring the interval beyond or inside ±margin; None: never.

    The intervals are taken to shrink around the difference with the square root of the number.
    `stricter` widens the arm that has to leave out 0, which stands for Holm's adjustment.
    """
    size = abs(difference)
    if size > margin:
        arm = difference - wide[0] if difference > 0 else wide[1] - difference
        reached = max(arm / (size - margin), stricter * arm / size)
    elif size < margin:
        reached = max(difference - narrow[0], narrow[1] - difference) / (margin - size)
    else:
        return None
    return clusters * max(0.0, reached) ** 2
