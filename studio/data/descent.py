"""Rows that were made of others stay with them: never learned from where their source is held out.

Only real rows are held out, because the statistics count independent cases that somebody vouches
for; what was made of one or written by a model is only learned from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from studio.data.proposals import is_made, sources_of
from studio.data.split import SourceRow, Split

Descent = Mapping[int, Sequence[int]]
"""By the number of every made row those of the rows it is made of, or that its writer was shown."""


def descents(origins: Sequence[str], numbers: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """The descent of rows by their numbers, from 1 in the order given.

    `numbers` are those of the entries that the origins speak of. What a row was made of and is not
    among them is left aside.
    """
    places = {number: place for place, number in enumerate(numbers, start=1)}
    return {
        place: tuple(places[source] for source in sources_of(origin) if source in places)
        for place, origin in enumerate(origins, start=1)
        if is_made(origin)
    }


def without_repeated(made: Descent, rows: Sequence[SourceRow]) -> Descent:
    """The same descent, with the first row of each content in the place of its repetitions."""
    if not made:
        return made
    first: dict[str, int] = {}
    for row in rows:
        first.setdefault(row.content, row.number)
    known = {row.number: first[row.content] for row in rows}
    return {
        number: tuple(known[source] for source in sources)
        for number, sources in made.items()
        if known[number] == number
    }


def stay_with_source(split: Split, made: Descent) -> tuple[Split, list[SourceRow]]:
    """The split with made rows only among those to learn from, and the made rows left out.

    Left out are the rows made of one that is held out: whoever learned them would know it. A made
    row that fell among the held-out ones is learned from if its own sources are.
    """
    if not made:
        return split, []
    kept_back = {row.number for row in split.heldout if row.number not in made}
    kept_back |= {row.number for row in split.leaked}

    def learned(number: int) -> bool:
        """Of a made row: whether all the real ones behind it are."""
        return all(map(learned, made[number])) if number in made else number not in kept_back

    candidates = [row for row in (*split.train, *split.heldout) if row.number in made]
    kept = [row for row in candidates if learned(row.number)]
    left = [row for row in candidates if not learned(row.number)]
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
