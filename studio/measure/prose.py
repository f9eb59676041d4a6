"""A report in a few sentences: what was gained, how likely old answers still are, what fell.

Nothing is computed here. A number never appears without its interval and its number of cases.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from studio.measure.numerals import more_cases, nats, number, points, share
from studio.measure.probe import OVERALL

if TYPE_CHECKING:
    from studio.measure.delta import Delta
    from studio.measure.recovery import Recovery
    from studio.measure.report import Report
    from studio.measure.sequence import Measured

_LISTED = 3  # undecided or unchanged probes named one by one; the tables have them all
_LISTED_FALLEN = 6  # the worst ones
_BROKEN = 0.05  # share of answers that newly mean nothing, from which on it is said


def headline(report: "Report", lane: str) -> str:
    """What the lane gained, forgot and kept, each with its interval, in a few sentences."""
    deltas = report.of(lane)
    retention = [one for one in deltas if one.kind == "retention" and one.probe != OVERALL]
    level = f"{100 * report.level:g} %: "
    sentences = [_tell_gain(one, level) for one in deltas if one.kind == "gain"]
    sentences += [_tell_text(one, level) for one in retention if one.difference is None]
    sentences += [_tell_overall(one, level) for one in deltas if one.probe == OVERALL]
    sentences += _tell_families([one for one in retention if one.difference is not None], report)
    sentences += [_tell_form(one) for one in deltas if one.probe != OVERALL]
    sentences += [_tell_recovery(one, level) for one in report.recovery(lane)[:1]]
    sentences += [_tell_detached(report.detached(lane)), tell_sequence(report, lane)]
    return " ".join(sentence for sentence in sentences if sentence)


def _tell_gain(delta: "Delta", level: str) -> str:
    likelihood = f"{nats(delta)} nats per token, n = {delta.n}"
    if delta.difference is None:
        return f"{_capital(delta.verdict)}: {delta.title} {likelihood}."
    size, interval = _split(points(delta))
    numbers = f"({level}{interval}, n = {delta.n}; {_flips(delta)})"
    match delta.verdict:
        case "gained":
            return f"Gained {size.strip('+')} points on {delta.title} {numbers}."
        case "forgotten":
            return f"Lost {size.strip('−')} points on {delta.title} {numbers}."
        case "more likely" | "less likely":
            yet = "right" if delta.verdict == "more likely" else "wrong"
            return (
                f"Right answers {delta.verdict} on {delta.title}, not yet {yet} more often: "
                f"{likelihood}; accuracy {size} {numbers}."
            )
        case "no material change":
            return f"No material change on {delta.title}{_basis(delta)}: {size} {numbers}."
        case _:
            return f"Inconclusive on {delta.title}: {size} {numbers}; {more_cases(delta)}."


def _tell_text(delta: "Delta", level: str) -> str:
    """Drift on open text, for which there is only likelihood."""
    drift = f"{nats(delta)} nats per token, n = {delta.n}"
    if delta.bits_base is not None and delta.bits_tuned is not None:
        drift += f"; {delta.bits_base:.2f} → {delta.bits_tuned:.2f} bits per byte"
        if delta.bits_low is not None and delta.bits_high is not None:
            drift += f" (change {number(delta.bits_low, 3)} … {number(delta.bits_high, 3)})"
    match delta.verdict:
        case "less likely" | "more likely":
            return f"{delta.title} became {delta.verdict}: {drift}."
        case "no material change":
            return f"No material drift on {delta.title}: {drift}."
        case _:
            return f"Inconclusive on {delta.title}: {drift}; {more_cases(delta)}."


def _tell_overall(delta: "Delta", level: str) -> str:
    size, interval = _split(points(delta))
    more = f"; {more_cases(delta)}" if delta.verdict == "inconclusive" else ""
    return (
        f"All retention probes together: {nats(delta)} nats per token; {size} points "
        f"({level}{interval}, n = {delta.n}; {_flips(delta)}): "
        f"{delta.verdict}{_basis(delta)}{more}."
    )


def _tell_families(retention: Sequence["Delta"], report: "Report") -> list[str]:
    narrow = f"{200 * report.level - 100:g} % interval"
    openings = {
        "forgotten": "Forgot",
        "less likely": "Less likely, not yet wrong",
        "gained": "Also gained",
        "more likely": "More likely, not yet right more often",
        "no material change": "No material change",
        "inconclusive": "Inconclusive",
    }
    sentences = []
    for verdict, opening in openings.items():
        members = [one for one in retention if one.verdict == verdict]
        if not members:
            continue
        in_nats = verdict in ("less likely", "more likely")
        fallen = verdict in ("forgotten", "less likely")
        if fallen:
            opening += f" {len(members)} of {len(retention)}"
        if verdict == "no material change":
            opening += f" ({narrow} within {_tell_within(members, report)})"
        members.sort(key=lambda one: -one.nll_difference if in_nats else one.difference or 0)
        listed = _enumerate(members, _LISTED_FALLEN if fallen else _LISTED)
        sentences.append(f"{opening}: {listed}.")
    return sentences


def _tell_within(members: Sequence["Delta"], report: "Report") -> str:
    bases = {one.basis for one in members}
    parts = [f"±{tell_margin(report)}"] if bases - {"likelihood"} else []
    if "likelihood" in bases:
        parts.append(f"±{report.nll_margin / 2:g} nats per token with hardly an answer changed")
    return ", or ".join(parts)


def _enumerate(deltas: Sequence["Delta"], listed: int) -> str:
    named = [_name(delta) for delta in deltas[:listed]]
    if len(deltas) > listed:
        named.append(f"and {len(deltas) - listed} more")
    return ", ".join(named)


def _name(delta: "Delta") -> str:
    """A probe with the number its verdict rests on; by likelihood, accuracy stands beside it."""
    value, interval = _split(points(delta))
    if delta.basis == "likelihood":
        shift, ends = _split(nats(delta))
        beside = f"accuracy {value}, {interval}"
        return f"{delta.title} {shift} nats per token ({ends}; {beside}; n = {delta.n})"
    more = ""
    if delta.verdict == "inconclusive":
        more = f"; {more_cases(delta)}"
    elif delta.verdict in ("forgotten", "gained"):
        more = f"; {_flips(delta)}"
    return f"{delta.title} {value} ({interval}, n = {delta.n}{more})"


def _tell_form(delta: "Delta") -> str:
    """Said only where answers stopped ending, or came to mean nothing."""
    parts = []
    if delta.stop_high is not None and delta.stop_high < 0:
        ended = f"{share(delta.stop_tuned)} % of answers end by themselves"
        parts.append(f"{ended}, {share(delta.stop_base)} % before")
    broken = (delta.broken_tuned or 0) - (delta.broken_base or 0)
    if broken > _BROKEN and (delta.broken_low is None or delta.broken_low > 0):
        parts.append(
            f"{share(delta.broken_tuned)} % are empty or repeat themselves, "
            f"{share(delta.broken_base)} % before"
        )
    return f"On {delta.title}, {'; '.join(parts)} (n = {delta.n})." if parts else ""


def _tell_recovery(recovery: "Recovery", level: str) -> str:
    behind = f"behind {recovery.shots} solved case{'s' * (recovery.shots != 1)}"
    if recovery.returned is None:
        return f"Lost or only hidden: no drop is certain enough to ask (n = {recovery.n})."
    low, high = recovery.returned_low, recovery.returned_high
    interval = "too few cases for an interval"
    if low is not None and high is not None:
        interval = f"{level}{number(100 * low, 0)} … {number(100 * high, 0)}"
    return (
        f"Lost or only hidden: {number(100 * recovery.returned, 0)} % of the drop returns {behind} "
        f"({interval}, n = {recovery.n}): {recovery.finding}."
    )


def _tell_detached(proof: str) -> str:
    """Said of a soft prompt, which can be taken off again; nothing of an adapter."""
    if not proof:
        return ""
    return f"All this with the soft prompt attached; detached, it is the base: {proof}."


def tell_sequence(report: "Report", lane: str) -> str:
    """What tuning one run after another did, told of the last of them; else nothing."""
    found = report.sequence
    if found is None or found.lanes[-1] != lane:
        return ""
    cases = f"n = {', '.join(map(str, found.cases))}"
    return (
        f"Tuned one after another on {len(found.tasks)} tasks ({cases}): at the end "
        f"{measured(found.acc)} % right on average; backward transfer "
        f"{measured(found.bwt, plus=True)} points, forward transfer "
        f"{measured(found.fwt, plus=True)} points over the base, drop from the best "
        f"{measured(found.forgetting)} points."
    )


def measured(one: "Measured", *, plus: bool = False) -> str:
    """A share in percent or points with its interval."""
    value = number(100 * one.value, 0)
    value = f"+{value}" if plus and one.value > 0 and value.strip("0") else value
    return f"{value} ({number(100 * one.low, 0)} … {number(100 * one.high, 0)})"


def tell_margin(report: "Report") -> str:
    """The margin of accuracy."""
    return f"{100 * report.margin:g} point" + ("" if report.margin == 0.01 else "s")


def _flips(delta: "Delta") -> str:
    return f"{delta.b} lost, {delta.c} gained"


def _basis(delta: "Delta") -> str:
    by_likelihood = delta.basis == "likelihood" and delta.verdict == "no material change"
    return " by likelihood" if by_likelihood else ""


def _split(text: str) -> tuple[str, str]:
    """A number and what stands in brackets behind it."""
    value, _, interval = text.partition(" (")
    return value, interval.rstrip(")")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
