"""Runs tuned one after another: what each stage knew of every task, as a heat map with numbers."""

from html import escape

from studio.measure.report import Report
from studio.measure.sequence import Measured
from studio.ui.markup import quiet
from studio.ui.numbers import interval, signed

NONE = (
    "Runs that go on from each other, each on a task of its own, appear here as a matrix: tune a "
    "run from another one's adapter, then measure them together."
)
SUMMARIES = {
    "acc": ("ACC", "mean accuracy over all tasks at the end"),
    "bwt": ("BWT", "change on earlier tasks since each was learned; below 0 is forgetting"),
    "fwt": ("FWT", "change on tasks before they were learned, against the base"),
    "forgetting": ("Forgetting", "mean drop from each earlier task's best score"),
}


def draw_sequence(report: Report) -> str:
    """The matrix of accuracies with its summaries; what would be here if there is none."""
    found = report.sequence
    if found is None:
        return quiet(NONE)
    titles = ["Base", *(report.lane(lane).title for lane in found.lanes)]
    head = "".join(
        f'<th scope="col">{escape(title)}<br><small>n = {n:,}</small></th>'
        for title, n in zip(found.titles, found.cases, strict=True)
    )
    body = "".join(
        f'<tr><th scope="row">{escape(title)}</th>'
        + "".join(_draw_cell(cell, own=row == column + 1) for column, cell in enumerate(cells))
        + "</tr>"
        for row, (title, cells) in enumerate(zip(titles, found.matrix, strict=True))
    )
    facts = "".join(
        f"<div><dt>{name}: {escape(words)}</dt><dd>{_tell(getattr(found, field), field)}</dd></div>"
        for field, (name, words) in SUMMARIES.items()
    )
    return (
        quiet("Percent right after each stage (down) on each task (across); ● is the task that "
              "was just learned.")
        + '<div class="st-scroll" tabindex="0"><table class="st-heat st-sequence"><thead><tr>'
        f'<th scope="col">After</th>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        f'<dl class="st-numbers">{facts}</dl>'
    )  # fmt: skip


def _draw_cell(cell: Measured, *, own: bool) -> str:
    ends = _ends(cell)
    return (
        f'<td style="--heat:{cell.value:.2f}">{"● " if own else ""}'
        f"<strong>{100 * cell.value:.0f}</strong><br><small>{ends}</small></td>"
    )


def _tell(measured: Measured, field: str) -> str:
    value = 100 * measured.value
    big = f"{value:.0f} %" if field == "acc" else f"{signed(value, digits=0)} points"
    return f"<strong>{big}</strong> ({_ends(measured)})"


def _ends(measured: Measured) -> str:
    if measured.low is None or measured.high is None:
        return interval(None, None)
    return interval(100 * measured.low, 100 * measured.high, digits=0)
