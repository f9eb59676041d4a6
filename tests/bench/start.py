"""How soon the page is served and a run begins: `python tests/bench/start.py`.

Prints the time from starting a process to its first page for this studio and, in turn, for an
empty Gradio Blocks app on the same machine, and the time from pressing Start to the first
training step with a warm standby and from cold.
"""

import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from rich.console import Console
from rich.table import Table

from studio import Recipe, Studio

ROOT = Path(__file__).parents[2]
ROUNDS = 3
EMPTY = "import gradio; gradio.Blocks().launch(server_port={port}, quiet=True, ssr_mode=False)"


def main() -> None:
    """Measure and print both tables."""
    with tempfile.TemporaryDirectory() as home:
        pages = {"empty gr.Blocks": [], "Instruct Studio": []}  # type: ignore[var-annotated]
        for turn in range(ROUNDS + 1):
            for name, times in pages.items():
                seconds = first_page(name, Path(home))
                if turn:  # the first round only warms the disk cache
                    times.append(seconds)
        steps = {
            "warm standby": [first_step(Path(home), warm=True) for _ in range(ROUNDS)],
            "cold": [first_step(Path(home), warm=False) for _ in range(ROUNDS)],
        }
    show("process start to first page, s", pages)
    show("pressing Start to first training step, s", steps)


def first_page(name: str, home: Path) -> float:
    """Seconds from starting the process to a whole first page."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "app.py", "--port", str(port), "--home", str(home)]
    if name != "Instruct Studio":
        command = [sys.executable, "-c", EMPTY.format(port=port)]
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as page:
                    page.read()
                return time.perf_counter() - began
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.02)
    finally:
        process.terminate()
        process.wait()


def first_step(home: Path, *, warm: bool) -> float:
    """Seconds from `train` to the event of the first step of a QLoRA run on the starter."""
    with Studio(home) as studio:
        dataset = studio.build("sentiment")
        if warm:
            studio.warm_up()
            time.sleep(20)  # the libraries load meanwhile, as while a person looks at the page
        began = time.time()
        run = studio.train(Recipe(dataset=dataset.id, max_steps=2))
        studio.wait(run)
        first = next(event for event in run.events() if event.kind == "step")
        return first.at - began


def show(title: str, results: dict[str, list[float]]) -> None:
    """Minimum, median and maximum of every row."""
    table = Table("", "min", "median", "max", title=f"{title} ({ROUNDS} runs each)")
    for name, times in results.items():
        table.add_row(
            name, *(f"{value:.2f}" for value in (min(times), statistics.median(times), max(times)))
        )
    Console().print(table)


if __name__ == "__main__":
    main()
