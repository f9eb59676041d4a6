"""Given text for the anchor and for replay: earlier datasets and one half of retention probes."""

from collections.abc import Sequence
from pathlib import Path

from studio.data.dataset import open_dataset
from studio.data.example import Example, Message
from studio.data.kept_back import apart_from
from studio.engine.load import Engine
from studio.engine.selftext import Conversation
from studio.errors import DatasetError
from studio.measure.halves import held_half
from studio.measure.probe import find

MOST_TOKENS = 128  # of one text, as in the texts that the base writes itself


def past_examples(
    names: Sequence[str], home: Path, heldout: Sequence[Example] = ()
) -> list[Conversation]:
    """The training examples of earlier datasets, in turn, so that a beginning holds them all.

    What tells of the held-out rows of the task, or of another of these datasets, is left out.
    """
    past = [open_dataset(name, home / "datasets") for name in names]
    kept = [[*heldout, *(one for other in past if other is not each for one in other.heldout())]
            for each in past]  # fmt: skip
    found = [_talks(apart_from(each.train(), kept_back))
             for each, kept_back in zip(past, kept, strict=True)]  # fmt: skip
    longest = max(map(len, found), default=0)
    return [one[place] for place in range(longest) for one in found if place < len(one)]


def given_rows(engine: Engine, names: Sequence[str], home: Path) -> list[list[int]]:
    """The tokens of datasets' training examples and of the texts of retention probes.

    Of a probe one half is taken; the other one is measured.
    """
    rows = []
    for name in names:
        if is_dataset(name, home):
            rows += _written(engine, _talks(open_dataset(name, home / "datasets").train()))
            continue
        found = find((name,), home / "probes")
        cases = [case for probe in found for case in held_half(probe).cases]
        talks = [
            (*case.messages, Message(role="assistant", content=case.answer))
            for case in cases
            if case.messages
        ]
        texts = [case.answer for case in cases if not case.messages]
        plain = engine.tokenizer(texts).input_ids if texts else []
        rows += [*_written(engine, talks), *plain]
    return [list(row[:MOST_TOKENS]) for row in rows if len(row) > 1]


def is_dataset(name: str, home: Path) -> bool:
    """Whether a name is that of a frozen dataset, and not of a probe."""
    try:
        open_dataset(name, home / "datasets")
    except DatasetError:
        return False
    return True


def _talks(examples: Sequence[Example]) -> list[Conversation]:
    return [(*one.messages, Message(role="assistant", content=one.completion)) for one in examples]


def _written(engine: Engine, talks: Sequence[Conversation]) -> list[list[int]]:
    return [list(written.ids) for written in engine.form.write(talks)] if talks else []
