"""Numbers as the page writes them: a real minus sign, a plus for gains, intervals as a … b."""

from studio.measure.numerals import number, signed

__all__ = ["interval", "number", "share", "signed"]


def interval(low: float | None, high: float | None, *, digits: int = 1) -> str:
    """An interval, or that there were too few cases for one."""
    if low is None or high is None:
        return "too few cases for an interval"
    return f"{number(low, digits=digits)} … {number(high, digits=digits)}"


def share(part: int, whole: int) -> str:
    """A part of a whole in percent, with a digit where it is small: "14 %", "0.4 %"."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    return f"{percent:.0f} %" if percent >= 10 or part == 0 else f"{percent:.1f} %"
