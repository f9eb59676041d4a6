"""Several processes for one run: accelerate launches them, and the run's worker watches.

The worker holds the run's lock and the devices', and says the last word; the processes leave theirs
in a folder of the run while it lasts. One that dies without a word ends the worker without one, so
that the run counts as interrupted, and goes on from its last state when it is resumed.
"""

import ctypes
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from studio.engine.halt import HALT, Stopped
from studio.errors import Diverged, RunError
from studio.tuning.devices import HIDDEN
from studio.tuning.events import EventLog
from studio.tuning.run import Run

WORDS = ".words"
FAILED, FULL_DISK, FULL_MEMORY, LOST = "failed", "disk full", "memory full", "lost"
DEATH_OF_PARENT = 1  # prctl's PR_SET_PDEATHSIG
PAUSE = signal.SIGUSR2  # launchers take SIGTERM for themselves
NODES = "accelerate.yaml"  # in the home folder: how several machines work together
LOOK = 0.1  # seconds between two looks at the processes
GRACE = 10.0  # seconds that the others may live after the first has said its word


def work_apart(run: Run, log: EventLog, processes: int, gpus: Sequence[str] = ()) -> dict[str, Any]:
    """Do a run in so many processes of its own, on these GPUs or on the CPU; what came of it.

    Raises what the run ended in; a process that was killed kills this one.
    """
    words = run.folder / WORDS
    shutil.rmtree(words, ignore_errors=True)  # of one that was killed
    words.mkdir()
    command = launching(run, processes)
    log("phase", name=f"starting {processes} process{'es' * (processes > 1)}")
    launcher = subprocess.Popen(
        command, env=_environment(processes, gpus), preexec_fn=die_with_parent
    )
    try:
        _follow(launcher, words)
    finally:
        HALT.between_steps = False
        launcher.kill()  # what is left of them dies with it
        launcher.wait()
        told = {path.stem: json.loads(path.read_text()) for path in words.glob("*.json")}
        shutil.rmtree(words, ignore_errors=True)
    return _conclude(told)


def die_with_parent() -> None:
    """Let the system kill this process when the one that started it is gone."""
    ctypes.CDLL(None).prctl(DEATH_OF_PARENT, signal.SIGKILL)


def launching(run: Run, processes: int) -> list[str]:
    """The command that starts the processes; the same on every machine, if there are several."""
    module = ["--module", "studio.engine.rank", str(run.folder)]
    if processes == 1:
        return [sys.executable, "-m", *module[1:]]
    accelerate = [sys.executable, "-m", "accelerate.commands.launch"]
    nodes = run.folder.parent.parent / NODES
    if nodes.exists():
        return [*accelerate, "--config_file", str(nodes), *module]
    return [
        *accelerate, "--multi_gpu", "--num_processes", str(processes), "--num_machines", "1",
        "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0", *module,
    ]  # fmt: skip


def _environment(processes: int, gpus: Sequence[str]) -> dict[str, str]:
    if gpus:
        return os.environ | {HIDDEN: ",".join(gpus)}
    threads = int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))
    share = str(max(1, threads // processes))
    return {**os.environ, "OMP_NUM_THREADS": share, "ACCELERATE_USE_CPU": "true"}


def _follow(launcher: subprocess.Popen[bytes], words: Path) -> None:
    """Wait until the first process has said its word and all have ended, or the launcher has."""
    HALT.between_steps = True  # a pause is passed on
    passed_on, deadline = False, None
    while launcher.poll() is None:
        if HALT.asked and not passed_on:
            passed_on = _pass_on(words / "0.pid")
        if deadline is None and (words / "0.json").exists():
            deadline = time.monotonic() + GRACE
        if deadline is not None and time.monotonic() > deadline:
            return
        time.sleep(LOOK)


def _pass_on(first: Path) -> bool:
    """Ask the first process to pause; False if it is not there yet."""
    with suppress(FileNotFoundError, ValueError, ProcessLookupError):
        os.kill(int(first.read_text()), PAUSE)
        return True
    return False


def _conclude(told: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The result, or what the run ended in."""
    first = told.get("0", {"kind": LOST})
    if first["kind"] == "finished":
        return dict(first["result"])
    if first["kind"] == "stopped":
        raise Stopped(first["word"])
    if first["kind"] == "diverged":
        raise Diverged(first["message"], first["kept"])
    wrong = [first, *(word for name, word in sorted(told.items()) if name != "0")]
    for kind in (FULL_MEMORY, FULL_DISK, FAILED):
        for word in wrong:
            if word["kind"] == kind:
                _raise(word)
    print("A process of this run was killed, and the others with it.", file=sys.stderr, flush=True)
    os._exit(1)


def _raise(word: dict[str, Any]) -> None:
    if word["kind"] == FULL_MEMORY:
        raise MemoryError(word["message"])
    if word["kind"] == FULL_DISK:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    raise RunError(word["message"])
