"""Files that only grow, a line at a time: a reader sees a line whole or not at all."""

import errno
import os
from collections.abc import Iterable
from pathlib import Path


def append_lines(path: Path, lines: Iterable[str], *, lasting: bool = False) -> None:
    """Append lines in one write; with `lasting` they are on the disk when this returns.

    Where a crash tore the last line a new one begins first, so that the torn one is lost alone.
    Several processes may append to one file. OSError if the disk is full.
    """
    content = "".join(f"{line}\n" for line in lines).encode()
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        torn = size and os.pread(descriptor, 1, size - 1) != b"\n"
        content = b"\n" + content if torn else content
        if os.write(descriptor, content) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        if lasting:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def whole_lines(path: Path) -> list[bytes]:
    """The lines that were written to their end; none if there is no file.

    One that was torn and closed by a later line is among them: who reads them passes over it.
    """
    try:
        return path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
