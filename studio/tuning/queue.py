"""The queue is a lock: a worker owns the device while it holds it, first come, first served.

A ticket per worker keeps the order: a file named by time whose lock its worker holds. A worker
that dies frees its ticket and the device at once; nobody has to tidy up after it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from studio.tuning.lock import is_locked, locked

PATIENCE = 0.1  # seconds between looks at the queue


@contextmanager
def device(
    home: Path, *, on_wait: Callable[[], None], on_next: Callable[[], None]
) -> Iterator[None]:
    """Hold the device's lock, waiting in line for it.

    Calls `on_wait` once if it has to wait, and `on_next` once when nobody is before it in the
    line any more but the device is still busy: time to get ready.
    """
    queue = home / "queue"
    queue.mkdir(exist_ok=True)
    with ExitStack() as held:
        ticket = _draw_ticket(queue, held)
        waited = ready = False
        while not (first := _is_first(ticket)) or not _try(home / "device.lock", held):
            if not waited:
                on_wait()
                waited = True
            if first and not ready:
                on_next()
                ready = True
            time.sleep(PATIENCE)
        ticket.unlink(missing_ok=True)
        yield


def _draw_ticket(queue: Path, held: ExitStack) -> Path:
    """A locked ticket file; it gets its final name only after it is locked, so never looks dead."""
    number = time.time_ns()
    drawing = queue / f".{number}"
    held.enter_context(locked(drawing))
    ticket = queue / f"{number:020d}"
    drawing.rename(ticket)
    held.callback(ticket.unlink, missing_ok=True)
    return ticket


def _is_first(ticket: Path) -> bool:
    """Whether no living worker drew an earlier ticket; tickets of dead ones are thrown away."""
    for other in sorted(ticket.parent.glob("[0-9]*")):
        if other.name >= ticket.name:
            break
        if is_locked(other):
            return False
        other.unlink(missing_ok=True)
    return True


def _try(path: Path, held: ExitStack) -> bool:
    try:
        held.enter_context(locked(path, wait=False))
    except BlockingIOError:
        return False
    return True
