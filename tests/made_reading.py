"""Reading a file in a process of its own, which tells what that took of memory and time."""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

READER = """
import json, resource, sys, time
from pathlib import Path
from studio.data.readers import read_rows
from studio.errors import DatasetError

def most():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])

before, begun = most(), time.process_time()
try:
    found = read_rows(Path(sys.argv[1]))
    said = f"{len(found.rows)} {found.refused[:1]}"
except DatasetError as error:
    said = f"0 {error}"
spent = time.process_time() - begun
child = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([said, most(), most() - before, spent, child.ru_maxrss,
                  child.ru_utime + child.ru_stime]))
"""


class Reading(NamedTuple):
    """What came of it; memory in KiB, time in seconds of a processor."""

    said: str
    """How many rows, then why the first other one or the whole file was refused."""
    most: int
    grown: int
    seconds: float
    child_most: int
    """Of the process that the reader may have started for it."""
    child_seconds: float


def read_apart(path: Path) -> Reading:
    """Read the rows of a file there."""
    command = [sys.executable, "-c", READER, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Reading(*json.loads(done.stdout))
