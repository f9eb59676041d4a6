"""Tasks of lm-evaluation-harness (EleutherAI): its YAML read as a probe, without any Python of it.

What is read: `doc_to_text`, `doc_to_target` and `doc_to_choice` as columns or Jinja, `description`,
`include` of a file beside it, `output_type` multiple_choice, generate_until and
loglikelihood_rolling. The rows come from `dataset_kwargs.data_files`, or from a file of the task's
own name beside it. Multiple choice is asked as there: the bare prompt, a space, the choice.
"""

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from studio.data import strict_yaml
from studio.data.readers import FORMATS, Row, read_rows
from studio.data.sandbox import Sandbox
from studio.errors import DatasetError, ProbeError, TemplateError
from studio.measure import probe_file
from studio.measure.scorers import is_number

_SPLITS = ("test_split", "validation_split", "training_split")


def read_task(path: Path) -> dict[str, Any]:
    """The fields of a probe, made of a task file and its rows. ProbeError names file and row."""
    task = _read_fields(path)
    rows = _read_rows(task, path)
    kind = task.get("output_type", "generate_until")
    makers = {
        "multiple_choice": _multiple_choice,
        "generate_until": _generated,
        "loglikelihood_rolling": _open_text,
    }
    if kind not in makers:
        raise ProbeError(f"{path.name}: output_type {kind} is not one of {', '.join(makers)}.")
    with Sandbox() as sandbox:
        return makers[kind](task, _Columns(rows, sandbox, path.name))


def explain(error: ValueError) -> str:
    """What is wrong with the YAML; a tag such as !function asks for Python, which is not run."""
    if "for the tag" not in str(error):
        return str(error)
    return f"{error}; Python is never run, so write that field as a column or a Jinja template"


def _read_fields(path: Path) -> dict[str, Any]:
    try:
        return strict_yaml.read_with_includes(
            path, lambda file: probe_file.read_text(file, file.name)
        )
    except ValueError as error:
        raise ProbeError(f"{explain(error)}.") from error


def _read_rows(task: dict[str, Any], path: Path) -> list[Row]:
    rows: list[Row] = []
    for file in _data_files(task, path):
        try:
            read = read_rows(file)
        except DatasetError as error:
            raise ProbeError(f"{path.name}: {error}") from error
        if read.refused:
            line, reason = read.refused[0]
            raise ProbeError(f"{file.name}, line {line}: {reason}.")
        rows += read.rows
    if not rows:
        raise ProbeError(f"{path.name}: its data holds no row.")
    return rows


def _data_files(task: dict[str, Any], path: Path) -> list[Path]:
    options = task.get("dataset_kwargs") or {}
    named = options.get("data_files") if isinstance(options, dict) else None
    if isinstance(named, dict):
        splits = [task[key] for key in _SPLITS if task.get(key)] or list(named)
        named = next((named[split] for split in splits if split in named), None)
    if isinstance(named, str):
        named = [named]
    if isinstance(named, list) and all(isinstance(one, str) for one in named) and named:
        try:
            return [strict_yaml.beside(path, one) for one in named]
        except ValueError as error:
            raise ProbeError(f"{error}.") from error
    for suffix in FORMATS:
        if path.with_suffix(suffix).exists():
            return [path.with_suffix(suffix)]
    wanted = f"{path.stem}.jsonl"
    raise ProbeError(
        f"{path.name} takes its rows from {task.get('dataset_path', 'nowhere')}, which is not "
        f"fetched; save them as {wanted} beside it, or name a file in dataset_kwargs.data_files."
    )


class _Columns:
    """Fields of the task for every row: a column as it is, or a Jinja template rendered."""

    def __init__(self, rows: Sequence[Row], sandbox: Sandbox, what: str) -> None:
        self.rows, self.sandbox, self.what = rows, sandbox, what

    def values(self, field: str, source: Any) -> list[Any]:
        if isinstance(source, int) and not isinstance(source, bool):
            return [source] * len(self.rows)
        if not isinstance(source, str):
            raise ProbeError(f"{self.what}: {field} is neither a column nor a template.")
        if all(source in row for row in self.rows):
            return [row[source] for row in self.rows]
        try:
            texts = self.sandbox.render_many({field: source}, self.rows, what=self.what)
        except TemplateError as error:
            raise ProbeError(str(error)) from error
        return [text[field] for text in texts]

    def texts(self, field: str, source: Any) -> list[str]:
        values = self.values(field, source)
        for number, value in enumerate(values, start=1):
            if not isinstance(value, str | int | float) or isinstance(value, bool):
                raise ProbeError(f"{self.what}, row {number}: {field} is not a text.")
        return [str(value) for value in values]

    def lists(self, field: str, source: Any) -> list[list[str]]:
        """A list per row: the same one, a column's, or one that a template writes."""
        if isinstance(source, dict):
            source = list(source.values())
        if isinstance(source, list):
            if not source or not all(isinstance(one, str) for one in source):
                raise ProbeError(f"{self.what}: put every choice of {field} in quotes.")
            return [list(source)] * len(self.rows)
        values = [_as_list(value) for value in self.values(field, source)]
        for number, value in enumerate(values, start=1):
            if not value:
                raise ProbeError(f"{self.what}, row {number}: {field} is no list of choices.")
        return [list(map(str, value)) for value in values]


def _as_list(value: Any) -> list[Any]:
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return []
    return list(value) if isinstance(value, list | tuple) else []


def _prompts(task: dict[str, Any], columns: _Columns) -> list[str]:
    asked = columns.texts("doc_to_text", task.get("doc_to_text", ""))
    before = columns.texts("description", task.get("description") or "")
    return [first + text for first, text in zip(before, asked, strict=True)]


def _multiple_choice(task: dict[str, Any], columns: _Columns) -> dict[str, Any]:
    if task.get("target_delimiter", " ") != " ":
        raise ProbeError(f"{columns.what}: only a space is known as target_delimiter.")
    prompts = _prompts(task, columns)
    choices = columns.lists("doc_to_choice", task.get("doc_to_choice"))
    source = task.get("doc_to_target")
    targets = columns.values("doc_to_target", source)
    cases = []
    for number, (prompt, offered, target) in enumerate(
        zip(prompts, choices, targets, strict=True), start=1
    ):
        asked: dict[str, Any] = {"prompt": prompt} if prompt.strip() else {"messages": []}
        what = f"{columns.what}, row {number}"
        answer = _chosen(target, offered, what, rendered=source not in columns.rows[0])
        cases.append({"id": str(number), **asked, "choices": offered, "answer": answer})
    metrics = [one.get("metric") for one in task.get("metric_list") or [] if isinstance(one, dict)]
    return {
        "scorer": "choice",
        "chat": False,
        "normalise": "acc_norm" in metrics,
        "description": _describe(task),
        "cases": cases,
    }


def _chosen(target: Any, offered: Sequence[str], what: str, *, rendered: bool) -> str:
    if isinstance(target, str):
        text = target.strip()
        # As lm-eval does: digits that a template writes are a place, those of a column a text.
        if text.isdecimal() and (rendered or target not in offered):
            target = int(text)
        elif target not in offered:
            target = text
    if isinstance(target, int) and 0 <= target < len(offered):
        return offered[target]
    if isinstance(target, str) and target in offered:
        return target
    raise ProbeError(f"{what}: doc_to_target gives {target!r}, which is none of the choices.")


def _generated(task: dict[str, Any], columns: _Columns) -> dict[str, Any]:
    """Written answers, asked through the base's chat template: the model ends them itself."""
    prompts = _prompts(task, columns)
    targets = columns.values("doc_to_target", task.get("doc_to_target"))
    cases: list[dict[str, Any]] = []
    for number, (prompt, target) in enumerate(zip(prompts, targets, strict=True), start=1):
        # GSM8K writes the solution, then #### and the number.
        answers = [
            str(one).rpartition("####")[2].strip()
            for one in (target if isinstance(target, list) else [target])
        ]
        if not answers or not all(answers) or not prompt.strip():
            raise ProbeError(f"{columns.what}, row {number}: the prompt or the target is empty.")
        asked = {"id": str(number), "prompt": prompt.strip()}
        cases.append({**asked, "answer": answers[0], "accept": answers[1:]})
    numbers = all(is_number(case["answer"]) for case in cases)
    return {
        "scorer": "number" if numbers else "exact",
        "description": _describe(task),
        "cases": cases,
    }


def _open_text(task: dict[str, Any], columns: _Columns) -> dict[str, Any]:
    source = task.get("doc_to_target") or task.get("doc_to_text")
    texts = columns.texts("doc_to_target", source)
    cases = [{"id": str(n), "messages": [], "answer": text} for n, text in enumerate(texts, 1)]
    return {"scorer": "text", "description": _describe(task), "cases": cases}


def _describe(task: dict[str, Any]) -> str:
    return f"The lm-eval task {task.get('task', 'without a name')}, without solved examples."
