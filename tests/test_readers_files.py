"""Readers against the files that people really bring: odd names, odd encodings, bombs, bad rows."""

import gzip
import io
import json
import os
import resource
import time
import zipfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_reading import read_apart

from studio.data import gather as gathering
from studio.data.gather import Place, gather
from studio.data.readers import parse_rows, read_rows
from studio.errors import DatasetError

OBJECTS = [{"text": "one, two; three", "label": "a"}, {"text": "four\tfive", "label": "b"}]


def as_table(delimiter: str) -> str:
    return "".join(
        delimiter.join(f'"{field}"' for field in fields) + "\n"
        for fields in [["text", "label"], *([row["text"], row["label"]] for row in OBJECTS)]
    )


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.csv", "rows.txt", "rows", "a.b"])
@pytest.mark.parametrize(
    "text",
    [
        "\n".join(map(json.dumps, OBJECTS)),
        json.dumps(OBJECTS),
        json.dumps(OBJECTS, indent=2),
        "\n\n  " + json.dumps(OBJECTS, indent=1),
    ],
    ids=["lines", "array", "indented", "after blanks"],
)
def test_json_is_known_by_its_content_whatever_its_name(
    tmp_path: Path, name: str, text: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    found = read_rows(path)
    assert found.rows == OBJECTS
    assert found.refused == []


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.jsonl", "rows.json", "rows"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_a_table_is_known_by_its_content(tmp_path: Path, name: str, delimiter: str) -> None:
    path = tmp_path / name
    path.write_text(as_table(delimiter))
    assert read_rows(path).rows == OBJECTS


def test_the_usual_delimiter_wins_where_both_would_do() -> None:
    assert parse_rows("a,b;c\n1,2;3\n", ".csv").rows == [{"a": "1", "b;c": "2;3"}]
    assert parse_rows("a;b\n1;2\n", ".csv").notes == ("Its columns are parted by ';'.",)
    assert parse_rows("a,b\n1,2\n", ".csv").notes == ()


def test_prose_with_commas_and_brackets_stays_text() -> None:
    prose = "[Verse 1]\nOne, two.\nThree, four.\n{not json}\n"
    assert [row["text"] for row in parse_rows(prose, ".txt").rows] == prose.splitlines()


def test_a_broken_first_line_does_not_make_lines_an_array() -> None:
    found = parse_rows('{"a": 1\n{"a": 2}\n{"a": 3}\n', ".jsonl")
    assert found.rows == [{"a": 2}, {"a": 3}]
    assert found.lines == [2, 3]
    assert found.refused[0][0] == 1


def test_items_of_an_array_have_the_line_they_stand_on() -> None:
    found = parse_rows('[\n {"a": 1},\n {"a": NaN},\n\n {"a": 1, "a": 2}, 3,\n {"a": 4}]', ".json")
    assert found.lines == [2, 6]
    assert [line for line, _ in found.refused] == [3, 5, 5]


@pytest.mark.parametrize(
    "text", ['[{"a": 1}', '[{"a": 1}] x', '[{"a": 1},]', '[{"a": 1} {"a": 2}]', '[\n{"a": }]']
)
def test_a_broken_array_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(DatasetError, match=r"rows, line \d+: "):
        parse_rows(text, ".json", name="rows")


def test_lists_of_an_object_are_parts() -> None:
    text = json.dumps({"train": [["hi", "greet"], ["bye", "leave"]], "test": [["hey", "greet"]]})
    found = parse_rows(text, ".json")
    assert found.rows[0] == {"column_1": "hi", "column_2": "greet", "part": "train"}
    assert [row["part"] for row in found.rows] == ["train", "train", "test"]
    assert any("part" in note for note in found.notes)
    assert parse_rows('{"version": 2, "data": [{"a": 1}]}', ".json").rows == [{"a": 1}]
    assert parse_rows('{"a": [1, 2], "b": ["x", "y"]}', ".json").rows == [
        {"a": 1, "b": "x"},
        {"a": 2, "b": "y"},
    ]


def test_lists_among_objects_and_objects_among_lists_are_refused() -> None:
    assert parse_rows('{"a": 1}\n[1, 2]\n', ".jsonl").refused == [(2, "not an object with columns")]
    found = parse_rows('["a", "b"]\n{"a": 1}\n["c"]\n', ".jsonl")
    assert len(found.rows) == 1
    assert [line for line, _ in found.refused] == [2, 3]


def test_an_encoding_is_guessed_for_the_person_but_never_used_unasked(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes("text,label\nLe café est très bon à côté,où\n".encode("cp1252"))
    with pytest.raises(DatasetError, match=r"rows\.csv, line 2, byte \d+: not UTF-8"):
        read_rows(path)
    assert read_rows(path, encoding="cp1252").rows[0]["label"] == "où"
    with pytest.raises(DatasetError, match="no encoding 'klingon'"):
        read_rows(path, encoding="klingon")
    path.write_bytes("text,label\nå,b\n".encode("utf-32"))
    assert read_rows(path).rows == [{"text": "å", "label": "b"}]


def test_a_long_field_is_refused_whole_and_the_next_row_is_kept() -> None:
    long = '"' + "line\n" * 60_000 + '"'
    found = parse_rows(f"a,b\n1,2\n{long},x\n3,4\n", ".csv")
    assert found.rows == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
    assert [reason for _, reason in found.refused] == [
        "holds a field of more than 100,000 characters"
    ]


def test_an_open_quotation_mark_is_told_with_its_line() -> None:
    found = parse_rows('a,b\n1,2\n"3,4\n5,6\n', ".csv")
    assert found.rows == [{"a": "1", "b": "2"}]
    assert found.refused == [(3, "a quotation mark that opens here is never closed")]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xef\xbb\xbf",
        b"a,b\n",
        b"\n\n",
    ],
)
def test_an_empty_file_has_no_rows(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    assert read_rows(path).rows == []
    assert read_rows(path).refused == []


def test_ten_thousand_columns_are_refused() -> None:
    header = ",".join(f"c{number}" for number in range(10_000))
    with pytest.raises(DatasetError, match="more than 200 columns"):
        parse_rows(header + "\n" + header, ".csv", name="rows.csv")


def test_what_comes_in_is_kept_or_refused() -> None:
    records = [
        '{"a": "x\u2028y"}', '{"a": NaN}', '{"a": 1e999}', '{"a": ' + "9" * 5000 + "}",
        '{"a": 1, "a": 1}', "[" * 200_000, '{"a": "\\ud800"}', "x" * 1_000_000, '{"b": null}',
    ]  # fmt: skip
    begun = time.process_time()
    found = parse_rows("\r\n".join(records * 3), ".jsonl")
    assert len(found.rows) + len(found.refused) == len(records) * 3
    assert len(found.rows) == 2 * 3
    assert time.process_time() - begun < 5


# ---- bombs


def zipped(text: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.jsonl", text)
    return packed.getvalue()


@pytest.mark.parametrize(
    "packed",
    [gzip.compress(b" " * 50_000_000), zipped(b" " * 5_000_000)],
    ids=["gzip", "zip"],  # their bytes hold the time
)
def test_a_compressed_file_is_refused_before_it_is_unpacked(tmp_path: Path, packed: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(packed)
    begun = time.process_time()
    with pytest.raises(DatasetError, match="unpack or export"):
        read_rows(path)
    assert time.process_time() - begun < 2


def repeated(value: str, times: int) -> pa.Table:
    """A column of one text again and again, which takes next to no room in the file."""
    indices = pa.array([0] * times, pa.int32())
    return pa.table({"text": pa.DictionaryArray.from_arrays(indices, pa.array([value]))})


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (repeated("x" * 100_000, 20_000), "unpacks to more than 500 MB"),
        (pa.table({"text": ["y" * 200_000_000]}), "memory"),
    ],
    ids=["many small ones", "a large one"],
)
def test_a_parquet_bomb_is_refused_in_a_process_that_cannot_grow(
    tmp_path: Path, table: pa.Table, reason: str
) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(table, path, compression="zstd", store_schema=False, write_statistics=False)
    assert path.stat().st_size < 20_000
    taken = read_apart(path)
    assert taken.said.startswith("0 ")
    assert reason in taken.said
    assert taken.most < 150 << 10
    assert taken.child_most < 300 << 10


def test_a_small_parquet_file_is_read_with_its_types(tmp_path: Path) -> None:
    path = tmp_path / "rows.data"  # its content says what it is
    turns = [{"role": "user", "content": "Hi"}]
    table = pa.table(
        {
            "n": [1, 2, 3],
            "x": [0.5, float("nan"), 1.5],
            "when": [datetime(2024, 1, 31, 12)] * 3,
            "price": pa.array([Decimal("1.50")] * 3),
            "turns": [turns] * 3,
            "none": pa.array([None] * 3, pa.string()),
        }
    )
    pq.write_table(table, path)
    found = read_rows(path)
    assert found.rows[0] == {
        "n": 1, "x": 0.5, "when": "2024-01-31T12:00:00", "price": "1.50", "turns": turns,
        "none": None,
    }  # fmt: skip
    assert found.lines == [1, 3]
    assert found.refused == [(2, "NaN is not a JSON number")]


def test_bytes_and_broken_text_in_parquet_are_refused_row_by_row(tmp_path: Path) -> None:
    broken = pa.Array.from_buffers(
        pa.string(), 2,
        [None, pa.array([0, 1, 2], pa.int32()).buffers()[1], pa.py_buffer(b"a\xff")],
    )  # fmt: skip
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"text": broken}), path)
    found = read_rows(path)
    assert found.rows == [{"text": "a"}]
    assert found.refused == [(2, "holds text that is not UTF-8")]
    pq.write_table(pa.table({"picture": [b"\x89PNG"]}), path)
    assert "bytes" in read_rows(path).refused[0][1]


def test_a_torn_parquet_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"a": list(range(1000))}), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DatasetError, match=r"rows\.parquet, a parquet file, cannot be read"):
        read_rows(path)


# ---- several files


def test_files_are_put_together_and_every_record_leads_back(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"t": 1}\nnonsense\n{"t": 2}\n')
    (tmp_path / "b.csv").write_text("t\n3\n4,5\n")
    found = gather([tmp_path / "a.jsonl", tmp_path / "b.csv"])
    assert [row["t"] for row in found.rows] == [1, 2, "3"]
    assert found.places == [Place("a.jsonl", 1), Place("a.jsonl", 3), Place("b.csv", 2)]
    assert [str(place) for place, _ in found.refused] == ["a.jsonl, line 2", "b.csv, line 3"]
    assert found.told == "5 records in: 3 kept, 2 refused"


def test_too_many_and_too_large_together_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("x\n" * 50)
    with pytest.raises(DatasetError, match="at most 20"):
        gather([path] * 21)
    monkeypatch.setattr(gathering, "TOGETHER_BYTES", 250)
    with pytest.raises(DatasetError, match="together"):
        gather([path] * 3)
    monkeypatch.setattr(gathering, "ROWS", 90)
    with pytest.raises(DatasetError, match="more than 90 rows together"):
        gather([path] * 2)


@pytest.mark.parametrize(
    "name",
    ["<img src=x onerror=alert(1)>.csv", "-rf.csv", ";rm -rf ~.csv", "\u202egnp.csv", "CON.csv"],
)
def test_a_files_name_is_only_a_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("a,b\n1,2\n1\n")
    before = sorted(os.listdir(tmp_path))
    found = gather([path])
    assert found.refused[0][0].source == name
    assert sorted(os.listdir(tmp_path)) == before
    pq.write_table(pa.table({"a": [1]}), path)
    assert gather([path]).rows == [{"a": 1}]


def test_reading_takes_little_more_memory_than_the_rows() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    parse_rows('{"a": "' + "x" * 1000 + '"}\n' * 1, ".jsonl")
    text = ('{"a": "' + "x" * 1000 + '"}\n') * 20_000
    assert len(parse_rows(text, ".jsonl").rows) == 20_000
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 200_000  # kilobytes; the text itself has 20,000
