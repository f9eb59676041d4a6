"""The templates that ship: each one loads, says what it is, and renders all its rows."""

from functools import cache
from pathlib import Path

import pytest

from studio.data.checks import check_examples
from studio.data.dataset import build_dataset
from studio.data.example import Example
from studio.data.rendering import preview
from studio.data.template import PROMPTS, Template, shipped

TEMPLATES = shipped()
every_template = pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)


def test_a_dozen_templates_ship_each_under_the_name_of_its_file() -> None:
    assert len(TEMPLATES) >= 12
    assert sorted(TEMPLATES) == sorted(path.stem for path in PROMPTS.glob("*.yaml"))


@every_template
def test_a_template_describes_itself(template: Template) -> None:
    assert template.license == "Apache-2.0"
    assert template.title
    assert template.description.endswith(".")
    # A finished prompt needs no other wording.
    assert len(template.phrasings) >= (1 if template.name == "conversation" else 3)
    assert 6 <= len(template.rows) <= 12


@cache
def samples(name: str) -> list[Example]:
    """The sample rows of a template in every phrasing."""
    return preview(TEMPLATES[name], TEMPLATES[name].rows)


@every_template
def test_a_template_renders_all_its_rows_in_every_phrasing(template: Template) -> None:
    assert len(samples(template.name)) == len(template.rows) * len(template.phrasings)
    shipped_rows = preview(template, template.all_rows()) if template.rows_file else []
    for example in [*samples(template.name), *shipped_rows]:
        assert example.completion
        assert example.messages[-1].content
        assert not example.choices or example.completion in example.choices


@every_template
def test_the_sample_rows_have_no_faults(template: Template) -> None:
    kinds = {finding.kind for finding in check_examples(samples(template.name))}
    few = {"few examples"} if len(template.phrasings) == 1 else set()
    assert kinds <= {"answer in prompt"} | few


@every_template
def test_every_column_of_the_rows_is_used(template: Template) -> None:
    used = template.variables() | {template.split_column}
    assert all(set(row) <= used for row in template.rows)


@every_template
def test_a_template_builds_a_dataset(template: Template, tmp_path: Path) -> None:
    dataset = build_dataset(template, template.all_rows(), datasets_folder=tmp_path)
    assert dataset.card.train + dataset.card.heldout == len(template.all_rows())
    # A label that is never held out could not be measured.
    if isinstance(template.answer_choices, tuple):
        answers = {example.completion for example in dataset.heldout()}
        assert answers == set(template.answer_choices)
