"""Which rows of a workbook are looked at, and in what order."""

from collections.abc import Callable, Sequence
from functools import partial
from threading import Lock
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from pydantic import JsonValue

from studio.data.readers import Row
from studio.data.workbook import Workbook
from studio.data.workbook_checks import Checked
from studio.data.workbook_deeds import Entry

ADDED = "added later"
STATES = {
    "kept": "all that are kept",
    "excluded": "excluded",
    "changed": "changed",
    "added": ADDED,
}
"""Filters that every workbook has, and how a person calls them."""
ORDERS = {
    "number": "as they came in",
    "findings": "most findings",
    "row": "length of the row",
    "prompt": "length of the prompt",
    "answer": "length of the answer",
    "origin": "where they came from",
}
"""Orders that every workbook has; besides, `finding:KIND` and `column:NAME`."""


class Wish(NamedTuple):
    """What a person wants to see."""

    search: str = ""
    """Words that must all stand in the row, its origin or its tags, whatever their case."""
    only: str = ""
    """A state, or `finding:KIND`, `tag:TAG`, `source:NAME`; empty for all rows."""
    order: str = "number"
    """One of ORDERS, `finding:KIND` (those it concerns first) or `column:NAME`."""
    down: bool = False
    """Whether the largest comes first."""


class _Seen:
    """What was worked out of a workbook: its texts in small letters, and the last order."""

    def __init__(self) -> None:
        self.turn = Lock()
        self.texts: list[tuple[Row, str]] = []
        self.key: Any = None
        self.checked: Checked | None = None
        self.numbers: list[int] = []


_SEEN: WeakKeyDictionary[Workbook, _Seen] = WeakKeyDictionary()


def arrange(book: Workbook, wish: Wish, checked: Checked | None = None) -> Sequence[int]:
    """Numbers of the entries a person wants to see, in order; not to be changed.

    Findings and lengths of prompts are known where the workbook was checked; rows that came later
    have none. Asked again for the same, as for the next page, it only looks up.
    """
    seen = _SEEN.setdefault(book, _Seen())
    with seen.turn:  # two windows may ask for other rows at the same moment
        key = (book.version, wish)
        if seen.key != key or seen.checked is not checked:
            entries = _chosen(book, wish, checked)
            entries = _searched(entries, book, seen, wish.search)
            seen.numbers = [entry.number for entry in _ordered(entries, wish, checked)]
            seen.key, seen.checked = key, checked
        return seen.numbers


def filters(book: Workbook, checked: Checked | None = None) -> list[tuple[str, str]]:
    """Every filter that fits some row, as (what people see, what it is)."""
    entries = book.entries()
    added = len(entries) - book.card.rows
    counts = {
        "kept": sum(not entry.excluded for entry in entries),
        "excluded": sum(entry.excluded for entry in entries),
        "changed": sum(entry.changed for entry in entries),
        "added": added,
    }
    listed = [(f"every row ({len(entries):,})", "")]
    listed += [(f"{STATES[one]} ({count:,})", one) for one, count in counts.items() if count]
    for finding in checked.findings if checked else ():
        if finding.rows:
            listed.append((f"{finding.kind} ({finding.count:,})", f"finding:{finding.kind}"))
    listed += [(f"tag: {tag}", f"tag:{tag}") for tag in book.tags()]
    sources = list(dict.fromkeys(source_of(entry.origin) for entry in entries))
    if 1 < len(sources) <= 40:
        listed += [(f"from {source}", f"source:{source}") for source in sources]
    return listed


def orders(book: Workbook, checked: Checked | None = None) -> list[tuple[str, str]]:
    """Every order there is, as (what people see, what it is)."""
    known = [(title, one) for one, title in ORDERS.items()
             if checked or one not in ("findings", "prompt", "answer")]  # fmt: skip
    kinds = [one.kind for one in checked.findings if one.rows] if checked else []
    known += [(f"check: {kind}", f"finding:{kind}") for kind in kinds]
    return known + [(f"column: {name}", f"column:{name}") for name in book.columns()]


def source_of(origin: str) -> str:
    """The file or other place an origin names, without the line."""
    return origin.rpartition(", ")[0] or origin


def _chosen(book: Workbook, wish: Wish, checked: Checked | None) -> list[Entry]:
    kind, colon, name = wish.only.partition(":")
    entries = book.entries()
    if colon and kind == "finding":
        concerned = set(checked.rows(name)) if checked else set()
        return [entry for entry in entries if entry.number in concerned]
    tests: dict[str, Callable[[Entry], bool]] = {
        "kept": lambda entry: not entry.excluded,
        "excluded": lambda entry: entry.excluded,
        "changed": lambda entry: entry.changed,
        "added": lambda entry: entry.number > book.card.rows,
        "tag": lambda entry: name in entry.tags,
        "source": lambda entry: source_of(entry.origin) == name,
    }
    return list(filter(tests[kind], entries)) if kind in tests else list(entries)


def _searched(entries: list[Entry], book: Workbook, seen: _Seen, search: str) -> list[Entry]:
    words = search.casefold().split()
    if not words:
        return entries
    texts = _texts(book, seen)

    def fits(entry: Entry) -> bool:
        text = texts[entry.number - 1][1]
        return all(word in text or _beside(word, entry) for word in words)

    return list(filter(fits, entries))


def _beside(word: str, entry: Entry) -> bool:
    return word in entry.origin.casefold() or any(word in tag.casefold() for tag in entry.tags)


def _texts(book: Workbook, seen: _Seen) -> list[tuple[Row, str]]:
    """Every row's text in small letters; only rows that are others than before are read anew."""
    entries = book.entries()
    del seen.texts[len(entries) :]
    for place, entry in enumerate(entries):
        if place == len(seen.texts):
            seen.texts.append((entry.row, text_of(entry.row).casefold()))
        elif seen.texts[place][0] is not entry.row:
            seen.texts[place] = (entry.row, text_of(entry.row).casefold())
    return seen.texts


def text_of(row: Row) -> str:
    """All values of a row, a line each."""
    return "\n".join(one if isinstance(one, str) else str(one) for one in row.values())


def _ordered(entries: list[Entry], wish: Wish, checked: Checked | None) -> list[Entry]:
    kind, _, name = wish.order.partition(":")
    kinds = checked.by_row if checked else {}
    lengths = checked.lengths if checked else {}
    keys: dict[str, Callable[[Entry], Any]] = {
        "findings": lambda entry: -len(kinds.get(entry.number, ())),
        "finding": lambda entry: name not in kinds.get(entry.number, ()),
        "row": lambda entry: sum(len(str(value)) for value in entry.row.values()),
        "prompt": lambda entry: lengths.get(entry.number, (0, 0))[0],
        "answer": lambda entry: lengths.get(entry.number, (0, 0))[1],
        "origin": lambda entry: source_of(entry.origin).casefold(),
        "column": partial(_in_column, name),
    }
    if kind not in keys:
        return entries[::-1] if wish.down else entries
    return sorted(entries, key=keys[kind], reverse=wish.down)


def _in_column(name: str, entry: Entry) -> tuple[int, float, str]:
    """Numbers before texts before what is missing."""
    value: JsonValue = entry.row.get(name)
    if isinstance(value, int | float):
        return (0, float(value), "")
    return (2, 0.0, "") if value is None else (1, 0.0, str(value).casefold())
