"""Reports from made-up outcomes: losses that were planted are found, and nothing else is."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from made_outcomes import answered, compare, probe, read, text_probe

from studio.errors import ProbeError
from studio.measure.delta import Delta
from studio.measure.outcome import Outcome
from studio.measure.probe import OVERALL, Probe
from studio.measure.report import LaneInfo, Report, make_report

WHEN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def report(outcomes: Sequence[Outcome], probes: Sequence[Probe], **options: float) -> Report:
    lanes = [LaneInfo(id="run-a", title="First run", recipe="qlora, rank 16")]
    return make_report(outcomes, probes, base="starter", lanes=lanes, created=WHEN, **options)


def delta_of(report: Report, probe: str) -> Delta:
    return next(one for one in report.of("run-a") if one.probe == probe)


def test_the_base_against_itself_changed_nothing() -> None:
    marks = [i % 3 > 0 for i in range(300)]
    likelihoods = [0.1 + i % 7 for i in range(300)]
    both = [probe("task", 300, "gain"), probe("capitals", 300)]
    outcomes = [
        one
        for each in both
        for lane in ("base", "run-a")
        for one in answered(lane, each, marks, likelihoods)
    ]
    deltas = report(outcomes, both).of("run-a")
    assert [one.probe for one in deltas] == ["task", OVERALL, "capitals"]
    for one in deltas:
        assert (one.difference, one.b, one.c, one.p, one.nll_difference) == (0, 0, 0, 1, 0)
        assert one.low < 0 < one.high
        assert one.verdict == one.nll_verdict == "no material change"


def test_the_base_measured_twice_shows_no_material_change_anywhere() -> None:
    # Few cases per probe, every shape of probe, and the noise of another batch.
    generator = random.Random(3)
    skills = [probe("task", 48, "gain"), *(probe(f"skill{i}", 48) for i in range(8))]
    general = text_probe("general", [f"Text {i}." for i in range(40)])
    outcomes = read(general, [generator.gauss(0, 1e-4) for _ in range(40)])
    for skill in skills:
        marks = [generator.random() < 0.8 for _ in range(48)]
        nats = [generator.expovariate(0.5) for _ in range(48)]
        outcomes += answered("base", skill, marks, nats)
        outcomes += answered("run-a", skill, marks, [one * (1 + 1e-5) for one in nats])
    found = report(outcomes, [*skills, general])
    assert {one.verdict for one in found.of("run-a")} == {"no material change"}
    text = found.headline("run-a")
    assert "nconclusive" not in text
    assert "No material drift on General" in text
    kept = "No material change (90 % interval within ±0.01 nats per token with hardly an answer "
    assert kept in text
    assert "no material change, by likelihood" in found.markdown()


def test_few_cases_never_prove_that_nothing_changed() -> None:
    one = delta_of(
        report(compare(probe("capitals", 20), 0, 0), [probe("capitals", 20)]), "capitals"
    )
    assert (one.verdict, one.basis) == ("inconclusive", None)
    assert one.more_cases == 30 - 20


def test_noise_is_rarely_called_a_change() -> None:
    # Over a whole family: Holm keeps each measure's error below one in twenty.
    generator = random.Random(5)
    families = [probe(f"family{i}", 50) for i in range(8)]
    rounds, alarms = 60, {"gained or forgotten": 0, "more or less likely": 0}
    for _ in range(rounds):
        outcomes = []
        for family in families:
            for lane in ("base", "run-a"):
                marks = [generator.random() < 0.9 for _ in range(50)]
                nats = [generator.expovariate(1) for _ in range(50)]
                outcomes += answered(lane, family, marks, nats)
        deltas = report(outcomes, families).of("run-a")
        verdicts = {one.verdict for one in deltas if one.probe != OVERALL}
        alarms["gained or forgotten"] += bool(verdicts & {"gained", "forgotten"})
        alarms["more or less likely"] += bool(verdicts & {"more likely", "less likely"})
    assert max(alarms.values()) / rounds <= 0.05


def test_a_planted_loss_is_found_among_kept_probes() -> None:
    lost, kept = probe("capitals", 60), [probe(f"kept{i}", 300) for i in range(5)]
    outcomes = compare(lost, 30, 0)
    for each in kept:
        outcomes += compare(each, 0, 0)
    found = report(outcomes, [lost, *kept])
    assert delta_of(found, "capitals").verdict == "forgotten"
    assert delta_of(found, "capitals").difference == -0.5
    assert {delta_of(found, each.name).verdict for each in kept} == {"no material change"}
    assert "Forgot 1 of 6: Capitals −50 (−62 … −38, n = 60; 30 lost, 0 gained)." in found.headline(
        "run-a"
    )


def test_a_verdict_needs_more_among_many_probes() -> None:
    suspect = probe("capitals", 50)
    alone = delta_of(report(compare(suspect, 7, 0), [suspect]), "capitals")
    assert alone.verdict == "forgotten"
    others = [probe(f"kept{i}", 50) for i in range(19)]
    outcomes = compare(suspect, 7, 0) + [one for each in others for one in compare(each, 0, 0)]
    among = delta_of(report(outcomes, [suspect, *others]), "capitals")
    assert (among.low, among.high, among.p) == (alone.low, alone.high, alone.p)
    assert among.p_holm == pytest.approx(20 * alone.p)
    assert among.verdict == "inconclusive"
    assert among.more_cases is not None
    assert alone.shown_drop is not None
    assert among.shown_drop is not None
    assert alone.shown_drop < -among.difference < among.shown_drop


def test_the_gain_is_not_paid_for_by_the_number_of_retention_probes() -> None:
    task, others = probe("task", 50, "gain"), [probe(f"kept{i}", 50) for i in range(19)]
    outcomes = compare(task, 0, 7) + [one for each in others for one in compare(each, 0, 0)]
    one = delta_of(report(outcomes, [task, *others]), "task")
    assert one.verdict == "gained"
    assert one.p_holm == one.p


@pytest.mark.parametrize(
    ("lost", "gained", "n", "verdict"),
    [
        (0, 60, 100, "gained"),
        (60, 0, 100, "forgotten"),
        (3, 3, 2000, "no material change"),
        (2, 9, 100, "inconclusive"),
        (24, 0, 2000, "inconclusive"),  # lost 1.2 points for sure, but perhaps less than the margin
    ],
)
def test_verdicts_follow_from_interval_and_margin(
    lost: int, gained: int, n: int, verdict: str
) -> None:
    one = delta_of(
        report(compare(probe("task", n, "gain"), lost, gained), [probe("task", n, "gain")]), "task"
    )
    assert one.verdict == verdict
    assert (one.b, one.c, one.n) == (lost, gained, n)
    assert one.difference == (gained - lost) / n
    assert (one.more_cases is not None) <= (verdict == "inconclusive")


def test_two_probes_of_one_name_are_refused() -> None:
    capitals = probe("capitals", 10)
    with pytest.raises(ProbeError, match='two probes are called "capitals"'):
        report(compare(capitals, 1, 1), [capitals, capitals])


def test_the_margin_can_be_chosen_and_has_to_be_positive() -> None:
    capitals = probe("capitals", 60)
    outcomes = compare(capitals, 30, 0)
    assert (
        delta_of(report(outcomes, [capitals], margin=0.7), "capitals").verdict
        == "no material change"
    )
    with pytest.raises(ProbeError, match="margin"):
        report(outcomes, [capitals], margin=0.0)


def test_the_row_of_all_retention_probes_pools_their_cases() -> None:
    one, two, task = probe("one", 40), probe("two", 60), probe("task", 50, "gain")
    outcomes = compare(one, 10, 2) + compare(two, 1, 5) + compare(task, 0, 40)
    row = delta_of(report(outcomes, [one, two, task]), OVERALL)
    assert (row.n, row.b, row.c) == (100, 11, 7)
    assert row.difference == pytest.approx(-0.04)
    assert row.p_holm == row.p


def test_lost_likelihood_is_told_when_accuracy_holds() -> None:
    capitals, stories = probe("capitals", 300), probe("stories", 300)
    marks = [True] * 300
    outcomes = [
        *answered("base", capitals, marks),
        *answered("run-a", capitals, marks, 1.5),
        *answered("base", stories, marks),
        *answered("run-a", stories, marks, 0.5),
    ]
    found = report(outcomes, [capitals, stories])
    capital, story = delta_of(found, "capitals"), delta_of(found, "stories")
    assert (capital.nll_verdict, story.nll_verdict) == ("worse", "better")
    assert (capital.nll_base, capital.nll, capital.nll_difference) == (0.5, 0.75, 0.25)
    assert (capital.verdict, story.verdict) == ("less likely", "more likely")
    assert capital.accuracy_verdict == story.accuracy_verdict == "no material change"
    text = found.headline("run-a")
    assert "Forgot" not in text
    assert (
        "Less likely, not yet wrong 1 of 2: "
        "Capitals +0.250 nats per token (0.250 … 0.250; accuracy 0.0, −1.3 … 1.3; n = 300)."
    ) in text


def test_too_few_cases_give_no_likelihood_interval() -> None:
    tiny = probe("tiny", 3)
    found = report(compare(tiny, 1, 0), [tiny])
    one = delta_of(found, "tiny")
    assert (one.nll_low, one.nll_high, one.nll_verdict) == (None, None, "inconclusive")
    assert "too few cases for an interval" in found.markdown()


def test_the_headline_says_gain_loss_and_doubt_with_their_numbers() -> None:
    task, lost = probe("task", 160, "gain"), probe("capitals", 40)
    kept, unsure = probe("animals", 400), probe("stories", 40)
    outcomes = (
        compare(task, 2, 68) + compare(lost, 25, 0) + compare(kept, 1, 1) + compare(unsure, 3, 0)
    )
    found = report(outcomes, [task, lost, kept, unsure])
    text = found.headline("run-a")
    gain = delta_of(found, "task")
    assert text.startswith(
        f"Gained 41 points on Task (95 %: {100 * gain.low:.0f} … {100 * gain.high:.0f}, n = 160; "
        "2 lost, 68 gained). "
    )
    together = "All retention probes together: 0.000 (0.000 … 0.000) nats per token; −5.8 points ("
    assert together in text
    assert "n = 480; 29 lost, 1 gained): forgotten." in text
    assert "Forgot 1 of 3: Capitals −62 (" in text
    assert "No material change (90 % interval within ±1 point): Animals 0.0 (" in text
    assert "Inconclusive: Stories −8 (" in text
    assert "more cases would tell)" in text


@pytest.mark.parametrize(
    ("lost", "gained", "opening"),
    [(60, 0, "Lost 60 points on Task ("), (1, 3, "Inconclusive on Task: +2 (")],
)
def test_the_headline_never_turns_a_failed_task_into_a_gain(
    lost: int, gained: int, opening: str
) -> None:
    task = probe("task", 100, "gain")
    assert report(compare(task, lost, gained), [task]).headline("run-a").startswith(opening)


def test_many_undecided_probes_are_counted_and_not_listed() -> None:
    families = [probe(f"family{i}", 40) for i in range(9)]
    outcomes = [one for family in families for one in compare(family, 0, 0)]
    assert "and 6 more." in report(outcomes, families).headline("run-a")


def test_a_report_is_the_same_from_shuffled_outcomes_and_from_its_json() -> None:
    both = [probe("task", 50, "gain"), probe("capitals", 50)]
    outcomes = compare(both[0], 3, 20) + compare(both[1], 9, 1)
    first = report(outcomes, both)
    assert report(random.Random(2).sample(outcomes, len(outcomes)), both) == first
    assert Report.model_validate_json(first.model_dump_json()) == first
    assert first.markdown() == Report.model_validate_json(first.model_dump_json()).markdown()


def test_every_lane_has_its_own_deltas() -> None:
    capitals = probe("capitals", 60)
    outcomes = compare(capitals, 30, 0) + answered("run-a@0.5", capitals, [True] * 60)
    lanes = [LaneInfo(id="run-a", title="Full"), LaneInfo(id="run-a@0.5", title="Half")]
    found = make_report(outcomes, [capitals], base="starter", lanes=lanes, created=WHEN)
    assert [one.verdict for one in found.of("run-a")] == ["forgotten", "forgotten"]
    assert [one.b for one in found.of("run-a@0.5")] == [0, 0]
    with pytest.raises(ProbeError, match='no lane "run-b"; its lanes are run-a, run-a@0.5'):
        found.headline("run-b")


def test_the_markdown_tables_are_whole_whatever_the_titles_say() -> None:
    odd = probe("odd", 20).model_copy(update={"title": "A | B\n<script>"})
    text = report(compare(odd, 2, 1), [odd]).markdown()
    assert "<script>" not in text
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(blocks) == 3
    for block in blocks:
        columns = {line.replace("\\|", "").count("|") for line in block}
        assert len(columns) == 1
    assert "## How it was measured" in text
    assert "margin of 1 point," in text
    assert "Tuned with: qlora, rank 16." in text


def test_the_headline_names_the_worst_losses_and_counts_the_rest() -> None:
    families = [probe(f"skill{i}", 60) for i in range(9)]
    outcomes = [one for i, each in enumerate(families) for one in compare(each, 30 + i, 0)]
    text = report(outcomes, families).headline("run-a")
    assert "Forgot 9 of 9: Skill8 −63" in text
    assert "and 3 more." in text


def test_drift_on_general_text_is_told_in_nats_and_in_bits_per_byte() -> None:
    general = text_probe("general", [f"Text number {i}." for i in range(40)])
    found = report(read(general, [0.5] * 40), [general])
    text = found.headline("run-a")
    assert "General became less likely: +0.050 (0.050 … 0.050) nats per token, n = 40; " in text
    assert "bits per byte (change 0.048 … 0.049)." in text
    assert "points" not in text
    table = next(line for line in found.markdown().splitlines() if line.startswith("| General |"))
    assert table.count("| – ") == 5
    assert "less likely, by likelihood" in table


def test_likelihood_leads_on_the_task_where_accuracy_does_not_tell() -> None:
    task = probe("task", 60, "gain")
    outcomes = answered("base", task, [False] * 60, 4.0) + answered(
        "run-a", task, [False] * 60, 1.0
    )
    text = report(outcomes, [task]).headline("run-a")
    assert text.startswith(
        "Right answers more likely on Task, not yet right more often: −1.500 (−1.500 … −1.500) "
        "nats per token, n = 60; accuracy 0 (95 %: "
    )


def test_answers_that_no_longer_end_are_told() -> None:
    chat = probe("chat", 50)
    outcomes = answered("base", chat, [True] * 50)
    outcomes += [
        one.model_copy(update={"text": "yes, yes, " * 9, "stopped": False})
        for one in answered("run-a", chat, [True] * 50)
    ]
    text = report(outcomes, [chat]).headline("run-a")
    assert (
        "On Chat, 0 % of answers end by themselves, 100 % before; "
        "100 % are empty or repeat themselves, 0 % before (n = 50)."
    ) in text


def test_the_method_refuses_what_the_numbers_do_not_carry() -> None:
    capitals = probe("capitals", 10)
    told = report(compare(capitals, 1, 0), [capitals], nll_margin=0.05).method()
    for claim in (
        '"inconclusive", which is not "no change"',
        "they do not rank two ways of tuning",
        "Bits per byte may be compared between tokenizers, nats per token may not",
        "no evidence of forgetting by itself",
        "its margin of 0.05 nats per token",
        "not a loss confined to fewer than 3 in n of them",
    ):
        assert claim in told


def odd_outcome(
    generator: random.Random, lane: str, asked: Probe, case: str, tokens: int
) -> Outcome:
    """An answer at the edge of what can happen: empty, cut off, impossible or certain."""
    text = asked.scorer == "text"
    return Outcome(
        lane=lane,
        probe=asked.name,
        case=case,
        text="" if text else generator.choice(["", "yes", "la " * 20]),
        correct=None if text else generator.random() < 0.5,
        nll=generator.choice([0.0, 1e-9, 1.0, 4000.0]),
        tokens=tokens,
        stopped=generator.random() < 0.5,
        kl=generator.choice([None, 0.0, 3.0]) if lane != "base" else None,
        kl_tokens=generator.choice([0, tokens]),
    )


@pytest.mark.parametrize("seed", range(12))
def test_whatever_was_answered_makes_a_report_that_reads(seed: int) -> None:
    generator = random.Random(seed)
    sizes = [generator.choice([1, 2, 4, 5, 31]) for _ in range(4)]
    skill = probe("skill", sizes[1])
    cases = [
        case.model_copy(update={"cluster": generator.choice(["", "a", "b"])})
        for case in skill.cases
    ]
    asked = [
        probe("task", sizes[0], "gain"),
        skill.model_copy(update={"cases": tuple(cases)}),
        text_probe("general", ["Ä text."] * sizes[3]),
    ]
    asked += [skill.with_shots(1)] if sizes[1] > 1 else []
    outcomes = [
        odd_outcome(generator, lane, each, case.id, tokens=1 + int(case.id[-1]))
        for each in asked
        for case in each.cases
        for lane in ("base", "run-a")
    ]
    found = report(outcomes, asked)
    assert Report.model_validate_json(found.model_dump_json()) == found
    for text in (found.headline("run-a"), found.markdown()):
        assert "nan" not in text
        assert "None" not in text
    for one in found.deltas:
        if one.difference is not None:
            assert one.low is not None
            assert one.high is not None
            assert one.low <= one.difference <= one.high
        assert (one.basis is None) == (one.verdict == "inconclusive")
        if one.n < 5:
            assert one.verdict == "inconclusive"
