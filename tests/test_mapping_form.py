"""The form of the columns says the same as the suggestion until a person says otherwise."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from studio.data.gather import gather
from studio.data.intake import Intake, list_refused, take_in
from studio.data.mapping import Format, Mapping, apply, suggest
from studio.data.mapping_form import (
    choose_template,
    fields_of,
    fill,
    fits,
    guess,
    read_constant,
    write_constant,
)
from studio.data.template import find, shipped
from studio.errors import DatasetError

TURNS = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
FORMATS: dict[Format, dict[str, Any]] = {
    "messages": {"messages": TURNS},
    "alpaca": {"instruction": "Greet", "input": "Ann", "output": "Hi Ann"},
    "prompt/completion": {"prompt": "Greet", "completion": "Hi"},
    "question/answer": {"question": "Who?", "answer": "Ann"},
    "text/label": {"utterance": "ring me", "intent": "call"},
}
TEMPLATES = list(shipped().values())


@pytest.mark.parametrize("format", FORMATS)
def test_the_form_of_every_usual_format_is_filled_by_itself(format: Format) -> None:
    rows = [FORMATS[format] | {"number": n} for n in range(4)]
    template = choose_template(rows, TEMPLATES)
    assert template.name == ("label" if format == "text/label" else "conversation")
    mapping = suggest(rows, template)
    assert mapping.format == format
    fields = {field.name for field in fields_of(format, template)}
    assert mapping.columns.keys() <= fields
    assert {field.name for field in fields_of(format, template) if field.needed} <= {
        *mapping.columns, *rows[0]
    }  # fmt: skip
    assert guess(format, rows, template) == mapping
    refilled = fill(format, mapping.columns, mapping.constants)
    assert apply(refilled, rows).rows == apply(mapping, rows).rows


@pytest.mark.parametrize("format", ["alpaca", "messages", "question/answer", "prompt/completion"])
def test_a_format_without_a_field_it_needs_is_refused_in_a_sentence(format: Format) -> None:
    with pytest.raises(DatasetError, match=r"^Which column is '.*'\? Choose it"):
        fill(format, {}, {})


def test_rows_are_taken_for_what_a_person_says() -> None:
    rows = [{"first": "Who?", "second": "Ann", "third": "x"}] * 3
    template = find("conversation")
    columns = {"question": "first", "answer": "second", "context": "third"}
    (made, *_) = apply(fill("question/answer", columns, {}), rows).rows
    assert (made["prompt"], made["answer"]) == ("x\n\nWho?", "Ann")
    assert guess("columns", rows, template).format == "columns"
    assert not fits(template, [{"only": 1}])
    assert fits(template, [{"prompt": "a", "answer": "b"}])


def test_own_columns_are_for_the_template_that_reads_the_most_of_them() -> None:
    row = find("email-reply").all_rows()[0]
    assert choose_template([row], TEMPLATES).name == "email-reply"
    assert choose_template([{"text": "Fine.", "label": "good"}], TEMPLATES).name == "label"


@pytest.mark.parametrize("value", ["plain", ["a", "b"], {"a": 1}, ""])
def test_a_constant_is_read_as_it_is_written(value: Any) -> None:
    assert read_constant(write_constant(value)) == value


def test_a_broken_constant_is_refused() -> None:
    with pytest.raises(DatasetError, match="is not JSON"):
        read_constant('["a", ')


def take_calls(folder: Path, kinds: int, rows: int = 600) -> Intake:
    """Utterances of so many intents, as lists without names in lists called by their side."""
    lists: dict[str, list[list[str]]] = {"train": [], "val": [], "other": []}
    for n in range(rows):
        side = ("train", "train", "val", "other")[n % 4]
        lists[side].append([f"please do number {n}", f"intent {n // 4 % kinds:03}"])
    path = folder / "calls.json"
    path.write_text(json.dumps(lists))
    return take_in(gather([path]), TEMPLATES)


def test_many_labels_without_names_are_still_labels(tmp_path: Path) -> None:
    intake = take_calls(tmp_path, kinds=150)
    assert intake.template.name == "label"
    assert intake.mapping.columns == {"text": "column_1", "label": "column_2"}
    assert intake.mapping.constants == {}


def test_choosing_values_leaves_the_others_aside_and_offers_their_labels(tmp_path: Path) -> None:
    intake = take_calls(tmp_path, kinds=150).where("column_2", ["intent 001", "intent 002"])
    assert intake.mapping.constants == {"options": ["intent 001", "intent 002"]}
    assert len(intake.made.rows) == 8
    assert intake.made.left == 592
    narrower = intake.where("part", ["train", "val"])
    assert len(narrower.made.rows) == 6
    assert narrower.mapping.columns["split"] == "part"
    assert {row["split"] for row in narrower.made.rows} == {"train", "val"}
    everything = narrower.where("part", []).where("column_2", [])
    assert everything == take_calls(tmp_path, kinds=150)


def test_the_values_of_a_column_come_with_how_often_they_do(tmp_path: Path) -> None:
    assert take_calls(tmp_path, kinds=3).values("part") == [
        ("train", 300), ("val", 150), ("other", 150)
    ]  # fmt: skip


def test_what_a_person_filled_in_stays_when_rows_are_chosen(tmp_path: Path) -> None:
    filled = take_calls(tmp_path, kinds=4).fill({"text": "column_2", "label": "part"}, {})
    assert filled.where("part", ["train"]).mapping.columns == {"text": "column_2", "label": "part"}
    named = take_calls(tmp_path, kinds=4).fill(
        {"text": "column_1", "label": "column_2"}, {"options": ["my own"]}
    )
    assert named.where("part", ["train"]).mapping.constants == {"options": ["my own"]}


def test_what_is_missing_is_told_and_another_template_finds_its_columns(tmp_path: Path) -> None:
    intake = take_calls(tmp_path, kinds=4)
    with pytest.raises(DatasetError, match="needs 'label'"):
        _ = intake.take_for("text").fill({"text": "column_1"}, {}).made
    with pytest.raises(DatasetError, match="Which column is 'instruction'"):
        _ = intake.take_for("alpaca").fill({}, {}).made
    again = intake.take_for("alpaca").fill({}, {}).use(find("conversation"))
    assert again.made.rows[0]["answer"] == "intent 000"
    assert again.column_of("answer") == "column_2"


def test_refused_records_are_a_file_to_take_away(tmp_path: Path) -> None:
    path = tmp_path / "=rows.csv"
    path.write_text('text,label\nfine,good\n"odd, one"\n')
    gathered = gather([path])
    _, (source, line, reason) = csv.reader(io.StringIO(list_refused(gathered.refused)))
    assert (source, line) == ("'=rows.csv", "3")
    assert reason == gathered.refused[0][1]


def test_a_column_that_says_the_side_is_taken_for_the_split_only_if_all_of_it_does() -> None:
    rows: list[dict[str, Any]] = [
        {"text": f"t{n}", "label": "a" if n % 3 else "b", "part": "test" if n % 2 else "train"}
        for n in range(12)
    ]
    template = find("label")
    assert suggest(rows, template).columns == {"split": "part"}
    rows[5]["part"] = "somewhere"
    assert suggest(rows, template).columns == {}
    assert Mapping(format="columns", columns={}).missing(template, rows) == []
