"""The whole report as Markdown: a headline and tables per lane, and how it was measured.

Nothing is computed here. A number never appears without its interval and its number of cases.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from studio.measure import prose
from studio.measure.numerals import NONE, chance, more_cases, nats, number, points, share

if TYPE_CHECKING:
    from studio.measure.delta import Delta
    from studio.measure.recovery import Recovery
    from studio.measure.report import Report
    from studio.measure.sequence import TuningSequence


def write(report: "Report") -> str:
    """The whole report: tables per lane, runs tuned one after another, and how it was measured."""
    parts = [
        "# What was gained, and what was forgotten",
        f"Base: {plain(report.base)}. Measured {report.created:%Y-%m-%d %H:%M %Z}".rstrip() + ".",
    ]
    for lane in report.lanes:
        parts += [f"## {plain(lane.title)}", plain(report.headline(lane.id))]
        if lane.recipe:
            parts.append(f"Tuned with: {plain(lane.recipe.rstrip('.'))}.")
        deltas = report.of(lane.id)
        parts += [_table_deltas(deltas), "### Drift and form", table_drift(deltas)]
        if recoveries := report.recovery(lane.id):
            parts += ["### Lost or only hidden?", table_recoveries(recoveries)]
    if report.sequence:
        parts += ["## One after another", table_sequence(report.sequence)]
        parts += [plain(prose.tell_sequence(report, report.sequence.lanes[-1]))]
    parts += ["## How it was measured", method(report)]
    return "\n\n".join(parts) + "\n"


def method(report: "Report") -> str:
    """How it was measured, with the list of probes, as Markdown."""
    lines = [*_tell_measures(report), *_tell_verdicts(report), *_tell_limits(report)]
    listed = "\n".join(f"- {line}" for line in lines)
    return f"{listed}\n\n{_list_probes(report)}"


def _table_deltas(deltas: Sequence["Delta"]) -> str:
    lines = [
        "| Probe | n | Likelihood, nats per token | Base % | Tuned % | Difference, points "
        "| Lost / gained | p (Holm) | Verdict | Smallest drop it could show |",
        "|---|--:|--:|--:|--:|--:|--:|--:|---|--:|",
    ]
    for one in deltas:
        drop = NONE if one.shown_drop is None else f"{100 * one.shown_drop:.1f} points"
        if one.difference is None and one.shown_shift is not None:
            drop = f"{one.shown_shift:.3f} nats"
        flips = NONE if one.b is None else f"{one.b} / {one.c}"
        lines.append(
            f"| {plain(one.title)} | {one.n} | {nats(one)}, {one.nll_verdict} "
            f"| {share(one.base_accuracy, one.base_low, one.base_high)} "
            f"| {share(one.accuracy, one.accuracy_low, one.accuracy_high)} "
            f"| {points(one)} | {flips} | {chance(one.p_holm)} "
            f"| {_tell_verdict(one)} | {drop} |"
        )
    return "\n".join(lines)


def _tell_verdict(delta: "Delta") -> str:
    if delta.verdict == "inconclusive":
        return f"inconclusive; {more_cases(delta)}"
    return f"{delta.verdict}, by {delta.basis}" if delta.basis else delta.verdict


def table_drift(deltas: Sequence["Delta"]) -> str:
    """How far the answers drifted, and whether their form held, probe by probe."""
    lines = [
        "| Probe | KL from the base, nats per token | Bits per byte "
        "| Share of the skill gone, above guessing, % | Answers that end, % "
        "| Empty or repeating, % | Length, tuned / base |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for one in deltas:
        lines.append(
            f"| {plain(one.title)} | {_ratio(one.kl, one.kl_low, one.kl_high, digits=3)} "
            f"| {_change(one, 'bits', 1, digits=3)} "
            f"| {_ratio(one.fg, one.fg_low, one.fg_high, factor=100, digits=0)} "
            f"| {_change(one, 'stop', 100)} "
            f"| {_change(one, 'broken', 100)} "
            f"| {_ratio(one.length_ratio, one.length_low, one.length_high, digits=2)} |"
        )
    return "\n".join(lines)


def table_recoveries(recoveries: Sequence["Recovery"]) -> str:
    """How much of each drop returns behind solved cases."""
    lines = [
        "| Probe | n | Solved cases before | Drop, points | Drop behind them, points "
        "| Of the drop returns, % | Finding |",
        "|---|--:|--:|--:|--:|--:|---|",
    ]
    for one in recoveries:
        drop = _ratio(one.drop, one.drop_low, one.drop_high, factor=100, digits=1)
        behind = _ratio(
            one.drop_shots, one.drop_shots_low, one.drop_shots_high, factor=100, digits=1
        )
        returned = _ratio(one.returned, one.returned_low, one.returned_high, factor=100, digits=0)
        lines.append(
            f"| {plain(one.title)} | {one.n} | {one.shots} | {drop} | {behind} | {returned} "
            f"| {one.finding} |"
        )
    return "\n".join(lines)


def table_sequence(sequence: "TuningSequence") -> str:
    """Accuracy on every task after every run of a sequence."""
    lines = [
        f"| Accuracy in % after | {' | '.join(map(plain, sequence.titles))} |",
        f"|---|{'--:|' * len(sequence.tasks)}",
    ]
    for name, row in zip(("the base", *sequence.titles), sequence.matrix, strict=True):
        lines.append(f"| {plain(name)} | {' | '.join(prose.measured(one) for one in row)} |")
    return "\n".join(lines)


def _tell_measures(report: "Report") -> list[str]:
    return [
        "Base and tuned model answered the same cases under the same conditions; a probe's scorer "
        "marked each answer right or wrong. Only cases whose mark changed carry the difference.",
        "Likelihood is the change of −log p of the right answer (or of a text); above 0, it became "
        "less likely. It sees changes that accuracy needs many more cases for.",
        f"Intervals are at {100 * report.level:g} %: Tango's score interval for differences of "
        "accuracy, Wilson's for single accuracies, a bootstrap over cases for everything else; "
        "cases of one document are drawn together.",
        "p is McNemar's mid-p for accuracy and a t test of the linearised ratio for likelihood, "
        "each adjusted after Holm over the lane's probes of the same kind. The intervals are not "
        "adjusted.",
        "Bits per byte may be compared between tokenizers, nats per token may not.",
        "KL from the base on a task measures how far the answers moved there, which is what "
        "tuning is for: a gauge, no evidence of forgetting by itself. On general text it is drift.",
    ]


def _tell_verdicts(report: "Report") -> list[str]:
    level, narrow = 100 * report.level, 200 * report.level - 100
    error = f"{1 - report.level:.2g}"
    return [
        f'"Gained" and "forgotten": the whole {level:g} % interval of the accuracy lies beyond the '
        f"margin of {prose.tell_margin(report)}, and the adjusted p is below {error}.",
        f'"Less likely" and "more likely": the whole {level:g} % interval of the likelihood lies '
        f"beyond its margin of {report.nll_margin:g} nats per token, its adjusted p is below "
        f"{error}, and accuracy shows no such loss or gain. Open text has only likelihood.",
        f'"No material change": the whole {narrow:g} % interval of the accuracy lies within its '
        "margin. Or, by likelihood, with 30 cases or more: that of the likelihood lies within half "
        "its margin, and the share of changed answers is no larger than half the accuracy's. The "
        "latter rules out a shift that the cases share, not a loss confined to fewer than 3 in n "
        "of them; the accuracy's interval says how much could hide.",
        'Everything else is "inconclusive", which is not "no change".',
    ]


def _tell_limits(report: "Report") -> list[str]:
    return [
        "The row of all retention probes counts every case once and leaves open text out. Its "
        "interval treats the cases as one random sample, which is wider than the fixed choice of "
        "probes would need.",
        "One lane is one training run with one seed: another seed may differ by more than these "
        "intervals, so they do not rank two ways of tuning.",
        *(f"{plain(name)}: {plain(value)}." for name, value in report.conditions.items()),
    ]


def _list_probes(report: "Report") -> str:
    lines = ["| Probe | Kind | Cases | Fingerprint |", "|---|---|--:|---|"]
    lines += [
        f"| {plain(one.title)} ({plain(one.name)}) | {one.kind} | {one.n} "
        f"| `{one.fingerprint[:12]}` |"
        for one in report.probes
    ]
    return "\n".join(lines)


def _ratio(
    value: float | None, low: float | None, high: float | None, *, digits: int, factor: int = 1
) -> str:
    if value is None:
        return NONE
    text = number(factor * value, digits)
    if low is None or high is None:
        return f"{text} (too few cases for an interval)"
    return f"{text} ({number(factor * low, digits)} … {number(factor * high, digits)})"


def _change(delta: "Delta", name: str, factor: int, *, digits: int = 0) -> str:
    """Before → after, and in brackets the interval of the change."""
    before, after, low, high = (
        getattr(delta, f"{name}_{part}") for part in ("base", "tuned", "low", "high")
    )
    if before is None or after is None:
        return NONE
    told = f"{factor * before:.{digits}f} → {factor * after:.{digits}f}"
    if low is None or high is None:
        return told
    return f"{told} ({_signed(factor * low, digits)} … {_signed(factor * high, digits)})"


def _signed(value: float, digits: int) -> str:
    text = number(value, digits)
    return f"+{text}" if value > 0 and text.strip("0.") else text


def plain(text: str) -> str:
    """On one line, and neither a cell's end, a tag, a link nor a picture."""
    for sign, inert in (("|", "\\|"), ("[", "\\["), ("]", "\\]"), ("<", "&lt;")):
        text = text.replace(sign, inert)
    return " ".join(text.split())
