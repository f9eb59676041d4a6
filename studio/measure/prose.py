"""A report in words: the few sentences on top, and the whole of it as Markdown.

Nothing is computed here. A number never appears without its interval and its number of cases.
"""

from collections.abc import Sequence
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from studio.measure.probe import OVERALL

if TYPE_CHECKING:
    from studio.measure.delta import Delta
    from studio.measure.report import Report

_LISTED = 3  # undecided or unchanged probes named one by one; the tables have them all
_LISTED_FORGOTTEN = 6  # the worst ones


def headline(report: "Report", lane: str) -> str:
    """What the lane gained, forgot and kept, each with its interval, in a few sentences."""
    deltas = report.of(lane)
    retention = [one for one in deltas if one.kind == "retention" and one.probe != OVERALL]
    level = f"{100 * report.level:g} %: "
    sentences = [_tell_gain(one, level) for one in deltas if one.kind == "gain"]
    sentences += [_tell_overall(one, level) for one in deltas if one.probe == OVERALL]
    kept = f"{200 * report.level - 100:g} % interval within ±{_tell_margin(report)}"
    for verdict, opening in (
        ("forgotten", "Forgot"),
        ("gained", "Also gained"),
        ("no material change", f"No material change ({kept})"),
        ("inconclusive", "Inconclusive"),
    ):
        members = [one for one in retention if one.verdict == verdict]
        members.sort(key=lambda one: one.difference)
        listed = _LISTED
        if verdict == "forgotten":
            listed = _LISTED_FORGOTTEN
            opening += f" {len(members)} of {len(retention)}"
        if members:
            sentences.append(f"{opening}: {_enumerate(members, listed)}.")
    if unsure := _less_likely(retention):
        sentences.append(unsure)
    return " ".join(sentences)


def _tell_gain(delta: "Delta", level: str) -> str:
    interval = f"({level}{_interval(delta)}, n = {delta.n})"
    size = _points(abs(delta.difference), delta)
    match delta.verdict:
        case "gained":
            return f"Gained {size} points on {delta.title} {interval}."
        case "forgotten":
            return f"Lost {size} points on {delta.title} {interval}."
        case "no material change":
            return f"No material change on {delta.title}: {_signed(delta)} {interval}."
        case _:
            more = _tell_more_cases(delta)
            return f"Inconclusive on {delta.title}: {_signed(delta)} {interval}; {more}."


def _tell_overall(delta: "Delta", level: str) -> str:
    more = f"; {_tell_more_cases(delta)}" if delta.verdict == "inconclusive" else ""
    numbers = f"{_signed(delta)} points ({level}{_interval(delta)}, n = {delta.n})"
    return f"All retention probes together: {numbers}, {delta.verdict}{more}."


def _tell_more_cases(delta: "Delta") -> str:
    if delta.more_cases is None:
        return "more than 10,000 cases would be needed"
    return f"about {_round_up(delta.more_cases):,} more cases would tell"


def _enumerate(deltas: Sequence["Delta"], listed: int) -> str:
    named = []
    for delta in deltas[:listed]:
        more = f"; {_tell_more_cases(delta)}" if delta.verdict == "inconclusive" else ""
        named.append(f"{delta.title} {_signed(delta)} ({_interval(delta)}, n = {delta.n}{more})")
    if len(deltas) > listed:
        named.append(f"and {len(deltas) - listed} more")
    return ", ".join(named)


def _less_likely(retention: Sequence["Delta"]) -> str:
    hidden = [one for one in retention if one.nll_verdict == "worse" and one.verdict != "forgotten"]
    if not hidden:
        return ""
    hidden.sort(key=lambda one: -one.nll_difference)
    named = [f"{one.title} {_nats(one)}, n = {one.n}" for one in hidden[:_LISTED]]
    more = f"; and {len(hidden) - _LISTED} more" if len(hidden) > _LISTED else ""
    return (
        "Not counted as forgotten, but the right answers became less likely "
        f"(nats per token): {'; '.join(named)}{more}."
    )


def markdown(report: "Report") -> str:
    """The whole report: a table per lane, and how it was measured."""
    parts = [
        "# What was gained, and what was forgotten",
        f"Base: {_cell(report.base)}. Measured {report.created:%Y-%m-%d %H:%M %Z}".rstrip() + ".",
    ]
    for lane in report.lanes:
        parts += [f"## {_cell(lane.title)}", _cell(headline(report, lane.id))]
        if lane.recipe:
            parts.append(f"Tuned with: {_cell(lane.recipe.rstrip('.'))}.")
        parts.append(_table(report.of(lane.id)))
    parts += ["## How it was measured", method(report)]
    return "\n\n".join(parts) + "\n"


def method(report: "Report") -> str:
    """How it was measured, with the list of probes, as Markdown."""
    return f"{_tell_method(report)}\n\n{_list_probes(report)}"


def _table(deltas: Sequence["Delta"]) -> str:
    lines = [
        "| Probe | n | Base % | Tuned % | Difference, points | Lost / gained | p (Holm) "
        "| Likelihood, nats per token | Verdict | Smallest drop it could show |",
        "|---|--:|--:|--:|--:|--:|--:|--:|---|--:|",
    ]
    for one in deltas:
        drop = "–" if one.shown_drop is None else f"{100 * one.shown_drop:.1f}"
        verdict: str = one.verdict
        if one.verdict == "inconclusive":
            verdict = f"inconclusive; {_tell_more_cases(one)}"
        lines.append(
            f"| {_cell(one.title)} | {one.n} "
            f"| {_share(one.base_accuracy, one.base_low, one.base_high)} "
            f"| {_share(one.accuracy, one.accuracy_low, one.accuracy_high)} "
            f"| {_signed(one)} ({_interval(one)}) | {one.b} / {one.c} | {_chance(one.p_holm)} "
            f"| {_nats(one)}, {one.nll_verdict} | {verdict} | {drop} |"
        )
    return "\n".join(lines)


def _tell_method(report: "Report") -> str:
    level, narrow = 100 * report.level, 200 * report.level - 100
    lines = [
        "Base and tuned model answered the same cases under the same conditions; a probe's scorer "
        "marked each answer right or wrong. Only cases whose mark changed carry the difference.",
        f"Intervals are at {level:g} %: Tango's score interval for differences of accuracy, "
        "Wilson's for single accuracies, a bootstrap over cases for likelihoods.",
        "p is McNemar's mid-p, adjusted after Holm over the lane's probes of the same kind. The "
        "intervals and the likelihoods' verdicts are not adjusted.",
        f'"Gained" and "forgotten": the whole {level:g} % interval lies beyond the margin of '
        f"{_tell_margin(report)}, and the adjusted p is below {1 - report.level:.2g}. "
        f'"No material change": the whole {narrow:g} % interval lies within the margin. '
        'Everything else is "inconclusive", which is not "no change".',
        "Likelihood is the change of −log p of the right answer; above 0, it became less likely. "
        f"Its margin is {report.nll_margin:g} nats per token.",
        "The row of all retention probes counts every case once. Its interval treats the cases as "
        "one random sample, which is wider than the fixed choice of probes would need.",
        "One lane is one training run with one seed: another seed may differ by more than these "
        "intervals, so they do not rank two ways of tuning.",
        *(f"{_cell(name)}: {_cell(value)}." for name, value in report.conditions.items()),
    ]
    return "\n".join(f"- {line}" for line in lines)


def _tell_margin(report: "Report") -> str:
    return f"{100 * report.margin:g} point" + ("" if report.margin == 0.01 else "s")


def _list_probes(report: "Report") -> str:
    lines = ["| Probe | Kind | Cases | Fingerprint |", "|---|---|--:|---|"]
    lines += [
        f"| {_cell(one.title)} ({_cell(one.name)}) | {one.kind} | {one.n} "
        f"| `{one.fingerprint[:12]}` |"
        for one in report.probes
    ]
    return "\n".join(lines)


def _interval(delta: "Delta") -> str:
    return f"{_points(delta.low, delta)} … {_points(delta.high, delta)}"


def _signed(delta: "Delta") -> str:
    number = _points(delta.difference, delta)
    return f"+{number}" if delta.difference > 0 and number.strip("0.") else number


def _points(share: float, delta: "Delta") -> str:
    # Tenths of a point are noise where the interval spans many points.
    return _number(100 * share, digits=1 if delta.high - delta.low < 0.05 else 0)


def _share(share: float, low: float, high: float) -> str:
    return f"{100 * share:.0f} ({100 * low:.0f} … {100 * high:.0f})"


def _nats(delta: "Delta") -> str:
    size = _number(delta.nll_difference, digits=3)
    sign = "+" if delta.nll_difference > 0 and size.strip("0.") else ""
    if delta.nll_low is None or delta.nll_high is None:
        return f"{sign}{size} (too few cases for an interval)"
    return f"{sign}{size} ({_number(delta.nll_low, 3)} … {_number(delta.nll_high, 3)})"


def _number(value: float, digits: int) -> str:
    text = f"{abs(value):.{digits}f}"
    return f"−{text}" if value < 0 and text.strip("0.") else text


def _chance(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _round_up(count: int) -> int:
    """To two digits, because the estimate is no better than that."""
    step: int = 10 ** max(0, floor(log10(count)) - 1)
    return ceil(count / step) * step


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())
