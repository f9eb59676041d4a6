"""A process that measures something for the page: what it says, and its place in line.

It waits for the device like a run. On standard output it says what it is doing, one JSON object a
line, and ends with what it found, or with why it found nothing.
"""

import json
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from studio.engine.worker import explain
from studio.errors import StudioError
from studio.tuning.queue import device


def say(**line: Any) -> None:
    """One line for whoever listens."""
    print(json.dumps(line), file=sys.__stdout__, flush=True)


def say_found(find: Callable[[], dict[str, Any]]) -> int:
    """Say what is found, or in a sentence what went wrong; the exit status.

    What the libraries print meanwhile goes to the log and not between the lines.
    """
    with redirect_stdout(sys.stderr):
        try:
            say(**find())
        except Exception as error:  # a border: whatever went wrong becomes the last line
            if not isinstance(error, StudioError):
                traceback.print_exc()
            say(error=explain(error))
            return 1
    return 0


@contextmanager
def in_line(home: Path, name: str) -> Iterator[None]:
    """Hold the device, saying so while others hold it."""
    with device(home, name, on_wait=lambda: say(doing="waiting in line"), on_next=lambda: None):
        say(doing="loading the base")
        yield
