"""Workers start from a warm standby or from cold, with no secret in their environment."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from studio.errors import RunError
from studio.tuning.launch import PATIENT_TURNS, Launcher, worker_environment
from studio.tuning.machine import cores
from studio.tuning.recipe import Recipe
from studio.tuning.run import Run, create_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run that fails at once: its dataset does not exist."""
    return create_run(tmp_path / "runs", Recipe(dataset="nosuch"), about="test")


def wait(run: Run) -> str:
    deadline = time.monotonic() + 60
    while run.status() in ("created", "waiting", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return run.status()


def test_a_worker_gets_no_token_and_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    monkeypatch.setenv("MY_SECRET", "canary")
    environment = worker_environment()
    assert not any("canary" in value for value in environment.values())
    assert environment["HF_HUB_OFFLINE"] == "1"


def test_threads_that_wait_for_each_other_let_others_compute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    environment = worker_environment()
    assert environment["OMP_NUM_THREADS"] == str(cores())
    assert environment["GOMP_SPINCOUNT"] == PATIENT_TURNS
    monkeypatch.setenv("OMP_NUM_THREADS", "3")  # whoever says otherwise is heard
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    environment = worker_environment()
    assert environment["OMP_NUM_THREADS"] == "3"
    assert "GOMP_SPINCOUNT" not in environment


def test_a_standby_that_is_not_expected_to_be_needed_gives_its_memory_back(tmp_path: Path) -> None:
    launcher = Launcher(tmp_path / "logs")
    try:
        launcher.warm_up()
        standby = launcher._standby
        assert standby is not None
        launcher.reap()
        assert standby.poll() is None
        launcher._spare.end()
        launcher.reap()
        assert standby.poll() is not None
        launcher.reap()
        assert launcher._standby is None
        launcher.warm_up()  # somebody comes back
        assert launcher._standby is not None
    finally:
        launcher.close()


@pytest.mark.slow
def test_the_standby_takes_the_first_run_and_a_new_one_warms_up_after_it(
    tmp_path: Path, run: Run
) -> None:
    launcher = Launcher(tmp_path / "logs")
    try:
        launcher.warm_up()
        standby = launcher._standby
        assert standby is not None
        launcher.start(run)
        assert wait(run) == "failed"
        assert "There is no dataset 'nosuch'" in (run.error() or "")
        started = run.last("started")
        assert started is not None
        assert started["pid"] == standby.pid
        standby.wait(timeout=20)
        launcher.reap()
        assert launcher._standby is not None
        assert launcher._standby.pid != standby.pid
        with pytest.raises(RunError, match="has been started already"):
            launcher.start(run)
    finally:
        launcher.close()


OWNER = """
import os, sys
from pathlib import Path
from studio.tuning.launch import Launcher
launcher = Launcher(Path(sys.argv[1]))
launcher.warm_up()
print(launcher._standby.pid, flush=True)
os._exit(0)
"""


@pytest.mark.slow
def test_a_standby_goes_when_its_owner_dies(tmp_path: Path) -> None:
    owner = [sys.executable, "-c", OWNER, str(tmp_path)]
    done = subprocess.run(owner, capture_output=True, text=True, check=True)
    state = Path("/proc") / done.stdout.strip() / "status"
    deadline = time.monotonic() + 60
    while state.exists() and "State:\tZ" not in state.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.2)
