"""The Report tab's parts: what they say of a measurement, and what they refuse."""

from inspect import signature
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import gradio as gr
import pytest
from made_home import give_adapter, make_home
from made_report import CASES, STEPS, STRENGTHS, Made, make_report_home

from studio import Studio
from studio.measure.report import Report, detached_key
from studio.measure.results import read_run_outcomes
from studio.ui import (
    cases,
    deeper,
    downloads,
    findings,
    journey,
    plane,
    repair_options,
    repairs,
    report,
    strengths,
)
from studio.ui.detail import tell_size
from studio.ui.drift import draw_drift, read_drift
from studio.ui.likelihood import draw_tokens
from studio.ui.pairing import EVERY, pair_up
from studio.ui.points import checkpoints_of, find_front, gather, strengths_of
from studio.ui.recovery import tell_recovery
from studio.ui.sequence import draw_sequence


@pytest.fixture
def made(studio: Studio) -> Made:
    return make_report_home(studio)


@pytest.fixture
def opened(studio: Studio, made: Made) -> Report:
    return studio.report(made.measured.id)


def value(update: Any) -> Any:
    """What an update of a component sets its value to."""
    return update["value"] if isinstance(update, dict) else update.value


def test_a_run_has_a_point_for_every_strength_and_checkpoint(made: Made, opened: Report) -> None:
    points = gather(opened, "points")
    assert [one.lane.strength for one in strengths_of(points, made.plain.id)] == list(STRENGTHS)
    steps = [one.lane.checkpoint for one in checkpoints_of(points, made.plain.id)]
    assert steps == [*STEPS, None]
    assert {one.name for one in points} == {"Plain", "Keeping"}
    whole = next(one for one in points if one.lane.id == made.plain.id)
    assert whole.gained.value == pytest.approx(100)
    assert whole.forgotten.value == pytest.approx(100 * 72 / 532)
    assert whole.forgotten.low < whole.forgotten.value < whole.forgotten.high


def test_the_front_holds_only_points_that_none_beats_in_both(opened: Report) -> None:
    points = gather(opened, "points")
    front = find_front(points)
    assert front[0][0] == 0
    for forgotten, gained in front:
        assert not any(
            one.forgotten.value < forgotten and one.gained.value >= gained for one in points
        )


@pytest.mark.parametrize("unit", ["points", "nats"])
def test_the_plane_draws_every_lane_its_intervals_and_the_budget(opened: Report, unit: Any) -> None:
    figure = plane.draw([opened], unit=unit, budget=1.5)
    drawn = [row[0] for trace in figure.data for row in trace.customdata or [] if row[0]]
    assert sorted(drawn) == sorted(lane.id for lane in opened.lanes)
    told = " ".join(row[2] for trace in figure.data for row in trace.customdata or [])
    assert f"n = {CASES}" in told
    assert figure.layout.shapes[0].x0 == 1.5
    marked = [trace for trace in figure.data if trace.customdata is not None]
    assert all(max(trace.error_y.array) > 0 for trace in marked)


def test_a_lane_in_two_measurements_is_one_point(opened: Report) -> None:
    once = plane.draw([opened], unit="points", budget=None)
    twice = plane.draw([opened, opened], unit="points", budget=None)
    assert len(once.data) == len(twice.data)


def test_only_measurements_of_the_same_questions_are_drawn_beside(
    studio: Studio, made: Made, opened: Report
) -> None:
    other = make_home(studio)
    offered = plane.list_beside(studio, opened, None)
    assert [id for _, id in offered.choices] == [made.measured.id]
    assert other.measured.id not in str(offered.choices)


def test_the_best_strength_follows_the_budget(made: Made, studio: Studio, opened: Report) -> None:
    words, plot, chosen = strengths.show(studio, opened, made.plain.id, "points", 2)
    assert "Strength 0.5 gains most inside the budget of 2 points" in words
    assert chosen == 0.5
    assert value(plot) is not None
    words, _, chosen = strengths.show(studio, opened, made.plain.id, "points", 10)
    assert chosen == 0.75
    words, _, _ = strengths.show(studio, opened, made.plain.id, "points", 0)
    assert "0.25" in words


def test_a_run_measured_once_is_offered_to_be_measured_at_more_strengths(
    studio: Studio, made: Made, opened: Report
) -> None:
    words, plot, _ = strengths.show(studio, opened, made.keeping.id, "points", 2)
    assert "1 strength only" in words
    assert not plot.visible


@pytest.mark.parametrize("strength", [0, 2, None])
def test_a_strength_that_cannot_be_kept_is_refused(
    studio: Studio, made: Made, strength: float | None
) -> None:
    with pytest.raises(gr.Error, match="strength above 0"):
        strengths.keep_strength(studio, made.measured.id, made.plain.id, strength)


def test_the_skills_are_listed_worst_first_and_the_rest_is_folded(
    made: Made, opened: Report
) -> None:
    text = findings.tell_families(opened, made.plain.id, "changed")
    assert text.index("Task") < text.index("Capitals") < text.index("st-fold")
    assert text.index("st-fold") < text.index("Numbers")
    assert "▼ forgotten" in text
    inconclusive = findings.tell_families(opened, made.plain.id, "inconclusive")
    assert "Numbers" in inconclusive
    assert ">Capitals<" not in inconclusive
    everything = findings.tell_families(opened, made.plain.id, "all")
    assert all(name in everything for name in ("Capitals", "Colours", "Numbers"))


def test_an_empty_filter_says_so(made: Made, opened: Report) -> None:
    text = findings.tell_families(opened, made.keeping.id, "changed")
    assert "No single skill is shown to have changed" in text


def test_every_number_of_the_summary_has_its_interval_and_n(opened: Report) -> None:
    text = findings.tell_lanes(opened)
    assert text.count('class="st-line"') == len(opened.lanes)
    short = opened.model_copy(update={"lanes": opened.lanes[-1:]})
    card = findings.tell_lanes(short)
    assert f"n = {CASES}" in card
    assert "In words" in card


def test_a_verdict_of_likelihood_is_told_in_nats(studio: Studio) -> None:
    home = make_home(studio)
    opened = studio.report(home.measured.id)
    text = next(one for one in opened.of(home.tuned.id) if one.probe == "general")
    assert text.difference is None
    assert tell_size(text)[0].endswith("nats")


def test_what_a_model_or_a_person_wrote_is_no_markup(studio: Studio) -> None:
    home = make_home(studio)
    opened = studio.report(home.measured.id)
    lane = home.tuned.id
    pieces = [
        findings.tell_lanes(opened),
        findings.tell_families(opened, lane, "all"),
        findings.tell_side_by_side(opened),
        repairs.tell_advice(opened, lane, home.tuned, ["kl_anchor"]),
        *(cases.count(studio, home.measured.id, lane, name)[1] for name in ("hostile", "general")),
    ]
    for piece in pieces:
        assert "<script" not in piece
        assert "<img" not in piece
    assert "&lt;script&gt;" in "".join(pieces)


def test_the_flip_matrix_counts_every_case_once(studio: Studio, made: Made) -> None:
    flip, listed, page = cases.count(studio, made.measured.id, made.plain.id, "capitals")
    labels = {name: label for label, name in flip.choices}
    assert flip.value == "right_wrong"
    assert labels["right_wrong"].endswith("72 · 60 %")
    assert labels["right_right"].endswith("48 · 40 %")
    assert "Cases 1 to 6 of 72" in listed
    assert page == 0


def test_cases_are_paged_and_the_most_harmed_come_first(studio: Studio, made: Made) -> None:
    asked = (made.measured.id, made.plain.id, "capitals", "right_wrong")
    first, page = cases.turn(studio, 0, *asked, 0)
    assert first.index(f"Question {CASES - 1}?") < first.index(f"Question {CASES - 2}?")
    second, page = cases.turn(studio, 1, *asked, page)
    assert page == 1
    assert "Cases 7 to 12 of 72" in second
    last, page = cases.turn(studio, 1, *asked, 11)
    assert (page, "of 72" in last) == (11, True)


def test_all_old_skills_together_leave_out_the_task_and_what_was_asked_twice(made: Made) -> None:
    pairs = pair_up(made.measured, made.plain.id, EVERY)
    assert {pair.base.probe for pair in pairs} == {"capitals", "colours", "numbers"}
    assert len(pairs) == CASES + 400 + 12


def test_pairs_read_line_by_line_are_those_of_the_whole_file(made: Made) -> None:
    whole = {(one.lane, one.case): one for one in read_run_outcomes(made.measured)
             if one.probe == "capitals"}  # fmt: skip
    for base, tuned in pair_up(made.measured, made.plain.id, "capitals"):
        assert base == whole["base", base.case]
        assert tuned == whole[made.plain.id, base.case]


def test_a_token_says_its_change_in_numbers_and_not_by_colour_alone(made: Made) -> None:
    pair = pair_up(made.measured, made.plain.id, "capitals")[-1]
    text = draw_tokens(*pair)
    assert "<small>−3.1</small>" in text
    assert "log p −0.10 under the base, −3.19 tuned: −3.09 nats" in text
    assert "--worse:1.00" in text


def test_an_older_measurement_without_tokens_shows_the_answer_as_text(made: Made) -> None:
    base, tuned = pair_up(made.measured, made.plain.id, "capitals")[0]
    assert draw_tokens(base.model_copy(update={"pieces": ()}), tuned) == ""


def test_checkpoints_are_drawn_over_the_steps_of_the_run(
    studio: Studio, made: Made, opened: Report
) -> None:
    path = checkpoints_of(gather(opened, "points"), made.plain.id)
    figure = journey.draw({made.plain.id: path}, {made.plain.id: made.plain}, unit="points")
    traces = {trace.name: trace for trace in figure.data}
    assert list(traces["Plain: gained"].x) == [0, *STEPS, 30]
    assert list(traces["Plain: training loss"].y) == [3.0, 1.5, 1.0]
    _, plot, button = journey.show(studio, opened, made.plain.id, "points")
    assert (plot.visible, button.visible) == (True, False)
    _, _, button = journey.show(studio, opened, made.keeping.id, "points")
    assert not button.visible  # it kept no checkpoints


def test_judging_again_with_a_wide_margin_forgives(studio: Studio, made: Made) -> None:
    again, stamp = deeper.rejudge(studio, made.measured.id, 30, 5, 90)
    assert (again.margin, again.level) == (0.3, 0.9)
    assert not [one for one in again.of(f"{made.plain.id}@0.75") if one.verdict == "forgotten"]
    assert stamp == [made.measured.id, 30, 5, 90]
    assert studio.report(made.measured.id).margin == 0.01


def test_how_many_more_cases_are_needed_is_told(studio: Studio, made: Made, opened: Report) -> None:
    words, limit = deeper.tell_needed(studio, opened, made.measured.id, made.plain.id)
    assert "inconclusive" in words
    assert f"At most {CASES} cases" in words
    assert value(limit) == 4 * CASES
    with pytest.raises(gr.Error, match="give more than that"):
        deeper.measure_more(studio, made.measured.id, CASES)


def test_what_came_back_behind_solved_cases_is_told_per_skill(made: Made, opened: Report) -> None:
    text = tell_recovery(opened, made.plain.id)
    assert "Capitals" in text
    assert "mostly hidden" in text


def tell_repairs(studio: Studio, report: Report, lane: str) -> list[Any]:
    """The words, and the card of every repair."""
    words, _, *rest = repairs.show(studio, report, lane, None)
    return [words, *rest[: len(repairs.REMEDIES)]]


def test_only_repairs_that_apply_are_offered(studio: Studio, made: Made, opened: Report) -> None:
    words, *cards = tell_repairs(studio, opened, made.plain.id)
    assert "Down: Capitals" in words
    shown = dict(zip(repairs.REMEDIES, [card.visible for card in cards], strict=True))
    assert shown == {
        "kl_anchor": True, "replay": True, "strength": True, "checkpoint": True,
        "average": True, "intruder": False,
    }  # fmt: skip
    words, *cards = tell_repairs(studio, opened, made.keeping.id)
    assert "Nothing is shown to be forgotten" in words
    assert not dict(zip(repairs.REMEDIES, cards, strict=True))["replay"].visible


def test_every_option_of_a_repair_is_a_field_of_the_page() -> None:
    for how, fields in repair_options.OPTIONS.items():
        free = {"top", "likeness", "kept"} if how == "intruder" else {"budget"}
        taken = {
            one.name
            for one in signature(repairs.REMEDIES[how]).parameters.values()
            if one.kind == one.KEYWORD_ONLY
        }
        assert {field.name for field in fields} | free == taken | free, how


def test_what_is_left_empty_is_left_to_the_report(
    studio: Studio, made: Made, opened: Report
) -> None:
    _, filled, *shown = repairs.show(studio, opened, made.plain.id, None)
    menus = shown[len(repairs.REMEDIES) :]
    probes, steps, lanes = (menu.choices for menu in menus)
    again = repairs.show(studio, opened, made.plain.id, filled)[-len(menus) :]
    assert again == [gr.skip()] * len(menus)  # what was chosen since stays
    assert (f"step {made.plain.checkpoints()[0]}", made.plain.checkpoints()[0]) in steps
    assert made.keeping.id in [lane for _, lane in lanes]
    assert made.plain.id not in [lane for _, lane in lanes]
    assert isinstance(probes, list)
    assert repair_options.read("average", [["a", "b"], None]) == {"lanes": ["a", "b"]}
    assert repair_options.read("intruder", [None, 0.4, 0]) == {"likeness": 0.4, "kept": 0}
    assert repair_options.read("kl_anchor", [0]) == repair_options.read("strength", [0]) == {}


def test_the_drift_is_drawn_with_its_numbers(made: Made) -> None:
    text = draw_drift(read_drift(made.measured, made.plain.id))
    assert ">2.0</td>" in text
    assert "up" in text
    assert "no drift" in draw_drift([])


def test_runs_that_do_not_follow_each_other_have_no_matrix(opened: Report) -> None:
    assert "go on from each other" in draw_sequence(opened)


def test_a_measurement_that_is_under_way_is_told_with_the_runs_it_waits_for(
    studio: Studio, made: Made
) -> None:
    shown = report.show(studio, made.measured.id, None)
    assert shown[2].visible
    again = report.show(studio, made.measured.id, [made.measured.id, 1, 2, 3])
    assert not isinstance(again[3], Report)  # what was judged with other margins stays


def test_nothing_chosen_is_an_empty_state_and_no_error(studio: Studio) -> None:
    assert "The report appears here" in report.show(studio, None, None)[0]
    assert report.show_top(None, 0, None)[0] == ""
    assert cases.turn(studio, 0, None, None, None, None, 0) == ["", 0]
    assert plane.show(studio, None, "points", 2, None) is None
    assert strengths.show(studio, None, None, "points", 2)[0]
    with pytest.raises(gr.Error, match="Open a finished measurement"):
        deeper.rejudge(studio, None, 1, 1, 95)


def test_a_repair_whose_probes_are_gone_is_refused_before_any_work(
    studio: Studio, made: Made, opened: Report
) -> None:
    runs = len(studio.runs())
    with pytest.raises(gr.Error, match="no probe or pack called"):
        repairs.start(
            studio, "kl_anchor", made.measured.id, made.plain.id, opened, 2, "points", None
        )
    assert len(studio.runs()) == runs


def test_a_weaker_adapter_wants_a_measured_strength_or_says_so(
    studio: Studio, made: Made, opened: Report
) -> None:
    with pytest.raises(gr.Error, match="Press Measure strengths first"):
        repairs.start(
            studio, "strength", made.measured.id, made.keeping.id, opened, 2, "points", None
        )


def test_the_adapter_is_taken_away_with_its_card_and_the_report(
    studio: Studio, made: Made, opened: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    give_adapter(made.plain)
    with ZipFile(downloads.export(studio, made.plain.id, opened)) as archive:
        names = {Path(name).name for name in archive.namelist()}
        card = archive.read(next(one for one in archive.namelist() if one.endswith("README.md")))
    assert {"adapter_model.safetensors", "report.html", "recipe.yaml"} <= names
    assert b"What was gained, and what was forgotten" in card
    weaker = next(lane.id for lane in opened.lanes if lane.strength < 1)
    with pytest.raises(gr.Error, match="keep it as a run of its own"):
        downloads.export(studio, weaker, opened)


def test_a_soft_prompt_is_told_attached_and_detached(studio: Studio, opened: Report) -> None:
    lane = opened.lanes[0].id
    proof = {detached_key(lane): "largest difference 0 nats per token on 32 cases"}
    soft = opened.model_copy(update={"conditions": proof, "lanes": opened.lanes[:2]})
    told = findings.tell_lanes(soft)
    assert told.count("Detached, it is the base</span>: largest difference 0 nats") == 1
    assert "has no strength" in strengths.show(studio, soft, lane, "points", 2)[0]
    assert "Detached" not in findings.tell_lanes(opened)
