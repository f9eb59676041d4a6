"""Rows that were made of others stay with them: never learned from where their source is held out.

Only real rows are held out, because the statistics count independent cases that somebody vouches
for; what was made of one or written by a model is only learned from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from studio.data.proposals import is_made, source_of
from studio.data.split import SourceRow, Split


def descents(origins: Sequence[str], numbers: Sequence[int]) -> dict[int, int | None]:
    """By the number of every made row (from 1, in the order given) that of the row it is made of.

    `numbers` are those of the entries that the origins speak of. None where a row was made of none,
    or of one that is not among them.
    """
    places = {number: place for place, number in enumerate(numbers, start=1)}
    found: dict[int, int | None] = {}
    for place, origin in enumerate(origins, start=1):
        if is_made(origin):
            source = source_of(origin)
            found[place] = None if source is None else places.get(source)
    return found


def without_repeated(
    made: Mapping[int, int | None], rows: Sequence[SourceRow]
) -> Mapping[int, int | None]:
    """The same descent, with the first row of each content in the place of its repetitions."""
    if not made:
        return made
    first: dict[str, int] = {}
    for row in rows:
        first.setdefault(row.content, row.number)
    known = {row.number: first[row.content] for row in rows}
    return {
        number: None if source is None else known[source]
        for number, source in made.items()
        if known[number] == number
    }


def stay_with_source(split: Split, made: Mapping[int, int | None]) -> tuple[Split, list[SourceRow]]:
    """The split with made rows only among those to learn from, and the made rows left out.

    Left out are the rows made of one that is held out: whoever learned them would know it. A made
    row that fell among the held-out ones is learned from if its own source is.
    """
    if not made:
        return split, []
    heldout = {row.number for row in split.heldout if row.number not in made}
    leaked = {row.number for row in split.leaked}

    def learned(row: SourceRow) -> bool:
        source: int | None = row.number
        while source is not None and source in made:  # of a made row: what counts is the real one
            source = made[source]
        return source not in heldout and source not in leaked

    candidates = [row for row in (*split.train, *split.heldout) if row.number in made]
    kept = [row for row in candidates if learned(row)]
    left = [row for row in candidates if not learned(row)]
    real = [row for row in split.train if row.number not in made]
    train = sorted([*real, *kept], key=lambda row: row.number)
    questions = {row.question for row in train}
    held = [row for row in split.heldout if row.number not in made]
    return replace(
        split,
        train=train,
        heldout=[row for row in held if row.question not in questions],
        leaked=[*split.leaked, *(row for row in held if row.question in questions)],
    ), left
