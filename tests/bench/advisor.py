"""Is the advice good? `PYTHONPATH=. python tests/bench/advisor.py [HOME]`.

Seven datasets of different size and similarity to what the starter says: each is measured, and
what the advisor recommends races against two others, all for the same number of steps, measured on
the task and on every old skill. A row per dataset, with a column per trial: gained on the task and
lost of old skills, in points; the recommended one first, ★ for the race's winner. Where it
recommends to tune nothing, the first trial is the one it would take otherwise.

The rows come from the generator of the starter's corpus and never from its probes.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from studio import Studio
from studio.data.dataset import Dataset
from studio.data.template import Template
from studio.models.starter.corpus.mixture import FAMILIES
from studio.tuning.advisor import Advice
from studio.tuning.race import Placed

SKILLS = ("capitals", "countries", "opposites", "kinds", "sounds", "colours", "calendar")
HELD_OUT = 60  # rows
FEW = 30
TEMPLATE = {
    "description": "A task made for the bench.", "task": "bench", "license": "Apache-2.0",
    "source": "Made of the starter's corpus.", "answer": "{{ answer }}",
    "phrasings": ["{{ question }}"], "split_column": "split",
}  # fmt: skip

Row = dict[str, str]


class Case(NamedTuple):
    """One dataset: how many rows to learn, and how an answer of the base becomes the task's."""

    name: str
    train: int
    change: Callable[[str, str], tuple[str, str]]


def main() -> None:
    """Measure, race, print the table; a folder as argument is used as home and kept."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(scratch)
        with Studio(home) as studio:
            results = [run(studio, dataset) for dataset in datasets(studio)]
    show(results)


def datasets(studio: Studio) -> Iterator[Dataset]:
    """The seven: five of known questions, two of a task that is new altogether."""
    for case in CASES:
        template = Template.model_validate(TEMPLATE | {"name": case.name, "title": case.name})
        yield studio.build(template, list(rows(case)), name=f"{case.name}-{case.train}")
    reviews = studio.template("sentiment").all_rows()
    train = [row for row in reviews if row["split"] == "train"]
    heldout = [row for row in reviews if row["split"] == "heldout"]
    yield studio.build("sentiment", [*train[:FEW], *heldout], name="sentiment-few")
    yield studio.build("sentiment", name="sentiment")


def rows(case: Case) -> Iterator[Row]:
    """Rows to learn and rows to hold out; no question is in both."""
    random = Random(case.train)
    sources = [family.source for family in FAMILIES if family.name in SKILLS]
    seen: set[str] = set()
    while len(seen) < case.train + HELD_OUT:
        talk = random.choice(sources)(random, False)
        one = talk.exchanges[0]
        if len(talk.exchanges) > 1 or talk.system or one.user in seen:
            continue
        question, answer = case.change(one.user, one.assistant)
        split = "heldout" if len(seen) < HELD_OUT else "train"
        seen.add(one.user)
        yield {"question": question, "answer": answer, "split": split}


def as_it_is(question: str, answer: str) -> tuple[str, str]:
    """What the base says already."""
    return question, answer


def in_capitals(question: str, answer: str) -> tuple[str, str]:
    """The base's answers, written in another way."""
    return question, answer.upper()


def with_source(question: str, answer: str) -> tuple[str, str]:
    """The base's answers within a fixed sentence."""
    return question, f"My answer is {answer} and I am sure."


def backwards(question: str, _: str) -> tuple[str, str]:
    """Something that the base cannot do."""
    words = question.rstrip("?.").split()
    return f"Backwards: {' '.join(words)}", " ".join(reversed(words))


CASES = (
    Case("known", 200, as_it_is),
    Case("sentences", 30, with_source),
    Case("sentences", 300, with_source),
    Case("capitals", 1000, in_capitals),
    Case("backwards", 1000, backwards),
)


def run(studio: Studio, dataset: Dataset) -> tuple[Advice, list[Placed]]:
    """The advice for a dataset, and how its options did in a race."""
    advice = studio.advise(dataset.id)
    race = studio.race(advice.trainable)
    for id in (*(one.run for one in race.entrants), *race.measurements):
        studio.wait(studio.run(id))
    placed = {one.entrant.run: one for one in studio.placed(race)}
    return advice, [placed[one.run] for one in race.entrants]


def show(results: list[tuple[Advice, list[Placed]]]) -> None:
    """A row per dataset."""
    table = Table(
        "dataset", "examples", "similarity", "right as it is", "advice", "its trial", "second",
        "third", title="advice, and the race of it against two others",
    )  # fmt: skip
    for advice, placed in results:
        found = advice.signals
        table.add_row(
            found.dataset.rpartition("-")[0], f"{found.train:,}", f"{found.similarity:.2f}",
            f"{found.written.share:.0%}", advice.best.title, *map(tell, placed),
        )  # fmt: skip
    Console(width=200).print(table)
    kept = sum(placed[0].best or not advice.best.recipe for advice, placed in results)
    print(f"The recommended trial was not beaten, or rightly none, on {kept} of {len(results)}.")


def tell(one: Placed) -> str:
    """What a trial is, what it gained and what it lost."""
    gained, lost = one.point.in_unit("points") if one.point else (None, None)
    numbers = f"{gained.value:+.0f} / {-lost.value:+.1f}" if gained and lost else "not measured"
    mark = " ★" if one.winner else " ◆" if one.best else ""
    return f"{one.entrant.title}: {numbers}{mark}"


if __name__ == "__main__":
    main()
