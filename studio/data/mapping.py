"""Which column of a file is what: suggested, edited by a person, and applied to the rows.

    mapping = suggest(rows, template)        what the file most likely is
    mapping = mapping.edited({"utterance": "text"})
    mapped = apply(mapping, rows)            rows with the columns that the template reads

Finished conversations in any of the usual formats become the columns system, history, prompt and
answer, which the template `conversation` reads.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from studio.data.columns import ANSWERS, ASKS, Columns
from studio.data.readers import Row
from studio.data.remaking import MAKERS, rename
from studio.data.split import SIDES
from studio.data.template import Template
from studio.data.turns import BadTurns
from studio.errors import DatasetError

Format = Literal[
    "messages", "alpaca", "prompt/completion", "question/answer", "text/label", "text", "columns"
]
TITLES: dict[Format, str] = {
    "messages": "conversations, turn by turn",
    "alpaca": "instructions with input and output",
    "prompt/completion": "prompts with completions",
    "question/answer": "questions with answers",
    "text/label": "texts with labels",
    "text": "plain texts",
    "columns": "columns as the template reads them",
}
GIVES: dict[Format, frozenset[str]] = {
    "messages": frozenset({"system", "history", "prompt", "answer"}),
    "alpaca": frozenset({"system", "history", "prompt", "answer"}),
    "prompt/completion": frozenset({"system", "history", "prompt", "answer"}),
    "question/answer": frozenset({"system", "history", "prompt", "answer"}),
    "text/label": frozenset({"text", "label"}),
    "text": frozenset({"text"}),
    "columns": frozenset(),
}
"""The columns that rows of a format have afterwards."""
TAKES: dict[Format, frozenset[str]] = {
    "messages": frozenset({"messages"}),
    "alpaca": frozenset({"instruction", "output"}),
    "prompt/completion": frozenset({"prompt", "answer"}),
    "question/answer": frozenset({"question", "answer"}),
}
"""The fields without which rows cannot be taken apart."""
BESIDES = frozenset({"system", "input", "context"})
OPTIONS = 64


class Mapping(BaseModel):
    """Which column is which field, and what that makes of a row."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    format: Format
    """What the file is taken for."""
    columns: dict[str, str]
    """By field, the column it is read from."""
    constants: dict[str, JsonValue] = {}
    """Fields that are the same for every row."""

    @property
    def told(self) -> str:
        """What the file is taken for, in a line."""
        pairs = [f"{column} → {field}" for field, column in self.columns.items() if column != field]
        pairs += [f"{field} is given" for field in self.constants]
        return TITLES[self.format] + (f" ({', '.join(pairs)})" if pairs else "")

    def edited(
        self, columns: dict[str, str], constants: dict[str, JsonValue] | None = None
    ) -> "Mapping":
        """With a person's choices of fields by column, which win over what was suggested."""
        fields = {field: column for column, field in columns.items()}
        if len(fields) < len(columns):
            twice = next(one for one in fields if list(columns.values()).count(one) > 1)
            raise DatasetError(f"Two columns cannot both be '{twice}'; choose one of them.")
        kept = {
            field: column
            for field, column in self.columns.items()
            if field not in fields and column not in columns
        }
        complete = [one for one, wanted in TAKES.items() if wanted <= fields.keys()]
        format = complete[0] if complete else self.format
        if complete and format != self.format:
            kept = {}
        elif not TAKES.get(format, frozenset()) <= kept.keys() | fields.keys():
            format = "columns"
        constants = self.constants | (constants or {})
        return Mapping(format=format, columns=kept | fields, constants=constants)

    @property
    def renamed(self) -> dict[str, str]:
        """By field, the columns that are only called otherwise."""
        wanted = TAKES.get(self.format)
        if wanted is None:
            return self.columns
        return {name: one for name, one in self.columns.items() if name not in wanted | BESIDES}

    def missing(self, template: Template, rows: Sequence[Row]) -> list[str]:
        """Columns that the template must have and no row would get."""
        given = GIVES[self.format] | self.columns.keys() | self.constants.keys()
        present = set().union(*(row.keys() for row in rows[:1000])) if rows else set()
        return sorted(template.required_columns() - given - present)


@dataclass(frozen=True)
class Mapped:
    """The rows that could be made, each with the number of the row it was, and the others."""

    rows: list[Row]
    numbers: list[int]
    refused: list[tuple[int, str]]
    """Number of a row, from 1, and why it cannot be used."""


def suggest(
    rows: Sequence[Row], template: Template | None = None, *, taken: Collection[str] = ()
) -> Mapping:
    """What the rows most likely are, seen by the columns that a template reads.

    Columns in `taken` have found their place already. DatasetError if there are no rows to look at.
    """
    if not rows:
        raise DatasetError("There are no rows to find columns in; bring a file that has some.")
    columns = Columns.of(rows, taken)
    found = _recognise(columns)
    if template is None:
        return found
    needed = template.required_columns()
    fitted: dict[str, Any] = {"constants": options_of(found, template, rows)}
    if needed <= set(columns.names):
        fitted |= {"format": "columns", "columns": _side(columns, template)}
    elif needed <= GIVES[found.format] | set(columns.names):
        fitted |= {"columns": found.columns | _side(columns, template)}
    else:
        fields = _by_kind(columns, template) or _by_place(found, columns, template)
        fitted |= {"format": "columns", "columns": fields | _side(columns, template)}
    return found.model_copy(update=fitted)


def apply(mapping: Mapping, rows: Sequence[Row]) -> Mapped:
    """Make rows with the mapping's fields; a row that cannot be made is told, not mended.

    Columns that the mapping does not name stay as they are. DatasetError if no row has a column
    that the mapping names.
    """
    absent = [
        column for column in mapping.columns.values() if not any(column in row for row in rows)
    ]
    if absent and rows:
        there = ", ".join(dict.fromkeys(name for row in rows[:100] for name in row))
        raise DatasetError(f"No row has a column '{absent[0]}'; columns are {there[:300]}.")
    made = Mapped([], [], [])
    maker, renamed = MAKERS.get(mapping.format), mapping.renamed
    used = set(mapping.columns.values()) - mapping.columns.keys()
    for number, row in enumerate(rows, start=1):
        try:
            fields = maker(mapping.columns, row) if maker else {}
            fields |= rename(renamed, row)
        except BadTurns as error:
            made.refused.append((number, str(error)))
            continue
        other = {name: value for name, value in row.items() if name not in used}
        other.update(mapping.constants)
        other.update(fields)
        made.rows.append(other)
        made.numbers.append(number)
    return made


def options_of(mapping: Mapping, template: Template, rows: Sequence[Row]) -> dict[str, JsonValue]:
    """All labels, for a template that offers them as options; {} where there are too many."""
    label = mapping.columns.get("label", "label")
    if "options" not in template.variables() or any("options" in row for row in rows[:100]):
        return {}
    labels = sorted({str(row[label]) for row in rows if row.get(label) not in (None, "")})
    return {"options": list(labels)} if 2 <= len(labels) <= OPTIONS else {}


# ---- what a file is


def _recognise(columns: Columns) -> Mapping:
    """The format, by the names of the columns and then by what they hold."""

    def named(format: Format, **kinds: str) -> Mapping | None:
        """The mapping if the columns of these kinds are there; those ending in _ may be absent."""
        found = {field: columns.called(kind) for field, kind in kinds.items()}
        if any(not column and not field.endswith("_") for field, column in found.items()):
            return None
        present = {field.rstrip("_"): column for field, column in found.items() if column}
        return Mapping(format=format, columns=present)

    if turns := columns.turns():
        if pair := named("prompt/completion", prompt="prompt", answer="completion"):
            return pair
        return Mapping(format="messages", columns={"messages": turns} | _system(columns, turns))
    recognised = (
        named("alpaca", instruction="instruction", input_="input", context_="context",
              output="completion", system_="system")
        or named("alpaca", instruction="instruction", input_="input", output="answer",
                 system_="system")
        or named("prompt/completion", prompt="prompt", answer="completion", system_="system")
        or named("prompt/completion", prompt="prompt", answer="answer", system_="system")
        or named("prompt/completion", prompt="input", answer="completion", system_="system")
        or named("question/answer", question="question", answer="answer", context_="context",
                 system_="system")
        or named("question/answer", question="question", answer="completion", context_="context",
                 system_="system")
        or named("text/label", text="text", label="label")
    )  # fmt: skip
    return recognised or _by_content(columns)


def _system(columns: Columns, turns: str) -> dict[str, str]:
    system = columns.called("system")
    return {"system": system} if system and system != turns else {}


def _by_content(columns: Columns) -> Mapping:
    texts = columns.texts()
    text = columns.called("text") or next(iter(texts), None)
    label = columns.called("label") or columns.label()
    if text and label and text != label:
        return Mapping(format="text/label", columns={"text": text, "label": label})
    if columns.called("text") or len(texts) == 1:
        return Mapping(format="text", columns={"text": text or texts[0]})
    if len(texts) == 2:
        first, second = sorted(texts, key=columns.names.index)
        return Mapping(format="prompt/completion", columns={"prompt": first, "answer": second})
    return Mapping(format="columns", columns={})


def _side(columns: Columns, template: Template) -> dict[str, str]:
    """The column that says which rows are held out, where the template reads one by its name."""
    name = template.split_column
    if name is None or name in columns.names:
        return {}
    side = columns.side(SIDES["train"], SIDES["heldout"])
    return {name: side} if side else {}


def _by_kind(columns: Columns, template: Template) -> dict[str, str]:
    """For every column the template needs, the one of the same kind; {} if one has none."""
    fields: dict[str, str] = {}
    for name in sorted(template.required_columns() - set(columns.names)):
        free = [column for column in columns.like(name) if column not in fields.values()]
        if not free:
            return {}
        fields[name] = free[0]
    return fields


def _by_place(found: Mapping, columns: Columns, template: Template) -> dict[str, str]:
    """One column asked about and one answered, whatever both sides call them."""
    missing = template.required_columns() - set(columns.names)
    asked = sorted(missing & template.prompt_variables())
    answered = sorted(missing - template.prompt_variables())
    roles = {"output": "completion"} | dict.fromkeys(("messages", "system"), "")
    pairs = {roles.get(field, field): column for field, column in found.columns.items()}
    ask = next((pairs[kind] for kind in ASKS if kind in pairs), None)
    answer = next((pairs[kind] for kind in ANSWERS if kind in pairs), None)
    fields = {asked[0]: ask} if len(asked) == 1 and ask else {}
    return fields | ({answered[0]: answer} if len(answered) == 1 and answer else {})
