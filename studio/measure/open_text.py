"""Open text cut into documents, whose likelihood under a model shows how far it drifted."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from studio.data.readers import FILE_BYTES
from studio.errors import ProbeError
from studio.measure import probe_file

SHORT, LONG = 200, 2000
"""A paragraph of fewer characters joins the next one; a longer document is cut at a sentence."""


def read(path: Path) -> dict[str, Any]:
    """The fields of a probe made of a text file: its paragraphs, in Markdown a section a cluster.

    Raises ProbeError.
    """
    if path.exists() and path.stat().st_size > FILE_BYTES:
        raise ProbeError(f"{path.name} is larger than {FILE_BYTES // 1_000_000} MB; split it.")
    text = probe_file.read_text(path, path.name).replace("\r\n", "\n")
    if "\0" in text:
        raise ProbeError(f"{path.name} holds a NUL character; save it as plain text.")
    if path.suffix.lower() == ".txt":
        texts, clusters = _cut(text), None
    else:
        sections = map(_cut, re.split(r"^(?=#{1,6} )", text, flags=re.MULTILINE))
        cut = [(one, f"section {n}") for n, part in enumerate(sections, 1) for one in part]
        texts, clusters = [one for one, _ in cut], [cluster for _, cluster in cut]
    if not texts:
        raise ProbeError(f"{path.name} is empty; there is nothing to measure.")
    return as_probe(texts, clusters)


def as_probe(texts: Sequence[str], clusters: Sequence[str] | None = None) -> dict[str, Any]:
    """The fields of a probe of these documents, each for itself or in clusters."""
    cases = [
        {"id": str(number), "messages": [], "answer": text, "cluster": cluster}
        for number, (text, cluster) in enumerate(
            zip(texts, clusters or [""] * len(texts), strict=True), start=1
        )
    ]
    return {"scorer": "text", "cases": cases}


def _cut(text: str) -> list[str]:
    gathered: list[str] = []
    for paragraph in re.split(r"\n[ \t]*\n", text):
        if not paragraph.strip():
            continue
        if gathered and len(gathered[-1]) < SHORT:
            gathered[-1] += "\n\n" + paragraph.strip()
        else:
            gathered.append(paragraph.strip())
    return [piece for document in gathered for piece in _pieces(document)]


def _pieces(document: str) -> list[str]:
    pieces = []
    while len(document) > LONG:
        head = document[:LONG]
        sentences = [match.end() for match in re.finditer(r"[.!?]\s|[。！？]|\n", head)]
        words = [match.end() for match in re.finditer(r"\s", head)]
        end = (sentences or words or [LONG])[-1]
        pieces.append(document[:end].strip())
        document = document[end:].strip()
    return [piece for piece in (*pieces, document) if piece]
