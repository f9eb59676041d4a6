"""Runs tuned for a few steps on one small task, each once, for whoever wants to look at them."""

from contextlib import nullcontext
from typing import Any, NamedTuple

import torch

from studio import Recipe, Studio
from studio.data.dataset import Dataset
from studio.engine.budget import Gauge, general_rows
from studio.engine.load import Engine
from studio.engine.proof import PROOF_TEXT
from studio.engine.publish import origin, publishing
from studio.engine.train import prepare
from studio.models.catalogue import find_base
from studio.tuning.events import EventLog
from studio.tuning.prerequisites import settle_sources
from studio.tuning.run import Run, create_run

STEPS = 24


class Tried(NamedTuple):
    """A run, and what its model said before it was saved."""

    run: Run
    logits: torch.Tensor
    """For PROOF_TEXT, (tokens, vocabulary); the places of a soft prompt left out."""
    forgotten: float
    """By how much general text became less likely, in nats per token."""

    @property
    def losses(self) -> list[float]:
        """The held-out losses, from before the first step to the end."""
        return [event["loss"] for event in self.run.events() if event.kind == "heldout"]


class Workshop:
    """Tunes on the first call with a name, and remembers."""

    def __init__(self, studio: Studio, dataset: Dataset) -> None:
        self.studio = studio
        self.dataset = dataset
        self._known: dict[str, Tried] = {}

    def tuned(self, name: str, **fields: Any) -> Tried:
        """The run of that name; the fields say how it is made."""
        if name not in self._known:
            self._known[name] = self._tune(name, fields)
        return self._known[name]

    def _tune(self, name: str, fields: dict[str, Any]) -> Tried:
        usual = {"max_steps": STEPS, "batch_size": 8, "checkpoints": 0, "self_texts": 32}
        base = find_base("starter")
        recipe = Recipe.make({"dataset": self.dataset.id, **usual, **fields})
        recipe = settle_sources(recipe, base, self.studio.settings, self.studio.drafts)
        run = create_run(self.studio.settings.runs, recipe, about=name)
        log = EventLog(run.folder / "events.jsonl")
        engine = Engine(base, recipe.loading)
        texts = general_rows(engine, recipe, self.studio.settings.home)
        gauge = Gauge(engine.model, texts, nullcontext())
        trainer, tuned = prepare(engine, recipe, run, log)
        trainer.train()
        model: Any = trainer.model.eval()
        with publishing(run.adapter, origin(run, base)) as draft:
            tuned.save(model, draft)
        log("finished", steps=trainer.state.global_step)
        ids = engine.tokenizer(PROOF_TEXT, return_tensors="pt").input_ids
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0, -ids.shape[1] :]
        return Tried(run, logits, gauge.read(model).forgotten)
