"""A race keeps nothing but who runs: how they did is read from the runs and their measurement."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from made_outcomes import answered, probe
from made_signals import CPU, made_signals

from studio import Recipe, Studio
from studio.errors import RunError, StudioError
from studio.measure.comparison import Comparison, LaneSpec
from studio.measure.report import LaneInfo, Report, make_report
from studio.measure.results import save_probes
from studio.tuning.advisor import advise
from studio.tuning.events import append_event
from studio.tuning.race import Entrant, Race, choose_steps, list_races, place, save_race, shorten
from studio.tuning.run import create_run
from studio.ui import advice

N = 50


def make_race(*runs: str) -> Race:
    entrants = tuple(
        Entrant(run=run, title=run.capitalize(), recipe=Recipe(dataset="d", name=run))
        for run in runs
    )
    return Race(
        id="20260101-000000-a", dataset="d", base="starter", entrants=entrants, measurements=("m",)
    )


def make_measured(scores: Mapping[str, tuple[int, int]], nll: float = 1.0) -> Report:
    """A report in which each lane has so many task cases right, and so many old skills."""
    task, old = probe("task", N, "gain"), probe("old", N)
    found = [*answered("base", task, [False] * N), *answered("base", old, [True] * N)]
    for lane, (right, kept) in scores.items():
        found += answered(lane, task, [i < right for i in range(N)], nll)
        found += answered(lane, old, [i < kept for i in range(N)])
    lanes = [LaneInfo(id=lane, title=lane, run=lane, dataset="task") for lane in scores]
    return make_report(
        found, [task, old], base="starter", lanes=lanes, created=datetime.now(UTC), conditions={}
    )


def test_who_is_beaten_on_both_counts_is_not_among_the_best() -> None:
    race = make_race("a", "b", "c")
    placed = place(race, [make_measured({"a": (30, 50), "b": (45, 40), "c": (25, 45)})])
    assert {one.entrant.run: one.best for one in placed} == {"a": True, "b": True, "c": False}
    assert [one.entrant.run for one in placed if one.winner] == ["a"], "the one within the budget"
    assert placed[0].winner


def test_without_one_within_the_budget_most_is_left_of_the_winners_gain() -> None:
    placed = place(make_race("a", "b"), [make_measured({"a": (20, 45), "b": (45, 40)})])
    assert [one.entrant.run for one in placed if one.winner] == ["b"]
    told = advice.tell_race(placed, {})
    assert "None stayed within the budget of 2 points" in told


def test_nobody_wins_who_gained_nothing_or_before_all_are_measured() -> None:
    placed = place(make_race("a", "b"), [make_measured({"a": (0, 40), "b": (0, 30)})])
    assert not any(one.winner for one in placed)
    half = place(make_race("a", "b"), [make_measured({"a": (30, 50)})])
    assert [one.point is None for one in half] == [False, True]
    assert not any(one.winner for one in half)


def test_where_no_answer_is_exact_likelihood_decides() -> None:
    placed = place(make_race("a", "b"), [make_measured({"a": (0, 50), "b": (0, 50)}, nll=0.2)])
    assert all(one.point and one.point.gain_nats for one in placed)
    assert "nats per token" in advice.tell_race(placed, {})


def test_trials_are_short_and_alike() -> None:
    options = advise(made_signals(), CPU).trainable
    steps = choose_steps(options, 300)
    trials = [shorten(option, steps) for option in options]
    assert {trial.max_steps for trial in trials} == {steps}
    assert 40 <= steps <= 50
    assert {trial.checkpoints for trial in trials} == {0}
    assert all(trial.name.startswith("Race: ") for trial in trials)


def test_a_race_is_found_again_and_a_broken_file_passed_over(studio: Studio) -> None:
    race = make_race("a", "b")
    save_race(studio.settings.races, race)
    (studio.settings.races / "20260102-000000-x.json").write_text("{")
    assert list_races(studio.settings.races) == [race]
    assert studio.races("d") == [race]
    assert studio.races("another") == []


def test_only_what_is_beaten_is_deleted(studio: Studio) -> None:
    runs = []
    for name in ("a", "b"):
        run = create_run(studio.settings.runs, Recipe(dataset="task", name=name), about=name)
        append_event(run.folder / "events.jsonl", "finished")
        runs.append(run.id)
    comparison = Comparison(
        base="starter", method="qlora", lanes=tuple(LaneSpec(run=id) for id in runs)
    )
    measured = create_run(studio.settings.runs, comparison, about="measured")
    race = make_race(*runs).model_copy(update={"measurements": (measured.id,)})
    with pytest.raises(RunError, match="not over"):
        studio.keep_best(race)
    report = make_measured({runs[0]: (40, 50), runs[1]: (30, 45)})
    save_probes(measured, [probe("task", N, "gain"), probe("old", N)])
    (measured.folder / "report.json").write_text(report.model_dump_json())
    append_event(measured.folder / "events.jsonl", "finished")
    assert studio.keep_best(race) == [runs[1]]
    assert [run.id for run in studio.runs() if run.makes_adapter] == [runs[0]]
    assert [one.entrant.run for one in studio.placed(race)] == runs, "how it did is still told"


def test_a_race_is_stopped_as_a_whole_and_told(studio: Studio) -> None:
    made = [create_run(studio.settings.runs, Recipe(dataset="d", name=n), about=n) for n in "ab"]
    append_event(made[0].folder / "events.jsonl", "finished")
    race = make_race(*(run.id for run in made)).model_copy(update={"measurements": ("gone",)})
    save_race(studio.settings.races, race)
    told, _, halt, clock = advice.show_race(studio, "starter", "d")
    assert (halt.visible, clock.active) == (True, True)
    told, _, halt, clock = advice.stop_race(studio, "starter", "d")
    assert [run.status() for run in made] == ["finished", "cancelled"]
    assert (halt.visible, clock.active) == (False, False)
    assert "cancelled" in told


def test_the_page_asks_for_a_measurement_before_a_race(studio: Studio) -> None:
    dataset = studio.build("sentiment", limit=20)
    with pytest.raises(StudioError, match="Measure the dataset first"):
        advice.start_race.__wrapped__(studio, "starter", dataset.id)  # type: ignore[attr-defined]
    shown = advice.show_advice(studio, "starter", dataset.id)
    assert "tunes nothing" in shown[0]
    assert not shown[2].visible
