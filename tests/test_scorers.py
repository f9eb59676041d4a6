"""Which written answers count as right."""

import time

import pytest

from studio.measure.case import Case, Scorer
from studio.measure.probe import Probe
from studio.measure.scorers import correct, last_number


def mark(scorer: Scorer, said: str, /, **fields: object) -> bool:
    case = Case.model_validate({"id": "a", "prompt": "?", **fields})
    probe = Probe(name="p", title="P", kind="gain", scorer=scorer, cases=(case,))
    return correct(probe, said, case)


@pytest.mark.parametrize(
    ("scorer", "answer", "right"),
    [
        ("exact", "New York", True),
        ("exact", "  New \n York\n", True),
        ("exact", "NYC", True),
        ("exact", "new york", False),
        ("exact", "New York.", False),
        ("exact", "", False),
        ("contains", "It is new  york.", True),
        ("contains", "I say NYC!", True),
        ("contains", "a new yorker", False),
        ("contains", "New Jersey, not York", False),
        ("contains", "", False),
    ],
)
def test_scorers_mark_answers(scorer: Scorer, answer: str, right: bool) -> None:
    assert mark(scorer, answer, answer="New York", accept=["NYC"]) is right


@pytest.mark.parametrize(
    ("reference", "answer", "right"),
    [
        ("a+b (c)", "that is a+b (c), I think", True),
        ("台北", "答案是台北市。", True),
        ("Đà Nẵng", "Đó là Đà Nẵng.", True),
        ("café", "the cafe\u0301 is open", True),
        ("3", "13", False),
        ("3", "x = 3.", True),
    ],
)
def test_a_phrase_is_found_in_any_script(reference: str, answer: str, right: bool) -> None:
    assert mark("contains", answer, answer=reference) is right


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", 42),
        ("It is 1,234,567.", 1234567),
        ("12 apples and 30 pears, so 42 in all.", 42),
        ("−3.5", -3.5),
        ("10-3", 3),
        ("(5)-2", 2),
        ("minus: -7", -7),
        ("about .5", 0.5),
        ("1.5e3 m", 1500),
        ("12\u202f345 km", 12345),
        ("1,23", 23),
        ("12,3456", 3456),
        ("$1,000.50", 1000.5),
        ("50%", 50),
        ("version 1.2.3", 3),
        ("none", None),
        ("", None),
    ],
)
def test_the_last_number_is_read_as_people_write_it(text: str, number: float | None) -> None:
    assert last_number(text) == number


@pytest.mark.parametrize(
    ("answer", "tolerance", "right"),
    [
        ("The answer is 1000.", 0, True),
        ("1,001", 0, False),
        ("1001", 0.001, True),
        ("no", 0, False),
    ],
)
def test_numbers_are_right_within_the_tolerance(answer: str, tolerance: float, right: bool) -> None:
    assert mark("number", answer, answer="1,000", tolerance=tolerance) is right


def test_a_number_accepted_beside_the_reference_is_right() -> None:
    assert mark("number", "0.5", answer="50", accept=["0.5"])


@pytest.mark.parametrize(
    ("answer", "right"), [("Tel. 555-0199", True), ("555 0199", False), ("", False)]
)
def test_a_pattern_is_searched_in_the_answer(answer: str, right: bool) -> None:
    assert mark("regex", answer, answer="555-0100", pattern=r"\b\d{3}-\d{4}\b") is right


@pytest.mark.parametrize(
    "pattern",
    [r"^(a+)+$", r"^(a|a)*$", r"^(a|aa)+$", r"^(.*?,){30}b", r"(.*)*x", r"(a?){99}a{99}b$"],
)
def test_a_pattern_that_never_ends_is_stopped(pattern: str) -> None:
    begun = time.process_time()
    assert not mark("regex", "a," * 30 + "a" * 5000 + "!", answer="ok", pattern=f"{pattern}|^ok$")
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ('{"name": "Ada", "age": 36, "note": "other"}', True),
        ('```json\n{"age": 36.0, "name": "Ada"}\n```', True),
        ('{"name": "Ada", "age": "36"}', False),
        ('{"name": "Ada", "age": true}', False),
        ('{"name": "Ada"}', False),
        ('[{"name": "Ada", "age": 36}]', False),
        ('Sure: {"name": "Ada", "age": 36}', False),
        ('{"name": "Ada", "age": NaN}', False),
        ("[" * 100_000, False),
    ],
)
def test_json_is_right_when_the_named_fields_are_equal(answer: str, right: bool) -> None:
    reference = '{"name": "Ada", "age": 36, "note": "x"}'
    assert mark("json", answer, answer=reference, fields=["name", "age"]) is right


def test_json_without_named_fields_has_to_be_of_the_same_kind() -> None:
    assert mark("json", "[]", answer="[1, 2]")
    assert not mark("json", "{}", answer="[1, 2]")


def test_every_instruction_has_to_hold() -> None:
    checks = [{"check": "words", "at_most": 3}, {"check": "all_lower"}]
    assert mark("instructions", "blue and green", answer="red", instructions=checks)
    assert not mark("instructions", "Blue and green", answer="red", instructions=checks)
    assert not mark("instructions", "red and blue and green", answer="red", instructions=checks)
