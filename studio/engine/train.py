"""From recipe to adapter, top to bottom: base, data, trainer, steps, verified result."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset as Table
from datasets import disable_progress_bars
from peft import (
    LoraConfig,
    PeftConfig,
    PeftModel,
    PromptTuningConfig,
    set_peft_model_state_dict,
)
from safetensors.torch import load_file
from trl import SFTConfig

from studio.data.dataset import open_dataset
from studio.data.example import Example, Message
from studio.engine.anchor import AnchoredTrainer
from studio.engine.learnable import learnable
from studio.engine.load import Engine
from studio.engine.publish import WEIGHTS, origin, publishing
from studio.engine.replay import right_answers
from studio.engine.selftext import Conversation, self_texts
from studio.engine.watch import Keep, Watch
from studio.engine.weights import pick_dtype
from studio.errors import RunError
from studio.models.catalogue import find_base
from studio.models.gate import check_adapter
from studio.tuning.events import EventLog
from studio.tuning.recipe import Recipe
from studio.tuning.run import Run, open_run

TARGETS: dict[str, str | list[str]] = {
    "all-linear": "all-linear",
    "mlp": ["gate_proj", "up_proj", "down_proj"],
    "attention": ["q_proj", "k_proj", "v_proj", "o_proj"],
}
HELDOUT_EXAMPLES = 64  # for the curve of the held-out loss
CURVE_POINTS = 10  # how often the held-out loss is taken
SCRATCH = ".trainer"  # what the libraries write while they train

disable_progress_bars()


def train(run: Run, log: EventLog) -> dict[str, Any]:
    """Tune the base as the run's recipe says and publish the adapter; returns what to report."""
    recipe = run.recipe
    home = run.folder.parent.parent
    dataset = open_dataset(recipe.dataset, home / "datasets")
    log("phase", name="loading the base")
    engine = Engine(find_base(recipe.base, download=False), recipe.loading)
    texts = _write_texts(engine, recipe, cache=home / "cache", log=log)
    replays = right_answers(engine, recipe.replay_probes, home=home, log=log)
    log("phase", name="preparing the data")
    examples = dataset.train()
    rows = training_rows(recipe, examples, texts, replays)
    trainer = _trainer(engine, recipe, run, rows, examples, dataset.heldout(), texts, log)
    log("phase", name="training", about=engine.about)
    began = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - began
    log("phase", name="saving")
    shutil.rmtree(run.folder / SCRATCH, ignore_errors=True)
    _save(trainer.model, run.adapter, origin(run, engine.base))
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


def training_rows(
    recipe: Recipe,
    examples: Sequence[Example],
    texts: Sequence[Conversation],
    replays: Sequence[Conversation],
) -> list[dict[str, Any]]:
    """The task's examples, with the shares of replayed conversations that the recipe asks for."""
    rows = [_row(example.messages, example.completion) for example in examples]
    replay = recipe.replay if texts else 0.0
    probes = recipe.probe_share if replays else 0.0
    whole = len(examples) / (1 - replay - probes)
    for conversations, share in ((texts, replay), (replays, probes)):
        chosen = (conversations[i % len(conversations)] for i in range(round(whole * share)))
        rows += [_row(one[:-1], one[-1].content) for one in chosen]
    return rows


def _trainer(
    engine: Engine,
    recipe: Recipe,
    run: Run,
    rows: list[dict[str, Any]],
    examples: Sequence[Example],
    heldout: list[Example],
    texts: list[Conversation],
    log: EventLog,
) -> AnchoredTrainer:
    """TRL's trainer over our base; the adapter's weights are kept in float32.

    TRL casts trainable weights on a 4-bit base to bfloat16, which loses small updates and is
    very slow on CPUs without native bfloat16.
    """

    def keep(model: Any, step: int) -> None:
        _save(model, run.folder / "checkpoints" / str(step), origin(run, engine.base))

    def warn(message: str) -> None:
        log("warning", message=message)

    learned = learnable(
        engine, rows, numbers=[e.row for e in examples], max_length=recipe.max_length, warn=warn
    )
    watched = [_row(e.messages, e.completion) for e in heldout[:HELDOUT_EXAMPLES]]
    numbers = [e.row for e in heldout]
    evaluated = learnable(
        engine, watched, numbers=numbers, max_length=recipe.max_length, warn=lambda _: None
    )
    torch.manual_seed(recipe.seed)
    started = _adapter_to_start_from(engine, recipe, run)
    trainer = AnchoredTrainer(
        model=_wrap(engine, recipe, started) if started else engine.model,
        args=settings(recipe, run.folder / SCRATCH, rows=len(learned)),
        train_dataset=Table.from_list(learned),
        eval_dataset=Table.from_list(evaluated),
        processing_class=engine.tokenizer,
        peft_config=None if started else _shape(recipe),
        callbacks=[Watch(log), Keep(recipe.checkpoints, keep)],
        anchor_weight=recipe.kl_anchor,
        anchor_rows=anchor_rows(engine, texts) if recipe.kl_anchor else [],
    )
    model: Any = trainer.model
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    if started:  # what TRL rounded to bfloat16 on the way
        set_peft_model_state_dict(model, load_file(started / WEIGHTS))
    return trainer


def _save(model: Any, target: Path, made_for: dict[str, Any]) -> None:
    with publishing(target, made_for) as draft:
        model.save_pretrained(str(draft), save_embedding_layers=False)


def _shape(recipe: Recipe) -> PeftConfig:
    if recipe.is_soft:
        return PromptTuningConfig(
            num_virtual_tokens=recipe.virtual_tokens,
            prompt_tuning_init="SAMPLE_VOCAB",  # begun at random it learns next to nothing
            task_type="CAUSAL_LM",
        )
    return LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=TARGETS[recipe.targets],
        task_type="CAUSAL_LM",
    )


def _adapter_to_start_from(engine: Engine, recipe: Recipe, run: Run) -> Path | None:
    """The folder of the adapter that is trained on; raises RunError or ModelError if unfit."""
    if not recipe.start_from:
        return None
    parent = open_run(run.folder.parent, recipe.start_from)
    if parent.status() != "finished":
        raise RunError(f"Run {parent.id} is {parent.status()}; only a finished run is continued.")
    check_adapter(parent.adapter, engine.base.fingerprint)
    return parent.adapter


def _wrap(engine: Engine, recipe: Recipe, adapter: Path) -> Any:
    """The base with that adapter on it, to be trained on with the recipe's own dropout."""
    config = PeftConfig.from_pretrained(str(adapter))
    config.inference_mode = False
    if isinstance(config, LoraConfig):
        config.lora_dropout = recipe.dropout
    return PeftModel.from_pretrained(
        engine.model,
        str(adapter),
        is_trainable=True,
        config=config,
        torch_device=str(engine.device),
    )


def _row(messages: tuple[Message, ...], answer: str) -> dict[str, Any]:
    """TRL's conversational prompt-completion format: only the completion is learned."""
    return {
        "prompt": [message.model_dump() for message in messages],
        "completion": [{"role": "assistant", "content": answer}],
    }


def anchor_rows(engine: Engine, texts: list[Conversation]) -> list[list[int]]:
    """Self-written conversations as tokens, whole: the anchor holds both speakers' words."""
    return [list(written.ids) for written in engine.form.write(texts)]


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
