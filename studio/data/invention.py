"""Rows that a model writes after the pattern of a workbook's own, as in Self-Instruct.

Which columns are drawn from the rows and which are written, and in what words the model is asked,
is a `Plan`. Where the answer is a label it is given and the text written for it, so that it need
not be guessed; else the text is written first and then answered (arXiv 2212.10560, section 2.2).
Every question comes after a few rows that show how it is answered.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from studio.data.augment import find_texts, originals
from studio.data.columns import KINDS, LABEL_CHARACTERS
from studio.data.example import Message
from studio.data.readers import Row
from studio.data.template import Template
from studio.data.warm import warm_sandbox
from studio.data.workbook_deeds import Entry
from studio.errors import DatasetError

SHOTS = 3
ABOUT = "about"
"""Name under which a question may read a word to write about, drawn from another row."""
NOUNS = {"text": "sentence", "prompt": "request", "instruction": "instruction",
         "question": "question", "context": "passage", "input": "text"}  # fmt: skip
LONG_TEXT = 25  # words from which on a text is no sentence
LOOKED_AT = 2_000  # rows that tell what a column is like

_NOUN = re.compile(r"\b(?:an?|her|his|my|our|the|their|this|your)\s+([^\W\d_]{3,})", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{4,}")


@dataclass(frozen=True)
class Plan:
    """What a model is to write."""

    given: tuple[str, ...]
    """Columns whose values are drawn from the rows, all from one row."""
    written: tuple[str, ...]
    """Columns that the model writes, in this order."""
    asks: Mapping[str, str]
    """For each written column the question, in Jinja over the columns before it and `about`."""


@dataclass
class Begun:
    """A row that is being written."""

    row: Row
    shots: list[Entry]
    about: str
    unfinished: str = ""
    """The column in which the model did not come to an end; empty if none."""


def suggest_plan(template: Template, entries: Sequence[Entry]) -> Plan:
    """What is best given and what written; DatasetError if there is nothing to write."""
    rows = [entry.row for entry in originals(entries)[:LOOKED_AT]]
    texts = [text.column for text in find_texts(template, rows)]
    repeated = [name for name in texts if _is_label(rows, name)]
    texts = [name for name in texts if name not in repeated]
    if not texts:
        raise DatasetError(
            f"The prompts of template '{template.name}' read no text of their own, so there is "
            "nothing to write; choose another template, or add rows."
        )
    answers = sorted(template.answer_variables() & set().union(*rows))
    plain = len(answers) == 1 and re.fullmatch(r"\{\{-?\s*\w+\s*-?\}\}", template.answer.strip())
    text_last = plain and not template.answer_choices and not _is_label(rows, answers[0])
    written = (*texts, *answers) if text_last else tuple(texts)
    needed = template.required_columns() - {template.split_column, template.history_column}
    given = tuple(sorted((needed | set(repeated) | set(answers)) - set(written)))
    asks = {
        name: _ask(template, rows, given, written[:at], name) for at, name in enumerate(written)
    }
    return Plan(given=given, written=written, asks=asks)


def _is_label(rows: Sequence[Row], name: str) -> bool:
    """Whether short values of a column come again and again."""
    values = [json.dumps(row.get(name), ensure_ascii=False) for row in rows]
    short = all(len(value) <= LABEL_CHARACTERS for value in values)
    return short and len(set(values)) <= max(1, len(values) // 2)


def _ask(
    template: Template, rows: Sequence[Row], given: Sequence[str], before: Sequence[str], name: str
) -> str:
    """The question for a column, to be edited by a person."""
    if name in template.answer_variables():
        return template.phrasings[0].prompt
    if before:
        return f"{{{{ {before[-1]} }}}}\n\nWrite a {_noun(rows, name)} that belongs to it."
    labels = [one for one in given if _is_label(rows, one) and isinstance(rows[0].get(one), str)]
    if len(labels) == len(given) == 1:
        return f"Write a {{{{ {labels[0]} }}}} {_noun(rows, name)} about the {{{{ {ABOUT} }}}}."
    told = "".join(f"\n{one}: {{{{ {one} }}}}" for one in given)
    return f"Write a {_noun(rows, name)} about the {{{{ {ABOUT} }}}}.{told}"


def _noun(rows: Sequence[Row], name: str) -> str:
    kind = next((kind for kind, names in KINDS.items() if name.lower() in names), "")
    lengths = sorted(len(str(row.get(name, "")).split()) for row in rows)
    if kind == "text" and lengths[len(lengths) // 2] >= LONG_TEXT:
        return "text"
    return NOUNS.get(kind, name.replace("_", " "))


class Writing:
    """Begins rows, says what to ask for each column, and takes in what was answered.

    The entries are those that may be shown: what is held out is not among them.
    """

    def __init__(
        self, entries: Sequence[Entry], plan: Plan, *, shots: int = SHOTS, seed: int = 0
    ) -> None:
        self.plan = plan
        needed = (*plan.given, *plan.written)
        whole = [one for one in originals(entries) if all(n in one.row for n in needed)]
        if not whole:
            raise DatasetError(
                f"No row has all the columns {', '.join(needed)}; add one that shows how."
            )
        self._entries = whole
        self._rows = [one.row for one in whole]
        self._shots = min(shots, len(whole))
        self._random = Random(f"write/{seed}")
        self._given = self._shuffled_values()
        self._begun = 0

    def _shuffled_values(self) -> list[Row]:
        """Every different combination of given values once, in a drawn order."""
        found: dict[str, Row] = {}
        for row in self._rows:
            given: Row = {name: row[name] for name in self.plan.given}
            found.setdefault(json.dumps(given, sort_keys=True), given)
        different = [found[key] for key in sorted(found)]
        self._random.shuffle(different)
        return different

    def begin(self, count: int) -> list[Begun]:
        """Rows of which only the given columns stand, every combination as often as any other."""
        begun = []
        for place in range(self._begun, self._begun + count):
            given = self._given[place % len(self._given)]
            shots = self._random.sample(self._entries, self._shots)
            about = self._about(self._random.choice(self._rows))
            begun.append(Begun(dict(given), shots, about))
        self._begun += count
        return begun

    def questions(self, begun: Sequence[Begun], column: str) -> list[tuple[Message, ...]]:
        """What to ask for that column, for each row; TemplateError if it cannot be rendered."""
        source = self.plan.asks[column]
        asked: list[Row] = []
        for one in begun:
            asked += [{ABOUT: self._about(shot.row), **shot.row} for shot in one.shots]
            asked.append({ABOUT: one.about, **one.row})
        with warm_sandbox() as sandbox:
            texts = sandbox.render_many({"ask": source}, asked, what=f"The question for {column}")
        prompts = iter(text["ask"].strip() for text in texts)
        talks = []
        for one in begun:
            talk = []
            for shot in one.shots:
                talk.append(Message(role="user", content=next(prompts)))
                talk.append(Message(role="assistant", content=str(shot.row[column])))
            talks.append((*talk, Message(role="user", content=next(prompts))))
        return talks

    def take(self, one: Begun, column: str, said: str, *, stopped: bool) -> None:
        """Write an answer into the row."""
        one.row[column] = self._bare(column, said)
        if not stopped:
            one.unfinished = one.unfinished or column

    def longest(self, column: str) -> int:
        """How many tokens an answer may have: more than the longest texts of that column need."""
        letters = sorted(len(str(row[column])) for row in self._rows[:LOOKED_AT])
        return max(16, min(1024, letters[int(0.95 * (len(letters) - 1))] // 2 + 16))

    def _bare(self, column: str, said: str) -> str:
        """Without the quotes that models like to put around a text, if the rows have none."""
        said = said.strip()
        quoted = len(said) > 2 and (said[0], said[-1]) in (('"', '"'), ("“", "”"), ("'", "'"))
        if quoted and not any(str(row[column])[:1] == said[0] for row in self._rows[:100]):
            return said[1:-1].strip()
        return said

    def _about(self, row: Row) -> str:
        """A word of the row's first written column, if possible what an article stands before."""
        text = str(row[self.plan.written[0]])
        words = _NOUN.findall(text) or _WORD.findall(text) or text.split() or [""]
        return str(Random(text).choice(words))
