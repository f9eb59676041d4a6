"""A task turned round: from the answer to what was asked about, as a template of its own.

Review: {{ text }}  ->  positive        becomes
Review: ...                             the original question with a gap,
Answer: positive                        and its answer
Write what belongs in the gap.  ->  {{ text }}
"""

import re
from collections.abc import Sequence

from studio.data.foreign import with_choices
from studio.data.jinja_source import names_in
from studio.data.readers import Row
from studio.data.template import Template
from studio.data.template_parts import Phrasing
from studio.errors import TemplateError

GAP = "[...]"
END = "inverted"


def askable(template: Template, rows: Sequence[Row] = ()) -> list[str]:
    """Columns that can become the answer, the one with the longest texts in the rows first."""
    asked = set().union(*(names_in(phrasing.prompt) for phrasing in template.phrasings))
    required = template.required_columns()
    free = sorted(asked & required - template.answer_variables())
    looked = [*rows[:100], *([] if rows else template.all_rows()[:100])]

    def letters(name: str) -> int:
        return sum(len(str(row.get(name, ""))) for row in looked)

    return sorted(free, key=letters, reverse=True)


def invert(template: Template, column: str = "", *, rows: Sequence[Row] = ()) -> Template:
    """The template that asks for a column by the answer; by default the column of long texts.

    Every phrasing becomes one with a gap where the column stood; where a phrasing does more with
    the column than print it, a plain one stands for it. Other columns are asked with as before.
    TemplateError if no column is asked about, or the column is none of those.
    """
    columns = askable(template, rows)
    if not columns or (column and column not in columns):
        known = f"choose one of {', '.join(columns)}" if columns else "it asks about no column"
        raise TemplateError(f"Template '{template.name}' cannot be turned round: {known}.")
    wanted = column or columns[0]
    asked = dict.fromkeys(
        _invert_phrasing(template, phrasing, wanted) for phrasing in template.phrasings
    )
    return template.model_copy(
        update={
            "name": f"{template.name[: 63 - len(END)]}-{END}",
            "title": f"{template.title}, turned round",
            "description": f"Turned round: give the {_words(wanted)} for an answer. "
            f"The task was: {template.description}",
            "task": "generation",
            "source": f"{template.source} Turned round from the template '{template.name}'.",
            "answer": f"{{{{ {wanted} }}}}",
            "answer_choices": None,
            "shots": None,
            "system": "",
            "turns": tuple(
                turn for turn in template.turns
                if wanted not in names_in(turn.prompt) | names_in(turn.answer)
            ),
            "phrasings": tuple(Phrasing(prompt=prompt) for prompt in asked),
        }
    )  # fmt: skip


def _invert_phrasing(template: Template, phrasing: Phrasing, wanted: str) -> str:
    answer = template.answer if phrasing.answer is None else phrasing.answer
    printed = re.compile(r"\{\{-?\s*" + re.escape(wanted) + r"\s*(\|[^}]*)?-?\}\}")
    gapped = printed.sub(GAP, phrasing.prompt).strip()
    if gapped != phrasing.prompt.strip() and wanted not in names_in(gapped):
        prompt = f"{gapped}\nAnswer: {answer}\nWrite what belongs in place of {GAP}"
    else:
        prompt = f"Write a {_words(wanted)} for which this is the answer.\n{answer}"
    return with_choices(template, prompt)


def _words(column: str) -> str:
    return column.replace("_", " ").strip() or column
