"""What speaks against a row that a model wrote: its end, form and length, and known texts."""

import re
from collections.abc import Mapping, Sequence

from studio.data.example import Example
from studio.data.invention import LOOKED_AT, Begun, Plan
from studio.data.novelty import NEW, Known, split_words
from studio.data.proposals import Proposal
from studio.data.readers import Row
from studio.data.rendering import render_examples
from studio.data.split import identify
from studio.data.template import Template
from studio.data.warm import warm_sandbox
from studio.data.workbook_deeds import Entry
from studio.errors import StudioError

SHORTER, LONGER = 0.5, 1.5
"""How much shorter than the shortest rows, and longer than the longest, a text may be."""
_LETTER = re.compile(r"[^\W_]")
_RUN_TOGETHER = re.compile(r"\w*[a-z][A-Z]\w*")


class Sieve:
    """Looks at written rows one after another; each is known to the ones that follow."""

    def __init__(
        self, template: Template, entries: Sequence[Entry], plan: Plan, *, new: float = NEW
    ) -> None:
        self._template = template.model_copy(update={"shots": None})
        self._plan = plan
        self._new = new
        answers = template.answer_variables()
        self._asked = [name for name in plan.written if name not in answers]
        rows = [entry.row for entry in entries if not entry.excluded]
        looked = [row for row in rows if all(name in row for name in plan.written)][:LOOKED_AT]
        self._bounds = {name: _bounds(looked, name) for name in plan.written}
        self._one_line = {
            name for name in plan.written if not any("\n" in str(row[name]) for row in looked)
        }
        self._words_run = any(
            _RUN_TOGETHER.search(str(row[name])) for row in looked for name in plan.written
        )
        self._numbers = [entry.number for entry in entries]
        self._known = Known(self._text(entry.row) for entry in entries)

    def fault(self, one: Begun) -> str:
        """Why the row would rather be left out; empty if nothing speaks against it."""
        found = (
            self._form(one)
            or self._length(one.row)
            or self._rendered(one.row)
            or self._like_another(one.row)
        )
        self._known.add(self._text(one.row))
        return found

    def _form(self, one: Begun) -> str:
        if one.unfinished:
            return f"unfinished: '{one.unfinished}' was cut off"
        for name in self._plan.written:
            text = str(one.row.get(name, ""))
            if not _LETTER.search(text):
                return f"empty: '{name}' has no word"
            if "\N{REPLACEMENT CHARACTER}" in text:
                return f"broken: '{name}' holds half a character"
            if not self._words_run and (found := _RUN_TOGETHER.search(text)):
                return f"run together: '{found[0][:40]}'"
            if name in self._one_line and "\n" in text:
                return f"several lines: '{name}' has one line in every row"
        return ""

    def _length(self, row: Row) -> str:
        for name in self._plan.written:
            words, (least, most) = len(str(row[name]).split()), self._bounds[name]
            if not SHORTER * least <= words <= LONGER * most:
                wrong = "too short" if words < least else "too long"
                return f"{wrong}: '{name}' has {words} words, in the rows {least} to {most}"
        return ""

    def _rendered(self, row: Row) -> str:
        """What the template makes of it: the answer has to be one that is possible."""
        try:
            example = self._example(row)
        except StudioError as error:
            return f"wrong format: {error}"
        if not example.completion:
            return "wrong format: the template makes an empty answer of it"
        if example.choices and example.completion not in example.choices:
            return f"not a choice: '{example.completion[:40]}'"
        return ""

    def _example(self, row: Row) -> Example:
        with warm_sandbox() as sandbox:
            return render_examples(
                self._template, identify([row], self._template), sandbox=sandbox, phrasings="one",
                seed=0,
            )[0]  # fmt: skip

    def answerable(self, proposals: Sequence[Proposal]) -> dict[int, Example]:
        """By place, the examples of proposals without a fault that have possible answers."""
        found = {
            place: self._example(one.row) for place, one in enumerate(proposals) if not one.fault
        }
        return {place: example for place, example in found.items() if example.choices}

    def _like_another(self, row: Row) -> str:
        nearest = self._known.nearest(self._text(row), self._new)
        if nearest is None:
            return ""
        known = nearest.place < len(self._numbers)
        other = f"row {self._numbers[nearest.place]}" if known else "another that was written"
        return f"not new: {nearest.score:.2f} like {other}"

    def _text(self, row: Row) -> str:
        return " ".join(str(row.get(name, "")) for name in self._asked)


def doubt(
    proposals: Sequence[Proposal], examples: Mapping[int, Example], answers: Sequence[str]
) -> list[Proposal]:
    """The proposals, with a fault where a model that was asked gave another answer."""
    doubted = list(proposals)
    for (place, example), said in zip(examples.items(), answers, strict=True):
        if split_words(said) != split_words(example.completion):
            fault = f"answered otherwise: '{said.strip()[:40]}'"
            doubted[place] = proposals[place].model_copy(update={"fault": fault})
    return doubted


def _bounds(rows: Sequence[Row], name: str) -> tuple[int, int]:
    """Numbers of words between which nine tenths of the rows lie."""
    counts = sorted(len(str(row[name]).split()) for row in rows) or [1]
    last = len(counts) - 1
    return counts[int(0.05 * last)], counts[round(0.95 * last)]
