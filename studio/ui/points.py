"""What the pictures of gain and forgetting are drawn from: one point per measured lane."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from studio.measure.curve import Amount, Unit, make_point
from studio.measure.delta import Delta
from studio.measure.probe import OVERALL
from studio.measure.report import LaneInfo, Report
from studio.ui.numbers import interval, signed

UNITS: dict[Unit, str] = {"points": "points", "nats": "nats per token"}
DIGITS: dict[Unit, int] = {"points": 1, "nats": 3}


@dataclass(frozen=True)
class Point:
    """One tuned lane: what it gained on its task, and what it forgot over all retention probes."""

    lane: LaneInfo
    run: str
    name: str
    """What the run is called, the same for all its strengths and checkpoints."""
    gained: Amount
    forgotten: Amount
    """Above 0 something was lost."""

    @property
    def mark(self) -> str:
        """What sets the lane apart from the run's end: "×0.5", "step 30"."""
        parts = [f"step {self.lane.checkpoint}"] if self.lane.checkpoint else []
        parts += [f"×{self.lane.strength:g}"] if self.lane.strength != 1 else []
        return ", ".join(parts)


def gather(report: Report, unit: Unit) -> list[Point]:
    """The report's lanes as points; a lane without a task or without retention has none."""
    found = []
    for lane in report.lanes:
        point = make_point(
            lane.id,
            report.of(lane.id),
            dataset=lane.dataset,
            strength=lane.strength,
            checkpoint=lane.checkpoint,
        )
        gained, forgotten = point.in_unit(unit)
        if gained and forgotten:
            found.append(Point(lane, run_of(lane), name_run(lane), gained, forgotten))
    return found


def task_of(report: Report, lane: LaneInfo) -> Delta | None:
    """The lane's difference on its own task: that of the dataset it was tuned on, if several."""
    gains = [one for one in report.of(lane.id) if one.kind == "gain"]
    own = [one for one in gains if one.probe == lane.dataset]
    return next(iter([*own, *gains]), None)


def overall_of(report: Report, lane: str) -> Delta | None:
    """The lane's difference over all retention cases together."""
    return next((one for one in report.of(lane) if one.probe == OVERALL), None)


def run_of(lane: LaneInfo) -> str:
    """The run that made the lane's adapter."""
    return lane.run or lane.id


def name_run(lane: LaneInfo) -> str:
    """What the lane's run is called, without what sets this lane apart."""
    title = lane.title.removesuffix(f" at strength {lane.strength:g}")
    return title.removesuffix(f" after step {lane.checkpoint}")


def runs_of(report: Report) -> list[str]:
    """The runs behind the report's lanes, each once."""
    return list(dict.fromkeys(run_of(lane) for lane in report.lanes))


def strengths_of(points: Iterable[Point], run: str) -> list[Point]:
    """The strengths of a run's end, the weakest first."""
    own = [one for one in points if one.run == run and one.lane.checkpoint is None]
    return sorted(own, key=lambda one: one.lane.strength)


def checkpoints_of(points: Iterable[Point], run: str) -> list[Point]:
    """A run's checkpoints at full strength in the order they were made, its end last."""
    own = [one for one in points if one.run == run and one.lane.strength == 1]
    return sorted(own, key=lambda one: (one.lane.checkpoint is None, one.lane.checkpoint or 0))


def find_front(points: Sequence[Point]) -> list[tuple[float, float]]:
    """Forgetting and gain of the points that no other beats in both; the base is one of them."""
    places = sorted(
        [(0.0, 0.0), *((one.forgotten.value, one.gained.value) for one in points)],
        key=lambda place: (place[0], -place[1]),
    )
    front: list[tuple[float, float]] = []
    for place in places:
        if not front or place[1] > front[-1][1]:
            front.append(place)
    return front


def tell_amount(word: str, amount: Amount, unit: Unit) -> str:
    """An amount with its interval and number of cases, for the text under the pointer."""
    digits = DIGITS[unit]
    return (
        f"{word} {signed(amount.value, digits=digits)} {UNITS[unit]} "
        f"({interval(amount.low, amount.high, digits=digits)}), n = {amount.n:,}"
    )


def draw_arms(amounts: Sequence[Amount], *, color: str, thin: bool = False) -> dict[str, Any]:
    """The arms of interval crosses; none where there were too few cases."""
    return {
        "type": "data", "symmetric": False, "color": color,
        "array": [0 if one.high is None else one.high - one.value for one in amounts],
        "arrayminus": [0 if one.low is None else one.value - one.low for one in amounts],
        "thickness": 0.8 if thin else 1.5, "width": 2 if thin else 4,
    }  # fmt: skip
