"""Templates of PromptSource (bigscience-workshop): `templates.yaml` with `prompt ||| answer`.

One file has many templates for one dataset. Those that have the same possible answers and ask for
the same columns become phrasings of one template of ours.
"""

import re
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import yaml

from studio.data import strict_yaml
from studio.data.foreign import (
    UNKNOWN_LICENSE,
    Brought,
    Given,
    LeftOut,
    name_of,
    phrasings,
    unknown_in,
    without_system,
)
from studio.data.jinja_source import names_in, reads
from studio.data.template import CHOICE_SEPARATOR, Template
from studio.data.template_parts import Phrasing
from studio.errors import TemplateError

ABOUT = ("id", "reference", "metadata")
"""What an entry says besides what is asked and answered; it is kept, and written back."""
TAGS = ("!Template", "!TemplateMetadata")
_TAG = re.compile(r"(\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\})", re.DOTALL)
_WORD = re.compile(r"\{%[-+]?\s*(\w+)")
_WHOLE = "{% set whole %}"
_ASKED = "{% endset %}{{ whole.split('|||')[0] }}"
_ANSWERED = "{% endset %}{{ (whole.split('|||') + [''])[1] }}"
_PLAIN_SET = re.compile(r"\{%[-+]?\s*set\b[^=]*=")


def is_promptsource(text: str) -> bool:
    """Whether a YAML text looks like a file of PromptSource."""
    return "!Template" in text and "jinja:" in text


def read(text: str, origin: str) -> Brought:
    """Templates of a file's text; TemplateError if it is no such file."""
    try:
        fields = strict_yaml.read(text, tags=TAGS)
    except ValueError as error:
        raise TemplateError(f"{origin}: {error}.") from error
    entries = fields.get("templates")
    if not isinstance(entries, dict) or not entries:
        raise TemplateError(f"{origin}: has no 'templates'; it is not a file of PromptSource.")
    dataset = "/".join(str(fields[key]) for key in ("dataset", "subset") if fields.get(key))
    groups: dict[Any, list[dict[str, Any]]] = {}
    left: list[LeftOut] = []
    for key, entry in entries.items():
        try:
            made = _take(entry)
        except (TemplateError, ValueError) as error:
            name = entry.get("name") if isinstance(entry, dict) else None
            left.append(LeftOut(str(name or key), str(error)))
            continue
        groups.setdefault((made["choices"], made["reads"], made["guard"]), []).append(made)
    templates = _templates(groups, dataset or origin, left)
    return Brought(templates, tuple(left))


def write(template: Template) -> Given:
    """The template as a file of PromptSource."""
    left = without_system(template, "PromptSource")
    if template.rows or template.rows_file:
        left.append(LeftOut("rows", "PromptSource keeps none beside its templates"))
    choices = template.answer_choices
    joined = f" {CHOICE_SEPARATOR} ".join(choices) if isinstance(choices, tuple) else choices
    entries = {}
    for number, phrasing in enumerate(template.phrasings, start=1):
        answer = template.answer if phrasing.answer is None else phrasing.answer
        jinja = f"{phrasing.prompt} {CHOICE_SEPARATOR}\n{answer}"
        whole = phrasing.prompt.removeprefix(_WHOLE).removesuffix(_ASKED)
        if phrasing.prompt == _WHOLE + whole + _ASKED and answer == _WHOLE + whole + _ANSWERED:
            jinja = whole
        elif CHOICE_SEPARATOR in phrasing.prompt + answer:
            left.append(LeftOut(f"phrasing {number}", "it holds |||, which parts the answer there"))
            continue
        elif reads(jinja, "row"):
            left.append(LeftOut(f"phrasing {number}", "it reads the row as a whole"))
            continue
        entry = _entry(template, phrasing, jinja, joined, number)
        entries[entry["id"]] = entry
    if not entries:
        raise TemplateError(f"Template '{template.name}' cannot be written: {left[-1]}.")
    fields = {"dataset": template.name, "templates": entries}
    text = yaml.dump(fields, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return Given({f"{template.name}.yaml": text}, tuple(left))


def _take(entry: Any) -> dict[str, Any]:
    """What matters of one entry; ValueError says why it cannot be used."""
    if not isinstance(entry, dict) or not isinstance(entry.get("jinja"), str):
        raise ValueError("it has no jinja")
    source = entry["jinja"]
    if reason := unknown_in(source):
        raise ValueError(reason)
    prompt, answer, guard = part(source)
    choices = entry.get("answer_choices") or None
    if not isinstance(choices, str | None):
        raise ValueError("its answer_choices are no text with ||| between them")
    if choices is not None and "{" not in choices:
        choices = tuple(one.strip() for one in choices.split(CHOICE_SEPARATOR))
    elif choices is not None and (reason := unknown_in(choices)):
        raise ValueError(f"answer_choices: {reason}")
    metadata = entry.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    return {
        "name": str(entry.get("name") or "").strip(),
        "prompt": prompt.strip(),
        "answer": answer.strip(),
        "choices": choices,
        "reads": frozenset(names_in(answer)),
        "guard": guard,
        "languages": metadata.get("languages") or ["en"],
        "about": {name: entry[name] for name in ABOUT if entry.get(name)},
    }


def part(source: str) -> tuple[str, str, str]:
    """Prompt, answer, and the conditions around both, of Jinja source with ||| between them.

    Where the mark stands inside of conditions, both halves get them. Where that is not enough,
    each half renders the whole and takes its side of it, which is what PromptSource does.
    """
    pieces = _TAG.split(source)
    texts = [number for number in range(0, len(pieces), 2) if CHOICE_SEPARATOR in pieces[number]]
    marks = sum(pieces[number].count(CHOICE_SEPARATOR) for number in texts)
    if marks == 0:
        raise ValueError("it has no |||, so nothing says what the answer is")
    opened = _opened(pieces[: texts[0]]) if marks == 1 else None
    if opened is None:
        return _WHOLE + source + _ASKED, _WHOLE + source + _ANSWERED, ""
    before, after = pieces[texts[0]].split(CHOICE_SEPARATOR)
    kept, guards = opened
    prompt = "".join(pieces[: texts[0]]) + before + "{% endif %}" * len(guards)
    answer = "".join(kept) + after + "".join(pieces[texts[0] + 1 :])
    return prompt, answer, "".join(guards)


def _opened(pieces: list[str]) -> tuple[list[str], list[str]] | None:
    """Tags before the mark that the answer needs as well: settings and open conditions.

    The second list has the conditions alone; None where tags are too tangled to be parted.
    """
    open_tags: list[tuple[str, list[str]]] = [("", [])]
    for tag in pieces[1::2]:
        match = _WORD.match(tag)
        if not match:
            continue
        word = match[1]
        if word == "if":
            open_tags.append((tag, []))
        elif word == "endif" and len(open_tags) > 1:
            if open_tags.pop()[1]:
                return None  # what was set inside is gone, and may be needed
        elif word == "set" and _PLAIN_SET.match(tag):
            open_tags[-1][1].append(tag)
        elif word in ("elif", "else"):
            open_tags[-1] = ("tangled", open_tags[-1][1])
        else:
            return None
    if any(tag == "tangled" for tag, _ in open_tags):
        return None
    kept = [one for tag, settings in open_tags for one in (tag, *settings)]
    return kept, [tag for tag, _ in open_tags[1:]]


def _templates(
    groups: dict[Any, list[dict[str, Any]]], dataset: str, left: list[LeftOut]
) -> tuple[Template, ...]:
    templates: list[Template] = []
    for number, ((choices, _, _), made) in enumerate(groups.items()):
        first = made[0]
        about = first["name"] if number else ""
        answer, plain = phrasings((one["name"], one["prompt"], one["answer"]) for one in made)
        asked = tuple(
            phrasing.model_copy(update={"about": one["about"]})
            for phrasing, one in zip(plain, made, strict=True)
        )
        try:
            template = Template(
                name=name_of(dataset, about),
                title=f"{dataset}: {about}" if about else dataset,
                description=f"Imported from PromptSource: {len(made)} ways of asking.",
                task="classification" if choices else "generation",
                language=str(first["languages"][0]),
                license=UNKNOWN_LICENSE,
                source=f"PromptSource templates for the dataset {dataset}.",
                answer=answer,
                phrasings=asked,
                answer_choices=choices,
            )
        except ValueError as error:
            left += [LeftOut(one["name"], " ".join(str(error).split())[:200]) for one in made]
            continue
        templates.append(template)
    return tuple(templates)


class _Entry(dict[str, Any]):
    """Written with the tag of a template."""


class _Metadata(dict[str, Any]):
    """Written with the tag of a template's metadata."""


class _Dumper(yaml.SafeDumper):
    """Writes PromptSource's two tags."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _write_entry(dumper: yaml.SafeDumper, data: _Entry) -> yaml.Node:
    return dumper.represent_mapping(TAGS[0], dict(data))


def _write_metadata(dumper: yaml.SafeDumper, data: _Metadata) -> yaml.Node:
    return dumper.represent_mapping(TAGS[1], dict(data))


_Dumper.add_representer(_Entry, _write_entry)
_Dumper.add_representer(_Metadata, _write_metadata)


def _entry(
    template: Template, phrasing: Phrasing, jinja: str, choices: str | None, number: int
) -> _Entry:
    about = phrasing.about
    metadata = about.get("metadata")
    guessed = {
        "choices_in_prompt": reads(phrasing.prompt, "answer_choices"),
        "languages": [template.language],
        "metrics": ["Accuracy"] if choices else ["Other"],
        "original_task": True,
    }
    return _Entry(
        answer_choices=choices,
        id=about.get("id") or str(uuid5(NAMESPACE_URL, f"{template.name}/{number}/{jinja}")),
        jinja=jinja,
        metadata=_Metadata(metadata if isinstance(metadata, dict) else guessed),
        name=phrasing.name or f"{template.name}_{number}",
        reference=about.get("reference") or template.source,
    )
