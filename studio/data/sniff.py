"""What kind of file it is, told by what stands in it; its name only decides where both would do."""

import json
import re
from dataclasses import dataclass
from typing import Literal

from charset_normalizer import from_bytes

from studio.data.tables import find_delimiter, has_columns
from studio.errors import DatasetError

Kind = Literal["jsonl", "json", "csv", "txt", "parquet"]

FORMATS = (".jsonl", ".json", ".csv", ".tsv", ".txt", ".parquet")
KIND_NAMES: dict[str, str] = {
    "jsonl": "JSON lines", "json": "JSON", "csv": "a table", "txt": "one text per line",
    "parquet": "Parquet",
}  # fmt: skip
PARQUET = b"PAR1"
SAMPLE_LINES = 20
GUESS_BYTES = 20_000

# Recognised by their first bytes, because a name proves nothing.
_REFUSED_KINDS = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip (or a spreadsheet)",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstandard",
    b"\x04\x22\x4d\x18": "lz4",
    b"7z\xbc\xaf\x27\x1c": "7-zip",
    b"Rar!": "RAR",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet or document",
    b"ARROW1": "an Arrow file",
    b"SQLite format 3": "a database",
    b"\x89PNG": "a picture",
    b"%PDF": "PDF",
}
_WIDE = {b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32", b"\xff\xfe": "utf-16",
         b"\xfe\xff": "utf-16"}  # fmt: skip
_OBJECTS = re.compile(r'\s*\[?\s*\{\s*["}]')


@dataclass(frozen=True)
class Form:
    """How a text is to be read."""

    kind: Kind
    delimiter: str = ","
    """Between the columns of a table."""


def refuse_packed(content: bytes, name: str) -> None:
    """DatasetError for archives, compressed files and others that are no text."""
    for magic, kind in _REFUSED_KINDS.items():
        if content.startswith(magic):
            raise DatasetError(f"{name} is {kind}, not text; unpack or export it first.")


def decode(content: bytes, name: str, encoding: str = "") -> str:
    """The text of a file: UTF-8, or UTF-16 and UTF-32 by their mark, or the encoding given.

    Nothing is replaced: DatasetError names line and byte that cannot be read, and the encoding
    that the file looks like.
    """
    wide = next((code for mark, code in _WIDE.items() if content.startswith(mark)), None)
    code = encoding or wide or "utf-8-sig"
    try:
        return content.decode(code)
    except LookupError as error:
        raise DatasetError(f"There is no encoding '{encoding}'; UTF-8 needs no naming.") from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        called = code.upper().removesuffix("-SIG")
        likely = "" if encoding or wide else _guess(content, error.start)
        raise DatasetError(
            f"{name}, line {line}, byte {error.start + 1}: not {called}; "
            f"save the file as UTF-8{likely}."
        ) from error


def sniff(text: str, suffix: str) -> Form | None:
    """The form of a text; None if neither what it holds nor its name's suffix tells."""
    named_json = suffix in (".json", ".jsonl")
    if _OBJECTS.match(text) or (named_json and text.lstrip()[:1] in ("[", "{")):
        return Form("jsonl" if _is_lines(text, suffix) else "json")
    if suffix == ".txt":
        tabs = find_delimiter(text, ("\t",))
        return Form("csv", tabs) if tabs else Form("txt")
    if suffix in (".csv", ".tsv"):
        usual = "\t" if suffix == ".tsv" else ","
        return Form("csv", usual if has_columns(text, usual) else find_delimiter(text) or usual)
    if found := find_delimiter(text):
        return Form("csv", found)
    return Form("jsonl" if suffix == ".jsonl" else "json") if named_json else None


def _is_lines(text: str, suffix: str) -> bool:
    """Whether every line is a record of its own."""
    lines = [line for line in text[: 1 << 20].split("\n") if line.strip()][:SAMPLE_LINES]
    is_list = lines[0].lstrip().startswith("[")
    if len(lines) == 1:
        return suffix != ".json" and not (is_list and _OBJECTS.match(text))
    if suffix == ".jsonl" and any(map(_is_whole, lines)):
        return True  # the first line may be the broken one
    return _is_whole(lines[0])


def _is_whole(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict | list)
    except (ValueError, RecursionError):
        return False


def _guess(content: bytes, at: int) -> str:
    found = from_bytes(content[max(0, at - GUESS_BYTES // 2) : at + GUESS_BYTES // 2]).best()
    return f" (it looks like {found.encoding}), or name its encoding" if found else ""
