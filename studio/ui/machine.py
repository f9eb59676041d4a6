"""What the page says about this machine and the base, found out without loading a model."""

import json
import math
import os
from pathlib import Path

from studio.errors import ModelError
from studio.models.catalogue import find_base

_GPUS = Path("/proc/driver/nvidia/gpus")


def describe_machine() -> str:
    """What models run on here: "CPU, 2 cores" or the NVIDIA GPU's name."""
    for path in sorted(_GPUS.glob("*/information")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("Model:"):
                return line.removeprefix("Model:").strip()
    cores = len(os.sched_getaffinity(0))
    return f"CPU, {cores} core{'s' if cores != 1 else ''}, float32"


def describe_base(name: str = "starter") -> tuple[str, str]:
    """A base's name with its size, and a remark; a base that is not there says so."""
    try:
        base = find_base(name, download=False)
    except ModelError as error:
        return "not there yet", str(error)
    size = sum(map(_count_parameters, base.folder.glob("*.safetensors")))
    return (
        f"{name.capitalize()}, {size / 1e6:.1f} million parameters",
        f"{base.layers} layers of width {base.hidden_size}, fingerprint {base.fingerprint[:8]}",
    )


def _count_parameters(path: Path) -> int:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    return sum(
        math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__"
    )
