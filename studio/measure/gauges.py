"""How answers changed in form: whether they end, how long they are, and whether they mean nothing.

These are gauges. They explain a loss and are never part of a verdict.
"""

from studio.measure.outcome import Outcome

_LONGEST_LOOP = 100  # characters that are said again and again
_TIMES = 4
_LONG_ENOUGH = 24  # characters; "10000" repeats a digit and is no loop


def is_broken(outcome: Outcome) -> bool:
    """Whether a written answer is empty, or was cut off while it repeated itself."""
    return not outcome.text.strip() or (not outcome.stopped and loops(outcome.text))


def loops(text: str) -> bool:
    """Whether a text ends by saying the same thing four times or more."""
    end = text.rstrip()[-_TIMES * _LONGEST_LOOP :]
    return any(
        _repeated(end, period) >= max(_TIMES * period, _LONG_ENOUGH)
        for period in range(1, len(end) // _TIMES + 1)
    )


def _repeated(text: str, period: int) -> int:
    """How many characters at the end repeat those `period` before them, first round included."""
    place = len(text) - 1
    while place >= period and text[place] == text[place - period]:
        place -= 1
    return len(text) - 1 - place + period


def count_bytes(text: str, pieces: tuple[str, ...]) -> int:
    """UTF-8 bytes of a text that its likelihood covers: all, or what the tokens' texts add up to.

    A long text is scored up to a number of tokens; `pieces` are the texts of those tokens.
    """
    covered = "".join(pieces).lstrip()
    whole = text.lstrip()
    return len((covered if covered and whole.startswith(covered) else text).encode())
