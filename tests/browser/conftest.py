"""A real server process and a real browser for the tests of the page."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
PATIENCE = 240_000  # milliseconds for what a page is expected to show, on a busy machine
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser on a busy machine may miss a moment: what fails there once is tried once more.

    What fails twice is broken; what passed the second time is told at the end of a run with -rR.
    """
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))


class Server(NamedTuple):
    """A process that serves the page, and where."""

    process: "subprocess.Popen[bytes]"
    address: str


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[[Path], Server]]:
    """Start the real app over a home folder; all are ended with the module."""
    started: list[Server] = []

    def start(home: Path, port: int = 0) -> Server:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            port = probe.getsockname()[1]
        command = [sys.executable, "app.py", "--port", str(port), "--home", str(home)]
        address = f"http://127.0.0.1:{port}/"
        started.append(Server(subprocess.Popen(command, cwd=ROOT), address))
        for _ in range(1800):
            try:
                urllib.request.urlopen(address, timeout=5).read()
                return started[-1]
            except OSError:
                time.sleep(0.1)
        pytest.fail("the page was not served within three minutes")

    yield start
    for server in started:
        server.process.terminate()
        assert server.process.wait(timeout=20) is not None


@pytest.fixture(scope="module")
def browser() -> "Iterator[playwright.Browser]":  # noqa: F821
    """Chromium without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    playwright.expect.set_options(timeout=PATIENCE)
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(autouse=True)
def closed(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test opened is closed after it: an open page goes on asking its server."""
    if "browser" not in request.fixturenames:
        yield
        return
    opened = request.getfixturevalue("browser")
    before = opened.contexts
    yield
    for context in opened.contexts:
        if context not in before:
            context.close()
