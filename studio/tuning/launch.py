"""Starting workers: from a warm standby process where one is ready, else from cold.

A standby has imported the libraries and waits for the path of a run folder on its standard
input. It dies with the process that started it, unless it has been given a run: then it lives
in a session of its own, and nothing that happens to the page can stop it.
"""

import os
import subprocess
import sys
from pathlib import Path

from studio.errors import RunError
from studio.tuning.queue import draw_ticket
from studio.tuning.run import Run

WORKER = [sys.executable, "-m", "studio.engine.worker"]
# A worker gets these and nothing else: no token, and no way to the network through the Hub.
PASSED_ON = (
    "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES", "HF_HOME", "HF_HUB_CACHE", "OMP_NUM_THREADS", "OMP_WAIT_POLICY",
)  # fmt: skip
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
    return kept | SETTLED


class Launcher:
    """Starts the workers of one studio, keeping at most one standby warm."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._keep_warm = False
        self._standby: subprocess.Popen[bytes] | None = None
        self._started: list[subprocess.Popen[bytes]] = []

    def warm_up(self) -> None:
        """Keep a standby ready from now on; returns at once, the libraries load meanwhile."""
        self._keep_warm = True
        if self._standby is not None and self._standby.poll() is None:
            return
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

    def start(self, run: Run) -> None:
        """Set a worker on the run; raises RunError if the run has been started before."""
        if run.status() != "created" or run.is_alive():
            raise RunError(f"Run {run.id} has been started already; it is {run.status()}.")
        draw_ticket(run.folder.parent.parent, run.id)
        if not self._hand_to_standby(run):
            self._start_cold(run)
        self.reap()

    def _hand_to_standby(self, run: Run) -> bool:
        standby, self._standby = self._standby, None
        if standby is None or standby.poll() is not None or standby.stdin is None:
            return False
        try:
            standby.stdin.write(str(run.folder).encode() + b"\n")
            standby.stdin.close()
        except BrokenPipeError:
            return False
        self._started.append(standby)
        return True

    def _start_cold(self, run: Run) -> None:
        with (run.folder / "worker.log").open("ab") as log:
            self._started.append(
                subprocess.Popen(
                    [*WORKER, str(run.folder)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=worker_environment(),
                    start_new_session=True,
                )
            )

    def reap(self) -> None:
        """Let ended workers go, so that none stays behind as a zombie.

        Once none is at work a new standby warms up: before that it would only slow them down.
        """
        self._started = [process for process in self._started if process.poll() is None]
        if self._keep_warm and not self._started and self._standby is None:
            self.warm_up()

    def close(self) -> None:
        """End the standby; running workers go on."""
        self._keep_warm = False
        if self._standby is not None:
            self._standby.kill()
            self._standby.wait()
            self._standby = None
