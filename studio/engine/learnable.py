"""What the trainer is given: conversations in tokens; those that teach nothing are left out, named.

The tokens come from `ChatForm.learn`, the function that draws the page's preview as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.data.chat_form import Learned
from studio.data.example import Example, Message
from studio.data.form_files import sandboxed
from studio.engine.load import Engine
from studio.engine.token_cache import remembered
from studio.errors import DatasetError, ModelError

PROVED = 8  # conversations whose tokens are compared with those that chat would read
NAMED = 20  # rows named in a warning

Warn = Callable[[str], object]


def learnable(
    engine: Engine,
    rows: Sequence[dict[str, Any]],
    *,
    numbers: Sequence[int | str],
    max_length: int,
    warn: Warn,
    cache: Path | None = None,
) -> list[dict[str, list[int]]]:
    """Rows of `prompt` and `completion` as `input_ids` and `labels`, at most max_length long.

    `numbers` name the dataset's rows, which come first; what follows is replayed. A row
    without a learned token is left out and named. DatasetError if nothing is left to learn. In
    the folder `cache` the tokens are kept for the next run.
    """

    def write() -> list[Learned]:
        return _learn(engine, rows, max_length)

    learned = remembered(engine, rows, max_length, write, cache) if cache else write()
    empty = [place for place, one in enumerate(learned) if not one.learned]
    if len(empty) == len(rows):
        raise DatasetError(
            "No example has an answer within max_length tokens, so nothing could be learned; "
            "raise max_length."
        )
    if empty:
        warn(
            f"{len(empty)} of {len(rows)} examples are longer than max_length before their "
            f"answer begins and were left out: {_name(empty, numbers)}; raise max_length to use "
            "them."
        )
    shortened = [place for place, one in enumerate(learned) if one.cut and one.learned]
    if shortened:
        warn(
            f"{len(shortened)} of {len(rows)} answers are cut at max_length and learned without "
            f"their end: {_name(shortened, numbers)}; raise max_length."
        )
    return _fitting(learned)


def watchable(
    engine: Engine, rows: Sequence[dict[str, Any]], *, count: int, max_length: int
) -> list[dict[str, list[int]]]:
    """The first `count` rows of which a token is looked at; fewer or none if no others are."""
    found: list[dict[str, list[int]]] = []
    for start in range(0, len(rows), max(1, count)):
        found += _fitting(_learn(engine, rows[start : start + count], max_length))
        if len(found) >= count:
            break
    return found[:count]


def _learn(engine: Engine, rows: Sequence[dict[str, Any]], max_length: int) -> list[Learned]:
    """Every row in tokens, written by the sandbox as the library would write it."""
    examples = [_example(row, place) for place, row in enumerate(rows)]
    form = replace(engine.form, render=sandboxed(engine.form.template))
    learned = form.learn(examples, max_length=max_length)
    prove(engine, examples[:PROVED], learned[:PROVED], max_length)
    return learned


def _fitting(learned: Sequence[Learned]) -> list[dict[str, list[int]]]:
    return [{"input_ids": list(one.ids), "labels": one.labels} for one in learned if one.learned]


def prove(
    engine: Engine, examples: Sequence[Example], learned: Sequence[Learned], max_length: int
) -> None:
    """The sandbox writes what the library writes in chat; ModelError if not."""
    if list(learned) != engine.form.learn(examples, max_length=max_length):
        raise ModelError(
            f"{engine.base.name}: its chat template writes a conversation differently outside of "
            "the sandbox, so what is learned would not be what is read in chat; choose another "
            "base."
        )


def _example(row: dict[str, Any], place: int) -> Example:
    messages = tuple(Message.model_validate(turn) for turn in row["prompt"])
    answer = row["completion"][0]["content"]
    return Example(id=str(place), row=place, phrasing=1, messages=messages, completion=answer)


def _name(places: Sequence[int], numbers: Sequence[int | str]) -> str:
    own = list(dict.fromkeys(numbers[place] for place in places if place < len(numbers)))
    replayed = sum(place >= len(numbers) for place in places)
    parts = []
    if own:
        more = " and others" * (len(own) > NAMED)
        parts.append(f"row{'s' * (len(own) > 1)} {', '.join(map(str, own[:NAMED]))}{more}")
    if replayed:
        parts.append(f"{replayed} replayed conversation{'s' * (replayed > 1)}")
    return " and ".join(parts)
