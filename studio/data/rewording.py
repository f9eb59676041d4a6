"""The same said otherwise, by patterns of sentences such as "Can you {x}? => Could you {x}?".

A pattern with gaps must fit a whole sentence; one without stands for words anywhere in it.
People may write their own, a line each.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

from studio.errors import TemplateError

ARROW = "=>"
ENGLISH = """\
Can you {x}? => Could you please {x}?
Could you {x}? => Can you {x}?
Please {x}. => Could you {x}?
Please {x}. => I would like you to {x}.
I want to {x}. => I would like to {x}.
I would like to {x}. => I want to {x}.
I need to {x}. => I have to {x}.
I have to {x}. => I need to {x}.
How do I {x}? => How can I {x}?
How do I {x}? => Tell me how to {x}.
How can I {x}? => What do I have to do to {x}?
How many {x} are there? => Tell me how many {x} there are.
What is {x}? => Tell me what {x} is.
What are {x}? => Tell me what {x} are.
Where is {x}? => Can you tell me where {x} is?
When is {x}? => Do you know when {x} is?
Who is {x}? => Tell me who {x} is.
Tell me {x}. => I would like to know {x}.
Do you know {x}? => Can you tell me {x}?
I would recommend {x}. => I can recommend {x}.
I would not recommend {x}. => I cannot recommend {x}.
do not => don't
does not => doesn't
did not => didn't
is not => isn't
was not => wasn't
cannot => can't
I am => I'm
it is => it's
don't => do not
doesn't => does not
didn't => did not
isn't => is not
wasn't => was not
can't => cannot
I'm => I am
it's => it is
"""
"""Patterns that keep the meaning of an English sentence."""
LINES = 500
GAPS = 3
LONGEST_SENTENCE = 500  # characters; trying several gaps takes time with the square of it

_GAP = re.compile(r"\{(\w+)\}")
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
_END = ".!?"


@dataclass(frozen=True)
class Pattern:
    """One way to say the same otherwise."""

    left: str
    """How the sentence is, with gaps such as {x}."""
    right: str
    """How it becomes."""

    def __str__(self) -> str:
        return f"{self.left} {ARROW} {self.right}"

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        if not self.gaps:
            return re.compile(rf"(?<!\w){re.escape(self.left)}(?!\w)", re.IGNORECASE)
        parts = _GAP.split(self.left.rstrip(_END))
        pieces = [
            rf"(?P<{part}>.+?)" if at % 2 else re.escape(part) for at, part in enumerate(parts)
        ]
        # What ends a sentence may be missing: that is how many people type.
        return re.compile("".join(pieces) + rf"(?P<end_>{self._ends})", re.IGNORECASE)

    @property
    def _ends(self) -> str:
        end = self.left[len(self.left.rstrip(_END)) :]
        return rf"{re.escape(end)}|" if end == "?" else r"[.!]|"

    @cached_property
    def needle(self) -> str:
        """The longest words beside the gaps, in small letters: a text without them cannot fit."""
        return max(_GAP.sub("\0", self.left.rstrip(_END)).lower().split("\0"), key=len)

    @property
    def gaps(self) -> list[str]:
        """Names of the gaps."""
        return _GAP.findall(self.left)

    def apply(self, text: str, kept: Collection[str] = ()) -> str | None:
        """The text said otherwise; None if it does not fit, or would lose a word of `kept`."""
        said = self._in_sentence(text) if self.gaps else self._anywhere(text)
        if said is None or said == text or _loses(text, said, kept):
            return None
        return said

    def _anywhere(self, text: str) -> str | None:
        found = self._regex.search(text)
        if found is None:
            return None
        right = _as_begun(self.right, found[0])
        return text[: found.start()] + right + text[found.end() :]

    def _in_sentence(self, text: str) -> str | None:
        for sentence in _SENTENCE.finditer(text):
            begin = sentence.start() + len(sentence[0]) - len(sentence[0].lstrip())
            words = text[begin : sentence.end()].rstrip()
            if len(words) > LONGEST_SENTENCE:
                continue
            if found := self._regex.fullmatch(words):
                return text[:begin] + self._fill(words, found) + text[begin + len(words) :]
        return None

    def _fill(self, words: str, found: re.Match[str]) -> str:
        filled = _GAP.sub(lambda gap: _inner(found[gap[1]], words), self.right)
        if not found["end_"]:
            filled = filled.rstrip(_END)
        return _as_begun(filled, words)


def read_patterns(text: str) -> list[Pattern]:
    """Patterns, one per line; TemplateError names the line that is none."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        left, arrow, right = (part.strip() for part in line.partition(ARROW))
        pattern = Pattern(left, right)
        gaps = pattern.gaps
        same = set(_GAP.findall(right)) == set(gaps) and len(set(gaps)) == len(gaps) <= GAPS
        if not (arrow and left and right and same and _GAP.sub("", left).strip(_END + " ")):
            raise TemplateError(
                f"Pattern in line {number}, '{line.strip()[:80]}', is not of the form "
                f"'Can you {{x}}? => Could you {{x}}?' with words beside at most {GAPS} gaps, and "
                "the same gaps on both sides."
            )
        found.append(pattern)
    if len(found) > LINES:
        raise TemplateError(f"There are more than {LINES} patterns; keep the best.")
    return found


def reword(
    text: str, patterns: Collection[Pattern], kept: Collection[str] = ()
) -> Iterator[tuple[Pattern, str]]:
    """Every pattern that fits the text, and what it makes of it; words of `kept` stay in it."""
    small = text.lower()
    for pattern in patterns:
        if pattern.needle in small and (said := pattern.apply(text, kept)) is not None:
            yield pattern, said


def _inner(value: str, words: str) -> str:
    """What stood in a gap, without the capital it had only as the sentence's first word."""
    first = value.split(" ", 1)[0]
    at_the_beginning = words.startswith(value)
    if at_the_beginning and first != "I" and first[1:] == first[1:].lower():
        return value[:1].lower() + value[1:]
    return value


def _as_begun(text: str, like: str) -> str:
    """The text with a capital or a small letter at its beginning, as the other has it."""
    if like[:1].isupper():
        return text[:1].upper() + text[1:]
    first = text.split(" ", 1)[0]
    return text if first in ("I", "I'm") else text[:1].lower() + text[1:]


def _loses(text: str, said: str, kept: Collection[str]) -> bool:
    before, after = set(re.findall(r"\w+", text)), set(re.findall(r"\w+", said))
    return any(word in before and word not in after for word in kept)
