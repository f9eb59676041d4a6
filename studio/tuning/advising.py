"""Having a dataset measured on a base by a process of its own, and hearing how far it is."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from studio.errors import RunError
from studio.tuning.launch import worker_environment
from studio.tuning.signals import Signals

MEASURER = [sys.executable, "-m", "studio.engine.advise"]


class Doing(NamedTuple):
    """What the process is doing, how much of it is done, and of how much; 0 of 0 if unknown."""

    name: str
    done: int = 0
    total: int = 0


def measuring(
    home: Path, dataset: str, base: str, method: str, *, log: Path
) -> Iterator[Doing | Signals]:
    """Tell what is being done, and at last the signals. Closing this ends the process.

    Raises RunError if it could not be measured.
    """
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [*MEASURER, str(home), dataset, base, method],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=worker_environment(),
            start_new_session=True,
        )
    try:
        yield Doing("starting")
        assert process.stdout is not None
        for line in process.stdout:
            told = json.loads(line)
            if "error" in told:
                raise RunError(f"{dataset} could not be measured on {base}: {told['error']}")
            if "signals" in told:
                yield Signals.model_validate(told["signals"])
                return
            yield Doing(told["doing"], told.get("done", 0), told.get("total", 0))
        raise RunError(
            f"Measuring {dataset} on {base} ended without a word: killed, or out of memory; see "
            f"{log}."
        )
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
