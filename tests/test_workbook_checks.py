"""Workbooks looked through: rows are found, faults told, and fixes are deeds like any other."""

import pytest
from made_workbook import PLAIN, begin_sums

from studio import Studio
from studio.data import checking
from studio.data.progress import Progress
from studio.data.readers import Row
from studio.data.template import Template
from studio.data.workbook import Workbook
from studio.data.workbook_checks import Checked, last_check
from studio.data.workbook_view import Wish, arrange, filters, orders
from studio.errors import DatasetError, TemplateError


@pytest.fixture
def book(studio: Studio) -> Workbook:
    return begin_sums(studio)


def test_rows_are_found_by_words_filters_and_orders(book: Workbook) -> None:
    book.tag([4], "Odd")
    book.exclude([5, 6])
    book.edit(7, {"answer": "fourteen"})
    book.add([{"question": "Why?", "answer": "So."}], ["made: by hand, of row 3"])

    def seen(**wish: object) -> list[int]:
        return list(arrange(book, Wish(**wish)))  # type: ignore[arg-type]

    assert seen(search="what 17") == [17]
    assert seen(search="FOURTEEN") == [7]
    assert seen(search="odd") == [4]
    assert seen(search="two.csv 21") == [21]
    assert seen(only="excluded") == [5, 6]
    assert len(seen(only="kept")) == 29
    assert seen(only="changed") == [7]
    assert seen(only="added") == seen(only="source:made: by hand") == [31]
    assert seen(only="tag:Odd") == [4]
    assert seen(only="source:two.csv") == list(range(20, 31))
    assert seen(order="column:n", down=True)[:3] == [31, 30, 29]
    assert seen(order="column:n")[-2:] == [30, 31]
    assert seen(order="column:answer")[0] == 5
    assert seen(order="number", down=True)[0] == 31
    assert seen(order="row")[0] == 31
    book.undo()
    assert seen(only="added") == []
    assert seen(search="why") == []


def test_filters_and_orders_are_those_that_fit(book: Workbook, studio: Studio) -> None:
    assert [one for _, one in filters(book)] == [
        "", "kept", "source:one.csv", "source:two.csv",
    ]  # fmt: skip
    assert "findings" not in [one for _, one in orders(book)]
    book.exclude([2])
    book.edit(1, {"answer": ""})
    checked = studio.checked(book.id)
    assert ("excluded (1)", "excluded") in filters(book, checked)
    assert ("empty (1)", "finding:empty") in filters(book, checked)
    assert list(arrange(book, Wish(only="finding:empty"), checked)) == [1]
    assert arrange(book, Wish(order="finding:empty"), checked)[0] == 1
    assert arrange(book, Wish(order="answer"), checked)[:2] == [1, 2]
    assert arrange(book, Wish(order="findings"), checked)[0] == 1


# ---- checks and fixes


def test_findings_name_entries_also_behind_excluded_ones(studio: Studio, book: Workbook) -> None:
    book.exclude([1, 2, 3])
    book.edit(10, {"answer": " "})
    book.edit(20, {"question": "Write to ann@example.org"})
    checked = studio.checked(book.id)
    assert checked.rows("empty") == (10,)
    assert checked.rows("personal data") == (20,)
    assert checked.by_row[10] == ["empty"]
    assert set(checked.lengths) == set(range(4, 31))
    assert checked.train + checked.heldout == 27
    assert checked.lengths[20][0] == len("Write to ann@example.org")
    assert last_check(book) is checked is studio.checked(book.id)


def test_what_the_checks_found_is_there_after_a_restart(studio: Studio, book: Workbook) -> None:
    checked = studio.checked(book.id)
    with Studio(studio.settings.home) as restarted:
        found = restarted.workbooks.open(book.id)
        assert last_check(found) == checked
        assert restarted.checked(book.id) is last_check(found)
    (book.folder / "checked.json").write_text("torn")
    assert last_check(Workbook(book.folder)) is None


def test_a_fix_is_one_deed_and_can_be_undone(studio: Studio, book: Workbook) -> None:
    book.edit(10, {"answer": ""})
    book.edit(20, {"question": "Write to ann@example.org"})
    assert studio.mend(book.id, "empty") == "1 row excluded: empty"
    assert studio.mend(book.id, "personal data") == "1 row rewritten: personal data"
    assert book.entry(20).row["question"] == "Write to [e-mail]"
    assert not {"empty", "personal data"} & {one.kind for one in studio.checked(book.id).findings}
    assert book.undo() == "1 row rewritten: personal data"
    assert studio.checked(book.id).rows("personal data") == (20,)
    for kind, reason in (("empty", "found nothing"), ("few examples", "found nothing")):
        with pytest.raises(DatasetError, match=reason):
            studio.mend(book.id, kind)


def test_what_needs_a_person_is_not_mended(studio: Studio) -> None:
    rows: list[Row] = [{"question": f"Is it {n}?", "answer": "no" if n % 9 else "yes"}
                       for n in range(40)]  # fmt: skip
    book = studio.workbooks.begin("No", rows, PLAIN)
    checked = studio.checked(book.id)
    assert checked.rows("label balance")
    assert [one for one, *_ in checked.answers] == ["no", "yes"]
    assert sum(learned + kept for _, learned, kept in checked.answers) == 40
    with pytest.raises(DatasetError, match="cannot be mended by itself"):
        studio.mend(book.id, "label balance")
    assert book.history() == []


def test_checks_tell_what_they_do_and_texts_are_no_labels(studio: Studio, book: Workbook) -> None:
    *told, checked = studio.check(book.id)
    assert [str(one) for one in told] == ["Looking at 30 rows"]
    assert isinstance(checked, Checked)
    assert checked.answers == ()
    assert sum(checked.languages.values()) == 30
    book.exclude(range(1, 31))
    with pytest.raises(DatasetError, match="Every row is excluded"):
        list(studio.check(book.id))


def test_many_rows_are_checked_apart_and_give_the_same(
    studio: Studio, book: Workbook, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.exclude([4])
    book.edit(10, {"answer": ""})
    here = studio.checked(book.id)
    monkeypatch.setattr(checking, "SMALL", 10)
    *told, apart = studio.check(book.id)
    assert apart == here
    assert last_check(book) is apart
    shares = [one.share for one in told if isinstance(one, Progress)]
    assert shares == sorted(shares)
    assert len(shares) == len(told) > 2
    book.use_template(PLAIN.model_copy(update={"answer": "{{ n / 0 }}"}))
    with pytest.raises(TemplateError, match="'plain'"):
        list(studio.check(book.id))
    stopped = studio.check(book.id)
    next(stopped)
    stopped.close()  # type: ignore[attr-defined]
    assert last_check(book) is apart


def test_rows_that_contradict_each_other_are_found_in_whatever_wording(studio: Studio) -> None:
    worded = PLAIN.model_dump() | {"phrasings": [f"{n}: {{{{ question }}}}" for n in range(9)]}
    rows: list[Row] = [{"question": f"Is it {n}?", "answer": "yes"} for n in range(40)]
    rows += [{"question": f"Is it {n}?", "answer": "no"} for n in range(6)]
    book = studio.workbooks.begin("Yes and no", rows, Template.model_validate(worded))
    assert studio.checked(book.id).rows("conflicts") == (*range(1, 7), *range(41, 47))
    assert studio.mend(book.id, "conflicts") == "12 rows excluded: conflicts"
    assert studio.checked(book.id).rows("conflicts") == ()
