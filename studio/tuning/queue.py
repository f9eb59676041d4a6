"""The queue is a lock: a worker owns a device while it holds its lock, first come, first served.

A ticket per run keeps the order. It is drawn when the run is started, and held: locked by the
run's worker, as soon as that lives. A worker that dies frees its ticket and the device at once;
nobody has to tidy up after it. A person may put the waiting runs into another order, which is one
small file of names; who is not named there comes after them, as started.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from studio.tuning.lock import is_locked, locked

PATIENCE = 0.1  # seconds between looks at the queue
START_PATIENCE = 30.0  # seconds a drawn ticket keeps its place without a living worker
ORDER = "order"  # the file of names


def draw_ticket(home: Path, name: str) -> Path:
    """The one place in the line of the run of that name, whose worker is about to start."""
    queue = home / "queue"
    queue.mkdir(exist_ok=True)
    drawn = next((one for one in queue.glob(f"*-{name}.drawn") if _is_young(one)), None)
    ticket = drawn or queue / f"{time.time_ns():020d}-{name}.drawn"
    ticket.touch(mode=0o600)
    return ticket


@contextmanager
def device(
    home: Path, name: str, *, on_wait: Callable[[], None], on_next: Callable[[], None],
    on_turn: Callable[[], None] = lambda: None, count: int = 1, of: int = 1,
) -> Iterator[list[int]]:  # fmt: skip
    """Hold the locks of `count` devices of so many for the run of that name, waiting in line.

    Yields the devices' numbers. Who is first in the line keeps what becomes free until it has all
    that it needs; nobody behind it is served before. Calls `on_wait` once if it has to wait,
    `on_turn` at every look at the line after that, and `on_next` once when nobody is before it any
    more but the device is still busy: time to get ready.
    """
    with ExitStack() as held:
        ticket = _hold_ticket(home, name, held)
        waited = ready = False
        mine: list[int] = []
        while not (first := _is_first(ticket)) or not _take(home, held, mine, count, of):
            if not waited:
                on_wait()
                waited = True
            if first and not ready:
                on_next()
                ready = True
            on_turn()
            time.sleep(PATIENCE)
        ticket.unlink(missing_ok=True)
        yield sorted(mine)


def in_line(home: Path) -> list[str]:
    """Names of the runs that wait, the next one first."""
    return [_name(ticket) for ticket in _line(home / "queue") if _counts(ticket)]


def reorder(home: Path, names: Sequence[str]) -> None:
    """Let these runs come first, in this order."""
    queue = home / "queue"
    queue.mkdir(exist_ok=True)
    partial = queue / f"{ORDER}.part"
    partial.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    partial.replace(queue / ORDER)


def is_wanted(home: Path) -> bool:
    """Whether a run holds the first device or waits for one; not to be asked by one that does."""
    return is_locked(device_lock(home)) or any(map(_counts, _line(home / "queue")))


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
    """Whether no ticket before it counts any more; those that do not are thrown away."""
    for other in _line(ticket.parent):
        if other == ticket:
            break
        if _counts(other):
            return False
        other.unlink(missing_ok=True)
    return True


def _line(queue: Path) -> list[Path]:
    """All tickets in the order in which they count."""
    try:
        names = (queue / ORDER).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        names = []
    places = {name: place for place, name in enumerate(names)}

    def rank(ticket: Path) -> tuple[int, str]:
        return places.get(_name(ticket), len(places)), ticket.name

    return sorted(queue.glob("[0-9]*"), key=rank)


def _name(ticket: Path) -> str:
    """The run that drew it."""
    return ticket.stem.partition("-")[2]


def _counts(ticket: Path) -> bool:
    """Whether its worker lives, or may still be starting."""
    return is_locked(ticket) if ticket.suffix == ".held" else _is_young(ticket)


def _is_young(ticket: Path) -> bool:
    """Whether a ticket was drawn so lately that its worker may still be starting."""
    age = time.time() - int(ticket.name.partition("-")[0]) / 1e9
    return 0 <= age < START_PATIENCE


def _take(home: Path, held: ExitStack, mine: list[int], count: int, of: int) -> bool:
    """Take what is free, into `mine`; whether that is enough by now."""
    for number in range(of):
        if len(mine) < count and number not in mine and _try(device_lock(home, number), held):
            mine.append(number)
    return len(mine) == count


def device_lock(home: Path, number: int = 0) -> Path:
    """The lock of one of the devices; the chat engine sits on the first."""
    return home / (f"device-{number}.lock" if number else "device.lock")


def _try(path: Path, held: ExitStack) -> bool:
    try:
        held.enter_context(locked(path, wait=False))
    except BlockingIOError:
        return False
    return True
