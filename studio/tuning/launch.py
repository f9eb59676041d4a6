"""Starting workers: from a warm standby process where one is ready, else from cold.

A standby has imported the libraries and waits for the path of a run folder on its standard
input. It dies with the process that started it, unless it has been given a run: then it lives
in a session of its own, and nothing that happens to the page can stop it.
"""

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from studio.errors import RunError
from studio.tuning.machine import cores
from studio.tuning.queue import draw_ticket
from studio.tuning.run import Run
from studio.tuning.spare import READY, Spare
from studio.tuning.stopping import say

WORKER = [sys.executable, "-m", "studio.engine.worker"]
# A worker gets these and nothing else: no token, and no way to the network through the Hub.
PASSED_ON = (
    "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES", "HF_HOME", "HF_HUB_CACHE", "OMP_NUM_THREADS", "OMP_WAIT_POLICY",
    "GOMP_SPINCOUNT",
)  # fmt: skip
# How often a thread looks whether the others are there before it sleeps. Left to itself it looks
# for milliseconds, and where others compute as well the system may have put it on the very core
# that the one it waits for needs: every wait then lasts until the system takes the core away. A
# training step with some 1,300 waits took 5.0 s so, and 0.35 s with this; on idle cores it takes
# 0.18 s either way, and 0.24 s if threads sleep at once.
PATIENT_TURNS = "1000"
SETTLED = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
    "BITSANDBYTES_NOWELCOME": "1",
}


def worker_environment() -> dict[str, str]:
    """The environment of every process that loads a model."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    threads = {"OMP_NUM_THREADS": str(cores())}
    if "OMP_WAIT_POLICY" not in kept:
        threads["GOMP_SPINCOUNT"] = PATIENT_TURNS
    return threads | kept | SETTLED


class Started(NamedTuple):
    """A worker's process, and the run that it was given."""

    process: subprocess.Popen[bytes]
    run: Run
    before: int
    """How often a worker had begun with the run before this one."""


class Launcher:
    """Starts the workers of one studio, keeping at most one standby warm."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._spare = Spare()
        self._standby: subprocess.Popen[bytes] | None = None
        self._started: list[Started] = []
        self._turn = threading.RLock()

    def warm_up(self) -> None:
        """Keep a standby ready for a while; returns at once, the libraries load meanwhile.

        It goes when nobody has asked for long, neither for this nor for a run, and when memory
        is short.
        """
        with self._turn:
            self._spare.ask()
            living = self._standby is not None and self._standby.poll() is None
            if not living and self._spare.may_begin():
                self._begin_standby()

    def _begin_standby(self) -> None:
        self._logs.mkdir(parents=True, exist_ok=True)
        with (self._logs / "standby.log").open("wb") as log:
            self._standby = subprocess.Popen(
                [*WORKER, "--standby"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=worker_environment(),
                start_new_session=True,
            )

    def is_warm(self) -> bool:
        """Whether a standby has loaded the libraries and waits for a run."""
        standby = self._standby
        if standby is None or standby.poll() is not None:
            return False
        return READY in (self._logs / "standby.log").read_text(errors="replace").splitlines()

    def expect(self) -> None:
        """Somebody is about: a standby that was asked for once stays, or comes again."""
        if self._spare.asked:
            self._spare.ask()

    def start(self, run: Run) -> None:
        """Set a worker on the run; raises RunError if the run has been started before."""
        with self._turn:
            if run.status() != "created" or run.is_alive():
                raise RunError(f"Run {run.id} has been started already; it is {run.status()}.")
            draw_ticket(run.folder.parent.parent, run.id)
            self.expect()
            if not self._hand_to_standby(run):
                self._start_cold(run)
            self.reap()

    def resume(self, run: Run, *, automatic: bool = False) -> None:
        """Set one worker on a run that ended before its end, however often it is asked for.

        Raises RunError if there is nothing to go on with.
        """
        with self._turn:
            if run.reopen(automatic=automatic) or not self._is_started(run):
                self.start(run)

    def _hand_to_standby(self, run: Run) -> bool:
        standby, self._standby = self._standby, None
        if standby is None or standby.poll() is not None or standby.stdin is None:
            return False
        before = run.starts()
        try:
            standby.stdin.write(str(run.folder).encode() + b"\n")
            standby.stdin.close()
        except BrokenPipeError:
            return False
        self._started.append(Started(standby, run, before))
        return True

    def _start_cold(self, run: Run) -> None:
        before = run.starts()
        with (run.folder / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                [*WORKER, str(run.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=worker_environment(),
                start_new_session=True,
            )
        self._started.append(Started(process, run, before))

    def reap(self) -> None:
        """Let ended workers go, so that none stays behind as a zombie.

        One that ended before it had begun is told as failed. Once none is at work a new standby
        warms up: before that it would only slow them down.
        """
        with self._turn:
            ended = [one for one in self._started if one.process.poll() is not None]
            self._started = [one for one in self._started if one not in ended]
            for process, run, before in ended:
                if run.starts() == before and not self._is_started(run):
                    with suppress(OSError):  # the disk is full, or the run was removed
                        say(run.folder, "failed", message=_tell_stillborn(process.returncode))
            if self._standby is not None and not self._spare.may_stay():
                self._end_standby()
            elif self._standby is None and not self._started and self._spare.may_begin():
                self._begin_standby()

    def _is_started(self, run: Run) -> bool:
        living = (one for one in self._started if one.process.poll() is None)
        return any(one.run.id == run.id for one in living)

    def _end_standby(self) -> None:
        if self._standby is not None:
            self._standby.kill()
            self._standby.wait()
            self._standby = None

    def close(self) -> None:
        """End the standby; running workers go on."""
        self._spare.end()
        self._end_standby()


def _tell_stillborn(code: int) -> str:
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    return f"The worker {how} before it had begun. See worker.log in the run's folder."
