"""Which devices this machine has for runs, and how many of them a run asks for.

A device is a GPU, or the computer itself where there is none. Each has a lock of its own, so that
several runs go on side by side; a run that asks for several holds all of theirs.
"""

import os
import shutil
import subprocess
from functools import cache
from typing import NamedTuple

from studio.errors import RunError
from studio.tuning.machine import PATIENCE
from studio.tuning.run import Run

COUNT_GPUS = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
HIDDEN = "CUDA_VISIBLE_DEVICES"


class Asked(NamedTuple):
    """What a run asks for."""

    devices: int
    """How many locks it holds."""
    processes: int
    """How many processes work on it."""


@cache
def gpus() -> tuple[str, ...]:
    """What CUDA_VISIBLE_DEVICES calls each GPU that may be used; none on a computer without."""
    if not shutil.which(COUNT_GPUS[0]):
        return ()
    try:
        told = subprocess.run(
            COUNT_GPUS, capture_output=True, text=True, timeout=PATIENCE, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    found = tuple(told.stdout.split())
    allowed = os.environ.get(HIDDEN)
    if allowed is None:
        return found
    names = [name.strip() for name in allowed.split(",")]
    last = next((place for place, name in enumerate(names) if name in ("", "-1")), len(names))
    return tuple(names[:last])


def see_first_gpu() -> tuple[str, ...]:
    """All GPUs; from now on this process and its libraries see the first of them only.

    A trainer that sees several and was not launched for them would divide its work in its own way.
    """
    found = gpus()
    if len(found) > 1:
        os.environ[HIDDEN] = found[0]
    return found


def asked_by(run: Run, available: int) -> Asked:
    """What a run asks for on a machine with so many GPUs; RunError if that is more than it has."""
    devices = run.recipe.devices if run.kind == "tune" else "1"
    if not available:
        return Asked(1, 1 if devices == "all" else int(devices))
    count = available if devices == "all" else int(devices)
    if count > available:
        raise RunError(
            f"The recipe asks for {count} GPUs, and this machine has {available}; set devices to "
            "all, or lower it."
        )
    return Asked(count, count)
