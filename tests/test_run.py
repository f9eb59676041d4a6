"""A run's status is derived from its folder: events by hand, locks held by real processes."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from studio.errors import RunError
from studio.tuning.events import append_event
from studio.tuning.recipe import Recipe
from studio.tuning.run import Run, create_run, list_runs, open_run

HOLDER = """
import sys, time, signal
from pathlib import Path
from studio.tuning.events import append_event
from studio.tuning.lock import locked
folder = Path(sys.argv[1])
def stop(*_):
    append_event(folder / "events.jsonl", "cancelled")
    sys.exit(1)
signal.signal(signal.SIGUSR1, stop)
with locked(folder / "alive.lock"):
    import os
    append_event(folder / "events.jsonl", "started", pid=os.getpid())
    for kind in sys.argv[2:]:
        append_event(folder / "events.jsonl", kind)
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return create_run(tmp_path / "runs", Recipe(dataset="d"), about="A Test: of names / paths")


@contextmanager
def worker(run: Run, *kinds: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the run's lock, as a worker does, and has written these events."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(run.folder), *kinds], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_new_run_is_created_and_lists_first(run: Run, tmp_path: Path) -> None:
    other = create_run(tmp_path / "runs", Recipe(dataset="d"), about="A Test: of names / paths")
    assert run.status() == "created"
    assert run.id.endswith("-a-test-of-names-paths")
    assert other.id != run.id
    assert {found.id for found in list_runs(tmp_path / "runs")} == {run.id, other.id}
    assert open_run(tmp_path / "runs", run.id).recipe == Recipe(dataset="d")


@pytest.mark.parametrize("last", ["finished", "failed", "diverged", "cancelled"])
def test_the_last_word_is_the_status(run: Run, last: str) -> None:
    append_event(run.folder / "events.jsonl", "started", pid=1)
    append_event(run.folder / "events.jsonl", last, message="why")
    assert run.status() == last
    assert run.error() == ("why" if last in ("failed", "diverged") else None)


@pytest.mark.parametrize(("events", "status"), [(["waiting"], "waiting"), (["phase"], "running")])
def test_a_living_worker_is_waiting_or_running(run: Run, events: list[str], status: str) -> None:
    with worker(run, *events):
        assert run.status() == status


def test_a_killed_worker_is_interrupted_and_never_finished(run: Run) -> None:
    with worker(run, "phase", "step") as process:
        assert run.status() == "running"
        process.kill()
        process.wait()
        assert run.status() == "interrupted"
        assert "without a last word" in (run.error() or "")


def test_cancel_ends_a_worker_within_a_second(run: Run) -> None:
    with worker(run, "phase"):
        began = time.monotonic()
        run.cancel()
        assert time.monotonic() - began < 1
        assert run.status() == "cancelled"
    with pytest.raises(RunError, match="it is cancelled"):
        run.cancel()


def test_a_run_that_never_started_can_be_cancelled(run: Run) -> None:
    run.cancel()
    assert run.status() == "cancelled"


def test_an_event_line_torn_at_any_byte_hides_nothing_else(run: Run) -> None:
    path = run.folder / "events.jsonl"
    append_event(path, "step", step=1)
    whole = path.read_bytes()
    append_event(path, "step", step=2)
    second = path.read_bytes()[len(whole) :]
    for cut in range(len(second)):
        path.write_bytes(whole + second[:cut])
        assert [event["step"] for event in run.events()] == [1]
    path.write_bytes(whole + second[:5] + b"\n" + second)
    assert [event["step"] for event in run.events()] == [1, 2]


def test_an_unknown_run_is_refused_with_the_known_ones(run: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=run.id):
        open_run(tmp_path / "runs", "../../etc")
