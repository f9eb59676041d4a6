"""One of the processes that do a run together: `accelerate launch -m studio.engine.rank FOLDER`.

The worker starts them, and hears how it ended from a file of each. The first writes the run's
events and its result. They die with whoever launched them.
"""

import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from studio.engine.full import is_disk_full, is_out_of_memory
from studio.engine.halt import HALT, Stopped
from studio.engine.ranks import (
    FAILED,
    FULL_DISK,
    FULL_MEMORY,
    LOST,
    PAUSE,
    WORDS,
    die_with_parent,
)
from studio.errors import Diverged
from studio.tuning.events import EventLog
from studio.tuning.run import Run
from studio.tuning.stopping import EVENTS

GONE = ("connection closed by peer", "connection reset", "socket", "gloo", "nccl", "broken pipe")


class Silent(EventLog):
    """The log of a process that tells nothing: the first one does."""

    def __call__(self, kind: str, **_: Any) -> None:
        """Nothing is written."""

    def beat(self) -> None:
        """Nothing is written."""


def main(folder: Path) -> int:
    """Do this process's part of the run, and leave a word on how it ended."""
    die_with_parent()
    _listen()
    number = int(os.environ.get("RANK", "0"))
    words = folder / WORDS
    (words / f"{number}.pid").write_text(str(os.getpid()))
    log = (Silent if number else EventLog)(folder / EVENTS)
    word = _work(Run(folder), log)
    HALT.ignore()
    draft = words / f".{number}"
    draft.write_text(json.dumps(word), encoding="utf-8")
    draft.rename(words / f"{number}.json")
    return 0 if word["kind"] == "finished" else 1


def _listen() -> None:
    """Pause on the worker's signal; die on SIGTERM, by which a launcher ends those left over."""
    HALT.listen()
    signal.signal(PAUSE, signal.getsignal(signal.SIGTERM))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _work(run: Run, log: EventLog) -> dict[str, Any]:
    try:
        from studio.engine.together import join
        from studio.engine.worker import do, used

        join()
        return {"kind": "finished", "result": do(run, log) | used(run.folder)}
    except Stopped as stopped:
        return {"kind": "stopped", "word": stopped.word}
    except Diverged as error:
        return {"kind": "diverged", "message": str(error), "kept": error.kept}
    except Exception as error:  # one of the two borders: the worker tells what went wrong
        traceback.print_exc()
        return {"kind": _kind(error), "message": _explain(error)}


def _kind(error: Exception) -> str:
    if is_disk_full(error):
        return FULL_DISK
    if is_out_of_memory(error):
        return FULL_MEMORY
    spoken = str(error).lower()
    gone = isinstance(error, RuntimeError) and any(word in spoken for word in GONE)
    return LOST if gone else FAILED


def _explain(error: Exception) -> str:
    from studio.engine.worker import explain

    return explain(error)


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
