"""Readers: every record is kept or refused with its line; what cannot be read is said so."""

import gzip
import json
from pathlib import Path

import pytest

from studio.data import readers
from studio.data.readers import parse_rows, read_rows
from studio.errors import DatasetError


@pytest.mark.parametrize(
    ("suffix", "text", "rows"),
    [
        (".jsonl", '{"a": 1}\n\n{"a": [2, null]}', [{"a": 1}, {"a": [2, None]}]),
        (".jsonl", '{"a": "x\u2028y"}\r\n', [{"a": "x\u2028y"}]),
        (".json", '[{"a": 1}, {"b": {"c": true}}]', [{"a": 1}, {"b": {"c": True}}]),
        (
            ".csv",
            'a,b\n1,"x, y"\n2,"two\nlines"\n',
            [{"a": "1", "b": "x, y"}, {"a": "2", "b": "two\nlines"}],
        ),
        (".tsv", "a\tb\r\n1\tx,y\r\n", [{"a": "1", "b": "x,y"}]),
        (".txt", "one\r\n\ntwo", [{"text": "one"}, {"text": "two"}]),
    ],
)
def test_each_format_gives_its_rows(
    tmp_path: Path, suffix: str, text: str, rows: list[dict[str, object]]
) -> None:
    path = tmp_path / f"rows{suffix}"
    for content in (text.encode(), text.encode("utf-8-sig"), text.encode("utf-16")):
        path.write_bytes(content)
        found = read_rows(path)
        assert found.rows == rows
        assert found.refused == []


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("nonsense", "not JSON"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ('{"a": [-Infinity]}', "-Infinity is not"),
        ('{"a": 1e999}', "too large"),
        ('{"a": ' + "9" * 5000 + "}", "too many digits"),
        ('{"a": 1, "a": 2}', "the key 'a' comes twice"),
        ('{"a": {"b": 1, "b": 2}}', "the key 'b' comes twice"),
        ("[1]", "not an object"),
        ("3", "not an object"),
        ("{}", "no columns"),
        ('{"a": "\\u0000"}', "NUL"),
        ('{"a": "\\ud800"}', "half of a character"),
        ('{"a": ' + "[" * 70 + "]" * 70 + "}", "nested more than 64"),
        ('{"a": ' + "[" * 90000 + "]" * 90000 + "}", "nested more than 64"),
        (json.dumps({"a": "x" * 100_001}), "more than 100,000 characters"),
        (json.dumps({str(n): n for n in range(201)}), "more than 200 columns"),
    ],
)
def test_a_bad_record_is_refused_with_its_line_and_the_others_are_kept(
    record: str, reason: str
) -> None:
    found = parse_rows(f'{{"a": 1}}\n{record}\n{{"a": 2}}\n', ".jsonl")
    assert found.rows == [{"a": 1}, {"a": 2}]
    [(line, said)] = found.refused
    assert line == 2
    assert reason in said


def test_kept_and_refused_make_up_all_records() -> None:
    records = ['{"a": 1}', "x", "[]", '{"a": 1, "a": 2}', '{"a": NaN}'] * 40
    found = parse_rows("\n".join(records), ".jsonl")
    assert (len(found.rows), len(found.refused)) == (40, 160)
    table = parse_rows("a,b\n" + "1,2\n1\n1,2,3\n" * 10, ".csv")
    assert (len(table.rows), len(table.refused)) == (10, 20)
    assert table.refused[0] == (3, "has 1 fields instead of 2")


def test_a_table_goes_on_after_a_broken_row() -> None:
    found = parse_rows('a,b\n1,2\n"x"y,2\n3,4\n', ".csv")
    assert found.rows == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
    assert found.refused[0][0] == 3


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("rows.jsonl", b'{"a": "ok"}\n{"a": "\xff"}\n', "line 2, byte 20: not UTF-8"),
        ("rows.jsonl", gzip.compress(b"{}", mtime=0), "gzip"),
        ("rows.csv", b"PK\x03\x04rest", "zip"),
        ("rows.jsonl", b"PAR1", "parquet"),
        ("rows.exe", b"MZ", ".jsonl"),
        ("rows.json", b'{"a": 1}', "list of objects"),
        ("rows.json", b"[1,", "not JSON"),
        ("rows.csv", b"a,a\n1,2\n", "line 1: every column needs a name"),
        ("rows.csv", b"a,\n1,2\n", "line 1: every column needs a name"),
        ("rows.txt", b"one\n\0two", "line 2: holds a NUL"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"rows\.") as refusal:
        read_rows(path)
    assert reason in str(refusal.value)


def test_a_missing_file_is_a_dataset_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="No such file"):
        read_rows(tmp_path / "rows.csv")


def test_files_have_a_size_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "FILE_BYTES", 1000)
    monkeypatch.setattr(readers, "ROWS", 10)
    path = tmp_path / "rows.txt"
    path.write_text("x" * 1001)
    with pytest.raises(DatasetError, match="larger than"):
        read_rows(path)
    path.write_text("x\n" * 11)
    with pytest.raises(DatasetError, match="more than 10 rows"):
        read_rows(path)
