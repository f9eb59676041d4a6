"""The probes that ship: well formed, balanced, and never the same question twice."""

import re
from collections import Counter

import pytest

from studio.measure.case import Case
from studio.measure.probe import Probe, shipped
from studio.measure.scorers import correct
from studio.studio import Studio

GENERAL = shipped("general")
CHOICES = [probe for probe in GENERAL if probe.scorer == "choice"]
WRITTEN = [probe for probe in shipped(None) if probe.scorer not in ("choice", "text")]


def named(probe: Probe) -> str:
    return probe.name


def asked(case: Case) -> str:
    """What is asked, letter case and spaces aside; of bare text the texts themselves."""
    if case.messages:
        return " ".join(" ".join(m.content for m in case.messages).lower().split())
    return " | ".join(sorted(case.choices or (case.answer,))).lower()


def test_the_general_pack_has_eight_families_of_a_hundred_cases_and_open_text() -> None:
    large = [probe for probe in GENERAL if len(probe.cases) >= 100]
    assert len(large) >= 8
    assert {"choice", "number", "instructions", "json"} <= {probe.scorer for probe in large}
    (text,) = [probe for probe in GENERAL if probe.scorer == "text"]
    assert len(text.cases) >= 48
    assert all(60 <= len(case.answer.split()) <= 200 for case in text.cases)


@pytest.mark.parametrize("probe", GENERAL, ids=named)
def test_a_probe_says_what_it_is(probe: Probe) -> None:
    assert probe.kind == "retention"
    assert probe.license == "Apache-2.0"
    assert probe.description.endswith((".", "?"))
    assert probe.name.startswith("general-")


@pytest.mark.parametrize("probe", shipped(None), ids=named)
def test_no_two_cases_ask_the_same(probe: Probe) -> None:
    twice = [text for text, count in Counter(map(asked, probe.cases)).items() if count > 1]
    assert twice == []


def test_no_two_general_probes_ask_the_same() -> None:
    counts = Counter(asked(case) for probe in GENERAL for case in probe.cases)
    assert [text for text, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("probe", CHOICES, ids=named)
def test_answers_stand_evenly_over_the_places(probe: Probe) -> None:
    sizes = {len(case.choices) for case in probe.cases}
    assert len(sizes) == 1
    places = Counter(case.choices.index(case.answer) for case in probe.cases)
    assert len(places) == sizes.pop()
    assert max(places.values()) - min(places.values()) <= 1


@pytest.mark.parametrize("probe", CHOICES, ids=named)
def test_the_length_of_a_choice_does_not_tell_the_answer(probe: Probe) -> None:
    """Taking the longest choice (or the shortest) must be little better than guessing."""
    for pick in (max, min):
        right = sum(pick(case.choices, key=len) == case.answer for case in probe.cases)
        assert right / len(probe.cases) < probe.chance + 0.2


@pytest.mark.parametrize("probe", WRITTEN, ids=named)
def test_the_reference_is_right_and_an_empty_answer_wrong(probe: Probe) -> None:
    for case in probe.cases:
        assert correct(probe, case.answer, case), case.id
        assert not correct(probe, "", case), case.id


@pytest.mark.parametrize("probe", [one for one in GENERAL if one in WRITTEN], ids=named)
def test_repeating_the_question_is_no_answer(probe: Probe) -> None:
    passed = [case.id for case in probe.cases if correct(probe, case.messages[-1].content, case)]
    assert len(passed) <= len(probe.cases) // 10


def test_arithmetic_that_is_spelled_out_is_computed_right() -> None:
    (probe,) = [one for one in GENERAL if one.name == "general-arithmetic"]
    checked = 0
    for case in probe.cases:
        sum_ = re.search(r"What is ([-\d.()+* ]+)\?", case.messages[-1].content)
        if sum_:
            checked += 1
            assert eval(sum_[1]) == pytest.approx(float(case.answer)), case.id
    assert checked >= 20


def test_the_starter_is_asked_its_own_pack_and_every_other_base_the_general_one(
    tmp_path: object,
) -> None:
    with Studio(str(tmp_path)) as studio:
        starter, other = studio.retention_probes("starter"), studio.retention_probes("org/model")
    assert starter == [probe.name for probe in shipped("starter")]
    assert other == [probe.name for probe in GENERAL]
