"""What a model writes is filtered, proposed, and added only when a person says so."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from studio import Studio
from studio.data.building import make_examples
from studio.data.descent import descents, stay_with_source
from studio.data.invention import ABOUT, Begun, Plan, Writing, suggest_plan
from studio.data.mixture import Part
from studio.data.proposals import Proposal, save_proposals
from studio.data.readers import Row
from studio.data.sieve import Sieve, doubt
from studio.data.split import identify, split_rows
from studio.data.template import Template, shipped
from studio.data.ways import Ways
from studio.data.workbook import Workbook
from studio.data.workbook_deeds import Entry, number_rows
from studio.data.workbook_sides import learned_entries
from studio.errors import DatasetError

SENTIMENT = shipped()["sentiment"]
PLAN = Plan(
    given=("label",), written=("text",),
    asks={"text": "Write a {{ label }} sentence about the {{ about }}."},
)  # fmt: skip


def entries(rows: Sequence[Row]) -> list[Entry]:
    return number_rows(rows, [f"rows.csv, line {n}" for n, _ in enumerate(rows, 2)])


def begin(studio: Studio, template: Template = SENTIMENT, count: int = 40) -> Workbook:
    return studio.workbooks.begin("Reviews", template.all_rows()[:count], template)


def judge(text: str, *, label: str = "positive", unfinished: str = "") -> str:
    sieve = Sieve(SENTIMENT, entries(SENTIMENT.rows), PLAN)
    return sieve.fault(Begun({"text": text, "label": label}, [], "", unfinished))


def test_a_label_is_given_and_its_text_written() -> None:
    assert suggest_plan(SENTIMENT, entries(SENTIMENT.rows)) == PLAN


def test_an_open_answer_is_written_last_with_the_templates_own_question() -> None:
    polite = shipped()["polite"]
    plan = suggest_plan(polite, entries(polite.rows))
    assert plan.given == ()
    assert plan.written == ("text", "polite")
    assert plan.asks["polite"] == polite.phrasings[0].prompt


def test_what_an_answer_is_made_of_is_given_together() -> None:
    order = shipped()["extract-order"]
    plan = suggest_plan(order, entries(order.rows))
    assert set(plan.given) == {"item", "count", "day"}
    assert plan.written == ("text",)
    begun = Writing(entries(order.rows), plan).begin(len(order.rows))
    keys = ("item", "count", "day")
    known = [tuple(row.get(key) for key in keys) for row in order.rows]
    assert all(tuple(one.row[key] for key in keys) in known for one in begun)


def test_a_template_that_reads_no_text_has_nothing_to_write() -> None:
    plain = SENTIMENT.model_copy(
        update={"phrasings": SENTIMENT.phrasings[:1], "answer": "{{ text }}"}
    )
    with pytest.raises(DatasetError, match="nothing to write"):
        suggest_plan(plain, entries(plain.rows))


def test_every_label_is_asked_for_as_often_as_any_other() -> None:
    begun = Writing(entries(SENTIMENT.all_rows()), PLAN).begin(20)
    assert sorted(one.row["label"] for one in begun) == ["negative"] * 10 + ["positive"] * 10


def test_a_question_comes_after_rows_that_show_how_it_is_answered() -> None:
    rows = SENTIMENT.all_rows()
    writing = Writing(entries(rows), PLAN, shots=2, seed=4)
    begun = writing.begin(1)
    (talk,) = writing.questions(begun, "text")
    assert [turn.role for turn in talk] == ["user", "assistant"] * 2 + ["user"]
    for asked, shot in zip(talk[:-1:2], begun[0].shots, strict=True):
        assert asked.content.startswith(f"Write a {shot.row['label']} sentence about the ")
        about = asked.content.rpartition(" ")[2].rstrip(".")
        assert about in str(shot.row["text"])
    assert [turn.content for turn in talk[1::2]] == [shot.row["text"] for shot in begun[0].shots]
    assert talk[-1].content == (
        f"Write a {begun[0].row['label']} sentence about the {begun[0].about}."
    )


def test_a_column_called_like_the_word_to_write_about_keeps_its_value() -> None:
    rows: list[Row] = [{"text": "The cat sleeps.", ABOUT: "animals"}] * 2
    plan = Plan(given=(ABOUT,), written=("text",), asks={"text": "{{ about }}?"})
    writing = Writing(entries(rows), plan, shots=1)
    (talk,) = writing.questions(writing.begin(1), "text")
    assert [turn.content for turn in talk] == ["animals?", "The cat sleeps.", "animals?"]


def test_quotes_around_a_text_are_taken_off_where_rows_have_none() -> None:
    writing = Writing(entries(SENTIMENT.rows), PLAN)
    (one,) = writing.begin(1)
    writing.take(one, "text", '"The soup was nice." ', stopped=False)
    assert one.row["text"] == "The soup was nice."
    assert one.unfinished == "text"


@pytest.mark.parametrize(
    ("text", "label", "fault"),
    [
        ("Such a wonderful evening at the lake.", "positive", ""),
        ("The soup was cold, and the waiter was rude!", "negative", "not new: 1.00 like row 2"),
        ("Nice.", "positive", "too short: 'text' has 1 words, in the rows 6 to 10"),
        ("An evening that was nice " * 9, "positive", "too long"),
        ("Such a wonderful\nevening at the lake.", "positive", "several lines"),
        ("Such a wonderfulEvening at the lake.", "positive", "run together: 'wonderfulEvening'"),
        ("Such a wonderful \ufffd evening.", "positive", "broken"),
        (" ... ", "positive", "empty"),
        ("Such a wonderful evening at the lake.", "splendid", "not a choice: 'splendid'"),
    ],
)
def test_the_filters_say_what_speaks_against_a_row(text: str, label: str, fault: str) -> None:
    found = judge(text, label=label)
    assert found.startswith(fault) if fault else found == ""


def test_a_row_that_was_cut_off_is_not_taken() -> None:
    assert judge("Such a wonderful evening at the", unfinished="text").startswith("unfinished")


def test_a_written_row_is_known_to_those_that_follow() -> None:
    sieve = Sieve(SENTIMENT, entries(SENTIMENT.rows), PLAN)
    row: Row = {"text": "Such a wonderful evening at the lake.", "label": "positive"}
    assert sieve.fault(Begun(row, [], "")) == ""
    assert sieve.fault(Begun(row, [], "")) == "not new: 1.00 like another that was written"


def test_what_a_model_answers_otherwise_is_doubted() -> None:
    sieve = Sieve(SENTIMENT, entries(SENTIMENT.rows), PLAN)
    texts = ("A lovely evening it was.", "A dull evening it was.", "Nice.")
    made = [Proposal(row={"text": text, "label": "positive"}, how="w") for text in texts]
    made[2] = made[2].model_copy(update={"fault": "too short: 1 word"})
    examples = sieve.answerable(made)
    assert [example.completion for example in examples.values()] == ["positive", "positive"]
    faults = [one.fault for one in doubt(made, examples, [" Positive.", "negative"])]
    assert faults == ["", "answered otherwise: 'negative'", "too short: 1 word"]


def test_nothing_is_added_before_a_person_says_so(studio: Studio) -> None:
    book = begin(studio)
    proposed = studio.propose_noise(book.id, kinds=["typos"], count=5)
    assert len(proposed) == 5
    assert len(book.entries()) == 40
    edited = proposed[1].row | {"text": "Written by a person."}
    decided = [proposed[0], proposed[1].decided(True, edited)]
    decided += [one.decided(False, one.row) for one in proposed[2:]]
    studio.decide(book.id, decided)
    assert [one.ticked for one in studio.proposals(book.id)] == [True, True, False, False, False]
    numbers = studio.take_proposals(book.id)
    assert numbers == [41, 42]
    first, second = book.refresh().entries()[40:]
    assert first.row == proposed[0].row
    assert first.origin == f"made: typos, of row {proposed[0].of}"
    assert second.row["text"] == "Written by a person."
    assert second.origin == f"made: typos, edited, of row {proposed[1].of}"
    assert studio.proposals(book.id) == []  # the others were rejected
    assert "2 rows added" in book.undo()
    assert len(book.entries()) == 40


def test_proposals_gather_until_they_are_taken_or_rejected(studio: Studio) -> None:
    book = begin(studio)
    studio.propose_noise(book.id, kinds=["typos"], count=3, seed=1)
    both = studio.propose_rewordings(book.id, patterns="the => this", count=3)
    assert len(both) == 6
    assert studio.propose_noise(book.id, kinds=["typos"], count=3, seed=1) == both
    assert studio.proposals(book.id) == both
    studio.reject_proposals(book.id)
    assert studio.proposals(book.id) == []
    with pytest.raises(DatasetError, match="Other rows are proposed"):
        studio.decide(book.id, both)
    with pytest.raises(DatasetError, match="Nothing is ticked"):
        studio.take_proposals(book.id)


def test_two_windows_that_take_the_same_proposals_add_them_once(studio: Studio) -> None:
    book = begin(studio)
    studio.propose_noise(book.id, kinds=["typos"], count=5)

    def take() -> int:
        try:
            return len(studio.take_proposals(book.id))
        except DatasetError:
            return 0

    with ThreadPoolExecutor(4) as windows:
        taken = [one.result() for one in [windows.submit(take) for _ in range(4)]]
    assert sorted(taken) == [0, 0, 0, 5]
    assert len(book.entries()) == 45


def test_phrasings_are_added_to_the_template_of_the_workbook_alone(studio: Studio) -> None:
    book = begin(studio)
    found = studio.propose_phrasings(book.id)
    before = len(book.template.phrasings)
    assert studio.add_phrasings(book.id, [*found, found[0]][:2]) == before + 2
    assert studio.add_phrasings(book.id, found[:2]) == before + 2
    assert studio.template("sentiment") == SENTIMENT


def test_a_workbook_turned_round_has_the_real_rows_and_says_which(studio: Studio) -> None:
    book = begin(studio, count=6)
    made = studio.propose_noise(book.id, kinds=["typos"], count=1)
    assert len(made) == len(studio.take_proposals(book.id))
    book.exclude([2])
    other = studio.invert(book.id)
    assert other.template.answer == "{{ text }}"
    origins = [entry.origin for entry in other.entries()]
    assert origins == [f"row {n} of workbook {book.id}" for n in (1, 3, 4, 5, 6)]
    assert [entry.row for entry in other.entries()][0] == book.entry(1).row


def test_made_rows_are_only_learned_from_and_only_beside_their_source() -> None:
    rows: list[Row] = [{"text": f"text {n}", "label": "ab"[n % 2]} for n in range(40)]
    rows += [{"text": f"txet {n}", "label": "ab"[n % 2]} for n in range(40)]
    rows.append({"text": "something new", "label": "a"})
    origins = [f"rows.csv, line {n + 2}" for n in range(40)]
    origins += [f"made: typos, of row {n + 1}" for n in range(40)]
    origins.append("made: written by starter")
    made = descents(origins, range(1, 82))
    bare = SENTIMENT.model_copy(update={"answer_choices": None, "split_column": None})
    split = split_rows(identify(rows, bare), column=None, heldout_share=0.3, seed=1)
    after, left = stay_with_source(split, made)
    heldout = {row.number for row in after.heldout}
    train = {row.number for row in after.train}
    assert heldout == {row.number for row in split.heldout if row.number <= 40}
    assert {row.number for row in left} == {number + 40 for number in heldout}
    assert train == set(range(1, 82)) - heldout - {row.number for row in left}


def test_a_repetition_of_a_held_out_row_has_no_made_rows_either() -> None:
    rows: list[Row] = [{"text": f"text {n % 30}", "label": "ab"[n % 2]} for n in range(60)]
    rows += [{"text": f"txet {n}", "label": "ab"[n % 2]} for n in range(30)]
    made = {number: (number - 30,) for number in range(61, 91)}  # of the second of each two
    bare = SENTIMENT.model_copy(update={"answer_choices": None, "split_column": None})
    ways = Ways(heldout_share=0.3, seed=1)
    found = make_examples(bare, rows, ways, descent=made)
    heldout = {example.row for example in found.heldout}
    assert heldout
    assert max(heldout) <= 30
    assert {example.row for example in found.train} == (
        set(range(1, 31)) | set(range(61, 91))
    ) - heldout - {number + 60 for number in heldout}
    (finding,) = [one for one in found.findings if one.kind == "made of held-out rows"]
    assert finding.count == len(heldout)


def test_what_was_made_is_frozen_with_its_origin_and_its_source_beside_it(studio: Studio) -> None:
    book = begin(studio, SENTIMENT.model_copy(update={"split_column": None}), count=60)
    before = studio.freeze(book.id)
    studio.propose_noise(book.id, kinds=["typos"], count=60)
    book.exclude([1])  # places and numbers are not the same any more
    studio.take_proposals(book.id)
    after = studio.freeze(book.id)
    assert after.id != before.id
    texts = {example.messages[-1].content for example in after.heldout()}
    assert texts <= {example.messages[-1].content for example in before.heldout()}
    learned = [one.origin for one in after.train() if one.origin.startswith("made: typos, of row")]
    sources = {int(origin.rpartition(" ")[2]) for origin in learned}
    held = {int(example.origin.rpartition(" ")[2]) for example in after.heldout()}
    assert len(sources) == len(learned) > 30
    assert not sources & held  # origins of the template's rows say their lines


def test_a_task_turned_round_and_mixed_in_tells_nothing_of_what_is_held_out(
    studio: Studio,
) -> None:
    book = begin(studio, SENTIMENT.model_copy(update={"split_column": None}), count=60)
    other = studio.freeze(studio.invert(book.id).id)
    part = Part(kind="dataset", name=other.id, share=0.4)
    mixed = studio.freeze(book.id, mixture=[part])
    held = {example.id.partition("-")[0] for example in mixed.heldout()}
    turned = [example for example in mixed.train() if example.part]
    assert turned
    assert held
    assert not held & {example.id.partition("-")[0] for example in turned}
    assert held & {example.id.partition("-")[0] for example in other.train()}


def test_only_rows_to_learn_from_are_shown_to_who_writes(studio: Studio) -> None:
    book = begin(studio, SENTIMENT.model_copy(update={"split_column": None}), count=60)
    book.settle(heldout_share=0.4)
    held = {one.row for one in studio.freeze(book.id).heldout()}
    learned = learned_entries(book)
    assert {one.number for one in learned} == set(range(1, 61)) - held
    begun = Writing(learned, PLAN, shots=3).begin(60)
    assert not held & {shot.number for one in begun for shot in one.shots}


def test_what_was_written_after_a_row_is_not_learned_where_that_is_held_out(studio: Studio) -> None:
    book = begin(studio, SENTIMENT.model_copy(update={"split_column": None}), count=60)
    held = {one.row for one in studio.freeze(book.id).heldout()}
    free = sorted(set(range(1, 61)) - held)
    shown = [(free[0], free[1]), (free[2], min(held))]
    written = [
        Proposal(row={"text": f"Something new, number {n}.", "label": "positive"},
                 how="written by starter", shown=numbers)
        for n, numbers in enumerate(shown)
    ]  # fmt: skip
    save_proposals(book.folder, written)
    assert studio.take_proposals(book.id) == [61, 62]
    assert book.entry(62).origin.endswith(f", after row {free[2]} and {min(held)}")
    dataset = studio.freeze(book.id)
    assert [one.row for one in dataset.train() if one.row > 60] == [61]
    (finding,) = [one for one in dataset.card.findings if one.kind == "made of held-out rows"]
    assert finding.rows == (62,)


def test_a_row_made_of_one_that_is_gone_is_learned_from() -> None:
    # Entry 2 was excluded: the kept ones are 1 and 3, the latter made of 2.
    assert descents(["rows.csv, line 2", "made: typos, of row 2"], [1, 3]) == {2: ()}


@pytest.mark.slow
def test_the_starter_writes_rows_and_stops_when_nobody_listens(studio: Studio) -> None:
    book = begin(studio, count=200)
    with closing(studio.write_rows(book.id, count=48, seed=2)) as writing:
        written = next(one for one in writing if one.proposals)
    assert (written.done, written.total) == (16, 48)
    assert studio.proposals(book.id) == list(written.proposals)
    good = [one for one in written.proposals if not one.fault]
    assert len(good) >= 4
    assert {one.how for one in good} == {"written by starter"}
    assert {one.row["label"] for one in good} == {"positive", "negative"}
    assert len({one.row["text"] for one in good}) == len(good)
    assert len(book.refresh().entries()) == 200
