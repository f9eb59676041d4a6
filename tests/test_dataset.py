"""Datasets: the same inputs give the same folder, nothing held out is learned, all or nothing."""

import json
from pathlib import Path

import pytest

from studio.data.dataset import Dataset, build_dataset, list_datasets, open_dataset
from studio.data.example import Example
from studio.data.readers import Row
from studio.data.split import fraction
from studio.data.template import Template
from studio.errors import DatasetError, TemplateError

MOOD = Template.parse("""
name: mood
title: Mood
description: Names the mood.
task: classification
license: Apache-2.0
source: Written here.
answer_choices: [good, bad]
answer: "{{ label }}"
split_column: split
phrasings:
  - {prompt: "Good or bad? {{ text }}", weight: 2}
  - "{{ text }} Is that good or bad?"
  - "{{ text }} Good or bad?"
""")


def rows(count: int, start: int = 0) -> list[Row]:
    return [
        {"text": f"Day number {number}.", "label": "good" if number % 3 else "bad"}
        for number in range(start, start + count)
    ]


def prompts(examples: list[Example]) -> set[str]:
    """The texts of the rows, whatever phrasing surrounds them."""
    return {
        example.messages[-1]
        .content.replace("Good or bad?", "")
        .replace("Is that good or bad?", "")
        .strip()
        for example in examples
    }


def test_the_same_inputs_give_the_same_folder(tmp_path: Path) -> None:
    first = build_dataset(MOOD, rows(50), datasets_folder=tmp_path)
    again = build_dataset(MOOD, rows(50), datasets_folder=tmp_path)
    elsewhere = build_dataset(MOOD, rows(50), datasets_folder=tmp_path / "other")
    assert again == first
    assert elsewhere.id == first.id
    assert elsewhere.train() == first.train()
    assert elsewhere.heldout() == first.heldout()


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"heldout_share": 0.5}, {"phrasings": "all"}, {"limit": 20}]
)
def test_another_option_gives_another_dataset(tmp_path: Path, change: dict[str, object]) -> None:
    first = build_dataset(MOOD, rows(50), datasets_folder=tmp_path)
    other = build_dataset(MOOD, rows(50), datasets_folder=tmp_path, **change)  # type: ignore[arg-type]
    assert other.id != first.id
    assert other.train() != first.train()
    assert {dataset.id for dataset in list_datasets(tmp_path)} == {first.id, other.id}


def test_every_row_is_on_exactly_one_side(tmp_path: Path) -> None:
    dataset = build_dataset(MOOD, rows(300), datasets_folder=tmp_path)
    learned, held = prompts(dataset.train()), prompts(dataset.heldout())
    assert not learned & held
    assert len(learned | held) == 300
    assert 40 <= len(held) <= 80


def test_repeated_rows_count_once_and_are_never_on_both_sides(tmp_path: Path) -> None:
    # A column that the template does not read makes no different row.
    repeated = [{**row, "id": number} for number, row in enumerate(rows(60) * 3)]
    dataset = build_dataset(MOOD, repeated, datasets_folder=tmp_path)
    assert dataset.card.train + dataset.card.heldout == 60
    assert not prompts(dataset.train()) & prompts(dataset.heldout())
    [finding] = [found for found in dataset.card.findings if found.kind == "repeated rows"]
    assert finding.count == 120
    assert finding.rows[0] == 61


def test_rows_that_ask_the_same_stay_together_even_with_other_answers(tmp_path: Path) -> None:
    contradicting: list[Row] = [
        {**row, "label": label} for row in rows(60) for label in ("good", "bad")
    ]
    dataset = build_dataset(MOOD, contradicting, datasets_folder=tmp_path)
    assert dataset.card.train + dataset.card.heldout == 120
    assert not prompts(dataset.train()) & prompts(dataset.heldout())


def test_a_row_keeps_its_side_and_its_id_when_rows_are_added(tmp_path: Path) -> None:
    small = build_dataset(MOOD, rows(100), datasets_folder=tmp_path)
    large = build_dataset(MOOD, rows(50, 500) + rows(100), datasets_folder=tmp_path)
    assert {example.id for example in small.heldout()} <= {e.id for e in large.heldout()}
    assert {example.id for example in small.train()} <= {e.id for e in large.train()}


@pytest.mark.parametrize("word", ["heldout", "test", "validation", "val"])
def test_the_split_column_decides_where_rows_have_it(tmp_path: Path, word: str) -> None:
    sided = [{**row, "split": word if n >= 40 else "train"} for n, row in enumerate(rows(50))]
    dataset = build_dataset(MOOD, sided, datasets_folder=tmp_path)
    assert [example.row for example in dataset.heldout()] == list(range(41, 51))


def test_a_heldout_row_that_is_also_learned_is_left_out(tmp_path: Path) -> None:
    sided: list[Row] = [{**row, "split": "train"} for row in rows(10)]
    sided += [{**row, "split": "heldout"} for row in rows(5, 20)]
    sided.append({"text": "Day number 3.", "label": "good", "split": "heldout"})
    dataset = build_dataset(MOOD, sided, datasets_folder=tmp_path)
    assert dataset.card.heldout == 5
    assert [found.rows for found in dataset.card.findings if found.kind == "leaked rows"] == [(16,)]


def test_a_tiny_dataset_still_holds_out_every_label(tmp_path: Path) -> None:
    for seed in range(8):
        dataset = build_dataset(MOOD, rows(8), datasets_folder=tmp_path, seed=seed)
        assert {example.completion for example in dataset.heldout()} == {"good", "bad"}
        assert {example.completion for example in dataset.train()} == {"good", "bad"}


def test_one_phrasing_each_follows_the_weights(tmp_path: Path) -> None:
    dataset = build_dataset(MOOD, rows(800), datasets_folder=tmp_path)
    examples = [*dataset.train(), *dataset.heldout()]
    shares = [sum(e.phrasing == n for e in examples) / 800 for n in (1, 2, 3)]
    assert shares == pytest.approx([0.5, 0.25, 0.25], abs=0.06)


def test_all_phrasings_are_learned_and_one_each_is_held_out(tmp_path: Path) -> None:
    dataset = build_dataset(MOOD, rows(60), datasets_folder=tmp_path, phrasings="all")
    assert dataset.card.train == 3 * len(prompts(dataset.train()))
    assert dataset.card.heldout == len(prompts(dataset.heldout()))
    ids = [example.id for example in [*dataset.train(), *dataset.heldout()]]
    assert len(set(ids)) == len(ids)


def test_a_limit_takes_that_many_rows_of_both_sides(tmp_path: Path) -> None:
    dataset = build_dataset(MOOD, rows(500), datasets_folder=tmp_path, limit=100)
    assert dataset.card.train + dataset.card.heldout == 100
    assert 8 <= dataset.card.heldout <= 35


def test_choices_stay_with_each_example(tmp_path: Path) -> None:
    dataset = build_dataset(MOOD, rows(20), datasets_folder=tmp_path)
    assert {example.choices for example in dataset.train()} == {("good", "bad")}
    assert dataset.card.choices == ("good", "bad")


def test_partly_empty_answers_are_left_out_and_counted(tmp_path: Path) -> None:
    some = rows(40)
    some[4]["label"] = " "
    dataset = build_dataset(MOOD, some, datasets_folder=tmp_path)
    assert dataset.card.train + dataset.card.heldout == 39
    assert [found.rows for found in dataset.card.findings if found.kind == "empty"] == [(5,)]


@pytest.mark.parametrize(
    ("bad_rows", "reason"),
    [
        ([], "no rows"),
        (rows(1), "No rows are left"),
        (rows(1) * 9, "No rows are left"),
        ([{"text": "A"}, {"text": "B"}], "needs 'label'"),
        ([{**row, "label": ""} for row in rows(9)], "empty prompt or answer"),
        ([{**row, "split": "train"} for row in rows(9)], "No rows are left to hold out"),
        ([{**row, "split": "heldout"} for row in rows(9)], "No rows are left to learn"),
        ([{**row, "split": "spam"} for row in rows(9)], "'train' or 'heldout'"),
        ([{**rows(1)[0], "split": "train"}, *rows(5, 3)], "Row 2: column 'split'"),
    ],
)
def test_a_refused_build_leaves_nothing_behind(
    tmp_path: Path, bad_rows: list[Row], reason: str
) -> None:
    with pytest.raises(DatasetError, match=reason):
        build_dataset(MOOD, bad_rows, datasets_folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_row_that_cannot_be_rendered_is_named_and_leaves_nothing_behind(tmp_path: Path) -> None:
    some = rows(40)
    del some[16]["label"]
    with pytest.raises(TemplateError, match=r"'label' is not a column of row 17; columns are text"):
        build_dataset(MOOD, some, datasets_folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [{"heldout_share": 0.0}, {"heldout_share": 1.0}, {"limit": 1}])
def test_options_out_of_bounds_are_refused(tmp_path: Path, options: dict[str, float]) -> None:
    with pytest.raises(DatasetError, match="must"):
        build_dataset(MOOD, rows(9), datasets_folder=tmp_path, **options)  # type: ignore[arg-type]


def test_something_in_the_way_is_neither_used_nor_destroyed(tmp_path: Path) -> None:
    dataset = build_dataset(MOOD, rows(20), datasets_folder=tmp_path)
    (dataset.folder / "dataset.json").unlink()
    with pytest.raises(DatasetError, match="in the way"):
        build_dataset(MOOD, rows(20), datasets_folder=tmp_path)
    assert (dataset.folder / "train.jsonl").exists()
    assert [path.name for path in tmp_path.iterdir()] == [dataset.id]
    assert list_datasets(tmp_path) == []


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    dataset = build_dataset(MOOD, rows(20), datasets_folder=tmp_path)
    with (dataset.folder / "train.jsonl").open("a") as file:
        file.write(json.dumps({"id": "sneaked in"}) + "\n")
    with pytest.raises(DatasetError, match="not the file that was built"):
        open_dataset(dataset.id, tmp_path).train()


def test_a_dataset_carries_the_template_it_was_made_with(tmp_path: Path) -> None:
    dataset = build_dataset(MOOD, rows(20), datasets_folder=tmp_path)
    kept = Template.load(dataset.folder / "template.yaml")
    assert kept.fingerprint() == dataset.card.template_fingerprint


@pytest.mark.parametrize("id", ["none-12345678", "../secrets", "", "."])
def test_an_unknown_id_is_a_dataset_error(tmp_path: Path, id: str) -> None:
    with pytest.raises(DatasetError, match="There is no dataset"):
        open_dataset(id, tmp_path)


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Ý kiến khách hàng", "y-kien-khach-hang-"), ("情感", "dataset-"), ("../../x", "x-")],
)
def test_a_name_in_any_language_gives_a_safe_folder(tmp_path: Path, name: str, slug: str) -> None:
    dataset: Dataset = build_dataset(MOOD, rows(20), datasets_folder=tmp_path, name=name)
    assert dataset.card.name == name
    assert dataset.id.startswith(slug)
    assert dataset.folder.parent == tmp_path


def test_fractions_are_even_and_repeatable() -> None:
    values = [fraction(42, "split", str(number)) for number in range(2000)]
    assert values == [fraction(42, "split", str(number)) for number in range(2000)]
    assert sum(values) / 2000 == pytest.approx(0.5, abs=0.03)
