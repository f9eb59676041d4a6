"""Outcomes of two lanes are matched case by case, or refused; nothing is dropped."""

import pytest
from made_outcomes import compare, probe

from studio.errors import ProbeError
from studio.measure.pairs import FLIPS, flips, pair_outcomes
from studio.measure.probe import index_by_name


def test_outcomes_that_do_not_fit_are_refused() -> None:
    capitals = probe("capitals", 10)
    whole = compare(capitals, 1, 1)
    stray = whole[0].model_copy(update={"case": "capitals-99"})
    other = whole[0].model_copy(update={"lane": "run-b"})
    longer = whole[-1].model_copy(update={"tokens": 3})
    for outcomes, reason in (
        (whole[1:], "case capitals-0 of probe capitals in lane base was not answered"),
        (whole[:-3], "capitals-7 of probe capitals in lane run-a and 2 more was not answered"),
        ([*whole, whole[4]], "case capitals-4 of probe capitals in lane base was answered twice"),
        ([*whole, stray], "capitals-99 .* was answered but not asked for"),
        ([*whole, other], "lane run-b was answered but not asked for"),
        ([*whole[:-1], longer], "scored over 3 tokens, but over 2 for the base"),
    ):
        with pytest.raises(ProbeError, match=reason):
            pair_outcomes(outcomes, index_by_name([capitals]), ["run-a"])
    for lanes in (["base"], ["run-a", "run-a"]):
        with pytest.raises(ProbeError, match='different names, and none may be called "base"'):
            pair_outcomes(whole, index_by_name([capitals]), lanes)


def test_pairs_come_in_the_order_of_the_cases() -> None:
    capitals = probe("capitals", 10)
    backwards = compare(capitals, 1, 2)[::-1]
    pairs = pair_outcomes(backwards, index_by_name([capitals]), ["run-a"])["run-a"]["capitals"]
    assert [pair.base.case for pair in pairs] == [case.id for case in capitals.cases]
    assert all(pair.base.lane == "base" and pair.tuned.lane == "run-a" for pair in pairs)
    assert [pair.flip for pair in pairs[:4]] == [
        "wrong_right",
        "wrong_right",
        "right_wrong",
        "right_right",
    ]


def test_flips_sort_every_case_once_with_both_texts() -> None:
    capitals = probe("capitals", 20)
    outcomes = [*compare(capitals, 3, 2), *compare(probe("other", 5), 1, 1)]
    outcomes[5 + 5] = outcomes[10].model_copy(update={"correct": False, "text": "hm"})
    outcomes[20 + 10] = outcomes[30].model_copy(update={"correct": False, "text": "well"})
    sorted_cases = flips(outcomes, "run-a", "capitals")
    assert {flip: len(cases) for flip, cases in sorted_cases.items()} == dict(
        zip(FLIPS, (14, 3, 2, 1), strict=True)
    )
    assert sorted_cases["right_wrong"][0] == ("capitals-2", "yes", "no")
    assert sorted_cases["wrong_right"][0] == ("capitals-0", "no", "yes")
    assert sorted_cases["wrong_wrong"] == [("capitals-10", "hm", "well")]


def test_flips_of_unmatched_outcomes_are_refused() -> None:
    outcomes = compare(probe("capitals", 5), 1, 1)
    with pytest.raises(ProbeError, match="capitals-4 .* in lane run-a was not answered"):
        flips(outcomes[:-1], "run-a", "capitals")
    with pytest.raises(ProbeError, match="capitals-0 .* in lane base was not answered"):
        flips(outcomes[1:], "run-a", "capitals")
    with pytest.raises(ProbeError, match="answered twice"):
        flips([*outcomes, outcomes[0]], "run-a", "capitals")
    with pytest.raises(ProbeError, match='no outcomes for the probe "stories"'):
        flips(outcomes, "run-a", "stories")
