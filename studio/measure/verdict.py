"""What may be said about a difference: the words, the margins, and when each word is earned.

Two measures speak. Accuracy says what the model gets right; it is coarse, so a few hundred cases
are needed to see a few points. Likelihood says how probable the right answers are; it sees much
smaller changes. The rule, from the strongest evidence to none:

1. "gained", "forgotten": the accuracy's interval lies beyond the margin, after Holm.
2. "less likely", "more likely": the likelihood's interval lies beyond its margin, after Holm,
   while accuracy shows no such loss or gain. For open text, which has no right or wrong, this is
   all that can be said.
3. "no material change" by accuracy: its equivalence interval lies within the margin.
4. "no material change" by likelihood, which vouches for what accuracy leaves open: there are
   FEWEST_VOUCHING clusters of cases, the likelihood's equivalence interval lies within half its
   margin, and no more answers flipped than half the accuracy's margin allows. Half, because a
   shift that all cases share and that costs a point of accuracy can move the likelihood by less
   than its whole margin. This does not rule out a loss confined to fewer than 3 in n cases (the
   rule of three): the accuracy's interval beside it says how much could hide.
5. "inconclusive" is everything else. It is not "no change".
"""

from dataclasses import dataclass
from math import ceil
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from studio.measure import bootstrap, statistics
from studio.measure.statistics import Interval

Verdict = Literal[
    "gained", "forgotten", "more likely", "less likely", "no material change", "inconclusive"
]
NllVerdict = Literal["better", "worse", "no material change", "inconclusive"]
Basis = Literal["accuracy", "likelihood"]
Place = Literal["above", "below", "inside", "across"]

FEWEST_VOUCHING = 30
"""So many clusters show with 95 % at least one case of a loss that touches a tenth of them."""
VOUCHING = 0.5
"""The share of both margins within which likelihood vouches for accuracy."""

_BY_ACCURACY: dict[Place, Verdict] = {
    "above": "gained",
    "below": "forgotten",
    "inside": "no material change",
    "across": "inconclusive",
}
_BY_LIKELIHOOD: dict[Place, Verdict] = {
    "above": "less likely",
    "below": "more likely",
    "inside": "no material change",
    "across": "inconclusive",
}
NLL_VERDICTS: dict[Place, NllVerdict] = {
    "above": "worse",
    "below": "better",
    "inside": "no material change",
    "across": "inconclusive",
}


class Bounds(BaseModel):
    """What counts as a material change, and how sure a verdict has to be."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    margin: float = Field(0.01, gt=0, lt=1)
    """A difference of accuracy within ±margin is not material."""
    nll_margin: float = Field(0.02, gt=0)
    """The same in nats per token."""
    level: float = Field(0.95, gt=0.5, lt=1)
    """Confidence of every interval; 1 - level is the error rate of every verdict."""

    @property
    def error(self) -> float:
        """How often a verdict may be wrong."""
        return 1 - self.level


@dataclass(frozen=True)
class Accuracy:
    """Flips of one probe: `lost` and `gained` of `n` cases, `p` adjusted over `tests` probes."""

    lost: int
    gained: int
    n: int
    p: float
    tests: int = 1
    design: float = 1.0
    """So many cases say as much as one independent case (the design effect, Kish 1965, Survey
    Sampling); 1 where every case stands for itself."""

    @property
    def counts(self) -> tuple[float, float, float]:
        """Lost, gained and all, as so many independent cases."""
        return self.lost / self.design, self.gained / self.design, self.n / self.design


@dataclass(frozen=True)
class Likelihood:
    """Difference in nats per token over `clusters`, with both intervals and Holm's p."""

    difference: float
    wide: Interval | None
    narrow: Interval | None
    clusters: int
    p: float
    tests: int = 1


@dataclass(frozen=True)
class Judgement:
    """A verdict, what it rests on, and what each measure says alone."""

    verdict: Verdict
    basis: Basis | None
    accuracy: Verdict | None
    nll: NllVerdict


def locate(wide: Interval, narrow: Interval, margin: float) -> Place:
    """Where an interval lies: beyond the margin, within it (the narrower one), or across."""
    if wide[0] > margin:
        return "above"
    if wide[1] < -margin:
        return "below"
    return "inside" if -margin < narrow[0] and narrow[1] < margin else "across"


def judge(accuracy: Accuracy | None, likelihood: Likelihood, bounds: Bounds) -> Judgement:
    """The verdict that both measures earn together; `accuracy` is None for open text."""
    place = _place_likelihood(likelihood, bounds)
    nll = NLL_VERDICTS[place]
    if accuracy is None:
        verdict = _BY_LIKELIHOOD[place]
        return Judgement(verdict, _basis(verdict, "likelihood"), None, nll)
    alone = _BY_ACCURACY[_place_accuracy(accuracy, bounds)]
    if alone in ("no material change", "inconclusive"):
        fell = accuracy.gained - accuracy.lost < -bounds.margin * accuracy.n
        if place == "above" or (place == "below" and not fell):
            return Judgement(_BY_LIKELIHOOD[place], "likelihood", alone, nll)
        if alone == "inconclusive" and _vouches(accuracy, likelihood, bounds):
            return Judgement("no material change", "likelihood", alone, nll)
    return Judgement(alone, _basis(alone, "accuracy"), alone, nll)


def _basis(verdict: Verdict, measure: Basis) -> Basis | None:
    return None if verdict == "inconclusive" else measure


def _place_accuracy(accuracy: Accuracy, bounds: Bounds) -> Place:
    wide = statistics.paired_interval(*accuracy.counts, bounds.level)
    narrow = statistics.paired_interval(
        *accuracy.counts, statistics.equivalence_level(bounds.level)
    )
    return _unless_by_chance(locate(wide, narrow, bounds.margin), accuracy.p, bounds)


def _place_likelihood(likelihood: Likelihood, bounds: Bounds) -> Place:
    if likelihood.wide is None or likelihood.narrow is None:
        return "across"
    place = locate(likelihood.wide, likelihood.narrow, bounds.nll_margin)
    return _unless_by_chance(place, likelihood.p, bounds)


def _unless_by_chance(place: Place, p: float, bounds: Bounds) -> Place:
    return "across" if place in ("above", "below") and p >= bounds.error else place


def _vouches(accuracy: Accuracy, likelihood: Likelihood, bounds: Bounds) -> bool:
    if likelihood.narrow is None or likelihood.clusters < FEWEST_VOUCHING:
        return False
    low, high = likelihood.narrow
    reach = VOUCHING * bounds.nll_margin
    return -reach < low and high < reach and _flipped_few(accuracy, bounds)


def _flipped_few(accuracy: Accuracy, bounds: Bounds) -> bool:
    return accuracy.lost + accuracy.gained <= VOUCHING * bounds.margin * accuracy.n


def count_missing(
    accuracy: Accuracy | None, likelihood: Likelihood, n: int, bounds: Bounds
) -> int | None:
    """About how many more than `n` cases would settle an inconclusive verdict; None: too many.

    The sooner of what either measure needs, if what was seen so far stays as it is; never less
    than a tenth of what there is, because the estimate is no better than that.
    """
    totals = [_needed_for_likelihood(accuracy, likelihood, n, bounds)]
    if accuracy:
        totals.append(
            statistics.needed_cases(
                accuracy.lost,
                accuracy.gained,
                n,
                margin=bounds.margin,
                level=bounds.level,
                tests=accuracy.tests,
                design=accuracy.design,
            )
        )
    wanted = [total for total in totals if total is not None and total <= statistics.MOST_CASES]
    return max(ceil(n / 10), min(wanted) - n) if wanted else None


def _needed_for_likelihood(
    accuracy: Accuracy | None, likelihood: Likelihood, n: int, bounds: Bounds
) -> int | None:
    wide, narrow = likelihood.wide, likelihood.narrow
    if wide is None or narrow is None:
        return None
    margin, fewest = bounds.nll_margin, bootstrap.FEWEST_CLUSTERS
    if accuracy and abs(likelihood.difference) < margin:
        if not _flipped_few(accuracy, bounds):
            return None
        margin, fewest = VOUCHING * margin, FEWEST_VOUCHING
        if abs(likelihood.difference) >= margin:
            return None
    strict = statistics.normal_quantile(1 - bounds.error / likelihood.tests)
    clusters = bootstrap.needed_clusters(
        likelihood.difference,
        wide,
        narrow,
        likelihood.clusters,
        margin=margin,
        stricter=strict / statistics.normal_quantile(bounds.level),
    )
    if clusters is None:
        return None
    return ceil(max(clusters, fewest) * n / likelihood.clusters)
