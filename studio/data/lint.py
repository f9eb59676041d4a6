"""What is odd about a template beside the rows it is meant for, found without a build.

for remark in lint(template, rows, sandbox=sandbox):
    print(remark)            phrasing 2, line 1: 'titel' is no column; did you mean 'title'?
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Literal, NamedTuple

from studio.data.example import Example
from studio.data.foreign import unknown_in
from studio.data.jinja_source import line_of, names_in
from studio.data.readers import Row
from studio.data.rendering import render_examples
from studio.data.sandbox import SOURCE_BYTES, Sandbox
from studio.data.split import identify
from studio.data.template import Template
from studio.errors import StudioError

ANSWERS = 500
"""Most different answers that are rendered to compare them with the possible ones."""
NAMED = 6  # things listed in one remark
PLAIN = frozenset({"split", "options", "history", "id"})  # columns that may well be unread
_SINGLE_BRACES = re.compile(r"(?<!{)\{([A-Za-z_]\w*)\}(?!})")


class Remark(NamedTuple):
    """Something odd, where it is, and how bad: an error keeps rows from becoming examples."""

    severity: Literal["error", "warning", "note"]
    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


def lint(template: Template, rows: Sequence[Row], *, sandbox: Sandbox) -> list[Remark]:
    """Everything odd about the template, the worst first; without rows, what it shows by itself."""
    remarks = [*_sources(template), *_weights(template, len(rows)), *_answers_shown(template)]
    if rows:
        remarks += [*_columns(template, rows), *_shots(template, rows)]
        if not any(remark.severity == "error" for remark in remarks):
            remarks += _choices(template, rows, sandbox)
    order = ("error", "warning", "note")
    return sorted(remarks, key=lambda remark: order.index(remark.severity))


def _sources(template: Template) -> Iterator[Remark]:
    """What every source shows by itself."""
    for place, source in template.sources():
        if reason := unknown_in(source):
            yield Remark("error", place, f"{reason}.")
        if len(source.encode()) > SOURCE_BYTES:
            yield Remark("error", place, f"it is longer than {SOURCE_BYTES:,} bytes.")
        for name in dict.fromkeys(_SINGLE_BRACES.findall(source)):
            if name in template.variables():
                yield Remark(
                    "warning", place, f"{{{name}}} is plain text; write {{{{ {name} }}}} for it."
                )
    for number, phrasing in enumerate(template.phrasings, start=1):
        if not names_in(phrasing.prompt) and not template.reads_whole_row():
            yield Remark("warning", f"phrasing {number}", "it asks the same of every row.")
    if not template.reads_whole_row() and not template.answer_variables():
        yield Remark("warning", "answer", "it is the same for every row.")


def _weights(template: Template, rows: int) -> Iterator[Remark]:
    """Phrasings that stand there twice, and those that hardly any row will be asked in."""
    first: dict[tuple[str, str | None], int] = {}
    total = sum(phrasing.weight for phrasing in template.phrasings)
    for number, phrasing in enumerate(template.phrasings, start=1):
        same = first.setdefault((phrasing.prompt.strip(), phrasing.answer), number)
        if same != number:
            yield Remark("warning", f"phrasing {number}", f"it is the same as phrasing {same}.")
        share = phrasing.weight / total
        if rows and share * rows < 1:
            yield Remark(
                "warning", f"phrasing {number}",
                f"its weight gives it {share:.1%} of {rows:,} rows: likely none is asked so.",
            )  # fmt: skip
    if len(template.phrasings) == 1 and template.phrasings[0].weight != 1:
        yield Remark("note", "phrasing 1", "a weight changes nothing where there is one phrasing.")


def _answers_shown(template: Template) -> Iterator[Remark]:
    """Columns of the answer that a prompt names as well."""
    for number, phrasing in enumerate(template.phrasings, start=1):
        answer = template.answer if phrasing.answer is None else phrasing.answer
        both = sorted(names_in(answer) & names_in(phrasing.prompt))
        if both:
            yield Remark(
                "note", f"phrasing {number}",
                f"it reads {_listed(both)}, as the answer does; make sure it does not tell it.",
            )  # fmt: skip


def _columns(template: Template, rows: Sequence[Row]) -> Iterator[Remark]:
    """Names that are no column, columns that some rows lack, and those that nothing reads."""
    counts = Counter(name for row in rows for name in row)
    required = template.required_columns()
    for place, source in template.sources():
        for name in sorted(names_in(source)):
            there = counts[name]
            if there == len(rows) or (there and name not in required):
                continue
            yield _missing(name, place, source, there, len(rows), counts, name in required)
    if template.reads_whole_row():
        return
    read = template.variables() | PLAIN | {template.split_column or "", "answer_choices"}
    unread = [name for name in counts if name not in read]
    if unread:
        yield Remark("note", "columns", f"nothing reads {_listed(unread)}.")


def _missing(
    name: str, place: str, source: str, there: int, rows: int, counts: Counter[str], needed: bool
) -> Remark:
    where = f"{place}, line {line_of(source, name)}"
    if there:
        return Remark(
            "error", where, f"{rows - there:,} of {rows:,} rows have no column '{name}'; "
            f"fill it, or write {{{{ {name} | default('') }}}}.",
        )  # fmt: skip
    if not needed:
        return Remark("note", where, f"no row has the column '{name}', which may be absent.")
    close = get_close_matches(name, counts, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"columns are {_listed(list(counts))}."
    return Remark("error", where, f"'{name}' is no column; {hint}")


def _shots(template: Template, rows: Sequence[Row]) -> Iterator[Remark]:
    if template.shots and len(rows) <= template.shots.count:
        yield Remark(
            "warning", "solved rows",
            f"{template.shots.count} are to be shown, and there are {len(rows)} rows in all.",
        )  # fmt: skip


def _choices(template: Template, rows: Sequence[Row], sandbox: Sandbox) -> Iterator[Remark]:
    """Possible answers that no row has, and answers that are not possible ones."""
    if template.answer_choices is None:
        return
    different = _different_answers(template, rows)
    if different is None:
        return
    bare = template.model_copy(update={"shots": None, "history_column": None, "turns": ()})
    try:
        examples = render_examples(
            bare, identify(different, bare), sandbox=sandbox, phrasings="one", seed=0
        )
    except StudioError as error:
        yield Remark("error", "rows", str(error))
        return
    yield from _compare(template, examples)


def _different_answers(template: Template, rows: Sequence[Row]) -> list[Row] | None:
    """A row for every different answer; None if there are too many."""
    names = sorted(template.answer_variables())
    different: dict[str, Row] = {}
    for row in rows:
        different.setdefault(repr([row.get(name) for name in names]), row)
        if len(different) > ANSWERS:
            return None
    return list(different.values())


def _compare(template: Template, examples: Sequence[Example]) -> Iterator[Remark]:
    given = {example.completion for example in examples if example.completion}
    possible = dict.fromkeys(choice for example in examples for choice in example.choices)
    if strange := sorted(
        {e.completion for e in examples if e.completion and e.completion not in e.choices}
    ):
        yield Remark("warning", "possible answers", f"{_listed(strange)}: answers not among them.")
    if isinstance(template.answer_choices, tuple) and len(possible) < len(template.answer_choices):
        yield Remark("warning", "possible answers", "one of them stands there twice.")
    if unreachable := [choice for choice in possible if choice not in given]:
        yield Remark("warning", "possible answers", f"no row gives {_listed(unreachable)}.")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name[:40]}'" for name in names[:NAMED])
    return f"{shown} and {len(names) - NAMED:,} more" if len(names) > NAMED else shown
