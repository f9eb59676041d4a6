"""Hostile rows in every format: each record is kept as it was, or refused with line and reason."""

import csv
import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_reading import read_apart

from studio import Studio
from studio.data.gather import gather
from studio.data.readers import read_rows
from studio.data.template import Template
from studio.errors import DatasetError, StudioError, TemplateError

TEXTS = [
    "plain", "", " ", "a,b", 'he said "no"', "two\nlines", "carriage\r\nreturn", "tab\tin it",
    "\ufeffmark inside", "line\u2028separator", "\u0085next line", "\x0cform feed", "=1+1",
    "@SUM(A1)", "-1", "+1", "<script>alert(1)</script>", "{{ 7 * 7 }}", "{% raw %}", "'; DROP",
    "../../etc/passwd", "NaN", "null", "true", "007", "1e999", "<|im_end|>", "\u202egnp",
    "👩\u200d🚒", "x" * 99_999, "\\u0041", "\\", '"', "é", "e\u0301",
]  # fmt: skip


def write_jsonl(texts: list[str]) -> bytes:
    return "".join(json.dumps({"text": one}, ensure_ascii=False) + "\n" for one in texts).encode()


def write_json(texts: list[str]) -> bytes:
    return json.dumps([{"text": one} for one in texts], indent=1).encode()


def write_table(delimiter: str) -> Callable[[list[str]], bytes]:
    def write(texts: list[str]) -> bytes:
        file = io.StringIO(newline="")
        lines = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
        lines.writerows([["text", "n"], *([one, "1"] for one in texts)])
        return file.getvalue().encode()

    return write


def write_parquet(texts: list[str]) -> bytes:
    file = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": texts}), file)
    return bytes(file.getvalue())


WRITERS: dict[str, Callable[[list[str]], bytes]] = {
    "rows.jsonl": write_jsonl, "rows.json": write_json, "rows.csv": write_table(","),
    "rows.tsv": write_table("\t"), "rows.parquet": write_parquet,
}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_every_text_comes_out_as_it_went_in(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(WRITERS[name](TEXTS))
    found = read_rows(path)
    assert [row["text"] for row in found.rows] == TEXTS
    assert found.refused == []


@pytest.mark.parametrize("name", WRITERS)
def test_what_cannot_be_kept_is_refused_in_its_place_and_the_rest_is_kept(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    texts = ["first", "x" * 100_001, "second"]
    path.write_bytes(WRITERS[name](texts))
    found = read_rows(path)
    assert [row["text"] for row in found.rows] == ["first", "second"]
    ((line, reason),) = found.refused
    assert "100,000 characters" in reason
    assert found.lines[0] < line < found.lines[1]
    assert len(found.rows) + len(found.refused) == len(texts)
    gathered = gather([path])
    assert gathered.told == "3 records in: 2 kept, 1 refused"
    assert gathered.refused[0][0].source == name


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.txt", "rows.jsonl", "rows.json"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"text\tn,text\n\xff\xfe bad", "not UTF-"),
        ("text,n\ncaf\u00e9,1\n".encode("cp1252"), "line 2, byte 11: not UTF-8"),
        (b"text,n\nnul\0,1\n", "line 2: holds a NUL"),
        ('[{"text": "a"}]\n'.encode("utf-32"), ""),
        (b"\x1f\x8b\x08" + b"\0" * 50, "gzip"),
        (b"PK\x03\x04" + b"\0" * 50, "zip"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
        (b"SQLite format 3\0", "database"),
    ],
    ids=range(9),
)
def test_a_file_that_is_no_text_is_one_sentence_with_its_name(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    if not reason:
        assert read_rows(path).rows == [{"text": "a"}]
        return
    with pytest.raises(DatasetError, match=reason) as error:
        read_rows(path)
    assert str(error.value).startswith(name)
    assert "\n" not in str(error.value)


def packed_in_itself(depth: int) -> bytes:
    content = b" " * 1_000_000
    for _ in range(depth):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("rows.jsonl", content)
        content = file.getvalue()
    return content


def tiny_parquet_of_two_gigabytes() -> bytes:
    """One page of equal values, named two million times over."""
    indices = pa.array([0] * 1_000_000, pa.int32())
    column = pa.DictionaryArray.from_arrays(indices, pa.array(["x" * 2000]))
    file = pa.BufferOutputStream()
    pq.write_table(
        pa.table({"a": column}), file, compression="zstd", store_schema=False,
        write_statistics=False,
    )  # fmt: skip
    return bytes(file.getvalue())


BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: gzip.compress(b" " * 100_000_000),
    "gzip in gzip": lambda: gzip.compress(gzip.compress(b" " * 100_000_000)),
    "zip": lambda: packed_in_itself(1),
    "zip in zip in zip": lambda: packed_in_itself(3),
    "parquet": tiny_parquet_of_two_gigabytes,
    "deep list": lambda: b"[" * 2_000_000,
    "deep object": lambda: b'{"a":' * 1_000_000,
    "deep text in a list": lambda: b'[{"a": ' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}]",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_costs_little_memory_and_less_than_two_seconds(tmp_path: Path, bomb: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(BOMBS[bomb]())
    taken = read_apart(path)
    assert taken.said.startswith("0 "), taken.said
    assert taken.grown < 100_000
    assert taken.seconds < 2
    assert taken.child_most < 300_000
    assert taken.child_seconds < 2


# ---- names


NAMES = [
    "../../x", "/abs", "nul\0in it", "CON", "n" * 4000, "\u202egnp", "<img src=x onerror=alert(1)>",
    ";rm -rf ~", "-rf", ".", "..", "a/b\\c", "\n",
]  # fmt: skip
PLAIN = (
    "name: plain\ntitle: T\ndescription: D.\ntask: t\nlicense: l\nsource: s\n"
    'answer: "{{ answer }}"\nphrasings: ["{{ prompt }}"]\n'
)
ROWS = [{"prompt": f"What is {n}?", "answer": str(n)} for n in range(30)]


def files_of(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_datasets_name_is_text_and_never_a_path(tmp_path: Path, name: str) -> None:
    home = tmp_path / "home"
    with Studio(home) as studio:
        outside = files_of(tmp_path) - files_of(home)
        dataset = studio.build(Template.parse(PLAIN), ROWS, name=name)
        assert dataset.card.name == name
        assert dataset.folder.parent == home / "datasets"
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,99}", dataset.id)
        assert studio.dataset(dataset.id).train() == dataset.train()
        assert files_of(tmp_path) - files_of(home) == outside


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_ids_and_names_from_outside_open_nothing(tmp_path: Path, name: str) -> None:
    with Studio(tmp_path / "home") as studio:
        with pytest.raises(DatasetError):
            studio.dataset(name)
        with pytest.raises(StudioError):
            studio.workbooks.open(name)
        with pytest.raises((TemplateError, DatasetError)):
            studio.template(name)
        with pytest.raises(TemplateError):
            Template.parse(PLAIN.replace("name: plain", f"name: {json.dumps(name)}"))


# ---- rows that are no examples


BAD_ROWS: list[tuple[list[dict[str, Any]], str]] = [
    ([], "no rows"),
    ([{"prompt": "a", "answer": "b"}], "No rows are left"),
    ([{"prompt": "", "answer": ""}] * 30, "empty prompt or answer"),
    ([{"prompt": f"{n}", "answer": ""} for n in range(30)], "empty prompt or answer"),
    ([{"prompt": " \n", "answer": f"{n}"} for n in range(30)], "empty prompt or answer"),
    ([{"answer": f"{n}"} for n in range(30)], "needs 'prompt'"),
    ([{"prompt": f"{n}"} for n in range(30)], "needs 'answer'"),
]


@pytest.mark.parametrize(("rows", "why"), BAD_ROWS, ids=range(len(BAD_ROWS)))
def test_rows_of_which_nothing_can_be_learned_are_refused_before_anything_is_frozen(
    tmp_path: Path, rows: list[dict[str, Any]], why: str
) -> None:
    with Studio(tmp_path) as studio:
        with pytest.raises(DatasetError, match=why):
            studio.build(Template.parse(PLAIN), rows)
        assert studio.datasets() == []


@pytest.mark.parametrize(
    ("turns", "why"),
    [
        ([{"role": "user", "content": None}], "missing|null|None|text"),
        ([{"role": "wizard", "content": "x"}], "wizard"),
        ([{"role": "user", "content": "x"}], "answer"),
        ([{"role": "assistant", "content": "x"}], "assistant"),
        ([], "no turns|usable|missing"),
        ([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}], "user"),
    ],
)
def test_conversations_that_are_none_are_refused_with_their_line(
    tmp_path: Path, turns: list[Any], why: str
) -> None:
    good = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    path = tmp_path / "talk.jsonl"
    path.write_text("".join(json.dumps({"messages": one}) + "\n" for one in [good] * 9 + [turns]))
    with Studio(tmp_path / "home") as studio:
        book = studio.begin_workbook(Template.parse(PLAIN), studio.gather([path]))
        finding = next(one for one in book.findings() if one.kind == "refused records")
    assert finding.count == 1
    assert "talk.jsonl, line 10" in finding.message
    assert re.search(why, finding.message)
