"""The verdict from two measures: its rule, and how often it is wrong when the truth is known."""

from collections import Counter
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from studio.measure import bootstrap, statistics
from studio.measure.statistics import Interval
from studio.measure.verdict import (
    FEWEST_VOUCHING,
    Accuracy,
    Bounds,
    Judgement,
    Likelihood,
    count_missing,
    judge,
)

BOUNDS = Bounds(margin=0.01, nll_margin=0.02, level=0.95)
ROUNDS = 200


def flips(lost: int, gained: int, n: int, *, tests: int = 1) -> Accuracy:
    p = min(1.0, tests * statistics.mcnemar_midp(lost, gained))
    return Accuracy(lost, gained, n, p=p, tests=tests)


def shift(difference: float, reach: float, *, clusters: int = 48, p: float = 0.0) -> Likelihood:
    """A difference in nats whose 95 % interval reaches so far to both sides."""
    narrow = 0.84 * reach
    return Likelihood(
        difference,
        wide=(difference - reach, difference + reach),
        narrow=(difference - narrow, difference + narrow),
        clusters=clusters,
        p=p,
    )


@pytest.mark.parametrize(
    ("accuracy", "likelihood", "verdict", "basis"),
    [
        # Accuracy decides, whatever likelihood says.
        (flips(30, 0, 100), shift(0.0, 0.001), "forgotten", "accuracy"),
        (flips(30, 0, 100), shift(-0.5, 0.1), "forgotten", "accuracy"),
        (flips(0, 30, 100), shift(0.5, 0.1), "gained", "accuracy"),
        # Likelihood tells more than accuracy shows.
        (flips(0, 0, 48), shift(0.1, 0.05), "less likely", "likelihood"),
        (flips(3, 3, 2000), shift(0.1, 0.05), "less likely", "likelihood"),
        (flips(0, 1, 48), shift(-0.1, 0.05), "more likely", "likelihood"),
        # Accuracy seems to fall, so "more likely" would mislead.
        (flips(3, 0, 48), shift(-0.1, 0.05), "inconclusive", None),
        # Likelihood is not sure after Holm.
        (flips(0, 0, 48), shift(0.1, 0.05, p=0.06), "inconclusive", None),
        # No change, by accuracy and by likelihood.
        (flips(3, 3, 2000), shift(0.0, 0.3), "no material change", "accuracy"),
        (flips(0, 0, 48), shift(0.001, 0.005), "no material change", "likelihood"),
        (flips(1, 0, 200), shift(0.001, 0.005), "no material change", "likelihood"),
        # Likelihood may not vouch: too wide, too many flips, too few cases.
        (flips(0, 0, 48), shift(0.001, 0.015), "inconclusive", None),
        (flips(1, 0, 48), shift(0.001, 0.005), "inconclusive", None),
        (flips(1, 1, 200), shift(0.001, 0.005), "inconclusive", None),
        (flips(0, 0, 29), shift(0.0, 0.0, clusters=29), "inconclusive", None),
        # Open text has only likelihood.
        (None, shift(0.1, 0.05), "less likely", "likelihood"),
        (None, shift(-0.1, 0.05), "more likely", "likelihood"),
        (None, shift(0.001, 0.015, clusters=12), "no material change", "likelihood"),
        (None, shift(0.02, 0.015), "inconclusive", None),
        (None, Likelihood(0.5, None, None, clusters=3, p=0.0), "inconclusive", None),
    ],
)
def test_the_rule(
    accuracy: Accuracy | None, likelihood: Likelihood, verdict: str, basis: str | None
) -> None:
    found = judge(accuracy, likelihood, BOUNDS)
    assert (found.verdict, found.basis) == (verdict, basis)


def test_each_measure_also_speaks_for_itself() -> None:
    found = judge(flips(3, 3, 2000), shift(0.1, 0.05), BOUNDS)
    assert (found.accuracy, found.nll) == ("no material change", "worse")
    found = judge(flips(0, 0, 48), shift(0.0, 0.001), BOUNDS)
    assert (found.accuracy, found.nll) == ("inconclusive", "no material change")
    assert judge(None, shift(0.0, 0.001), BOUNDS).accuracy is None


def test_dependent_cases_do_not_prove_a_loss() -> None:
    alone = Accuracy(12, 0, 100, p=0.001)
    together = Accuracy(12, 0, 100, p=0.001, design=10)
    nothing = shift(0.0, 0.3, p=1)
    assert judge(alone, nothing, BOUNDS).verdict == "forgotten"
    assert judge(together, nothing, BOUNDS).verdict == "inconclusive"


def test_the_sooner_of_both_measures_says_how_many_cases_are_missing() -> None:
    by_accuracy = statistics.needed_cases(0, 0, 48, margin=0.01)
    assert by_accuracy is not None
    wide = count_missing(flips(0, 0, 48), shift(0.0, 10.0), 48, BOUNDS)
    assert wide == by_accuracy - 48
    close = count_missing(flips(0, 0, 48), shift(0.0, 0.013), 48, BOUNDS)
    assert close is not None
    assert close < wide
    few = count_missing(flips(0, 0, 20), shift(0.0, 0.0, clusters=20), 20, BOUNDS)
    assert few == FEWEST_VOUCHING - 20
    assert count_missing(None, shift(0.02, 0.01), 48, BOUNDS) is None
    documents = count_missing(None, shift(0.0, 0.04, clusters=24), 48, BOUNDS)
    assert documents == pytest.approx(48 * (0.84 * 2) ** 2 - 48, abs=1)


@pytest.mark.parametrize("clusters", [20, 48, 200])
@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (1, 0), (5, 1), (0, 3)])
@pytest.mark.parametrize(("difference", "reach"), [(0.0, 0.05), (0.006, 0.02), (0.1, 0.15)])
def test_as_many_more_cases_as_said_would_settle_it(
    clusters: int, lost: int, gained: int, difference: float, reach: float
) -> None:
    accuracy, likelihood = (
        flips(lost, gained, clusters),
        shift(difference, reach, clusters=clusters),
    )
    missing = count_missing(accuracy, likelihood, clusters, BOUNDS)
    if judge(accuracy, likelihood, BOUNDS).verdict != "inconclusive" or missing is None:
        return
    total = clusters + missing
    grown = total / clusters
    more = Accuracy(lost, gained, clusters, p=0.0, design=0.999 / grown)  # parts of cases, too
    shrunk = shift(difference, 0.999 * reach / grown**0.5, clusters=total)
    assert judge(more, shrunk, BOUNDS).verdict != "inconclusive"


# ---- how often it is wrong: models whose change is known

Answers = tuple[NDArray[np.float64], NDArray[np.float64]]
"""The log-odds of the right answer of every case, before and after."""
Draw = Callable[[np.random.Generator, int], Answers]


def shared(fall: float, spread: float, *, confidence: float = 2.0) -> Draw:
    """Every case loses `fall` nats of log-odds, give or take `spread`."""

    def draw(generator: np.random.Generator, n: int) -> Answers:
        before = generator.normal(confidence, 1.5, size=n)
        return before, before - fall + generator.normal(0, spread, size=n)

    return draw


def rare(part: float, *, confidence: float = 6.0) -> Draw:
    """A part of the cases turns from surely right to surely wrong, the others hardly move."""

    def draw(generator: np.random.Generator, n: int) -> Answers:
        before = generator.normal(confidence, 1, size=n)
        return before, np.where(generator.random(n) < part, -3.0, before - 0.01)

    return draw


def likelihood_of(shifts: NDArray[np.float64]) -> Likelihood:
    sums = np.stack([shifts, np.ones(len(shifts))], axis=1)
    resamples = bootstrap.resample(sums)
    ratios = resamples[:, 0] / resamples[:, 1]

    def interval(level: float) -> Interval | None:
        return bootstrap.percentile_interval(ratios, len(shifts), level)

    return Likelihood(
        float(shifts.mean()), interval(0.95), interval(0.9), len(shifts),
        p=bootstrap.ratio_p(shifts, np.ones(len(shifts))),
    )  # fmt: skip


def judge_answers(before: NDArray[np.float64], after: NDArray[np.float64]) -> Judgement:
    lost, gained = (
        int(((before > 0) & (after <= 0)).sum()),
        int(((before <= 0) & (after > 0)).sum()),
    )
    shifts = np.log1p(np.exp(-after)) - np.log1p(np.exp(-before))
    return judge(flips(lost, gained, len(before)), likelihood_of(shifts), BOUNDS)


@cache
def verdicts(draw: Draw, n: int) -> Counter[str]:
    generator = np.random.default_rng(12)
    return Counter(judge_answers(*draw(generator, n)).verdict for _ in range(ROUNDS))


def true_drop(draw: Draw) -> float:
    before, after = draw(np.random.default_rng(0), 400_000)
    return float((before > 0).mean() - (after > 0).mean())


@pytest.mark.parametrize("n", [48, 200])
def test_the_base_against_itself_shows_no_material_change(n: int) -> None:
    generator = np.random.default_rng(13)
    for _ in range(10):
        before, after = shared(0.0, 1e-6)(generator, n)
        assert judge_answers(before, after).verdict == "no material change"


@pytest.mark.parametrize("n", [48, 200])
def test_a_shift_that_costs_a_point_is_rarely_called_no_change(n: int) -> None:
    draw = shared(0.09, 0.1)
    assert true_drop(draw) == pytest.approx(0.0105, abs=0.001)
    assert verdicts(draw, n)["no material change"] <= 0.05 * ROUNDS


@pytest.mark.parametrize("n", [48, 200])
@pytest.mark.parametrize("spread", [0.3, 1.0])
def test_noise_that_costs_next_to_nothing_is_rarely_called_a_loss(n: int, spread: float) -> None:
    draw = shared(0.0, spread, confidence=4.0)
    assert abs(true_drop(draw)) < 0.01
    found = verdicts(draw, n)
    assert found["forgotten"] + found["gained"] <= 0.05 * ROUNDS
    assert found["less likely"] + found["more likely"] <= 0.05 * ROUNDS


@pytest.mark.parametrize("n", [48, 200])
def test_a_loss_in_more_than_3_in_n_cases_is_rarely_called_no_change(n: int) -> None:
    # Fewer than that can go unseen by any measure of n cases, and the rule says so.
    assert verdicts(rare(3.5 / n), n)["no material change"] <= 0.05 * ROUNDS


def test_a_shared_shift_is_seen_long_before_answers_turn_wrong() -> None:
    draw = shared(0.18, 0.1)
    assert true_drop(draw) == pytest.approx(0.021, abs=0.002)
    found = verdicts(draw, 48)
    assert found["less likely"] >= 0.7 * ROUNDS
    assert found["forgotten"] <= 0.05 * ROUNDS


def test_a_planted_loss_is_found() -> None:
    found = verdicts(rare(0.15), 200)
    assert found["forgotten"] >= 0.95 * ROUNDS
