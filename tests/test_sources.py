"""Rows from everywhere: files on the command line, the Hub's cache, datasets and chats."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import datasets
import pytest
from click.testing import CliRunner, Result

from studio import Studio
from studio.chat.conversation import Conversation
from studio.chat.exchange import Answer, Exchange
from studio.cli import commands
from studio.data.hub import HubName, read_hub
from studio.data.template import find
from studio.errors import DatasetError


def call(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(commands, ["--home", str(home), *arguments])


LABELLED = [{"say": f"please call number {n}", "intent": "call" if n % 2 else "ring"}
            for n in range(30)]  # fmt: skip


# ---- the command line


def test_several_files_become_one_dataset_and_the_refused_are_told(
    home: Path, tmp_path: Path
) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.csv"
    one.write_text("".join(json.dumps(row) + "\n" for row in LABELLED[:20]) + "nonsense\n")
    two.write_text("say,intent\nplease go,ring\nplease stop,call\nbroken\n")
    done = call(home, "build", "label", "--rows", str(one), str(two), "--json")
    assert done.exit_code == 0, done.output
    assert "24 records in: 22 kept, 2 refused" in done.stderr
    assert "one.jsonl, line 21: not JSON" in done.stderr
    assert "two.csv, line 4: has 1 fields instead of 2" in done.stderr
    card = json.loads(done.stdout)
    assert card["train"] + card["heldout"] == 22
    assert card["choices"] == ["call", "ring"]
    (told,) = (one for one in card["findings"] if one["kind"] == "refused records")
    assert told["count"] == 2
    assert "two.csv, line 4" in told["message"]


def test_columns_are_named_set_and_chosen_by_hand(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    rows = [{"a": row["say"], "b": row["intent"], "c": "de" if n % 3 else "en"}
            for n, row in enumerate(LABELLED)]  # fmt: skip
    path.write_text(json.dumps(rows))
    done = call(
        home, "build", "choose-label", "--rows", str(path), "--map", "a=text", "--map", "b=label",
        "--set", "question=What is wanted?", "--set", 'options=["call", "ring"]',
        "--where", "c=de,fr",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "30 records in: 20 kept, 0 refused, 10 left aside" in done.stderr
    with Studio(home) as studio:
        (dataset,) = studio.datasets()
        example = dataset.train()[0]
    assert "What is wanted?" in example.messages[-1].content
    assert example.choices == ("call", "ring")


def test_a_look_shows_the_first_example_and_builds_nothing(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"question": "Why?", "answer": "Because."}\n')
    done = call(home, "build", "conversation", "--rows", str(path), "--look")
    assert done.stdout == "[user] Why?\n[answer] Because.\n\n"
    assert "read as questions with answers" in done.stderr
    assert not list((home / "datasets").iterdir())


def test_values_are_shown_to_choose_from_and_the_template_is_found(
    home: Path, tmp_path: Path
) -> None:
    path = tmp_path / "rows.json"
    lists = {side: [[row["say"], row["intent"]] for row in LABELLED[half : half + 15]]
             for side, half in (("train", 0), ("test", 15))}  # fmt: skip
    path.write_text(json.dumps(lists))
    shown = call(home, "build", "auto", "--rows", str(path), "--values", "column_2")
    assert shown.stdout == "15\tring\n15\tcall\n"
    done = call(home, "build", "auto", "--rows", str(path), "--where", 'column_2=["ring", "call"]')
    assert done.exit_code == 0, done.output
    assert "column_1 → text, column_2 → label, part → split, options is given" in done.stderr
    assert "for the template label" in done.stderr
    assert "15 examples to learn from, 15 held out" in done.stdout
    twice = call(
        home, "build", "auto", "--rows", str(path), "--where", "part=a", "--where", "part=b"
    )
    assert "'part' is named twice" in twice.stderr
    wrong = call(home, "build", "auto", "--rows", str(path), "--values", "z")
    assert "No row has a column 'z'" in str(wrong.exception)


def test_standard_input_is_read_and_every_refused_record_is_written(
    home: Path, tmp_path: Path
) -> None:
    lines = [json.dumps({"first": row["say"], "then": row["intent"]}) for row in LABELLED]
    refused = tmp_path / "refused.csv"
    done = CliRunner().invoke(
        commands,
        ["--home", str(home), "build", "conversation", "--rows", "-", "--as", "question/answer",
         "--map", "first=question", "--map", "then=answer", "--refused", str(refused)],
        input="\n".join([*lines, "nonsense", '{"then": "call"}']),
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    written = refused.read_text().splitlines()
    assert written[0] == "file,line,reason"
    assert written[1].startswith("pasted text,31,not JSON")
    assert written[2:] == ["pasted text,32,column 'first' is missing"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["build", "sentiment", "--rows", "ROWS"], "needs 'label'"),
        (["build", "sentiment", "--rows", "ROWS", "--map", "z=label"], "No row has a column 'z'"),
        (["build", "sentiment", "--rows", "ROWS", "--where", "z=1"], "No row has a column 'z'"),
        (["build", "sentiment", "--rows", "dataset:nosuch"], "There is no dataset 'nosuch'"),
        (["build", "sentiment", "--rows", "chat:nosuch"], "There is no conversation 'nosuch'"),
        (["build", "sentiment", "--rows", "hub:no such"], "is no dataset of the Hub"),
        (["build", "sentiment", "--rows", "ROWS", "--encoding", "klingon"], "no encoding"),
    ],
)
def test_what_does_not_fit_is_one_sentence_and_nothing_is_built(
    home: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("text\nGood\nBad\n")
    done = call(home, *(str(rows) if one == "ROWS" else one for one in arguments))
    assert done.exit_code == 1
    assert said in str(done.exception)
    assert not list((home / "datasets").iterdir())


@pytest.mark.parametrize("wrong", [["--map", "a"], ["--set", "=x"], ["--set", "a=[1"]])
def test_wrong_pairs_are_wrong_usage(home: Path, tmp_path: Path, wrong: list[str]) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("text,label\nGood,positive\n")
    assert call(home, "build", "sentiment", "--rows", str(rows), *wrong).exit_code == 2
    assert call(home, "build", "sentiment", "--map", "a=b").exit_code == 2


# ---- what is there already


def test_a_dataset_is_put_into_other_words_with_its_sides_kept(studio: Studio) -> None:
    first = studio.build("intent")
    rows = studio.gather([f"dataset:{first.id}"])
    again = studio.build("conversation", rows)
    before = {(one.messages, one.completion) for one in first.heldout()}
    assert {(one.messages, one.completion) for one in again.heldout()} == before
    assert again.card.train == first.card.train


def answered(prompt: str, parent: str | None, id: str, **answers: Answer) -> Exchange:
    return Exchange(
        id=id, parent=parent, prompt=prompt, lanes=tuple(answers), answers=answers,
        asked=datetime(2026, 1, 1, tzinfo=UTC), system="Be brief.",
    )  # fmt: skip


def test_chats_become_rows_with_their_history(studio: Studio) -> None:
    done = {"done": True, "stopped": True}
    first = answered("One?", None, "a", base=Answer(text="1", **done),
                     tuned=Answer(text="one", **done))  # fmt: skip
    second = answered("Two?", "a", "b", base=Answer(text="2", **done),
                      tuned=Answer(text="tw"))  # fmt: skip
    chat = Conversation.begin(everything=(first, second), at="b", lanes=("base", "tuned"))
    studio.chats.save(chat)
    rows = studio.gather(["chats"])
    assert [row["answer"] for row in rows.rows] == ["1", "2"]
    assert rows.rows[1]["history"] == [
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "1"},
    ]
    assert rows.rows[1]["conversation"] == chat.id
    tuned = studio.gather([f"chat:{chat.id}@tuned"])
    assert [row["answer"] for row in tuned.rows] == ["one"]
    assert "was not finished" in tuned.refused[0][1]
    assert rows.group_column == ""  # one conversation alone would all be on one side
    assert studio.build("conversation", rows).card.train == 1


def test_a_conversation_stays_on_one_side_unless_a_person_says_otherwise(studio: Studio) -> None:
    for number in range(12):
        done = {"done": True, "stopped": True}
        said = [answered(f"{number}, {word}?", before, word, base=Answer(text=word, **done))
                for before, word in ((None, "a"), ("a", "b"), ("b", "c"))]  # fmt: skip
        studio.chats.save(Conversation.begin(everything=tuple(said), at="c", lanes=("base",)))
    rows = studio.gather(["chats"])
    dataset = studio.build("conversation", rows)
    assert dataset.card.group_column == "conversation"
    sides = [
        {rows.rows[one.row - 1]["conversation"] for one in side}
        for side in (dataset.train(), dataset.heldout())
    ]
    assert not sides[0] & sides[1]
    assert len(dataset.train()) % 3 == 0
    assert studio.build("conversation", rows, group_column="").card.group_column == ""
    book = studio.begin_workbook("conversation", rows)
    assert book.options == {"group_column": "conversation"}
    other = studio.begin_workbook("conversation", studio.gather([], pasted="prompt,answer\na,b\n"))
    other.take(rows)
    assert other.options == {"group_column": "conversation"}


# ---- the Hub


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("acme/reviews", HubName("acme/reviews")),
        ("imdb", HubName("imdb")),
        ("acme/reviews@en:train", HubName("acme/reviews", "en", "train")),
        ("acme/reviews:train[:100]", HubName("acme/reviews", None, "train[:100]")),
        ("acme/reviews:train+test", HubName("acme/reviews", None, "train+test")),
    ],
)
def test_names_of_the_hub_are_understood(text: str, name: HubName) -> None:
    assert HubName.parse(text) == name


@pytest.mark.parametrize("text", ["", "a/b/c", "../etc", "/nowhere", "a b", "a/b;rm", "-x y"])
def test_what_is_no_name_of_the_hub_is_refused(text: str) -> None:
    with pytest.raises(DatasetError, match="no dataset of the Hub"):
        HubName.parse(text)


def reviews() -> datasets.DatasetDict:
    """A dataset with labels by number and a picture's bytes."""
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["bad", "good"]),
            "score": datasets.Value("float64"),
            "cover": datasets.Image(),
        }
    )

    def side(numbers: range) -> datasets.Dataset:
        columns = {
            "text": [f"Film {n} is fine." for n in numbers],
            "label": [n % 2 for n in numbers],
            "score": [float("nan") if n == 3 else n / 2 for n in numbers],
            "cover": [None for _ in numbers],
        }
        return datasets.Dataset.from_dict(columns, features=features)

    return datasets.DatasetDict({"train": side(range(20)), "test": side(range(20, 26))})


def save_as_folder(folder: Path) -> None:
    folder.mkdir()
    for name, side in reviews().items():
        side.to_parquet(folder / f"{name}-00000-of-00001.parquet")


def test_a_dataset_is_read_with_labels_as_words_and_splits_as_a_column(tmp_path: Path) -> None:
    save_as_folder(tmp_path / "reviews")
    found = read_hub(str(tmp_path / "reviews"))
    assert len(found.rows) + len(found.refused) == 26
    assert found.rows[0] == {"text": "Film 0 is fine.", "label": "bad", "score": 0.0,
                             "part": "train"}  # fmt: skip
    assert [reason for _, reason in found.refused] == ["NaN is not a JSON number"]
    assert found.rows[-1]["part"] == "test"
    assert any("'cover' is no text" in note for note in found.notes)


def test_what_is_not_in_the_cache_is_refused_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(DatasetError, match=r"Dataset acme/reviews: .*acme/reviews") as refusal:
        read_hub("acme/reviews")
    assert "\n" not in str(refusal.value)


def test_what_is_in_the_cache_is_read_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    folder = tmp_path / "reviews"
    save_as_folder(folder)
    # What a download leaves behind: prepared files under the dataset's name.
    built = datasets.load_dataset_builder(str(folder), cache_dir=str(tmp_path / "built"))
    built.download_and_prepare()
    version = Path(built.cache_dir)
    place = tmp_path / "hf" / "datasets" / "acme___reviews" / "default" / "0.0.0"
    place.mkdir(parents=True)
    os.rename(version, place / ("0" * 40))
    prepared = place / ("0" * 40)
    for path in prepared.glob("parquet-*.arrow"):
        path.rename(path.with_name(path.name.replace("parquet-", "reviews-")))
    info = json.loads((prepared / "dataset_info.json").read_text())
    info |= {"dataset_name": "reviews", "builder_name": "parquet", "config_name": "default"}
    (prepared / "dataset_info.json").write_text(json.dumps(info))
    found = read_hub("acme/reviews:train")
    assert len(found.rows) + len(found.refused) == 20
    assert found.rows[1]["label"] == "good"


def test_a_split_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    save_as_folder(tmp_path / "reviews")
    with pytest.raises(DatasetError, match='Unknown split "nosuch"'):
        read_hub(f"{tmp_path / 'reviews'}:nosuch")
    assert len(read_hub(f"{tmp_path / 'reviews'}:test").rows) == 6


def test_rows_of_the_hub_build_a_dataset(studio: Studio, tmp_path: Path) -> None:
    save_as_folder(tmp_path / "reviews")
    rows = studio.gather([f"hub:{tmp_path / 'reviews'}"])
    built = studio.build(find("label"), rows)
    assert built.card.choices == ("bad", "good")
