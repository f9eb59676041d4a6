"""What votes show agrees with scipy and statsmodels, and keeps its promises in simulations."""

from functools import partial
from math import comb, log

import numpy as np
import pytest
import statsmodels.api as statsmodels
from scipy import stats

from studio.measure.preference import (
    EARLY,
    FEWEST_DECISIVE,
    adjust_for_length,
    anytime_p,
    is_shown,
    needed_votes,
    sign_test,
    votes_still_needed,
    win_rate,
)
from studio.measure.ranking import POINTS, fit, rank


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (1, 0), (15, 5), (5, 15), (33, 17), (61, 39)])
def test_the_sign_test_is_the_exact_binomial_test(wins: int, losses: int) -> None:
    expected = stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1
    assert sign_test(wins, losses) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("n", "least"), [(20, 15), (30, 21), (50, 33), (100, 61)])
def test_so_many_wins_are_the_fewest_that_are_significant(n: int, least: int) -> None:
    assert sign_test(least, n - least) < 0.05 < sign_test(least - 1, n - least + 1)


def test_a_win_rate_counts_ties_half_and_turns_around_with_the_sides() -> None:
    rate, (low, high) = win_rate(12, 4, 20)
    assert rate == pytest.approx((12 + 4 / 2) / 20)
    other, (below, above) = win_rate(4, 12, 20)
    assert (other, below, above) == pytest.approx((1 - rate, 1 - high, 1 - low))
    assert win_rate(10, 0, 10)[1][0] > 0.6  # ten of ten are no proof of "always"
    assert win_rate(10, 0, 10)[1][0] < 1


@pytest.mark.parametrize("n", [12, 30, 100])
@pytest.mark.parametrize("shares", [(0.5, 0.2), (0.4, 0.4), (0.85, 0.05), (0.1, 0.0)])
def test_the_interval_of_a_win_rate_covers_the_truth(n: int, shares: tuple[float, float]) -> None:
    win, loss = shares
    truth, covered = 0.5 + (win - loss) / 2, 0.0
    for wins in range(n + 1):
        for losses in range(n - wins + 1):
            ties = n - wins - losses
            chance = stats.multinomial.pmf([wins, losses, ties], n, [win, loss, 1 - win - loss])
            low, high = win_rate(wins, losses, n)[1]
            covered += chance * (low <= truth <= high)
    assert covered >= 0.93  # nominal 95 %, counted over every outcome


@pytest.mark.parametrize(
    ("rate", "votes"), [(1.0, 20), (0.8, 20), (0.75, 30), (0.7, 49), (0.6, 199), (0.3, 49)]
)
def test_needed_votes_find_the_preference_four_times_in_five(rate: float, votes: int) -> None:
    assert needed_votes(rate) == votes
    better = max(rate, 1 - rate)

    def power(n: int) -> float:
        least = next(k for k in range(n + 2) if k > n or sign_test(k, n - k) <= 0.05 and 2 * k > n)
        return float(stats.binom.sf(least - 1, n, better))

    assert power(votes) >= 0.8
    assert votes == FEWEST_DECISIVE or power(votes - 1) < 0.8


def test_no_number_of_votes_is_promised_where_nobody_is_preferred() -> None:
    assert needed_votes(0.5) is None
    assert needed_votes(0.51) is None
    assert votes_still_needed(0, 0, 30) is None
    assert votes_still_needed(10, 10, 20) is None


def test_votes_still_needed_count_the_ties_that_will_come() -> None:
    assert votes_still_needed(7, 3, 20) == (49 - 10) * 2
    assert votes_still_needed(60, 20, 100) == 0


@pytest.mark.parametrize("level", [0.05, 0.01])
def test_looking_after_every_vote_keeps_the_level(level: float) -> None:
    generator = np.random.default_rng(1)
    votes = generator.random((1500, 200)) < 0.5
    wrong = sum(anytime_p(one.tolist()) <= level for one in votes)
    assert wrong / len(votes) <= level


def test_looking_after_every_vote_with_the_sign_test_does_not() -> None:
    generator = np.random.default_rng(1)
    votes = np.cumsum(generator.random((300, 100)) < 0.5, axis=1)
    wrong = sum(
        any(sign_test(int(one[n - 1]), n - int(one[n - 1])) <= 0.05 for n in range(20, 101))
        for one in votes
    )
    assert wrong / len(votes) > 0.1


def test_the_evidence_is_the_mean_likelihood_against_a_half() -> None:
    rates = (np.arange(100_000) + 0.5) / 100_000
    assert 1 / anytime_p([True] * 9) == pytest.approx(float(np.mean((2 * rates) ** 9)), rel=1e-6)
    assert anytime_p([True, False]) == pytest.approx(1)
    assert anytime_p([]) == 1


def wrongly_shown(planned: int) -> float:
    """Chance that an arena of so many decisive votes without a preference claims one."""
    at, crossed = {0: 1.0}, 0.0
    for n in range(1, planned + 1):
        grown: dict[int, float] = {}
        for wins, chance in at.items():
            grown[wins] = grown.get(wins, 0.0) + chance / 2
            grown[wins + 1] = grown.get(wins + 1, 0.0) + chance / 2
        at = grown
        for wins in list(at) if n >= FEWEST_DECISIVE else []:
            early = n * log(2) - log((n + 1) * comb(n, wins)) >= -log(EARLY * 0.05)
            if early or (n == planned and sign_test(wins, n - wins) <= 0.05):
                crossed += at.pop(wins)
    return crossed


def test_looking_early_and_at_the_end_together_keep_the_level() -> None:
    chances = [wrongly_shown(planned) for planned in range(20, 201, 10)]
    assert max(chances) <= 0.051
    assert np.mean(chances) <= 0.05


def test_a_preference_is_shown_at_the_end_or_by_overwhelming_evidence() -> None:
    end = partial(is_shown, finished=True)
    assert not end([True] * (FEWEST_DECISIVE - 1))
    assert end([True, True, True, False] * 5)
    assert not is_shown([True, True, True, False] * 5, finished=False)
    assert is_shown([True] * 19 + [False], finished=False)
    assert not end([True, False] * 20)
    assert not end([True, True, True, False] * 5, comparisons=3)


def voted(generator: np.random.Generator, n: int, at_zero: float, pull: float) -> tuple:  # type: ignore[type-arg]
    """Scores, and how much longer each scored answer was, of a judge whom length pulls."""
    longer = generator.normal(30, 80, n)
    odds = at_zero + pull * np.tanh(longer / np.std(longer))
    return (generator.random(n) < 1 / (1 + np.exp(-odds))).astype(float), longer


def test_length_is_adjusted_for_as_statsmodels_does() -> None:
    scores, longer = voted(np.random.default_rng(3), 80, 0.3, 1.0)
    scores[::7] = 0.5
    design = statsmodels.add_constant(np.tanh(longer / np.std(longer)))
    model = statsmodels.GLM(scores, design, family=statsmodels.families.Binomial())
    reference = model.fit(cov_type="HC0")
    adjusted = adjust_for_length(scores, longer)
    assert adjusted is not None
    logit = log(adjusted.rate / (1 - adjusted.rate))
    assert logit == pytest.approx(reference.params[0], abs=1e-6)
    assert adjusted.pull == pytest.approx(reference.params[1], abs=1e-6)
    low, high = adjusted.interval
    width = log(high / (1 - high)) - log(low / (1 - low))
    expected = 2 * 1.959964 * reference.bse[0] * np.sqrt(80 / 78)
    assert width == pytest.approx(expected, rel=1e-4)


def test_a_judge_of_length_alone_prefers_nobody_at_equal_lengths() -> None:
    generator, raw, adjusted = np.random.default_rng(5), [], []
    for _ in range(100):
        scores, longer = voted(generator, 120, 0.0, 2.0)
        found = adjust_for_length(scores, longer)
        assert found is not None
        raw.append(float(scores.mean()))
        adjusted.append(found.rate)
    assert np.mean(raw) > 0.58
    assert np.mean(adjusted) == pytest.approx(0.5, abs=0.02)


def test_the_interval_of_the_adjusted_rate_covers_the_truth() -> None:
    generator, truth, covered = np.random.default_rng(7), 1 / (1 + np.exp(-0.5)), 0
    for _ in range(400):
        found = adjust_for_length(*voted(generator, 60, 0.5, 1.0))
        assert found is not None
        covered += found.interval[0] <= truth <= found.interval[1]
    assert 0.92 <= covered / 400 <= 0.98


def test_nothing_is_adjusted_where_length_never_differs_or_tells_all() -> None:
    assert adjust_for_length([1, 0, 1, 1], [5, 5, 5, 5]) is None
    assert adjust_for_length([1, 0, 1, 0, 1, 0], [9, -9, 8, -7, 5, -6]) is None
    assert adjust_for_length([1, 1, 1, 1, 1], [9, -9, 8, -7, 5]) is None


def tournament(
    generator: np.random.Generator, points: list[float], prompts: int
) -> list[tuple[str, int, int, float]]:
    """Every pair of models voted on for every prompt, a fifth of the votes ties."""
    strength = np.exp(np.array(points) / POINTS)
    votes = []
    for prompt in range(prompts):
        for one in range(len(points)):
            for other in range(one):
                won = generator.random() < strength[one] / (strength[one] + strength[other])
                score = 0.5 if generator.random() < 0.2 else float(won)
                votes.append((str(prompt), one, other, score))
    return votes


def test_strengths_are_those_of_a_logistic_regression() -> None:
    votes = tournament(np.random.default_rng(2), [0, 60, -40, 120], 40)
    design = np.zeros((len(votes), 4))
    for row, (_, one, other, _) in enumerate(votes):
        design[row, one], design[row, other] = 1, -1
    scores = np.array([vote[-1] for vote in votes])
    family = statsmodels.families.Binomial()
    reference = statsmodels.GLM(scores, design[:, 1:], family=family).fit()
    found = [one.points for one in rank(["a", "b", "c", "d"], votes, prior=0)]
    assert found == pytest.approx([0, *(POINTS * reference.params)], abs=1e-4)


def test_a_model_that_won_every_vote_has_finite_points() -> None:
    votes = [(str(n), 1, 0, 1.0) for n in range(12)] + [(str(n), 2, 0, 0.5) for n in range(12)]
    base, best, even = rank(["base", "best", "even"], votes)
    assert (base.points, base.interval) == (0, None)
    assert even.points == pytest.approx(0, abs=1e-6)
    assert best.points == pytest.approx(POINTS * log(12.5 / 0.5), abs=1e-3)
    assert best.interval is not None
    assert best.interval[0] > 0


def test_four_hundred_points_are_odds_of_ten_to_one() -> None:
    found = fit(np.array([[[0.0, 1.0], [10.0, 0.0]]]))
    assert POINTS * found[0, 1] == pytest.approx(400, abs=1e-4)


@pytest.mark.parametrize("truth", [[0.0, 80.0, 160.0], [0.0, 450.0, 500.0]])
def test_the_intervals_of_the_points_cover_the_truth(truth: list[float]) -> None:
    generator, covered = np.random.default_rng(4), 0
    # A fifth of ties pulls win rates towards 1/2; the truth is what infinitely many votes show.
    settled = rank(["a", "b", "c"], tournament(generator, truth, 20_000), prior=0)
    for _ in range(60):
        found = rank(["a", "b", "c"], tournament(generator, truth, 30))
        for one, known in zip(found[1:], settled[1:], strict=True):
            assert one.interval is not None
            covered += one.interval[0] <= known.points <= one.interval[1]
    assert 0.9 <= covered / 120 <= 0.995


def test_points_are_not_certain_because_all_votes_agree() -> None:
    votes = [(str(n), 1, 0, 1.0) for n in range(24)] + [(str(n), 2, 0, 0.5) for n in range(24)]
    _, best, even = rank(["base", "best", "even"], votes)
    assert best.interval is not None
    assert even.interval is not None
    # 24 wins of 24 are at least 86 % by Wilson, which is 318 points; 24 ties 43 to 57 %, or ±49.
    assert 250 < best.interval[0] < 500 < best.points < best.interval[1]
    assert -80 < even.interval[0] < -20
    assert 20 < even.interval[1] < 80


def test_too_few_prompts_have_points_without_an_interval() -> None:
    found = rank(["a", "b", "c"], tournament(np.random.default_rng(0), [0, 10, 20], 4))
    assert [one.interval for one in found] == [None, None, None]
