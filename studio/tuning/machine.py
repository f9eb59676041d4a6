"""What this machine has to give: its device, memory and disk, looked up without loading torch."""

import os
import shutil
import subprocess
import time
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

import psutil
from pydantic import BaseModel, ConfigDict

_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_USED = (Path("/sys/fs/cgroup/memory.current"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"))
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
ASK_GPU = [
    "nvidia-smi",
    "--query-gpu=name,memory.total,memory.free",
    "--format=csv,noheader,nounits",
]
FRESH = 5.0  # seconds for which an answer holds
PATIENCE = 10.0  # seconds that the driver may take to answer
# Products per second in bfloat16 that the makers' data sheets promise, in units of 1e12.
PROMISED = {"H200": 989, "H100": 989, "A100": 312, "L40": 181, "L4": 121, "A10": 125, "T4": 65,
            "4090": 165, "3090": 71, "B200": 2250}  # fmt: skip
REACHED = 0.3
"""Share of what is promised that training reaches; a common figure, replaced by one's own runs."""


class Machine(BaseModel):
    """One look at the machine; memory and disk in bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    device: Literal["cpu", "cuda"]
    name: str
    """Such as "CPU, 2 cores" or the GPU's own name."""
    memory: int
    """Of the GPU if there is one, else of the computer: the smaller of what it has and may use."""
    free: int
    """How much of that nobody uses now."""
    disk: int
    """Free where the home folder lies."""

    @property
    def speed(self) -> float:
        """Floating-point operations a second that training may expect; 0 if nobody knows."""
        if self.device == "cuda":
            return next((1e12 * REACHED * n for tag, n in PROMISED.items() if tag in self.name), 0)
        return processor_speed()


def look(home: Path) -> Machine:
    """The machine as it is now."""
    disk = shutil.disk_usage(home).free
    gpu = _gpu()
    if gpu:
        name, memory, free = gpu
        return Machine(device="cuda", name=name, memory=memory, free=free, disk=disk)
    cores = len(os.sched_getaffinity(0))
    name = f"CPU, {cores} core{'s' if cores > 1 else ''}"
    total, limit = psutil.virtual_memory().total, _first(_LIMITS)
    memory = min(total, limit) if limit else total
    return Machine(device="cpu", name=name, memory=memory, free=free_memory(), disk=disk)


def free_memory() -> int:
    """Bytes of the computer's memory that nobody uses, as far as we may use them."""
    own = psutil.virtual_memory()
    limit, used = _first(_LIMITS), _first(_USED) or 0
    free: int = min(own.available, limit - used) if limit and limit < own.total else own.available
    return max(0, free)


def cores() -> int:
    """How many threads can compute at once: the cores that we may use, as far as our quota goes.

    Two threads of one core share what multiplies, so whole cores are counted.
    """
    allowed = len(os.sched_getaffinity(0))
    whole = min(allowed, psutil.cpu_count(logical=False) or allowed)
    try:
        quota, period = _QUOTA.read_text().split()
        whole = min(whole, int(quota) // int(period))
    except (OSError, ValueError):  # "max": no quota
        pass
    return max(1, whole)


@cache
def processor_speed() -> float:
    """Float32 operations a second of one product of matrices, the best of three tries."""
    import numpy as np

    size, best = 512, 0.0
    one = np.ones((size, size), dtype=np.float32)
    for _ in range(3):
        began = time.perf_counter()
        one @ one
        best = max(best, 2 * size**3 / (time.perf_counter() - began))
    return best


def _gpu() -> tuple[str, int, int] | None:
    """As last asked, at most some seconds ago: a form asks at every change."""
    return _ask_gpu(int(time.time() / FRESH))


@lru_cache(maxsize=1)
def _ask_gpu(_: int) -> tuple[str, int, int] | None:
    """Name, memory and free memory of the first GPU; None without one, or if hidden from us."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1") or not shutil.which(ASK_GPU[0]):
        return None
    try:
        told = subprocess.run(ASK_GPU, capture_output=True, text=True, timeout=PATIENCE, check=True)
        name, total, free = (part.strip() for part in told.stdout.splitlines()[0].split(","))
        return name, int(total) << 20, int(free) << 20
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def _first(paths: tuple[Path, ...]) -> int | None:
    """A limit of the group of processes that we belong to, if it has one."""
    for path in paths:
        try:
            return int(path.read_text())
        except (OSError, ValueError):  # "max": no limit
            continue
    return None
