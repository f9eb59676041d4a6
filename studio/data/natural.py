"""Tasks of Natural Instructions (allenai): a definition, solved examples, and instances as JSON."""

import json
from typing import Any

from studio.data.foreign import UNKNOWN_LICENSE, Brought, Given, LeftOut, literal, name_of
from studio.data.json_text import Refused, parse
from studio.data.readers import Row
from studio.data.rendering import preview
from studio.data.sandbox import SOURCE_BYTES
from studio.data.template import Template
from studio.data.template_parts import Phrasing
from studio.errors import TemplateError

ASK = "\n\nInput: {{ input }}\nOutput:"
ANSWER = "{{ output[0] }}"
SHOTS = 2


def is_natural(fields: Any) -> bool:
    """Whether a JSON object looks like such a task."""
    return isinstance(fields, dict) and "Definition" in fields and "Instances" in fields


def read(text: str, origin: str) -> Brought:
    """The task as a template with two phrasings, and its instances as rows. Raises TemplateError.

    The second phrasing shows solved examples first, as the authors' own encoding does.
    """
    fields = parse(text)
    if isinstance(fields, Refused):
        raise TemplateError(f"{origin}: {fields.reason}.")
    if not is_natural(fields):
        raise TemplateError(f"{origin}: has no Definition and Instances.")
    definition = _text(fields["Definition"])
    left: list[LeftOut] = []
    rows = _rows(fields["Instances"], left)
    if fields.get("Negative Examples"):
        left.append(LeftOut("Negative Examples", "a prompt shows only examples that are right"))
    asked = [Phrasing(name="definition", prompt=literal(definition) + ASK)]
    shown = [one for one in _listed(fields, "Positive Examples") if _is_pair(one)][:SHOTS]
    if shown:
        prompt = literal(definition) + "".join(map(_shot, shown)) + ASK
        if len(prompt.encode()) <= SOURCE_BYTES:
            asked.append(Phrasing(name="examples", prompt=prompt))
        else:
            left.append(LeftOut("Positive Examples", "they are too long for a prompt"))
    licenses = _listed(fields, "Instance License") or [UNKNOWN_LICENSE]
    sources = [*_listed(fields, "Source"), *_listed(fields, "URL")]
    made = Template(
        name=name_of(origin.rpartition(".")[0] or origin),
        title=origin.rpartition(".")[0] or origin,
        description=definition[:300],
        task=", ".join(map(str, _listed(fields, "Categories"))) or "generation",
        license=", ".join(map(str, licenses)),
        source=", ".join(map(str, sources)) or "Natural Instructions",
        answer=ANSWER,
        phrasings=tuple(asked),
    )
    return Brought((made,), tuple(left), {made.name: rows})


def write(template: Template) -> Given:
    """The template as a task; where it is none by itself, with every row rendered."""
    left: list[LeftOut] = []
    rows = template.all_rows()
    if template.shots:
        left.append(LeftOut("solved rows", "a task has its own examples, chosen by hand"))
        template = template.model_copy(update={"shots": None})
    first = template.phrasings[0]
    definition, asked, rest = first.prompt.partition(ASK)
    if asked and not rest and template.answer == ANSWER and "{{" not in definition:
        instances = [_instance(row, number) for number, row in enumerate(rows, start=1)]
        others = template.phrasings[1:]
        left += [LeftOut(f"phrasing '{one.name}'", "a task has one definition") for one in others]
    else:
        definition = template.description
        instances = []
        for example in preview(template, rows, phrasings="one"):
            if len(example.messages) > 1:
                left.append(LeftOut(f"row {example.row}", "it has a system message or history"))
                continue
            asked_for = example.messages[-1].content
            instances.append({"id": example.id, "input": asked_for, "output": [example.completion]})
        left.append(LeftOut("phrasings", "the rows are written as they render, one phrasing each"))
    if not instances:
        raise TemplateError(f"Template '{template.name}' has no rows to write as instances.")
    fields = {
        "Contributors": [], "Source": [template.source], "URL": [],
        "Categories": [template.task], "Reasoning": [],
        "Definition": [definition], "Input_language": [template.language],
        "Output_language": [template.language], "Instruction_language": [template.language],
        "Domains": [], "Positive Examples": [], "Negative Examples": [],
        "Instances": instances, "Instance License": [template.license],
    }  # fmt: skip
    text = json.dumps(fields, indent=2, ensure_ascii=False) + "\n"
    return Given({f"{template.name}.json": text}, tuple(left))


def _listed(fields: dict[str, Any], name: str) -> list[Any]:
    """What a field lists; a value by itself is a list of one."""
    value = fields.get(name) or []
    return value if isinstance(value, list) else [value]


def _text(definition: Any) -> str:
    text = "\n".join(map(str, definition)) if isinstance(definition, list) else str(definition)
    return text.strip()


def _rows(instances: Any, left: list[LeftOut]) -> list[Row]:
    rows: list[Row] = []
    several = 0
    for number, one in enumerate(instances if isinstance(instances, list) else [], start=1):
        if not _is_pair(one):
            left.append(LeftOut(f"instance {number}", "it has no input and output"))
            continue
        answers = one["output"] if isinstance(one["output"], list) else [one["output"]]
        several += len(answers) > 1
        rows.append({"id": one.get("id", str(number)), "input": one["input"], "output": answers})
    if several:
        left.append(LeftOut(f"further answers of {several} instances", "the first one is learned"))
    return rows


def _is_pair(one: Any) -> bool:
    if not isinstance(one, dict) or not isinstance(one.get("input"), str):
        return False
    answer = one.get("output")
    answers = answer if isinstance(answer, list) else [answer]
    return bool(answers) and all(isinstance(text, str) for text in answers)


def _shot(example: dict[str, Any]) -> str:
    answer = example["output"]
    answer = answer[0] if isinstance(answer, list) else answer
    return f"\n\nInput: {literal(example['input'])}\nOutput: {literal(answer)}"


def _instance(row: Row, number: int) -> dict[str, Any]:
    return {"id": row.get("id", str(number)), "input": row["input"], "output": row["output"]}
