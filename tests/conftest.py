"""What the tests share: a home folder of their own, a studio over it, and no network."""

import os
from collections.abc import Iterator
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
# Tiny models on a busy machine can be many times slower with two threads than with one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from studio import Studio


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def studio(home: Path) -> Iterator[Studio]:
    with Studio(home) as opened:
        yield opened
