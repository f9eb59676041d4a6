"""Which examples are longer than a base reads, counted with its own tokenizer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from studio.data.checks import Finding, found
from studio.data.example import Example
from studio.data.token_lengths import lengths

FRAME = 64
"""Tokens that a chat form may write around one message."""


class Reads(NamedTuple):
    """How much of an example is read in training."""

    folder: Path
    """The base's folder."""
    max_length: int
    """Tokens of prompt and answer together."""
    base: str = ""
    """What the base is called."""

    def __str__(self) -> str:
        return f"{self.base}, {self.max_length} tokens"

    def as_json(self) -> list[str | int]:
        """As plain values, for another process."""
        return [str(self.folder), self.max_length, self.base]

    @classmethod
    def from_json(cls, told: Sequence[Any] | None) -> Self | None:
        """What `as_json` gave; None of nothing."""
        return cls(Path(told[0]), *told[1:]) if told else None


def check_lengths(examples: Sequence[Example], reads: Reads) -> list[Finding]:
    """Examples of which something is cut off; ModelError if the base's chat form is unreadable.

    A token stands for one byte at least, so that only what has many bytes needs to be counted.
    """
    doubtful = [one for one in examples if _most(one) > reads.max_length]
    counted = lengths(doubtful, reads.folder)
    pairs = list(zip(doubtful, counted, strict=True))
    unlearned = [one.row for one, length in pairs if length.prompt >= reads.max_length]
    cut = {one.row for one, length in pairs if length.whole > reads.max_length} - set(unlearned)
    at_most = f"more than the {reads.max_length:,} tokens that are read"
    return [
        *found(
            "nothing learned",
            "error",
            unlearned,
            f"The prompt alone has {at_most}, so that nothing of the answer is learned; shorten "
            "it, or let more be read.",
        ),
        *found(
            "over-long",
            "warning",
            cut,
            f"Prompt and answer have {at_most}: the end of the answer is cut off; shorten them, "
            "or let more be read.",
        ),
    ]


def _most(example: Example) -> int:
    texts = [*(message.content for message in example.messages), example.completion]
    return sum(len(text.encode()) + FRAME for text in texts)
