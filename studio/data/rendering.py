"""Rows and a template become examples."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from studio.data.example import Example, Message
from studio.data.readers import Row
from studio.data.sandbox import Sandbox
from studio.data.split import SourceRow, fraction, identify
from studio.data.template import CHOICE_SEPARATOR, Phrasing, Template
from studio.errors import DatasetError, sentence

Phrasings = Literal["one", "all"]
ROLES = ("user", "assistant")  # by turns, in the history of a conversation

_TURNS = TypeAdapter(tuple[Message, ...])


def preview(
    template: Template, rows: Sequence[Row], *, phrasings: Phrasings = "all", seed: int = 42
) -> list[Example]:
    """Render a few rows to look at; errors as in a build."""
    with Sandbox() as sandbox:
        return render_examples(
            template, identify(rows, template), sandbox=sandbox, phrasings=phrasings, seed=seed
        )


def render_examples(
    template: Template,
    rows: Sequence[SourceRow],
    *,
    sandbox: Sandbox,
    phrasings: Phrasings,
    seed: int,
) -> list[Example]:
    """Render each row with one phrasing, drawn by weight and seed, or with all of them.

    Examples come in the order of the rows, then of the phrasings. Blank space around a text is
    removed, since a YAML block ends in a newline that nobody meant. TemplateError names the
    phrasing and the row that cannot be rendered.
    """
    choices = _render_choices(template, rows, sandbox)
    by_phrasing: dict[int, list[SourceRow]] = defaultdict(list)
    for row in rows:
        for number in _phrasings_for(row, template, phrasings, seed):
            by_phrasing[number].append(row)
    examples = []
    for number, asked in by_phrasing.items():
        phrasing = template.phrasings[number - 1]
        texts = sandbox.render_many(
            _sources(template, phrasing),
            [_with_choices(row, choices) for row in asked],
            numbers=[row.number for row in asked],
            what=f"template '{template.name}', phrasing {number}",
        )
        examples += [
            _example(row, number, text, choices.get(row.number, ()), _history(template, row))
            for row, text in zip(asked, texts, strict=True)
        ]
    return sorted(examples, key=lambda example: (example.row, example.phrasing))


def _sources(template: Template, phrasing: Phrasing) -> dict[str, str]:
    answer = template.answer if phrasing.answer is None else phrasing.answer
    sources = {"prompt": phrasing.prompt, "answer": answer}
    return sources | ({"system": template.system} if template.system else {})


def _render_choices(
    template: Template, rows: Sequence[SourceRow], sandbox: Sandbox
) -> dict[int, tuple[str, ...]]:
    """The possible answers by row number; empty if the template lists none."""
    listed = template.answer_choices
    if listed is None:
        return {}
    if not isinstance(listed, str):
        return {row.number: listed for row in rows}
    texts = sandbox.render_many(
        {"answer_choices": listed},
        [row.columns for row in rows],
        numbers=[row.number for row in rows],
        what=f"template '{template.name}'",
    )
    return {
        row.number: tuple(
            part.strip() for part in text["answer_choices"].split(CHOICE_SEPARATOR) if part.strip()
        )
        for row, text in zip(rows, texts, strict=True)
    }


def _with_choices(row: SourceRow, choices: dict[int, tuple[str, ...]]) -> Row:
    if row.number not in choices:
        return row.columns
    return {**row.columns, "answer_choices": list(choices[row.number])}


def _phrasings_for(
    row: SourceRow, template: Template, phrasings: Phrasings, seed: int
) -> Sequence[int]:
    numbers = range(1, len(template.phrasings) + 1)
    if phrasings == "all":
        return numbers
    weights = [phrasing.weight for phrasing in template.phrasings]
    left = fraction(seed, "phrasing", row.content) * sum(weights)
    for number, weight in zip(numbers, weights, strict=True):
        left -= weight
        if left < 0:
            return [number]
    return [numbers[-1]]


def _history(template: Template, row: SourceRow) -> Sequence[Message]:
    """The earlier turns that the row brings along; DatasetError if they do not take turns."""
    if not template.history_column:
        return ()
    try:
        turns = _TURNS.validate_python(row.columns.get(template.history_column) or ())
    except ValidationError as error:
        what = f"Row {row.number}, column '{template.history_column}'"
        raise DatasetError(sentence(error, what)) from error
    if any(turn.role != ROLES[number % 2] for number, turn in enumerate(turns)) or len(turns) % 2:
        raise DatasetError(
            f"Row {row.number}: column '{template.history_column}' must hold turns of user and "
            "assistant by turns, and end with the assistant's."
        )
    return turns


def _example(
    row: SourceRow,
    phrasing: int,
    texts: dict[str, str],
    choices: tuple[str, ...],
    history: Sequence[Message],
) -> Example:
    system = texts.get("system", "").strip()
    messages = [*history, Message(role="user", content=texts["prompt"].strip())]
    if system:
        messages.insert(0, Message(role="system", content=system))
    return Example(
        id=f"{row.content[:16]}-{phrasing}",
        row=row.number,
        phrasing=phrasing,
        messages=tuple(messages),
        completion=texts["answer"].strip(),
        choices=choices,
    )
