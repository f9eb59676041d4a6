"""Stopping a run from outside, and letting it be worked on again: signals, and words said under
the lock that no worker holds.
"""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from studio.tuning.events import Event, append_event, read_events
from studio.tuning.lock import holder, locked

LOCK, EVENTS = "alive.lock", "events.jsonl"
FINAL = ("finished", "diverged", "cancelled")
"""Last words after which nothing more will happen."""
LAST_WORDS = (*FINAL, "failed", "paused")
AGAIN = "resuming"
"""What is said when a run is to be worked on again: one worker takes it up."""
CANCEL_PATIENCE = 5.0  # seconds before a worker that does not answer is killed

Stop = Literal["cancelled", "paused"]
SIGNALS: dict[Stop, signal.Signals] = {
    "cancelled": signal.SIGUSR1,
    # Also what a machine that shuts down sends: its runs are paused, not lost.
    "paused": signal.SIGTERM,
}


def ask(folder: Path, word: Stop) -> None:
    """Ask the worker of a run's folder to stop; without one the word is said in its place."""
    if not say(folder, word) and (worker := holder(folder / LOCK)) is not None:
        _signal(worker, SIGNALS[word])


def insist(folder: Path, word: Stop) -> None:
    """As `ask`, but return when it has stopped; one that does not listen is killed."""
    deadline, asked = time.monotonic() + CANCEL_PATIENCE, None
    while not say(folder, word):
        worker = holder(folder / LOCK)
        if worker is not None and worker != asked:
            _signal(worker, SIGNALS[word])
            asked = worker
        if worker is not None and time.monotonic() > deadline:
            _signal(worker, signal.SIGKILL)
            deadline += CANCEL_PATIENCE
        time.sleep(0.02)


def say(folder: Path, word: str, **fields: Any) -> bool:
    """Say a last word for a run that no worker holds, unless one was said; False if one does."""
    try:
        with locked(folder / LOCK, wait=False):
            if _last(folder) not in LAST_WORDS:
                append_event(folder / EVENTS, word, lasting=True, **fields)
            return True
    except BlockingIOError:
        return False


def reopen(folder: Path, **fields: Any) -> bool:
    """Let a run that ended before its end be worked on again; False if it cannot or is already.

    A worker may hold the lock for a moment after its last word.
    """
    deadline = time.monotonic() + CANCEL_PATIENCE
    while True:
        try:
            with locked(folder / LOCK, wait=False):
                if _last(folder) in (None, AGAIN, *FINAL):
                    return False
                append_event(folder / EVENTS, AGAIN, lasting=True, **fields)
                return True
        except BlockingIOError:
            if _last(folder) not in LAST_WORDS or time.monotonic() > deadline:
                return False
            time.sleep(0.02)


def is_to_be_worked_on(folder: Path) -> bool:
    """Whether a worker that holds the lock may begin; another may have been faster."""
    return _last(folder) in (None, AGAIN)


def _last(folder: Path) -> str | None:
    last: Event | None = None
    for last in read_events(folder / EVENTS):  # noqa: B007
        pass
    return last.kind if last else None


def _signal(process: int, sign: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, sign)
