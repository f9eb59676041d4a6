"""Tokens are kept for the next run under all that they depend on, and never believed if damaged."""

from pathlib import Path
from typing import Any

import pytest

from studio.engine.learnable import learnable
from studio.engine.load import Engine
from studio.engine.token_cache import FEWEST, MOST
from studio.models.catalogue import find_base

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(find_base("starter"), "lora")


def rows(count: int, word: str = "Hi") -> list[dict[str, Any]]:
    return [
        {
            "prompt": [{"role": "user", "content": f"{word} {number}"}],
            "completion": [{"role": "assistant", "content": "Hello there " * (number % 40)}],
        }
        for number in range(count)
    ]


def tokens(
    engine: Engine, given: list[dict[str, Any]], cache: Path | None, length: int = 64
) -> Any:
    told: list[str] = []
    found = learnable(
        engine, given, numbers=range(len(given)), max_length=length, warn=told.append, cache=cache
    )
    return found, told


def kept(cache: Path) -> list[Path]:
    return sorted(cache.iterdir())


def test_the_second_time_gives_the_same_tokens_and_warnings(engine: Engine, tmp_path: Path) -> None:
    given = rows(FEWEST)
    plain = tokens(engine, given, None)
    assert tokens(engine, given, tmp_path) == plain
    (path,) = kept(tmp_path)
    before = path.read_bytes()
    assert tokens(engine, given, tmp_path) == plain
    assert path.read_bytes() == before


def test_other_rows_and_another_length_are_written_anew(engine: Engine, tmp_path: Path) -> None:
    for given, length in ((rows(FEWEST), 64), (rows(FEWEST, "Ho"), 64), (rows(FEWEST), 48)):
        assert tokens(engine, given, tmp_path, length) == tokens(engine, given, None, length)
    assert len(kept(tmp_path)) == 3


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_file_is_written_anew(engine: Engine, tmp_path: Path, damage: str) -> None:
    given = rows(FEWEST)
    plain = tokens(engine, given, tmp_path)
    (path,) = kept(tmp_path)
    whole = path.read_bytes()
    flipped = whole[:-1] + bytes([whole[-1] ^ 1])
    path.write_bytes({"flip": flipped, "cut": whole[: len(whole) // 2], "empty": b""}[damage])
    assert tokens(engine, given, tmp_path) == plain
    assert path.read_bytes() == whole


def test_few_rows_are_not_worth_a_file_and_only_the_latest_stay(
    engine: Engine, tmp_path: Path
) -> None:
    tokens(engine, rows(FEWEST - 1), tmp_path / "none")
    assert not (tmp_path / "none").exists()
    for number in range(MOST + 2):
        tokens(engine, rows(FEWEST, f"Word {number}"), tmp_path)
    assert len(kept(tmp_path)) == MOST
