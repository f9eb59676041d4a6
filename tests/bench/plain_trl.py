"""Fine-tuning as a person writes it with TRL: by its documentation, or tuned by hand for a CPU.

Called by `clocked.py` with a file of settings. The tuned way has no activation checkpoints, which
TRL has on by default, like lengths together, and for a 4-bit base the adapter's weights in float32
again, which TRL casts to bfloat16.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from datasets import load_dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, BitsAndBytesConfig
from trl import SFTConfig, SFTTrainer

TUNED: dict[str, Any] = {
    "bf16": False,
    "use_cpu": True,
    "gradient_checkpointing": False,
    "train_sampling_strategy": "group_by_length",
}


def main() -> None:
    """Train and save the adapter."""
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    trainer = SFTTrainer(
        model=load(asked),
        args=arguments(asked),
        train_dataset=load_dataset("json", data_files=asked["data"], split="train"),
        peft_config=LoraConfig(
            r=asked["rank"], lora_alpha=asked["alpha"], lora_dropout=asked["dropout"],
            target_modules="all-linear", task_type="CAUSAL_LM",
        ),
    )  # fmt: skip
    model: Any = trainer.model
    if asked["tuned"]:
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()
    trainer.train()
    trainer.save_model(asked["output"])


def load(asked: dict[str, Any]) -> Any:
    """The base as TRL loads it by its name, or in 4 bits."""
    if not asked["in_4_bits"]:
        return asked["base"]
    make: Any = BitsAndBytesConfig
    bits = make(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.float32,
    )  # fmt: skip
    return AutoModelForCausalLM.from_pretrained(
        asked["base"], quantization_config=bits, dtype=torch.float32, device_map="cpu"
    )


def arguments(asked: dict[str, Any]) -> SFTConfig:
    """TRL's settings; its documented ones as far as they run without a GPU."""
    own: dict[str, Any] = {
        "output_dir": asked["output"], "max_length": asked["max_length"], "num_train_epochs": 1,
        "per_device_train_batch_size": asked["batch_size"], "report_to": "none",
        "learning_rate": asked["learning_rate"], "logging_steps": asked["logging_steps"],
        "save_strategy": "no", "disable_tqdm": True, "seed": asked["seed"],
    }  # fmt: skip
    if asked["tuned"]:
        return SFTConfig(**own, **TUNED)
    try:
        return SFTConfig(**own)
    except ValueError as error:
        print(f"As documented: {str(error).splitlines()[0]}", file=sys.stderr)
        return SFTConfig(**own, bf16=False, use_cpu=True)
