"""Rows and a template become examples."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from pydantic import TypeAdapter, ValidationError

from studio.data import shots
from studio.data.example import Example, Message
from studio.data.progress import counting_from
from studio.data.readers import Row
from studio.data.sandbox import Sandbox, Texts
from studio.data.split import SourceRow, fraction, identify
from studio.data.template import CHOICE_SEPARATOR, Template
from studio.data.template_parts import Phrasing, sources_of_turns
from studio.data.warm import warm_sandbox
from studio.data.ways import Phrasings
from studio.errors import DatasetError, sentence

Choices: TypeAlias = Mapping[int, tuple[str, ...]]
"""The possible answers by the number of the row."""
Make: TypeAlias = Callable[[SourceRow, dict[str, str], tuple[str, ...]], Sequence[Example]]
ROLES = ("user", "assistant")  # by turns, in the history of a conversation

_TURNS = TypeAdapter(tuple[Message, ...])


def preview(
    template: Template,
    rows: Sequence[Row],
    *,
    phrasings: Phrasings = "all",
    seed: int = 42,
    pool: Sequence[Row] | None = None,
) -> list[Example]:
    """Render a few rows to look at; errors as in a build.

    Solved rows that the template shows are drawn from `pool`, by default from the rows themselves.
    """
    with warm_sandbox() as sandbox:
        return render_examples(
            template,
            identify(rows, template),
            sandbox=sandbox,
            phrasings=phrasings,
            seed=seed,
            pool=None if pool is None or not template.shots else identify(pool, template),
        )


def render_examples(
    template: Template,
    rows: Sequence[SourceRow],
    *,
    sandbox: Sandbox,
    phrasings: Phrasings,
    seed: int,
    pool: Sequence[SourceRow] | None = None,
    numbers: Sequence[int] | None = None,
    every_turn: bool = False,
    told: Callable[[int], None] = lambda done: None,
) -> list[Example]:
    """Render each row with one phrasing, drawn by weight and seed, or with all of them.

    Only the phrasings of those `numbers` are used, by default every one. Examples come in the
    order of the rows, then of the phrasings, and with `every_turn` those of earlier answers of a
    conversation before that of the last. Blank space around a text is removed, since a YAML block
    ends in a newline that nobody meant. Where the template shows solved rows, they are drawn from
    `pool`: the rows to learn from, by default these. How many are done is `told` now and then.
    TemplateError names the phrasing and the row that cannot be rendered.
    """
    common = _common(template)
    choices = _render_choices(template, rows, sandbox)
    by_phrasing: dict[int, list[SourceRow]] = defaultdict(list)
    for row in rows:
        for number in _phrasings_for(row, template, phrasings, seed, numbers):
            by_phrasing[number].append(row)
    examples: list[Example] = []
    for number, asked in by_phrasing.items():
        texts = _render(
            template, number, asked, choices=choices, sandbox=sandbox,
            told=counting_from(len(examples), told),
        )  # fmt: skip
        solved = _solve(template, number, rows if pool is None else pool, sandbox, seed)
        make = _maker(template, number, solved, seed=seed, every_turn=every_turn)
        for row, *parts in zip(asked, *texts.values(), strict=True):
            fields = dict(zip(texts, parts, strict=True))
            examples += make(row, fields, choices.get(row.number, common))
    return sorted(examples, key=lambda example: (example.row, example.phrasing))


def _render(
    template: Template,
    number: int,
    rows: Sequence[SourceRow],
    *,
    choices: Choices,
    sandbox: Sandbox,
    only: Sequence[str] | None = None,
    told: Callable[[int], None] = lambda done: None,
) -> Texts:
    """What each source of the phrasing of that number gives for each row."""
    sources = _sources(template, template.phrasings[number - 1])
    common = _common(template)
    return sandbox.render_columns(
        sources if only is None else {name: sources[name] for name in only},
        [_with_choices(row, choices) for row in rows] if choices else
        [row.columns for row in rows],
        numbers=[row.number for row in rows],
        what=f"template '{template.name}', phrasing {number}",
        common={"answer_choices": list(common)} if common else None,
        told=told,
    )  # fmt: skip


def _solve(
    template: Template, number: int, pool: Sequence[SourceRow], sandbox: Sandbox, seed: int
) -> list[shots.Solved]:
    """Rows that can be shown solved in this phrasing; none if the template shows none."""
    if not template.shots:
        return []
    rows = shots.pool_of(pool, seed=seed)
    choices = _render_choices(template, rows, sandbox)
    texts = _render(
        template, number, rows, choices=choices, sandbox=sandbox, only=("prompt", "answer")
    )
    return shots.solve(rows, texts["prompt"], texts["answer"])


def _sources(template: Template, phrasing: Phrasing) -> dict[str, str]:
    answer = template.answer if phrasing.answer is None else phrasing.answer
    sources = {"prompt": phrasing.prompt, "answer": answer}
    sources |= dict(sources_of_turns(template.turns))
    return sources | ({"system": template.system} if template.system else {})


def _common(template: Template) -> tuple[str, ...]:
    """The possible answers where they are the same for every row; else none."""
    listed = template.answer_choices
    return () if listed is None or isinstance(listed, str) else listed


def _render_choices(template: Template, rows: Sequence[SourceRow], sandbox: Sandbox) -> Choices:
    """The possible answers by row number, where each row has its own."""
    listed = template.answer_choices
    if not isinstance(listed, str):
        return {}
    texts = sandbox.render_columns(
        {"answer_choices": listed},
        [row.columns for row in rows],
        numbers=[row.number for row in rows],
        what=f"template '{template.name}'",
    )
    return {
        row.number: tuple(part.strip() for part in text.split(CHOICE_SEPARATOR) if part.strip())
        for row, text in zip(rows, texts["answer_choices"], strict=True)
    }


def _with_choices(row: SourceRow, choices: Choices) -> Row:
    return {**row.columns, "answer_choices": list(choices[row.number])}


def _phrasings_for(
    row: SourceRow,
    template: Template,
    phrasings: Phrasings,
    seed: int,
    numbers: Sequence[int] | None,
) -> Sequence[int]:
    numbers = numbers or range(1, len(template.phrasings) + 1)
    if phrasings == "all" or len(numbers) == 1:
        return numbers
    weights = [template.phrasings[number - 1].weight for number in numbers]
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


def _turns(template: Template, row: SourceRow, texts: dict[str, str]) -> list[Message]:
    """The earlier turns that the template gives; those of which both sides are blank are none."""
    said = []
    for number in range(1, len(template.turns) + 1):
        asked, answered = (texts[f"turn {number}, {side}"].strip() for side in ("prompt", "answer"))
        if not asked and not answered:
            continue
        if not asked or not answered:
            side = "prompt" if not asked else "answer"
            raise DatasetError(
                f"Row {row.number}: the {side} of turn {number} is blank; fill the column, or let "
                "both sides of the turn be blank."
            )
        said += [Message(role="user", content=asked), Message(role="assistant", content=answered)]
    return said


def _maker(
    template: Template,
    phrasing: int,
    solved: Sequence[shots.Solved],
    *,
    seed: int,
    every_turn: bool,
) -> Make:
    """A function that makes the example of a row, its texts and its choices.

    With `every_turn` those of the earlier answers come before it.
    """

    def make(row: SourceRow, texts: dict[str, str], choices: tuple[str, ...]) -> Sequence[Example]:
        messages = [*_history(template, row), *_turns(template, row, texts)]
        first, before = 0, ""
        if template.shots:
            shown = shots.draw(row, solved, template.shots.count, seed=seed)
            if template.shots.as_turns:
                messages = shots.turns(shown) + messages
                first = 2 * len(shown)
            else:
                before = shots.write(template.shots, shown)
        if system := texts.get("system", "").strip():
            messages.insert(0, Message(role="system", content=system))
            first += 1
        messages.append(Message(role="user", content=before + texts["prompt"].strip()))
        last = Example(
            id=f"{row.content[:16]}-{phrasing}",
            row=row.number,
            phrasing=phrasing,
            messages=tuple(messages),
            completion=texts["answer"].strip(),
            choices=choices,
            origin=row.origin,
            shown=len(before),
        )
        return [*_earlier(last, first), last] if every_turn else [last]

    return make


def _earlier(last: Example, first: int) -> Iterator[Example]:
    """One example for each earlier answer; the conversation itself begins at message `first`."""
    for place in range(first + 1, len(last.messages), 2):
        yield last.model_copy(
            update={
                "id": f"{last.id}.{(place - first + 1) // 2}",
                "messages": last.messages[:place],
                "completion": last.messages[place].content,
                "choices": (),
                "shown": 0,
            }
        )
