"""The Rows panel: what is read is told, mapped, and put into a workbook; nobody sees another's."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from studio import Studio
from studio.chat.conversation import Conversation
from studio.chat.exchange import Answer, Exchange
from studio.data.intake import Intake, take_in
from studio.data.readers import parse_pasted
from studio.errors import DatasetError
from studio.ui import books, rows_in, rows_panel, rows_told, sources, visitor

NASTY = "<img src=x onerror=window.hit=1>"


def held(source: str, **chosen: Any) -> list[Any]:
    """What the fields of the sources hold."""
    given = {"files": None, "encoding": "", "text": "", "sample": None, "hub": "", "chats": None,
             "lane": "", "dataset": None}  # fmt: skip
    return [source, *(given | chosen).values()]


def read(studio: Studio, *, book: str | None = None, **chosen: Any) -> tuple[Intake | None, str]:
    """What a visitor's choice of a source gives: the rows, and what is told of them."""
    intake, told, *_ = rows_in.read(studio, book, None, None, *held(**chosen))
    return intake, told


def begun(studio: Studio, intake: Intake | None, scope: str | None = None) -> Any:
    """The workbook that a visitor begins with the rows."""
    id, _, _ = rows_in.begin(studio, "Mine", intake, None, scope)
    return studio.workbooks.open(id, scope)


def test_as_much_is_drawn_as_there_is_to_draw_on(studio: Studio) -> None:
    with gr.Blocks():
        panel = rows_panel.lay_out()
    intake, _ = read(studio, source="sample", sample="extract-order")
    for one in (None, intake):
        assert len(rows_panel.draw(one, studio.templates(), None)) == len(panel.parts)
        assert len(rows_panel.draw_form(one)) == len(panel.mapped) - 1
        assert len(rows_panel.draw_outcome(one)) == len(panel.judged)
    for answered in (
        rows_in.choose_values(None, None, []), rows_in.choose_values(intake, "count", ["two"]),
        rows_in.take_for(None, "text"), rows_in.take_for(intake, "alpaca"),
        rows_in.use_template(studio, None, "label", None, None),
        rows_in.use_template(studio, intake, "label", None, None),
    ):  # fmt: skip
        assert len(answered) == 1 + len(panel.mapped)
    fields = [""] * len(panel.slots.parts)
    assert len(rows_in.fill(None, *fields)) == len(rows_in.fill(intake, *fields))


def test_a_sample_becomes_a_workbook_of_the_visitor(studio: Studio) -> None:
    intake, told = read(studio, source="sample", sample="sentiment")
    assert "640 kept, 0 refused" in told
    book = begun(studio, intake, "someone")
    assert (len(book.rows()), book.template.name, book.card.owner) == (640, "sentiment", "someone")
    assert book.origins()[2] == "sample of sentiment, line 3"
    with pytest.raises(DatasetError, match="no workbook"):
        studio.workbooks.open(book.id, "another")


def test_nothing_chosen_is_no_rows_and_begins_nothing(studio: Studio) -> None:
    for _, source in sources.SOURCES:
        intake, told = read(studio, source=source)
        assert "No rows yet" in told
        with pytest.raises(gr.Error):
            rows_in.begin(studio, "Mine", intake, None, None)


def test_several_files_are_read_and_every_refused_record_is_told(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    one, two = tmp_path / "one.jsonl", tmp_path / "two.csv"
    one.write_text('{"text": "Fine.", "label": "good"}\n{"text": "Bad.", "label": null}\nodd\n')
    two.write_text(f'text,label\n"{NASTY}",bad\nbroken\n')
    intake, told = read(studio, source="files", files=[str(one), str(two)])
    assert "5 records in: 3 kept, 2 refused" in told
    assert "two.csv, line 3" in told
    intake = intake and intake.fill({"text": "text", "label": "label"}, {})
    drawn = rows_told.draw_rows(intake)
    assert NASTY not in drawn
    assert "&lt;img" in drawn
    with open(rows_in.write_refused(intake), encoding="utf-8", newline="") as file:
        assert [line[:2] for line in csv.reader(file)] == [
            ["file", "line"], ["one.jsonl", "3"], ["two.csv", "3"]
        ]  # fmt: skip
    book = begun(studio, intake)
    assert [source.partition(":")[0] for source in book.card.sources] == ["one.jsonl", "two.csv"]
    with open(rows_in.write_refused_of_book(studio, book.id, None), encoding="utf-8") as file:
        assert file.read().count("\n") == 3
    about, lost, add = rows_in.tell_book(studio, book.id, None)
    assert "two.csv: 1 rows, 1 refused" in about.value
    assert lost.visible
    assert add.visible


def test_a_file_that_cannot_be_read_is_told_in_its_place(studio: Studio, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes("text,label\nschön,gut\n".encode("cp1252"))
    intake, told = read(studio, source="files", files=[str(path)])
    assert intake is None
    assert "not UTF-8" in told
    intake, told = read(studio, source="files", files=[str(path)], encoding="cp1252")
    assert intake is not None
    assert intake.everything.rows == [{"text": "schön", "label": "gut"}]


@pytest.mark.parametrize(
    ("text", "columns"),
    [("one\ntwo, and more\n", ["text"]), ("a\tb\n1\t2\n", ["a", "b"]), ('[{"x": 1}]', ["x"])],
)
def test_pasted_text_is_known_by_what_it_holds(
    studio: Studio, text: str, columns: list[str]
) -> None:
    intake, _ = read(studio, source="text", text=text)
    assert intake is not None
    assert intake.columns == columns
    assert str(intake.everything.places[0]).startswith("pasted text, line")


@pytest.mark.parametrize("name", ["/", "tests", "studio/data", "../x", "a/b/c", "-x"])
def test_no_folder_of_the_server_is_read_as_a_dataset_of_the_hub(studio: Studio, name: str) -> None:
    intake, told = read(studio, source="hub", hub=name)
    assert intake is None
    assert 'role="alert"' in told


def test_the_hub_is_said_to_be_out_of_reach_where_it_is(studio: Studio) -> None:
    intake, told = read(studio, source="hub", hub="nobody/nothing-at-all")
    assert intake is None
    assert "nobody/nothing-at-all" in told
    with gr.Blocks():
        assert "offline" in sources.lay_out().hub.info


def talk(studio: Studio, owner: str, question: str) -> Conversation:
    said = Exchange(
        id="a", parent=None, prompt=question, lanes=("base",), asked=datetime.now(UTC),
        answers={"base": Answer(text="Yes.", done=True, stopped=True)},
    )  # fmt: skip
    chat = Conversation.begin(owner=owner, everything=(said,), at="a", lanes=("base",))
    studio.chats.save(chat)
    return chat


def test_only_ones_own_chats_are_offered_and_read(studio: Studio) -> None:
    mine, theirs = talk(studio, "me", "Is it me?"), talk(studio, "them", "Is it them?")
    _, chats, lanes, _ = sources.list_sources(studio, None, "me")
    assert [id for _, id in chats.choices] == [mine.id]
    assert [lane for _, lane in lanes.choices] == ["", "base"]
    gathered = sources.read(studio, "me", *held("chats"))
    assert [row["prompt"] for row in gathered.rows] == ["Is it me?"]
    with pytest.raises(Exception, match="no conversation"):
        sources.read(studio, "me", *held("chats", chats=[theirs.id]))


def test_a_dataset_is_rows_again(studio: Studio) -> None:
    dataset = studio.build("sentiment", limit=20)
    intake, _ = read(studio, source="dataset", dataset=dataset.id)
    assert intake is not None
    assert intake.template.name == "conversation"
    assert {row["split"] for row in intake.made.rows} == {"train", "heldout"}


def test_a_person_says_which_column_is_which(studio: Studio) -> None:
    rows = [{"a": f"say {n}", "b": "x" if n % 2 else "y", "c": "de"} for n in range(8)]
    intake, _ = read(studio, source="text", text=json.dumps(rows))
    intake, *_ = rows_in.use_template(studio, intake, "choose-label", None, None)
    named = [field.name for field in intake.fields]
    columns = {"text": "a", "label": "b", "question": "c"}
    constants = {"options": '=["x", "y"]', "question": "= What is it?"}
    filled = [columns.get(name, "") for name in named]
    filled = [constants.get(name, "") or one for name, one in zip(named, filled, strict=True)]
    intake, chosen, ready, begin, *_ = rows_in.fill(intake, *filled)
    assert "8 rows are ready" in ready
    assert begin.interactive
    first = begun(studio, intake).rows()[0]
    assert first == {
        "text": "say 0", "label": "y", "options": ["x", "y"], "question": "What is it?", "c": "de"
    }  # fmt: skip
    with pytest.raises(gr.Error, match="chosen twice"):
        rows_in.fill(intake, "a", "a")
    with pytest.raises(gr.Error, match="There is no column 'blue'; choose one, or write =blue"):
        rows_in.fill(intake, "blue")


def test_rows_are_chosen_by_their_values_and_the_others_say_so(studio: Studio) -> None:
    rows = [{"text": f"t {n}", "label": f"l{n % 5}"} for n in range(20)]
    intake, _ = read(studio, source="text", text=json.dumps(rows))
    menu = rows_in.show_values(intake, "label")
    assert menu.choices[0] == ("l0 (4)", "l0")
    intake, _, *drawn = rows_in.choose_values(intake, "label", ["l1", "l3"])
    assert any("8 of 20 rows are taken" in str(one) for one in drawn)
    book = begun(studio, intake)
    assert {row["label"] for row in book.rows()} == {"l1", "l3"}
    assert book.rows()[0]["options"] == ["l1", "l3"]


def test_more_rows_are_added_to_the_open_workbook_under_its_template(studio: Studio) -> None:
    first, _ = read(studio, source="sample", sample="sentiment")
    book = begun(studio, first)
    pasted = "utterance\tsentiment\nLovely.\tpositive\n"
    intake, _ = read(studio, book=book.id, source="text", text=pasted)
    assert intake is not None
    assert intake.template == book.template
    rows_in.add(studio, intake, book.id, None)
    added = studio.workbooks.open(book.id).entries()[-1]
    assert (added.row["text"], added.origin) == ("Lovely.", "pasted text, line 2")
    assert book.undo() == "1 row added"


def test_what_is_missing_is_told_and_nothing_can_be_begun(studio: Studio) -> None:
    intake, _ = read(studio, source="text", text="only one text\nand another\n")
    _, ready, begin, *_ = rows_panel.draw_outcome(intake)
    assert "say which column is which" in ready
    assert begin.interactive is False
    with pytest.raises(gr.Error, match="say which column"):
        rows_in.begin(studio, "", intake, None, None)


# ---- the line above the panels


def test_the_line_above_lists_ones_own_workbooks_and_deletes_only_when_asked(
    studio: Studio,
) -> None:
    line, *_, about = books.show(studio, None, "me")
    assert line.visible is False
    assert "No workbook is open" in about
    intake, _ = read(studio, source="sample", sample="spam")
    mine, _ = begun(studio, intake, "me"), begun(studio, intake, "them")
    line, menu, delete, asked, about = books.show(studio, mine.id, "me")
    assert [id for _, id in menu.choices] == [mine.id]
    assert delete.visible
    assert asked.visible is False
    mine.exclude([1, 2])
    assert "2 left out" in books.show(studio, mine.id, "me")[-1]
    assert books.ask().visible
    opened, _, _ = books.delete_book(studio, mine.id, "me")
    assert opened is None
    assert [card.owner for card in studio.workbooks.list()] == ["them"]
    with pytest.raises(gr.Error, match="no workbook"):
        books.delete_book(studio, studio.workbooks.list()[0].id, "me")


def test_what_was_opened_just_before_a_reload_comes_back_and_what_was_closed_does_not(
    studio: Studio,
) -> None:
    away: Any = SimpleNamespace(client=SimpleNamespace(host="203.0.113.9"), headers={})
    *_, owner, kept = visitor.welcome(studio, ["", None, None], away)
    rows = studio.gather([], pasted="text,label\na,b\nc,d\n")
    begun(studio, take_in(rows, studio.templates()), "another")
    book = begun(studio, take_in(rows, studio.templates()), owner)
    # The browser has kept nothing of it yet.
    assert visitor.welcome(studio, kept, away)[1] == book.id
    closed = visitor.remember(owner, None, None)
    _, opened, _, _, kept = visitor.welcome(studio, closed, away)
    assert opened is None
    assert visitor.welcome(studio, kept, away)[1] is None
    assert visitor.welcome(studio, ["", None, None], away)[1] is None  # a new visitor


def test_the_open_workbook_comes_back_unless_it_was_deleted(studio: Studio) -> None:
    intake = take_in(studio.gather([], pasted="text,label\na,b\nc,d\n"), studio.templates())
    book = begun(studio, intake, "me")
    away: Any = SimpleNamespace(client=SimpleNamespace(host="203.0.113.9"), headers={})
    kept = visitor.remember("me", None, book.id)
    assert visitor.welcome(studio, kept, away)[1] == book.id
    assert visitor.welcome(studio, ["another", None, book.id], away)[1] is None
    studio.workbooks.delete(book.id, "me")
    assert visitor.welcome(studio, kept, away)[1] is None
    assert visitor.welcome(studio, ["me", "conversation"], away)[0] == "conversation"
    assert len(parse_pasted("text,label\na,b\nc,d\n").rows) == 2
