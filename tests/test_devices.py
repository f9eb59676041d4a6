"""A recipe says how many devices work on it; what they learn together is what one learns."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from studio import Recipe, Studio
from studio.engine.ranks import WORDS
from studio.errors import RecipeError, RunError
from studio.tuning import devices
from studio.tuning.run import Run, create_run

STEPS = 40


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine whose driver tells of three GPUs."""
    driver = tmp_path / "bin" / "nvidia-smi"
    driver.parent.mkdir()
    driver.write_text("#!/bin/sh\nprintf '0\\n1\\n2\\n'\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{driver.parent}:{os.environ['PATH']}")
    monkeypatch.setenv(devices.HIDDEN, "")  # so that it is put back whatever happens to it
    monkeypatch.delenv(devices.HIDDEN)
    devices.gpus.cache_clear()
    yield tmp_path
    devices.gpus.cache_clear()


def run_of(folder: Path, wanted: str | int) -> Run:
    recipe = Recipe.make({"dataset": "any", "devices": wanted, "batch_size": 12})
    return create_run(folder / "runs", recipe, about="test")


def test_one_run_takes_one_gpu_and_sees_no_other(machine: Path) -> None:
    assert devices.see_first_gpu() == ("0", "1", "2")
    assert os.environ[devices.HIDDEN] == "0"
    assert devices.asked_by(run_of(machine, 1), 3) == (1, 1)


def test_all_are_all_that_may_be_used(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(devices.HIDDEN, "2,GPU-7,-1,0")
    devices.gpus.cache_clear()
    assert devices.gpus() == ("2", "GPU-7")
    assert devices.asked_by(run_of(machine, "all"), 2) == (2, 2)
    with pytest.raises(RunError, match="asks for 3 GPUs, and this machine has 2"):
        devices.asked_by(run_of(machine, 3), 2)


def test_without_a_gpu_processes_share_the_one_device(tmp_path: Path) -> None:
    assert devices.asked_by(run_of(tmp_path, 2), 0) == (1, 2)
    assert devices.asked_by(run_of(tmp_path, "all"), 0) == (1, 1)


def test_a_recipe_says_it_as_a_word_or_a_number() -> None:
    assert Recipe.make({"dataset": "d", "devices": 4}).devices == "4"
    assert "all devices" in Recipe(dataset="d", devices="all").summary()
    for wrong in ("none", "0", "-1", "1.5"):
        with pytest.raises(RecipeError, match="devices"):
            Recipe.make({"dataset": "d", "devices": wrong})
    with pytest.raises(RecipeError, match="batch of 16 cannot be divided among 3 devices"):
        Recipe.make({"dataset": "d", "devices": 3})
    with pytest.raises(RecipeError, match="two_stage"):
        Recipe.make({"dataset": "d", "devices": "all", "method": "two_stage"})


@pytest.mark.slow
def test_two_processes_learn_what_one_does_paused_killed_and_resumed(tmp_path: Path) -> None:
    with Studio(tmp_path) as studio:
        dataset = studio.build("sentiment")
        assert dataset.card.train >= 8 * STEPS  # no batch is filled up at the end of a round
        recipe = Recipe(
            dataset=dataset.id, batch_size=4, accumulation=2, max_steps=STEPS, dropout=0.0,
            checkpoints=1, save_every=4, kl_anchor=0.5, self_texts=16,
        )  # fmt: skip
        alone = studio.wait(studio.train(recipe))
        together = studio.train(recipe.model_copy(update={"devices": "2"}))

        processes = wait_for_state(together)
        studio.pause(together.id)
        wait_for_end(together, processes)
        assert together.status() == "paused"

        studio.resume(together.id)
        processes = wait_for_state(together, after=together.goes_on_from())
        os.kill(processes[1], signal.SIGKILL)
        wait_for_end(together, processes)
        assert together.status() == "interrupted"

        studio.resume(together.id)
        studio.wait(together)
        assert together.last("resumed")["step"] >= 4
        assert curve(together, "loss") == pytest.approx(curve(alone, "loss"), abs=1e-3)
        assert curve(together, "kl") == pytest.approx(curve(alone, "kl"), abs=1e-3)
        assert len(together.checkpoints()) == 1
        before, after = alone.last("finished"), together.last("finished")
        assert before["tokens"] == after["tokens"]
        assert not list(together.folder.glob(".*"))


def curve(run: Run, what: str) -> list[float]:
    """A number of every step."""
    return [step[what] for step in run.steps()]


def wait_for_state(run: Run, after: int = 0) -> list[int]:
    """Until it could go on from later than that step; its processes, the first one first."""
    deadline = time.monotonic() + 240
    while run.goes_on_from() <= after:
        assert run.status() in ("created", "waiting", "running"), run.error()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return [int((run.folder / WORDS / f"{place}.pid").read_text()) for place in range(2)]


def wait_for_end(run: Run, processes: list[int]) -> None:
    """Until its worker is gone, and all that worked for it."""
    deadline = time.monotonic() + 60
    while run.is_alive() or any(map(psutil.pid_exists, processes)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
