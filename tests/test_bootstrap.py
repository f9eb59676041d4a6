"""Bootstrapped ratios against plain loops, scipy, and what they promise in simulations."""

import numpy as np
import pytest
from scipy import stats

from studio.measure import bootstrap
from studio.measure.bootstrap import (
    FEWEST_CLUSTERS,
    RESAMPLES,
    add_up,
    design_effect,
    divide,
    needed_clusters,
    percentile_interval,
    ratio_p,
    resample,
)


def ratios(numerators: list[float], denominators: list[int], clusters: list[str]) -> np.ndarray:
    sums = add_up(list(zip(numerators, denominators, strict=True)), clusters)
    resamples = resample(sums)
    return divide(resamples[:, 0], resamples[:, 1])


def test_sums_over_clusters_are_those_of_a_plain_loop() -> None:
    generator = np.random.default_rng(1)
    columns = generator.normal(size=(50, 3)).tolist()
    clusters = [f"document {number}" for number in generator.integers(9, size=50)]
    expected: dict[str, list[float]] = {}
    for row, cluster in zip(columns, clusters, strict=True):
        before = expected.get(cluster, [0.0, 0.0, 0.0])
        expected[cluster] = [a + b for a, b in zip(before, row, strict=True)]
    assert add_up(columns, clusters) == pytest.approx(np.array(list(expected.values())))


def test_a_resample_is_a_sum_of_clusters_drawn_with_replacement() -> None:
    sums = np.array([[1.0, 10], [2, 100], [4, 1000]])
    resamples = resample(sums)
    assert resamples.shape == (RESAMPLES, 2)
    possible = {
        (a + b + c, i + j + k) for a, i in sums for b, j in sums for c, k in sums
    }  # three draws from three
    assert {tuple(row) for row in resamples.tolist()} == possible
    ones = resample(np.ones((7, 1)))
    assert (ones == 7).all()


def test_the_bootstrap_is_the_same_every_time() -> None:
    sums = np.random.default_rng(2).normal(size=(9, 2))
    assert (resample(sums) == resample(sums)).all()
    assert (resample(sums) != resample(sums, seed=1)).any()


def test_the_bootstrap_spreads_as_the_linearised_ratio_says() -> None:
    generator = np.random.default_rng(3)
    tokens = generator.integers(1, 30, size=300)
    differences = 0.1 * tokens + generator.normal(0, 1, size=300) * np.sqrt(tokens)
    drawn = ratios(differences.tolist(), tokens.tolist(), [str(i) for i in range(300)])
    ratio = differences.sum() / tokens.sum()
    expected = np.sqrt(((differences - ratio * tokens) ** 2).sum()) / tokens.sum()
    assert drawn.mean() == pytest.approx(ratio, abs=0.1 * expected)
    assert drawn.std() == pytest.approx(expected, rel=0.08)


def test_the_interval_agrees_with_scipy_for_many_cases() -> None:
    values = np.random.default_rng(4).gamma(2, size=400)
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(5)
    ).confidence_interval
    interval = percentile_interval(resample(values[:, None])[:, 0] / 400, 400)
    assert interval == pytest.approx(tuple(expected), abs=0.02)


def test_whole_clusters_are_drawn_and_not_their_cases() -> None:
    # The same cases say less when twenty of them share one fate.
    generator = np.random.default_rng(6)
    shifts = np.repeat(generator.normal(0, 0.5, size=20), 20).tolist()
    together = ratios(shifts, [1] * 400, [str(i // 20) for i in range(400)])
    alone = ratios(shifts, [1] * 400, [str(i) for i in range(400)])
    assert together.std() > 3.5 * alone.std()


@pytest.mark.parametrize("n", [12, 40])
def test_the_interval_holds_what_it_promises(n: int) -> None:
    generator, hits, rounds = np.random.default_rng(7), 0, 400
    for _ in range(rounds):
        tokens = generator.integers(1, 6, size=n)
        differences = generator.normal(0.2, 0.6, size=n) * tokens
        resamples = resample(np.stack([differences, tokens], axis=1))
        interval = percentile_interval(resamples[:, 0] / resamples[:, 1], n)
        assert interval is not None
        hits += interval[0] <= 0.2 <= interval[1]
    assert hits / rounds >= 0.92


def cluster_coverage(rounds: int, *, together: bool) -> float:
    """How often the interval holds the truth for 25 clusters of 8 cases that share much."""
    generator, hits = np.random.default_rng(8), 0
    clusters = np.arange(200) // 8 if together else np.arange(200)
    for _ in range(rounds):
        common = np.repeat(generator.normal(0.1, 0.5, size=25), 8)
        values = common + generator.normal(0, 0.5, size=200)
        sums = add_up(np.stack([values, np.ones(200)], axis=1), clusters.tolist())
        resamples = resample(sums)
        interval = percentile_interval(resamples[:, 0] / resamples[:, 1], len(sums))
        assert interval is not None
        hits += interval[0] <= 0.1 <= interval[1]
    return hits / rounds


def test_the_interval_over_clusters_holds_where_that_over_cases_does_not() -> None:
    assert cluster_coverage(600, together=True) >= 0.93
    assert cluster_coverage(100, together=False) < 0.75


def test_too_few_clusters_give_no_interval() -> None:
    resamples = np.full(RESAMPLES, 0.1)
    assert percentile_interval(resamples, FEWEST_CLUSTERS - 1) is None
    assert percentile_interval(resamples, FEWEST_CLUSTERS) == pytest.approx((0.1, 0.1))


def test_ratios_that_do_not_exist_widen_the_interval_until_there_is_none() -> None:
    resamples = np.linspace(0, 1, RESAMPLES)
    assert divide(np.ones(2), np.array([0.0, 2.0])).tolist()[1] == 0.5
    whole = percentile_interval(resamples, 100)
    resamples[900:920] = np.nan
    holed = percentile_interval(resamples, 100)
    assert whole is not None
    assert holed is not None
    assert holed[0] < whole[0]
    assert holed[1] > whole[1]
    resamples[900:1100] = np.nan
    assert percentile_interval(resamples, 100) is None


@pytest.mark.parametrize("m", [3, 8, 30, 200])
@pytest.mark.parametrize("mean", [0.0, 0.2, 0.6])
def test_the_p_of_a_ratio_is_the_t_test_where_clusters_are_alike(m: int, mean: float) -> None:
    values = np.random.default_rng(m).normal(mean, 1, size=m)
    expected = stats.ttest_1samp(values, 0).pvalue
    assert ratio_p(values, np.full(m, 7.0)) == pytest.approx(expected, rel=0.05, abs=0.01)


def test_the_p_of_a_ratio_keeps_its_level() -> None:
    generator, rounds, alarms = np.random.default_rng(9), 4000, 0
    for _ in range(rounds):
        tokens = generator.integers(1, 20, size=30)
        alarms += ratio_p(generator.normal(0, 1, size=30) * tokens, tokens) < 0.05
    assert 0.035 <= alarms / rounds <= 0.065


def test_nothing_is_surely_nothing_and_the_same_shift_everywhere_is_no_chance() -> None:
    assert ratio_p([0.0] * 50, [2.0] * 50) == 1
    assert ratio_p([0.5] * 50, [2.0] * 50) == 0
    assert ratio_p([0.5], [2.0]) == 1


def test_the_design_effect_is_that_of_kish() -> None:
    # Clusters of 5 whose differences correlate by rho: 1 + (5 - 1) rho.
    generator = np.random.default_rng(10)
    fate = generator.choice([-1, 0, 1], p=[0.3, 0.4, 0.3], size=(4000, 1))
    own = generator.choice([-1, 0, 1], p=[0.3, 0.4, 0.3], size=(4000, 5))
    cases = np.where(generator.random((4000, 5)) < 0.7, fate, own)
    flips = int(np.abs(cases).sum())
    effect = design_effect(cases.sum(axis=1), np.full(4000, 5), flips)
    assert effect == pytest.approx(1 + 4 * 0.7**2, rel=0.06)
    assert design_effect(cases.ravel(), np.ones(20_000), flips) == pytest.approx(1, abs=1e-3)
    assert design_effect([0, 0, 0], [4, 4, 4], 0) == 4


@pytest.mark.parametrize("difference", [-0.3, 0.001, 0.015, 0.03, 0.5])
def test_as_many_clusters_as_needed_bring_the_interval_where_it_tells(difference: float) -> None:
    margin, clusters, wide, narrow = 0.02, 40, 0.2, 0.17
    needed = needed_clusters(
        difference,
        (difference - wide, difference + wide),
        (difference - narrow, difference + narrow),
        clusters,
        margin=margin,
    )
    assert needed is not None
    for total, settled in ((1.01 * needed, True), (0.99 * needed, False)):
        shrink = np.sqrt(clusters / total)
        beyond = abs(difference) - wide * shrink > margin
        inside = abs(difference) + narrow * shrink < margin
        assert (beyond or inside) == settled
    edge = needed_clusters(margin, (0.0, 0.04), (0.0, 0.04), clusters, margin=margin)
    assert edge is None


def test_the_blocks_make_up_all_resamples() -> None:
    assert RESAMPLES % bootstrap._BLOCK == 0
