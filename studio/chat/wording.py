"""Two texts word by word: which words both have, which only one of them has."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

# Chinese and Japanese put no spaces between words, so there a sign counts as a word.
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+|[^\w\s]|_", re.UNICODE
)
_LONGEST = 2_000
"""Words that are compared; what comes after them counts as different, unless all is the same."""


class Piece(NamedTuple):
    """A stretch of one or both texts."""

    kind: Literal["both", "first", "second"]
    """Who has it."""
    text: str


def shorten(text: str, limit: int) -> str:
    """The text on one line, with at most so many letters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def words(text: str) -> list[str]:
    """The words and signs of a text, without the space between them."""
    return _WORD.findall(text)


def share_differing(first: str, second: str) -> float:
    """Which share of both texts' words is not in their longest matching blocks, 0 to 1.

    1 − 2M/T: M words match in order, T is the number of words in both; case and signs count.
    """
    one, two = words(first), words(second)
    total = len(one) + len(two)
    if not total:
        return 0.0
    matching = sum(size for _, _, size in _blocks(one, two))
    return 1 - 2 * matching / total


def compare(first: str, second: str) -> list[Piece]:
    """Both texts as one: what they share, what only the first has, what only the second has.

    The pieces of `both` and `second` give the second text back, those of `both` and `first` the
    words of the first one.
    """
    spans = [[match.span() for match in _WORD.finditer(text)] for text in (first, second)]
    found: list[Piece] = []
    at = [0, 0]  # how far each text is told
    for one, two, size in _blocks(words(first), words(second)):
        until = [
            spans[side][place][0] if place < len(spans[side]) else len(text)
            for side, (place, text) in enumerate(((one, first), (two, second)))
        ]
        found += _apart(first[at[0] : until[0]], second[at[1] : until[1]])
        if size:
            ends = [spans[0][one + size - 1][1], spans[1][two + size - 1][1]]
            found.append(Piece("both", second[until[1] : ends[1]]))
            at = ends
    return found


def _apart(first: str, second: str) -> Iterator[Piece]:
    """What stands between two shared stretches; mere space is the second's and no difference."""
    if first.strip():
        yield Piece("first", first)
    if second:
        yield Piece("second" if second.strip() else "both", second)


def _blocks(one: list[str], two: list[str]) -> list[tuple[int, int, int]]:
    """(place in one, place in two, length) of the matching stretches; the last has length 0."""
    if one and one == two:
        return [(0, 0, len(one)), (len(one), len(two), 0)]
    matcher = SequenceMatcher(None, one[:_LONGEST], two[:_LONGEST], autojunk=False)
    blocks = [tuple(block) for block in matcher.get_matching_blocks()][:-1]
    return [*blocks, (len(one), len(two), 0)]  # type: ignore[list-item]
