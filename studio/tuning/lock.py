"""Lock files: held by a living process, free the moment it dies."""

import fcntl
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock file; without `wait`, BlockingIOError tells that another process holds it.

    lockf and not flock: a POSIX lock is not inherited by forked children, so it is free the
    moment its owner dies. In exchange, closing any descriptor of the file in the owner's
    process drops it: never probe a lock in the process that holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether another process holds the lock file."""
    if not path.exists():
        return False
    try:
        with locked(path, wait=False):
            return False
    except BlockingIOError:
        return True


def holder(path: Path) -> int | None:
    """The process that holds the lock file, as the system knows it; None if nobody does.

    A number that somebody wrote down may belong to another process by now; this one cannot.
    """
    if not path.exists():
        return None
    # struct flock, which Linux and macOS order differently.
    form, place = ("qqihh", 2) if sys.platform == "darwin" else ("hhqqi", 4)
    asked = [0] * 5
    asked[3 if sys.platform == "darwin" else 0] = fcntl.F_WRLCK
    descriptor = os.open(path, os.O_RDWR)
    try:
        answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, struct.pack(form, *asked))
    finally:
        os.close(descriptor)
    found = struct.unpack(form, answer)
    held = found[3 if sys.platform == "darwin" else 0] != fcntl.F_UNLCK
    return found[place] if held else None
