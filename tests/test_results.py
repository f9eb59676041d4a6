"""A measuring run's report is kept, judged again with other margins, and old forms still open."""

import json
from pathlib import Path

import pytest
from made_outcomes import compare, probe

from studio.errors import ProbeError
from studio.measure.comparison import Comparison, LaneSpec
from studio.measure.outcome import Outcome, write_outcomes
from studio.measure.report import FORM
from studio.measure.results import read_report, rejudge, save_probes, save_report
from studio.tuning.recipe import Recipe
from studio.tuning.run import Run, create_run

PROBES = [probe("task", 60, "gain"), probe("capitals", 60)]
CONDITIONS = {"decoding": "greedy"}


def renamed(outcomes: list[Outcome], lane: str) -> list[Outcome]:
    return [
        one if one.lane == "base" else one.model_copy(update={"lane": lane}) for one in outcomes
    ]


@pytest.fixture
def measured(tmp_path: Path) -> Run:
    tuned = create_run(
        tmp_path / "runs", Recipe(dataset="moods", name="Moods", start_from="r0"), about="moods"
    )
    comparison = Comparison(
        base="starter", method="lora", lanes=(LaneSpec(run=tuned.id, strength=0.5),)
    )
    run = create_run(tmp_path / "runs", comparison, about="measure")
    outcomes = renamed(compare(PROBES[0], 0, 30) + compare(PROBES[1], 6, 0), f"{tuned.id}@0.5")
    write_outcomes(run.folder / "outcomes.jsonl", outcomes)
    save_probes(run, PROBES)
    save_report(run, outcomes, PROBES, conditions=CONDITIONS)
    return run


def test_a_lane_says_where_its_adapter_comes_from(measured: Run) -> None:
    (lane,) = read_report(measured).lanes
    assert lane.title == "Moods at strength 0.5"
    assert (lane.dataset, lane.start_from, lane.strength) == ("moods", "r0", 0.5)
    assert lane.run == measured.comparison.lanes[0].run
    assert lane.checkpoint is None


def test_other_margins_give_other_verdicts_from_the_same_outcomes(measured: Run) -> None:
    kept = read_report(measured)
    again = rejudge(measured, margin=0.3)
    lane = kept.lanes[0].id
    before, after = ({one.probe: one.verdict for one in each.of(lane)} for each in (kept, again))
    assert before["capitals"] == "forgotten"
    assert after["capitals"] == "no material change"
    assert (again.margin, again.nll_margin, again.level) == (0.3, 0.02, 0.95)
    assert (again.created, again.conditions) == (kept.created, CONDITIONS)
    assert read_report(measured) == kept
    assert rejudge(measured) == kept


def test_judging_again_may_replace_the_report_and_stays(measured: Run) -> None:
    rejudge(measured, level=0.9, save=True)
    assert read_report(measured).level == 0.9
    assert rejudge(measured, margin=0.02).level == 0.9


@pytest.mark.parametrize("bounds", [{"margin": 0}, {"nll_margin": -1}, {"level": 1}])
def test_a_margin_that_makes_no_sense_is_refused(measured: Run, bounds: dict[str, float]) -> None:
    with pytest.raises(ProbeError, match=next(iter(bounds))):
        rejudge(measured, **bounds)


def make_old(run: Run) -> None:
    """Turn the report's file into one of the first form."""
    path = run.folder / "report.json"
    fields = json.loads(path.read_text(encoding="utf-8"))
    for name in ("form", "recoveries", "sequence"):
        del fields[name]
    fields["margin"] = 0.02
    for lane in fields["lanes"]:
        for name in ("run", "dataset", "start_from", "strength", "checkpoint"):
            del lane[name]
    for delta in fields["deltas"]:
        for name in ("scorer", "basis", "accuracy_verdict", "chance", "fg", "kl", "stop_base"):
            del delta[name]
    path.write_text(json.dumps(fields), encoding="utf-8")


def test_a_report_of_the_first_form_is_computed_again_with_its_own_margins(measured: Run) -> None:
    make_old(measured)
    report = read_report(measured)
    assert (report.form, report.margin, report.conditions) == (FORM, 0.02, CONDITIONS)
    assert report.of(report.lanes[0].id)[0].basis == "accuracy"


def test_a_report_of_the_first_form_opens_even_without_its_outcomes(measured: Run) -> None:
    make_old(measured)
    (measured.folder / "outcomes.jsonl").unlink()
    report = read_report(measured)
    assert report.form == 1
    assert report.markdown()
    assert report.headline(report.lanes[0].id)


def test_a_deleted_run_keeps_its_name_in_the_report(measured: Run) -> None:
    tuned = Run(measured.folder.parent / measured.comparison.lanes[0].run)
    (tuned.folder / "recipe.json").unlink()
    tuned.folder.rmdir()
    (lane,) = rejudge(measured, margin=0.05).lanes
    assert (lane.title, lane.run, lane.strength) == ("Moods at strength 0.5", tuned.id, 0.5)


def test_a_file_that_is_no_report_is_told_in_a_sentence(measured: Run) -> None:
    (measured.folder / "report.json").write_text('{"lanes": 3}', encoding="utf-8")
    with pytest.raises(ProbeError, match="report of run"):
        read_report(measured)
    (measured.folder / "report.json").unlink()
    with pytest.raises(ProbeError, match="has no report.json"):
        rejudge(measured)
