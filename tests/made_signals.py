"""Signals as a measurement would give them, with whatever a test wants to be otherwise."""

from typing import Any

from studio.models.shape import Shape, find_shape
from studio.tuning.machine import Machine
from studio.tuning.signals import Answers, Signals

GB = 10**9
CPU = Machine(device="cpu", name="CPU, 2 cores", memory=16 * GB, free=12 * GB, disk=50 * GB)
GPU = Machine(device="cuda", name="NVIDIA L4", memory=24 * GB, free=23 * GB, disk=50 * GB)
LLAMA_8B = Shape(
    family="llama", layers=32, hidden=4096, inner=14336, heads=32, key_heads=8, head_size=128,
    vocabulary=128256, tied=False, context=131072,
)  # fmt: skip


def made_signals(**changes: Any) -> Signals:
    """A dataset of 300 examples somewhat unlike what the starter says, none of them answered."""
    fields: dict[str, Any] = {
        "dataset": "d", "base": "starter", "method": "lora", "shape": find_shape("starter"),
        "train": 300, "heldout": 100, "repeated": 0, "answer_tokens": 900, "example_tokens": 30.0,
        "longest": 50, "sampled": 256, "loss": 1.0, "own_loss": 0.5, "few_shot_loss": 0.9,
        "few_shot_from": 1.0, "surprising": 0.3, "written": Answers(n=64, right=0),
        "written_few_shot": Answers(n=64, right=0), "tokens_per_second": 1000.0, "seconds": 5.0,
    }  # fmt: skip
    return Signals.model_validate(fields | changes)
