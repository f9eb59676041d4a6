"""What has been measured once is kept, one line per fact, and never measured again.

A fact is what one lane makes of one sequence of tokens: how likely it finds them, or what it
writes after them. Whether an answer is right is not kept; it is judged anew every time, so that
a better scorer needs no new forward pass.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studio.lines import append_lines, whole_lines

Fact = dict[str, Any]


def digest(*parts: Any) -> str:
    """32 hex digits that stand for all parts, which JSON can write."""
    content = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def adapter_digest(adapter: Path) -> str:
    """Stands for an adapter's weights and for the configuration that scales them."""
    content = hashlib.sha256()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        with (adapter / name).open("rb") as file:
            content.update(hashlib.file_digest(file, "sha256").digest())
    return content.hexdigest()


class OutcomeCache:
    """The facts about one lane, in `<folder>/<lane key>.jsonl`, by the digest of what was asked.

    Lines are only ever appended, each batch in one write. A line that a dying worker
    tore, or that another program wrote, is passed over; two workers may append to one file.
    """

    def __init__(self, folder: Path, lane_key: str) -> None:
        self.path = folder / f"{lane_key}.jsonl"
        self._facts = _read(self.path)

    def __len__(self) -> int:
        return len(self._facts)

    def __contains__(self, key: str) -> bool:
        return key in self._facts

    def get(self, key: str) -> Fact | None:
        """The fact of that digest, if it is known."""
        return self._facts.get(key)

    def put(self, facts: Mapping[str, Fact]) -> None:
        """Keep facts by their digests; they are on the disk when this returns."""
        fresh = {key: fact for key, fact in facts.items() if self._facts.get(key) != fact}
        if not fresh:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = (json.dumps({"key": key, **fact}) for key, fact in fresh.items())
        append_lines(self.path, lines)
        self._facts |= fresh


def _read(path: Path) -> dict[str, Fact]:
    facts: dict[str, Fact] = {}
    for line in whole_lines(path):
        try:
            fact = json.loads(line)
            facts[fact.pop("key")] = fact
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return facts
