"""The Examples and Checks panels: rows looked at, changed and undone; findings shown and mended."""

import re
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from test_workbook import PLAIN, ROWS

from studio import Studio
from studio.data.draft_items import Provenance
from studio.data.example import Message
from studio.data.gather import Gathered, Place
from studio.data.row_form import BOXES, RowForm, fill, lead, read
from studio.data.token_lengths import Length
from studio.data.workbook import Workbook
from studio.errors import DatasetError
from studio.ui import (
    book_checks,
    book_editor,
    book_pictures,
    book_rows,
    book_table,
    book_view,
    drafts,
)

HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(1)">'


@pytest.fixture
def book(studio: Studio) -> Workbook:
    rows = [{"question": f"{HOSTILE} {n}?", "answer": f"It is {n}.", "n": n, "tags": ["a", n]}
            for n in range(1, 121)]  # fmt: skip
    places = [Place(f"{HOSTILE}.csv", n) for n in range(1, 121)]
    return studio.workbooks.begin("Many", Gathered(rows, places, []), PLAIN)


def held(book: Workbook, *, search: str = "", only: str = "", order: str = "number",
         down: bool = False, page: int = 0, opened: int | None = None) -> list[Any]:  # fmt: skip
    return [book.id, None, search, only, order, down, page, opened]


def clicked(**data: str) -> Any:
    return SimpleNamespace(_data=data)


# ---- a row as boxes


def test_columns_that_matter_stand_first_and_missing_ones_are_there() -> None:
    assert lead(PLAIN, ["n", "answer", "question"]) == ["question", "answer", "n"]
    assert lead(PLAIN, ["n", "question"]) == ["question", "answer", "n"]


def test_a_row_goes_through_its_boxes_and_back() -> None:
    row = {f"c{n}": n for n in range(12)} | {"text": "two\nlines", "none": None, "list": ["ä", {}]}
    form = fill(row, ["text", "none", "list", *row])
    assert len(form.columns) == BOXES
    assert form.texts[:2] == ("two\nlines", "")
    assert read(row, form) == row
    changed = RowForm(form.columns, ("new", "now", "[1]", *form.texts[3:]), '{"c11": 7}')
    made = read(row, changed)
    assert (made["text"], made["none"], made["list"], made["c11"]) == ("new", "now", [1], 7)
    assert "c10" not in made


@pytest.mark.parametrize(
    ("texts", "rest", "reason"),
    [
        (("many", "[]"), "", "'n' holds a number"),
        (("1", "a, b"), "", "'list' holds a list"),
        (("1", "[]"), "{", "other columns are not JSON"),
        (("1", "[]"), "[1]", "must be a JSON object"),
    ],
)
def test_what_a_box_cannot_hold_is_told(texts: tuple[str, ...], rest: str, reason: str) -> None:
    row = {"n": 1, "list": [], "other": "x"}
    with pytest.raises(DatasetError, match=reason):
        read(row, RowForm(("n", "list"), texts, rest or '{"other": "x"}'))


# ---- Examples


def test_columns_that_tell_nothing_are_left_out_of_the_table(studio: Studio) -> None:
    rows = [{"question": f"{n}?", "answer": "yes", "n": n, "history": []} for n in range(3)]
    drawn = book_table.draw_page(studio.workbooks.begin("Yes", rows, PLAIN), [1, 2], None)
    heads = re.findall(r"<th[^>]*>(\w+)</th>", drawn)
    assert heads == ["Row", "question", "Notes"]
    one = book_table.draw_page(studio.workbooks.begin("One", rows[:1], PLAIN), [1], None)
    assert {"question", "answer"} <= set(re.findall(r"<th[^>]*>(\w+)</th>", one))


def test_a_workbook_is_paged_by_fifties_and_never_past_its_end(
    studio: Studio, book: Workbook
) -> None:
    *_, table, told, about, page = book_view.refresh(studio, None, None, *held(book))
    assert table.count("<tr data-name") == 50
    assert ("Rows 1 to 50 of 120" in told, page) == (True, 0)
    assert "120 rows" in about
    table, told, _, page = book_view.turn(studio, 1, *held(book, page=1))
    assert ("Rows 101 to 120 of 120" in told, page) == (True, 2)
    assert book_view.turn(studio, 1, *held(book, page=2))[-1] == 2
    assert book_view.turn(studio, -1, *held(book, page=0))[-1] == 0
    assert book_view.turn(studio, None, *held(book, page=2, search="nothing like it"))[-1] == 0


def test_text_of_rows_never_becomes_html(studio: Studio, book: Workbook) -> None:
    book.tag([1], HOSTILE[:30])
    book.edit(2, {"answer": ""})
    book_checks_drawn = [*book_checks.run(studio, book.id, None, "starter", 512)][-1]
    drawn = [
        *book_view.refresh(studio, None, None, *held(book))[4:],
        *book_editor.open_row(studio, clicked(name="1"), *held(book))[:-2],
        *book_checks_drawn,
    ]
    texts = [one for one in drawn if isinstance(one, str)]
    assert any("&lt;script&gt;" in one for one in texts)
    assert not any("<script" in one or "<img" in one for one in texts)


def test_a_filter_that_no_longer_fits_gives_way(studio: Studio, book: Workbook) -> None:
    book.exclude([3])
    _, only, order, _, table, *_ = book_view.refresh(
        studio, None, None, *held(book, only="excluded", order="column:n")
    )
    assert (only.value, order.value, table.count("<tr data-name")) == ("excluded", "column:n", 1)
    book.undo()
    _, only, order, _, table, *_ = book_view.refresh(
        studio, None, None, *held(book, only="excluded", order="gone")
    )
    assert (only.value, order.value, table.count("<tr data-name")) == ("", "number", 50)


def test_a_row_is_opened_changed_and_turned_in_the_order_of_the_table(
    studio: Studio, book: Workbook
) -> None:
    at = held(book, order="column:n", down=True)
    shown = book_editor.open_row(studio, clicked(name="119"), *at)
    assert len(shown) == book_editor.PARTS
    number, _, heading, form, question, answer, *_ = shown
    assert (number, form.visible, question.label) == (119, True, "question")
    assert "Row 119" in heading
    assert answer.value == "It is 119."
    at[-1] = 119
    assert book_editor.turn_row(studio, 1, *at)[0] == 118
    assert book_editor.turn_row(studio, -1, *at)[0] == 120
    texts = [one.value for one in shown[4 : 4 + BOXES]]
    texts[1] = "Nobody knows."
    book_editor.save(studio, shown[1], *texts, shown[4 + BOXES].value, *at)
    assert book.entry(119).row["answer"] == "Nobody knows."
    assert book.entry(119).row["tags"] == ["a", 119]
    book_editor.leave(studio, *at)
    assert book.entry(119).excluded
    book_editor.leave(studio, *at)
    assert not book.entry(119).excluded
    with pytest.raises(gr.Error, match="Choose a row first"):
        book_editor.leave(studio, *held(book))


def open_fifth(studio: Studio, book: Workbook) -> tuple[list[Any], Any, list[Any]]:
    """Row 5 opened: where that is, all that is shown, and the texts in its boxes."""
    shown = book_editor.open_row(studio, clicked(name="5"), *held(book))
    return held(book, opened=5), shown, [one.value for one in shown[4 : 4 + BOXES]]


def test_another_template_never_lets_a_box_be_saved_into_another_column(
    studio: Studio, book: Workbook
) -> None:
    at, shown, texts = open_fifth(studio, book)
    before = dict(book.entry(5).row)
    turned: dict[str, Any] = {"answer": "{{ question }}"}
    prompt = PLAIN.phrasings[0].model_copy(update={"prompt": "Ask for: {{ answer }}"})
    book.use_template(PLAIN.model_copy(update=turned | {"phrasings": (prompt,)}))
    book_editor.save(studio, shown[1], *texts, shown[4 + BOXES].value, *at)
    assert book.entry(5).row == before
    again = book_editor.show_again(studio, shown[1], *at)
    assert [one.label for one in again[4:6]] == ["answer", "question"]


def test_what_another_window_wrote_is_not_taken_back_by_a_save(
    studio: Studio, book: Workbook
) -> None:
    at, shown, texts = open_fifth(studio, book)
    texts[1] = "Five."
    book.edit(5, {"question": "What now?"})
    book_editor.save(studio, shown[1], *texts, shown[4 + BOXES].value, *at)
    row = book.entry(5).row
    assert (row["question"], row["answer"]) == ("What now?", "Five.")
    texts[0] = "What then?"
    with pytest.raises(gr.Error, match="Row 5, column 'question' was changed elsewhere"):
        book_editor.save(studio, shown[1], *texts, shown[4 + BOXES].value, *at)
    assert book.entry(5).row == row


def test_tags_are_those_that_stand_in_the_box(studio: Studio, book: Workbook) -> None:
    at = held(book, opened=5)
    book_editor.retag(studio, "odd,  long ", *at)
    book_editor.retag(studio, "long, sure", *at)
    assert book.entry(5).tags == ("long", "sure")
    assert book_editor.retag(studio, "sure,long,,", *at) == gr.skip()
    assert ("tag: long", "tag:long") in book_view.refresh(studio, None, None, *at)[1].choices


def test_what_is_being_written_stays_when_something_else_changes(
    studio: Studio, book: Workbook
) -> None:
    at = held(book, opened=5)
    filled = book_editor.open_row(studio, clicked(name="5"), *held(book))[1]
    book.tag([5], "odd")
    again = book_editor.show_again(studio, filled, *at)
    boxes = again[4 : 4 + BOXES + 1]
    assert all(one == gr.skip() for one in [*boxes, again[-1]])
    assert again[-2] == "odd"
    book.edit(5, {"answer": "Another."})
    again = book_editor.show_again(studio, filled, *at)
    assert again[5].value == "Another."
    book.use_template(PLAIN.model_copy(update={"system": "Be brief."}))
    again = book_editor.show_again(studio, again[1][:2] + filled[2:], *at)
    assert "Be brief." in again[-1]
    late = book.add([{"question": "Why?", "answer": "So."}], ["made"])[0]
    book.undo()
    assert book_editor.show_again(studio, filled, *held(book, opened=late))[0] is None


def test_undo_says_what_it_takes_back(studio: Studio, book: Workbook) -> None:
    undo, redo = book_rows.tell_deeds(studio, book.id, None)
    assert not undo.interactive
    assert not redo.interactive
    book.edit(2, {"answer": "x"})
    assert book_rows.tell_deeds(studio, book.id, None)[0].value == "Undo: Row 2 edited"
    book_rows.step(studio, "undo", book.id, None)
    assert book.entry(2).row["answer"] == "It is 2."
    assert book_rows.tell_deeds(studio, book.id, None)[1].value == "Redo: Row 2 edited"
    book_rows.step(studio, "redo", book.id, None)
    assert book.entry(2).row["answer"] == "x"
    with pytest.raises(gr.Error, match="No workbook is open"):
        book_rows.step(studio, "undo", None, None)


def test_every_row_found_is_changed_by_one_deed(studio: Studio, book: Workbook) -> None:
    found = held(book, search="it is 11")
    book_rows.do_to_all(studio, "exclude", "", *found)
    assert [one.number for one in book.entries() if one.excluded] == [11, *range(110, 120)]
    book_rows.do_to_all(studio, "tag", "odd", *found)
    book_rows.do_to_all(studio, "include", "", *found)
    assert book.entry(11).tags == ("odd",)
    assert len(book.history()) == 3
    with pytest.raises(gr.Error, match="nothing was done"):
        book_rows.do_to_all(studio, "include", "", *found)
    with pytest.raises(gr.Error, match="A tag needs a word"):
        book_rows.do_to_all(studio, "tag", " ", *found)


def test_without_a_workbook_the_panels_say_how_to_get_one(studio: Studio) -> None:
    nothing = [None, None, "", "", "number", False, 0, None]
    assert "bring rows" in book_view.refresh(studio, None, None, *nothing)[4]
    assert "bring rows" in [*book_checks.open_panel_checked(studio, None, None, "", 1)][0][1]
    assert book_editor.show_again(studio, None, *nothing) == [gr.skip()] * book_editor.PARTS


def test_a_visitor_cannot_look_into_another_ones_workbook(studio: Studio) -> None:
    book = studio.workbooks.begin("Ann's", ROWS, PLAIN, owner="ann")
    at = held(book, opened=1)
    at[1] = "bob"
    for deed in (
        lambda: book_view.refresh(studio, None, None, *at),
        lambda: book_editor.leave(studio, *at),
        lambda: book_rows.step(studio, "undo", book.id, "bob"),
        lambda: book_checks.choose(studio, clicked(deed="mend", kind="empty"), book.id, "bob"),
    ):
        with pytest.raises(gr.Error, match="There is no workbook"):
            deed()


def test_what_was_kept_in_chat_is_looked_over_here(studio: Studio) -> None:
    def keep(question: str) -> str:
        asked = [Message(role="user", content=question)]
        draft = studio.drafts.begin("Kept")
        return studio.drafts.keep_example(draft.name, asked, "Yes.", Provenance()).name

    name = keep("Is it?")
    id, tab = drafts.look_over(studio, name, None)
    assert tab.selected == "data"
    keep("Is it still?")
    at = [id, None, "", "", "number", False, 0, None]
    assert "Is it still?" in book_view.refresh(studio, None, None, *at)[4]
    assert studio.workbooks.open(id).origins()[1].startswith("chat, ")


# ---- Checks


def test_findings_are_shown_mended_and_shown_again(studio: Studio, book: Workbook) -> None:
    book.edit(7, {"answer": ""})
    asked = (book.id, None, "starter", 512)
    told, findings, answers, languages, lengths, stop = [
        *book_checks.open_panel_checked(studio, *asked)
    ][-1]
    assert "examples to learn from" in told
    assert 'data-deed="mend" data-kind="empty"' in findings
    assert "there is nothing to balance" in answers
    assert "max_length 512" in lengths
    assert not stop.visible
    look = book_checks.choose(studio, clicked(deed="look", kind="empty"), book.id, None)
    assert look[0][0] == "finding:empty"
    search, only, _, served, table, *_ = book_view.refresh(
        studio, look[0], None, *held(book, search="x", page=1)
    )
    assert (search, only.value) == ("", "finding:empty")
    assert table.count("<tr data-name") == 1
    again = book_view.refresh(studio, look[0], served, *held(book, only="kept"))
    assert (again[0], again[1].value) == (gr.skip(), "kept")
    book_checks.choose(studio, clicked(deed="mend", kind="empty"), book.id, None)
    assert book.entry(7).excluded
    assert "Changed since" in book_checks.show_stale(studio, book.id, None)
    findings = [*book_checks.again(studio, *asked)][-1][1]
    assert 'data-kind="empty"' not in findings
    assert "Changed since" not in book_checks.show_stale(studio, book.id, None)


def test_rows_that_cannot_be_rendered_are_told_in_place_of_the_findings(
    studio: Studio, book: Workbook
) -> None:
    book.use_template(PLAIN.model_copy(update={"answer": "{{ n / 0 }}"}))
    told = [*book_checks.run(studio, book.id, None, "starter", 512)][-1][0]
    assert 'role="alert"' in told
    assert "plain" in told


def test_many_rows_are_checked_when_asked(
    studio: Studio, book: Workbook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book_checks, "AT_ONCE", 100)
    (shown,) = book_checks.open_panel_checked(studio, book.id, None, "starter", 512)
    assert "Press Check the rows" in shown[1]


def test_lengths_say_how_many_are_cut_and_by_what() -> None:
    found = [Length(10, 5)] * 90 + [Length(90, 20)] * 8 + [Length(120, 5)] * 2
    drawn = book_pictures.draw_lengths(found, max_length=100, total=400)
    assert "10 of 100 are longer than 100 and lose their end" in drawn
    assert "In 2 of them nothing would be learned" in drawn
    assert "100 of 400 examples were counted" in drawn
    assert drawn.count("<rect") == 3
    none_cut = book_pictures.draw_lengths(found, max_length=512, total=100)
    assert "lose their end" not in none_cut
    assert "counted" not in none_cut


def test_balance_shows_what_is_learned_and_what_is_held_out() -> None:
    drawn = book_pictures.draw_balance([("yes", 30, 10), ("<b>", 5, 0)])
    assert "30 + 10" in drawn
    assert "&lt;b&gt;" in drawn
    assert "width:75.0%" in drawn
