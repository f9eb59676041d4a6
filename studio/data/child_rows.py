"""Rows that another process writes: a line each, and the end of that process if it takes too much.

+{"text": "…"}     a row as JSON
-holds bytes       why a row is refused
*a note            what a person should know
!broken            why nothing can be read; the last line
"""

import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from studio.data.json_text import Refused, parse
from studio.errors import DatasetError


def read_child(
    command: Sequence[str],
    *,
    name: str,
    environment: Mapping[str, str],
    seconds: float,
    notes: list[str],
) -> Iterator[tuple[int, Any]]:
    """Number and value of every row that the command writes; notes are added to the list.

    DatasetError, speaking of `name`, with the reason that the process gives, or that it died.
    """
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
            env=dict(environment), start_new_session=True,
        )  # fmt: skip
        overdue = threading.Timer(seconds, child.kill)
        overdue.start()
        try:
            assert child.stdout is not None
            yield from _read(child.stdout, name, notes)
            if child.wait() != 0:
                errors.seek(0)
                last = errors.read()[-2000:].decode(errors="replace").strip().rpartition("\n")[2]
                why = f" ({last[:200].rstrip('.')})" if last else ""
                raise DatasetError(f"{name}: reading it took too much memory or time{why}.")
        finally:
            overdue.cancel()
            child.kill()
            child.wait()
            if child.stdout:
                child.stdout.close()


def _read(lines: Iterator[bytes], name: str, notes: list[str]) -> Iterator[tuple[int, Any]]:
    number = 0
    for line in lines:
        mark, told = line[:1], line[1:].decode().strip()
        if mark == b"!":
            raise DatasetError(f"{name}: {told}.")
        if mark == b"*":
            notes.append(told)
            continue
        number += 1
        yield number, parse(told) if mark == b"+" else Refused(told)
