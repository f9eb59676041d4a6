"""Answers that mean nothing are told from odd ones."""

import pytest

from studio.measure.gauges import count_bytes, is_broken, loops
from studio.measure.outcome import Outcome


@pytest.mark.parametrize(
    "text",
    [
        "the cat the cat the cat the cat the cat ",
        "Well. I do not know. I do not know. I do not know. I do not know. I do not",
        "................................",
        "a" * 1000,
    ],
)
def test_a_repeating_end_is_a_loop(text: str) -> None:
    assert loops(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10000000",
        "No, no, no, no.",
        "the cat " * 4 + "sat on the mat.",
        "abc " * 3 + "def " * 3,
    ],
)
def test_other_texts_are_none(text: str) -> None:
    assert not loops(text)


def test_an_answer_is_broken_when_empty_or_cut_off_in_a_loop() -> None:
    def wrote(text: str, *, stopped: bool) -> Outcome:
        return Outcome(
            lane="base", probe="p", case="1", text=text, correct=False, nll=1, tokens=1,
            stopped=stopped,
        )  # fmt: skip

    assert is_broken(wrote(" \n", stopped=True))
    assert is_broken(wrote("again and " * 9, stopped=False))
    assert not is_broken(wrote("again and " * 9, stopped=True))
    assert not is_broken(wrote("A long answer that was cut off", stopped=False))


def test_bytes_are_those_of_the_scored_part() -> None:
    assert count_bytes("naïve", ()) == 6
    assert count_bytes("naïve café", ("na", "ïve")) == 6
    assert count_bytes("naïve", ("▁na", "ï")) == 6  # pieces that are no plain text
