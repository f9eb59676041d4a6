"""Templates: what may stand in a prompt file, and what is said when something else does."""

from pathlib import Path

import pytest

from studio.data.jinja_source import names_in
from studio.data.rendering import preview
from studio.data.template import Template, find, own, shipped
from studio.errors import TemplateError

GREETING = """
name: greeting
title: Greeting
description: Says hello.
task: writing
license: Apache-2.0
source: Written here.
answer: "Hello {{ name }}."
phrasings:
  - "Greet {{ name }}."
  - {prompt: "Say hello to {{ name }}.", answer: "Hi {{ name }}.", weight: 3}
rows:
  - {name: Ann}
"""


def test_a_plain_text_is_a_phrasing() -> None:
    template = Template.parse(GREETING)
    assert template.phrasings[0].prompt == "Greet {{ name }}."
    assert template.phrasings[0].answer is None


def test_a_phrasing_may_have_its_own_answer() -> None:
    template = Template.parse(GREETING)
    examples = preview(template, template.all_rows())
    assert [example.completion for example in examples] == ["Hello Ann.", "Hi Ann."]


def test_a_template_written_as_yaml_reads_back_equal() -> None:
    for template in [Template.parse(GREETING), *shipped().values()]:
        assert Template.parse(template.yaml()).model_dump() == template.model_dump()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("phrasings:", "phrasing:"), "phrasing is not a known field"),
        (("name: greeting", "name: Greeting!"), "string should match pattern"),
        (("title: Greeting", "title: Greeting\ntitle: Again"), "the key 'title' comes twice"),
        (("{name: Ann}", "{name: Ann, name: Bob}"), "the key 'name' comes twice"),
        (("weight: 3", "weight: 0"), "greater than 0"),
        (("Greet {{ name }}.", "Greet {{ name."), "phrasing 1: line 1"),
        (("{name: Ann}", "{name: 2024-01-31}"), "JSON"),
        (("title: Greeting", "title: &t Greeting\nlanguage: *t"), "aliases"),
        (("task: writing", "rows_file: ../secret.jsonl\ntask: writing"), "inside the folder"),
        (("task: writing", "task: [unclosed"), "line "),
        (('answer: "Hello {{ name }}."', "answer: yes"), "valid string"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_the_reason(
    tmp_path: Path, change: tuple[str, str], reason: str
) -> None:
    path = tmp_path / "mine.yaml"
    assert change[0] in GREETING
    path.write_text(GREETING.replace(*change))
    with pytest.raises(TemplateError, match="mine.yaml") as refusal:
        Template.load(path)
    assert reason in str(refusal.value)


def test_titles_do_not_change_the_fingerprint_but_words_do() -> None:
    template = Template.parse(GREETING)
    retitled = Template.parse(GREETING.replace("title: Greeting", "title: Other"))
    reworded = Template.parse(GREETING.replace("Greet {{", "Welcome {{"))
    assert retitled.fingerprint() == template.fingerprint()
    assert reworded.fingerprint() != template.fingerprint()


@pytest.mark.parametrize(
    ("source", "read", "required"),
    [
        ("{{ a }} {{ b.c }}", {"a", "b"}, {"a", "b"}),
        ("{% for a in many %}{{ a }}{{ loop.index }}{% endfor %}", {"many"}, {"many"}),
        ("{% if note is defined %}{{ note }}{% endif %}", {"note"}, set()),
        ("{{ note | default('none') }}", {"note"}, set()),
        ("{% set x = a %}{{ x }}", {"a"}, {"a"}),
        ("{{ row['Job title'] }} {{ answer_choices | join }}", set(), set()),
        ("{{ 'a' * 900000000 }}", set(), set()),
    ],
)
def test_the_columns_that_a_source_reads_are_known(
    source: str, read: set[str], required: set[str]
) -> None:
    assert names_in(source) == read
    assert names_in(source, optional=False) == required


@pytest.mark.parametrize("source", ["{{" + "(" * 5000 + ")" * 5000 + "}}", "{{ " + "-" * 9000])
def test_source_that_is_nested_without_end_is_refused(source: str) -> None:
    with pytest.raises(TemplateError):
        names_in(source)


def test_rows_come_from_the_file_where_it_exists(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GREETING + "rows_file: rows.jsonl\n")
    assert Template.load(path).all_rows() == [{"name": "Ann"}]
    (tmp_path / "rows.jsonl").write_text('{"name": "Bob"}\n')
    assert Template.load(path).all_rows() == [{"name": "Bob"}]
    (tmp_path / "rows.jsonl").write_text('{"name": "Bob"}\nnonsense\n')
    with pytest.raises(TemplateError, match=r"rows\.jsonl, line 2"):
        Template.load(path).all_rows()


def test_ones_own_template_is_found_before_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    path = tmp_path / "templates" / "sentiment.yaml"
    path.write_text(GREETING.replace("name: greeting", "name: sentiment"))
    (tmp_path / "templates" / "broken.yaml").write_text("name: [")
    assert find("sentiment", tmp_path / "templates").title == "Greeting"
    assert find("sentiment").title == "Sentiment of a review"
    assert find(path).title == "Greeting"
    assert list(own(tmp_path / "templates")[1]) == ["broken.yaml"]


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(TemplateError, match="sentiment"):
        find("sentimental")


def test_answer_choices_of_a_row_reach_the_example_and_the_prompt() -> None:
    text = GREETING.replace(
        'answer: "Hello', 'answer_choices: "{{ of | join(\'|||\') }}"\nanswer: "'
    )
    text = text.replace("Greet {{ name }}.", "Greet {{ name }}: {{ answer_choices | join('/') }}")
    example = preview(Template.parse(text), [{"name": "Ann", "of": ["yes", "no"]}])[0]
    assert example.choices == ("yes", "no")
    assert example.messages[-1].content == "Greet Ann: yes/no"


def test_a_system_message_comes_first_and_an_empty_one_is_left_out() -> None:
    text = GREETING.replace(
        "task: writing", "task: writing\nsystem: \"{{ manner | default('') }}\""
    )
    with_one, without = (
        preview(Template.parse(text), [{"name": "Ann", **manner}])[0].messages
        for manner in ({"manner": "Be kind."}, {})
    )
    assert [message.role for message in with_one] == ["system", "user"]
    assert [message.role for message in without] == ["user"]
