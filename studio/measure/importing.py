"""Probes from files of other kinds: tables, minimal pairs, plain text, lm-eval tasks.

read_probe(Path("trivia.csv"), name="trivia", title="Trivia")

.yaml                    a probe file of our own, or an lm-eval task with its rows beside it
.csv .tsv .jsonl .json   good and bad sentences; questions with choices; prompts with answers; texts
.txt .md                 open text, cut into documents; the drift of its likelihood is measured
"""

import json
import re
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from studio.data import strict_yaml
from studio.data.dataset import Dataset
from studio.data.readers import Row, read_rows
from studio.errors import DatasetError, ProbeError, sentence
from studio.measure import open_text, probe_file, task_file
from studio.measure.flagged import FLAGGED
from studio.measure.probe import Kind, Probe, find, from_dataset, load, save
from studio.names import slug

TABLES = (".csv", ".tsv", ".jsonl", ".json")
TEXTS = (".txt", ".md", ".markdown")

PAIR_COLUMNS = (("good", "bad"), ("sentence_good", "sentence_bad"))
RESERVED = (FLAGGED, "task", "task-unseen")
"""Names that probes made by the studio itself have."""

QUESTION_COLUMNS = ("question", "prompt", "query", "stem", "input")
ANSWER_COLUMNS = ("answer", "label", "correct", "target", "gold", "output")
_CHOICE_COLUMN = re.compile(r"(?:choice|option|answer|ending)?[ _]?([A-Z]|\d)", re.IGNORECASE)


def read_probe(path: Path, *, name: str, title: str, kind: Kind = "retention") -> Probe:
    """Make a probe of a file by its suffix and columns. ProbeError names file and row."""
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        made = _from_yaml(path)
    elif suffix in TABLES:
        made = _from_table(path)
    elif suffix in TEXTS:
        made = open_text.read(path)
    else:
        known = ", ".join((".yaml", *TABLES, *TEXTS))
        raise ProbeError(f"{path.name}: no probe can be made of such a file; bring {known}.")
    given = {"name": name, "title": title, "kind": kind}
    try:
        return Probe.model_validate({**made, **given})
    except ValidationError as error:
        raise ProbeError(sentence(error, path.name)) from error


def import_probe(
    path: Path, home_probes: Path, *, name: str = "", title: str = "", kind: Kind = "retention"
) -> Probe:
    """Make a probe of a file and keep it among a person's own; its name is the file's by default.

    ProbeError, also for a name that is taken, leaves nothing behind.
    """
    chosen = _free_name(name or slug(path.stem) or "probe", home_probes)
    probe = read_probe(path, name=chosen, title=title or path.stem, kind=kind)
    save(probe, home_probes)
    return probe


def keep_heldout(dataset: Dataset, home_probes: Path, *, name: str = "", title: str = "") -> Probe:
    """Keep a dataset's held-out examples as a retention probe: a task that must not be forgotten.

    Raises ProbeError.
    """
    chosen = _free_name(name or dataset.id, home_probes)
    asked = from_dataset(dataset, name=chosen)
    known: dict[str, Any] = {"kind": "retention", "pack": "own", "title": title or asked.title}
    probe = asked.model_copy(update=known)
    save(probe, home_probes)
    return probe


def _free_name(name: str, home_probes: Path) -> str:
    taken = {probe.name for probe in find(None, home_probes)}
    if name in taken or name in RESERVED:
        raise ProbeError(f'the name "{name}" is taken by another probe; give it another one.')
    return name


def _from_yaml(path: Path) -> dict[str, Any]:
    text = probe_file.read_text(path, path.name)
    try:
        fields = strict_yaml.read(text)
    except ValueError as error:
        raise ProbeError(f"{path.name}: {task_file.explain(error)}.") from error
    if "cases" in fields:
        return load(path).model_dump()
    if "output_type" in fields or "doc_to_text" in fields or "include" in fields:
        return task_file.read_task(path)
    raise ProbeError(
        f"{path.name}: neither a probe file, which has `cases:`, nor an lm-eval task, which has "
        "`doc_to_text:`."
    )


def _from_table(path: Path) -> dict[str, Any]:
    rows = read_table(path)
    if path.suffix == ".jsonl" and {"title", "kind"} <= rows[0].keys():
        return load(path).model_dump()
    columns = {column.strip().lower(): column for column in rows[0]}
    _want_same_columns(rows, path.name)
    for good, bad in PAIR_COLUMNS:
        if {good, bad} <= columns.keys():
            return _pairs(rows, columns[good], columns[bad], path.name)
    question = _first(columns, QUESTION_COLUMNS)
    answer = _first(columns, ANSWER_COLUMNS)
    if question and answer:
        listed = _choice_columns(columns, (question, answer))
        if listed:
            return _multiple_choice(rows, question, answer, listed, path.name)
        return _questions(rows, question, answer, path.name)
    if "text" in columns:
        texts = [_text(row, columns["text"], path.name, n) for n, row in enumerate(rows, start=1)]
        return open_text.as_probe(texts)
    raise ProbeError(
        f"{path.name}: its columns ({', '.join(rows[0])}) are not those of a probe; name them "
        "question, A, B, C, D and answer; or prompt and answer; or good and bad; or text."
    )


def read_table(path: Path) -> list[Row]:
    """All rows of a table; ProbeError names the first line that is not one."""
    try:
        read = read_rows(path)
    except DatasetError as error:
        raise ProbeError(str(error)) from error
    if read.refused:
        line, reason = read.refused[0]
        raise ProbeError(f"{path.name}, line {line}: {reason}; mend the line and import again.")
    if not read.rows:
        raise ProbeError(f"{path.name} holds no row.")
    return read.rows


def _want_same_columns(rows: Sequence[Row], what: str) -> None:
    for number, row in enumerate(rows, start=1):
        missing = rows[0].keys() - row.keys()
        if missing:
            raise ProbeError(f"{what}, row {number}: has no column {sorted(missing)[0]!r}.")


def _first(columns: dict[str, str], names: Sequence[str]) -> str | None:
    return next((columns[name] for name in names if name in columns), None)


def _text(row: Row, column: str, what: str, number: int) -> str:
    value = row[column]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ProbeError(f"{what}, row {number}: {column} is not text.")
    if not str(value).strip():
        raise ProbeError(f"{what}, row {number}: {column} is empty.")
    return str(value).strip()


# ---- tables


def _pairs(rows: Sequence[Row], good: str, bad: str, what: str) -> dict[str, Any]:
    """Minimal pairs; the good sentence stands first and second in turn."""
    cases = []
    for number, row in enumerate(rows, start=1):
        right, wrong = _text(row, good, what, number), _text(row, bad, what, number)
        choices = [right, wrong] if number % 2 else [wrong, right]
        cases.append({"id": str(number), "messages": [], "answer": right, "choices": choices})
    return {"scorer": "choice", "chat": False, "cases": cases}


def _questions(rows: Sequence[Row], question: str, answer: str, what: str) -> dict[str, Any]:
    cases = [
        {
            "id": str(number),
            "prompt": _text(row, question, what, number),
            "answer": _text(row, answer, what, number),
        }
        for number, row in enumerate(rows, start=1)
    ]
    return {"scorer": "exact", "cases": cases}


def _choice_columns(columns: dict[str, str], taken: Sequence[str]) -> list[str]:
    """The columns that hold choices: one with lists, or those named A, B, ..., choice1, ..."""
    listed = _first(columns, ("choices", "options"))
    if listed:
        return [listed]
    free = {low: column for low, column in columns.items() if column not in taken}
    found = {low: match[1] for low in free if (match := _CHOICE_COLUMN.fullmatch(low))}
    return [free[low] for low in sorted(found, key=lambda low: found[low])]


def _multiple_choice(
    rows: Sequence[Row], question: str, answer: str, listed: Sequence[str], what: str
) -> dict[str, Any]:
    numbered = list(enumerate(rows, start=1))
    choices = [_choices(row, listed, what, number) for number, row in numbered]
    answers = [_text(row, answer, what, number) for number, row in numbered]
    places = _places(answers, choices, what)
    cases = [
        {
            "id": str(number),
            "prompt": _text(row, question, what, number),
            "choices": offered,
            "answer": offered[place],
        }
        for (number, row), offered, place in zip(numbered, choices, places, strict=True)
    ]
    return {"scorer": "choice", "normalise": True, "cases": cases}


def _choices(row: Row, listed: Sequence[str], what: str, number: int) -> list[str]:
    if len(listed) > 1:
        filled = [column for column in listed if row[column] not in (None, "")]
        offered = [_text(row, column, what, number) for column in filled]
    else:
        offered = _split_choices(row[listed[0]])
    if len(offered) < 2:
        raise ProbeError(f"{what}, row {number}: a question needs at least two choices.")
    return offered


def _split_choices(value: Any) -> list[str]:
    """A list, a list written as JSON, or a text with | between the choices."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            return []
    parts = value.split("|") if isinstance(value, str) else value
    return [str(part).strip() for part in parts] if isinstance(parts, list) else []


def _places(answers: Sequence[str], choices: Sequence[Sequence[str]], what: str) -> list[int]:
    """Where each answer stands among its choices: given as their text, a letter or a number."""
    rows = list(zip(answers, choices, strict=True))
    if all(answer in offered for answer, offered in rows):
        return [list(offered).index(answer) for answer, offered in rows]
    if all(len(answer) == 1 and answer.isalpha() and answer.isascii() for answer in answers):
        places = [string.ascii_uppercase.index(answer.upper()) for answer in answers]
    elif all(answer.isdecimal() for answer in answers):
        places = _from_numbers([int(answer) for answer in answers], choices, what)
    else:
        number = next(n for n, (answer, offered) in enumerate(rows, 1) if answer not in offered)
        raise ProbeError(f"{what}, row {number}: the answer is none of the choices.")
    for number, (place, offered) in enumerate(zip(places, choices, strict=True), start=1):
        if not 0 <= place < len(offered):
            raise ProbeError(f"{what}, row {number}: there are {len(offered)} choices only.")
    return places


def _from_numbers(numbers: Sequence[int], choices: Sequence[Sequence[str]], what: str) -> list[int]:
    if 0 in numbers:
        return list(numbers)
    if any(number >= len(offered) for number, offered in zip(numbers, choices, strict=True)):
        return [number - 1 for number in numbers]
    raise ProbeError(
        f"{what}: the answers are numbers, but nothing shows whether they count from 0 or from 1; "
        "write letters."
    )
