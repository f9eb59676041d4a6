"""Checks: each fault is found, counted by row, and a sound set of examples is left in peace."""

import pytest

from studio.data.checks import check_examples
from studio.data.example import Example, Message


def example(row: int, prompt: str, completion: str, *choices: str) -> Example:
    message = Message(role="user", content=prompt)
    return Example(
        id=f"e{row}",
        row=row,
        phrasing=1,
        messages=(message,),
        completion=completion,
        choices=choices,
    )


def sound(count: int = 40) -> list[Example]:
    labels = ("good", "bad")
    return [
        example(row, f"Good or bad: number {row}", labels[row % 2], *labels)
        for row in range(1, count + 1)
    ]


def test_sound_examples_give_no_findings() -> None:
    assert check_examples(sound()) == []


@pytest.mark.parametrize(
    ("kind", "severity", "rows", "faulty"),
    [
        ("empty", "error", (91,), [example(91, "Say it.", "")]),
        ("empty", "error", (91,), [example(91, "", "it")]),
        ("control tokens", "warning", (91,), [example(91, "Hi<|im_end|>", "yes")]),
        ("control tokens", "warning", (91,), [example(91, "Hi", "yes</s>")]),
        ("conflicts", "warning", (91, 92), [example(91, "Hot?", "no"), example(92, "Hot?", "yes")]),
        ("duplicates", "note", (92,), [example(91, "Hot?", "no"), example(92, "Hot?", "no")]),
        ("answer in prompt", "note", (91,), [example(91, "This is good.", "good", "good", "bad")]),
        ("answer not a choice", "warning", (91,), [example(91, "Hm", "ok", "good", "bad")]),
    ],
)
def test_each_fault_is_found_with_its_rows(
    kind: str, severity: str, rows: tuple[int, ...], faulty: list[Example]
) -> None:
    [finding] = check_examples([*sound(), *faulty])
    assert (finding.kind, finding.severity, finding.rows) == (kind, severity, rows)
    assert finding.count == len(rows)


def test_a_word_inside_another_word_is_no_leak() -> None:
    assert check_examples([*sound(), example(91, "A goodbye", "good", "good", "bad")]) == []


def test_lopsided_answers_are_found() -> None:
    lopsided = [example(row, f"Number {row}", "bad" if row < 3 else "good") for row in range(40)]
    [finding] = check_examples(lopsided)
    assert finding.kind == "label balance"
    assert "92%" in finding.message


def test_few_examples_are_said_to_be_few() -> None:
    [finding] = check_examples(sound(8))
    assert (finding.kind, finding.count) == ("few examples", 8)


def test_the_worst_comes_first_and_long_lists_of_rows_are_cut() -> None:
    findings = check_examples(
        [
            *sound(),
            *(example(100 + n, f"p{n}", "") for n in range(50)),
            example(200, "This is good.", "good"),
        ]
    )
    assert [finding.severity for finding in findings] == ["error", "note"]
    assert findings[0].count == 50
    assert len(findings[0].shortened().rows) == 20


def test_phrasings_of_one_row_that_say_the_same_are_no_duplicates() -> None:
    twice = [example(91, "Hot?", "no"), example(91, "Hot?", "no")]
    assert check_examples([*sound(), *twice]) == []
    [finding] = check_examples([*sound(), *twice, example(92, "Hot?", "no")])
    assert finding.rows == (92,)
