"""How the chat holds a base that was tuned in 4 bits: packed, or unpacked where that fits.

Unpacked, every weight is the very number that its 4 bits stand for, written out in float32: the
model is the one the runs were tuned and measured on, and on a CPU it answers several times
faster, because nothing is unpacked for every token. It takes about seven times the memory.
"""

import json
from math import prod
from pathlib import Path
from typing import Literal

from studio.models.catalogue import Base

BYTES = 4  # of a float32
SHARE = 0.5  # of the free memory that weights may take; the rest is for texts and for the page


def unpacks(base: Base, method: Literal["qlora", "lora"], *, on_gpu: bool, free: int) -> bool:
    """Whether chatting holds this base unpacked; `free` is the free memory in bytes.

    A GPU unpacks as fast as it reads, so there 4 bits stay 4 bits.
    """
    return method == "qlora" and not on_gpu and unpacked_bytes(base.folder) <= SHARE * free


def unpacked_bytes(folder: Path) -> int:
    """Size of a model folder's weights in float32, from the headers of its safetensors files."""
    numbers = 0
    for path in folder.glob("*.safetensors"):
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        header.pop("__metadata__", None)
        numbers += sum(prod(tensor["shape"]) for tensor in header.values())
    return BYTES * numbers
