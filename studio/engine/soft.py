"""Soft prompts on the disk: embeddings before every prompt of a lane."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from studio.engine.publish import WEIGHTS
from studio.errors import ModelError


def read_prompt(adapter: Path, width: int) -> torch.Tensor:
    """The soft prompt in a folder, (tokens, width); ModelError if it does not fit the base."""
    prompt = load_file(adapter / WEIGHTS).get("prompt_embeddings")
    if prompt is None or prompt.shape[1] != width or not bool(prompt.isfinite().all()):
        raise ModelError(
            f"The adapter in {adapter} does not fit the base: its soft prompt is not finite "
            "or not as wide as the base. Tune again."
        )
    return prompt
