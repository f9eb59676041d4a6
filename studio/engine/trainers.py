"""The recipe in the trainer's words: what learns, from which tokens, with which settings."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import torch
from datasets import Dataset as Table
from datasets import disable_progress_bars
from peft import PeftConfig
from transformers import TrainerCallback
from trl import SFTConfig

from studio.engine.adapters import Beside
from studio.engine.anchor import AnchoredTrainer
from studio.engine.load import Engine
from studio.engine.packed import Packed, keeps_apart
from studio.engine.place import world
from studio.engine.stages import Unfreezing, optimizers, plan
from studio.engine.together import share_of
from studio.engine.weights import pick_dtype
from studio.engine.whole import Whole
from studio.tuning.events import EventLog
from studio.tuning.recipe import Recipe

disable_progress_bars()

Rows = list[dict[str, list[int]]]
"""Examples as `input_ids` and `labels`."""


class Tuned(Protocol):
    """What is tuned: an adapter beside the base, or the model's own weights."""

    model: Any
    """What the trainer is given."""
    shape: PeftConfig | None
    """The adapter that the trainer is to put on it."""
    optimizers: tuple[Any, Any]
    callbacks: list[TrainerCallback]

    def settle(self, trainer: Any) -> None:
        """The first weights, once the trainer is there."""

    def untuned(self, model: Any) -> AbstractContextManager[Any]:
        """The base as it was, for a while."""

    def save(self, model: Any, draft: Path) -> None:
        """Write weights and configuration into a folder."""


def tune_what(engine: Engine, recipe: Recipe, started: Path | None) -> Tuned:
    """What the recipe tunes on this base; `started` holds the adapter that it goes on from."""
    torch.manual_seed(recipe.seed)
    return Whole(engine, recipe) if recipe.is_whole else Beside(engine, recipe, started)


def make_trainer(
    engine: Engine,
    recipe: Recipe,
    tuned: Tuned,
    *,
    learned: Rows,
    evaluated: Rows,
    anchor_rows: list[list[int]],
    scratch: Path,
    callbacks: Sequence[TrainerCallback],
    log: EventLog,
) -> AnchoredTrainer:
    """TRL's trainer over our base, for supervised learning."""
    args = SFTConfig(
        **settings(recipe, scratch, rows=len(learned), watched=len(evaluated)),
        max_length=recipe.max_length,
        neftune_noise_alpha=recipe.neftune or None,
    )
    if recipe.method == "two_stage" and isinstance(tuned, Whole):
        stages = plan(tuned, recipe, args.max_steps)
        tuned.optimizers = optimizers(tuned, stages, recipe, args.max_steps)
        tuned.callbacks.append(Unfreezing(tuned, stages, log))
    trainer = AnchoredTrainer(
        model=tuned.model,
        args=args,
        train_dataset=Table.from_list(learned),
        eval_dataset=Table.from_list(evaluated) if evaluated else None,
        data_collator=collator(engine, recipe, learned),
        processing_class=engine.tokenizer,
        peft_config=tuned.shape,
        optimizers=tuned.optimizers,
        callbacks=[*callbacks, *tuned.callbacks],
        anchor_weight=recipe.kl_anchor,
        anchor_rows=anchor_rows,
        untuned=tuned.untuned,
        weigh_tokens=recipe.loss == "dft",
    )
    tuned.settle(trainer)
    return trainer


def collator(engine: Engine, recipe: Recipe, learned: Rows) -> Packed | None:
    """Examples side by side where the base can be trusted with that; else (None) TRL's own.

    On a GPU TRL's own loss wants its own batches, a soft prompt comes before a whole row, and
    NEFTune's noise is the weaker the longer the row.
    """
    whole = recipe.is_soft or recipe.neftune > 0
    if engine.device.type != "cpu" or whole or not keeps_apart(engine.inner, learned):
        return None
    return Packed(engine.tokenizer.pad_token_id, engine.base.hidden_size)


def settings(recipe: Recipe, folder: Path, *, rows: int, watched: int) -> dict[str, Any]:
    """What every kind of trainer is told.

    Differs from TRL's defaults: float32 unless the GPU has bfloat16; no filter that shows a NaN
    loss as 0; no gradient checkpointing on a CPU; a log line for every step; a first look at the
    held-out loss before anything is learned, and further ones when `engine.looks` asks for them;
    none if no held-out example is `watched`.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    bf16 = device == "cuda" and pick_dtype(torch.device(device)) is torch.bfloat16
    steps = recipe.steps_over(rows)
    return {
        "output_dir": str(folder),
        "per_device_train_batch_size": share_of(recipe),
        "per_device_eval_batch_size": share_of(recipe),
        # Named where there is one process, it is waited for as if there were several.
        "ddp_backend": ("gloo" if device == "cpu" else "nccl") if world() > 1 else None,
        "ddp_find_unused_parameters": False,
        "gradient_accumulation_steps": recipe.accumulation,
        "learning_rate": recipe.rate,
        "lr_scheduler_type": recipe.schedule,
        "warmup_steps": recipe.warmup,
        "max_steps": steps,
        "max_grad_norm": recipe.max_grad_norm,
        "weight_decay": recipe.weight_decay,
        "optim": "paged_adamw_8bit" if device == "cuda" else "adamw_torch_fused",
        "activation_checkpointing": device == "cuda",
        "bf16": bf16,
        "fp16": False,
        "use_cpu": device == "cpu",
        "dataloader_pin_memory": device == "cuda",
        "eval_strategy": "steps" if watched else "no",
        "eval_steps": steps + 1,  # the looks say when
        "eval_on_start": bool(watched),
        "save_strategy": "no",
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
        "seed": recipe.seed,
    }
