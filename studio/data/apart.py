"""A module of ours run in a process of its own, which tells lines of JSON until it is done."""

import json
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from studio.errors import DatasetError, ModelError, StudioError, TemplateError

_ROOT = Path(__file__).parents[2]


def run_apart(
    module: str, *arguments: str, what: str, job: Any = None
) -> Generator[dict[str, Any], None, None]:
    """What the process tells; closing the iterator ends it.

    `job` reaches it as JSON on standard input. DatasetError, which names `what`, if it dies.
    """
    with TemporaryFile() as log, TemporaryFile() as told:
        told.write(json.dumps(job).encode())
        told.seek(0)
        child = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], cwd=_ROOT, env={"OMP_NUM_THREADS": "1"},
            stdin=told, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
        )  # fmt: skip
        try:
            assert child.stdout is not None
            yield from map(json.loads, child.stdout)
            if code := child.wait():
                raise DatasetError(f"{what} broke off{_why(code, log)}; free some memory.")
        finally:
            child.kill()
            child.wait()
            if child.stdout:
                child.stdout.close()


def error_of(kind: str, message: str) -> StudioError:
    """The error that such a process told of, as it was there."""
    known = {one.__name__: one for one in (DatasetError, TemplateError, ModelError)}
    return known.get(kind, DatasetError)(message)


def _why(code: int, log: Any) -> str:
    if code < 0:
        return f" (its process was ended by signal {-code})"
    log.seek(0)
    last = log.read().decode(errors="replace").strip().rpartition("\n")[2]
    return f" ({last[:200].rstrip('.')})" if last else ""
