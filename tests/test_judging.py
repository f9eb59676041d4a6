"""A lane's deltas beyond right and wrong: open text, drift, guessing, form; against plain loops."""

from collections.abc import Sequence
from math import log

import numpy as np
import pytest
from made_outcomes import answered, compare, probe, read, text_probe

from studio.measure import statistics
from studio.measure.delta import Delta
from studio.measure.judging import judge_lane
from studio.measure.outcome import Outcome
from studio.measure.pairs import pair_outcomes
from studio.measure.probe import OVERALL, Case, Probe, index_by_name
from studio.measure.sample import Sample
from studio.measure.verdict import Bounds


def judged(
    outcomes: Sequence[Outcome], probes: Sequence[Probe], name: str, **bounds: float
) -> Delta:
    known = index_by_name(probes)
    pairs = pair_outcomes(outcomes, known, ["run-a"])["run-a"]
    samples = {one.name: Sample.of(one, pairs[one.name]) for one in probes}
    deltas = judge_lane("run-a", samples, known, Bounds.model_validate(bounds))
    return next(one for one in deltas if one.probe == name)


def test_open_text_has_likelihood_and_no_accuracy() -> None:
    texts = [f"Text number {i}: naïve café." for i in range(60)]
    shifts = np.random.default_rng(1).normal(1.5, 0.5, size=60).tolist()
    general = text_probe("general", texts)
    one = judged(read(general, shifts), [general], "general")
    assert (one.verdict, one.basis, one.nll_verdict) == ("less likely", "likelihood", "worse")
    assert one.accuracy_verdict is None
    for field in (
        "difference",
        "low",
        "b",
        "p",
        "p_holm",
        "shown_drop",
        "accuracy",
        "chance",
        "fg",
    ):
        assert getattr(one, field) is None
    assert one.nll_difference == pytest.approx(sum(shifts) / 600)
    size = sum(len(text.encode()) for text in texts) * log(2)
    assert one.bits_base == pytest.approx(20 * 60 / size)
    assert one.bits_tuned == pytest.approx((20 * 60 + sum(shifts)) / size)
    assert one.bits_low is not None
    assert one.bits_high is not None
    assert one.bits_low < one.bits_tuned - one.bits_base < one.bits_high
    assert one.kl == pytest.approx(sum(abs(shift) / 2 for shift in shifts) / 600)
    assert one.kl_low is not None
    assert one.kl_high is not None
    assert one.kl_low < one.kl < one.kl_high
    assert one.shown_shift == pytest.approx(0.02 + one.nll_difference - (one.nll_low or 0))
    assert one.stop_base is one.length_ratio is one.broken_base is None


def test_texts_of_one_document_are_drawn_together() -> None:
    fates = np.random.default_rng(2).normal(0.3, 1, size=12)
    shifts = np.repeat(fates, 10).tolist()
    names = [f"document {i // 10}" for i in range(120)]
    texts = [f"Text {i}." for i in range(120)]
    alone, together = text_probe("alone", texts), text_probe("together", texts, names)
    first = judged(read(alone, shifts), [alone], "alone")
    second = judged(read(together, shifts), [together], "together")
    assert (first.clusters, second.clusters, second.n) == (120, 12, 120)
    assert first.nll_difference == pytest.approx(second.nll_difference)
    assert None not in (first.nll_high, first.nll_low, second.nll_high, second.nll_low)
    width = [one.nll_high - one.nll_low for one in (first, second)]
    assert width[1] > 2 * width[0]


def test_bits_count_only_the_bytes_that_were_scored() -> None:
    long = text_probe("long", ["abcdef" * 10] * 6)
    outcomes = [
        one.model_copy(update={"pieces": ("abc", "def")}) if one.lane == "base" else one
        for one in read(long, [0.0] * 6, tokens=2)
    ]
    one = judged(outcomes, [long], "long")
    assert one.bits_base == pytest.approx(4.0 / (6 * log(2)))


def test_the_row_of_all_retention_probes_leaves_open_text_out() -> None:
    general, capitals = text_probe("general", ["Some text."] * 40), probe("capitals", 50)
    outcomes = read(general, [0.0] * 40) + compare(capitals, 3, 1)
    row = judged(outcomes, [general, capitals], OVERALL)
    assert (row.n, row.b, row.c) == (50, 3, 1)
    alone = [one for one in outcomes if one.probe == "general"]
    with pytest.raises(StopIteration):
        judged(alone, [general], OVERALL)


def test_forgetting_is_relative_to_what_is_above_guessing() -> None:
    cases = [
        Case.model_validate(
            {"id": str(i), "prompt": "?", "answer": "yes", "choices": ("yes", "no", "a", "b")}
        )
        for i in range(200)
    ]
    quiz = Probe(name="quiz", title="Quiz", kind="retention", scorer="choice", cases=tuple(cases))
    outcomes = answered("base", quiz, [i < 150 for i in range(200)])
    outcomes += answered("run-a", quiz, [i < 100 for i in range(200)])
    one = judged(outcomes, [quiz], "quiz")
    assert one.chance == 0.25
    before, after = ((share - 0.25) / 0.75 for share in (0.75, 0.5))
    assert one.fg == pytest.approx((before - after) / before)
    assert one.fg_low is not None
    assert one.fg_high is not None
    assert 0.35 < one.fg_low < 0.5 < one.fg_high < 0.7
    assert one.stop_base is one.length_ratio is None  # nothing was written
    guessed = answered("base", quiz, [i < 55 for i in range(200)])
    guessed += answered("run-a", quiz, [i < 40 for i in range(200)])
    assert judged(guessed, [quiz], "quiz").fg is None


def test_changes_of_form_are_counted() -> None:
    chat = probe("chat", 40)
    base, tuned = answered("base", chat, [True] * 40), answered("run-a", chat, [True] * 40)
    tuned = [
        one.model_copy(update={"text": "no no no no no no no no no", "stopped": False})
        if i < 10
        else one.model_copy(update={"text": "" if i < 14 else "yes yes"})
        for i, one in enumerate(tuned)
    ]
    one = judged(base + tuned, [chat], "chat")
    assert (one.stop_base, one.stop_tuned) == (1, 0.75)
    assert one.stop_low is not None
    assert one.stop_high is not None
    assert one.stop_low < -0.25 < one.stop_high < 0
    assert (one.broken_base, one.broken_tuned) == (0, 14 / 40)
    assert (one.broken_low, one.broken_high) == statistics.paired_interval(0, 14, 40)
    assert one.length_ratio == pytest.approx((10 * 26 + 26 * 7) / (40 * 3))
    assert one.length_low is not None
    assert one.length_high is not None
    assert one.length_low < one.length_ratio < one.length_high


def test_cases_that_say_the_same_are_no_surer_than_one_of_them() -> None:
    single = probe("single", 20)
    wrong = [i % 4 != 0 for i in range(20)]
    alone = judged(
        answered("base", single, [True] * 20) + answered("run-a", single, wrong), [single], "single"
    )
    cases = [
        case.model_copy(update={"id": f"{case.id}-{copy}", "cluster": case.id})
        for case in single.cases
        for copy in range(3)
    ]
    thrice = single.model_copy(update={"name": "thrice", "cases": tuple(cases)})
    marks = [mark for mark in wrong for _ in range(3)]
    together = judged(
        answered("base", thrice, [True] * 60) + answered("run-a", thrice, marks), [thrice], "thrice"
    )
    assert together.accuracy == alone.accuracy == 0.75
    for low, high in (("accuracy_low", "accuracy_high"), ("flip_low", "flip_high")):
        wide = getattr(together, high) - getattr(together, low)
        # A variance over 20 clusters has 19 degrees of freedom.
        assert wide == pytest.approx(getattr(alone, high) - getattr(alone, low), rel=0.03)
    assert (together.base_low, together.base_high) == (alone.base_low, alone.base_high)


def test_the_gauge_on_the_task_is_no_part_of_its_verdict() -> None:
    task = probe("task", 60, "gain")
    plain = compare(task, 2, 30)
    gauged = [
        one if one.lane == "base" else one.model_copy(update={"kl": 12.0, "kl_tokens": 4})
        for one in plain
    ]
    first, second = judged(plain, [task], "task"), judged(gauged, [task], "task")
    assert first.kl is None
    assert (second.kl, second.kl_low, second.kl_high) == (3, 3, 3)
    gauge = {"kl": None, "kl_low": None, "kl_high": None}
    assert second.model_copy(update=gauge) == first


def test_likelihoods_are_adjusted_over_the_family_too() -> None:
    generator = np.random.default_rng(3)
    family = [probe(f"skill{i}", 40) for i in range(8)]
    outcomes = []
    for each in family:
        shifts = generator.normal(0.35, 1, size=40)
        outcomes += answered("base", each, [True] * 40, [5.0] * 40)
        outcomes += answered("run-a", each, [True] * 40, (5 + shifts).tolist())
    deltas = [judged(outcomes, family, one.name) for one in family]
    assert all((one.nll_p_holm or 0) >= (one.nll_p or 0) for one in deltas)
    adjusted = sorted(one.nll_p or 0 for one in deltas)
    assert min(one.nll_p_holm or 0 for one in deltas) == pytest.approx(8 * adjusted[0])
    for one in deltas:
        if one.nll_verdict == "worse":
            assert (one.nll_p_holm or 0) < 0.05


def test_clustered_cases_give_a_wider_interval_of_accuracy() -> None:
    plain = probe("plain", 120)
    cases = [case.model_copy(update={"cluster": str(i // 6)}) for i, case in enumerate(plain.cases)]
    grouped = plain.model_copy(update={"cases": tuple(cases)})
    fates = np.repeat(np.random.default_rng(4).random(20) < 0.25, 6)
    outcomes = answered("base", plain, [True] * 120)
    outcomes += answered("run-a", plain, [not lost for lost in fates])
    alone, together = (judged(outcomes, [one], "plain") for one in (plain, grouped))
    assert (alone.b, alone.difference) == (together.b, together.difference)
    assert alone.p is not None
    assert together.p is not None
    assert together.p > 1000 * alone.p
    assert None not in (alone.low, alone.high, together.low, together.high)
    assert together.high - together.low > 2 * (alone.high - alone.low)
    assert (together.shown_drop or 1) > (alone.shown_drop or 1)
