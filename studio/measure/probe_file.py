"""Probe files: YAML, or JSON lines, the first of which says what the probe is.

Reading gives the probe's fields and its cases; `studio.measure.probe` makes the probe of them.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from studio.data import strict_yaml
from studio.data.readers import parse_rows
from studio.errors import DatasetError, ProbeError, sentence
from studio.measure.case import Case

SUFFIXES = (".jsonl", ".yaml")


def read(path: Path) -> tuple[dict[str, Any], list[Case]]:
    """The probe's fields without its cases, and the cases. ProbeError names file and case."""
    what = f"probe file {path.name}"
    text = read_text(path, what)
    if not text.strip():
        raise ProbeError(f"{what} is empty; it needs a name, a title and cases.")
    if path.suffix == ".jsonl":
        fields, cases = _read_lines(text, what)
    else:
        fields, cases = _read_mapping(text, what)
    parsed = [_read_case(what, number, case) for number, case in enumerate(cases, start=1)]
    return fields, parsed


def read_text(path: Path, what: str) -> str:
    """The file's text. ProbeError, speaking of `what`, if there is none or it is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ProbeError(f"cannot read {what} at {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ProbeError(f"{what} is not UTF-8 text; save it as UTF-8.") from error


def write(path: Path, fields: dict[str, Any], cases: Sequence[Case]) -> None:
    """Write fields and cases in the form of the path's suffix; complete or not at all."""
    spelled = [case.spelled() for case in cases]
    if path.suffix == ".jsonl":
        rows = (json.dumps(row, ensure_ascii=False) for row in (fields, *spelled))
        text = "\n".join(rows) + "\n"
    else:
        text = _dump(fields) + "cases:\n" + "".join(_dump([case]) for case in spelled)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _dump(value: Any) -> str:
    # As JSON first: equal objects would come out as aliases, which our own reader refuses.
    plain = json.loads(json.dumps(value))
    return yaml.dump(plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.CSafeDumper):
    """Text of several lines as a block, so that a person can read it."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = "|" if "\n" in data and not any(map(str.isspace, data[-1:])) else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _Dumper.represent_str)


def _read_mapping(text: str, what: str) -> tuple[dict[str, Any], list[Any]]:
    try:
        fields = strict_yaml.read(text)
    except ValueError as error:
        raise ProbeError(f"{what}: {error}.") from error
    cases = fields.pop("cases", None)
    if not isinstance(cases, list) or not cases:
        raise ProbeError(f"{what} has no cases; list at least one under `cases:`.")
    return fields, cases


def _read_lines(text: str, what: str) -> tuple[dict[str, Any], list[Any]]:
    try:
        read = parse_rows(text, ".jsonl", name=what)
    except DatasetError as error:
        raise ProbeError(str(error)) from error
    if read.refused:
        line, reason = read.refused[0]
        raise ProbeError(f"{what}, line {line}: {reason}.")
    fields, *cases = read.rows
    if "cases" in fields or "prompt" in fields or "answer" in fields:
        raise ProbeError(f"{what}: the first line has to hold the probe's fields, not a case.")
    if not cases:
        raise ProbeError(f"{what} has no cases; write one per line below the first.")
    return dict(fields), cases


def _read_case(what: str, number: int, fields: Any) -> Case:
    try:
        return Case.model_validate(fields)
    except ValidationError as error:
        id = fields.get("id") if isinstance(fields, dict) else None
        place = f"case {id}" if id else f"case number {number}"
        raise ProbeError(sentence(error, f"{what}, {place}")) from error
