"""How long a dataset's examples are in a base's tokens, found out without loading the base."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from studio.data.dataset import Dataset
from studio.data.example import Example
from studio.data.form_files import open_form
from studio.data.preferences import Pair
from studio.errors import ModelError
from studio.models.catalogue import locate

SAMPLE = 256  # examples counted, drawn by a hash
CHARACTERS = 4  # to a token, where there is no tokenizer to ask
MARKS = 6  # tokens around a message, likewise


class Lengths(NamedTuple):
    """Tokens of the examples to learn from, as far as a sample shows them."""

    examples: int
    mean: float
    longest: int
    answers: float
    """Tokens that are learned, on average."""
    counted: bool
    """Whether the base's own tokenizer counted; otherwise it is a guess from the characters."""


def measure_lengths(dataset: Dataset, base: str) -> Lengths:
    """The lengths of a dataset's examples for the base that a recipe names."""
    try:
        folder = locate(base, download=False)
    except ModelError:  # not on this machine yet
        folder = None
    return _measured(dataset.folder, dataset.card.train_sha256, dataset, folder)


@lru_cache(maxsize=32)
def _measured(_: Path, __: str, dataset: Dataset, folder: Path | None) -> Lengths:
    examples = dataset.train()
    drawn = sorted(examples, key=lambda one: hashlib.sha256(one.id.encode()).digest())[:SAMPLE]
    found = _count(drawn, folder) if folder else None
    counted = found is not None
    pairs = found if found is not None else [_guess(one) for one in drawn]
    wholes = [whole for whole, _ in pairs]
    answers = sum(answer for _, answer in pairs) / len(pairs)
    return Lengths(len(examples), sum(wholes) / len(pairs), max(wholes), answers, counted)


def measure_pairs(pairs: Sequence[Pair], base: str) -> Lengths:
    """The lengths of pairs to learn from; a pair's is that of both its answers with the question.

    `longest` is of one answer: the two are read as rows of their own.
    """
    examples = [
        Example(id=str(place), row=1, phrasing=1, messages=one.prompt, completion=said.content)
        for place, one in enumerate(pairs)
        for (said,) in (one.chosen, one.rejected)
    ]
    try:
        found = _count(examples, locate(base, download=False))
    except ModelError:  # not on this machine yet
        found = None
    sizes = found if found is not None else [_guess(one) for one in examples]
    whole, learned = (sum(column) / len(pairs) for column in zip(*sizes, strict=True))
    longest = max(length for length, _ in sizes)
    return Lengths(len(pairs), whole, longest, learned, found is not None)


def _count(examples: Sequence[Example], folder: Path) -> list[tuple[int, int]] | None:
    """Tokens of each example and of its answer; None if the base's form cannot be read."""
    try:
        learned = open_form(folder).learn(examples)
    except ModelError:
        return None
    return [(len(one.ids), one.learned) for one in learned]


def _guess(example: Example) -> tuple[int, int]:
    answer = len(example.completion) // CHARACTERS + MARKS
    asked = sum(len(turn.content) // CHARACTERS + MARKS for turn in example.messages)
    return asked + answer, answer
