"""From recipe to adapter, top to bottom: base, data, trainer, steps, verified result."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset as Table
from datasets import disable_progress_bars
from peft import LoraConfig
from safetensors.torch import load_file
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from trl import SFTConfig

from studio.data.dataset import open_dataset
from studio.data.example import Example, Message
from studio.engine.anchor import AnchoredTrainer
from studio.engine.load import Engine, pick_dtype
from studio.engine.selftext import Conversation, self_texts
from studio.errors import DatasetError, ModelError, RunError
from studio.models.catalogue import find_base
from studio.tuning.events import EventLog
from studio.tuning.recipe import Recipe
from studio.tuning.run import Run

TARGETS: dict[str, str | list[str]] = {
    "all-linear": "all-linear",
    "mlp": ["gate_proj", "up_proj", "down_proj"],
    "attention": ["q_proj", "k_proj", "v_proj", "o_proj"],
}
HELDOUT_EXAMPLES = 64  # for the curve of the held-out loss
CURVE_POINTS = 10  # how often the held-out loss is taken

disable_progress_bars()


def train(run: Run, log: EventLog) -> dict[str, Any]:
    """Tune the base as the run's recipe says and publish the adapter; returns what to report."""
    recipe = run.recipe
    home = run.folder.parent.parent
    dataset = open_dataset(recipe.dataset, home / "datasets")
    log("phase", name="loading the base")
    engine = Engine(find_base(recipe.base, download=False), recipe.method)
    texts = _write_texts(engine, recipe, cache=home / "cache", log=log)
    log("phase", name="preparing the data")
    examples = dataset.train()
    trainer = _trainer(engine, recipe, run, examples, dataset.heldout(), texts, log)
    _refuse_lost_rows(trainer, expected=len(examples) + _replayed(recipe, len(examples)), log=log)
    log("phase", name="training", about=engine.about)
    began = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - began
    log("phase", name="saving")
    publish(trainer.model, engine, recipe, run)
    return {
        "steps": trainer.state.global_step,
        "seconds": round(seconds, 2),
        "tokens": trainer.tokens_seen,
        "tokens_per_second": round(trainer.tokens_seen / seconds, 1),
    }


def _write_texts(
    engine: Engine, recipe: Recipe, *, cache: Path, log: EventLog
) -> list[Conversation]:
    """Conversations by the base itself, if the recipe anchors to them or replays them."""
    if not recipe.kl_anchor and not recipe.replay:
        return []
    log("phase", name="the base writes its own texts")
    texts = self_texts(engine, recipe.self_texts, seed=recipe.seed, cache=cache)
    log("self_texts", count=len(texts))
    return texts


def _replayed(recipe: Recipe, examples: int) -> int:
    """How many self-written conversations make `replay` their share of the whole."""
    return round(examples * recipe.replay / (1 - recipe.replay))


def _trainer(
    engine: Engine,
    recipe: Recipe,
    run: Run,
    examples: list[Example],
    heldout: list[Example],
    texts: list[Conversation],
    log: EventLog,
) -> AnchoredTrainer:
    """TRL's trainer over our base; the adapter's weights are kept in float32.

    TRL casts trainable weights on a 4-bit base to bfloat16, which loses small updates and is
    very slow on CPUs without native bfloat16.
    """
    rows = [_row(example.messages, example.completion) for example in examples]
    replayed = (texts[i % len(texts)] for i in range(_replayed(recipe, len(examples))))
    rows += [_row(text[:-1], text[-1].content) for text in replayed]
    heldout_rows = [_row(e.messages, e.completion) for e in heldout[:HELDOUT_EXAMPLES]]
    torch.manual_seed(recipe.seed)
    trainer = AnchoredTrainer(
        model=engine.model,
        args=settings(recipe, run.folder / "checkpoints", rows=len(rows)),
        train_dataset=Table.from_list(rows),
        eval_dataset=Table.from_list(heldout_rows),
        processing_class=engine.tokenizer,
        peft_config=LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=recipe.dropout,
            target_modules=TARGETS[recipe.targets],
            task_type="CAUSAL_LM",
        ),
        callbacks=[Watch(log)],
        anchor_weight=recipe.kl_anchor,
        anchor_rows=anchor_rows(engine, texts) if recipe.kl_anchor else [],
    )
    model: Any = trainer.model
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return trainer


def _row(messages: tuple[Message, ...], answer: str) -> dict[str, Any]:
    """TRL's conversational prompt-completion format: only the completion is learned."""
    return {
        "prompt": [message.model_dump() for message in messages],
        "completion": [{"role": "assistant", "content": answer}],
    }


def anchor_rows(engine: Engine, texts: list[Conversation]) -> list[list[int]]:
    """Self-written conversations as tokens, whole: the anchor holds both speakers' words."""
    turns = [[message.model_dump() for message in text] for text in texts]
    return list(engine.tokenizer.apply_chat_template(turns, return_dict=True)["input_ids"])


def settings(recipe: Recipe, folder: Path, *, rows: int) -> SFTConfig:
    """The recipe in TRL's words.

    Differs from TRL's defaults: float32 unless the GPU has bfloat16; no filter that shows a NaN
    loss as 0; no gradient checkpointing on a CPU; a log line for every step.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    bf16 = device == "cuda" and pick_dtype(torch.device(device)) is torch.bfloat16
    per_epoch = -(-rows // (recipe.batch_size * recipe.accumulation))
    steps = recipe.max_steps or max(1, round(per_epoch * recipe.epochs))
    return SFTConfig(
        output_dir=str(folder),
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=recipe.batch_size,
        gradient_accumulation_steps=recipe.accumulation,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=recipe.scheduler,
        warmup_steps=recipe.warmup,
        max_steps=steps,
        max_grad_norm=recipe.max_grad_norm,
        weight_decay=recipe.weight_decay,
        max_length=recipe.max_length,
        optim="paged_adamw_8bit" if device == "cuda" else "adamw_torch",
        activation_checkpointing=device == "cuda",
        bf16=bf16,
        fp16=False,
        use_cpu=device == "cpu",
        dataloader_pin_memory=device == "cuda",
        eval_strategy="steps",
        eval_steps=max(1, steps // CURVE_POINTS),
        save_strategy="no",
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        seed=recipe.seed,
    )


def _refuse_lost_rows(trainer: AnchoredTrainer, *, expected: int, log: EventLog) -> None:
    """TRL drops rows whose answer was cut off, silently; we say so, and stop if none is left."""
    learned: Any = trainer.train_dataset
    left = len(learned)
    if left == 0:
        raise DatasetError(
            "No example has an answer within max_length tokens, so nothing could be learned; "
            "raise max_length."
        )
    if left < expected:
        log(
            "warning",
            message=f"{expected - left} of {expected} examples are longer than max_length before "
            "their answer begins and were left out; raise max_length to use them.",
        )


class Watch(TrainerCallback):
    """Turns what the trainer logs into events, and stops a run whose loss is no number."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._step_began = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Take the time at which a step begins."""
        self._step_began = time.perf_counter()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """One event per training step, one per look at the held-out loss."""
        logs = logs or {}
        place = {"step": state.global_step, "total": state.max_steps}
        if "eval_loss" in logs:
            self._log("heldout", loss=round(float(logs["eval_loss"]), 4), **place)
        elif "loss" in logs:
            numbers = {
                name: float(f"{float(logs[name]):.4g}")
                for name in ("loss", "learning_rate", "grad_norm", "kl", "tokens_per_second")
                if name in logs
            }
            seconds = round(time.perf_counter() - self._step_began, 3)
            if not torch.isfinite(torch.tensor([numbers["loss"], numbers["grad_norm"]])).all():
                raise RunError(
                    f"The loss is no longer a number at step {state.global_step}; lower the "
                    "learning rate."
                )
            self._log("step", **place, **numbers, seconds=seconds)


def publish(model: Any, engine: Engine, recipe: Recipe, run: Run) -> None:
    """Save the adapter, check what lies on the disk, and only then give it its name."""
    draft = run.folder / ".adapter"
    shutil.rmtree(draft, ignore_errors=True)
    model.save_pretrained(str(draft))
    (draft / "README.md").unlink(missing_ok=True)  # PEFT's card names the base by a local path
    config_path = draft / "adapter_config.json"
    config = json.loads(config_path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = recipe.base
    config_path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    made_for = {
        "base": recipe.base,
        "base_fingerprint": engine.base.fingerprint,
        "method": recipe.method,
        "run": run.id,
    }
    (draft / "made_for.json").write_text(json.dumps(made_for, indent=2) + "\n", encoding="utf-8")
    saved = load_file(draft / "adapter_model.safetensors")
    if not saved or not all(bool(tensor.isfinite().all()) for tensor in saved.values()):
        raise ModelError("The tuned weights are not finite numbers; lower the learning rate.")
    shutil.rmtree(run.folder / "checkpoints", ignore_errors=True)
    draft.rename(run.adapter)
