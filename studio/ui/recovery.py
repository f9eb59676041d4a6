"""Lost, or only hidden: what comes back when a question stands behind solved cases."""

from collections import Counter
from html import escape

import gradio as gr

from studio.errors import StudioError
from studio.measure.comparison import LaneSpec
from studio.measure.probe import OVERALL
from studio.measure.recovery import Recovery
from studio.measure.report import Report
from studio.studio import Studio
from studio.ui import markup
from studio.ui.border import told, wire
from studio.ui.numbers import interval, number, signed
from studio.ui.reading import Reading, has_lane

SHOTS = 3  # solved cases put before a question to see whether a skill is only hidden
HIDDEN = (
    f"Asks every old skill once more behind {SHOTS} solved cases of the same kind. What comes back "
    "then was only hidden by the tuned format, and a light repair is enough; what stays away is "
    "lost."
)
SIGNS = {
    "mostly hidden": "◐ mostly hidden",
    "mostly lost": "▼ mostly lost",
    "undecided": "? undecided",
    "no drop to explain": "= no drop to explain",
}


def build(studio: Studio, reading: Reading) -> None:
    """Lay the part out and wire it."""
    words = gr.HTML(markup.quiet(HIDDEN), elem_id="hidden-words")
    ask = gr.Button("Ask behind solved cases", elem_id="measure-hidden", size="md")
    read = [reading.report, reading.lane]
    wire(reading.turned, show, inputs=read, outputs=words)
    wire(ask.click, measure, studio, inputs=[reading.chosen, reading.lane],
         outputs=reading.wanted, show_progress="minimal")  # fmt: skip


@told
def show(report: Report | None, lane: str | None) -> str:
    """What came back behind solved cases, skill by skill; or what the button does."""
    if report is None or lane is None or not has_lane(report, lane):
        return markup.quiet(HIDDEN)
    return tell_recovery(report, lane) or markup.quiet(HIDDEN)


@told
def measure(studio: Studio, id: str | None, lane: str | None) -> str:
    """Measure the chosen lane again, with solved cases before every retention question."""
    if not id or not lane:
        raise StudioError("Open a finished measurement and choose a tuned model first.")
    comparison = studio.run(id).comparison
    started = studio.compare([LaneSpec.parse(lane)], **comparison.asks, shots=SHOTS)
    gr.Info("Asking every old skill with and without solved cases before it.")
    return started.id


def tell_recovery(report: Report, lane: str) -> str:
    """Every skill that fell, asked plainly and behind solved cases; empty if it was not asked."""
    found = report.recovery(lane)
    if not found:
        return ""
    fell = [one for one in found if one.returned is not None and one.probe != OVERALL]
    fell.sort(key=lambda one: -(one.returned or 0))
    together = [one for one in found if one.probe == OVERALL]
    counts = Counter(str(one.finding) for one in fell)
    parts = ", ".join(f"{counts[name]} {name}" for name in SIGNS if counts[name])
    kept = len(found) - len(fell) - len(together)
    words = f"Of {len(fell)} skills that certainly fell: {parts}." if fell else ""
    rest = f" {kept} more show no certain drop, so nothing has to come back." if kept else ""
    headers = ["Skill", "n", "Asked plainly, points", f"Behind {found[0].shots} solved, points",
               "Came back", "So it is"]  # fmt: skip
    table = markup.table(headers, [_row(one) for one in together + fell], numbers=[1, 2, 3, 4])
    return f'<div class="st-headline">{escape(words + rest)}</div>' + (
        f"<details open><summary>Skill by skill</summary>{table}</details>" if fell else ""
    )


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
