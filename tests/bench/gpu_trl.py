"""A plain QLoRA script as TRL's manual shows it: what `tests/bench/gpu.py` compares with.

    python tests/bench/gpu_trl.py MODEL ROWS.jsonl LENGTH BATCH STEPS RATE

Prints one line of JSON: when each step ended (Unix seconds), tokens seen, peak memory in bytes.
"""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    TrainerCallback,
)
from trl import SFTConfig, SFTTrainer


class Clock(TrainerCallback):
    """Notes when each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """A step is over once the device has done it."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.ends.append(time.time())


def main() -> None:
    """Tune, save, and tell."""
    model, rows, length, batch, steps, rate = sys.argv[1:]
    on_gpu = torch.cuda.is_available()
    dtype = torch.bfloat16 if on_gpu else torch.float32
    quantization = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )  # fmt: skip
    place: Any = {"": 0 if on_gpu else "cpu"}
    base = AutoModelForCausalLM.from_pretrained(
        model, quantization_config=quantization, dtype=dtype, device_map=place
    )
    lines = Path(rows).read_text(encoding="utf-8").splitlines()
    clock = Clock()
    trainer = SFTTrainer(
        model=base,
        args=SFTConfig(
            output_dir=f"{rows}.out", max_length=int(length), learning_rate=float(rate),
            per_device_train_batch_size=int(batch), max_steps=int(steps), logging_steps=1,
            save_strategy="no", report_to="none", disable_tqdm=True, bf16=on_gpu,
            use_cpu=not on_gpu,
        ),
        train_dataset=Dataset.from_list([json.loads(line) for line in lines]),
        processing_class=AutoTokenizer.from_pretrained(model),
        peft_config=LoraConfig(
            r=16, lora_alpha=32, lora_dropout=0.05, target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
        callbacks=[clock],
    )  # fmt: skip
    trainer.train()
    trainer.save_model(f"{rows}.adapter")
    seen = next(one["num_tokens"] for one in reversed(trainer.state.log_history)
                if "num_tokens" in one)  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    if on_gpu:
        peak = torch.cuda.max_memory_reserved()
    print(json.dumps({"ends": clock.ends, "tokens": seen, "peak": peak, "ended": time.time()}))


if __name__ == "__main__":
    main()
