"""Odd characters and the language of texts."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

# Invisible ones and those that turn the direction of writing; joiners inside words are left alone.
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200b\u2060\ufeff"
    "\u202a-\u202e\u2066-\u2069\u00ad\ufffe\uffff]"
)
_REPLACED = "\ufffd"
# UTF-8 that was read as Windows-1252: an accented capital or sign where a letter was.
_GARBLED = re.compile("[\u00c2\u00c3][\u0080-\u00bf]|\u00e2\u20ac[\u0153\u2122\u009d\u0093\u0094]")
READ = 300  # letters of a text that tell its language
LANGUAGE_LETTERS = 40
CERTAIN = 10.0  # nats by which the likeliest language must lead the next
MIXED = 0.005


def oddities(text: str) -> set[str]:
    """What is odd about the characters of a text."""
    found = set()
    if _INVISIBLE.search(text):
        found.add("invisible or direction-turning characters")
    if text.isascii():
        return found
    if _REPLACED in text:
        found.add("characters lost in an earlier conversion (\ufffd)")
    if _GARBLED.search(text):
        found.add("letters garbled by a wrong encoding")
    if any(unicodedata.category(letter) == "Co" for letter in set(text) if letter > "\ud7ff"):
        found.add("private characters that no font shows")
    return found


def clean(text: str) -> str:
    """Without invisible characters, and with garbled letters as they were meant."""
    text = _INVISIBLE.sub("", text)
    return _GARBLED.sub(lambda match: _mend(match[0]), text)


def _mend(garbled: str) -> str:
    for encoding in ("cp1252", "latin-1"):
        try:
            return garbled.encode(encoding).decode()
        except UnicodeError:
            continue
    return garbled


def languages(texts: Sequence[str]) -> list[str]:
    """The language of every text as a short code; empty where the text is too short to tell."""
    import py3langid  # a quarter of a second, and only checks need it

    found = []
    for text in texts:
        if sum(map(str.isalpha, text[:READ])) < LANGUAGE_LETTERS:
            found.append("")
            continue
        (first, lead), (_, next_one) = py3langid.rank(text[:READ])[:2]
        found.append(str(first) if lead - next_one >= CERTAIN else "")
    return found


def strangers(texts: Sequence[str]) -> tuple[str, dict[int, str]]:
    """The language of most texts, and by place the texts in another one."""
    found = languages(texts)
    known = Counter(filter(None, found))
    if not known:
        return "", {}
    usual = known.most_common(1)[0][0]
    return usual, {place: one for place, one in enumerate(found) if one and one != usual}
