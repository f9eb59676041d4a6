"""The template that is open in the editor: its fields, and what the editor's boxes hold of them.

One phrasing is open at a time. What is written stays in the boxes; the fields behind them are only
exchanged when another phrasing or another template is opened, so nothing typed is ever overtaken.
"""

import re
from typing import Any, NamedTuple

from pydantic import ValidationError

from studio.data.template import Template
from studio.errors import TemplateError, sentence
from studio.names import slug

BETWEEN = "\n---\n"
"""Stands between turns in the editor's box."""

Draft = dict[str, Any]
"""Fields of the template by name, as JSON, and under 'open' the place of the open phrasing."""


class Boxes(NamedTuple):
    """What the editor's boxes hold, in the order in which they are laid out."""

    title: str
    prompt: str
    weight: float
    own_answer: str
    answer: str
    choices: str
    system: str
    turns: str
    shots: float
    between: str
    separator: str
    as_turns: bool


def open_template(template: Template) -> tuple[Draft, Boxes]:
    """The template with its first phrasing open."""
    fields = template.model_dump(mode="json", exclude={"rows", "rows_file"})
    return _show(fields, 0)


def close(draft: Draft, boxes: Boxes) -> Template:
    """The template as it is written; TemplateError says what is wrong with it."""
    fields = _take(draft, boxes)
    del fields["open"]
    fields["phrasings"] = [one for one in fields["phrasings"] if one["prompt"].strip()]
    if not fields["phrasings"]:
        raise TemplateError("The template asks nothing; write at least one phrasing.")
    return make(fields)


def pick(draft: Draft, boxes: Boxes, number: int) -> tuple[Draft, Boxes]:
    """Open another phrasing."""
    fields = _take(draft, boxes)
    return _show(fields, min(number, len(fields["phrasings"]) - 1))


def add(draft: Draft, boxes: Boxes) -> tuple[Draft, Boxes]:
    """Open a new phrasing, made of the one that is open."""
    fields = _take(draft, boxes)
    fields["phrasings"].append({"prompt": boxes.prompt, "answer": boxes.own_answer or None})
    return _show(fields, len(fields["phrasings"]) - 1)


def remove(draft: Draft, boxes: Boxes) -> tuple[Draft, Boxes]:
    """Take the open phrasing out; TemplateError if it is the only one."""
    fields = _take(draft, boxes)
    if len(fields["phrasings"]) == 1:
        raise TemplateError("This is the only phrasing; add another one before taking it out.")
    del fields["phrasings"][fields["open"]]
    return _show(fields, max(0, fields["open"] - 1))


def list_phrasings(draft: Draft, boxes: Boxes) -> list[tuple[str, int]]:
    """Every phrasing with its number, its share of the rows and its first words."""
    phrasings = _take(draft, boxes)["phrasings"]
    weights = [float(one.get("weight") or 1) for one in phrasings]
    return [
        (f"{number + 1} · {weight / sum(weights):.0%} · {_first_words(one['prompt'])}", number)
        for number, (one, weight) in enumerate(zip(phrasings, weights, strict=True))
    ]


def name_template(template: Template, title: str) -> Template:
    """A person's own copy under a name made of its title."""
    name = slug(title, 60)
    if not name:
        raise TemplateError("Give the template a title with letters in it; its name is made of it.")
    return make(template.model_dump() | {"name": name, "title": title.strip()})


def make(fields: dict[str, Any]) -> Template:
    """The template of these fields; TemplateError says what is wrong with them."""
    try:
        return Template.model_validate(fields)
    except ValidationError as error:
        raise TemplateError(sentence(error, "the template")) from error


def _show(fields: Draft, number: int) -> tuple[Draft, Boxes]:
    phrasing = fields["phrasings"][number]
    choices = fields["answer_choices"]
    shots = fields["shots"] or {}
    turns = [text for turn in fields["turns"] for text in (turn["prompt"], turn["answer"])]
    boxes = Boxes(
        title=fields["title"],
        prompt=phrasing["prompt"],
        weight=phrasing.get("weight") or 1,
        own_answer=phrasing.get("answer") or "",
        answer=fields["answer"],
        choices=choices if isinstance(choices, str) else "\n".join(choices or ()),
        system=fields["system"],
        turns=BETWEEN.join(turns),
        shots=shots.get("count", 0),
        between=_visible(shots.get("between", "\n")),
        separator=_visible(shots.get("separator", "\n\n")),
        as_turns=shots.get("as_turns", False),
    )
    return {**fields, "open": number}, boxes


def _take(draft: Draft, boxes: Boxes) -> Draft:
    """The fields with what the boxes hold."""
    phrasings = [dict(one) for one in draft["phrasings"]]
    phrasings[draft["open"]] |= {
        "prompt": boxes.prompt,
        "weight": boxes.weight or 1,
        "answer": boxes.own_answer if boxes.own_answer.strip() else None,
    }
    shots = {
        "count": int(boxes.shots or 0),
        "between": _meant(boxes.between),
        "separator": _meant(boxes.separator),
        "as_turns": bool(boxes.as_turns),
    }
    return draft | {
        "title": boxes.title.strip() or draft["title"],
        "phrasings": phrasings,
        "answer": boxes.answer,
        "answer_choices": _read_choices(boxes.choices),
        "system": boxes.system,
        "turns": _read_turns(boxes.turns),
        "shots": shots if shots["count"] else None,
    }


def _read_choices(text: str) -> str | list[str] | None:
    if "{{" in text or "{%" in text:
        return text
    return [line.strip() for line in text.splitlines() if line.strip()] or None


def _read_turns(text: str) -> list[dict[str, str]]:
    parts = re.split(r"^---+[ \t]*\n?", text, flags=re.MULTILINE) if text.strip() else []
    said = [part.strip("\n") for part in parts]
    if len(said) % 2:
        raise TemplateError(
            "Earlier turns: what was said last has no answer; write it below a line of ---."
        )
    return [
        {"prompt": asked, "answer": answered}
        for asked, answered in zip(said[::2], said[1::2], strict=True)
    ]


def _first_words(prompt: str) -> str:
    text = " ".join(prompt.split())
    return (text[:34] + "…" if len(text) > 35 else text) or "(empty)"


def _visible(text: str) -> str:
    """Line breaks as they are typed into a box of one line."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def _meant(text: str) -> str:
    marks = {"\\n": "\n", "\\t": "\t", "\\\\": "\\"}
    return re.sub(r"\\[nt\\]", lambda found: marks[found[0]], text)
