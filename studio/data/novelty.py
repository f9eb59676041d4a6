"""How new a text is beside others: ROUGE-L, the longest common subsequence of words (Lin 2004)."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import Indel

NEW = 0.7
"""ROUGE-L from which on a text counts as known, as in Self-Instruct (arXiv 2212.10560)."""
_WORD = re.compile(r"\w+")

Words = tuple[str, ...]


class Nearest(NamedTuple):
    """The text that another one is most like."""

    place: int
    """Its place, from 0."""
    score: float
    """ROUGE-L with it, 0 to 1."""


def split_words(text: str) -> Words:
    """The words of a text, without case and punctuation; its characters if it has none."""
    return tuple(_WORD.findall(text.casefold())) or tuple(text)


def rouge_l(one: Words, other: Words) -> float:
    """F1 of the longest common subsequence of words: 2·LCS / (m + n), 0 to 1."""
    # Indel similarity is defined as just that: only insertions and deletions turn one into another.
    return float(Indel.normalized_similarity(one, other))


class Known:
    """Texts that count as known, and whether another one is new beside them."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._known: list[Words] = [split_words(text) for text in texts]

    def __len__(self) -> int:
        return len(self._known)

    def add(self, text: str) -> None:
        """One more that counts as known."""
        self._known.append(split_words(text))

    def nearest(self, text: str, least: float = NEW) -> Nearest | None:
        """The known text it is most like, if their ROUGE-L is at least so much."""
        choices: Sequence[Words] = self._known
        found = process.extractOne(
            split_words(text), choices, scorer=Indel.normalized_similarity, score_cutoff=least,
            processor=None,
        )  # fmt: skip
        return None if found is None else Nearest(int(found[2]), float(found[1]))
