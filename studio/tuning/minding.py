"""Looking after the runs of a home: what hangs is killed, what was killed goes on by itself.

Only where something had been saved since the last try, twice at most, and never after an error of
the recipe or of ours. A worker counts as hung by the clock of whoever looks: when its file of
events has not changed for long. Times that are written down are never compared: clocks are set.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median

from studio.errors import StudioError
from studio.tuning.launch import Launcher
from studio.tuning.lock import holder
from studio.tuning.run import Run, list_runs
from studio.tuning.stopping import AGAIN, LAST_WORDS, LOCK, say

RETRIES = 2
PATIENCE = 600.0  # seconds without a sign of life while steps are made, or more:
STEPS = 10  # times as long as a step takes
LOADING = 3.0  # times the patience while there are no steps: a base may be large
LINGERING = 60.0  # seconds that a worker may live after its last word
LAST_LOOK = 5.0  # seconds that a hung worker has to show where it is, and then to die
PERIOD = 2.0  # seconds between two looks of a studio that serves the page

Pulse = tuple[int, int]
"""Size and time of a file of events; only whether they change counts."""


def may_go_on(run: Run) -> bool:
    """Whether it is to be tried again by itself: killed or out of memory, after progress."""
    if run.kind != "tune":
        return False
    status, events = run.status(), run.all_events()
    full = status == "failed" and bool(events[-1]["out_of_memory"])
    if status != "interrupted" and not full:
        return False
    tried = sum(event.kind == AGAIN and bool(event["automatic"]) for event in events)
    begun = next((event["step"] for event in reversed(events) if event.kind == "resumed"), 0)
    return tried < RETRIES and run.goes_on_from() > begun


class Minder:
    """Looks after the runs of one home, now and then or on a thread of its own."""

    def __init__(
        self, runs_folder: Path, launcher: Launcher, *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.patience = PATIENCE
        self._folder, self._launcher, self._clock = runs_folder, launcher, clock
        self._ended: dict[str, Pulse] = {}
        self._heard: dict[str, tuple[Pulse, float]] = {}
        self._turn = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Look every few seconds from now on."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._go_on_looking, daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Look no more; runs go on."""
        self._closed.set()

    def _go_on_looking(self) -> None:
        while not self._closed.wait(PERIOD):
            self.look()

    def look(self) -> None:
        """Look at every run once; whoever comes while somebody looks need not."""
        if not self._turn.acquire(blocking=False):
            return
        try:
            self._launcher.reap()
            for run in list_runs(self._folder):
                with suppress(StudioError, OSError):  # removed in this very moment
                    self._look_at(run)
        finally:
            self._turn.release()

    def _look_at(self, run: Run) -> None:
        pulse = _feel(run)
        if pulse is None:
            return
        if run.is_alive():
            self._ended.pop(run.id, None)
            self._listen(run, pulse)
        elif self._ended.get(run.id) != pulse:
            self._heard.pop(run.id, None)
            if may_go_on(run):
                self._launcher.resume(run, automatic=True)
            self._ended[run.id] = pulse

    def _listen(self, run: Run, pulse: Pulse) -> None:
        before, since = self._heard.get(run.id, (None, 0.0))
        now = self._clock()
        if pulse != before:
            self._heard[run.id] = (pulse, now)
        elif now - since > min(self.patience, LINGERING):
            silent = now - since
            if silent > self._patience_with(run):
                end_hung(run, silent)

    def _patience_with(self, run: Run) -> float:
        events = run.all_events()
        if events[-1].kind in LAST_WORDS:
            return LINGERING
        if events[-1].kind not in ("step", "heldout", "look", "answers", "saved"):
            return LOADING * self.patience
        usual = median(float(event["seconds"]) for event in events if event.kind == "step")
        return max(self.patience, STEPS * usual)


def end_hung(run: Run, silent: float) -> None:
    """Kill a worker that nothing is heard of, once it has written down where it is."""
    worker = holder(run.folder / LOCK)
    if worker is None:
        return
    log = run.folder / "worker.log"
    before = log.stat().st_size if log.exists() else 0
    with suppress(ProcessLookupError):
        os.kill(worker, signal.SIGCONT)  # one that was halted cannot show anything
        os.kill(worker, signal.SIGQUIT)
        _wait_until(lambda: log.exists() and log.stat().st_size > before)
        own_group = os.getpgid(worker) == worker
        (os.killpg if own_group else os.kill)(worker, signal.SIGKILL)
    _wait_until(lambda: holder(run.folder / LOCK) != worker)
    message = (
        f"The worker hung: nothing was heard of it for {round(silent)} seconds, so it was killed. "
        "What it was doing is at the end of its log."
    )
    say(run.folder, "hung", message=message)


def _feel(run: Run) -> Pulse | None:
    try:
        found = (run.folder / "events.jsonl").stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns


def _wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LAST_LOOK
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
