"""What was measured once is found again: after a crash, by two writers, and only for the same."""

import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from studio.measure.cache import OutcomeCache, adapter_digest, digest


def write_many(folder: Path, writer: int) -> None:
    """What one of two workers does: many small batches."""
    cache = OutcomeCache(folder, "lane")
    for number in range(100):
        cache.put({f"{writer}-{number}": {"text": "ä" * 50, "writer": writer}})


def test_facts_are_there_when_the_cache_is_opened_again(tmp_path: Path) -> None:
    facts = {"a": {"nlls": [0.1 + 0.2, 5.0]}, "b": {"text": "two\nlines\u2028", "stopped": True}}
    OutcomeCache(tmp_path, "lane").put(facts)
    again = OutcomeCache(tmp_path, "lane")
    assert {key: again.get(key) for key in facts} == facts
    assert len(again) == 2
    assert again.get("c") is None
    assert "a" not in OutcomeCache(tmp_path, "another")


@pytest.mark.parametrize("torn", [1, 5, 20])
def test_a_torn_last_line_costs_that_line_and_no_other(tmp_path: Path, torn: int) -> None:
    cache = OutcomeCache(tmp_path, "lane")
    cache.put({"a": {"text": "one"}})
    cache.put({"b": {"text": "two"}})
    whole = cache.path.read_bytes()
    cache.path.write_bytes(whole[:-torn] if torn > 1 else whole[:-2])
    after = OutcomeCache(tmp_path, "lane")
    assert "a" in after
    assert "b" not in after
    after.put({"b": {"text": "two"}, "c": {"text": "three"}})
    assert len(OutcomeCache(tmp_path, "lane")) == 3


@pytest.mark.parametrize("line", [b"\xff\xfe", b"[]", b"7", b'{"text": "no key"}', b"null", b"{"])
def test_foreign_lines_are_passed_over(tmp_path: Path, line: bytes) -> None:
    cache = OutcomeCache(tmp_path, "lane")
    cache.put({"a": {"text": "one"}})
    with cache.path.open("ab") as file:
        file.write(line)
    cache.put({"b": {"text": "two"}})
    assert len(OutcomeCache(tmp_path, "lane")) == 2


def test_what_is_known_is_not_written_again(tmp_path: Path) -> None:
    cache = OutcomeCache(tmp_path, "lane")
    cache.put({"a": {"text": "one"}})
    before = cache.path.read_bytes()
    cache.put({"a": {"text": "one"}})
    cache.put({})
    assert cache.path.read_bytes() == before
    cache.put({"a": {"text": "other"}})
    assert OutcomeCache(tmp_path, "lane").get("a") == {"text": "other"}


def test_two_workers_may_write_to_one_file(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2) as workers:
        list(workers.map(write_many, [tmp_path] * 2, (1, 2)))
    cache = OutcomeCache(tmp_path, "lane")
    assert len(cache) == 200
    assert cache.get("2-99") == {"text": "ä" * 50, "writer": 2}


def test_a_digest_tells_apart_what_differs() -> None:
    kinds = [digest("a", (1, 2)), digest("a", (12,)), digest("a", (1,), (2,)), digest("b", (1, 2))]
    assert len(set(kinds)) == len(kinds)
    assert digest("a", (1, 2)) == digest("a", [1, 2])


def test_an_adapter_is_known_by_its_weights_and_by_what_scales_them(tmp_path: Path) -> None:
    def adapter(name: str, *, weights: bytes = b"weights", alpha: int = 32) -> str:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "adapter_model.safetensors").write_bytes(weights)
        (folder / "adapter_config.json").write_text(json.dumps({"lora_alpha": alpha}))
        return adapter_digest(folder)

    first = adapter("first")
    assert adapter("copy") == first
    assert adapter("other weights", weights=b"others") != first
    assert adapter("other scale", alpha=16) != first
