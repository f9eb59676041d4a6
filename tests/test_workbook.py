"""Workbooks: rows brought in, every deed to them, and what becomes of them."""

import json
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from made_workbook import PLAIN, ROWS, begin_sums

from studio import Studio
from studio.data import workbooks
from studio.data.drafts import Provenance
from studio.data.example import Message
from studio.data.gather import put_together
from studio.data.readers import FIELD_CHARACTERS, Row, Rows
from studio.data.workbook import EDITS, Workbook
from studio.data.workbooks import Workbooks
from studio.errors import ChatError, DatasetError


@pytest.fixture
def book(studio: Studio) -> Workbook:
    return begin_sums(studio)


def again(book: Workbook) -> Workbook:
    """The workbook as another process would read it."""
    return Workbook(book.folder)


def test_a_workbook_says_where_each_row_came_from(book: Workbook) -> None:
    assert book.rows() == ROWS
    assert book.entry(20).origin == "two.csv, line 20"
    assert book.card.sources == ("one.csv: 19 rows", "two.csv: 11 rows, 1 refused")
    assert book.refused() == [("two.csv, line 40", "no answer")]
    assert [finding.kind for finding in book.findings()] == ["refused records"]


def test_every_deed_survives_and_nothing_that_came_in_is_changed(book: Workbook) -> None:
    came = (book.folder / "rows.jsonl").read_bytes()
    book.edit(3, {"answer": "six"})
    book.exclude([1, 2])
    book.include([2])
    book.tag([3, 4], " look   again ")
    book.untag([4], "look again")
    assert book.add([{"question": "Why?", "answer": "So."}], ["made: by hand"]) == [31]
    book.use_template(PLAIN.model_copy(update={"system": "Be brief."}))
    book.settle(seed=7)
    for read in (book, again(book)):
        assert read.entry(3).row == ROWS[2] | {"answer": "six"}
        assert read.entry(3).changed
        assert read.entry(3).tags == ("look again",)
        assert not read.entry(4).tags
        assert [one.number for one in read.entries() if one.excluded] == [1]
        assert read.origins()[-1] == "made: by hand"
        assert (read.template.system, read.options) == ("Be brief.", {"seed": 7})
    assert (book.folder / "rows.jsonl").read_bytes() == came


def test_undo_takes_deeds_back_one_by_one_and_redo_does_them_again(book: Workbook) -> None:
    states = [list(book.entries())]
    for deed in (
        lambda: book.edit(1, {"answer": "two"}),
        lambda: book.exclude([1, 5]),
        lambda: book.tag([5], "odd"),
        lambda: book.add([{"question": "Why?", "answer": "So."}], ["made"]),
    ):
        deed()
        states.append(list(book.entries()))
    told = ["1 row added", "Row 5 tagged 'odd'", "2 rows excluded", "Row 1 edited"]
    for before, what in zip(states[-2::-1], told, strict=True):
        assert book.undo() == what
        assert list(book.entries()) == list(again(book).entries()) == before
    with pytest.raises(DatasetError, match="nothing to undo"):
        book.undo()
    for after, what in zip(states[1:], told[::-1], strict=True):
        assert book.redo() == what
        assert list(book.entries()) == list(again(book).entries()) == after
    book.undo()
    book.edit(2, {"answer": "four"})
    with pytest.raises(DatasetError, match="nothing to do again"):
        book.redo()


def test_a_deed_that_changes_nothing_is_none(book: Workbook) -> None:
    book.edit(1, {"answer": "2"})
    assert book.include([1, 2]) == book.untag([1], "x") == book.rewrite({3: ROWS[2]}) == []
    assert book.history() == []
    assert not (book.folder / EDITS).exists()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"answer": "x" * (FIELD_CHARACTERS + 1)}, "more than 100,000 characters"),
        ({"answer": "\ud800"}, "cannot be kept as text"),
        ({"answer": float("nan")}, "cannot be kept as text"),
    ],
)
def test_what_no_reader_would_take_cannot_be_written_either(
    book: Workbook, row: Row, reason: str
) -> None:
    with pytest.raises(DatasetError, match=reason):
        book.edit(1, row)
    with pytest.raises(DatasetError, match=reason):
        book.add([row], ["made"])
    with pytest.raises(DatasetError, match="no row 31"):
        book.edit(31, {"answer": "x"})
    assert again(book).rows() == ROWS


def test_a_deed_torn_by_a_crash_is_lost_alone(book: Workbook) -> None:
    book.exclude([1])
    with (book.folder / EDITS).open("ab") as file:
        file.write(b'{"deed":"left","rows":[2')
    book.exclude([3])
    assert [one.number for one in book.entries() if one.excluded] == [1, 3]
    assert list(again(book).entries()) == list(book.entries())


def test_deeds_of_many_threads_and_another_process_all_hold(book: Workbook, studio: Studio) -> None:
    code = (
        "import sys; from pathlib import Path; from studio.data.workbook import Workbook\n"
        "book = Workbook(Path(sys.argv[1]))\n"
        "for n in range(16, 31): book.tag([n], 'there')"
    )
    root = Path(__file__).parents[1]
    other = subprocess.Popen([sys.executable, "-c", code, str(book.folder)], cwd=root)
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda n: studio.workbooks.open(book.id).tag([n], "here"), range(1, 16)))
    assert other.wait() == 0
    tags = [one.tags for one in studio.workbooks.open(book.id).entries()]
    assert tags == [("here",)] * 15 + [("there",)] * 15
    assert [one.tags for one in again(book).entries()] == tags


def test_a_visitor_sees_only_their_own(studio: Studio) -> None:
    mine = studio.begin_workbook("sentiment", owner="ann")
    studio.begin_workbook("topic", owner="bob")
    assert [card.id for card in studio.workbooks.list("ann")] == [mine.id]
    assert len(studio.workbooks.list()) == 2
    for deed in (studio.workbooks.open, studio.workbooks.delete):
        with pytest.raises(DatasetError, match="There is no workbook"):
            deed(mine.id, "bob")
    studio.workbooks.delete(mine.id, "ann")
    assert len(studio.workbooks.list()) == 1
    for id in (mine.id, "../runs", "", "none"):
        with pytest.raises(DatasetError, match="There is no workbook"):
            studio.workbooks.open(id)


def test_rows_are_mapped_to_the_template_and_refused_ones_told(
    studio: Studio, tmp_path: Path
) -> None:
    path = tmp_path / "mine.jsonl"
    rows = [{"review": f"It was fine, {n} times over.", "sentiment": "positive"} for n in range(9)]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_text(text + "nonsense\n", encoding="utf-8")
    book = studio.begin_workbook("sentiment", studio.gather([path]))
    assert book.entry(1).row == {"text": rows[0]["review"], "label": "positive"}
    assert book.entry(9).origin == "mine.jsonl, line 9"
    assert len(book.refused()) == 1
    empty = tmp_path / "empty.jsonl"
    empty.write_text("nonsense\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="no usable row"):
        studio.begin_workbook("sentiment", studio.gather([empty]))
    assert len(studio.workbooks.list()) == 1


def test_freezing_takes_what_is_kept_and_as_it_stands(studio: Studio, book: Workbook) -> None:
    book.exclude(range(1, 11))
    book.edit(11, {"question": "How much?", "answer": "a lot"})
    book.settle(heldout_share=0.3, seed=3)
    dataset = studio.freeze(book.id)
    examples = [*dataset.train(), *dataset.heldout()]
    assert len(examples) == 20
    assert "a lot" in {one.completion for one in examples}
    assert dataset.card.heldout_share == 0.3
    assert studio.freeze(book.id, seed=4).id != dataset.id
    assert studio.freeze(book.id).id == dataset.id


def test_rows_added_later_bring_their_refused_records_and_go_with_them(
    studio: Studio, book: Workbook
) -> None:
    more = put_together(
        [("three.csv", Rows([{"question": "Why?", "answer": "So."}], [(9, "odd")]))]
    )
    assert book.take(more) == [31]
    told = [("two.csv, line 40", "no answer"), ("three.csv, line 9", "odd")]
    assert again(book).refused() == book.refused() == told
    assert book.sources()[-1] == "three.csv: 1 rows, 1 refused, added later"
    (finding,) = [one for one in studio.freeze(book.id).card.findings if "refused" in one.kind]
    assert finding.count == 2
    book.undo()
    assert book.refused() == told[:1]
    assert len(book.sources()) == 2


# ---- what was kept in chat


def keep_in_chat(studio: Studio, question: str, answer: str) -> str:
    """Keep an answer in Ann's draft, and give its name."""
    asked = [Message(role="user", content=question)]
    draft = studio.drafts.begin("Ann's")
    where = Provenance(session="s1", lane="base")
    return studio.drafts.keep_example(draft.name, asked, answer, where).name


def test_a_drafts_workbook_takes_in_what_comes_later(studio: Studio) -> None:
    name = keep_in_chat(studio, "One?", "1")
    book = studio.workbook_of_draft(name)
    assert [one.origin for one in book.entries()] == ["chat, conversation s1: base"]
    keep_in_chat(studio, "Two?", "2")
    keep_in_chat(studio, "Three?", "3")
    assert studio.workbook_of_draft(name) is book
    book.edit(2, {"answer": "two"})
    keep_in_chat(studio, "One?", "one")
    keep_in_chat(studio, "Two?", "zwei")
    studio.workbook_of_draft(name)
    assert [row["answer"] for row in book.rows()] == ["one", "two", "3"]
    keep_in_chat(studio, "One?", "uno")
    studio.take_back(name, str(book.entry(3).row["item"]))
    studio.workbook_of_draft(name)
    assert [row["answer"] for row in book.rows()] == ["uno", "two"]
    book.include([3])
    studio.workbook_of_draft(name)
    assert len(book.rows()) == 3
    keep_in_chat(studio, "Four?", "4")
    assert studio.follow_draft(book.id).rows()[-1]["answer"] == "4"
    with pytest.raises(ChatError, match="no draft"):
        studio.workbook_of_draft(name, owner="bob")


def test_what_came_from_chat_can_be_undone_and_what_was_done_before_it_too(studio: Studio) -> None:
    keep_in_chat(studio, "One?", "1")
    name = keep_in_chat(studio, "Two?", "2")
    book = studio.workbook_of_draft(name)
    book.edit(1, {"answer": "uno"})
    keep_in_chat(studio, "Two?", "zwei")
    keep_in_chat(studio, "Three?", "3")
    studio.follow_draft(book.id)
    assert [row["answer"] for row in book.rows()] == ["uno", "zwei", "3"]
    for left in (["uno", "2", "3"], ["uno", "2"], ["1", "2"]):
        book.undo()
        assert [row["answer"] for row in studio.follow_draft(book.id).rows()] == left
    for _ in range(3):
        book.redo()
        studio.follow_draft(book.id)
    assert [row["answer"] for row in book.rows()] == ["uno", "zwei", "3"]
    studio.take_back(name, str(book.entry(3).row["item"]))
    assert len(studio.follow_draft(book.id).rows()) == 2
    book.undo()
    assert len(studio.follow_draft(book.id).rows()) == 3


def test_a_deed_that_the_disk_has_no_room_for_is_told_and_not_half_done(studio: Studio) -> None:
    book = studio.workbooks.begin("Mine", ROWS, PLAIN)
    book.edit(1, {"answer": "first"})
    before, limits = book.rows(), resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (book.folder / "edits.jsonl").stat().st_size
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, limits[1]))
        with pytest.raises(DatasetError, match="cannot be written .*nothing was done"):
            book.edit(1, {"answer": "second"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert book.rows() == before
    book.edit(1, {"answer": "third"})
    assert Workbook(book.folder).rows()[0]["answer"] == "third"
    assert book.undo() == "Row 1 edited"
    assert book.rows() == before


def test_many_large_workbooks_are_not_all_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = Workbooks(tmp_path)
    made = [books.begin(f"Book {n}", ROWS, PLAIN) for n in range(6)]
    assert all(books.open(one.id) is one for one in made)  # small ones are
    monkeypatch.setattr(workbooks, "HELD_BYTES", 3 * made[0].size)
    assert books.open(made[-1].id) is made[-1]
    assert books.open(made[0].id) is not made[0]
    assert books.open(made[0].id).rows() == ROWS
