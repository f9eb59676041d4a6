"""The process in which a run happens: `python -m studio.engine.worker RUN_FOLDER`.

It holds the run's lock while it lives, waits in line for the device, and writes every event,
the last word included. With --standby it first imports the libraries and then waits for the
folder's path on its standard input.
"""

import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

from studio.errors import Diverged, StudioError
from studio.tuning.events import EventLog
from studio.tuning.lock import locked
from studio.tuning.queue import PATIENCE, device
from studio.tuning.run import UNDER_WAY, Run

FULL = ("can't allocate memory", "out of memory", "Cannot allocate memory", "std::bad_alloc")


class Cancelled(BaseException):
    """Somebody asked the worker to stop; not an Exception, so that no library swallows it."""


def main(arguments: list[str]) -> int:
    """Do one run, given by its folder or (with --standby) by a line on standard input."""
    if arguments == ["--standby"]:
        _import_libraries()
        line = sys.stdin.readline().strip()
        if not line:
            return 0
        folder = Path(line)
        _print_into(folder / "worker.log")
    else:
        folder = Path(arguments[0])
    return work(folder)


def work(folder: Path) -> int:
    """Do the run in this folder; returns 0 if it finished, 1 if it ended otherwise."""
    run = Run(folder)
    log = EventLog(folder / "events.jsonl")
    try:
        with locked(folder / "alive.lock", wait=False):
            if run.events():
                print(f"run {run.id} has been worked on already", file=sys.stderr)
                return 1
            signal.signal(signal.SIGTERM, _raise_cancelled)
            return _work_with_last_word(run, log)
    except BlockingIOError:
        print(f"run {run.id} has a worker already", file=sys.stderr)
        return 1


def _work_with_last_word(run: Run, log: EventLog) -> int:
    """Everything a run can end in becomes its last event."""
    try:
        log("started", pid=os.getpid())
        _await_runs(run, log)
        with device(
            run.folder.parent.parent,
            run.id,
            on_wait=lambda: log("waiting"),
            on_next=_import_libraries,
        ):
            log("phase", name="loading libraries")
            result = _do(run, log)
        _ignore_signals()
        log("finished", **result, **used(run.folder))
    except Cancelled:
        _ignore_signals()
        log("cancelled")
        return 1
    except Diverged as error:
        _ignore_signals()
        log("diverged", message=str(error), kept=error.kept, **used(run.folder))
        return 1
    except Exception as error:  # one of the two borders: whatever went wrong becomes an event
        _ignore_signals()
        traceback.print_exc()
        full = {"out_of_memory": True} if is_out_of_memory(error) else {}
        told = {"message": explain(error), "traceback": traceback.format_exc()}
        log("failed", **told, **full, **used(run.folder))
        return 1
    return 0


def _await_runs(run: Run, log: EventLog) -> None:
    """A run may be asked for before those it builds on have ended."""
    folders = [run.folder.parent / id for id in run.builds_on()]
    awaited = [Run(folder) for folder in folders if folder.exists()]
    if any(other.status() in UNDER_WAY for other in awaited):
        log("waiting", runs=[other.id for other in awaited])
        while any(other.status() in UNDER_WAY for other in awaited):
            time.sleep(PATIENCE)


def _do(run: Run, log: EventLog) -> dict[str, Any]:
    if run.kind == "tune":
        from studio.engine.train import train

        return train(run, log)
    if run.kind == "repair":
        from studio.engine.repair import repair

        return repair(run, log)
    return _measure(run, log)


def _measure(run: Run, log: EventLog) -> dict[str, Any]:
    from studio.engine.libraries import leanly

    with leanly():
        from studio.engine.compare import compare

    return compare(run, log)


def explain(error: Exception) -> str:
    """One sentence for a person, with the next step where we know one; most specific first."""
    if isinstance(error, StudioError):
        return str(error)
    if is_out_of_memory(error):
        return (
            "The memory is full. Start it again with the recipe that fits: half the batch_size "
            "with twice the accumulation, a lower max_length, or the base in 4 bits."
        )
    if isinstance(error, OSError) and error.filename:
        return f"{error.strerror}: {error.filename}. See worker.log in the run's folder."
    first_line = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first_line}. See worker.log in the run's folder."


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the device or the computer had no memory left, whatever the library calls it."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    # On a CPU torch says it with a RuntimeError, and bitsandbytes on a GPU with its own words.
    return isinstance(error, RuntimeError) and any(words in str(error) for words in FULL)


def used(folder: Path) -> dict[str, int]:
    """What this process took at most, in bytes: memory of the device, and disk in the folder."""
    import torch

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    if torch.cuda.is_available():
        peak = torch.cuda.max_memory_reserved()
    disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {"peak_memory": peak, "disk": disk}


def _import_libraries() -> None:
    """Everything a run needs, so that it starts at once; nothing is loaded, no device is held."""
    import studio.engine.compare
    import studio.engine.repair
    import studio.engine.train  # noqa: F401


def _print_into(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _raise_cancelled(_signal: int, _frame: FrameType | None) -> None:
    _ignore_signals()
    raise Cancelled


def _ignore_signals() -> None:
    """From here on nothing may come between the work and its last word."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Straight out: threads of the libraries must not keep a finished worker, and its lock, alive.
    os._exit(code)
