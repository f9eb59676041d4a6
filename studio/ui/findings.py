"""A report in words: what every lane gained and forgot, and one lane's probes as a folded list."""

from collections import Counter
from collections.abc import Sequence
from html import escape

from studio.measure.delta import Delta
from studio.measure.probe import OVERALL
from studio.measure.report import LaneInfo, Report
from studio.ui import markup
from studio.ui.detail import draw_interval, span_of, tell_delta, tell_evidence, tell_size
from studio.ui.points import overall_of, task_of

FILTERS = [("Changed", "changed"), ("Inconclusive", "inconclusive"), ("All", "all")]
LISTED = 8  # changed skills listed at once, the others folded below them
FULL_CARDS = 3  # lanes told with a card each; more are told in a line each
ORDER = {
    "forgotten": "forgotten",
    "less likely": "less likely",
    "gained": "gained",
    "more likely": "more likely",
    "inconclusive": "inconclusive",
    "no material change": "without material change",
}
"""The verdicts in the order in which they matter."""
FOLDS = {
    "inconclusive": "inconclusive: neither a change nor its absence is shown",
    "no material change": "with no material change",
}
NOTHING = {
    "changed": "No single skill is shown to have changed; look under Inconclusive and All.",
    "inconclusive": "Nothing is inconclusive: every skill has a verdict.",
    "all": "The measurement asked no probe.",
}


def tell_headlines(report: Report) -> str:
    """Every lane's headline in sentences."""
    return "".join(
        f'<div class="st-headline"><span class="st-tuned">{escape(lane.title)}</span> '
        f'<span class="st-quiet">{escape(lane.recipe)}</span><br>'
        f"{escape(report.headline(lane.id))}</div>"
        for lane in report.lanes
    )


def tell_lanes(report: Report) -> str:
    """Every lane's summary: a card each with its sentences folded, or a line each if many."""
    draw = _draw_card if len(report.lanes) <= FULL_CARDS else _draw_line
    kind = "st-lanes" if len(report.lanes) <= FULL_CARDS else "st-lines"
    told = "".join(draw(report, lane) for lane in report.lanes)
    after = tell_after(report) if len(report.lanes) == 2 else ""
    return f'<div class="{kind}">{told}</div>{after}'


def tell_after(report: Report) -> str:
    """What became of the skills that the first of two lanes forgot, in the second."""
    first, second = report.lanes
    fell = {one.probe for one in retention_of(report, first.id) if one.verdict == "forgotten"}
    if not fell:
        return ""
    now = Counter(str(one.verdict) for one in retention_of(report, second.id) if one.probe in fell)
    parts = ", ".join(f"{now[name]} {words}" for name, words in ORDER.items() if now[name])
    return (
        f'<p class="st-after">Of the {len(fell)} skills that <span class="st-tuned">'
        f'{escape(first.title)}</span> forgot, <span class="st-tuned">{escape(second.title)}'
        f"</span> has {parts}.</p>"
    )


def _draw_card(report: Report, lane: LaneInfo) -> str:
    facts = [_draw_fact("On the task", task_of(report, lane))]
    facts.append(_draw_fact("Old skills together", overall_of(report, lane.id)))
    return (
        f'<section class="st-lane"><h3 class="st-tuned">{escape(lane.title)}</h3>'
        f'<p class="st-quiet">{escape(lane.recipe)}</p>'
        f'<div class="st-facts">{"".join(facts)}</div>'
        f"<p>{_count_families(report, lane.id)}</p>"
        f"{_tell_detached(report.detached(lane.id))}"
        f"<details><summary>In words</summary><p>{escape(report.headline(lane.id))}</p></details>"
        "</section>"
    )


def _tell_detached(proof: str) -> str:
    """What a soft prompt is without itself; nothing for an adapter."""
    if not proof:
        return ""
    return (
        '<p>Measured with the soft prompt attached. <span class="st-base">Detached, it is the base'
        f"</span>: {escape(proof)}.</p>"
    )


def _draw_fact(title: str, delta: Delta | None) -> str:
    if delta is None:
        return ""
    big, small = tell_size(delta)
    return (
        f'<div><span class="st-quiet">{escape(title)}</span>'
        f'<span class="st-big">{escape(big)}</span>'
        f'<span class="st-quiet">{escape(small)}, n = {delta.n:,}</span> '
        f"{markup.chip(delta.verdict)}</div>"
    )


def _draw_line(report: Report, lane: LaneInfo) -> str:
    parts = []
    for word, delta in (
        ("task", task_of(report, lane)),
        ("old skills", overall_of(report, lane.id)),
    ):
        if delta is not None:
            big, small = tell_size(delta)
            parts.append(f"{word} <strong>{escape(big)}</strong> ({escape(small)})")
    return (
        f'<div class="st-line"><span class="st-tuned">{escape(lane.title)}</span> '
        f"<span>{' · '.join(parts)}</span> "
        f'<span class="st-quiet">{_count_families(report, lane.id)}</span></div>'
    )


def _count_families(report: Report, lane: str) -> str:
    """How many of the retention probes have which verdict."""
    families = retention_of(report, lane)
    if not families:
        return "No retention probe was asked: nothing is known about forgetting."
    counts = Counter(str(one.verdict) for one in families)
    parts = [f"{counts[name]} {words}" for name, words in ORDER.items() if counts[name]]
    return f"Of {len(families)} skills: {', '.join(parts)}."


def retention_of(report: Report, lane: str) -> list[Delta]:
    """The lane's retention probes one by one, the worst first."""
    found = [one for one in report.of(lane) if one.kind == "retention" and one.probe != OVERALL]
    return sorted(found, key=lambda one: (_drop(one), one.title))


def _drop(delta: Delta) -> float:
    """Sorts by lost accuracy; text without right answers by its likelihood."""
    return delta.difference if delta.difference is not None else -delta.nll_difference


def tell_families(report: Report, lane: str, shown: str) -> str:
    """One lane's probes: the task, all retention together, then each, those shown unfolded."""
    deltas = report.of(lane)
    span = span_of(deltas)
    top = [one for one in deltas if one.kind == "gain" or one.probe == OVERALL]
    families = retention_of(report, lane)
    groups = {name: [one for one in families if one.verdict == name] for name in ORDER}
    changed = [one for name in ORDER if name not in FOLDS for one in groups[name]]
    listed = {"changed": changed, "inconclusive": groups["inconclusive"], "all": families}[shown]
    first = listed[:LISTED] if shown == "changed" else listed
    text = "".join(_draw_family(report, one, span, bold=True) for one in top)
    text += "".join(_draw_family(report, one, span) for one in first)
    text += "" if listed else markup.quiet(NOTHING[shown])
    if shown == "changed":
        text += _fold(report, changed[LISTED:], "more changed", span)
        text += "".join(_fold(report, groups[name], title, span) for name, title in FOLDS.items())
    return f'<div class="st-families">{text}</div>'


def _fold(report: Report, deltas: Sequence[Delta], title: str, span: float) -> str:
    if not deltas:
        return ""
    names = ", ".join(one.title for one in deltas)
    rows = "".join(_draw_family(report, one, span) for one in deltas)
    return (
        f'<details class="st-fold"><summary><strong>{len(deltas)}</strong> {escape(title)}'
        f'<span class="st-quiet"> {escape(names)}</span></summary>{rows}</details>'
    )


def _draw_family(report: Report, delta: Delta, span: float, *, bold: bool = False) -> str:
    big, small = tell_evidence(delta)
    title = f"<strong>{escape(delta.title)}</strong>" if bold else escape(delta.title)
    chips = markup.chip(delta.verdict)
    return (
        f'<details class="st-family"><summary><span class="st-name">{title}</span>'
        f'<span class="st-size"><strong>{escape(big)}</strong> '
        f'<span class="st-quiet">{escape(small)}</span></span>'
        f"{draw_interval(delta, span, report.margin)}"
        f'<span class="st-verdict">{chips}</span></summary>{tell_delta(delta)}</details>'
    )


def tell_side_by_side(report: Report) -> str:
    """Every lane beside the others: the task, all retention, and what any of them changed."""
    lanes = [lane.id for lane in report.lanes]
    found = {(one.lane, one.probe): one for one in report.deltas}
    changed = {
        one.probe for one in report.deltas if one.verdict not in FOLDS
    } | {OVERALL}  # fmt: skip
    first = [one for one in report.of(lanes[0]) if one.probe in changed or one.kind == "gain"]
    first.sort(key=lambda one: (one.kind != "gain", one.probe != OVERALL, _drop(one)))
    rows = [
        [
            escape(one.title),
            str(one.n),
            *(_draw_cell(found.get((lane, one.probe))) for lane in lanes),
        ]
        for one in first
    ]
    headers = ["Probe", "n", *(lane.title for lane in report.lanes)]
    return markup.table(headers, rows, numbers=range(1, len(headers)))


def _draw_cell(delta: Delta | None) -> str:
    if delta is None:
        return "–"
    big, small = tell_evidence(delta)
    sign = "" if delta.verdict in FOLDS else markup.CHIPS[delta.verdict][:2]
    strong = "strong" if sign else "span"
    return f"{sign}<{strong}>{escape(big)}</{strong}><br><small>{escape(small)}</small>"
