"""How soon the page is served and a run begins: `PYTHONPATH=. python tests/bench/start.py`.

Prints the time from starting a process to its first page for this studio and, in turn, for an
empty Gradio Blocks app on the same machine, and the time from pressing Start to the first
training step with a warm standby and from cold. Wants an otherwise idle machine.
"""

import os
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
LIMIT = 120  # seconds before a page that does not come ends the bench
# Both without Gradio's calls home: the bench measures this machine, not the network.
QUIET = os.environ | {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
EMPTY = """import sys
import gradio
with gradio.Blocks() as page:
    gradio.Markdown("Nothing.")
page.launch(server_port=int(sys.argv[1]), quiet=True, ssr_mode=False)
"""


def main() -> None:
    """Measure and print both tables."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        empty = Path(folder) / "empty.py"
        empty.write_text(EMPTY)
        commands = {
            "empty gr.Blocks": lambda port: [str(empty), port],
            "Instruct Studio": lambda port: ["app.py", "--port", port, "--home", str(home)],
        }
        pages: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(ROUNDS + 1):
            for name, command in commands.items():
                port = free_port()
                seconds = first_page(command(str(port)), port)
                if turn:  # the first round only warms the disk cache
                    pages[name].append(seconds)
        steps = {
            "warm standby": [first_step(home, warm=True) for _ in range(ROUNDS)],
            "cold": [first_step(home, warm=False) for _ in range(ROUNDS)],
        }
    show("process start to first page, s", pages)
    show("pressing Start to first training step, s", steps)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def first_page(arguments: list[str], port: int) -> float:
    """Seconds from starting the process to a whole first page."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=QUIET,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while time.perf_counter() - began < LIMIT and process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
                    page.read()
                return time.perf_counter() - began
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.02)
    finally:
        process.terminate()
        process.wait()
    raise SystemExit(f"{arguments[0]} served no page within {LIMIT} s.")


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
        row = (min(times), statistics.median(times), max(times))
        table.add_row(name, *(f"{value:.2f}" for value in row))
    Console().print(table)


if __name__ == "__main__":
    main()
