"""The child process that reads a Parquet file: a line per row, under limits it cannot lift.

It is started by `parquet.py` as `python -I parquet_rows.py FILE ROWS COLUMNS CHARACTERS` and
imports nothing of the studio. It writes "+" and a row as JSON, "-" and the reason for a row that
cannot be JSON, or, as its last line, "!" and why the file as a whole is refused. What the file says
of its own size is not believed: all of it is counted before a row is written.
"""

import json
import resource
import sys
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

BATCH_ROWS = 64
BUFFER_BYTES = 1 << 20
ROOM_BYTES = 160 * 2**20
CPU_SECONDS = 120


class NotJson(ValueError):
    """A value that JSON does not know."""


def main() -> None:
    """Read the file named in the arguments."""
    path, rows, columns, characters = sys.argv[1], *map(int, sys.argv[2:5])
    pa.set_memory_pool(pa.system_memory_pool())
    pa.set_cpu_count(1)
    limit_resources()
    try:
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER_BYTES) as file:
            refused = weigh(file, rows=rows, columns=columns, characters=characters)
            if refused is None:
                write_rows(file)
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        refused = "it needs too much memory" if isinstance(error, MemoryError) else clause(error)
    if refused is not None:
        print(f"!{refused}")


def limit_resources() -> None:
    """Take away memory beyond what the library itself took, and time."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    room = pages * resource.getpagesize() + ROOM_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def weigh(file: pq.ParquetFile, *, rows: int, columns: int, characters: int) -> str | None:
    """Why the file is too large, found by unpacking it piece by piece and keeping nothing."""
    names = file.schema_arrow.names
    if len(names) > columns:
        return f"it has more than {columns} columns"
    if len(set(names)) < len(names):
        return "two of its columns have the same name"
    counted = unpacked = 0
    for batch in file.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
        counted += batch.num_rows
        unpacked += batch.nbytes
        if counted > rows:
            return f"it has more than {rows:,} rows"
        if unpacked > characters:
            return f"it unpacks to more than {characters // 1_000_000} MB"
    return None


def write_rows(file: pq.ParquetFile) -> None:
    """Write every row as a line."""
    for batch in file.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
        for row in rows_of(batch):
            sys.stdout.write(row if isinstance(row, str) else line_of(row))


def rows_of(batch: pa.RecordBatch) -> list[Any]:
    """The rows of a batch; a line to be written in place of one that cannot be read."""
    try:
        return list(batch.to_pylist())
    except (ValueError, TypeError, OverflowError) as error:
        if batch.num_rows == 1:
            return [f"-{clause(error)}\n"]
        singles = (batch.slice(number, 1) for number in range(batch.num_rows))
        return [row for single in singles for row in rows_of(single)]


def line_of(row: Any) -> str:
    """A row as JSON, or why it cannot be."""
    try:
        return "+" + json.dumps(row, default=as_json) + "\n"
    except (ValueError, TypeError, OverflowError) as error:
        return f"-{clause(error)}\n"


def as_json(value: Any) -> Any:
    """Times and exact decimals as text; anything else that JSON does not know is refused."""
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        raise NotJson("holds bytes, such as a picture, and not text")
    raise NotJson(f"holds a {type(value).__name__}, which is not text")


def clause(error: Exception) -> str:
    """An error in one line."""
    if isinstance(error, UnicodeDecodeError):
        return "holds text that is not UTF-8"
    return " ".join(str(error).split())[:200].rstrip(".")


if __name__ == "__main__":
    main()
