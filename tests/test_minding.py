"""Runs are looked after: hung workers are killed, killed ones go on, and one worker does a run."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio import Studio
from studio.errors import DatasetError, RecipeError, RunError
from studio.tuning import launch
from studio.tuning.events import EventLog, append_event, still_true
from studio.tuning.launch import Launcher
from studio.tuning.lock import holder
from studio.tuning.minding import RETRIES, Minder, may_go_on
from studio.tuning.recipe import Recipe
from studio.tuning.run import Run, create_run
from studio.tuning.states import write_state
from studio.tuning.stopping import reopen, say

WORKER = """
import faulthandler, os, signal, sys, time
from pathlib import Path
from studio.tuning.events import append_event
from studio.tuning.lock import locked
from studio.tuning.stopping import is_to_be_worked_on
folder, lives = Path(sys.argv[-1]), float(os.environ.get("LIVES", "60"))
with (folder / "begun").open("a") as file:
    file.write("x")
log = os.open(folder / "worker.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
os.dup2(log, 2)
faulthandler.register(signal.SIGQUIT, all_threads=True)
try:
    with locked(folder / "alive.lock", wait=False):
        if not is_to_be_worked_on(folder):
            sys.exit(1)
        append_event(folder / "events.jsonl", "started", pid=os.getpid())
        append_event(folder / "events.jsonl", "step", step=1, total=2, seconds=0.01, loss=1.0)
        time.sleep(lives)
        append_event(folder / "events.jsonl", "finished", steps=2)
except BlockingIOError:
    sys.exit(1)
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return create_run(tmp_path / "runs", Recipe(dataset="d"), about="test")


@pytest.fixture
def launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Launcher]:
    """Starts workers that hold the lock and speak as real ones do, without the libraries."""
    monkeypatch.setattr(launch, "WORKER", [sys.executable, "-c", WORKER])
    monkeypatch.setattr(launch, "PASSED_ON", (*launch.PASSED_ON, "LIVES"))
    started = Launcher(tmp_path / "logs")
    yield started
    for one in started._started:
        one.process.kill()
        one.process.wait()
    started.close()


def until(run: Run, status: str) -> None:
    deadline = time.monotonic() + 60
    while run.status() != status:
        assert time.monotonic() < deadline, (run.status(), run.log_tail())
        time.sleep(0.02)


def save(run: Run, step: int) -> None:
    """A state of that step, of which only the name counts here."""
    write_state(run.folder, step, lambda draft: (draft / "x").touch(), about={})


def interrupted(run: Run, *, step: int) -> Run:
    """A run whose worker died after it had saved a state."""
    append_event(run.folder / "events.jsonl", "started", pid=1)
    save(run, step)
    return run


def test_a_hung_worker_shows_where_it_is_and_is_killed(
    run: Run, launcher: Launcher, tmp_path: Path
) -> None:
    launcher.start(run)
    until(run, "running")
    worker = holder(run.folder / "alive.lock")
    assert worker is not None
    os.kill(worker, signal.SIGSTOP)
    minutes = iter(range(0, 10_000, 400))  # seconds; what the wall's clock says is nothing to it
    minder = Minder(tmp_path / "runs", launcher, clock=lambda: float(next(minutes)))
    minder.look()
    minder.look()
    assert run.is_alive(), "within the patience it is left alone"
    minder.look()
    until(run, "interrupted")
    assert "nothing was heard of it for 800 seconds" in str(run.error())
    assert "time.sleep" in run.log_tail() or "File" in run.log_tail()


def test_a_clock_that_is_set_makes_no_worker_look_hung(
    run: Run, launcher: Launcher, tmp_path: Path
) -> None:
    launcher.start(run)
    until(run, "running")
    minder = Minder(tmp_path / "runs", launcher, clock=lambda: 0.0)
    for moment in (0, 2**32, 1):
        os.utime(run.folder / "events.jsonl", (moment, moment))
        minder.look()
    assert run.status() == "running"


def test_a_killed_run_goes_on_by_itself_only_after_progress_and_not_for_ever(run: Run) -> None:
    assert not may_go_on(run)
    append_event(run.folder / "events.jsonl", "started", pid=1)
    assert not may_go_on(run), "nothing was saved"
    step = 0
    for _ in range(RETRIES):
        step += 2
        save(run, step)
        assert may_go_on(run)
        run.reopen(automatic=True)
        append_event(run.folder / "events.jsonl", "started", pid=1)
        append_event(run.folder / "events.jsonl", "resumed", step=step)
        assert not may_go_on(run), "it has come no further"
    save(run, step + 2)
    assert not may_go_on(run), "it was tried often enough"


@pytest.mark.parametrize(
    ("word", "fields", "goes_on"),
    [
        ("failed", {"message": "why", "out_of_memory": True}, True),
        ("failed", {"message": "an error of ours"}, False),
        ("diverged", {"message": "why"}, False),
        ("cancelled", {}, False),
        ("paused", {}, False),
    ],
)
def test_only_want_of_memory_is_tried_again(
    run: Run, word: str, fields: dict[str, object], goes_on: bool
) -> None:
    interrupted(run, step=4)
    append_event(run.folder / "events.jsonl", word, **fields)
    assert may_go_on(run) == goes_on


def test_an_interrupted_run_goes_on_when_a_studio_looks(
    run: Run, launcher: Launcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVES", "0")
    interrupted(run, step=4)
    minder = Minder(tmp_path / "runs", launcher)
    minder.look()
    until(run, "finished")
    (event,) = [one for one in run.all_events() if one.kind == "resuming"]
    assert event["automatic"] is True
    minder.look()
    assert run.starts() == 2


@pytest.mark.faults
def test_forty_resumes_at_once_are_one_worker(run: Run, launcher: Launcher) -> None:
    interrupted(run, step=4)
    refused = []

    def press() -> None:
        try:
            launcher.resume(run)
        except RunError as error:
            refused.append(error)

    tabs = [threading.Thread(target=press) for _ in range(40)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    until(run, "running")
    time.sleep(0.2)
    assert run.starts() == 2
    assert (run.folder / "begun").read_text() == "x"
    with pytest.raises(RunError, match="is running; there is nothing to resume"):
        launcher.resume(run)


@pytest.mark.faults
def test_two_studios_that_resume_a_run_have_one_worker(
    run: Run, launcher: Launcher, tmp_path: Path
) -> None:
    interrupted(run, step=4)
    other = Launcher(tmp_path / "logs")
    launcher.resume(run)
    other.resume(run)
    until(run, "running")
    worker = holder(run.folder / "alive.lock")
    (loser,) = (one.process for one in (*launcher._started, *other._started)
                if one.process.pid != worker)  # fmt: skip
    assert loser.wait(timeout=30) == 1
    other.reap()
    launcher.reap()
    assert run.starts() == 2
    assert run.status() == "running", "the loser says nothing about it"
    for one in other._started:
        one.process.kill()
        one.process.wait()


def test_a_worker_that_dies_before_it_begins_is_a_failure(
    run: Run, launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "WORKER", [sys.executable, "-c", "raise SystemExit(7)"])
    launcher.start(run)
    launcher._started[0].process.wait(timeout=30)
    launcher.reap()
    assert run.status() == "failed"
    assert "ended with code 7 before it had begun" in str(run.error())


@pytest.mark.faults
def test_a_number_that_belongs_to_another_process_by_now_is_never_signalled(run: Run) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        append_event(run.folder / "events.jsonl", "started", pid=stranger.pid)
        assert holder(run.folder / "alive.lock") is None
        assert run.status() == "interrupted"
        with pytest.raises(RunError):
            run.cancel()
        with pytest.raises(RunError):
            run.pause()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_steps_that_were_taken_back_count_no_more(run: Run) -> None:
    log = EventLog(run.folder / "events.jsonl")
    log("warning", message="Mind")
    for step in (0, 1, 2, 3):
        log("heldout", step=step, loss=1.0)
        if step == 2:
            log("saved", step=2)
            log("stage", step=2)  # what begins with the step after it
    log("resumed", step=2)
    log("warning", message="Mind")
    log("stage", step=2)
    log("heldout", step=3, loss=0.5)
    found = still_true(run.all_events())
    assert [(one["step"], one["loss"]) for one in found if one.kind == "heldout"] == [
        (0, 1.0), (1, 1.0), (2, 1.0), (3, 0.5),
    ]  # fmt: skip
    assert [one.kind for one in found if one.kind in ("warning", "stage")] == ["warning", "stage"]
    log("resumed", step=0)
    assert [one["step"] for one in run.events() if one.kind == "heldout"] == []


def test_a_paused_run_waits_and_a_finished_one_is_not_reopened(run: Run) -> None:
    run.pause()
    assert run.status() == "paused"
    assert run.reopen()
    assert run.status() == "created"
    assert not run.reopen()
    say(run.folder, "finished")
    assert not reopen(run.folder)
    with pytest.raises(RunError, match="nothing to resume"):
        run.reopen()


def test_a_run_is_tried_again_with_other_fields(studio: Studio) -> None:
    run = create_run(studio.settings.runs, Recipe(dataset="gone", rank=8), about="test")
    with pytest.raises(DatasetError, match="gone"):
        studio.retry(run.id, rank=4)
    with pytest.raises(RecipeError, match="nosuch is not a known field"):
        studio.retry(run.id, nosuch=1)


WRITER = """
import sys
from pathlib import Path
from studio.tuning.events import EventLog
log = EventLog(Path(sys.argv[1]))
number = int(sys.argv[2])
while True:
    number += 1
    log.lasting("step", step=number)
    print(number, flush=True)
"""


@pytest.mark.faults
def test_no_event_that_was_acknowledged_is_lost_however_often_its_writer_is_killed(
    run: Run,
) -> None:
    acknowledged: list[int] = []
    for _ in range(4):
        begun = acknowledged[-1] + 1000 if acknowledged else 0
        command = [sys.executable, "-c", WRITER, str(run.folder / "events.jsonl"), str(begun)]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(20)]
        writer.kill()
        told += [int(line) for line in writer.stdout.read().split("\n")[:-1] if line]
        writer.wait()
        acknowledged += told
    written = [event["step"] for event in run.all_events()]
    assert set(acknowledged) <= set(written)
    assert written == sorted(set(written))
