"""What can be done about a finding with one click: new rows, the old ones untouched.

fixed = fix("personal data", rows, numbers)

`numbers` are the rows concerned, from 1, as a finding has them before it is put on a card.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from studio.data.checks import CONTROL_TOKEN
from studio.data.odd_text import clean
from studio.data.personal import mask
from studio.data.readers import Row
from studio.errors import DatasetError


@dataclass(frozen=True)
class Fixed:
    """Rows after a fix, and what it did."""

    rows: list[Row]
    dropped: tuple[int, ...] = ()
    """Numbers of rows that were left out."""
    changed: tuple[int, ...] = ()
    """Numbers of rows whose text was changed."""

    @property
    def told(self) -> str:
        """What was done, in a line."""
        return f"{len(self.dropped):,} rows left out, {len(self.changed):,} changed"


def fix(kind: str, rows: Sequence[Row], numbers: Collection[int]) -> Fixed:
    """Mend the rows of that finding; DatasetError if it cannot be mended by itself."""
    if kind in DROPPED:
        kept = [row for number, row in enumerate(rows, start=1) if number not in numbers]
        return Fixed(kept, dropped=tuple(sorted(numbers)))
    if kind not in REWRITTEN:
        raise DatasetError(f"'{kind}' cannot be mended by itself; look at the rows it names.")
    mended = [
        rewritten(kind, row) if number in numbers else row
        for number, row in enumerate(rows, start=1)
    ]
    changed = (n for n, (old, new) in enumerate(zip(rows, mended, strict=True), 1) if old != new)
    return Fixed(mended, changed=tuple(changed))


def rewritten(kind: str, row: Row) -> Row:
    """The row with every text in it mended, also those inside lists."""
    return {name: _value(value, REWRITTEN[kind]) for name, value in row.items()}


def label(kind: str) -> str:
    """What the fix does, as a button says it; empty if there is none."""
    return "Exclude these rows" if kind in DROPPED else LABELS.get(kind, "")


def _value(value: JsonValue, rewrite: Callable[[str], str]) -> JsonValue:
    if isinstance(value, str):
        return rewrite(value)
    if isinstance(value, list):
        return [_value(one, rewrite) for one in value]
    if isinstance(value, dict):
        return {name: _value(one, rewrite) for name, one in value.items()}
    return value


DROPPED = frozenset(
    {
        "empty", "conflicts", "duplicates", "near duplicates", "answer not a choice",
        "held-out overlap", "probe overlap", "very short answers", "language mix", "over-long",
        "nothing learned",
    }
)  # fmt: skip
"""Findings whose rows are left out."""
REWRITTEN: dict[str, Callable[[str], str]] = {
    "control tokens": lambda text: CONTROL_TOKEN.sub("", text),
    "personal data": mask,
    "odd characters": clean,
}
"""Findings whose texts are rewritten, and how."""
LABELS = {
    "control tokens": "Remove the marks",
    "personal data": "Mask it",
    "odd characters": "Clean the text",
}
"""What their fixes do, as a button says it."""
KINDS = tuple(sorted(DROPPED | REWRITTEN.keys()))
"""Every finding that can be mended by itself."""
