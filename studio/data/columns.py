"""What the columns of a file most likely are, told by their names and by what stands in them."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from studio.data.readers import Row
from studio.data.turns import is_turns

SAMPLE = 200
WIDE = 4000  # rows in which a label of many comes again
LABEL_CHARACTERS = 60

KINDS: dict[str, tuple[str, ...]] = {
    "messages": ("messages", "conversations", "conversation", "dialog", "dialogue", "turns"),
    "instruction": ("instruction", "instructions"),
    "input": ("input", "inputs", "source"),
    "prompt": ("prompt", "user", "request"),
    "completion": ("completion", "response", "output", "outputs", "target", "targets", "chosen"),
    "question": ("question", "query", "problem"),
    "answer": ("answer", "answers", "solution", "reply"),
    "context": ("context", "passage", "background"),
    "system": ("system", "system_prompt", "system_message"),
    "text": (
        "text", "sentence", "review", "utterance", "content", "document", "article", "body",
        "message", "comment", "tweet", "headline", "abstract",
    ),
    "label": ("label", "labels", "category", "class", "intent", "topic", "sentiment", "tag"),
    "summary": ("summary", "highlights"),
}  # fmt: skip
"""What a column is, and what files call it; the first name is what it is called here."""
NEAR: dict[str, tuple[str, ...]] = {
    "text": ("context",),
    "context": ("text",),
    "prompt": ("instruction", "question", "input"),
    "question": ("prompt", "instruction"),
    "answer": ("completion",),
    "completion": ("answer",),
    "label": ("answer", "completion"),
    "summary": ("completion", "answer"),
}
"""What a column may be called as well, where nothing has the name itself."""
SIDES = ("split", "part", "subset", "fold")
ANSWERS = ("completion", "answer", "label", "summary")
ASKS = ("prompt", "instruction", "question", "text", "input", "context")


@dataclass(frozen=True)
class Columns:
    """The columns of a sample of rows."""

    names: tuple[str, ...]
    sample: tuple[Row, ...]
    wide: tuple[Row, ...]
    """More of them, for what only shows in many."""

    @classmethod
    def of(cls, rows: Sequence[Row], taken: Collection[str] = ()) -> "Columns":
        """Look at rows from all over the file, leaving aside columns whose meaning is known."""
        sample, wide = (tuple(rows[:: max(1, len(rows) // size)][:size]) for size in (SAMPLE, WIDE))
        names = dict.fromkeys(name for row in sample for name in row if name not in taken)
        return cls(tuple(names), sample, wide)

    def called(self, kind: str) -> str | None:
        """The column whose name says that it is of this kind."""
        plain = {_plain(name): name for name in self.names}
        return next((plain[name] for name in KINDS[kind] if name in plain), None)

    def like(self, name: str) -> list[str]:
        """The columns that may be what a template calls so, the likeliest first."""
        kind = next((kind for kind, names in KINDS.items() if _plain(name) in names), None)
        kinds = (kind, *NEAR.get(kind, ())) if kind else ()
        return [found for one in kinds if (found := self.called(one))]

    def turns(self) -> str | None:
        """The column that holds conversations, turn by turn."""
        found = [name for name in self.names if self._all(name, is_turns)]
        named = self.called("messages")
        return named if named in found else next(iter(found), None)

    def texts(self) -> list[str]:
        """Columns that hold text, the longest texts first."""
        found = [name for name in self.names if self._all(name, lambda one: isinstance(one, str))]
        return sorted(found, key=self._length, reverse=True)

    def label(self) -> str | None:
        """A column of short values that come again and again, the fewest different ones first."""
        found = []
        for name in self.names:
            if _plain(name) in SIDES:
                continue
            if not all(_may_be_label(row.get(name)) for row in self.sample):
                continue
            values = [row.get(name) for row in self.wide]
            if all(map(_may_be_label, values)):
                different = len(set(map(str, values)))
                if 1 < different <= len(values) // 2:
                    found.append((different, name))
        return min(found)[1] if found else None

    def side(self, train: Collection[str], heldout: Collection[str]) -> str | None:
        """The only column that says of every row which of these two sides it is on."""
        found = []
        for name in self.names:
            values = {str(row.get(name)) for row in self.wide}
            if _plain(name) in SIDES and values <= {*train, *heldout}:
                found += [name] if values & {*train} and values & {*heldout} else []
        return found[0] if len(found) == 1 else None

    def _length(self, name: str) -> float:
        return sum(len(str(row.get(name) or "")) for row in self.sample) / len(self.sample)

    def _all(self, name: str, test: Any) -> bool:
        values = [row.get(name) for row in self.sample if row.get(name) not in (None, "")]
        fitting = sum(1 for value in values if test(value))
        # One broken record in fifty must not hide what the others are; it is refused later.
        return bool(values) and fitting >= 0.9 * len(values)


def _may_be_label(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return False
    return len(str(value)) <= LABEL_CHARACTERS


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")
