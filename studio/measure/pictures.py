"""Still pictures of a report as SVG: they need no script and read on light and dark paper.

The drawing library is loaded by the first picture, so that nothing else waits for it. Text stays
text: a picture is small, and its words can be found and read aloud.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from studio.measure.canvas import INK, add_legend, open_figure, write_svg
from studio.measure.comparison import LaneSpec
from studio.measure.delta import Delta
from studio.measure.palette import BASE, LANES
from studio.measure.probe import OVERALL
from studio.measure.report import LaneInfo, Report

SIGNS = {
    "gained": "^", "forgotten": "v", "better": "^", "worse": "v",
    "more likely": "2", "less likely": "1", "no material change": "s", "inconclusive": "o",
}  # fmt: skip
DECIDED = ("^", "v")
MARKERS = ("o", "s", "^", "D", "v", "P")


class Change(NamedTuple):
    """A difference in points within its interval."""

    low: float
    middle: float
    high: float


def draw_differences(report: Report, lane: str) -> str | None:
    """Every probe's difference of accuracy in points with its interval; None if no probe has one.

    A filled triangle is a verdict of gained or forgotten, an open mark is none.
    """
    rows = [
        (one, change, SIGNS[one.verdict])
        for one in in_order(report.of(lane))
        if (change := _change(one))
    ]
    if not rows:
        return None
    figure, axes = _forest(rows, margin=100 * report.margin)
    axes.set_xlabel("tuned minus base, points")
    return write_svg(figure, f"Differences of accuracy of {_title(report, lane)} to the base")


def draw_likelihoods(report: Report, lane: str) -> str | None:
    """Every probe's change of −log p of the right answer; None if no probe has an interval."""
    rows = [
        (one, Change(one.nll_low, one.nll_difference, one.nll_high), SIGNS[one.nll_verdict])
        for one in in_order(report.of(lane))
        if one.nll_low is not None and one.nll_high is not None
    ]
    if not rows:
        return None
    figure, axes = _forest(rows, margin=report.nll_margin)
    axes.set_xlabel("change of −log p, nats per token (right: less likely)")
    return write_svg(figure, f"Changes of likelihood of {_title(report, lane)} to the base")


def draw_plane(report: Report) -> str | None:
    """Each lane as a point: what it forgot (to the right) against what it gained (upwards).

    Lanes of one run, such as its strengths, share a mark and are joined by a line.
    """
    runs: dict[str, list[tuple[LaneInfo, Change, Change]]] = {}
    for lane in report.lanes:
        gain, kept = gain_of(report, lane.id), kept_of(report, lane.id)
        if gain and kept:
            runs.setdefault(LaneSpec.parse(lane.id).run, []).append((lane, gain, kept))
    if not runs:
        return None
    figure, axes = open_figure(3.6)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.plot(0, 0, "D", color=BASE, markersize=7, label="base", linestyle="none")
    for number, points in enumerate(runs.values()):
        _draw_run(axes, points, color=LANES[number % len(LANES)], number=number)
    axes.set_xlabel("forgotten, points (all retention probes together)")
    axes.set_ylabel("gained on the task, points")
    add_legend(figure, axes)
    return write_svg(figure, "What every lane gained on the task against what it forgot")


def _draw_run(
    axes: Any, points: Sequence[tuple[LaneInfo, Change, Change]], *, color: str, number: int
) -> None:
    title = next((one.title for one, *_ in points if "@" not in one.id), points[0][0].title)
    axes.errorbar(
        [-kept.middle for _, _, kept in points],
        [gain.middle for _, gain, _ in points],
        xerr=_arms([Change(-kept.high, -kept.middle, -kept.low) for _, _, kept in points]),
        yerr=_arms([gain for _, gain, _ in points]),
        marker=MARKERS[number % len(MARKERS)], color=color, markersize=6, capsize=3,
        linestyle=":" if len(points) > 1 else "none", label=shorten(title),
    )  # fmt: skip
    for lane, gain, kept in points if len(points) > 1 else ():
        _, mark, detail = lane.id.partition("@")
        place = (-kept.middle, gain.middle)
        axes.annotate(
            detail or ("1" if not mark else ""), place, color=INK, fontsize=8,
            xytext=(6, 5), textcoords="offset points",
        )  # fmt: skip


def draw_lines(report: Report) -> list[tuple[str, str]]:
    """For every run with several strengths or checkpoints: what came and went along them.

    Returns pairs of a picture and the sentence under it.
    """
    titles: dict[str, str] = {}
    for lane in report.lanes:
        titles.setdefault(LaneSpec.parse(lane.id).run, lane.title)
    drawn = []
    for (run, axis), points in _along(report).items():
        if len(points) > 1:
            points.sort(key=lambda one: one[0])
            about = f"{titles[run]}: gained on the task and kept, by {axis}."
            drawn.append((draw_line(points, axis=axis, title=about), about))
    return drawn


def _along(report: Report) -> dict[tuple[str, str], list[tuple[float, Change, Change]]]:
    """A run and an axis -> where on it the run's lanes are, with their two deltas."""
    found: dict[tuple[str, str], list[tuple[float, Change, Change]]] = {}
    for lane in report.lanes:
        spec = LaneSpec.parse(lane.id)
        gain, kept = gain_of(report, lane.id), kept_of(report, lane.id)
        if not gain or not kept:
            continue
        if spec.checkpoint is None:
            axis = (spec.run, "strength of the adapter")
            found.setdefault(axis, []).append((spec.strength, gain, kept))
        elif spec.strength == 1:
            axis = (spec.run, "optimizer step")
            found.setdefault(axis, []).append((spec.checkpoint, gain, kept))
    return found


def draw_line(points: Sequence[tuple[float, Change, Change]], *, axis: str, title: str) -> str:
    """What was gained and what was kept along one axis, such as the strength or the steps.

    A point is (where, the task's change, that of all retention probes); the base is at 0.
    """
    figure, axes = open_figure(3.2)
    where = [0.0, *(place for place, _, _ in points)]
    lines = (
        ("gained on the task", LANES[0], "^", "-", [gain for _, gain, _ in points]),
        ("all retention probes", LANES[1], "o", "--", [kept for _, _, kept in points]),
    )
    for label, color, marker, style, changes in lines:
        low, middle, high = ([0.0, *side] for side in zip(*changes, strict=True))
        axes.fill_between(where, low, high, color=color, alpha=0.18, linewidth=0)
        axes.plot(
            where, middle, color=color, marker=marker, linestyle=style, markersize=6, label=label
        )
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.plot(0, 0, "D", color=BASE, markersize=7, label="base", linestyle="none")
    axes.set_xlabel(axis)
    axes.set_ylabel("tuned minus base, points")
    add_legend(figure, axes)
    return write_svg(figure, title)


def gain_of(report: Report, lane: str) -> Change | None:
    """How the lane's first gain probe changed."""
    gains = (_change(one) for one in report.of(lane) if one.kind == "gain")
    return next((one for one in gains if one), None)


def kept_of(report: Report, lane: str) -> Change | None:
    """How all retention probes together changed."""
    return next((_change(one) for one in report.of(lane) if one.probe == OVERALL), None)


def in_order(deltas: Iterable[Delta]) -> list[Delta]:
    """The task first, then all retention together, then each probe, the worst first."""
    ranks = {"gain": 0, "retention": 1, "recovery": 2}

    def rank(one: Delta) -> tuple[int, bool, float, str]:
        worst = -one.nll_difference if one.difference is None else one.difference
        return ranks[one.kind], one.probe != OVERALL, worst, one.title

    return sorted(deltas, key=rank)


def shorten(text: str, length: int = 34) -> str:
    """A title that fits into a picture."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _change(delta: Delta) -> Change | None:
    """The difference of accuracy in points; None where there is no right and wrong."""
    if delta.difference is None or delta.low is None or delta.high is None:
        return None
    return Change(100 * delta.low, 100 * delta.difference, 100 * delta.high)


def _title(report: Report, lane: str) -> str:
    return next(one.title for one in report.lanes if one.id == lane)


def _arms(changes: Sequence[Change]) -> list[list[float]]:
    """Lengths of the intervals below and above their middles."""
    below = [max(0.0, one.middle - one.low) for one in changes]
    above = [max(0.0, one.high - one.middle) for one in changes]
    return [below, above]


def _forest(rows: Sequence[tuple[Delta, Change, str]], *, margin: float) -> Any:
    """Names from top to bottom, an interval and its mark for each, the margin as a grey band."""
    figure, axes = open_figure(1.0 + 0.21 * len(rows))
    axes.axvspan(-margin, margin, color=INK, alpha=0.18, linewidth=0)
    axes.axvline(0, color=INK, linewidth=0.8)
    color = LANES[0]
    for place, (_, change, mark) in enumerate(rows):
        axes.hlines(place, change.low, change.high, color=color, linewidth=1.4)
        face = color if mark in DECIDED else "none"
        axes.plot(change.middle, place, mark, markersize=6, color=color, markerfacecolor=face)
    names = [shorten(f"{one.title} ({one.n})") for one, *_ in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    for label, (one, *_) in zip(axes.get_yticklabels(), rows, strict=True):
        if one.kind == "gain" or one.probe == OVERALL:
            label.set_fontweight("bold")
    axes.grid(axis="y", visible=False)
    return figure, axes
