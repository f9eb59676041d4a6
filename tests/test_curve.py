"""Strengths and checkpoints of a run as points, and the strength that keeps to a budget."""

from datetime import UTC, datetime

import pytest
from made_outcomes import answered, probe

from studio.measure.report import LaneInfo, Report, make_report

N = 400
TASK, SKILL = probe("task", N, "gain"), probe("skill", N)
GAINED = {0.25: 80, 0.5: 200, 1.0: 300, 1.25: 310}
LOST = {0.25: 0, 0.5: 3, 1.0: 40, 1.25: 120}


def lane(strength: float, checkpoint: int | None = None, run: str = "run-a") -> LaneInfo:
    step = f":{checkpoint}" if checkpoint else ""
    name = f"{run}{step}@{strength:g}"
    return LaneInfo(id=name, title=name, run=run, strength=strength, checkpoint=checkpoint)


def measured(lanes: dict[LaneInfo, tuple[int, int, float]]) -> Report:
    """Lanes with what each gained and lost of N cases, and nats lost on the skill."""
    outcomes = answered("base", TASK, [False] * N) + answered("base", SKILL, [True] * N)
    for info, (gained, lost, nats) in lanes.items():
        outcomes += answered(info.id, TASK, [i < gained for i in range(N)], 1 - gained / N)
        outcomes += answered(info.id, SKILL, [i >= lost for i in range(N)], 1.0 + 2 * nats)
    when = datetime(2026, 1, 2, tzinfo=UTC)
    return make_report(outcomes, [TASK, SKILL], base="starter", lanes=list(lanes), created=when)


@pytest.fixture(scope="module")
def report() -> Report:
    lanes = {lane(s): (GAINED[s], LOST[s], s / 10) for s in (1.0, 0.25, 1.25, 0.5)}
    lanes |= {lane(1.0, 10): (100, 4, 0.02), lane(1.0, 20): (250, 20, 0.05)}
    return measured(lanes)


def test_the_curve_begins_at_the_base_and_rises_with_strength(report: Report) -> None:
    points = report.curve("run-a")
    assert [one.strength for one in points] == [0, 0.25, 0.5, 1, 1.25]
    base = points[0]
    assert base.lane == "base"
    assert base.gain is not None
    assert (base.gain.value, base.gain.low, base.gain.high, base.gain.n) == (0, 0, 0, N)
    for point in points[1:]:
        assert point.gain is not None
        assert point.forgotten is not None
        assert point.forgotten_nats is not None
        assert point.gain.value == pytest.approx(100 * GAINED[point.strength] / N)
        assert point.forgotten.value == pytest.approx(100 * LOST[point.strength] / N)
        assert point.forgotten.low is not None
        assert point.forgotten.high is not None
        assert point.forgotten.low <= point.forgotten.value <= point.forgotten.high
        assert point.forgotten_nats.value == pytest.approx(point.strength / 10)
    assert report.curve("run-b") == []


@pytest.mark.parametrize(
    ("budget", "strength", "certain"),
    [(50, 1.25, True), (15, 1.0, True), (2.5, 0.5, True), (2.0, 0.25, True), (0.5, None, False)],
)
def test_the_best_strength_gains_most_inside_the_budget(
    report: Report, budget: float, strength: float | None, certain: bool
) -> None:
    best = report.best_strength("run-a", budget)
    if strength is None:
        # 0.25 lost nothing, yet with 400 cases up to a point could hide: inside, not certain.
        assert best is not None
        assert (best.point.strength, best.certain) == (0.25, False)
        return
    assert best is not None
    assert (best.point.strength, best.certain, best.budget) == (strength, certain, budget)


def test_the_budget_may_be_in_nats(report: Report) -> None:
    best = report.best_strength("run-a", 0.051, unit="nats")
    assert best is not None
    assert (best.point.strength, best.unit, best.certain) == (0.5, "nats", True)
    assert report.best_strength("run-a", 0.01, unit="nats") is None


def test_checkpoints_come_in_the_order_of_training_and_the_end_last(report: Report) -> None:
    points = report.over_time("run-a")
    assert [one.checkpoint for one in points] == [10, 20, None]
    assert [round(one.gain.value) for one in points if one.gain] == [25, 62, 75]


def test_each_lane_is_measured_by_its_own_task() -> None:
    one, two = probe("one", 50, "gain"), probe("two", 50, "gain")
    outcomes = []
    for task, right in ((one, 10), (two, 40)):
        outcomes += answered("base", task, [False] * 50)
        outcomes += answered("run-a", task, [i < right for i in range(50)])
    info = LaneInfo(id="run-a", title="A", run="run-a", dataset="two")
    when = datetime(2026, 1, 2, tzinfo=UTC)
    report = make_report(outcomes, [one, two], base="starter", lanes=[info], created=when)
    point = report.curve("run-a")[1]
    assert point.gain is not None
    assert point.gain.value == 80
    assert point.forgotten is None
    assert report.best_strength("run-a", 2) is None
