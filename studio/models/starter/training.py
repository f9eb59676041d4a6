"""Trains the starter model: a seeded run of steps that can be stopped and taken up again."""

import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.models.starter import vocabulary
from studio.models.starter.batches import LENGTH, ROWS, Batches
from studio.models.starter.lookback import look_back
from studio.models.starter.optimizer import Muon, average

HERE = Path(__file__).parent
PROGRESS = "progress.jsonl"
SHIPPED = ("config.json", "generation_config.json", "model.safetensors")


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train, and where the unfinished run is kept."""

    steps: int = 7450
    seed: int = 7
    matrix_rate: float = 0.01
    rate: float = 1e-3
    decay: float = 0.3
    workers: int = 2
    work: Path = HERE / ".training"
    folder: Path = HERE
    look_back_step: int = 300
    keep_seconds: float = 300

    def share(self, step: int) -> float:
        """Return the part of the full learning rate at a step: warm up, hold, then to zero."""
        falling = self.steps * (1 - self.decay)
        return min(1.0, (step + 1) / 40, max(0.0, (self.steps - step) / (self.steps - falling)))


def build(tokenizer: Any) -> Any:
    """Return an untrained model (``LlamaForCausalLM``, float32, about 3.7 million parameters)."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    pad = tokenizer.token_to_id(vocabulary.PAD)
    config = LlamaConfig(
        vocab_size=vocabulary.SIZE,
        hidden_size=256,
        num_hidden_layers=4,
        intermediate_size=704,
        num_attention_heads=4,
        num_key_value_heads=4,
        tie_word_embeddings=True,
        max_position_embeddings=vocabulary.CONTEXT,
        bos_token_id=pad,
        pad_token_id=pad,
        eos_token_id=tokenizer.token_to_id(vocabulary.END),
        dtype="float32",
    )
    torch.manual_seed(7)
    return LlamaForCausalLM(config)


def optimizers(model: Any, plan: Plan) -> list[Any]:
    """Return the optimizers: Muon for the matrices, AdamW for the embedding and the norms."""
    import torch

    inner = dict(model.model.layers.named_parameters())
    matrices = [one for one in inner.values() if one.ndim == 2]
    rest = [one for one in inner.values() if one.ndim != 2]
    rest += [model.model.embed_tokens.weight, model.model.norm.weight]
    return [
        Muon(matrices, rate=plan.matrix_rate),
        torch.optim.AdamW(rest, lr=plan.rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def export(model: Any, folder: Path) -> None:
    """Write the model in half precision, each file put in place in one move."""
    import torch

    with tempfile.TemporaryDirectory(dir=folder) as name:
        unfinished = Path(name)
        # The output layer is the embedding itself and need not be written twice.
        state = {
            key: value.to(torch.bfloat16)
            for key, value in model.state_dict().items()
            if key != "lm_head.weight"
        }
        model.generation_config.update(
            do_sample=False,
            max_new_tokens=64,
            bos_token_id=model.config.bos_token_id,
            eos_token_id=model.config.eos_token_id,
            pad_token_id=model.config.pad_token_id,
        )
        model.save_pretrained(unfinished, state_dict=state)
        # Always float32 in memory: half precision is very slow on ordinary processors.
        settings = json.loads((unfinished / "config.json").read_text())
        settings["dtype"] = "float32"
        (unfinished / "config.json").write_text(json.dumps(settings, indent=2) + "\n")
        for file in SHIPPED:
            (unfinished / file).chmod(0o644)
            os.replace(unfinished / file, folder / file)


def save_checkpoint(plan: Plan, step: int, model: Any, helpers: list[Any]) -> None:
    """Keep everything needed to take the run up again after ``step`` steps."""
    import torch

    unfinished = plan.work / "checkpoint.unfinished"
    kept = [one.state_dict() for one in helpers]
    torch.save({"step": step, "model": model.state_dict(), "helpers": kept}, unfinished)
    os.replace(unfinished, plan.work / "checkpoint.pt")


def restore(plan: Plan, model: Any, helpers: list[Any]) -> int:
    """Take up an unfinished run; return how many steps it has behind it."""
    import torch

    kept = plan.work / "checkpoint.pt"
    if not kept.exists():
        return 0
    state = torch.load(kept, weights_only=True)
    model.load_state_dict(state["model"])
    for one, saved in zip(helpers, state["helpers"], strict=True):
        one.load_state_dict(saved)
    return int(state["step"])


def train(plan: Plan) -> None:
    """Run the plan's steps in several processes, each with one thread and its own rows.

    Processes that meet once a step waste far less of a busy machine than threads that meet in
    every operation.
    """
    from torch.multiprocessing import start_processes

    plan.work.mkdir(parents=True, exist_ok=True)
    if not (plan.folder / "tokenizer.json").exists():
        vocabulary.save(vocabulary.learn(plan.seed, 40_000), plan.folder)
    # Giving freed memory back to the system after every step costs a sixth of the time.
    os.environ["MALLOC_MMAP_THRESHOLD_"] = os.environ["MALLOC_TRIM_THRESHOLD_"] = str(2**32)
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as meeting:
        start_processes(_work, (plan, f"file://{meeting}/workers"), plan.workers)


def spent(plan: Plan) -> dict[str, float]:
    """Return the ``tokens`` and the ``seconds`` of a run, its interruptions left out."""
    lines = [json.loads(line) for line in (plan.work / PROGRESS).read_text().splitlines()]
    # The clock starts again at nought whenever a run is taken up.
    ends = [
        line["seconds"]
        for line, following in zip(lines, [*lines[1:], {"seconds": 0}], strict=True)
        if following["seconds"] < line["seconds"]
    ]
    tokens = sum(line["tokens"] for line in lines)
    return {"tokens": tokens, "seconds": sum(ends)}


def _work(rank: int, plan: Plan, meeting: str) -> None:
    import torch
    from tokenizers import Tokenizer

    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=meeting, rank=rank, world_size=plan.workers
    )
    tokenizer = Tokenizer.from_file(str(plan.folder / "tokenizer.json"))
    model = build(tokenizer)
    helpers = optimizers(model, plan)
    first = restore(plan, model, helpers)
    full = [[group["lr"] for group in one.param_groups] for one in optimizers(model, plan)]
    batches = Batches(tokenizer, plan.seed)
    began = saved = time.monotonic()
    losses: list[float] = []
    for step in range(first, plan.steps):
        torch.manual_seed(step * plan.workers + rank)
        if step == plan.look_back_step:
            look_back(model, [batches.batch(-1 - place) for place in range(4)])
        for one, rates in zip(helpers, full, strict=True):
            for group, rate in zip(one.param_groups, rates, strict=True):
                group["lr"] = rate * plan.share(step)
        losses.append(_learn(model, helpers, batches.batch(step * plan.workers + rank)))
        if rank == 0 and (step + 1) % 50 == 0:
            _report(plan, step + 1, losses[-50:], time.monotonic() - began)
        if rank == 0 and time.monotonic() - saved > plan.keep_seconds:
            save_checkpoint(plan, step + 1, model, helpers)
            export(model, plan.folder)
            saved = time.monotonic()
    if rank == 0:
        save_checkpoint(plan, plan.steps, model, helpers)
        export(model, plan.folder)
    torch.distributed.barrier()


def _learn(model: Any, helpers: list[Any], batch: tuple[Any, Any, Any, Any]) -> float:
    import torch

    inputs, targets, weights, mask = batch
    output = model.model(input_ids=inputs, attention_mask=mask, use_cache=False)
    hidden = output.last_hidden_state.flatten(0, 1)
    weights, targets = weights.flatten(), targets.flatten()
    # Scoring all pieces is costly: of the user's tokens one in three stands for the others.
    answered = weights == 1.0
    kept = answered | ((weights > 0) & (torch.rand_like(weights) < 1 / 3))
    weights = torch.where(answered, weights, 3 * weights)[kept]
    logits = model.lm_head(hidden[kept])
    losses = torch.nn.functional.cross_entropy(logits, targets[kept], reduction="none")
    loss = (losses * weights).sum() / weights.sum()
    loss.backward()
    average([parameter.grad for parameter in model.parameters()])
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for one in helpers:
        one.step()
        one.zero_grad(set_to_none=True)
    return float(losses.detach()[answered[kept]].mean())


def _report(plan: Plan, step: int, losses: list[float], seconds: float) -> None:
    mean = sum(losses) / len(losses)
    tokens = len(losses) * plan.workers * ROWS * LENGTH
    line = {
        "step": step,
        "of": plan.steps,
        "answer_loss": round(mean, 4),
        "seconds": int(seconds),
        "tokens": tokens,
    }
    with (plan.work / PROGRESS).open("a") as file:
        file.write(json.dumps(line) + "\n")
