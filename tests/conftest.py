"""What the tests share: a home folder of their own, a studio over it, and no network."""

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ["HF_HUB_OFFLINE"] = "1"
# Tiny models on a busy machine can be many times slower with two threads than with one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from click.testing import CliRunner
from made_home import Home, make_home

from studio import Studio
from studio.cli import commands

if TYPE_CHECKING:  # it loads the engine
    from made_tuned import Workshop


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With several processes the files that take long come first, so that all end together."""
    if hasattr(config, "workerinput"):
        long = {item.path for item in items if any(map(item.get_closest_marker, LONG))}
        items.sort(key=lambda item: (item.path not in long, "browser" not in item.path.parts))


LONG = ("browser", "slow")


def pytest_collection_finish() -> None:
    """Nothing of what is imported by now is ever garbage: it need not be looked through again."""
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file is done by one process, which trains what its tests share but once.

    So are all that drive a browser, one after another: two pages at once wait for each other.
    """
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "browser" if "tests/browser/" in nodeid else super()._split_scope(nodeid)

    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def studio(home: Path) -> Iterator[Studio]:
    with Studio(home) as opened:
        yield opened


@pytest.fixture
def call(home: Path) -> Callable[..., str]:
    """A command in this process; it must succeed."""

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(commands, ["--home", str(home), *arguments])
        if done.exception:
            raise done.exception
        return done.stdout

    return run


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a measurement of made-up answers, some of them hostile."""
    with Studio(tmp_path_factory.mktemp("home")) as opened:
        return make_home(opened)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Workshop"]:
    """Where runs are really tuned, each once for all tests of a file."""
    from made_tuned import Workshop

    with Studio(tmp_path_factory.mktemp("workshop")) as opened:
        yield Workshop(opened, opened.build("sentiment", limit=64))
