"""More rows from those of a workbook: the same rows with typing slips, or said otherwise.

Only what the prompt reads and the answer does not is changed, and words of the answer stay in
it, so the answer stays right.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from studio.data.novelty import split_words
from studio.data.proposals import Proposal, is_made
from studio.data.readers import Row
from studio.data.rewording import Pattern, reword
from studio.data.split import fraction
from studio.data.template import Template
from studio.data.typing_slips import KINDS, SHARE, Noise, slip
from studio.data.workbook_deeds import Entry
from studio.errors import DatasetError

FEW = 50
"""How many rows are proposed at a time, if nothing else is said."""


@dataclass(frozen=True)
class Text:
    """The column that is changed, and those whose words must stay in it."""

    column: str
    answers: tuple[str, ...]

    def kept(self, row: Row) -> list[str]:
        """Words of the answer: they may have to be found in the text."""
        return [word for name in self.answers for word in split_words(str(row.get(name, "")))]


def find_texts(template: Template, rows: Sequence[Row]) -> list[Text]:
    """The columns that may be changed, the longest texts first.

    Those that the prompt reads, that hold text, and that the answer does not read.
    """
    answers = template.answer_variables()
    asked = template.prompt_variables() - answers - _structural(template)
    known = tuple(sorted(answers & set().union(*rows[:100]))) if rows else ()
    lengths = {name: _length(rows, name) for name in sorted(asked)}
    names = sorted((name for name in lengths if lengths[name]), key=lambda one: -lengths[one])
    return [Text(name, known) for name in names]


def find_text(template: Template, rows: Sequence[Row], column: str = "") -> Text:
    """The column of that name, or the one with the longest texts; DatasetError if it cannot be."""
    found = find_texts(template, rows)
    named = [text for text in found if column in ("", text.column)]
    if named:
        return named[0]
    may = ", ".join(text.column for text in found) or "none"
    raise DatasetError(
        f"Column '{column}' cannot be changed without the answer; those that can: {may}."
        if column
        else f"Template '{template.name}' reads no text in its prompt that its answer does not "
        "read as well, so no row can be changed and keep its answer."
    )


def _structural(template: Template) -> set[str]:
    return {name for name in (template.history_column, template.split_column) if name}


def _length(rows: Sequence[Row], name: str) -> float:
    """Mean number of characters of a column of texts; 0 if it holds something else."""
    values = [row[name] for row in rows[:200] if row.get(name) not in (None, "")]
    texts = [value for value in values if isinstance(value, str)]
    return sum(map(len, texts)) / len(texts) if len(texts) > len(values) / 2 else 0.0


def add_noise(
    entries: Sequence[Entry],
    text: Text,
    kinds: Sequence[Noise],
    *,
    count: int = FEW,
    share: float = SHARE,
    seed: int = 0,
) -> list[Proposal]:
    """The same rows as people type them; at most `count`, each of another row and kind by turns.

    `share` is the share of words that get a slip of the finger.
    """
    if not kinds or set(kinds) - set(KINDS):
        raise DatasetError(f"Choose kinds of noise from {', '.join(KINDS)}.")

    def change(entry: Entry, key: str) -> tuple[str, str] | None:
        random = Random(key)
        kind = random.choice(list(kinds))
        said = str(entry.row[text.column])
        noisy = slip(said, kind, random, share=share, kept=text.kept(entry.row))
        return (kind, noisy) if noisy != said else None

    return _vary(entries, text, change, count=count, seed=seed, purpose="noise")


def say_otherwise(
    entries: Sequence[Entry],
    text: Text,
    patterns: Sequence[Pattern],
    *,
    count: int = FEW,
    seed: int = 0,
) -> list[Proposal]:
    """The same rows said otherwise by one fitting pattern each; at most `count`."""

    def change(entry: Entry, key: str) -> tuple[str, str] | None:
        said = str(entry.row[text.column])
        fitting = list(reword(said, patterns, text.kept(entry.row)))
        if not fitting:
            return None
        pattern, other = Random(key).choice(fitting)
        return f"said otherwise ({pattern})", other

    return _vary(entries, text, change, count=count, seed=seed, purpose="reword")


Change = Callable[[Entry, str], tuple[str, str] | None]


def _vary(
    entries: Sequence[Entry], text: Text, change: Change, *, count: int, seed: int, purpose: str
) -> list[Proposal]:
    """Proposals of the first rows, in an order that the seed decides, that can be changed."""
    known = {_content(entry.row, text.column) for entry in entries}
    found: list[Proposal] = []
    for entry in shuffle(originals(entries), seed=seed, purpose=purpose):
        if len(found) >= count:
            break
        if not isinstance(entry.row.get(text.column), str):
            continue
        made = change(entry, f"{seed}/{purpose}/{_content(entry.row, text.column)}")
        if made is None:
            continue
        how, said = made
        row = entry.row | {text.column: said}
        content = _content(row, text.column)
        fault = "not new: a row says the same" if content in known else ""
        known.add(content)
        found.append(Proposal(row=row, how=how, of=entry.number, fault=fault))
    return found


def originals(entries: Iterable[Entry]) -> list[Entry]:
    """The entries that are kept and were not made themselves."""
    return [entry for entry in entries if not entry.excluded and not is_made(entry.origin)]


def shuffle(entries: Sequence[Entry], *, seed: int, purpose: str) -> Iterator[Entry]:
    """The entries in an order that depends on nothing but the seed and their numbers."""
    yield from sorted(entries, key=lambda entry: fraction(seed, purpose, str(entry.number)))


def _content(row: Mapping[str, object], column: str) -> str:
    """What the row says: noise that is there already need not come twice."""
    return json.dumps([row.get(column), *(v for k, v in sorted(row.items()) if k != column)])
