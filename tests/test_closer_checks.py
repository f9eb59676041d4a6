"""Closer checks: what they find, what they leave alone, and that a fix takes the finding away."""

import random
from pathlib import Path

import pytest

from studio import Studio
from studio.data.checks import Finding, check_examples
from studio.data.closer_checks import check_closely
from studio.data.dataset import build_dataset
from studio.data.example import Example, Message
from studio.data.fixes import DROPPED, REWRITTEN, fix
from studio.data.likeness import near_pairs, shingles
from studio.data.odd_text import clean, languages, oddities
from studio.data.personal import find_personal, mask
from studio.data.readers import Row
from studio.data.rendering import preview
from studio.data.template import Template
from studio.errors import DatasetError

PLAIN = Template.parse(
    "name: plain\ntitle: T\ndescription: D.\ntask: t\nlicense: l\nsource: s\n"
    'answer: "{{ answer }}"\nphrasings: ["{{ prompt }}"]\n'
)
WORD_LIST = (
    "river stone garden window letter morning summer market bread candle bridge forest mountain "
    "doctor teacher farmer sailor painter slowly quickly gently often never always under above "
    "between beside carry follow remember promise answer listen travel build gather borrow "
    "bright quiet narrow heavy gentle hungry clever silver wooden yellow second another several "
    "the a of and with from before after because until"
)
WORDS = WORD_LIST.split()


def prose(seed: int, words: int = 20) -> str:
    chosen = random.Random(seed)
    return " ".join(chosen.choice(WORDS) for _ in range(words))


def example(prompt: str, answer: str = "An answer.", row: int = 1) -> Example:
    return Example(
        id=str(row), row=row, phrasing=1,
        messages=(Message(role="user", content=prompt),), completion=answer,
    )  # fmt: skip


def kinds(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.kind: finding for finding in findings}


# ---- near duplicates and overlap


def test_near_duplicates_are_those_an_exact_count_finds() -> None:
    texts = [prose(n, 60) for n in range(300)]
    for n in range(0, 60, 3):  # one word changed, in ever earlier places
        words = texts[n].split()
        words[-1 - n // 3] = "changed"
        texts.append(" ".join(words))
    exact = set()
    for place, text in enumerate(texts):
        for before in range(place):
            one, other = shingles(text), shingles(texts[before])
            if len(one & other) >= 0.8 * len(one | other):
                exact.add(place)
    found = {place for place, _ in near_pairs(texts)}
    assert found <= exact
    assert len(exact) >= 15
    assert len(found) >= 0.9 * len(exact)  # MinHash may miss some, and says so


def test_words_of_a_template_make_nothing_alike() -> None:
    wrapper = "Please read this and say in one word which of the many labels below fits it best: "
    texts = [wrapper + prose(n, 7) for n in range(60)]
    assert list(near_pairs(texts)) == []
    assert list(near_pairs(texts[:30], texts[30:])) == []
    assert list(near_pairs([*texts, texts[7] + " indeed"])) == [(60, 7)]


def test_short_texts_are_left_alone() -> None:
    assert list(near_pairs(["Is it red?", "Is it blue?", "is it red"])) == []


def test_held_out_rows_near_a_learned_one_are_found() -> None:
    train = [example(prose(n), row=n) for n in range(1, 40)]
    heldout = [example(prose(n), row=n) for n in range(40, 50)]
    heldout.append(example(prose(5) + " again", row=50))
    found = kinds(check_closely(train, heldout))
    assert found["held-out overlap"].rows == (50,)
    assert found["held-out overlap"].severity == "warning"
    assert "near duplicates" not in found


def test_questions_of_probes_are_found_short_ones_exactly_and_long_ones_nearly() -> None:
    asked = {"capitals": ["Capital of France?", "Capital of Peru?"], "stories": [prose(7)]}
    train = [
        example("capital of france?", row=1),
        example("Capital of Chile?", row=2),
        example(prose(7) + " now", row=3),
    ]
    found = kinds(check_closely(train, [example("x", row=4)], asked=asked))
    assert found["probe overlap"].rows == (1, 3)
    assert "capitals" in found["probe overlap"].message
    assert "stories" in found["probe overlap"].message


def test_a_build_looks_for_the_probes_questions(studio: Studio) -> None:
    probe = next(one for one in studio.probes() if one.name == "starter-capitals")
    rows = [{"prompt": case.messages[-1].content, "answer": case.answer} for case in probe.cases]
    found = kinds(list(studio.build(PLAIN, rows[:20]).card.findings))
    assert found["probe overlap"].count >= 10
    assert "starter-capitals" in found["probe overlap"].message


# ---- personal data


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Write to ann.lee+x@mail.example.org.", "Write to [e-mail]."),
        ("Pay to DE89 3704 0044 0532 0130 00 today", "Pay to [IBAN] today"),
        ("Pay to GB82WEST12345698765432 NOW", "Pay to [IBAN] NOW"),
        ("Card 4111 1111 1111 1111, thanks", "Card [card], thanks"),
        ("Card 378282246310005.", "Card [card]."),
        ("Server 93.184.216.34 is down", "Server [IP address] is down"),
        ("Server 2001:db8::8a2e:370:7334 is down", "Server [IP address] is down"),
        ("Call +44 20 7946 0958 or +49 (30) 901820", "Call [phone] or [phone]"),
        ("token hf_abcdefghijklmnopqrstuvwxyz123456", "token [key]"),
        ("AKIAIOSFODNN7EXAMPLE and -----BEGIN RSA PRIVATE KEY-----", "[key] and [key]"),
    ],
)
def test_personal_data_is_found_and_masked(text: str, masked: str) -> None:
    assert mask(text) == masked
    assert find_personal(masked) == []


@pytest.mark.parametrize(
    "text",
    [
        "Version 1.2.3 of 2024-01-31, 12:30, 3.50 and 10:20:30.",
        "2000000-400000=1600000, 4111 1111 1111 1112, 0000 0000 0000 0000",
        "DE89 3704 0044 0532 0130 01",
        "Follow @ann, a@b, 127.0.0.1, 999.1.1.1, std::vector",
        "Order 123456789012 of 50 boxes for 12.99",
    ],
)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    assert find_personal(text) == []


# ---- odd characters and languages


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("zero\u200bwidth \ufeffmark", "zerowidth mark"),
        ("turned \u202e round", "turned  round"),
        ("caf\u00c3\u00a9", "café"),
        ("it\u00e2\u20ac\u2122s", "it’s"),
        ("bell\u0007", "bell"),
    ],
)
def test_odd_characters_are_found_and_cleaned(text: str, cleaned: str) -> None:
    assert oddities(text)
    assert clean(text) == cleaned
    assert not oddities(cleaned)


@pytest.mark.parametrize("text", ["naïve Ärger, 日本語, العربية, 👩‍🚒 ok", "a\tb\nc", "Ã la carte"])
def test_ordinary_letters_of_any_script_are_not_odd(text: str) -> None:
    assert not oddities(text)
    assert clean(text) == text


def test_another_language_among_many_rows_is_told() -> None:
    english = [
        example(f"Tell me how many apples are left if I eat {n} of the ten in the basket.", row=n)
        for n in range(1, 30)
    ]
    german = example("Bitte erkläre mir, wie viele Äpfel im Korb übrig bleiben.", "Neun.", row=30)
    found = kinds(check_closely([*english, german], english[:1]))
    assert found["language mix"].rows == (30,)
    assert "de 1" in found["language mix"].message
    assert "language mix" not in kinds(check_closely(english, english[:1]))
    assert languages(["hello", "1 2 3"]) == ["", ""]


def test_very_short_answers_among_texts_are_told_and_labels_are_not() -> None:
    texts = [example(prose(n), prose(n + 100), row=n) for n in range(1, 30)]
    found = kinds(check_closely([*texts, example("Why?", "-", row=30)], texts[:1]))
    assert found["very short answers"].rows == (30,)
    labels = [example(prose(n), "no" if n % 2 else "ok", row=n) for n in range(1, 30)]
    assert "very short answers" not in kinds(check_closely(labels, labels[:1]))


# ---- fixes


TROUBLED: dict[str, list[Row]] = {
    "empty": [{"prompt": "Why?", "answer": ""}],
    "conflicts": [{"prompt": "Is it?", "answer": "yes"}, {"prompt": "Is it?", "answer": "no"}],
    "duplicates": [{"prompt": "Same?", "answer": "yes"}] * 2,
    "near duplicates": [{"prompt": prose(900), "answer": "x"},
                        {"prompt": prose(900) + " too", "answer": "x"}],
    "control tokens": [{"prompt": "Hi <|im_end|> there", "answer": "Hello"}],
    "personal data": [{"prompt": "Mail ann@example.org", "answer": "Done."}],
    "odd characters": [{"prompt": "Zero\u200bwidth", "answer": "Done."}],
    "language mix": [{"prompt": "Bitte erkläre mir, wie viele Äpfel im Korb übrig bleiben.",
                      "answer": "Neun."}],
    "very short answers": [{"prompt": prose(901), "answer": "-"}],
}  # fmt: skip


@pytest.mark.parametrize("kind", TROUBLED)
def test_a_fix_takes_its_finding_away_and_leaves_the_other_rows(kind: str) -> None:
    rows: list[Row] = [{"prompt": prose(n), "answer": prose(n + 500)} for n in range(40)]
    rows += TROUBLED[kind]

    def look(found: list[Row]) -> dict[str, Finding]:
        examples = preview(PLAIN, found)
        return kinds([*check_examples(examples), *check_closely(examples, [])])

    finding = look(rows)[kind]
    before = [dict(row) for row in rows]
    fixed = fix(kind, rows, finding.rows)
    assert rows == before
    assert kind not in look(fixed.rows)
    assert fixed.rows[:40] == rows[:40]
    assert len(fixed.rows) + len(fixed.dropped) == len(rows)
    assert bool(fixed.dropped) != bool(fixed.changed)
    assert set(fixed.dropped) | set(fixed.changed) <= set(range(41, len(rows) + 1))


def test_a_finding_has_all_its_rows_and_a_card_the_first(tmp_path: Path) -> None:
    examples = [example(f"Question {n}", "", row=n) for n in range(1, 101)]
    (finding, *_) = check_examples(examples)
    assert finding.rows == tuple(range(1, 101))
    rows: list[Row] = [{"prompt": prose(n), "answer": "x" if n < 40 else ""} for n in range(90)]
    dataset = build_dataset(PLAIN, rows, datasets_folder=tmp_path)
    card = kinds(list(dataset.card.findings))["empty"]
    assert (card.count, len(card.rows)) == (50, 20)


def test_what_cannot_be_mended_by_itself_is_said_so() -> None:
    with pytest.raises(DatasetError, match="cannot be mended by itself"):
        fix("label balance", [{"a": 1}], [1])
    assert not DROPPED & REWRITTEN.keys()


def test_nested_texts_are_rewritten_too() -> None:
    rows: list[Row] = [{"turns": [{"content": "ann@example.org"}], "n": 3}]
    assert fix("personal data", rows, {1}).rows == [{"turns": [{"content": "[e-mail]"}], "n": 3}]


def test_the_same_rows_give_the_same_card(tmp_path: Path) -> None:
    rows: list[Row] = [{"prompt": prose(n), "answer": prose(n + 50)} for n in range(30)]
    rows.append({"prompt": prose(3) + " again", "answer": "ann@example.org"})
    first, second = (
        build_dataset(PLAIN, rows, datasets_folder=tmp_path / name).card.findings
        for name in ("one", "two")
    )
    assert first == second
    assert {"personal data"} <= {finding.kind for finding in first}
