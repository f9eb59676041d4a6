"""A report in words and as a table, for the Report tab."""

from collections.abc import Sequence
from html import escape

from studio.measure.delta import Delta
from studio.measure.probe import OVERALL
from studio.measure.report import Report
from studio.ui import markup

HEADERS = [
    "Probe", "n", "Base %", "Tuned %", "Difference, points", "Verdict",
    "Likelihood, nats per token", "",
]  # fmt: skip


def tell_headlines(report: Report) -> str:
    """Every lane's headline."""
    return "".join(
        f'<div class="st-headline"><span class="st-tuned">{escape(lane.title)}</span> '
        f'<span class="st-quiet">{escape(lane.recipe)}</span><br>'
        f"{escape(report.headline(lane.id))}</div>"
        for lane in report.lanes
    )


def tell_lane(report: Report, lane: str) -> str:
    """Every probe of one lane, with intervals and verdicts."""
    rows = [_row(delta) for delta in in_order(report.of(lane))]
    return markup.table(HEADERS, rows, numbers=[1, 2, 3, 4, 6])


def in_order(deltas: Sequence[Delta]) -> list[Delta]:
    """The task first, then all retention together, then each probe, the worst first."""
    return sorted(
        deltas,
        key=lambda one: (one.kind != "gain", one.probe != OVERALL, one.difference, one.title),
    )


def _row(delta: Delta) -> list[str]:
    title = escape(delta.title)
    more = ""
    if delta.verdict == "inconclusive" and delta.more_cases:
        more = (
            f'<br><small class="st-quiet">about {delta.more_cases:,} more cases would tell</small>'
        )
    return [
        f"<strong>{title}</strong>" if delta.probe == OVERALL or delta.kind == "gain" else title,
        str(delta.n),
        f'<span class="st-base">{100 * delta.base_accuracy:.0f}</span>',
        f'<span class="st-tuned">{100 * delta.accuracy:.0f}</span>',
        f"{signed(100 * delta.difference)} "
        f"({number(100 * delta.low)} … {number(100 * delta.high)})",
        markup.chip(delta.verdict) + more,
        _likelihood(delta),
        markup.chip(delta.nll_verdict),
    ]


def _likelihood(delta: Delta) -> str:
    text = signed(delta.nll_difference, digits=3)
    if delta.nll_low is None or delta.nll_high is None:
        return f"{text} (too few cases)"
    return f"{text} ({number(delta.nll_low, digits=3)} … {number(delta.nll_high, digits=3)})"


def signed(value: float, *, digits: int = 1) -> str:
    """A difference with its sign; a plus too, but none where it rounds to nothing."""
    text = number(value, digits=digits)
    return f"+{text}" if value > 0 and text.strip("0.") else text


def number(value: float, *, digits: int = 1) -> str:
    """A number with a real minus sign, and none where it rounds to nothing."""
    text = f"{abs(value):.{digits}f}"
    return f"−{text}" if value < 0 and text.strip("0.") else text
