"""How many tokens examples have for a base, prompt and answer apart."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from studio.data.example import Example
from studio.data.form_files import open_form

SAMPLE = 500
"""Examples counted of a part; the others are taken to be like them."""
AT_ONCE = 1000


class Length(NamedTuple):
    """Tokens of one example, whole."""

    prompt: int
    """Only read."""
    answer: int
    """Learned, with what ends the answer."""

    @property
    def whole(self) -> int:
        """What `max_length` is compared with."""
        return self.prompt + self.answer


class Total(NamedTuple):
    """Tokens of many examples."""

    tokens: int
    learned: int
    counted: bool
    """Whether all were counted; otherwise SAMPLE of them, spread over all."""


def lengths(examples: Sequence[Example], folder: Path) -> list[Length]:
    """The tokens of every example, in order, by the chat form of a base's folder.

    ModelError if the base has no chat form that can be read.
    """
    form = open_form(folder)
    found = []
    for begin in range(0, len(examples), AT_ONCE):
        learned = form.learn(examples[begin : begin + AT_ONCE])
        found += [Length(one.prompt, one.learned) for one in learned]
    return found


def add_up(examples: Sequence[Example], folder: Path) -> Total:
    """The tokens of all, of a sample if they are many."""
    step = max(1, len(examples) // SAMPLE)
    drawn = examples[::step]
    found = lengths(drawn, folder)
    factor = len(examples) / len(drawn) if drawn else 0.0
    whole, learned = sum(one.whole for one in found), sum(one.answer for one in found)
    return Total(round(whole * factor), round(learned * factor), len(drawn) == len(examples))
