"""Parquet files, read in a process of their own: what they unpack to is not known beforehand."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from studio.data.child_rows import read_child

UNPACKED_BYTES = 500_000_000
SECONDS = 180.0

_READER = Path(__file__).with_name("parquet_rows.py")


def read_parquet(path: Path, *, rows: int, columns: int) -> Iterator[tuple[int, Any]]:
    """Number and value of every row; DatasetError if the file is broken or unpacks to too much."""
    limits = map(str, (rows, columns, UNPACKED_BYTES))
    return read_child(
        [sys.executable, "-I", str(_READER), str(path.resolve()), *limits],
        name=f"{path.name}, a parquet file, cannot be read",
        environment={"ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1"},
        seconds=SECONDS,
        notes=[],
    )
