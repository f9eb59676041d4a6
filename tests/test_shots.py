"""Solved rows before the question, and turns before it: which, from where, and how they stand."""

import random
from typing import Any

import pytest
from pydantic import ValidationError

from studio import Studio
from studio.data.dataset import build_dataset
from studio.data.example import Example
from studio.data.rendering import preview
from studio.data.template import Template, find
from studio.data.template_parts import Shots, Turn
from studio.errors import DatasetError

WORDS: list[dict[str, Any]] = [{"text": f"word {n}", "label": f"label {n % 3}"} for n in range(60)]


def asking(**fields: Any) -> Template:
    """A plain template of two phrasings with these fields besides."""
    known: dict[str, Any] = {
        "name": "plain", "title": "Plain", "description": "Labels.", "task": "classification",
        "license": "Apache-2.0", "source": "Written here.", "answer": "{{ label }}",
        "phrasings": ["Say it: {{ text }}", "Which? {{ text }}"],
    }  # fmt: skip
    return Template.model_validate(known | fields)


def shown_in(example: Example) -> list[str]:
    """The texts of the rows that stand solved before the question."""
    before = example.messages[-1].content[: example.shown]
    return [part.split("\n")[0].split(": ")[-1].split("? ")[-1]
            for part in before.split("\n\n") if part]  # fmt: skip


def test_solved_rows_stand_before_the_question_in_its_own_phrasing() -> None:
    template = asking(shots={"count": 2, "between": " -> ", "separator": "\n##\n"})
    for example in preview(template, WORDS[:1], pool=WORDS):
        *solved, asked = example.messages[-1].content.split("\n##\n")
        start = ("Say it: ", "Which? ")[example.phrasing - 1]
        assert asked == f"{start}word 0" == example.question
        assert len(set(solved)) == 2
        assert all(one.startswith(start) and " -> label " in one for one in solved)


def test_a_row_is_never_shown_to_itself_nor_one_that_asks_the_same() -> None:
    twice = [*WORDS[:4], WORDS[0] | {"label": "another"}]
    for example in preview(asking(shots={"count": 16}), twice):
        others = {row["text"] for row in twice} - {twice[example.row - 1]["text"]}
        assert set(shown_in(example)) == others


def test_the_same_rows_show_the_same_whatever_their_order_of_asking() -> None:
    template = asking(shots={"count": 3})
    first = preview(template, WORDS, phrasings="one")
    again = preview(template, WORDS[::-1], phrasings="one", pool=WORDS)
    assert {e.id: e.messages for e in first} == {e.id: e.messages for e in again}
    other = preview(template, WORDS, phrasings="one", seed=7)
    assert {e.id: e.messages for e in first} != {e.id: e.messages for e in other}


def test_held_out_rows_are_shown_only_rows_to_learn_from(studio: Studio) -> None:
    template = asking(shots={"count": 4})
    dataset = build_dataset(
        template, WORDS, datasets_folder=studio.settings.datasets, heldout_share=0.4
    )
    held = {example.question.split(" ", 2)[-1] for example in dataset.heldout()}
    assert len(held) > 5
    examples = [*dataset.train(), *dataset.heldout()]
    assert all(len(shown_in(example)) == 4 for example in examples)
    assert not any(held & {one.split(" ", 2)[-1] for one in shown_in(e)} for e in examples)


def test_solved_rows_can_be_turns_of_the_conversation() -> None:
    template = asking(shots={"count": 2, "as_turns": True}, system="Be brief.")
    example = preview(template, WORDS[:1], pool=WORDS)[0]
    roles = ["system", "user", "assistant", "user", "assistant", "user"]
    assert [message.role for message in example.messages] == roles
    assert example.shown == 0
    assert example.messages[2].content.startswith("label ")


def test_rows_without_an_answer_are_not_shown() -> None:
    rows = [row | {"label": "" if n % 2 else "yes"} for n, row in enumerate(WORDS[:10])]
    shown = preview(asking(shots={"count": 9}), rows, phrasings="one")
    assert all(example.messages[-1].content.count("yes") == 4 for example in shown[:1])


def test_options_of_each_row_go_with_the_row_that_is_shown() -> None:
    template = find("choose-label").model_copy(update={"shots": Shots(count=8)})
    rows = template.all_rows()
    for example in preview(template, rows):
        for row in rows:
            if row["text"] in example.messages[-1].content:
                options = row["options"]
                assert isinstance(options, list)
                assert all(str(one) in example.messages[-1].content for one in options)


def test_earlier_turns_are_rendered_and_blank_ones_left_out() -> None:
    turns = [
        {"prompt": "Hello, I am {{ name }}.", "answer": "Hello {{ name }}."},
        {"prompt": "{{ more | default('') }}", "answer": "{{ reply | default('') }}"},
    ]
    template = asking(turns=turns)
    row = WORDS[0] | {"name": "Ann"}
    first, second = (
        preview(template, [one])[0].messages
        for one in (row, row | {"more": "How are you?", "reply": "Well."})
    )
    assert [m.content for m in first] == ["Hello, I am Ann.", "Hello Ann.", "Say it: word 0"]
    assert [m.content for m in second][2:4] == ["How are you?", "Well."]
    with pytest.raises(DatasetError, match="Row 1: the answer of turn 2 is blank"):
        preview(template, [row | {"more": "How are you?"}])


def test_turns_are_part_of_what_is_asked() -> None:
    template = asking(turns=[{"prompt": "{{ name }}", "answer": "Hello."}])
    assert "name" in template.prompt_variables()
    assert "name" in template.required_columns()


def test_templates_without_them_keep_their_fingerprint_and_those_with_them_differ() -> None:
    plain = asking()
    assert plain.fingerprint().startswith("ea7abd5c8a67364e")  # as before there were any
    different = {
        plain.fingerprint(),
        asking(shots={"count": 1}).fingerprint(),
        asking(shots={"count": 2}).fingerprint(),
        asking(turns=[{"prompt": "a", "answer": "b"}]).fingerprint(),
    }
    assert len(different) == 4


@pytest.mark.parametrize("wrong", [{"count": 0}, {"count": 17}, {"count": 1, "seed": 2}])
def test_a_wrong_number_of_solved_rows_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Shots.model_validate(wrong)


def test_a_template_with_all_of_it_reads_back_equal() -> None:
    template = asking(
        shots={"count": 2, "between": " ", "as_turns": True},
        turns=[Turn(prompt="a\n", answer="b")],
    )
    assert Template.parse(template.yaml()) == template


def test_many_rows_are_shown_from_a_pool_that_does_not_depend_on_their_order() -> None:
    many = [{"text": f"word {n}", "label": "x"} for n in range(1500)]
    mixed = random.Random(0).sample(many, len(many))
    template = asking(shots={"count": 2})
    one, other = (
        preview(template, many[:1], phrasings="one", pool=pool)[0] for pool in (many, mixed)
    )
    assert len(shown_in(one)) == len(shown_in(other)) == 2
