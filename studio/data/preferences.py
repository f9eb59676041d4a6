"""Pairs of a chosen and a rejected answer, frozen as a file before anything is learned from them.

pairs/<draft>-<digest>.jsonl    one pair per line, as TRL's DPO trainer reads it
"""

import hashlib
import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from studio.data.draft import Draft
from studio.data.example import Message
from studio.errors import DatasetError, sentence

LEAST = 2
"""One to learn from, and one that is held out."""
NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


class Pair(BaseModel):
    """A conversation that ends with a question, the answer that was preferred, and the other."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: tuple[Message, ...] = Field(min_length=1)
    chosen: tuple[Message] = Field(min_length=1)
    rejected: tuple[Message] = Field(min_length=1)


def freeze(draft: Draft, folder: Path) -> str:
    """Keep the pairs of a draft as they are now; their name. DatasetError if there are too few."""
    if len(draft.pairs) < LEAST:
        raise DatasetError(
            f"Draft “{draft.card.title}” has {len(draft.pairs)} pairs of a chosen and a rejected "
            f"answer, and dpo needs {LEAST}; vote in chat, or choose another draft."
        )
    text = draft.preferences()
    name = f"{draft.name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    half_made = folder / f".{name}.part"
    half_made.write_text(text, encoding="utf-8")
    half_made.replace(folder / f"{name}.jsonl")
    return name


def is_frozen(name: str, folder: Path) -> bool:
    """Whether pairs were frozen under this name."""
    return bool(NAME.fullmatch(name)) and (folder / f"{name}.jsonl").exists()


def read_pairs(name: str, folder: Path) -> list[Pair]:
    """Frozen pairs; DatasetError if there are none of that name or a line is broken."""
    if not is_frozen(name, folder):
        raise DatasetError(f"There are no pairs called '{name}'; name a draft that holds some.")
    pairs = []
    # Not splitlines(): it also breaks at U+2028, which is an ordinary character inside JSON.
    lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(filter(None, lines), start=1):
        try:
            pairs.append(Pair.model_validate_json(line))
        except ValidationError as error:
            raise DatasetError(sentence(error, f"pair {number} of '{name}'")) from error
    return pairs


def split(pairs: list[Pair], share: float = 0.1) -> tuple[list[Pair], list[Pair]]:
    """Pairs to learn from, and at least one that is held out; the same ones every time."""
    ranked = sorted(pairs, key=lambda one: hashlib.sha256(one.model_dump_json().encode()).digest())
    count = max(1, round(share * len(pairs)))
    heldout = {id(one) for one in ranked[:count]}
    return [p for p in pairs if id(p) not in heldout], [p for p in pairs if id(p) in heldout]
