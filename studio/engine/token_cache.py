"""Conversations in tokens, kept in the cache under all that they depend on.

The rows, the base's tokenizer and template, the longest length and the libraries' versions make
the file's name, so that nothing is ever out of date; a damaged file counts as none.
"""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
import transformers
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from studio.data.chat_form import Learned
from studio.engine.load import Engine

FEWEST = 200  # rows; fewer are written out anew as fast as they are read
MOST = 16  # files that are kept, the latest used
DIGEST = "sha256"

Rows = Sequence[dict[str, Any]]


def remembered(
    engine: Engine, rows: Rows, max_length: int, write: Callable[[], list[Learned]], cache: Path
) -> list[Learned]:
    """What `write` gives for these rows, from the cache folder if it was written before."""
    if len(rows) < FEWEST:
        return write()
    path = cache / f"tokens-{_name(engine, rows, max_length)}.safetensors"
    found = _read(path)
    if found is None or len(found) != len(rows):
        found = write()
        _keep(path, found)
    _clear(cache)
    return found


def _name(engine: Engine, rows: Rows, max_length: int) -> str:
    """A digest of everything that the tokens depend on."""
    form = engine.form
    settled = [
        engine.base.fingerprint, form.template, dict(form.special), max_length,
        tokenizers.__version__, transformers.__version__, list(rows),
    ]  # fmt: skip
    text = json.dumps(settled, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _keep(path: Path, learned: Sequence[Learned]) -> None:
    """Write them beside their place and put them there; a full disk only costs the cache."""
    held = {
        "ids": np.fromiter((id for one in learned for id in one.ids), np.int32),
        "sizes": np.array([len(one.ids) for one in learned], np.int32),
        "prompts": np.array([one.prompt for one in learned], np.int32),
        "cuts": np.array([one.cut for one in learned], np.int32),
    }
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(held, draft, metadata={DIGEST: _digest(held)})
        draft.rename(path)
    except (OSError, SafetensorError):
        draft.unlink(missing_ok=True)


def _read(path: Path) -> list[Learned] | None:
    """What was kept, if every byte of it is as it was."""
    try:
        with safe_open(path, framework="numpy") as file:
            held = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if (file.metadata() or {}).get(DIGEST) != _digest(held):
                return None
        path.touch()
    except (OSError, SafetensorError):
        return None
    found, begin = [], 0
    ids = held["ids"].tolist()
    sizes, prompts, cuts = (held[name].tolist() for name in ("sizes", "prompts", "cuts"))
    for size, prompt, cut in zip(sizes, prompts, cuts, strict=True):
        found.append(Learned(tuple(ids[begin : begin + size]), prompt, cut))
        begin += size
    return found


def _digest(held: dict[str, Any]) -> str:
    found = hashlib.sha256()
    for name in sorted(held):
        found.update(name.encode() + held[name].tobytes())
    return found.hexdigest()


def _clear(cache: Path) -> None:
    """Only what was used lately stays."""
    with suppress(OSError):  # another run clears as well
        kept = sorted(cache.glob("tokens-*.safetensors"), key=lambda one: one.stat().st_mtime)
        for path in kept[:-MOST]:
            path.unlink()
