"""The More panel: proposals as a table to tick and to write in; nothing is added unasked."""

from typing import Any

import gradio as gr
import pytest

from studio import Studio
from studio.data.proposals import Proposal
from studio.data.template import shipped
from studio.data.workbook import Workbook
from studio.errors import DatasetError
from studio.ui import more, more_lists, more_ways, proposed

SENTIMENT = shipped()["sentiment"]


@pytest.fixture
def book(studio: Studio) -> Workbook:
    return studio.workbooks.begin("Reviews", SENTIMENT.all_rows()[:30], SENTIMENT)


def settings(*, turned: str = "text", count: int = 4, **other: Any) -> list[Any]:
    """What stands in the boxes, in their order."""
    given = {"column": "text", "kinds": ["typos"], "share": 0.1, "patterns": "was => is",
             "who": "base starter", "shots": 3, "heat": 0.8, "new": 0.7,
             "checker": ""} | other  # fmt: skip
    return [*given.values(), *[""] * more_ways.ASKS, turned, count, 0]


def propose(studio: Studio, book: Workbook, way: str, **other: Any) -> list[Any]:
    *_, last = more.propose(studio, book.id, None, "visitor", way, *settings(**other))
    return last


PROPOSALS = [
    Proposal(row={"text": "a b", "label": "x", "options": ["x", "y"], "id": 7}, how="typos", of=2),
    Proposal(row={"text": "c d", "label": "y", "options": ["x"], "id": 8}, how="w", fault="no"),
]
COLUMNS = ["text", "options"]


def test_a_filtered_proposal_is_shown_unticked_with_the_reason() -> None:
    cells = proposed.draw(PROPOSALS, COLUMNS)
    assert [cell[:2] for cell in cells] == [[1, True], [2, False]]
    assert cells[0][-2:] == ["typos, of row 2", ""]
    assert cells[1][-2:] == ["w", "no"]
    for parts in (proposed.headers(COLUMNS), proposed.kinds(COLUMNS), proposed.widths(COLUMNS)):
        assert len(parts) == len(cells[0])


def test_the_table_is_read_as_it_was_edited_in_whatever_order() -> None:
    first, second = proposed.draw(PROPOSALS, COLUMNS)
    second[1], second[2] = True, "written by hand"
    kept, changed = proposed.read_cells([second, first], PROPOSALS, COLUMNS)
    assert kept == PROPOSALS[0]
    assert changed.row == PROPOSALS[1].row | {"text": "written by hand"}
    assert changed.ticked
    assert changed.origin == "made: w, edited"
    assert proposed.draw([kept, changed], COLUMNS)[1][1] is True
    first[1] = "false"
    assert not proposed.read_cells([first], PROPOSALS, COLUMNS)[0].ticked
    second[3] = "not a list"
    with pytest.raises(DatasetError, match="'options' holds a list"):
        proposed.read_cells([first, second], PROPOSALS, COLUMNS)


def test_cells_of_rows_that_are_no_longer_proposed_are_refused() -> None:
    with pytest.raises(DatasetError, match="Other rows are proposed"):
        proposed.read_cells(proposed.draw(PROPOSALS, COLUMNS), [], COLUMNS)


def test_the_columns_that_the_template_asks_with_come_first() -> None:
    row = {"split": "train", "label": "positive", "text": "Nice."}
    assert proposed.shown(SENTIMENT, [Proposal(row=row, how="x")]) == ["text", "label"]


def test_all_or_none_are_ticked_in_one_go() -> None:
    cells = proposed.draw(PROPOSALS, COLUMNS)
    assert [cell[1] for cell in proposed.tick(1, True, cells)] == [True, True]
    assert [cell[1] for cell in proposed.tick(1, False, cells)] == [False, False]


@pytest.mark.parametrize("way", ["noise", "reword"])
def test_rows_are_proposed_added_and_told(studio: Studio, book: Workbook, way: str) -> None:
    state, table, buttons, columns, *_ = propose(studio, book, way)
    assert "4 of 4 pass the filters" in state
    assert buttons.visible
    assert len(book.refresh().entries()) == 30
    cells = table.value["data"]
    cells[0][1] = False
    more_lists.take_rows(studio, book.id, None, cells, columns)
    assert len(book.refresh().entries()) == 33
    told, *_ = more.refresh(studio, book.id, None, "")
    assert "33 rows, of which 3 were made" in told
    assert more.show(studio, book.id, None)[1].visible is False


def test_nothing_ticked_is_told(studio: Studio, book: Workbook) -> None:
    _, table, _, columns, *_ = propose(studio, book, "noise")
    none = proposed.tick(1, False, table.value["data"])
    with pytest.raises(gr.Error, match="Nothing is ticked"):
        more_lists.take_rows(studio, book.id, None, none, columns)
    with pytest.raises(gr.Error, match="Nothing is ticked"):
        more_lists.take_phrasings(studio, book.id, None, [[False, "{{ text }}", "x"]])


def test_what_was_ticked_and_written_is_there_after_a_reload(
    studio: Studio, book: Workbook
) -> None:
    _, table, _, columns, *_ = propose(studio, book, "noise")
    cells = table.value["data"]
    cells[0][1], cells[1][2] = False, "Written by a person."
    more_lists.note(studio, book.id, None, cells, columns)
    again = more.refresh(studio, book.id, None, "")[-3].value["data"]
    assert again == cells
    _, more_of_it, *_ = propose(studio, book, "reword")
    assert more_of_it.value["data"][:4] == cells
    assert len(more_of_it.value["data"]) == 8
    assert more_lists.reject_rows(studio, book.id, None)[1].visible is False
    assert studio.proposals(book.id) == []


def test_no_room_for_more_is_told(studio: Studio, book: Workbook) -> None:
    propose(studio, book, "noise")
    with pytest.raises(gr.Error, match="No row has room for more of that"):
        propose(studio, book, "noise")


def test_phrasings_are_edited_before_they_are_added(studio: Studio, book: Workbook) -> None:
    table = propose(studio, book, "phrasings")[5]
    cells = [list(cell) for cell in table.value["data"]]
    before = len(book.template.phrasings)
    cells[0][1] = "My own words: {{ text }}"
    for cell in cells[1:]:
        cell[0] = False
    more_lists.take_phrasings(studio, book.id, None, cells)
    phrasings = book.refresh().template.phrasings
    assert len(phrasings) == before + 1
    assert phrasings[-1].prompt == "My own words: {{ text }}"


def test_an_added_phrasing_keeps_the_answer_of_the_one_it_is_made_of(
    studio: Studio, book: Workbook
) -> None:
    first = book.template.phrasings[0].model_copy(update={"answer": "So: {{ label }}"})
    book.use_template(book.template.model_copy(update={"phrasings": (first,)}))
    cells = propose(studio, book, "phrasings")[5].value["data"]
    more_lists.take_phrasings(studio, book.id, None, cells)
    phrasings = book.refresh().template.phrasings
    assert len(phrasings) == 1 + len(cells) > 1
    assert {one.answer for one in phrasings} == {"So: {{ label }}"}


def test_rows_are_asked_in_one_phrasing_or_in_all(studio: Studio, book: Workbook) -> None:
    more.settle(studio, book.id, None, "all")
    assert book.refresh().options["phrasings"] == "all"
    asked = more.refresh(studio, book.id, None, "")[2]
    assert asked.value == "all"
    assert [label for label, _ in asked.choices] == [
        "in one phrasing, drawn by weight (30 examples)",
        "in every phrasing (3 of each row, 90 examples)",
    ]


def test_settings_stay_as_long_as_they_suit(studio: Studio, book: Workbook) -> None:
    first = more.refresh(studio, book.id, None, "")
    suited, column = first[1], first[3]
    assert column.value == "text"
    book.exclude([1])
    again = more.refresh(studio, book.id, None, suited)
    assert "29 rows" in again[0]
    assert again[2].choices[0][0] == "in one phrasing, drawn by weight (29 examples)"
    assert not hasattr(again[3], "choices")
    assert len(again) == len(first) == len(more.refresh(studio, None, None, ""))
    book.use_template(shipped()["polite"])
    assert more.refresh(studio, book.id, None, suited)[3].choices == [("text", "text")]


def test_a_task_turned_round_is_opened(studio: Studio, book: Workbook) -> None:
    *_, opened, _ = propose(studio, book, "invert")
    assert opened != book.id
    assert studio.workbooks.open(opened).template.answer == "{{ text }}"


def test_without_a_workbook_the_panel_says_what_to_do(studio: Studio) -> None:
    told, *_ = more.refresh(studio, None, None, "")
    assert "No workbook is open" in told
    with pytest.raises(gr.Error, match="No workbook is open"):
        list(more.propose(studio, None, None, "", "noise", *settings()))


@pytest.mark.parametrize("way", [way for _, way in more_ways.WAYS])
def test_every_way_shows_its_own_settings_alone(way: str) -> None:
    about, column, *groups = more.show_way(way)[:7]
    assert more_ways.ABOUT[way] in about
    assert [group.visible for group in groups].count(True) == 1
    assert column.visible is (way in ("noise", "reword"))
    assert [one.visible for one in more.show_way(way)[-2:]] == [
        way != "phrasings",
        way == "phrasings",
    ]


def test_a_workbook_of_somebody_else_cannot_be_added_to(studio: Studio) -> None:
    theirs = studio.workbooks.begin("T", SENTIMENT.all_rows()[:9], SENTIMENT, owner="them")
    with pytest.raises(gr.Error, match="There is no workbook"):
        list(more.propose(studio, theirs.id, "me", "me", "noise", *settings()))
