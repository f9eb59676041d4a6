"""Every check that a program makes of an answer: what passes, what fails, what is refused."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from studio.errors import ProbeError
from studio.measure.case import Case
from studio.measure.instructions import CHECKS, Instruction
from studio.measure.probe import Probe, load

# check, parameters, answers that pass, answers that fail
TABLE: list[tuple[str, dict[str, Any], list[str], list[str]]] = [
    (
        "words",
        {"exactly": 3},
        ["Deep, blue, endless", "one - two three"],
        ["two words", "", "a b c d"],
    ),
    ("words", {"at_least": 2, "at_most": 3}, ["it's fine", "a b c"], ["no", "a b c d"]),
    (
        "sentences",
        {"exactly": 2},
        ['It rains. "Really?"', "Yes! No", "It costs 3.50 today. Fine."],
        ["One.", "A. B. C.", ""],
    ),
    ("characters", {"at_most": 5}, [" grass ", ""], ["meadow"]),
    ("lines", {"exactly": 2}, ["a\nb", "a\n\nb\n"], ["a", "a\nb\nc"]),
    ("paragraphs", {"exactly": 2}, ["a\n\nb", "a\nb\n \nc"], ["a\nb", "a\n\nb\n\nc"]),
    ("contains", {"phrase": "new tea"}, ["A New Tea!"], ["new teas", "renew tea", ""]),
    ("contains", {"phrase": "no", "at_least": 2}, ["No, no."], ["no", "nonono"]),
    ("contains_any", {"phrases": ["Rome", "Oslo"]}, ["to oslo!"], ["Romeo", ""]),
    ("avoids", {"phrases": ["hot", "sun"]}, ["A hotel on Sunday"], ["So hot.", "  "]),
    ("avoids_letter", {"letter": "e"}, ["A dog sat"], ["Every", "", "123"]),
    ("no_commas", {}, ["a and b"], ["a, b", "甲，乙", ""]),
    ("no_digits", {}, ["seven"], ["7", ""]),
    ("has_number", {"at_least": 2}, ["350 of 1,999"], ["1,999", "two and three"]),
    ("ends_the_question", {}, ["And you? "], ["You? I do.", ""]),
    ("starts_with", {"phrase": "Well,"}, [" Well, yes"], ["well, yes", ""]),
    ("ends_with", {"phrase": "done."}, ["It is done. "], ["done. Really", ""]),
    ("wrapped_in", {"opening": "[", "closing": "]"}, [" [Oslo]\n"], ["[Oslo", "[]", "a [b]"]),
    ("words_start_with", {"letter": "b"}, ["Big brown bear"], ["big bear and", "123", ""]),
    (
        "repeats_then_answers",
        {"phrase": "What is it?"},
        ["What is it? A lake."],
        ["What is it?", "what is it? A lake", "A lake. What is it? Yes"],
    ),
    ("all_upper", {}, ["HELLO, 2 YOU!"], ["HELLo", "123", ""]),
    ("all_lower", {}, ["hello, 2 you!"], ["hellO", "123", ""]),
    ("title_case", {}, ["The 3 Rivers"], ["The river", ""]),
    ("bullets", {"exactly": 2}, ["- a\n- b", "Here:\n* a\n• b"], ["- a", "-a\n-b", "a - b"]),
    ("numbered", {"exactly": 2}, ["1. a\n2. b", "1) a\n 2) b"], ["1. a\n3. b", "1. a", "a"]),
    ("items", {"exactly": 3}, ["a, b, c."], ["a, b", "a,, c", ""]),
    ("items", {"exactly": 2, "separator": " and "}, ["ham and eggs"], ["hand", "a and b and c"]),
    ("one_of", {"options": ["yes", "no"]}, ["Yes.", " no"], ["yes, no", "yes it is", ""]),
    ("valid_json", {}, ["[1, 2]", '```json\n{"a": 1}\n```'], ["{a: 1}", "", "NaN", "[" * 9999]),
    ("valid_json", {"keys": ["a"]}, ['{"a": null, "b": 2}'], ['{"b": 2}', '["a"]', '"a"']),
]


def test_every_check_is_tested() -> None:
    assert {name for name, *_ in TABLE} == set(CHECKS)


@pytest.mark.parametrize(("name", "parameters", "passing", "failing"), TABLE)
def test_a_check_passes_and_fails(
    name: str, parameters: dict[str, Any], passing: list[str], failing: list[str]
) -> None:
    instruction = Instruction.model_validate({"check": name, **parameters})
    assert [answer for answer in passing if not instruction.holds(answer)] == []
    assert [answer for answer in failing if instruction.holds(answer)] == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"check": "wordz"}, '"wordz" is no check; known ones: words, sentences'),
        ({"check": "words", "most": 3}, "check words: most is not one of its parameters"),
        ({"check": "words", "at_most": -1}, "check words: at_most: .*greater than or equal to 0"),
        ({"check": "words", "exactly": "many"}, "check words: exactly: .*integer"),
        ({"check": "contains"}, "check contains: phrase: Missing"),
        ({"check": "contains", "phrase": ""}, "check contains: phrase: .*at least 1 character"),
        ({"check": "avoids", "phrases": []}, "check avoids: phrases: .*at least 1 item"),
        ({"check": "avoids_letter", "letter": "ab"}, "check avoids_letter: letter"),
        ({"exactly": 3}, "check"),
    ],
)
def test_a_check_that_cannot_be_made_is_refused(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Instruction.model_validate(fields)


def test_a_case_whose_own_answer_disobeys_is_refused() -> None:
    case = Case.model_validate(
        {
            "id": "a",
            "prompt": "Two words, please.",
            "answer": "only",
            "instructions": [{"check": "words", "exactly": 2}],
        }
    )
    with pytest.raises(ValidationError, match="case a: the reference answer is not right itself"):
        Probe(name="p", title="P", kind="gain", scorer="instructions", cases=(case,))


def test_a_probe_file_names_the_case_with_the_faulty_check(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        "name: own\ntitle: Own\nkind: gain\nscorer: instructions\ncases:\n"
        "  - {id: c1, prompt: Hi, answer: ok, instructions: [{check: wordz}]}\n"
    )
    with pytest.raises(ProbeError, match='own.yaml, case c1: instructions.*"wordz" is no check'):
        load(path)
