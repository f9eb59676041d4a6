"""Mapping: what a file is taken for is right for every usual format, and stays a suggestion."""

import json
from typing import Any

import pytest

from studio.data.mapping import Mapping, apply, suggest
from studio.data.readers import parse_rows
from studio.data.rendering import preview
from studio.data.template import Template, find
from studio.errors import DatasetError

HI = {"role": "user", "content": "Hi"}
HELLO = {"role": "assistant", "content": "Hello!"}
CONVERSATION = find("conversation")

FORMATS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "prompt and completion": ([{"prompt": "Hi", "completion": "Hello!"}], "prompt/completion"),
    "prompt and response": ([{"Prompt": "Hi", "Response": "Hello!", "id": 3}], "prompt/completion"),
    "input and output": ([{"input": "Hi", "output": "Hello!"}], "prompt/completion"),
    "inputs and targets": ([{"inputs": "Hi", "targets": "Hello!"}], "prompt/completion"),
    "prompt and completion as turns": ([{"prompt": [HI], "completion": [HELLO]}],
                                       "prompt/completion"),
    "alpaca": ([{"instruction": "Hi", "input": "", "output": "Hello!"}], "alpaca"),
    "alpaca without input": ([{"instruction": "Hi", "output": "Hello!"}], "alpaca"),
    "dolly": ([{"instruction": "Hi", "context": "", "response": "Hello!", "category": "chat"}],
              "alpaca"),
    "messages": ([{"messages": [HI, HELLO]}], "messages"),
    "messages as JSON text in a table": ([{"messages": json.dumps([HI, HELLO])}], "messages"),
    "messages of another name": ([{"chat": [HI, HELLO], "id": "7"}], "messages"),
    "messages of parts": (
        [{"messages": [HI, HELLO | {"content": [{"type": "text", "text": "Hello!"}]}]}],
        "messages",
    ),
    "sharegpt": ([{"conversations": [{"from": "human", "value": "Hi"},
                                     {"from": "gpt", "value": "Hello!"}]}], "messages"),
    "question and answer": ([{"question": "Hi", "answer": "Hello!"}], "question/answer"),
    "squad": ([{"question": "Hi", "context": "", "answers": {"text": ["Hello!"], "start": [0]}}],
              "question/answer"),
    "two columns without names": ([{"column_1": "Hi", "column_2": "Hello!"}], "prompt/completion"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_finished_conversations_of_every_format_fit_by_themselves(name: str) -> None:
    rows, format = FORMATS[name]
    mapping = suggest(rows, CONVERSATION)
    assert mapping.format == format
    assert mapping.missing(CONVERSATION, rows) == []
    made = apply(mapping, rows)
    assert made.refused == []
    (example,) = preview(CONVERSATION, made.rows)
    assert [message.content for message in example.messages] == ["Hi"]
    assert example.completion == "Hello!"


def test_an_input_stands_under_its_instruction_and_a_passage_above_its_question() -> None:
    alpaca = [
        {"instruction": "Translate.", "input": "chat", "output": "cat", "system": "Be brief."}
    ]
    (row,) = apply(suggest(alpaca, CONVERSATION), alpaca).rows
    assert (row["system"], row["prompt"]) == ("Be brief.", "Translate.\n\nchat")
    asked = [{"question": "Where?", "context": "It is in Rome.", "answer": "Rome"}]
    (row,) = apply(suggest(asked, CONVERSATION), asked).rows
    assert row["prompt"] == "It is in Rome.\n\nWhere?"


def test_earlier_turns_become_the_history_and_all_roles_are_known() -> None:
    turns = [
        {"from": "system", "value": "Be kind."},
        {"from": "human", "value": "One?"},
        {"from": "gpt", "value": "1"},
        {"from": "human", "value": "Two?"},
        {"from": "gpt", "value": "2"},
    ]
    rows = [{"conversations": turns, "source": "forum"}]
    (row,) = apply(suggest(rows), rows).rows
    assert row == {
        "system": "Be kind.",
        "history": [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "1"}],
        "prompt": "Two?",
        "answer": "2",
        "source": "forum",
    }
    (example,) = preview(CONVERSATION, [row])
    assert [one.role for one in example.messages] == ["system", "user", "assistant", "user"]


def test_history_as_pairs_becomes_turns() -> None:
    rows = [{"instruction": "And now?", "output": "Late.", "history": [["Hi", "Hello!"]]}]
    (row,) = apply(suggest(rows), rows).rows
    assert row["history"] == [HI, HELLO]


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ([HI], "does not end with an answer"),
        ([HI, HELLO, HI], "does not end with an answer"),
        ([HELLO, HI, HELLO], "a turn of the assistant after one of nobody"),
        ([HI, HI, HELLO], "a turn of the user after one of the user"),
        ([], "has no turns"),
        ([HI, {"role": "assistant", "content": None}], "turn 2: its text is missing"),
        ([HI, {"role": "tool", "content": "4"}], "turn 2 is said by 'tool'"),
        ([HI, {"role": "assistant", "content": "", "tool_calls": [1]}], "calls a tool"),
        ([HI, {"role": "assistant"}], "turn 2 has no text"),
        ([HI, "Hello"], "turn 2 is no turn"),
        ([{"role": "user", "content": [{"type": "image_url"}]}, HELLO], "its text is no text"),
        (None, "has no turns"),
    ],
)
def test_what_is_no_conversation_is_refused_and_the_others_are_kept(
    turns: Any, reason: str
) -> None:
    rows = [{"messages": [HI, HELLO]}] * 30
    rows.insert(4, {"messages": turns})
    made = apply(suggest(rows, CONVERSATION), rows)
    assert len(made.rows) == 30
    assert made.numbers == [number for number in range(1, 32) if number != 5]
    [(number, said)] = made.refused
    assert number == 5
    assert reason in said


def test_a_missing_answer_is_refused_and_an_empty_one_is_left_to_the_checks() -> None:
    rows = [
        {"instruction": "a", "output": None},
        {"instruction": "b", "output": ""},
        {"instruction": "c", "output": {"x": 1}},
        {"instruction": "d", "output": 4},
    ]
    made = apply(Mapping(format="alpaca", columns={"instruction": "instruction",
                                                   "output": "output"}), rows)  # fmt: skip
    assert [row["answer"] for row in made.rows] == ["", "4"]
    assert made.refused == [(1, "column 'output' is missing"), (3, "column 'output' is no text")]


LABELLED = [{"utterance": f"call number {n}", "intent": "call" if n % 2 else "ring"}
            for n in range(20)]  # fmt: skip


@pytest.mark.parametrize(
    "rows",
    [
        LABELLED,
        [{"column_1": row["utterance"], "column_2": row["intent"]} for row in LABELLED],
        [{"Was": row["utterance"], "Art": row["intent"], "n": n} for n, row in enumerate(LABELLED)],
        [{"text": row["utterance"], "label": len(str(row["intent"])), "id": str(n)}
         for n, row in enumerate(LABELLED)],
    ],
    ids=["other names", "no names", "another language", "labels as numbers"],
)  # fmt: skip
def test_texts_and_labels_are_told_apart_by_name_or_content(rows: list[dict[str, Any]]) -> None:
    found = suggest(rows)
    assert found.format == ("text/label" if "n" not in rows[0] else found.format)
    for template in map(find, ("label", "sentiment", "intent")):
        mapping = suggest(rows, template)
        assert mapping.missing(template, rows) == []
        (first, *_) = apply(mapping, rows).rows
        assert first["text"] == "call number 0"
        assert first["label"] in ("ring", 4)


def test_labels_are_offered_where_the_template_offers_options() -> None:
    mapping = suggest(LABELLED, find("label"))
    assert mapping.constants == {"options": ["call", "ring"]}
    examples = preview(find("label"), apply(mapping, LABELLED).rows[:1], phrasings="one")
    assert examples[0].choices == ("call", "ring")
    many = [{"text": f"t{n}", "label": f"l{n // 2}"} for n in range(200)]
    mapping = suggest(many, find("label"))
    assert mapping.constants == {}
    assert preview(find("label"), apply(mapping, many).rows[:1])[0].choices == ()


def test_columns_of_the_same_meaning_are_found_for_a_template() -> None:
    template = find("answer-from-text")
    assert template.required_columns() == {"text", "question", "answer"}
    rows = [{"context": "It is in Rome.", "query": "Where?", "answers": {"text": ["Rome"]}}]
    mapping = suggest(rows, template)
    assert mapping.columns == {"text": "context", "question": "query", "answer": "answers"}
    assert preview(template, apply(mapping, rows).rows)[0].completion == "Rome"


def test_a_prompt_and_its_completion_fit_a_template_with_other_words() -> None:
    rows = [{"prompt": "Good film", "completion": "positive"}] * 3
    mapping = suggest(rows, find("sentiment"))
    assert mapping.columns == {"text": "prompt", "label": "completion"}


def test_rows_that_fit_already_are_left_as_they_are() -> None:
    template = find("sentiment")
    rows = template.all_rows()[:5]
    mapping = suggest(rows, template)
    assert (mapping.format, mapping.columns) == ("columns", {})
    assert apply(mapping, rows).rows == rows


def test_plain_texts_are_plain_texts() -> None:
    rows = parse_rows("one\ntwo\n", ".txt").rows
    assert suggest(rows) == Mapping(format="text", columns={"text": "text"})
    assert suggest(rows, CONVERSATION).missing(CONVERSATION, rows) == ["answer"]


def test_a_persons_choice_wins_over_the_suggestion() -> None:
    rows = [{"a": "Hi", "b": "Hello!", "c": "Moin"}]
    mapping = suggest(rows, CONVERSATION).edited({"a": "prompt", "c": "answer"})
    (row,) = apply(mapping, rows).rows
    assert (row["prompt"], row["answer"], row["b"]) == ("Hi", "Moin", "Hello!")
    given = suggest(LABELLED, find("choose-label")).edited(
        {"utterance": "text", "intent": "label"}, {"question": "What is it?"}
    )
    assert given.missing(find("choose-label"), LABELLED) == []
    assert apply(given, LABELLED).rows[0]["question"] == "What is it?"


def test_a_choice_about_one_column_leaves_the_others_as_suggested() -> None:
    parts = [row | {"part": "val" if n % 5 == 0 else "train"} for n, row in enumerate(LABELLED)]
    mapping = suggest(parts, find("label")).edited({"part": "split"})
    first = apply(mapping, parts).rows[0]
    assert (first["text"], first["label"], first["split"]) == ("call number 0", "ring", "val")
    unnamed = [{"column_1": row["utterance"], "column_2": row["intent"], "part": row["part"]}
               for row in parts]  # fmt: skip
    given = {"part": "split"}
    mapping = suggest(unnamed, find("label"), taken=given).edited(given)
    assert apply(mapping, unnamed).rows[0]["label"] == "ring"
    assert mapping.constants == {"options": ["call", "ring"]}
    asked = [{"question": "Hi", "answer": "Hello!", "part": "test"}]
    mapping = suggest(asked, CONVERSATION).edited({"part": "split"})
    (row,) = apply(mapping, asked).rows
    assert (row["prompt"], row["answer"], row["split"]) == ("Hi", "Hello!", "test")
    alpaca = [{"instruction": "a", "input": "b", "output": "c", "better": "d"}]
    mapping = suggest(alpaca, CONVERSATION).edited({"better": "output"})
    assert apply(mapping, alpaca).rows[0]["answer"] == "d"
    mapping = suggest(alpaca, CONVERSATION).edited({"instruction": "prompt", "output": "answer"})
    assert apply(mapping, alpaca).rows[0]["prompt"] == "a"


def test_a_choice_that_cannot_be_is_told() -> None:
    rows = [{"a": "Hi", "b": "Hello!"}]
    with pytest.raises(DatasetError, match="No row has a column 'z'; columns are a, b"):
        apply(suggest(rows).edited({"z": "prompt", "b": "answer"}), rows)
    with pytest.raises(DatasetError, match="cannot both be 'prompt'"):
        suggest(rows).edited({"a": "prompt", "b": "prompt"})
    with pytest.raises(DatasetError, match="no rows"):
        suggest([])


def test_every_row_is_made_or_refused() -> None:
    rows: list[dict[str, Any]] = [{"question": "a", "answer": "b"}, {"question": "a"}, {"x": 1}] * 9
    made = apply(suggest(rows, CONVERSATION), rows)
    assert len(made.rows) + len(made.refused) == len(rows)
    assert {number for number, _ in made.refused} | set(made.numbers) == set(range(1, 28))


def test_a_template_of_ones_own_is_served_by_meaning() -> None:
    template = Template.parse(
        "name: tl\ntitle: T\ndescription: D.\ntask: t\nlicense: l\nsource: s\n"
        'answer: "{{ highlights }}"\nphrasings: ["Shorten: {{ article }}"]\n'
    )
    rows = [{"document": "A long text.", "summary": "Text."}]
    assert suggest(rows, template).columns == {"article": "document", "highlights": "summary"}
