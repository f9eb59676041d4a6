"""Every statistic against another implementation, a published example, or a simulation."""

from math import ceil, inf

import numpy as np
import pytest
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from studio.measure.statistics import (
    MOST_CASES,
    average_interval,
    equivalence_level,
    holm,
    mcnemar_midp,
    needed_cases,
    normal_quantile,
    normal_tail,
    paired_interval,
    smallest_shown_drop,
    wilson_interval,
)


@pytest.mark.parametrize(("lost", "gained"), [(0, 1), (1, 7), (12, 3), (40, 40), (60, 85)])
def test_midp_is_the_exact_p_less_the_observed_table(lost: int, gained: int) -> None:
    exact = mcnemar([[0, lost], [gained, 0]], exact=True).pvalue
    fewer, flips = min(lost, gained), lost + gained
    expected = 2 * stats.binom.cdf(fewer, flips, 0.5) - stats.binom.pmf(fewer, flips, 0.5)
    assert mcnemar_midp(lost, gained) == pytest.approx(expected)
    assert mcnemar_midp(lost, gained) <= exact


def test_midp_of_no_flips_is_1_and_of_many_flips_is_continuous() -> None:
    assert mcnemar_midp(0, 0) == 1
    assert mcnemar_midp(460, 541) == pytest.approx(mcnemar_midp(460, 540), rel=0.1)
    expected = stats.binomtest(560, 1200).pvalue - stats.binom.pmf(560, 1200, 0.5)
    assert mcnemar_midp(560, 640) == pytest.approx(expected, rel=0.01)


def likeliest_statistic(lost: int, gained: int, n: int, d: float) -> float:
    """Tango's statistic by brute force: the likelihood maximised numerically under `d`."""

    def unlikelihood(q: float) -> float:
        shares = np.array([q, q + d, 1 - 2 * q - d])
        counts = np.array([lost, gained, n - lost - gained])
        return -sum(k * np.log(max(s, 1e-300)) for k, s in zip(counts, shares, strict=True) if k)

    bounds = max(0.0, -d), (1 - d) / 2
    q = optimize.minimize_scalar(
        unlikelihood, bounds=bounds, method="bounded", options={"xatol": 1e-13}
    ).x
    return (gained - lost - n * d) / np.sqrt(n * (2 * q + d - d * d))


@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize(
    ("lost", "gained", "n"),
    [(7, 1, 21), (0, 3, 10), (5, 0, 40), (2, 9, 60), (30, 90, 160), (100, 60, 2000), (1, 0, 2000)],
)
def test_the_paired_interval_ends_where_the_score_reaches_z(
    lost: int, gained: int, n: int, level: float
) -> None:
    z = stats.norm.ppf((1 + level) / 2)
    low, high = paired_interval(lost, gained, n, level)
    assert likeliest_statistic(lost, gained, n, low) == pytest.approx(z, abs=2e-3)
    assert likeliest_statistic(lost, gained, n, high) == pytest.approx(-z, abs=2e-3)


def test_the_paired_interval_agrees_with_a_published_example() -> None:
    # Airway hyper-responsiveness before and after transplantation, 21 children: Fagerland,
    # Lydersen & Laake (2014) give -0.517 to -0.026 for Tango's interval.
    assert paired_interval(7, 1, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)


@pytest.mark.parametrize("n", [10, 40, 160, 2000])
def test_no_flips_still_leave_doubt(n: int) -> None:
    reach = stats.norm.ppf(0.975) ** 2
    reach = reach / (n + reach)
    assert paired_interval(0, 0, n) == pytest.approx((-reach, reach), abs=1e-5)


def test_a_total_loss_reaches_minus_one_and_gain_mirrors_loss() -> None:
    low, high = paired_interval(10, 0, 10)
    assert low == pytest.approx(-1)
    assert high < -0.4
    assert paired_interval(0, 10, 10) == pytest.approx((-high, -low))
    assert paired_interval(3, 8, 50) == pytest.approx(
        tuple(-x for x in paired_interval(8, 3, 50))[::-1]
    )


def paired_coverage(loss: float, gain: float, n: int, generator: np.random.Generator) -> float:
    draws = generator.multinomial(n, [loss, gain, 1 - loss - gain], size=6000)[:, :2]
    tables, counts = np.unique(draws, axis=0, return_counts=True)
    hits = 0
    for (lost, gained), count in zip(tables.tolist(), counts.tolist(), strict=True):
        low, high = paired_interval(lost, gained, n)
        hits += count * (low <= gain - loss <= high)
    return hits / len(draws)


@pytest.mark.parametrize(
    ("loss", "gain", "n"),
    [
        (0.05, 0.05, 40),
        (0.1, 0.02, 40),
        (0.3, 0.01, 40),
        (0.02, 0.0, 160),
        (0.2, 0.3, 60),
        (0.1, 0.05, 800),
    ],
)
def test_the_paired_interval_holds_what_it_promises(loss: float, gain: float, n: int) -> None:
    coverage = paired_coverage(loss, gain, n, np.random.default_rng(7))
    assert 0.935 <= coverage <= 0.995


def test_pooling_unlike_probes_does_not_make_the_interval_too_narrow() -> None:
    generator = np.random.default_rng(11)
    losses, n = np.array([0.7, 0.1, 0.02, 0.0, 0.0, 0.05]), 50
    drawn = generator.binomial(n, losses, size=(2000, len(losses))).sum(axis=1)
    true = -losses.mean()
    bounds = {lost: paired_interval(lost, 0, n * len(losses)) for lost in set(drawn.tolist())}
    covered = [bounds[lost][0] <= true <= bounds[lost][1] for lost in drawn.tolist()]
    assert np.mean(covered) >= 0.95


@pytest.mark.parametrize(("right", "n"), [(0, 10), (10, 10), (3, 40), (159, 160), (1000, 2000)])
def test_wilson_agrees_with_statsmodels(right: int, n: int) -> None:
    for level in (0.9, 0.95):
        expected = proportion_confint(right, n, alpha=1 - level, method="wilson")
        assert wilson_interval(right, n, level) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    "values", [[], [0.2], [0.01, 0.04, 0.03, 0.5], [0.04, 0.001, 0.04, 1.0, 0.9, 0.012]]
)
def test_holm_agrees_with_statsmodels(values: list[float]) -> None:
    expected = multipletests(values, method="holm")[1].tolist() if values else []
    assert holm(values) == pytest.approx(expected)


def is_settled(lost: float, gained: float, n: float, margin: float) -> bool:
    low, high = paired_interval(lost, gained, n)
    narrow_low, narrow_high = paired_interval(lost, gained, n, equivalence_level(0.95))
    return high < -margin or low > margin or (-margin < narrow_low and narrow_high < margin)


@pytest.mark.parametrize(("lost", "gained", "n"), [(2, 0, 50), (3, 1, 40), (1, 6, 60), (0, 0, 40)])
def test_needed_cases_are_just_enough(lost: int, gained: int, n: int) -> None:
    needed = needed_cases(lost, gained, n, margin=0.01)
    assert needed is not None
    assert needed > n
    assert is_settled(lost * needed / n, gained * needed / n, needed, 0.01)
    fewer = needed - 1
    assert not is_settled(lost * fewer / n, gained * fewer / n, fewer, 0.01)


def test_needed_cases_without_flips_follow_from_the_closed_form() -> None:
    z = stats.norm.ppf(0.95)
    assert needed_cases(0, 0, 40, margin=0.01) == ceil(z * z * 0.99 / 0.01)


def test_needed_cases_end_at_the_cap() -> None:
    assert needed_cases(1, 0, 100, margin=0.01) is None  # exactly at the margin: never
    assert needed_cases(50, 49, 100, margin=0.01) is None
    assert needed_cases(0, 0, MOST_CASES, margin=0.01) is None


def test_more_probes_need_more_cases() -> None:
    alone = needed_cases(4, 0, 50, margin=0.01)
    among = needed_cases(4, 0, 50, margin=0.01, tests=16)
    assert alone is not None
    assert among is not None
    assert among > alone


def test_dependent_cases_count_for_less() -> None:
    assert needed_cases(0, 0, 40, margin=0.01, design=4) == pytest.approx(4 * 268, abs=4)
    alone = smallest_shown_drop(2, 80, margin=0.01)
    together = smallest_shown_drop(2, 80, margin=0.01, design=4)
    assert alone is not None
    assert together is not None
    assert together > 1.5 * alone


def test_the_normal_distribution_agrees_with_scipy() -> None:
    for z in (-3.0, 0.0, 0.5, 1.96, 6.0, 20.0):
        assert normal_tail(z) == pytest.approx(stats.norm.sf(z), rel=1e-12)
    assert normal_quantile(0.9) == pytest.approx(stats.norm.ppf(0.95))


def test_the_average_of_normal_numbers_has_the_textbook_interval() -> None:
    # For symmetric parts MOVER is the usual root of summed squares.
    parts = [(0.1, (0.0, 0.2)), (0.5, (0.3, 0.7)), (-0.2, (-0.3, -0.1))]
    reach = np.sqrt(0.1**2 + 0.2**2 + 0.1**2) / 3
    low, high = average_interval(parts)
    assert (low, high) == pytest.approx((0.4 / 3 - reach, 0.4 / 3 + reach))
    assert average_interval([(0.9, (0.7, 0.95))]) == pytest.approx((0.7, 0.95))


def test_the_average_of_paired_differences_holds_what_it_promises() -> None:
    generator, hits, rounds = np.random.default_rng(14), 0, 3000
    losses, n = np.array([0.02, 0.1, 0.3]), 48
    drawn = generator.binomial(n, losses, size=(rounds, 3))
    bounds = {k: paired_interval(k, 0, n) for k in {int(k) for k in drawn.ravel()}}
    for row in drawn.tolist():
        low, high = average_interval([(-k / n, bounds[k]) for k in row])
        hits += low <= -losses.mean() <= high
    assert 0.94 <= hits / rounds <= 0.99


def midp_level(n: int, flips: float) -> float:
    """How often mid-p McNemar calls a difference where lost and gained are equally likely."""
    level, table = 0.0, stats.binom
    for changed in range(n + 1):
        weight = table.pmf(changed, n, flips)
        if weight > 1e-9:
            lost = np.arange(changed + 1)
            wrong = [mcnemar_midp(int(k), changed - int(k)) <= 0.05 for k in lost]
            level += weight * table.pmf(lost, changed, 0.5)[wrong].sum()
    return level


@pytest.mark.parametrize("n", [20, 48, 200])
@pytest.mark.parametrize("flips", [0.05, 0.2, 0.5])
def test_midp_keeps_its_level(n: int, flips: float) -> None:
    # Computed, not drawn: the sum over all tables. Fagerland et al. (2013) allow it 5.2 %.
    assert midp_level(n, flips) <= 0.053


def test_the_power_is_that_of_the_literature() -> None:
    # 400 items of which 10 % flip, a true drop of 5 points: McNemar sees it nine times of ten.
    generator = np.random.default_rng(8)
    drawn = generator.multinomial(400, [0.075, 0.025, 0.9], size=2000)[:, :2].tolist()
    power = np.mean([mcnemar_midp(lost, gained) < 0.05 for lost, gained in drawn])
    assert power == pytest.approx(0.91, abs=0.03)


def test_the_smallest_shown_drop_is_just_shown() -> None:
    drop = smallest_shown_drop(2, 80, margin=0.01)
    assert drop is not None
    lost = round(drop * 80) + 2
    assert paired_interval(lost, 2, 80)[1] < -0.01 <= paired_interval(lost - 1, 2, 80)[1]
    assert smallest_shown_drop(0, 3, margin=0.01) is None
    assert (smallest_shown_drop(2, 80, margin=0.01, tests=16) or inf) > drop
