"""How sure a difference between two models is, when both answered the same cases.

Every function is pure and says which formula it uses and where that comes from. Accuracy is a
share between 0 and 1, likelihood is in nats per token, and every interval is a pair (low, high).

A case that the base answers right and the tuned model wrong is *lost*, the other way round it is
*gained*; with n cases in all, the difference of the accuracies is (gained - lost) / n.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import comb, copysign, erfc, inf, sqrt
from statistics import NormalDist

Interval = tuple[float, float]

MOST_CASES = 10_000
"""`needed_cases` looks no further than this many cases in total."""

_EXACT_UP_TO = 1000  # flipped cases; beyond, the normal approximation agrees to two digits
_HALVINGS = 40  # of an interval no wider than 2: exact to twelve digits


def mcnemar_midp(lost: int, gained: int) -> float:
    """Two-sided p of "lost and gained are equally likely": McNemar's test, mid-p form.

    p = 2 [P(X < k) + P(X = k) / 2] with X ~ Binomial(lost + gained, 1/2), k = min(lost, gained).
    Fagerland, Lydersen & Laake (2013), BMC Medical Research Methodology 13:91, recommend it: the
    exact test is too cautious, the asymptotic one at times too bold.
    """
    flips, fewer = lost + gained, min(lost, gained)
    if flips > _EXACT_UP_TO:
        return 2 * normal_tail(abs(lost - gained) / sqrt(flips))
    below = sum(comb(flips, k) for k in range(fewer))
    return min(1.0, (2 * below + comb(flips, fewer)) / (1 << flips))


@lru_cache(maxsize=4096)
def paired_interval(lost: float, gained: float, n: float, level: float = 0.95) -> Interval:
    """Confidence interval of the difference of two paired accuracies, (gained - lost) / n.

    Tango's score interval (1998, Statistics in Medicine 17:891-908): all differences d whose
    score statistic stays within ±z,

        z(d) = (gained - lost - n d) / sqrt(n (2 q + d - d²)),

    where q is the likeliest share of lost cases if d were true. It was chosen over Newcombe's
    method 10 (1998) because it depends on the flips alone: when nothing flips it reaches from
    -z² / (n + z²) to z² / (n + z²) at every accuracy, where Newcombe's is about half as wide if
    half of the answers are right. It leaves out 0 when the McNemar statistic does, and Fagerland,
    Lydersen & Laake (2014, Statistics in Medicine 33:2850-2875) recommend it. Counts need not be
    whole, which is for planning.
    """
    z = normal_quantile(level)
    difference = (gained - lost) / n
    low = _crossing(lambda d: _score(lost, gained, n, d) - z, -1.0, difference)
    high = _crossing(lambda d: _score(lost, gained, n, d) + z, difference, 1.0)
    return low, high


def _score(lost: float, gained: float, n: float, d: float) -> float:
    a = 2 * n
    b = (2 * n - gained + lost) * d - lost - gained
    c = -lost * d * (1 - d)
    q = (sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)
    distance = gained - lost - n * d
    variance = n * (2 * q + d - d * d)
    if variance <= 0:
        return copysign(inf, distance) if distance else 0.0
    return distance / sqrt(variance)


def _crossing(decreasing: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if decreasing(middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def normal_quantile(level: float) -> float:
    """z such that a standard normal number lies within ±z with probability `level`."""
    return NormalDist().inv_cdf((1 + level) / 2)


def normal_tail(z: float) -> float:
    """Probability that a standard normal number is above z; exact far out, too."""
    return erfc(z / sqrt(2)) / 2


def wilson_interval(right: float, n: float, level: float = 0.95) -> Interval:
    """Confidence interval of one share, right / n.

    Wilson (1927), JASA 22:209-212: the shares p with |right / n - p| <= z sqrt(p (1 - p) / n).
    """
    z = normal_quantile(level)
    centre = (right + z * z / 2) / (n + z * z)
    reach = z / (n + z * z) * sqrt(right * (n - right) / n + z * z / 4)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def average_interval(parts: Sequence[tuple[float, Interval]]) -> Interval:
    """Confidence interval of the mean of independent numbers, each with its own interval.

    MOVER (Zou & Donner 2008, Statistics in Medicine 27:1693-1702): each end lies as far from the
    mean as the root of the summed squares of the parts' distances, divided by their number. It
    keeps the good ends of the parts' intervals where nothing varies in the sample.
    """
    mean = sum(value for value, _ in parts) / len(parts)
    below = sqrt(sum((value - low) ** 2 for value, (low, _) in parts)) / len(parts)
    above = sqrt(sum((high - value) ** 2 for value, (_, high) in parts)) / len(parts)
    return mean - below, mean + above


def holm(values: Sequence[float]) -> list[float]:
    """The p values, adjusted so that all of them together keep their error rate, in their order.

    Holm (1979), Scandinavian Journal of Statistics 6:65-70: the i-th smallest of m (from 0) is
    multiplied by m - i, is at least the one before it, and at most 1.
    """
    adjusted = [0.0] * len(values)
    floor = 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        floor = max(floor, min(1.0, values[place] * (len(values) - rank)))
        adjusted[place] = floor
    return adjusted


def equivalence_level(level: float) -> float:
    """The level of the interval that has to lie inside the margin to show "no change".

    Two one-sided tests at 1 - level each are an interval at 2 level - 1, so 90 % for 95 %
    (Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15:657-680).
    """
    return 2 * level - 1


def needed_cases(
    lost: int,
    gained: int,
    n: int,
    *,
    margin: float,
    level: float = 0.95,
    tests: float = 1,
    design: float = 1,
) -> int | None:
    """How many cases in all would settle the matter, if the flip rates seen so far stay.

    Settled means what the verdicts mean: the interval lies outside ±margin (and still leaves out
    0 after dividing the error by `tests`, which stands for Holm's adjustment), or the interval at
    `equivalence_level` lies inside. Solved on `paired_interval`, whose intervals at fixed rates
    lie within each other as n grows. `design` cases count as one independent case. None means
    more than MOST_CASES, or never.
    """

    def settled(total: int) -> bool:
        effective = total / design
        counts = lost * effective / n, gained * effective / n, effective
        if _is_beyond(*counts, margin=margin, level=level, tests=tests):
            return True
        low, high = paired_interval(*counts, equivalence_level(level))
        return -margin < low and high < margin

    if n >= MOST_CASES or not settled(MOST_CASES):
        return None
    candidates = range(n + 1, MOST_CASES + 1)
    return candidates[bisect_left(candidates, True, key=settled)]


def smallest_shown_drop(
    gained: int,
    n: int,
    *,
    margin: float,
    level: float = 0.95,
    tests: float = 1,
    design: float = 1,
) -> float | None:
    """The smallest drop that n cases could have shown, given how many were gained; None if none.

    The least (lost - gained) / n that settles the matter in the sense of `needed_cases`.
    """

    def shows(lost: int) -> bool:
        counts = lost / design, gained / design, n / design
        return lost > gained and _is_beyond(*counts, margin=margin, level=level, tests=tests)

    losses = range(n - gained + 1)
    least = bisect_left(losses, True, key=shows)
    return (least - gained) / n if least < len(losses) else None


def _is_beyond(
    lost: float, gained: float, n: float, *, margin: float, level: float, tests: float
) -> bool:
    low, high = paired_interval(lost, gained, n, level)
    if -margin <= high and low <= margin:
        return False
    strict_low, strict_high = paired_interval(lost, gained, n, 1 - (1 - level) / tests)
    return strict_low > 0 or strict_high < 0
