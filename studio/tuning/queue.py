"""The queue is a lock: a worker owns the device while it holds it, first come, first served.

A ticket per run keeps the order. It is drawn when the run is started, and held: locked by the
run's worker, as soon as that lives. A worker that dies frees its ticket and the device at once;
nobody has to tidy up after it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from studio.tuning.lock import is_locked, locked

PATIENCE = 0.1  # seconds between looks at the queue
START_PATIENCE = 30.0  # seconds a drawn ticket keeps its place without a living worker


def draw_ticket(home: Path, name: str) -> Path:
    """A place in the line for the run of that name, whose worker is about to start."""
    queue = home / "queue"
    queue.mkdir(exist_ok=True)
    ticket = queue / f"{time.time_ns():020d}-{name}.drawn"
    ticket.touch(mode=0o600)
    return ticket


@contextmanager
def device(
    home: Path, name: str, *, on_wait: Callable[[], None], on_next: Callable[[], None]
) -> Iterator[None]:
    """Hold the device's lock for the run of that name, waiting in line for it.

    Calls `on_wait` once if it has to wait, and `on_next` once when nobody is before it in the
    line any more but the device is still busy: time to get ready.
    """
    with ExitStack() as held:
        ticket = _hold_ticket(home, name, held)
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


def is_wanted(home: Path) -> bool:
    """Whether a run holds the device or waits for it; not to be asked by one that does."""
    return is_locked(home / "device.lock") or any(
        is_locked(ticket) if ticket.suffix == ".held" else _is_young(ticket)
        for ticket in (home / "queue").glob("[0-9]*")
    )


def _hold_ticket(home: Path, name: str, held: ExitStack) -> Path:
    """The run's ticket, locked before it takes the name under which an unlocked one is dead."""
    drawn = next((home / "queue").glob(f"*-{name}.drawn"), None) or draw_ticket(home, name)
    held.enter_context(locked(drawn))
    ticket = drawn.with_suffix(".held")
    try:
        drawn.rename(ticket)
    except FileNotFoundError:  # thrown away as too old in this very moment
        return _hold_ticket(home, name, held)
    held.callback(ticket.unlink, missing_ok=True)
    return ticket


def _is_first(ticket: Path) -> bool:
    """Whether no earlier ticket counts any more; those that do not are thrown away."""
    for other in sorted(ticket.parent.glob("[0-9]*")):
        if other.name >= ticket.name:
            break
        if is_locked(other) if other.suffix == ".held" else _is_young(other):
            return False
        other.unlink(missing_ok=True)
    return True


def _is_young(ticket: Path) -> bool:
    """Whether a ticket was drawn so lately that its worker may still be starting."""
    age = time.time() - int(ticket.name.partition("-")[0]) / 1e9
    return 0 <= age < START_PATIENCE


def _try(path: Path, held: ExitStack) -> bool:
    try:
        held.enter_context(locked(path, wait=False))
    except BlockingIOError:
        return False
    return True
