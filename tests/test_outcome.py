"""Outcomes come back from their file as they went in, or not at all."""

from collections.abc import Iterator
from math import inf, nan
from pathlib import Path

import pytest
from pydantic import ValidationError

from studio.errors import ProbeError
from studio.measure.outcome import Outcome, read_outcomes, write_outcomes


def outcome(text: str = "blue", nll: float = 1.25, tokens: int = 2) -> Outcome:
    return Outcome(
        lane="run-a@0.5",
        probe="colours",
        case="colours-1",
        text=text,
        correct=True,
        nll=nll,
        tokens=tokens,
        stopped=True,
    )


def test_outcomes_survive_the_file(tmp_path: Path) -> None:
    texts = ["blue", "", "two\nlines\r\n", "line\u2028separator\x85", "Đà Nẵng 台北 🙂", '"\\']
    written = [outcome(text, nll=0.1 + 0.2) for text in texts]
    write_outcomes(tmp_path / "outcomes.jsonl", written)
    assert read_outcomes(tmp_path / "outcomes.jsonl") == written


def test_no_file_appears_when_writing_breaks_off(tmp_path: Path) -> None:
    def broken() -> Iterator[Outcome]:
        yield outcome()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_outcomes(tmp_path / "outcomes.jsonl", broken())
    assert not (tmp_path / "outcomes.jsonl").exists()


@pytest.mark.parametrize("broken", [b'{"lane": "base"', b"\xff\xfe", b'{"lane": "base"}', b""])
def test_a_broken_line_is_named(tmp_path: Path, broken: bytes) -> None:
    path = tmp_path / "outcomes.jsonl"
    good = outcome().model_dump_json().encode()
    path.write_bytes(good + b"\n" + broken + b"\n" + good + b"\n")
    with pytest.raises(ProbeError, match=r"outcomes\.jsonl, line 2"):
        read_outcomes(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match="cannot read the outcomes"):
        read_outcomes(tmp_path / "outcomes.jsonl")


@pytest.mark.parametrize(("nll", "tokens"), [(nan, 2), (inf, 2), (-0.1, 2), (1.0, 0)])
def test_impossible_likelihoods_are_refused(nll: float, tokens: int) -> None:
    with pytest.raises(ValidationError):
        outcome(nll=nll, tokens=tokens)
