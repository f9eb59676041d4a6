"""Adapters made up for tests: nothing was learned, but the starter speaks differently with them."""

import json
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model

from studio.engine.weights import load_model
from studio.models.catalogue import find_base

STARTER = find_base("starter")


def make_adapter(folder: Path, *, seed: int, rank: int = 8, scale: float = 1.0) -> Path:
    """An adapter with weights big enough to change what the starter says."""
    torch.manual_seed(seed)
    config = LoraConfig(r=rank, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    tuned = get_peft_model(load_model(STARTER, "lora"), config)
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=scale / rank)
    tuned.save_pretrained(str(folder))
    made_for = {"base": "starter", "base_fingerprint": STARTER.fingerprint}
    (folder / "made_for.json").write_text(json.dumps(made_for))
    return folder
