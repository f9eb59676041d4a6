"""A deck is a list of prompts that every lane answers, so that many answers are seen at once.

Kind `task` holds rows of the tuned task that were held out, `retention` questions about what the
base could do before, `own` whatever a person brought; the kinds are never mixed in one score.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from studio.chat.exchange import Kept
from studio.data.dataset import Dataset
from studio.data.example import Message
from studio.data.readers import Row, parse_rows, read_rows
from studio.errors import ChatError, sentence
from studio.measure import scorers
from studio.measure.case import LIKELIHOOD, Case, Scorer
from studio.measure.probe import Probe, from_dataset
from studio.names import slug, telling_slug

DeckKind = Literal["task", "retention", "own"]

COLUMNS = {
    "prompt": ("prompt", "question", "instruction", "text"),
    "answer": ("answer", "completion", "output", "response"),
}
"""What a person's file may call a prompt and its known answer."""
MOST = 5_000
"""Prompts that one deck can hold."""


class Prompt(Case):
    """One prompt, with the known answer where there is one."""

    answer: str = ""
    """The known answer; empty where nothing is right or wrong."""
    scorer: Scorer = "exact"
    """How an answer is marked: see `studio.measure.scorers`."""

    @model_validator(mode="after")
    def _be_answerable(self) -> Self:
        if not self.messages:
            raise ValueError("there is no question; give a prompt")
        fault = scorers.fault(self.scorer, self) if self.answer.strip() else None
        if fault:
            raise ValueError(fault)
        return self

    def right(self, text: str) -> bool | None:
        """Whether that answer is right; None where no answer is known or none has to be written."""
        if not self.answer.strip() or self.scorer in LIKELIHOOD:
            return None
        return scorers.right(self.scorer, text, self)

    def under(self, system: str) -> tuple[Message, ...]:
        """What a lane is asked; the prompt's own system message goes before the given one."""
        if not system.strip() or self.messages[0].role == "system":
            return self.messages
        return (Message(role="system", content=system.strip()), *self.messages)


class Deck(Kept):
    """Prompts of one kind."""

    name: str
    """By which it is found: `task:<dataset>`, `retention:<base>`, or the name of an own deck."""
    title: str
    kind: DeckKind
    prompts: tuple[Prompt, ...] = Field(min_length=1, max_length=MOST)

    @model_validator(mode="after")
    def _tell_prompts_apart(self) -> Self:
        twice = [id for id, n in Counter(one.id for one in self.prompts).items() if n > 1]
        if twice:
            raise ValueError(f"prompt {twice[0]} occurs more than once")
        return self

    def shortened(self, limit: int) -> Self:
        """The first so many prompts; 0 keeps all."""
        return self.model_copy(update={"prompts": self.prompts[: limit or None]})


# ---- made of what is there


def task_deck(dataset: Dataset) -> Deck:
    """The dataset's held-out rows: none of them was learned from."""
    cases = from_dataset(dataset).cases
    return Deck(
        name=f"task:{dataset.id}",
        title=f"Task: held-out rows of {dataset.card.name}",
        kind="task",
        prompts=tuple(_as_prompt(case, "exact", case.id) for case in cases),
    )


def retention_deck(base: str, probes: Iterable[Probe]) -> Deck:
    """The probes' questions, one of each before the second of any, so that a few are varied."""
    rows = [
        [_as_prompt(case, probe.scorer, f"{probe.name}/{case.id}") for case in probe.cases]
        for probe in probes
        if probe.chat and probe.kind == "retention" and all(case.messages for case in probe.cases)
    ]
    prompts = [one for turn in zip_longest(*rows) for one in turn if one is not None][:MOST]
    if not prompts:
        raise ChatError(f"No probe of {base} asks in a conversation; bring prompts of your own.")
    return Deck(
        name=f"retention:{base}",
        title=f"Old skills: questions from the probes of {base}",
        kind="retention",
        prompts=tuple(prompts),
    )


def _as_prompt(case: Case, scorer: Scorer, id: str) -> Prompt:
    return Prompt.model_validate(dict(case) | {"scorer": scorer, "id": id})


# ---- a person's own


def own_deck(name: str, source: Path | str) -> Deck:
    """A deck of a file, or of pasted text: a prompt per line, or JSON lines.

    Every record has a prompt or messages, and may have an answer; a conversation that ends with
    the assistant's turn knows its answer. ChatError names the first record that cannot be used.
    """
    if isinstance(source, Path):
        read = read_rows(source)
    else:
        form = ".jsonl" if source.lstrip().startswith("{") else ".txt"
        read = parse_rows(source, form, name="the pasted text")
    if read.refused:
        line, reason = read.refused[0]
        raise ChatError(f"Line {line} of the deck {reason}; mend it, or take it out.")
    return _own(name, read.rows)


def _own(name: str, rows: Sequence[Row]) -> Deck:
    digits = len(str(len(rows)))
    prompts = []
    for number, row in enumerate(rows, start=1):
        try:
            prompts.append(Prompt.model_validate({"id": f"{number:0{digits}}"} | _spelled(row)))
        except ValidationError as error:
            raise ChatError(sentence(error, f"record {number} of the deck")) from error
    try:
        return Deck(name=telling_slug(name), title=name.strip(), kind="own", prompts=tuple(prompts))
    except ValidationError as error:
        raise ChatError(sentence(error, "the deck")) from error


def _spelled(row: Row) -> dict[str, Any]:
    """A record's fields under our names; columns that mean nothing to a deck are left out."""
    fields: dict[str, Any] = {key: row[key] for key in Prompt.model_fields if key in row}
    for ours, theirs in COLUMNS.items():
        found = next((row[name] for name in theirs if row.get(name) is not None), None)
        if found is not None and "messages" not in fields:
            fields[ours] = found if isinstance(found, str) else json.dumps(found)
    if "messages" not in fields and row.get("system"):
        fields["system"] = row["system"]
    turns = fields.get("messages")
    if isinstance(turns, list) and turns and "answer" not in fields:
        last = turns[-1]
        if isinstance(last, dict) and last.get("role") == "assistant":
            fields |= {"messages": turns[:-1], "answer": last.get("content", "")}
    return fields


def save(deck: Deck, folder: Path, owner: str = "") -> None:
    """Write an own deck as JSON lines under its name; complete or not at all."""
    head = {"title": deck.title} | ({"owner": owner} if owner else {})
    lines = [head, *(prompt.spelled() for prompt in deck.prompts)]
    path = folder / f"{deck.name}.jsonl"
    partial = path.with_name(path.name + ".partial")
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def load(name: str, folder: Path, owner: str | None = None) -> Deck:
    """The own deck of that name; ChatError if there is none, or none of this owner's."""
    titles = own_titles(folder, owner) if name == slug(name) else {}
    if name not in titles:
        raise ChatError(f"There is no deck '{name}'; make one of your prompts, or choose another.")
    rows = [row for row in read_rows(folder / f"{name}.jsonl").rows if not _is_head(row)]
    return _own(titles[name], rows).model_copy(update={"name": name})


def own_titles(folder: Path, owner: str | None = None) -> dict[str, str]:
    """Titles of an owner's decks by their names; None sees everybody's."""
    found = {}
    for path in sorted(folder.glob("*.jsonl")):
        head = _head(path)
        if owner in (None, head.get("owner", "")):
            found[path.stem] = head.get("title", path.stem)
    return found


def _head(path: Path) -> dict[str, str]:
    """What the first line says of the deck; a file that was put there by hand may say nothing."""
    with path.open(encoding="utf-8") as file:
        try:
            head = json.loads(file.readline())
        except ValueError:
            return {}
    return head if isinstance(head, dict) and _is_head(head) else {}


def _is_head(row: Row) -> bool:
    return "title" in row and set(row) <= {"title", "owner"}
