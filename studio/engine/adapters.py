"""Tuning beside the base: LoRA and its kin, IA3 and soft prompts, each as PEFT has it."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from math import ceil
from pathlib import Path
from typing import Any

import torch
from peft import (
    EvaConfig,
    IA3Config,
    LoraConfig,
    PeftConfig,
    PeftModel,
    PromptTuningConfig,
    initialize_lora_eva_weights,
    set_peft_model_state_dict,
)
from safetensors.torch import load_file
from transformers import TrainerCallback
from transformers.pytorch_utils import Conv1D

from studio.data.chat_form import IGNORED
from studio.engine.load import Engine
from studio.engine.publish import WEIGHTS, write_json
from studio.errors import ModelError
from studio.models.structure import KEYS_VALUES, distinct, endings, lowest_layers, part_of
from studio.tuning.recipe import Recipe

PROMPT_BEGINS = {"vocabulary": "SAMPLE_VOCAB", "text": "SAMPLE_VOCAB", "random": "RANDOM"}
TOKENS_PER_DIRECTION = 16  # learned tokens of a batch that EVA takes a direction from
PEFT_DEFAULT = True  # PEFT's word for first weights that change nothing


class Beside:
    """What is tuned beside a base whose own weights stay as they are."""

    def __init__(self, engine: Engine, recipe: Recipe, started: Path | None) -> None:
        """Begin anew, or with the adapter in the folder `started`."""
        self._engine = engine
        self._recipe = recipe
        self._started = started
        # PEFT loads no soft prompt to train it on: that begins anew and takes over the numbers.
        loaded = None if recipe.is_soft else started
        self.model: Any = wrap(engine, recipe, loaded) if loaded else engine.model
        self.shape: PeftConfig | None = None if loaded else shape(recipe, engine.model)
        self.optimizers: tuple[Any, Any] = (None, None)
        self.callbacks: list[TrainerCallback] = []

    def settle(self, trainer: Any) -> None:
        """The first weights, once the trainer has put the adapter on; in float32.

        TRL casts trainable weights on a 4-bit base to bfloat16, which loses small updates and is
        very slow on CPUs without native bfloat16.
        """
        for parameter in trainer.model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()
        if self._started:  # what TRL rounded to bfloat16 on the way
            set_peft_model_state_dict(trainer.model, load_file(self._started / WEIGHTS))
        elif self._recipe.init == "eva":
            _begin_with_directions(trainer, self._recipe.rank)
        elif self._recipe.prompt_init == "text":
            _begin_with_text(self._engine, self._recipe, trainer.model)

    def untuned(self, model: Any) -> AbstractContextManager[Any]:
        """The base as it was, for a while."""
        return model.disable_adapter()

    def save(self, model: Any, draft: Path) -> None:
        """Write weights and configuration into a folder."""
        model.save_pretrained(
            str(draft), save_embedding_layers=False, selected_adapters=["default"]
        )
        if self._recipe.init != "default":
            # Whoever loads it takes the saved weights, and needs not know how they began.
            config = model.peft_config["default"].to_dict()
            config |= {"init_lora_weights": PEFT_DEFAULT, "eva_config": None}
            config["target_modules"] = sorted(config["target_modules"])
            write_json(draft / "adapter_config.json", config)


def shape(recipe: Recipe, model: Any) -> PeftConfig:
    """The adapter that the recipe describes on this base, before its first weights.

    ModelError if the base has no such matrices.
    """
    if recipe.is_soft:
        return PromptTuningConfig(
            num_virtual_tokens=recipe.virtual_tokens,
            prompt_tuning_init=PROMPT_BEGINS[recipe.prompt_init],
            task_type="CAUSAL_LM",
        )
    found = matrices(model)
    spared = lowest_layers(found, recipe.frozen_layers) if recipe.frozen_layers else None
    if recipe.method == "ia3":
        scaled: dict[str, Any] = dict(_scaled(found))
        return IA3Config(**scaled, exclude_modules=spared, task_type="CAUSAL_LM")
    everywhere = recipe.targets == "all-linear"
    return LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules="all-linear" if everywhere else endings(recipe.targets, found),
        exclude_modules=spared,
        use_rslora=recipe.rslora,
        use_dora=recipe.dora,
        init_lora_weights=PEFT_DEFAULT if recipe.init == "default" else recipe.init,
        # Every layer keeps the recipe's rank, so that the adapter can be repaired and averaged.
        eva_config=EvaConfig(rho=1.0) if recipe.init == "eva" else None,
        task_type="CAUSAL_LM",
    )


def matrices(model: Any) -> dict[str, tuple[int, int]]:
    """Widths in and out of everything that PEFT can put an adapter on, by its name."""
    found = {}
    for name, one in model.named_modules():
        if isinstance(one, torch.nn.Linear):
            found[name] = (one.in_features, one.out_features)
        elif isinstance(one, Conv1D):
            found[name] = (one.nx, one.nf)
    return found


def _scaled(found: dict[str, tuple[int, int]]) -> dict[str, list[str]]:
    """What IA3 scales: keys, values, and what the feed-forward part's last matrix reads."""
    keys = [name for name in found if part_of(name) == "attention" and KEYS_VALUES.search(name)]
    width = max((found[name][0] for name in keys), default=0)
    down = [name for name, (_, out) in found.items() if part_of(name) == "mlp" and out == width]
    if not keys or not down:
        raise ModelError("IA3 finds no keys, values or feed-forward part in this base; take lora.")
    inner = distinct(down, found)
    return {"target_modules": [*distinct(keys, found), *inner], "feedforward_modules": inner}


def wrap(engine: Engine, recipe: Recipe, adapter: Path) -> Any:
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


def _begin_with_directions(trainer: Any, rank: int) -> None:
    """EVA: A takes the main directions of what each layer reads in these very examples."""
    was_training = trainer.model.training
    batches = [trainer.data_collator(batch) for batch in _wide_enough(trainer.train_dataset, rank)]
    if not batches:
        raise ModelError(
            "The examples are too few for the first weights eva: all their answers have fewer "
            f"than {rank} tokens. Lower the rank, or take another init."
        )
    initialize_lora_eva_weights(trainer.model, batches, show_progress_bar=False)
    trainer.model.train(was_training)


def _wide_enough(rows: Iterable[Any], rank: int) -> Iterator[list[Any]]:
    """Batches of which each has learned tokens enough; PEFT would wait for ever for one that has.

    The more there are, the sooner it sees the directions change no more.
    """
    batch: list[Any] = []
    held, is_first = 0, True
    for row in rows:
        batch.append(row)
        held += sum(label != IGNORED for label in row["labels"])
        if held >= TOKENS_PER_DIRECTION * rank:
            yield batch
            batch, held, is_first = [], 0, False
    if is_first and held >= rank:
        yield batch


def _begin_with_text(engine: Engine, recipe: Recipe, model: Any) -> None:
    """The soft prompt begins as the text's embeddings, repeated or cut to its length."""
    ids = engine.tokenizer(recipe.prompt_text, add_special_tokens=False).input_ids
    if not ids:
        raise ModelError("prompt_text has no token of this base; write another text.")
    count = recipe.virtual_tokens
    tokens = torch.tensor((ids * ceil(count / len(ids)))[:count], device=engine.device)
    with torch.no_grad():
        words = engine.inner.get_input_embeddings()(tokens)
        model.prompt_encoder["default"].embedding.weight.copy_(words)
