"""What people do with the page in `soak.py`, and what befalls them: each deed says what it did."""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
from soak_truth import Ledger, Page

from studio import Studio
from studio.errors import RunError
from studio.tuning.lock import holder
from studio.tuning.run import UNDER_WAY, Run
from studio.tuning.states import state_steps, states_of
from studio.tuning.stopping import LOCK

sys.path.insert(0, str(Path(__file__).parents[1]))
from made_visitor import Visitor

MOST_RUNS = 4  # under way at once
Deed = Callable[["Soak"], str]


class Soak:
    """One home, its page, and what was done so far."""

    def __init__(self, home: Path, seed: int) -> None:
        self.studio = Studio(home)
        self.draw = random.Random(seed)
        self.page = Page(home)
        self.ledger = Ledger()
        self.people = ThreadPoolExecutor(2)
        self.talks: list[Future[None]] = []
        self.datasets = [self.studio.build("sentiment", limit=64).id]

    def pick(self, *statuses: str) -> Run | None:
        """A run in one of these states, if there is one."""
        found = [run for run in self.studio.runs() if run.status() in statuses]
        return self.draw.choice(found) if found else None


# ---- what people do


def start(soak: Soak) -> str:
    """Press Start, with a recipe that takes a while."""
    if sum(run.status() in UNDER_WAY for run in soak.studio.runs()) >= MOST_RUNS:
        return ""
    steps = soak.draw.randint(20, 120)
    visitor = Visitor(soak.page.address)
    for _ in visitor.do(visitor.named("list_datasets")):
        pass  # as the tab does when it is opened
    deed = visitor.find("click", "start-run")
    typed = {"recipe-dataset": soak.draw.choice(soak.datasets), "recipe-max_steps": steps,
             "recipe-save_every": 5}  # fmt: skip
    for message in visitor.do(deed, **typed):
        if message["msg"] == "process_completed":
            if not message["success"]:
                soak.ledger.wrong(f"Start was refused: {message['output']}")
                break
            id = message["output"]["data"][0]["value"]
            soak.ledger.runs[id] = {"started"}
            soak.ledger.steps[id] = steps
            break
    visitor.close()
    return f"started a run of {steps} steps"


def chat(soak: Soak, *, leaves: bool = False) -> str:
    """Ask something, and read the answer; or close the tab in the middle of it."""
    soak.talks = [one for one in soak.talks if not one.done()]
    if len(soak.talks) >= 2:
        return ""
    question = f"Tell me a story about thing number {soak.draw.randrange(10**9)}."
    soak.talks.append(soak.people.submit(_talk, soak, question, leaves))
    return "asked something" + ", and leaves before the answer is there" * leaves


def _talk(soak: Soak, question: str, leaves: bool) -> None:
    life, seen = soak.page.lives, 0
    try:
        visitor = Visitor(soak.page.address)
        for _ in visitor.do(visitor.named("welcome")):
            pass
        deed = visitor.find("submit", "prompt")
        for message in visitor.do(deed, prompt=question, **{"max-new-tokens": 48}):
            seen += message["msg"] == "process_generating"
            if leaves and seen == 2:
                soak.ledger.asked.add(question)
                break
            if message["msg"] == "process_completed" and message["success"]:
                soak.ledger.answered.add(question)
        visitor.close()
    except (httpx.HTTPError, StopIteration, ValueError) as error:
        if soak.page.lives == life and soak.page.is_up():
            soak.ledger.wrong(f"The page did not answer: {error!r}")


def leave(soak: Soak) -> str:
    """Ask, and close the tab."""
    return chat(soak, leaves=True)


def reload(soak: Soak) -> str:
    """Open the page three times."""
    for _ in range(3):
        visitor = Visitor(soak.page.address)
        for _ in visitor.do(visitor.named("welcome")):
            pass
        visitor.close()
    return "reloaded three times"


def cancel(soak: Soak) -> str:
    """Cancel a run that is under way."""
    return _ask_of(soak, UNDER_WAY, "cancelled", lambda run: run.cancel())


def pause(soak: Soak) -> str:
    """Pause one."""
    return _ask_of(soak, UNDER_WAY, "paused", lambda run: soak.studio.pause(run.id))


def resume(soak: Soak) -> str:
    """Go on with one that stands still."""
    return _ask_of(
        soak, ("paused", "interrupted"), "resumed", lambda run: soak.studio.resume(run.id)
    )


def _ask_of(soak: Soak, states: tuple[str, ...], word: str, deed: Callable[[Run], object]) -> str:
    run = soak.pick(*states)
    if run is None:
        return ""
    try:
        deed(run)
    except RunError:
        return f"came too late to have {run.id} {word}"  # it ended in this very moment
    soak.ledger.runs[run.id].add(word)
    return f"{word} {run.id}"


def rename(soak: Soak) -> str:
    """Call a run something else."""
    if (run := soak.pick("finished", "cancelled", "running")) is None:
        return ""
    title = f"Name {soak.draw.randrange(10**6)}"
    soak.studio.rename_run(run.id, title)
    soak.ledger.titles[run.id] = title
    return f"renamed {run.id}"


def delete(soak: Soak) -> str:
    """Delete one that has ended."""
    if (run := soak.pick("finished", "cancelled")) is None:
        return ""
    soak.studio.delete_run(run.id)
    soak.ledger.runs[run.id].add("deleted")
    return f"deleted {run.id}"


def build(soak: Soak) -> str:
    """Freeze one more dataset."""
    soak.datasets.append(soak.studio.build("sentiment", limit=64, seed=len(soak.datasets)).id)
    return f"built {soak.datasets[-1]}"


# ---- what befalls them


def _at_work(soak: Soak) -> tuple[Run, int] | None:
    """A run and the process that does it; None if nobody is at work."""
    run = soak.pick("running", "waiting")
    worker = holder(run.folder / LOCK) if run else None
    return (run, worker) if run and worker is not None else None


def kill_worker(soak: Soak) -> str:
    """kill -9 of a worker, whatever it does at the moment."""
    found = _at_work(soak)
    if found is None:
        return ""
    run, worker = found
    soak.ledger.runs[run.id].add("killed")
    with suppress(ProcessLookupError):
        os.kill(worker, signal.SIGKILL)
    return f"killed the worker of {run.id}"


def halt_worker(soak: Soak) -> str:
    """A worker that gets no time for some seconds."""
    found = _at_work(soak)
    if found is None:
        return ""
    run, worker = found
    with suppress(ProcessLookupError):
        os.kill(worker, signal.SIGSTOP)
        time.sleep(3)
        os.kill(worker, signal.SIGCONT)
    return f"halted the worker of {run.id} for three seconds"


def damage_state(soak: Soak) -> str:
    """A bit of a saved state turns round."""
    run = soak.pick("paused", "interrupted")
    steps = state_steps(run.folder) if run else []
    if run is None or not steps:
        return ""
    files = sorted(states_of(run.folder).joinpath(str(steps[-1])).iterdir())
    with suppress(FileNotFoundError):  # taken up by a worker in this moment
        path = soak.draw.choice(files)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    return f"damaged a state of {run.id}"


def kill_engine(soak: Soak) -> str:
    """kill -9 of the chat's engine."""
    for child in psutil.Process(soak.page.process.pid).children():
        with suppress(psutil.Error):
            if "studio.engine.chat" in child.cmdline():
                child.kill()
                return "killed the chat's engine"
    return ""


def kill_page(soak: Soak) -> str:
    """kill -9 of the page; it is started again."""
    soak.page.kill()
    soak.page.start()
    return "killed the page and started it again"


DEEDS: dict[Deed, float] = {
    start: 6, chat: 6, leave: 2, reload: 2, cancel: 1.5, pause: 2, resume: 3, rename: 1, delete: 1,
    build: 0.3, kill_worker: 1.5, halt_worker: 0.7, damage_state: 1, kill_engine: 0.5,
}  # fmt: skip
KILL_PAGE = 0.7  # the weight of killing the page, in the first part
