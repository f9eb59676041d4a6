"""Tasks of lm-evaluation-harness (EleutherAI) as templates, and templates as such tasks.

Only its YAML: what a task computes by a Python function (`!function`) is listed, never run.
"""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from jinja2 import nodes

from studio.data import strict_yaml
from studio.data.foreign import (
    UNKNOWN_LICENSE,
    Brought,
    Given,
    LeftOut,
    known_choices,
    name_of,
    unknown_in,
    with_choices,
    without_system,
)
from studio.data.jinja_source import parse, reads
from studio.data.readers import Row, read_rows
from studio.data.strict_yaml import Tagged
from studio.data.template import CHOICE_SEPARATOR, Template
from studio.data.template_parts import Phrasing
from studio.errors import DatasetError, TemplateError

READ = {
    "task", "doc_to_text", "doc_to_target", "doc_to_choice", "description", "include",
    "output_type", "dataset_kwargs", "dataset_path", "dataset_name", "test_split",
    "validation_split", "training_split", "metadata", "tag", "group", "task_alias",
    "num_fewshot", "fewshot_delimiter", "target_delimiter",
}  # fmt: skip
KINDS = ("multiple_choice", "generate_until")
_COLUMN = re.compile(r"[A-Za-z_]\w*")


def is_task(text: str) -> bool:
    """Whether a YAML text looks like a task."""
    return re.search(r"^(doc_to_text|output_type|include)\s*:", text, re.MULTILINE) is not None


def read(path: Path) -> Brought:
    """The task of a file, and rows that it names beside itself. Raises TemplateError."""
    task = _fields(path)
    left = [LeftOut(key, "a template does not need it") for key in sorted(task) if key not in READ]
    kind = task.get("output_type", "generate_until")
    if not isinstance(kind, str) or kind not in KINDS:
        raise TemplateError(f"{path.name}: output_type {kind} asks for nothing to be answered.")
    prompt = _source(task, "doc_to_text", path)
    choices = _choices(task.get("doc_to_choice"), path)
    description = task.get("description") or ""
    if not isinstance(description, str):
        raise TemplateError(f"{path.name}: its description is no text.")
    rows = _rows(task, path, left)
    name = name_of(str(task.get("task") or path.stem))
    try:
        template = Template(
            name=name,
            title=str(task.get("task_alias") or task.get("task") or path.stem),
            description="Imported from a task of lm-evaluation-harness.",
            task="classification" if choices else "generation",
            license=UNKNOWN_LICENSE,
            source=f"lm-evaluation-harness task {task.get('task') or path.stem}, "
            f"dataset {task.get('dataset_path', 'not named')}.",
            answer=_target(task, choices, path),
            phrasings=(Phrasing(prompt=description + prompt),),
            answer_choices=choices,
            shots=_shots(task),
        )
    except ValueError as error:
        reason = " ".join(str(error).split())[:300]
        raise TemplateError(f"{path.name} cannot be a template: {reason}.") from error
    return Brought((template,), tuple(left), {name: rows} if rows else {})


def write(template: Template) -> Given:
    """A task for every phrasing, with the rows beside them."""
    left = without_system(template, "lm-evaluation-harness", keeps_shots=True)
    if template.shots and template.shots.as_turns:
        left.append(LeftOut("solved rows as turns", "a task only says how many there are"))
    rows = template.all_rows()
    files = {}
    data = f"{template.name}.jsonl"
    several = len(template.phrasings) > 1
    for number, phrasing in enumerate(template.phrasings, start=1):
        answer = template.answer if phrasing.answer is None else phrasing.answer
        if reads(phrasing.prompt + answer, "row"):
            left.append(LeftOut(f"phrasing {number}", "it reads the row as a whole"))
            continue
        name = f"{template.name}-{number}" if several else template.name
        known = known_choices(template)
        task: dict[str, Any] = {
            "task": name,
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": data}},
            "test_split": "test",
            "output_type": "multiple_choice" if template.answer_choices else "generate_until",
            "doc_to_text": with_choices(template, phrasing.prompt),
            "doc_to_target": with_choices(template, answer),
        }
        if template.shots:
            task |= {
                "num_fewshot": template.shots.count,
                "fewshot_delimiter": template.shots.separator,
                "target_delimiter": template.shots.between,
            }
        if isinstance(template.answer_choices, tuple):
            task["doc_to_choice"] = list(template.answer_choices)
        elif template.answer_choices:
            task["doc_to_choice"] = known + "{{ answer_choices }}"
        files[f"{name}.yaml"] = yaml.safe_dump(task, sort_keys=False, allow_unicode=True, width=100)
    if not files:
        raise TemplateError(f"Template '{template.name}' cannot be written: {left[-1]}.")
    files[data] = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return Given(files, tuple(left))


def _fields(path: Path) -> dict[str, Any]:
    try:
        return strict_yaml.read_with_includes(path, _text, tags=("!function",))
    except ValueError as error:
        raise TemplateError(f"{error}.") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from error


def _source(task: dict[str, Any], field: str, path: Path) -> str:
    """A field as Jinja: a template as it is, a column's name as its value."""
    value = task.get(field)
    if isinstance(value, Tagged):
        raise TemplateError(f"{path.name}: {field} is the Python function {value}, never run.")
    if not isinstance(value, str) or not value:
        raise TemplateError(f"{path.name}: {field} is neither a column nor a template.")
    if reason := unknown_in(value):
        raise TemplateError(f"{path.name}: {field}: {reason}.")
    return "{{ " + value + " }}" if _COLUMN.fullmatch(value) else value


def _target(task: dict[str, Any], choices: tuple[str, ...] | str | None, path: Path) -> str:
    """The answer as Jinja; among choices, a number is the place of the right one."""
    value = task.get("doc_to_target")
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{{{{ answer_choices[{value}] }}}}" if choices else str(value)
    source = _source(task, "doc_to_target", path)
    if not choices:
        return source
    if _COLUMN.fullmatch(str(value)):
        return f"{{{{ answer_choices[{value}] if {value} is integer else {value} }}}}"
    return (
        "{% set target %}" + source + "{% endset %}{% set target = target | trim %}"
        "{{ answer_choices[target | int] if target.isdecimal() else target }}"
    )


def _shots(task: dict[str, Any]) -> dict[str, Any] | None:
    """Solved rows before the question, with what stands between where nothing else is said."""
    if not task.get("num_fewshot"):
        return None
    return {
        "count": task["num_fewshot"],
        "separator": task.get("fewshot_delimiter", "\n\n"),
        "between": task.get("target_delimiter", " "),
    }


def _choices(value: Any, path: Path) -> tuple[str, ...] | str | None:
    if value is None:
        return None
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    if isinstance(value, str) and not isinstance(value, Tagged):
        source = "{{ " + value + " }}" if _COLUMN.fullmatch(value) else value
        if _gives_one_value(source):
            start, end = source.rindex("{{"), source.rindex("}}")
            inside = source[start + 2 : end].strip()
            return source[:start] + "{{ (" + inside + ") | join(' " + CHOICE_SEPARATOR + " ') }}"
    raise TemplateError(
        f"{path.name}: doc_to_choice must be a list of texts, a column, or one Jinja expression."
    )


def _gives_one_value(source: str) -> bool:
    """Whether Jinja source is one expression, with nothing but settings before it."""
    *settings, last = parse(source).body or [nodes.Template([])]
    return (
        all(isinstance(one, nodes.Assign | nodes.AssignBlock) for one in settings)
        and isinstance(last, nodes.Output)
        and len(last.nodes) == 1
        and not isinstance(last.nodes[0], nodes.TemplateData)
    )


def _rows(task: dict[str, Any], path: Path, left: list[LeftOut]) -> list[Row]:
    """Rows of the files that the task names beside itself."""
    options = task.get("dataset_kwargs") or {}
    named = options.get("data_files") if isinstance(options, dict) else None
    flat: list[str] = []
    for one in named.values() if isinstance(named, dict) else [named]:
        flat += one if isinstance(one, list) else [one] if isinstance(one, str) else []
    if not flat:
        where = task.get("dataset_path", "nowhere")
        left.append(LeftOut("rows", f"they come from {where}; bring them as a file or hub:{where}"))
    rows: list[Row] = []
    for one in flat:
        try:
            found = read_rows(strict_yaml.beside(path, one))
        except ValueError as error:
            raise TemplateError(f"{error}.") from error
        except DatasetError as error:
            left.append(LeftOut(f"rows of {one}", str(error)))
        else:
            rows += found.rows
            left += [LeftOut(f"{one}, line {line}", reason) for line, reason in found.refused]
    return rows
