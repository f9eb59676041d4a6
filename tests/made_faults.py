"""Real workers as children of one process that has the libraries already: started in no time.

What happens to them is real as well: signals, limits of the system, disks that are full.
"""

import hashlib
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio.tuning.events import Event
from studio.tuning.recipe import Recipe
from studio.tuning.run import Run, create_run

FIELDS = {
    "max_steps": 8, "batch_size": 2, "checkpoints": 1, "self_texts": 16, "watching": 0.0,
    "save_every": 2, "learning_rate": 1e-3,
}  # fmt: skip


def new_run(home: Path, dataset: str, **fields: Any) -> Run:
    """A run of a few steps that saves its state often."""
    recipe = Recipe.make({"dataset": dataset, **FIELDS, **fields})
    return create_run(home / "runs", recipe, about="fault")


class Worker:
    """A worker that does a run in a child of this process."""

    def __init__(self, run: Run, before: Callable[[], None] = lambda: None) -> None:
        """`before` is called in the child: it sets up what will happen to it."""
        self.run = run
        self.id = os.fork()
        if not self.id:
            _be_worker(run.folder, before)

    def wait(self) -> int:
        """Until it has ended; its exit code, or the negative number of the signal."""
        return os.waitstatus_to_exitcode(os.waitpid(self.id, 0)[1])

    def kill(self) -> None:
        """As the kernel does when memory is short."""
        os.kill(self.id, signal.SIGKILL)
        self.wait()


def _be_worker(folder: Path, before: Callable[[], None]) -> None:
    code = 70
    try:
        os.setsid()
        log = os.open(folder / "worker.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(log, 1)
        os.dup2(log, 2)
        before()
        from studio.engine.worker import work

        code = work(folder)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def do(run: Run, before: Callable[[], None] = lambda: None) -> int:
    """Let a worker do the run, and wait for it."""
    return Worker(run, before).wait()


def go_on(run: Run) -> Run:
    """Resume the run and wait for its end."""
    run.reopen()
    code = do(run)
    assert code == 0, run.log_tail()
    assert run.status() == "finished"
    return run


def until(worker: Worker, true: Callable[[Event], bool]) -> None:
    """Wait until the run has said something."""
    deadline = time.monotonic() + 60
    while not any(map(true, worker.run.events())):
        assert time.monotonic() < deadline, worker.run.log_tail()
        time.sleep(0.01)


def is_step(number: int) -> Callable[[Event], bool]:
    """Whether this step has been made."""
    return lambda event: event.kind == "step" and event["step"] >= number


def is_saved(number: int) -> Callable[[Event], bool]:
    """Whether a state of this step or a later one has been saved."""
    return lambda event: event.kind == "saved" and event["step"] >= number


def told(run: Run) -> list[Any]:
    """Everything that was learned and seen, without times."""
    kinds = ("step", "heldout", "look", "answers", "stage")
    timed = ("seconds", "tokens_per_second", "memory")
    return [
        [event.kind, {k: v for k, v in (event.model_extra or {}).items() if k not in timed}]
        for event in run.events()
        if event.kind in kinds
    ]


def digest(folder: Path) -> str:
    """What is in an adapter, to the last bit."""
    return hashlib.sha256((folder / "adapter_model.safetensors").read_bytes()).hexdigest()


def same(run: Run, whole: Run) -> None:
    """Demand that a run came to what another did that nothing happened to."""
    assert told(run) == told(whole)
    assert digest(run.adapter) == digest(whole.adapter)
    assert run.checkpoints() == whole.checkpoints()
    for step in run.checkpoints():
        assert digest(run.adapter_at(step)) == digest(whole.adapter_at(step))


def limit_files(size: int) -> Callable[[], None]:
    """No file may become larger: what a full disk is to whoever writes."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    return limit


def kill_at(operation: str, number: int) -> Callable[[], None]:
    """The power goes at the number-th time that Python does this to a file of a state."""

    def arm() -> None:
        left = number

        def hear(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal left
            if event == operation and "/states/." in str(arguments[0]):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hear)

    return arm
