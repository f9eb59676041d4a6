"""Learning from preferences: DPO, with the same model, its adapter switched off, as reference."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset as Table
from transformers import TrainerCallback
from trl import DPOConfig, DPOTrainer

from studio.data.example import Example
from studio.data.preferences import Pair
from studio.engine.load import Engine
from studio.engine.saving import Resumable
from studio.engine.trainers import Tuned, settings
from studio.errors import DatasetError
from studio.tuning.recipe import Recipe


class PreferenceTrainer(Resumable, DPOTrainer):
    """TRL's DPO trainer for pairs whose tokens have been made already."""

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        """The tokens are those that chat reads and writes; nothing is left to prepare."""
        return dataset

    @property
    def tokens_seen(self) -> int:
        """Tokens of both answers and their prompts that went through the model in training."""
        return int(self._total_train_tokens)

    def held(self) -> dict[str, Any]:
        """How many tokens went through the model."""
        return {"tokens": self.tokens_seen}

    def take_back(self, held: Mapping[str, Any]) -> None:
        """Go on counting from there."""
        self._total_train_tokens = held["tokens"]


def prefer(
    engine: Engine,
    recipe: Recipe,
    tuned: Tuned,
    *,
    learned: Sequence[Pair],
    evaluated: Sequence[Pair],
    scratch: Path,
    callbacks: Sequence[TrainerCallback],
) -> PreferenceTrainer:
    """A trainer for these pairs. DatasetError if none fits into max_length."""
    rows = [row for pair in learned if (row := _tokens(engine, pair, recipe.max_length))]
    watched = [row for pair in evaluated if (row := _tokens(engine, pair, recipe.max_length))]
    if not rows:
        raise DatasetError("No pair's question fits within max_length tokens; raise max_length.")
    args = DPOConfig(
        **settings(recipe, scratch, rows=len(rows), watched=len(watched)),
        max_length=recipe.max_length,
        beta=recipe.dpo_beta,
    )
    trainer = PreferenceTrainer(
        model=tuned.model,
        args=args,
        train_dataset=Table.from_list(rows),
        eval_dataset=Table.from_list(watched) if watched else None,
        processing_class=engine.tokenizer,
        peft_config=tuned.shape,
        callbacks=list(callbacks),
    )
    tuned.settle(trainer)
    return trainer


def _tokens(engine: Engine, pair: Pair, max_length: int) -> dict[str, list[int]] | None:
    """Tokens of the question and of both answers; None if nothing of an answer would be left."""
    examples = [
        Example(id=str(place), row=1, phrasing=1, messages=pair.prompt, completion=said.content)
        for place, (said,) in enumerate((pair.chosen, pair.rejected))
    ]
    chosen, rejected = engine.form.learn(examples, max_length=max_length)
    if not chosen.learned or not rejected.learned:
        return None
    begin = min(chosen.prompt, rejected.prompt)
    return {
        "prompt_ids": list(chosen.ids[:begin]),
        "chosen_ids": list(chosen.ids[begin:]),
        "rejected_ids": list(rejected.ids[begin:]),
    }
