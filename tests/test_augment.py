"""More rows from few: noise and rewordings keep the answer, and every row says what made it."""

import re
from collections.abc import Sequence
from random import Random

import pytest

from studio.data.augment import add_noise, find_text, find_texts, originals, say_otherwise
from studio.data.more_phrasings import propose_phrasings
from studio.data.novelty import Known, rouge_l, split_words
from studio.data.proposals import (
    Proposal,
    is_made,
    load_proposals,
    save_proposals,
    sources_of,
    summarize,
)
from studio.data.readers import Row
from studio.data.rendering import preview
from studio.data.rewording import ENGLISH, read_patterns, reword
from studio.data.template import Template, shipped
from studio.data.typing_slips import KINDS, slip
from studio.data.workbook_deeds import Entry, number_rows
from studio.errors import DatasetError, TemplateError

TEMPLATES = shipped()
ORDER = "Please send 20 lamps and Nora's chair to Berlin, and thank you for the quick answer."


def entries(rows: Sequence[Row]) -> list[Entry]:
    return number_rows(rows, [f"rows.csv, line {n}" for n, _ in enumerate(rows, 2)])


def template(**fields: object) -> Template:
    given = {"name": "t", "title": "T", "description": "D", "task": "t", "license": "CC0-1.0",
             "source": "x", "answer": "{{ label }}", "phrasings": ["{{ text }}"]}  # fmt: skip
    return Template.model_validate(given | fields)


@pytest.mark.parametrize("kind", KINDS)
def test_noise_leaves_numbers_and_words_of_the_answer_alone(kind: str) -> None:
    different = set()
    for seed in range(200):
        noisy = slip(ORDER, kind, Random(seed), share=0.5, kept=["nora", "Berlin"])
        assert re.findall(r"\d+|Nora|Berlin", noisy) == ["20", "Nora", "Berlin"]
        different.add(noisy)
    assert len(different) > 1
    assert ORDER not in different


def test_the_same_seed_gives_the_same_slips() -> None:
    once, again = (slip(ORDER, "typos", Random(3), share=0.3) for _ in range(2))
    assert once == again


def test_a_share_of_the_words_gets_a_slip() -> None:
    words = " ".join(f"word{chr(97 + n)}" for n in range(20))
    for share, expected in ((0.1, 2), (0.5, 10), (0.0, 1)):
        noisy = slip(words, "typos", Random(1), share=share).split()
        assert sum(a != b for a, b in zip(words.split(), noisy, strict=True)) == expected


def test_text_without_room_for_noise_stays() -> None:
    assert slip("20 30", "typos", Random(1)) == "20 30"
    assert slip("42", "case", Random(1)) == "42"
    assert slip("word", "spacing", Random(1)) == "word"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hello. Can you book a table?", "Hello. Could you please book a table?"),
        ("What is the capital of France?", "Tell me what the capital of France is."),
        ("how do i reset my password", "tell me how to reset my password"),
        ("I do not like it.", "I don't like it."),
        ("I'm late.", "I am late."),
    ],
)
def test_what_is_said_otherwise_keeps_its_capital_and_its_end(text: str, said: str) -> None:
    assert said in [other for _, other in reword(text, read_patterns(ENGLISH))]


def test_a_gap_that_leaves_the_beginning_loses_its_capital() -> None:
    patterns = read_patterns("{x}, please. => Please {x}.")
    assert [said for _, said in reword("Sit down, please.", patterns)] == ["Please sit down."]


def test_a_rewording_that_would_lose_a_word_of_the_answer_is_not_made() -> None:
    patterns = read_patterns("quick => fast")
    assert list(reword("The quick fox.", patterns, kept=["quick"])) == []
    assert [said for _, said in reword("The quick fox.", patterns)] == ["The fast fox."]


@pytest.mark.parametrize(
    "line",
    ["no arrow", "=> a", "a =>", "{x} => a {x}", "a {x} => b {y}", "a {x} {x} => {x}",
     "a {x} => b", "a {a} {b} {c} {d} => {a}{b}{c}{d}"],
)  # fmt: skip
def test_a_line_that_is_no_pattern_is_named(line: str) -> None:
    with pytest.raises(TemplateError, match="line 2"):
        read_patterns(f"a {{x}} => b {{x}}\n{line}")


def test_a_text_of_one_endless_sentence_is_passed_over() -> None:
    patterns = read_patterns("a {x} b {y} c {z} d => {z} {y} {x}")
    assert list(reword("a b c " * 20_000, patterns)) == []


def test_rouge_l_is_f1_of_the_longest_common_subsequence() -> None:
    # LCS of "a b c d" and "a c d e" is "a c d": 2 * 3 / (4 + 4).
    assert rouge_l(split_words("a b c d"), split_words("A c, d e!")) == pytest.approx(0.75)
    known = Known(["one two three", "the cat sat on the mat"])
    nearest = known.nearest("The cat sat on a mat.")
    assert nearest is not None
    assert nearest.place == 1
    assert nearest.score == pytest.approx(10 / 12)
    assert known.nearest("nothing of the kind") is None
    known.add("nothing of the kind")
    assert known.nearest("nothing of that kind") is not None


def test_only_what_the_answer_does_not_read_may_be_changed() -> None:
    rows = [{"text": "A long text.", "label": "long", "split": "train"}]
    asks_both = template(phrasings=["{{ text }} {{ label }}"], split_column="split")
    assert [text.column for text in find_texts(asks_both, rows)] == ["text"]
    with pytest.raises(DatasetError, match="those that can: text"):
        find_text(asks_both, rows, "label")
    echo = template(phrasings=["{{ text }}"], answer="{{ text | upper }}")
    with pytest.raises(DatasetError, match="reads no text"):
        find_text(echo, rows)


@pytest.mark.parametrize("name", [n for n, one in TEMPLATES.items() if one.rows])
def test_made_rows_of_a_shipped_template_keep_every_answer(name: str) -> None:
    chosen, rows = TEMPLATES[name], list(TEMPLATES[name].rows)
    book = entries(rows)
    text = find_text(chosen, rows)
    made = add_noise(book, text, ["typos", "case", "spacing"], seed=5)
    made += say_otherwise(book, text, read_patterns(ENGLISH))
    assert made
    for one in made:
        assert one.of is not None
        before = rows[one.of - 1]
        assert {key for key in before if before[key] != one.row[key]} == {text.column}
        old, new = (preview(chosen, [row])[0].completion for row in (before, one.row))
        assert old == new


def test_rows_that_were_made_or_excluded_are_not_made_more_of() -> None:
    book = entries([{"text": f"This is text number {n}."} for n in range(4)])
    book[0] = book[0]._replace(excluded=True)
    book[1] = book[1]._replace(origin="made: typos, of row 4")
    assert [entry.number for entry in originals(book)] == [3, 4]
    text = find_text(template(), [entry.row for entry in book])
    assert {one.of for one in add_noise(book, text, ["typos"])} == {3, 4}


def test_the_same_rows_come_first_whatever_rows_come_later() -> None:
    rows: list[Row] = [{"text": f"This is the text number {n}.", "label": "a"} for n in range(40)]
    text = find_text(template(), rows)
    small = add_noise(entries(rows[:20]), text, ["typos"], count=20, seed=1)
    large = add_noise(entries(rows), text, ["typos"], count=40, seed=1)
    assert [one for one in large if one.of is not None and one.of <= 20] == small


def test_every_made_row_tells_where_it_came_from() -> None:
    one = Proposal(row={"text": "a"}, how="typos", of=12)
    assert one.origin == "made: typos, of row 12"
    assert one.decided(True, {"text": "b"}).origin == "made: typos, edited, of row 12"
    assert sources_of(one.origin) == (12,)
    new = Proposal(row={"text": "a"}, how="written by starter")
    assert is_made(new.origin)
    assert sources_of(new.origin) == ()
    assert sources_of(new.model_copy(update={"shown": (3, 8, 12)}).origin) == (3, 8, 12)
    assert sources_of("list, of row 3") == ()


def test_proposals_are_there_again_after_a_reload(tmp_path) -> None:
    kept = [Proposal(row={"text": "ä", "n": 1}, how="typos", of=2, fault="not new: as row 1")]
    save_proposals(tmp_path, kept)
    assert load_proposals(tmp_path) == kept
    save_proposals(tmp_path, [])
    assert load_proposals(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_summary_counts_what_speaks_against() -> None:
    faults = ["", "", "not new: as row 1", "not new: as row 2", "too short: 1 word"]
    said = summarize([Proposal(row={}, how="x", fault=fault) for fault in faults])
    assert said == "2 of 5 pass the filters; 2 not new, 1 too short."


@pytest.mark.parametrize("name", TEMPLATES)
def test_proposed_phrasings_are_new_and_give_the_same_answers(name: str) -> None:
    chosen = TEMPLATES[name]
    found = propose_phrasings(chosen)
    prompts = [one.prompt for one in (*chosen.phrasings, *found)]
    assert len(set(prompts)) == len(prompts)
    longer = chosen.model_copy(update={"phrasings": (*chosen.phrasings, *found)})
    examples = preview(longer, list(chosen.rows)[:2])
    answers: dict[int, set[str]] = {}
    for example in examples:
        answers.setdefault(example.row, set()).add(example.completion)
    assert all(len(said) == 1 for said in answers.values())
    assert all(re.fullmatch(r"made: .+, of phrasing \d+", one.name) for one in found)


def test_phrasings_in_another_language_get_no_english_words() -> None:
    french = template(
        language="fr", phrasings=["Traduis cette phrase en anglais : {{ text }}"],
        description="Traduis la phrase en anglais.", answer_choices=["a", "b"],
    )  # fmt: skip
    for one in propose_phrasings(french):
        assert not re.search(r"Task|Answer|Please", one.prompt)
    assert len(propose_phrasings(french)) == 2
