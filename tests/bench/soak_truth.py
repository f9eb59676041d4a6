"""What `soak.py` keeps an eye on: the page's process, what was acknowledged, what is left."""

import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil

from studio import Studio
from studio.errors import StudioError
from studio.models.catalogue import find_base
from studio.models.gate import check_adapter
from studio.tuning.run import Run

ROOT = Path(__file__).parents[2]
PATIENCE = 180.0  # seconds in which the page has to be served, or to end
GROWTH, LEAST_GROWTH = 0.1, 30 << 20  # of the page's memory that is still called flat
PASSING = (".part", ".tmp", ".drawn", ".held")  # endings of files that are on their way
HIDDEN = (".removed", ".lock")  # names with a dot that are meant to stay
TORCH = "torchinductor_"  # a folder that torch makes for its compiler wherever it is imported
ENOUGH = 300  # looks at the page's memory, of which some are taken a minute; fewer tell nothing


class Page:
    """The served page's process, killed and started as one likes."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.mark = home.parent / "tmp"
        """Every process of the page has this as its folder for temporary files."""
        self.mark.mkdir()
        self.lives = 0
        self.address = ""
        self.process: subprocess.Popen[bytes]
        self._felt: list[int] = []

    def start(self) -> None:
        """Serve the page, and return once it answers."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}/"
        command = [sys.executable, "app.py", "--port", str(port), "--home", str(self.home)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"TMPDIR": str(self.mark)},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while not self.is_up():
            if time.monotonic() > deadline:
                raise SystemExit("The page was not served in time.")
            time.sleep(0.2)
        self.lives += 1
        self._felt = []

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            urllib.request.urlopen(self.address, timeout=30).read()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """As a crash does it."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """As a person does it."""
        self.process.terminate()
        self.process.wait(timeout=PATIENCE)

    def feel(self) -> None:
        """Note how much memory it has now."""
        self._felt.append(psutil.Process(self.process.pid).memory_info().rss)

    def memory(self) -> tuple[bool, str]:
        """Whether it has grown in its last life, the first third not counted, and in words."""
        rest = self._felt[len(self._felt) // 3 :]
        half = len(rest) // 2
        if not half:
            return False, "not seen often enough"
        few = len(self._felt) < ENOUGH
        before, after = (statistics.median(part) for part in (rest[:half], rest[half:]))
        told = f"{before / 2**20:.0f} MiB, later {after / 2**20:.0f} MiB"
        told += " (too few looks to judge)" * few
        return not few and after - before > max(LEAST_GROWTH, GROWTH * before), told


class Ledger:
    """What was acknowledged, and so has to be true."""

    def __init__(self) -> None:
        self.runs: dict[str, set[str]] = {}
        self.steps: dict[str, int] = {}
        self.titles: dict[str, str] = {}
        self.asked: set[str] = set()
        self.answered: set[str] = set()
        self.ends: dict[str, str] = {}
        self.faults: list[str] = []

    def wrong(self, what: str) -> None:
        """Something went wrong on the way."""
        self.faults.append(what)


def faults_of(studio: Studio, ledger: Ledger, datasets: list[str]) -> list[str]:
    """What is not as it was acknowledged, in sentences."""
    wrong = list(ledger.faults)
    there = {run.id: run for run in studio.runs()}
    for id, deeds in ledger.runs.items():
        if "deleted" in deeds:
            wrong += [f"{id} was deleted and is there"] * (id in there)
        elif id not in there:
            wrong.append(f"{id} is lost")
        else:
            ledger.ends[id] = there[id].status()
            wrong += _untrue(there[id], deeds, ledger.steps[id])
            title = ledger.titles.get(id)
            wrong += [f"{id} lost its name"] * (title is not None and there[id].title != title)
    known = {dataset.id for dataset in studio.datasets()}
    wrong += [f"{id} is lost" for id in datasets if id not in known]
    said = {}
    for summary in studio.chats.list():
        last = studio.chats.open(summary.id).exchanges[-1]
        said[last.prompt] = bool(last.answers) and not summary.broken_off
    wrong += [f"“{prompt}” is lost" for prompt in ledger.asked if prompt not in said]
    wrong += [f"The answer to “{one}” is lost" for one in ledger.answered if not said.get(one)]
    return wrong


def _untrue(run: Run, deeds: set[str], steps: int) -> list[str]:
    """Why a run's final state cannot be true, if so."""
    status, why = run.status(), run.error()
    if status == "finished":
        made = [step["step"] for step in run.steps()]
        wrong = [f"{run.id} finished with other steps than 1 to {steps}"]
        wrong = wrong if made != list(range(1, steps + 1)) else []
        try:
            check_adapter(run.adapter, find_base("starter").fingerprint)
        except StudioError as error:
            wrong.append(f"{run.id} is called finished: {error}")
        return wrong
    wrong = [f"{run.id} is {status} and has a result"] if run.adapter.exists() else []
    causes = {"cancelled": "cancelled", "paused": "paused", "interrupted": "killed"}
    cause = causes.get(status, "killed before it had begun" if "begun" in (why or "") else "")
    if cause.split()[0:1] != [] and cause.split()[0] in deeds:
        return wrong
    return [*wrong, f"{run.id} is {status}, which nobody made it: {why}"]


def living(mark: Path) -> list[str]:
    """Processes of the page that are still there some seconds after its end."""
    deadline = time.monotonic() + 20
    while (found := _marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return [f"A process is left: {' '.join(one)}" for one in found]


def _marked(mark: Path) -> list[list[str]]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR") == str(mark) and process.status() != "zombie":
                found.append(process.cmdline())
        except psutil.Error:
            continue
    return found


def leftovers(home: Path) -> list[str]:
    """Files and folders that were only for the moment."""
    passing = home.parent.joinpath("tmp").iterdir()
    found = [path for path in passing if not path.name.startswith(TORCH)]
    for path in home.rglob("*"):
        hidden = path.name.startswith(".") and path.name not in HIDDEN
        if hidden or path.suffix in PASSING:
            found.append(path)
    return [f"A temporary file is left: {path.relative_to(home.parent)}" for path in found]
