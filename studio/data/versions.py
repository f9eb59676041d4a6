"""Versions of a dataset: those of the same name, and what is different between two."""

import difflib
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from studio.data.card import Inputs
from studio.data.dataset import Dataset
from studio.data.example import Example

UNSEEN = "unseen"
"""Held-out rows asked once more; they stand for themselves and are moved nowhere."""

Key = Callable[[Example], Hashable]


@dataclass(frozen=True)
class Change:
    """An example of one version and the one that stands for it in the other."""

    before: Example
    after: Example
    moved: str = ""
    """From which side to which, such as "train to heldout"; empty if it stayed."""


@dataclass(frozen=True)
class Difference:
    """What became of one version in another."""

    same: int
    """Examples that are equal and on the same side."""
    added: tuple[Example, ...]
    removed: tuple[Example, ...]
    changed: tuple[Change, ...]
    """Examples of the same row, or of the same question, with another text or side."""
    template: str
    """The template's lines that differ, as `diff -u` shows them; empty if none do."""
    options: tuple[tuple[str, str, str], ...]
    """How they were made, where that differs: option, before, after."""


def versions(datasets: Sequence[Dataset], name: str) -> list[Dataset]:
    """The datasets of that name, the first made first."""
    named = [one for one in datasets if one.card.name.casefold() == name.casefold()]
    return sorted(named, key=lambda one: (one.card.created, one.id))


def compare(before: Dataset, after: Dataset) -> Difference:
    """What is different in `after`; DatasetError if one of the two cannot be read."""
    left, right = _sided(before), _sided(after)
    same = left.keys() & right.keys()
    old = [(one, side) for key, (one, side) in left.items() if key not in same]
    new = [(one, side) for key, (one, side) in right.items() if key not in same]
    changed: list[Change] = []
    for key in (_content, _row, _question, _origin, _same_row, _same_origin):
        old, new, found = _pair(old, new, key)
        changed += found
    return Difference(
        same=len(same),
        added=tuple(one for one, _ in new),
        removed=tuple(one for one, _ in old),
        changed=tuple(changed),
        template=_lines(before, after),
        options=_options(before, after),
    )


Sided = list[tuple[Example, str]]


def _sided(dataset: Dataset) -> dict[Hashable, tuple[Example, str]]:
    """Every example by what it says and its side; how often it is said makes it another."""
    counted: dict[Hashable, int] = defaultdict(int)
    found: dict[Hashable, tuple[Example, str]] = {}
    for side in ("train", "heldout", UNSEEN):
        for one in getattr(dataset, side)():
            key = (_content(one), side)
            counted[key] += 1
            found[(key, counted[key])] = (one, side)
    return found


def _pair(old: Sided, new: Sided, key: Key) -> tuple[Sided, Sided, list[Change]]:
    """Put together what has the same key; what is left of both, and the pairs."""
    waiting: dict[Hashable, Sided] = defaultdict(list)
    for one, side in old:
        if key(one):
            waiting[(key(one), side == UNSEEN)].append((one, side))
    changes, left = [], []
    for one, side in new:
        partners = waiting.get((key(one), side == UNSEEN))
        if not partners:
            left.append((one, side))
            continue
        partner, its_side = partners.pop(0)
        moved = f"{its_side} to {side}" if its_side != side else ""
        changes.append(Change(partner, one, moved))
    paired = {id(change.before) for change in changes}
    return [pair for pair in old if id(pair[0]) not in paired], left, changes


def _content(example: Example) -> Hashable:
    return (example.messages, example.completion, example.part)


def _row(example: Example) -> Hashable:
    """The content of its row, and the phrasing: the template says it in other words now."""
    return (example.id, example.part)


def _question(example: Example) -> Hashable:
    return (example.messages, example.part)


def _origin(example: Example) -> Hashable:
    return example.origin and (example.origin, example.phrasing, example.part)


def _same_row(example: Example) -> Hashable:
    """Its row, in whatever phrasing."""
    return (example.id.rpartition("-")[0], example.part)


def _same_origin(example: Example) -> Hashable:
    """Where its row came from, in whatever phrasing: another is drawn for a row that changed."""
    return example.origin and (example.origin, example.part)


def _lines(before: Dataset, after: Dataset) -> str:
    old, new = (
        (one.folder / "template.yaml").read_text(encoding="utf-8").splitlines()
        for one in (before, after)
    )
    return "\n".join(difflib.unified_diff(old, new, before.id, after.id, lineterm="", n=2))


def _options(before: Dataset, after: Dataset) -> tuple[tuple[str, str, str], ...]:
    told = [
        name
        for name in Inputs.model_fields
        if name not in ("name", "template", "parts", "owner") and not name.endswith("fingerprint")
    ]
    old, new = before.card.model_dump(), after.card.model_dump()
    rows = [(name.replace("_", " "), str(old[name]), str(new[name])) for name in told]
    rows.append(("mixture", _mixed(before), _mixed(after)))
    return tuple(row for row in rows if row[1] != row[2])


def _mixed(dataset: Dataset) -> str:
    parts = [f"{part.title} {part.share:.0%}" for part in dataset.card.mixture]
    return ", ".join(parts) or "the task alone"
