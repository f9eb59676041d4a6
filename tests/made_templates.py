"""Templates of another program with rows for them, and what a template says to rows."""

from typing import Any

from studio.data.rendering import preview
from studio.data.template import Template

WEATHER = r"""
dataset: weather
subset: days
templates:
  0a:
    !Template
    answer_choices: dry ||| wet
    id: 0a
    jinja: "{{report}}\nWas the day {{'dry'}} or {{\"wet\"}}? ||| {{ answer_choices [label] }}"
    metadata: !TemplateMetadata
      languages: [en]
      original_task: true
    name: after
    reference: ''
  0b: !Template
    answer_choices: dry ||| wet
    id: 0b
    jinja: "{% if label != -1 %}Say dry or wet.\n{{report}}\n|||\n{{answer_choices[label]}}\
      {% endif %}"
    metadata: !TemplateMetadata {languages: [en]}
    name: guarded
  0c: !Template
    answer_choices: 'no ||| yes'
    id: 0c
    jinja: "{% set day = report.split('.')[0] %}{{ day }}. Did it rain? ||| \
      {{ answer_choices[label] }} ({{ day }})"
    metadata: !TemplateMetadata {languages: [en]}
    name: with a setting
  0d: !Template
    answer_choices: null
    id: 0d
    jinja: "{% if label %}Was it wet?||| yes {{report}}{% else %}Was it dry? \
      ||| yes, {{report}}{% endif %}"
    name: both branches
  0e: !Template {id: 0e, jinja: 'no answer here', name: nothing to learn}
  0f: !Template {id: 0f, jinja: '{{ choice(["a", "b"]) }} ||| {{ report }}', name: by chance}
  10: !Template {id: 10, jinja: '{{ report | highlight }} ||| x', name: strange filter}
  11: !Template {id: 11, jinja: '{{ report ||| x', name: broken}
  12: !Template
    answer_choices: "{{ options | join('|||') }}"
    id: 12
    jinja: "{{ report }} {{ answer_choices | join(' or ') }}? ||| {{ answer_choices[0] }}"
    name: choices of the row
"""
DAYS: list[dict[str, Any]] = [
    {"report": "Sun all day. Warm.", "label": 0, "options": ["dry", "hot"]},
    {"report": "Rain all day. Cold.", "label": 1, "options": ["wet", "cold"]},
]


def said(template: Template, rows: list[dict[str, Any]]) -> list[tuple[str, str, tuple[str, ...]]]:
    """Prompt, answer and choices of every row in every phrasing, in the order of the phrasings."""
    examples = sorted(preview(template, rows), key=lambda one: (one.phrasing, one.row))
    return [(one.messages[-1].content, one.completion, one.choices) for one in examples]
