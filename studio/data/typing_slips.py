"""Noise in what people type: slips of the finger, of the shift key and of the space bar.

The words of the answer, and whatever holds a digit, stay as they are: an answer that was right
for the text is right for the noisy one as well.
"""

import re
from collections.abc import Callable, Collection
from random import Random
from types import MappingProxyType
from typing import Literal

Noise = Literal["typos", "case", "spacing"]
SHARE = 0.1
"""Share of the words that get a slip of the finger; one at least."""
LEAST_LETTERS = 4  # shorter words become other words too easily
ROWS_OF_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")

_WORD = re.compile(r"\w+")
_LETTERS = re.compile(r"[^\W\d_]+")


def slip(
    text: str, kind: Noise, random: Random, *, share: float = SHARE, kept: Collection[str] = ()
) -> str:
    """The text with noise of that kind (see `KINDS`); itself where it has no room for any.

    `kept` are words that stay as they are, in any case.
    """
    fixed = {word.casefold() for word in kept}

    def free(word: str) -> bool:
        return bool(_LETTERS.fullmatch(word)) and word.casefold() not in fixed

    return KINDS[kind](text, random, share, free)


Free = Callable[[str], bool]


def _typos(text: str, random: Random, share: float, free: Free) -> str:
    """Some words with one wrong letter: left out, doubled, swapped, or the key beside it."""
    places = [
        match.span()
        for match in _WORD.finditer(text)
        if len(match[0]) >= LEAST_LETTERS and free(match[0])
    ]
    if not places:
        return text
    count = min(len(places), max(1, round(share * len(_WORD.findall(text)))))
    for begin, end in sorted(random.sample(places, count), reverse=True):
        text = text[:begin] + _mistype(text[begin:end], random) + text[end:]
    return text


def _mistype(word: str, random: Random) -> str:
    # The first letter stays: people notice a slip there, and so seldom send one.
    at = random.randrange(1, len(word))
    swapped = word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :] if at > 1 else word
    ways = [word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:]]
    ways += [swapped] if swapped != word else []
    ways += [word[:at] + key + word[at + 1 :] for key in _beside(word[at])]
    return random.choice(ways)


def _beside(letter: str) -> list[str]:
    """Keys next to a letter on the keyboard; none for letters that are not on it."""
    for row in ROWS_OF_KEYS:
        at = row.find(letter.lower())
        if at >= 0:
            return [*row[max(0, at - 1) : at], *row[at + 1 : at + 2]]
    return []


def _case(text: str, random: Random, share: float, free: Free) -> str:
    """All small, all capitals, or no capital at the beginning."""
    whole = [str.lower, str.upper]
    ways = [_each_word(text, change, free) for change in whole]
    first = _WORD.search(text)
    if first and free(first[0]):
        ways.append(text[: first.start()] + first[0].lower() + text[first.end() :])
    different = [way for way in ways if way != text]
    return random.choice(different) if different else text


def _each_word(text: str, change: Callable[[str], str], free: Free) -> str:
    return _WORD.sub(lambda match: change(match[0]) if free(match[0]) else match[0], text)


def _spacing(text: str, random: Random, share: float, free: Free) -> str:
    """A doubled or missing blank, or no full stop at the end."""
    ways = []
    # A blank is lost after punctuation only: between words two of them would become one.
    gaps = [match.start() for match in re.finditer(r"(?<=\S) (?=\S)", text)]
    if gaps:
        at = random.choice(gaps)
        ways.append(text[:at] + " " + text[at:])
    tight = [at for at in gaps if text[at - 1] in ",;:.!?"]
    if tight:
        at = random.choice(tight)
        ways.append(text[:at] + text[at + 1 :])
    if re.search(r"\w[.!?]$", text):
        ways.append(text[:-1])
    return random.choice(ways) if ways else text


KINDS: MappingProxyType[Noise, Callable[[str, Random, float, Free], str]] = MappingProxyType(
    {"typos": _typos, "case": _case, "spacing": _spacing}
)
"""The kinds of noise by name."""
