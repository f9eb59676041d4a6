"""Having a dataset measured on a base by a process of its own, and hearing how far it is."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

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
    command = [*MEASURER, str(home), dataset, base, method]
    for told in listen(command, about=f"{dataset} on {base}", log=log):
        if "signals" in told:
            yield Signals.model_validate(told["signals"])
            return
        yield Doing(told["doing"], told.get("done", 0), told.get("total", 0))


def listen(command: Sequence[str], *, about: str, log: Path) -> Iterator[dict[str, Any]]:
    """What a measuring process says, line by line; closing this ends it.

    Raises RunError if it says an error, or dies.
    """
    with log.open("ab") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=worker_environment(),
            start_new_session=True,
        )
    try:
        yield {"doing": "starting"}
        assert process.stdout is not None
        for line in process.stdout:
            told = json.loads(line)
            if "error" in told:
                raise RunError(f"{about} could not be measured: {told['error']}")
            yield told
        raise RunError(
            f"Measuring {about} ended without a word: killed, or out of memory; see {log}."
        )
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
