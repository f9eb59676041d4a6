"""One probe of one lane in full: numbers with intervals, and the interval as a small picture."""

from collections.abc import Iterable
from html import escape

from studio.measure.delta import Delta
from studio.measure.numerals import chance, more_cases, nats
from studio.ui.numbers import interval, number, share, signed

WIDTH, HEIGHT = 120, 16  # of the small picture, in its own units


def tell_evidence(delta: Delta) -> tuple[str, str]:
    """The difference that the verdict rests on: in nats where likelihood found a change."""
    if delta.verdict in ("more likely", "less likely"):
        return tell_size(delta.model_copy(update={"difference": None}))
    return tell_size(delta)


def tell_size(delta: Delta) -> tuple[str, str]:
    """A difference and its interval in points; in nats for text without right answers."""
    if delta.difference is None or delta.low is None or delta.high is None:
        big = f"{signed(-delta.nll_difference, digits=2)} nats"
        if delta.nll_low is None or delta.nll_high is None:
            return big, interval(None, None)
        return big, interval(-delta.nll_high, -delta.nll_low, digits=2)
    # Tenths of a point are noise where the interval spans many points.
    digits = 1 if delta.high - delta.low < 0.05 else 0
    big = f"{signed(100 * delta.difference, digits=digits)} points"
    return big, interval(100 * delta.low, 100 * delta.high, digits=digits)


def span_of(deltas: Iterable[Delta]) -> float:
    """The scale that a lane's small pictures share: its widest interval's farther end."""
    ends = [abs(end) for one in deltas for end in (one.low, one.high) if end is not None]
    return max([0.05, *ends])


def draw_interval(delta: Delta, span: float, margin: float) -> str:
    """The difference as a dot on its interval, over the band that is not material."""
    if delta.difference is None or delta.low is None or delta.high is None:
        return '<span class="st-interval"></span>'

    def place(value: float) -> float:
        return round(WIDTH / 2 + value / span * (WIDTH / 2 - 5), 1)

    mid = HEIGHT / 2
    left, right = place(-margin), place(margin)
    return (
        f'<svg class="st-interval {delta.verdict.split()[0]}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'aria-hidden="true">'
        f'<rect class="band" x="{left}" width="{max(1.0, right - left):.1f}" height="{HEIGHT}"/>'
        f'<line class="zero" x1="{WIDTH / 2}" x2="{WIDTH / 2}" y1="0" y2="{HEIGHT}"/>'
        f'<line class="arm" x1="{place(delta.low)}" x2="{place(delta.high)}" '
        f'y1="{mid}" y2="{mid}"/>'
        f'<circle class="dot" cx="{place(delta.difference)}" cy="{mid}" r="3.5"/></svg>'
    )


def tell_delta(delta: Delta) -> str:
    """Every number of a delta, each with its interval or its count."""
    rows = [*_tell_accuracy(delta), *_tell_likelihood(delta), *_tell_manner(delta)]
    rows += _tell_reach(delta)
    items = "".join(f"<div><dt>{escape(dt)}</dt><dd>{escape(dd)}</dd></div>" for dt, dd in rows)
    return f'<dl class="st-numbers">{items}</dl>'


def _tell_accuracy(delta: Delta) -> list[tuple[str, str]]:
    if delta.difference is None or delta.b is None or delta.c is None:
        return [("Texts", f"{delta.n:,}")]
    rows = [
        ("Cases", f"{delta.n:,}"),
        ("Base right", _percent(delta.base_accuracy, delta.base_low, delta.base_high)),
        ("Tuned right", _percent(delta.accuracy, delta.accuracy_low, delta.accuracy_high)),
        ("Right before, wrong now", f"{delta.b} ({share(delta.b, delta.n)})"),
        ("Wrong before, right now", f"{delta.c} ({share(delta.c, delta.n)})"),
        ("p, Holm-adjusted", chance(delta.p_holm)),
    ]
    if delta.chance:
        rows.append(("Right by guessing", f"{100 * delta.chance:.0f} %"))
    if delta.fg is not None:
        rows.append(("Share of the skill lost", _percent(delta.fg, delta.fg_low, delta.fg_high)))
    return rows


def _tell_likelihood(delta: Delta) -> list[tuple[str, str]]:
    rows = [("−log p of the right answer, nats per token",
             f"{nats(delta)}, {_LIKELY[delta.nll_verdict]}")]  # fmt: skip
    if delta.kl is not None:
        spread = interval(delta.kl_low, delta.kl_high, digits=3)
        rows.append(
            ("KL from the base, nats per token", f"{number(delta.kl, digits=3)} ({spread})")
        )
    if delta.bits_base is not None and delta.bits_tuned is not None:
        change = f"change {interval(delta.bits_low, delta.bits_high, digits=3)}"
        told = f"{delta.bits_base:.3f} → {delta.bits_tuned:.3f} ({change})"
        rows.append(("Bits per byte, base → tuned", told))
    return rows


_LIKELY = {
    "better": "more likely now",
    "worse": "less likely now",
    "no material change": "no material change",
    "inconclusive": "inconclusive",
}


def _tell_manner(delta: Delta) -> list[tuple[str, str]]:
    """How answers end and how long they are: a change of manner that no accuracy shows."""
    rows = []
    for title, before, after, low, high in (
        ("Ended by itself, base → tuned", delta.stop_base, delta.stop_tuned,
         delta.stop_low, delta.stop_high),
        ("Empty or looping, base → tuned", delta.broken_base, delta.broken_tuned,
         delta.broken_low, delta.broken_high),
    ):  # fmt: skip
        if before is not None and after is not None:
            bounds = [None if end is None else 100 * end for end in (low, high)]
            change = f"change {interval(*bounds, digits=0)} points"
            rows.append((title, f"{before:.0%} → {after:.0%} ({change})"))
    if delta.length_ratio is not None:
        ends = interval(delta.length_low, delta.length_high, digits=2)
        rows.append(("Length of answers against the base", f"×{delta.length_ratio:.2f} ({ends})"))
    return rows


def _tell_reach(delta: Delta) -> list[tuple[str, str]]:
    """What this many cases could show at all."""
    rows = []
    if delta.shown_drop is not None:
        rows.append(("Smallest drop it could show", f"{100 * delta.shown_drop:.1f} points"))
    if delta.shown_shift is not None:
        shift = f"{delta.shown_shift:.3f} nats per token"
        rows.append(("Smallest loss of likelihood it could show", shift))
    if delta.verdict == "inconclusive":
        rows.append(("A verdict would take", more_cases(delta)))
    return rows


def _percent(value: float | None, low: float | None, high: float | None) -> str:
    if value is None or low is None or high is None:
        return "–"
    return f"{100 * value:.0f} % ({100 * low:.0f} … {100 * high:.0f})"
