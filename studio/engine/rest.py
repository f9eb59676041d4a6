"""When an engine that nobody asks gives its memory back: to a run, or after a long while."""

import ctypes
import gc
import sys
from pathlib import Path

import psutil
import torch

from studio.tuning.queue import is_wanted

IDLE = 1800.0  # seconds without a question after which a base is put away
SPARE = 2  # on a CPU a run gets by if so many times what the engine holds is still free

RUN = "A run needs the device, so the chat put its model away; the next question loads it again."
LONG = "Nobody asked for a long while, so the chat put its model away; the next question loads it."


def why_rest(home: Path, *, on_gpu: bool, idle: float, longest: float = IDLE) -> str:
    """Why an engine that has been idle for so many seconds should give its memory back, or "".

    A run that holds or waits for the device needs it on a GPU at once; on a CPU only if memory
    is short.
    """
    if idle >= longest:
        return LONG
    return RUN if (on_gpu or _is_short()) and is_wanted(home) else ""


def _is_short() -> bool:
    held = psutil.Process().memory_info().rss
    return bool(psutil.virtual_memory().available < SPARE * held)


def give_back() -> None:
    """Return the memory of what was let go to the device and to the system."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if sys.platform == "linux":  # glibc keeps what it was given back
        ctypes.CDLL(None).malloc_trim(0)
