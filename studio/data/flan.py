"""Pattern pairs as FLAN writes them: {"task": [("Is it so?\\n{text}\\n{options_}", "{answer}")]}.

Read from JSON, or from Python source of which only plain lists and texts are taken: nothing is run.
"""

import ast
import json
import re
import string
from collections.abc import Iterator
from typing import Any

from jinja2 import nodes

from studio.data.foreign import (
    UNKNOWN_LICENSE,
    Brought,
    Given,
    LeftOut,
    literal,
    name_of,
    phrasings,
    without_system,
)
from studio.data.jinja_source import parse, reads
from studio.data.template import Template
from studio.errors import TemplateError

OPTIONS = "OPTIONS:\n{% for choice in answer_choices %}- {{ choice }}\n{% endfor %}"
"""What {options_} stands for."""
CHOICES = "{{ options | join(' ||| ') }}"
_OPTIONS_FIELD = "options_"
_FIELD = re.compile(r"([A-Za-z_]\w*)((?:\[\w+\]|\.[A-Za-z_]\w*)*)")
_STEP = re.compile(r"\[(\w+)\]|\.(\w+)")


def read(text: str, origin: str) -> Brought:
    """A template per task; what is no pair of plain patterns is listed. Raises TemplateError."""
    left: list[LeftOut] = []
    templates = []
    for task, patterns in _tasks(text, origin, left):
        pairs = []
        for number, pattern in enumerate(patterns, start=1):
            what = f"{task}, pattern {number}"
            try:
                asked, answered = _pair(pattern)
                pairs.append(("", _to_jinja(asked), _to_jinja(answered)))
            except ValueError as error:
                left.append(LeftOut(what, str(error)))
        if pairs:
            templates.append(_template(task, pairs))
    if not templates:
        why = f" ({left[0]})" if left else ""
        raise TemplateError(f"{origin}: has no pairs of patterns that can be used{why}.")
    return Brought(tuple(templates), tuple(left))


def write(template: Template) -> Given:
    """The template as JSON of pattern pairs."""
    left = without_system(template, "FLAN")
    pairs = []
    for number, phrasing in enumerate(template.phrasings, start=1):
        answer = template.answer if phrasing.answer is None else phrasing.answer
        try:
            pairs.append([_to_pattern(phrasing.prompt), _to_pattern(answer)])
        except ValueError as error:
            left.append(LeftOut(f"phrasing {number}", str(error)))
    if not pairs:
        raise TemplateError(f"Template '{template.name}' cannot be written: {left[-1]}.")
    if template.answer_choices is not None and template.answer_choices != CHOICES:
        left.append(LeftOut("possible answers", "FLAN takes them from a column 'options'"))
    text = json.dumps({template.name: pairs}, indent=2, ensure_ascii=False) + "\n"
    return Given({f"{template.name}.json": text}, tuple(left))


def _tasks(text: str, origin: str, left: list[LeftOut]) -> Iterator[tuple[str, list[Any]]]:
    """Names and patterns; Python that is no plain list is left out."""
    if text.lstrip().startswith("{"):
        try:
            fields = json.loads(text)
        except ValueError as error:
            raise TemplateError(f"{origin}: not JSON ({error}).") from error
        yield from ((str(task), list(found)) for task, found in fields.items()
                    if isinstance(found, list))  # fmt: skip
        return
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise TemplateError(f"{origin}: neither JSON nor Python ({error}).") from error
    for statement in tree.body:
        value = getattr(statement, "value", None)
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or not isinstance(value, ast.Dict):
            continue
        for key, item in zip(value.keys, value.values, strict=True):
            task = key.value if isinstance(key, ast.Constant) else "a task"
            if isinstance(item, ast.List | ast.Tuple):
                yield str(task), [_plain(element) for element in item.elts]
            else:
                left.append(LeftOut(str(task), "it is computed by Python, which is not run"))


def _plain(node: ast.expr) -> Any:
    """The value of a literal, or None."""
    try:
        return ast.literal_eval(node)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _pair(pattern: Any) -> tuple[str, str]:
    if isinstance(pattern, dict):
        pattern = (pattern.get("inputs"), pattern.get("targets"))
    if isinstance(pattern, list | tuple) and len(pattern) == 2:
        asked, answered = pattern
        if isinstance(asked, str) and isinstance(answered, str):
            return asked, answered
    raise ValueError("it is no pair of texts")


def _to_jinja(pattern: str) -> str:
    """A pattern of str.format as Jinja; ValueError says what it uses that Jinja is not given."""
    parts = []
    for text, field, spec, conversion in string.Formatter().parse(pattern):
        parts.append(literal(text))
        if field is None:
            continue
        if spec or conversion:
            raise ValueError(f"{{{field}}} asks for a way of formatting, which is not known here")
        match = _FIELD.fullmatch(field)
        if not match:
            raise ValueError(f"{{{field}}} names no column")
        if field == _OPTIONS_FIELD:
            parts.append(OPTIONS)
            continue
        steps = (
            f"[{one}]" if one.isdecimal() else f"[{one or other!r}]"
            for one, other in _STEP.findall(match[2])
        )
        parts.append("{{ " + match[1] + "".join(steps) + " }}")
    return "".join(parts)


def _template(task: str, pairs: list[tuple[str, str, str]]) -> Template:
    answer, asked = phrasings(pairs)
    offers = any("answer_choices" in prompt for _, prompt, _ in pairs)
    return Template(
        name=name_of(task),
        title=task,
        description=f"Imported from FLAN's patterns: {len(pairs)} ways of asking.",
        task="classification" if offers else "generation",
        license=UNKNOWN_LICENSE,
        source=f"FLAN patterns of {task}.",
        answer=answer,
        phrasings=asked,
        answer_choices=CHOICES if offers else None,
    )


def _to_pattern(source: str) -> str:
    """Jinja as a pattern of str.format; ValueError if it does more than name columns."""
    marker = "\uf8ff"
    parts: list[str] = []
    plain = source.replace(OPTIONS, marker)
    if reads(plain, "answer_choices"):
        raise ValueError("a pattern knows possible answers only as {options_}")
    for node in parse(plain).body:
        if not isinstance(node, nodes.Output):
            raise ValueError(f"a pattern cannot say {{% {type(node).__name__.lower()} %}}")
        for piece in node.nodes:
            if isinstance(piece, nodes.TemplateData):
                parts.append(piece.data.replace("{", "{{").replace("}", "}}"))
            else:
                parts.append("{" + _path(piece) + "}")
    return "".join(parts).replace(marker, "{options_}")


def _path(node: nodes.Expr) -> str:
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        return f"{_path(node.node)}[{node.attr}]"
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        return f"{_path(node.node)}[{node.arg.value}]"
    raise ValueError("a pattern can only name columns, not compute with them")
