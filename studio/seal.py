"""Folders that are whole or not there: written as a draft, sealed with digests, checked later."""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Digests = dict[str, tuple[int, str]]
"""By a file's name its size in bytes and its SHA-256."""


def seal(draft: Path) -> Digests:
    """Size and digest of every file in a folder, all of them on the disk when this returns."""
    found: Digests = {}
    for path in sorted(draft.iterdir()):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        found[path.name] = (path.stat().st_size, digest)
    return found


def write(path: Path, text: str) -> None:
    """A file with this text, on the disk when this returns."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def settle(draft: Path, target: Path) -> None:
    """Let a draft be the folder of that name, in the place of one before it.

    When this returns it stays, also if the power goes.
    """
    _onto_the_disk(draft)
    if target.exists():
        shutil.rmtree(target)
    draft.rename(target)
    _onto_the_disk(target.parent)


def find_flaw(folder: Path, sealed: Mapping[str, Any]) -> str:
    """What is not as it was sealed, in a few words; empty if every file has its bytes."""
    for name, (size, digest) in sealed.items():
        path = folder / name
        try:
            if path.stat().st_size != size:
                return f"{name} has {path.stat().st_size:,} bytes instead of {size:,}"
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                    return f"{name} holds other bytes than were written"
        except FileNotFoundError:
            return f"{name} is missing"
        except OSError as error:
            return f"{name} cannot be read ({error.strerror})"
    return ""


def _onto_the_disk(folder: Path) -> None:
    """The names in a folder, which its files' own contents do not cover."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
