"""A recipe for TRL alone: the data, a `run.yaml` for `trl sft`, and a script that does the same.

    trl-ID/
      run.yaml        trl sft --config run.yaml
      train.py        python train.py
      data/           train.jsonl and test.jsonl, prompts and completions

What TRL has no word for is listed at the top of both, not left out in silence.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from studio.data.dataset import Dataset
from studio.data.exports import rows_of
from studio.errors import RecipeError, RunError
from studio.models.catalogue import locate
from studio.models.gate import tensors
from studio.models.structure import endings
from studio.tuning.recipe import Recipe

METHODS = ("qlora", "lora", "full")
UNSAID = {
    "kl_anchor": "the KL anchor to the base",
    "replay": "replayed text of the base's own",
    "replay_probes": "replayed cases of probes",
    "replay_datasets": "replayed datasets",
    "frozen_layers": "frozen lower layers",
    "forgetting_budget": "the budget of forgetting",
    "keep": "keeping the best by held-out loss",
    "start_from": "the adapter it goes on from",
    "init": "other first weights of the adapter",
    "devices": "several devices, which is what `accelerate launch` is told",
}
"""Fields that plain TRL cannot follow, if they are not at their defaults."""


def write_plain(
    recipe: Recipe, dataset: Dataset, base: str, folder: Path, *, name: str, cuda: bool
) -> tuple[Path, list[str]]:
    """Write the folder into `folder`; it, and what TRL has no word for.

    `base` is what TRL loads: a folder, or an id of the Hub. RecipeError for a method that TRL does
    not have, RunError if the folder is there already or cannot be written.
    """
    if recipe.method not in METHODS or recipe.loss == "dpo":
        raise RecipeError(
            f"TRL alone has no {recipe.shape}{' with DPO' * (recipe.loss == 'dpo')}; export the "
            f"adapter instead, or choose one of {', '.join(METHODS)}."
        )
    target = folder / f"trl-{name}"
    fields = fields_of(recipe, dataset, base, cuda=cuda)
    missing = unsaid(recipe)
    try:
        target.mkdir(parents=True)
    except FileExistsError as error:
        raise RunError(f"{target} is there already; remove it, or choose another.") from error
    except OSError as error:
        raise RunError(f"{target} cannot be made ({error.strerror}).") from error
    try:
        _write_data(dataset, target / "data")
        head = "".join(f"# Without {one}, for which TRL has no word.\n" for one in missing)
        text = yaml.safe_dump(fields, sort_keys=False)
        (target / "run.yaml").write_text(head + text, encoding="utf-8")
        (target / "train.py").write_text(head + _script(fields, cuda=cuda), encoding="utf-8")
    except OSError as error:
        shutil.rmtree(target, ignore_errors=True)
        raise RunError(f"{target} cannot be written ({error.strerror}); make room.") from error
    return target, missing


def unsaid(recipe: Recipe) -> list[str]:
    """What of the recipe plain TRL cannot follow, in words."""
    return [
        words
        for name, words in UNSAID.items()
        if getattr(recipe, name) != type(recipe).model_fields[name].default
    ]


def fields_of(recipe: Recipe, dataset: Dataset, base: str, *, cuda: bool) -> dict[str, Any]:
    """The recipe in the words of `trl sft`."""
    steps = recipe.steps_over(dataset.card.train)  # what was replayed is not there to be learned
    name, _, revision = base.partition("@")
    fields: dict[str, Any] = {
        "model_name_or_path": name,
        **({"model_revision": revision} if revision else {}),
        "dtype": "bfloat16" if cuda else "float32",
        "dataset_name": "data",
        "output_dir": "adapter" if recipe.method != "full" else "model",
        **_adapter(recipe, name),
        "learning_rate": recipe.rate,
        "lr_scheduler_type": recipe.schedule,
        "warmup_steps": recipe.warmup,
        "max_steps": steps,
        "per_device_train_batch_size": recipe.batch_size,
        "gradient_accumulation_steps": recipe.accumulation,
        "max_length": recipe.max_length,
        "max_grad_norm": recipe.max_grad_norm,
        "weight_decay": recipe.weight_decay,
        "optim": "paged_adamw_8bit" if cuda else "adamw_torch",
        "bf16": cuda,
        "use_cpu": not cuda,
        "activation_checkpointing": cuda,
        "loss_type": recipe.loss,
        "eval_strategy": "steps",
        "eval_steps": max(1, steps // 10),
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "seed": recipe.seed,
    }
    return fields | ({"neftune_noise_alpha": recipe.neftune} if recipe.neftune else {})


def _adapter(recipe: Recipe, base: str) -> dict[str, Any]:
    if recipe.method == "full":
        return {}
    fields: dict[str, Any] = {
        "use_peft": True,
        "lora_r": recipe.rank,
        "lora_alpha": recipe.alpha,
        "lora_dropout": recipe.dropout,
        "lora_target_modules": _targets(recipe, base),
        "use_rslora": recipe.rslora,
        "use_dora": recipe.dora,
    }
    if recipe.method == "qlora":
        fields |= {
            "load_in_4bit": True,
            "bnb_4bit_quant_type": "nf4",
            "use_bnb_nested_quant": True,
        }
    return fields


def _targets(recipe: Recipe, base: str) -> list[str]:
    """What the matrices are called, from the headers of the base's own weights."""
    if recipe.targets == "all-linear":
        return ["all-linear"]
    held: dict[str, list[int]] = {}
    for path in sorted(locate(base, download=False).glob("*.safetensors")):
        held |= tensors(path)
    names = [name.removesuffix(".weight") for name, shape in held.items() if len(shape) == 2]
    return endings(recipe.targets, names)


def _write_data(dataset: Dataset, folder: Path) -> None:
    folder.mkdir()
    for name, examples in (("train", dataset.train()), ("test", dataset.heldout())):
        rows = (rows_of(one, "prompt-completion") for one in examples)
        lines = (
            json.dumps({"prompt": row["prompt"], "completion": row["completion"]}) for row in rows
        )
        text = "".join(f"{line}\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")


SCRIPT = '''"""Tunes with TRL alone; needs peft and datasets{bitsandbytes}. Run it in its folder."""

import torch
from datasets import load_dataset
{peft}from transformers import AutoModelForCausalLM, AutoTokenizer{quantised}
from trl import SFTConfig, SFTTrainer

BASE = {base!r}
DTYPE = torch.{dtype}

data = load_dataset("json", data_files={{"train": "data/train.jsonl", "test": "data/test.jsonl"}})
model = AutoModelForCausalLM.from_pretrained(BASE, dtype=DTYPE{options})
trainer = SFTTrainer(
    model=model,
    args=SFTConfig(
{settings}
    ),
    train_dataset=data["train"],
    eval_dataset=data["test"],
    processing_class=AutoTokenizer.from_pretrained(BASE{revision}),{shape}
)
trainer.train()
trainer.save_model({output!r})
'''


def _script(fields: Mapping[str, Any], *, cuda: bool) -> str:
    """The same as the configuration, in Python."""
    given = dict(fields)
    adapted, small = given.pop("use_peft", False), given.pop("load_in_4bit", False)
    revision = f", revision={given.pop('model_revision')!r}" if "model_revision" in given else ""
    base, dtype = given.pop("model_name_or_path"), given.pop("dtype")
    lora = {
        name: given.pop(name)
        for name in [*given]
        if name.startswith("lora_") or name in ("use_rslora", "use_dora")
    }
    for name in ("dataset_name", "bnb_4bit_quant_type", "use_bnb_nested_quant"):
        given.pop(name, None)
    settings = "\n".join(f"        {name}={value!r}," for name, value in given.items())
    options = revision
    if small:
        options += (
            ", quantization_config=BitsAndBytesConfig(\n    load_in_4bit=True, "
            'bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,\n    '
            "bnb_4bit_compute_dtype=DTYPE,\n)"
        )
    return SCRIPT.format(
        base=base,
        dtype=dtype,
        revision=revision,
        bitsandbytes=", bitsandbytes" if small else "",
        peft="from peft import LoraConfig\n" if adapted else "",
        quantised=", BitsAndBytesConfig" if small else "",
        options=options,
        settings=settings,
        shape=_shape(lora) if adapted else "",
        output=given["output_dir"],
    )


def _shape(lora: Mapping[str, Any]) -> str:
    names = {
        "lora_r": "r",
        "lora_target_modules": "target_modules",
        "use_rslora": "use_rslora",
        "use_dora": "use_dora",
    }
    said = {names.get(name, name): value for name, value in lora.items()}
    if said["target_modules"] == ["all-linear"]:
        said["target_modules"] = "all-linear"
    listed = ", ".join(f"{name}={value!r}" for name, value in said.items())
    return f'\n    peft_config=LoraConfig({listed}, task_type="CAUSAL_LM"),'
