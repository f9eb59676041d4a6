"""Still pictures of a report as SVG: they need no script and read on light and dark paper."""

from collections.abc import Iterable, Sequence
from typing import Any

from studio.measure.canvas import INK, add_legend, open_figure, write_svg
from studio.measure.comparison import LaneSpec
from studio.measure.curve import Amount, CurvePoint, Unit, make_point
from studio.measure.delta import Delta
from studio.measure.palette import BASE, LANES
from studio.measure.probe import OVERALL
from studio.measure.report import LaneInfo, Report

UP, DOWN, SAME, OPEN = "^", "v", "s", "o"
MARKS = {
    "gained": UP, "more likely": UP, "better": UP,
    "forgotten": DOWN, "less likely": DOWN, "worse": DOWN,
    "no material change": SAME, "inconclusive": OPEN,
}  # fmt: skip
"""How a verdict is drawn: filled triangles for a change, open marks for none that is shown."""
MARKERS = ("o", "s", "^", "D", "v", "P")
FORGOTTEN: dict[Unit, str] = {
    "points": "forgotten, points (all retention probes together)",
    "nats": "right answers less likely, nats per token (retention)",
}
GAINED: dict[Unit, str] = {
    "points": "gained on the task, points",
    "nats": "task's answers likelier, nats per token",
}


def draw_differences(report: Report, lane: str) -> str | None:
    """Every probe's difference of accuracy in points with its interval; None if no probe has one.

    The marks are what accuracy says alone.
    """
    rows = [
        (one, change, MARKS[one.accuracy_verdict or one.verdict])
        for one in in_order(report.of(lane))
        if (change := _in_points(one))
    ]
    if not rows:
        return None
    figure, axes = _forest(rows, margin=100 * report.margin)
    axes.set_xlabel("tuned minus base, points")
    return write_svg(figure, f"Differences of accuracy of {report.lane(lane).title} to the base")


def draw_likelihoods(report: Report, lane: str) -> str | None:
    """Every probe's change of −log p of the right answer; None if no probe has an interval."""
    rows = [
        (
            one,
            Amount(value=one.nll_difference, low=one.nll_low, high=one.nll_high, n=one.n),
            MARKS[one.nll_verdict],
        )
        for one in in_order(report.of(lane))
        if one.nll_low is not None
    ]
    if not rows:
        return None
    figure, axes = _forest(rows, margin=report.nll_margin)
    axes.set_xscale("symlog", linthresh=5 * report.nll_margin, linscale=0.7)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.margins(x=0.07)
    axes.set_xlabel(f"nats per token, logarithmic beyond ±{5 * report.nll_margin:g}")
    return write_svg(figure, f"Changes of likelihood of {report.lane(lane).title} to the base")


def draw_plane(report: Report, unit: Unit) -> str | None:
    """Each lane as a point: what it forgot (to the right) against what it gained (upwards).

    Lanes of one run, such as its strengths, share a mark and are joined by a line.
    """
    runs: dict[str, list[tuple[LaneInfo, CurvePoint]]] = {}
    for lane in report.lanes:
        point = _point(report, lane)
        if all(point.in_unit(unit)):
            runs.setdefault(_run(lane), []).append((lane, point))
    if not runs:
        return None
    figure, axes = open_figure(3.6)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.plot(0, 0, "D", color=BASE, markersize=7, label="base", linestyle="none")
    for number, members in enumerate(runs.values()):
        _draw_run(axes, members, unit, number)
    axes.set_xlabel(FORGOTTEN[unit])
    axes.set_ylabel(GAINED[unit])
    add_legend(figure, axes)
    return write_svg(figure, f"What every lane gained on the task against what it forgot, {unit}")


def draw_strengths(report: Report, run: str) -> str | None:
    """What was gained and forgotten at several strengths of a run; None for fewer than two."""
    points = [one for one in report.curve(run) if all(one.in_unit("points"))]
    if len(points) < 3:  # the base is one of them
        return None
    figure, axes = _lines(points, [one.strength for one in points])
    axes.set_xlabel("strength of the adapter")
    return write_svg(figure, f"Gained and forgotten by the strength of {title_of(report, run)}")


def draw_training(report: Report, run: str) -> str | None:
    """What was gained and forgotten at the checkpoints of a run; None for fewer than two."""
    points = [one for one in report.over_time(run) if all(one.in_unit("points"))]
    if len(points) < 2:
        return None
    figure, axes = _lines(points, list(range(len(points))))
    names = [f"step {one.checkpoint}" if one.checkpoint else "end" for one in points]
    axes.set_xticks(range(len(points)), names)
    return write_svg(figure, f"Gained and forgotten during the training of {title_of(report, run)}")


def draw_drift(layers: Sequence[tuple[int, str, float]], title: str) -> str | None:
    """How far each layer moved: (layer, module, ‖ΔW‖/‖W‖) as one line per module."""
    modules: dict[str, list[tuple[int, float]]] = {}
    for layer, module, relative in layers:
        modules.setdefault(module, []).append((layer, 100 * relative))
    if not modules:
        return None
    figure, axes = open_figure(3.4)
    for number, (module, values) in enumerate(sorted(modules.items())):
        where, moved = zip(*sorted(values), strict=True)
        axes.plot(
            where, moved, color=LANES[number % len(LANES)], marker=MARKERS[number % len(MARKERS)],
            linestyle=("-", "--", ":")[number // 3 % 3], markersize=4, label=shorten(module),
        )  # fmt: skip
    axes.set_xlabel("layer")
    axes.set_ylabel("update, % of the weights' norm")
    axes.set_ylim(bottom=0)
    axes.xaxis.get_major_locator().set_params(integer=True)
    add_legend(figure, axes)
    return write_svg(figure, f"How far each layer of {title} moved")


def in_order(deltas: Iterable[Delta]) -> list[Delta]:
    """The task first, then all retention together, then each probe, the worst first."""

    def rank(one: Delta) -> tuple[bool, bool, float, str]:
        worst = -one.nll_difference if one.difference is None else one.difference
        return one.kind != "gain", one.probe != OVERALL, worst, one.title

    return sorted(deltas, key=rank)


def runs_of(report: Report) -> list[str]:
    """The runs whose adapters the lanes are, each once; reports of the first form name none."""
    return list(dict.fromkeys(lane.run for lane in report.lanes if lane.run))


def shorten(text: str, length: int = 34) -> str:
    """A title that fits into a picture."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _run(lane: LaneInfo) -> str:
    return lane.run or LaneSpec.parse(lane.id).run


def title_of(report: Report, run: str) -> str:
    """What a person calls the run: the title of its lane at full strength, if there is one."""
    members = [lane for lane in report.lanes if lane.run == run]
    whole = [one for one in members if one.strength == 1 and one.checkpoint is None]
    return (whole or members)[0].title


def _point(report: Report, lane: LaneInfo) -> CurvePoint:
    return make_point(
        lane.id, report.of(lane.id), dataset=lane.dataset, strength=lane.strength,
        checkpoint=lane.checkpoint,
    )  # fmt: skip


def _in_points(delta: Delta) -> Amount | None:
    if delta.difference is None or delta.low is None or delta.high is None:
        return None
    return Amount(
        value=100 * delta.difference, low=100 * delta.low, high=100 * delta.high, n=delta.n
    )


def _draw_run(
    axes: Any, members: Sequence[tuple[LaneInfo, CurvePoint]], unit: Unit, number: int
) -> None:
    whole = [lane for lane, _ in members if lane.strength == 1 and lane.checkpoint is None]
    gains, losses = zip(*(point.in_unit(unit) for _, point in members), strict=True)
    joined = len(members) > 1
    axes.errorbar(
        [one.value for one in losses], [one.value for one in gains],
        xerr=_arms(losses), yerr=_arms(gains),
        marker=MARKERS[number % len(MARKERS)], color=LANES[number % len(LANES)], markersize=6,
        capsize=3, linestyle=":" if joined else "none",
        label=shorten((whole or [members[0][0]])[0].title),
    )  # fmt: skip
    for (lane, _), loss, gain in zip(members, losses, gains, strict=True):
        step = f"step {lane.checkpoint} " if lane.checkpoint else ""
        detail = f"{step}×{lane.strength:g}" if lane.strength != 1 else step or "×1"
        if joined:
            axes.annotate(
                detail, (loss.value, gain.value), color=INK, fontsize=8,
                xytext=(6, 5), textcoords="offset points",
            )  # fmt: skip


def _lines(points: Sequence[CurvePoint], where: Sequence[float]) -> Any:
    """Gain and forgetting in points over the places, each with its interval as a band."""
    figure, axes = open_figure(3.2)
    lines = (
        ("gained on the task", LANES[0], UP, "-", [one.gain for one in points]),
        (
            "forgotten, all retention probes",
            LANES[1],
            DOWN,
            "--",
            [one.forgotten for one in points],
        ),
    )
    axes.axhline(0, color=INK, linewidth=0.8)
    for label, color, mark, style, amounts in lines:
        known = [one for one in amounts if one is not None]
        low = [one.value if one.low is None else one.low for one in known]
        high = [one.value if one.high is None else one.high for one in known]
        axes.fill_between(where, low, high, color=color, alpha=0.18, linewidth=0)
        axes.plot(
            where, [one.value for one in known], color=color, marker=mark, linestyle=style,
            markersize=6, label=label,
        )  # fmt: skip
    if points[0].strength == 0:
        axes.plot(0, 0, "D", color=BASE, markersize=7, label="base", linestyle="none")
    axes.set_ylabel("points, against the base")
    add_legend(figure, axes)
    return figure, axes


def _arms(amounts: Sequence[Amount]) -> list[list[float]]:
    """Lengths of the intervals below and above their values."""
    below = [0.0 if one.low is None else max(0.0, one.value - one.low) for one in amounts]
    above = [0.0 if one.high is None else max(0.0, one.high - one.value) for one in amounts]
    return [below, above]


def _forest(rows: Sequence[tuple[Delta, Amount, str]], *, margin: float) -> Any:
    """Names from top to bottom, an interval and its mark for each, the margin as a grey band."""
    figure, axes = open_figure(1.0 + 0.21 * len(rows))
    axes.axvspan(-margin, margin, color=INK, alpha=0.18, linewidth=0)
    axes.axvline(0, color=INK, linewidth=0.8)
    color = LANES[0]
    for place, (_, amount, mark) in enumerate(rows):
        axes.hlines(place, amount.low, amount.high, color=color, linewidth=1.4)
        face = color if mark in (UP, DOWN) else "none"
        axes.plot(amount.value, place, mark, markersize=6, color=color, markerfacecolor=face)
    names = [shorten(f"{one.title} ({one.n})") for one, *_ in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    for label, (one, *_) in zip(axes.get_yticklabels(), rows, strict=True):
        if one.kind == "gain" or one.probe == OVERALL:
            label.set_fontweight("bold")
    axes.grid(axis="y", visible=False)
    return figure, axes
