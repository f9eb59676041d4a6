"""The process in which a run happens: `python -m studio.engine.worker RUN_FOLDER`.

It holds the run's lock while it lives, waits in line for the device, and writes every event,
the last word included. With --standby it first imports the libraries and then waits for the
folder's path on its standard input.
"""

import faulthandler
import os
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from studio.engine.full import give_room, hold_room, is_disk_full, is_out_of_memory
from studio.engine.halt import HALT, Stopped
from studio.engine.libraries import leanly
from studio.engine.ranks import work_apart
from studio.errors import Diverged, StudioError
from studio.tuning.devices import asked_by, gpus, see_first_gpu
from studio.tuning.events import EventLog
from studio.tuning.lock import locked
from studio.tuning.minding import may_go_on
from studio.tuning.queue import PATIENCE, device
from studio.tuning.run import UNDER_WAY, Run
from studio.tuning.spare import READY
from studio.tuning.states import forget_states, states_of
from studio.tuning.stopping import EVENTS, LOCK, is_to_be_worked_on


def main(arguments: list[str]) -> int:
    """Do one run, given by its folder or (with --standby) by a line on standard input."""
    see_first_gpu()
    if arguments == ["--standby"]:
        _import_libraries()
        print(READY, flush=True)
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
    try:
        HALT.listen()
        # Whoever finds that it hangs asks where it is before it is killed.
        faulthandler.register(signal.SIGQUIT, all_threads=True)
        with locked(folder / LOCK, wait=False):
            if not is_to_be_worked_on(folder):
                print(f"run {run.id} has been worked on already", file=sys.stderr)
                return 1
            return _work_with_last_word(run, EventLog(folder / EVENTS))
    except BlockingIOError:
        print(f"run {run.id} has a worker already", file=sys.stderr)
        return 1
    except Stopped:
        return 1  # before it had begun: whoever stopped it says so


def _work_with_last_word(run: Run, log: EventLog) -> int:
    """Everything a run can end in becomes its last event."""
    told: dict[str, Any] = {}
    try:
        log("started", pid=os.getpid())
        hold_room(run.folder)
        _await_runs(run, log)
        asked = asked_by(run, len(gpus()))
        with device(
            run.folder.parent.parent,
            run.id,
            on_wait=lambda: log("waiting"),
            on_turn=log.beat,
            on_next=_import_libraries if asked.processes == 1 else lambda: None,
            count=asked.devices,
            of=max(1, len(gpus())),
        ) as held:
            log("phase", name="loading libraries")
            if asked.processes == 1 and held == [0]:
                result = do(run, log)
            else:
                mine = [gpus()[number] for number in held if gpus()]
                result = work_apart(run, log, asked.processes, mine)
        HALT.ignore()
        word, told = "finished", used(run.folder) | result
    except Stopped as stopped:
        word = str(stopped.word)
    except Diverged as error:
        HALT.ignore()
        word, told = "diverged", {"message": str(error), "kept": error.kept, **used(run.folder)}
    except Exception as error:  # one of the two borders: whatever went wrong becomes an event
        HALT.ignore()
        traceback.print_exc()
        word, told = _tell(error)
        told |= used(run.folder)
    give_room(run.folder)
    log.lasting(word, **told)
    if word in ("finished", "diverged", "cancelled"):
        forget_states(run.folder)
    return 0 if word == "finished" else 1


def _tell(error: Exception) -> tuple[str, dict[str, Any]]:
    """The last word of a run that something went wrong in, and what belongs to it."""
    if is_disk_full(error):
        return "paused", {"message": explain(error), "disk_full": True}
    full = {"out_of_memory": True} if is_out_of_memory(error) else {}
    return "failed", {"message": explain(error), "traceback": traceback.format_exc(), **full}


def _await_runs(run: Run, log: EventLog) -> None:
    """A run may be asked for before those it builds on have ended."""
    folders = [run.folder.parent / id for id in run.builds_on()]
    awaited = [Run(folder) for folder in folders if folder.exists()]

    def is_to_come() -> bool:
        return any(other.status() in UNDER_WAY or may_go_on(other) for other in awaited)

    if is_to_come():
        log("waiting", runs=[other.id for other in awaited])
        while is_to_come():
            log.beat()
            time.sleep(PATIENCE)


def do(run: Run, log: EventLog) -> dict[str, Any]:
    """What a run of its kind does, in this process; returns what to report."""
    if run.kind == "tune":
        with leanly():
            from studio.engine.train import train
        return train(run, log)
    if run.kind == "repair":
        from studio.engine.repair import repair

        return repair(run, log)
    return _measure(run, log)


def _measure(run: Run, log: EventLog) -> dict[str, Any]:
    with leanly(measuring=True):
        from studio.engine.compare import compare

    return compare(run, log)


def explain(error: Exception) -> str:
    """One sentence for a person, with the next step where we know one; most specific first."""
    if isinstance(error, StudioError):
        return str(error)
    if is_disk_full(error):
        return (
            "The disk is full, so the run was paused. Free some room on it and resume: it goes on "
            "from the last state that was saved."
        )
    if is_out_of_memory(error):
        return (
            "The memory is full. Start it again with the recipe that fits: half the batch_size "
            "with twice the accumulation, a lower max_length, or the base in 4 bits."
        )
    if isinstance(error, OSError) and error.filename:
        return f"{error.strerror}: {error.filename}. See worker.log in the run's folder."
    first_line = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first_line}. See worker.log in the run's folder."


def used(folder: Path) -> dict[str, int]:
    """Bytes of the device's memory that it took at most, and of the disk that it keeps."""
    import torch

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    if torch.cuda.is_available():
        peak = torch.cuda.max_memory_reserved()
    states = states_of(folder)
    kept = (path for path in folder.rglob("*") if states not in path.parents)
    disk = sum(path.stat().st_size for path in kept if path.is_file())
    return {"peak_memory": peak, "disk": disk}


def _import_libraries() -> None:
    """Everything a run needs, so that it starts at once; nothing is loaded, no device is held."""
    with leanly():
        import studio.engine.compare
        import studio.engine.repair
        import studio.engine.train  # noqa: F401


def _print_into(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Straight out: threads of the libraries must not keep a finished worker, and its lock, alive.
    os._exit(code)
