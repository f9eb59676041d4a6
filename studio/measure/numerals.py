"""How numbers of a report are written: a real minus sign, points, nats, and never a bare value."""

from math import ceil, floor, log10

from studio.measure.delta import Delta

NONE = "–"


def number(value: float, digits: int = 1) -> str:
    """A number with a real minus sign, and none where it rounds to nothing."""
    text = f"{abs(value):.{digits}f}"
    return f"−{text}" if value < 0 and text.strip("0.") else text


def signed(value: float, digits: int = 1) -> str:
    """A difference with its sign; a plus too, but none where it rounds to nothing."""
    text = number(value, digits)
    return f"+{text}" if value > 0 and text.strip("0.") else text


def counted(amount: int, one: str, many: str = "") -> str:
    """So many of something: "1 pair", "2 pairs", or with `many` "0 cases to keep"."""
    return f"{amount} {one if amount == 1 else many or one + 's'}"


def share(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """A share as percent, with its interval where there is one."""
    if value is None:
        return NONE
    text = f"{100 * value:.0f}"
    return text if low is None or high is None else f"{text} ({100 * low:.0f} … {100 * high:.0f})"


def points(delta: Delta) -> str:
    """The difference of accuracy in points with its interval.

    Tenths of a point are left out where the interval spans many points.
    """
    if delta.difference is None or delta.low is None or delta.high is None:
        return NONE
    digits = 1 if delta.high - delta.low < 0.05 else 0
    low, high = (number(100 * value, digits) for value in (delta.low, delta.high))
    return f"{signed(100 * delta.difference, digits)} ({low} … {high})"


def nats(delta: Delta) -> str:
    """The change of −log p of the right answer in nats per token with its interval."""
    text = signed(delta.nll_difference, 3)
    if delta.nll_low is None or delta.nll_high is None:
        return f"{text} (too few cases for an interval)"
    return f"{text} ({number(delta.nll_low, 3)} … {number(delta.nll_high, 3)})"


def chance(p: float | None) -> str:
    """A p-value."""
    if p is None:
        return NONE
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def more_cases(delta: Delta) -> str:
    """How many more cases would settle an inconclusive delta, rounded up to two digits."""
    if delta.more_cases is None:
        return "more than 10,000 cases would be needed"
    step: int = 10 ** max(0, floor(log10(delta.more_cases)) - 1)
    return f"about {ceil(delta.more_cases / step) * step:,} more cases would tell"
