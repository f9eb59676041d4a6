"""Lost, or only hidden: what comes back when a question stands behind solved cases."""

from html import escape

from studio.measure.probe import OVERALL
from studio.measure.recovery import Recovery
from studio.measure.report import Report
from studio.ui import markup
from studio.ui.numbers import interval, number, signed

SIGNS = {
    "mostly hidden": "◐ mostly hidden",
    "mostly lost": "▼ mostly lost",
    "undecided": "? undecided",
    "no drop to explain": "= no drop to explain",
}


def tell_recovery(report: Report, lane: str) -> str:
    """Every skill that fell, asked plainly and behind solved cases; empty if it was not asked."""
    found = report.recovery(lane)
    if not found:
        return ""
    fell = [one for one in found if one.returned is not None or one.probe == OVERALL]
    kept = len(found) - len(fell)
    rows = [_row(one) for one in fell]
    headers = ["Skill", "n", "Drop, asked plainly", f"Behind {found[0].shots} solved", "Came back",
               "So it is"]  # fmt: skip
    rest = f"{kept} other skills show no certain drop, so nothing has to come back." if kept else ""
    table = markup.table(headers, rows, numbers=[1, 2, 3, 4]) if rows else ""
    return table + (markup.quiet(rest) if rest else "")


def _row(one: Recovery) -> list[str]:
    title = escape(one.title)
    return [
        f"<strong>{title}</strong>" if one.probe == OVERALL else title,
        f"{one.n:,}",
        _points(one.drop, one.drop_low, one.drop_high),
        _points(one.drop_shots, one.drop_shots_low, one.drop_shots_high),
        _share(one),
        f'<span class="st-chip">{escape(SIGNS[one.finding])}</span>',
    ]


def _points(value: float, low: float | None, high: float | None) -> str:
    ends = (None, None) if low is None or high is None else (-100 * high, -100 * low)
    return f"{signed(-100 * value, digits=0)}<br><small>{interval(*ends, digits=0)}</small>"


def _share(one: Recovery) -> str:
    if one.returned is None:
        return "–"
    if one.returned_low is None or one.returned_high is None:
        return f"{number(100 * one.returned, digits=0)} %"
    ends = interval(100 * one.returned_low, 100 * one.returned_high, digits=0)
    return f"{number(100 * one.returned, digits=0)} %<br><small>{ends}</small>"
