"""Ranks soft prompts for a new task: `python -m studio.engine.transfer HOME DATASET BASE RUN...`.

A process of its own that waits in line for the device like a run and says on standard output what
it is doing, one JSON object a line, and ends with the ranking.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from studio.chat.protocol import Sampling
from studio.data.dataset import Dataset, open_dataset
from studio.data.example import Example
from studio.engine.beside_page import in_line, say, say_found
from studio.engine.generate import continue_ids, prompt_ids
from studio.engine.learnable import learnable
from studio.engine.load import Engine
from studio.engine.score import score
from studio.engine.train import training_rows
from studio.engine.trainers import make_trainer, tune_what
from studio.measure.case import Case
from studio.measure.outcome import BASE
from studio.measure.scorers import right
from studio.models.catalogue import find_base
from studio.tuning.events import EventLog
from studio.tuning.recipe import Recipe
from studio.tuning.run import open_run
from studio.tuning.transfer import Candidate, Ranking

ASKED = 48  # held-out questions
LONGEST_ANSWER = 48  # tokens
TRIAL_STEPS = 20  # of the prompt whose neurons stand for the new task
TRIAL_EXAMPLES = 160
FIRING = ("gate_proj", "fc1", "c_fc", "dense_h_to_4h")  # what a neuron's sign is read from


def rank(home: Path, engine: Engine, dataset: Dataset, runs: Sequence[str]) -> Ranking:
    """Every run's prompt on the new held-out rows, the one that suits them best first."""
    say(doing="tuning a trial prompt for a few steps")
    target = neurons(engine, _trial(engine, dataset))
    cases = dataset.heldout()[:ASKED]
    lanes = [BASE, *runs]
    found = {}
    for number, lane in enumerate(lanes):
        say(doing="trying the prompts on the new rows", done=number, total=len(lanes))
        if lane != BASE:
            engine.add_lane(lane, open_run(home / "runs", lane).adapter)
        found[lane] = _nll(engine, lane, cases), _right(engine, lane, cases)
    candidates = []
    for run in runs:
        prompt = engine.soft_prompt(run)
        assert prompt is not None
        overlap = torch.cosine_similarity(neurons(engine, prompt), target, dim=0)
        nll, share = found[run]
        candidates.append(Candidate(run=run, nll=nll, right=share, overlap=float(overlap)))
    return Ranking(
        dataset=dataset.id, base_nll=found[BASE][0], base_right=found[BASE][1],
        cases=len(cases), candidates=tuple(sorted(candidates, key=lambda one: one.nll)),
    )  # fmt: skip


def neurons(engine: Engine, prompt: torch.Tensor) -> torch.Tensor:
    """Which neurons of all feed-forward layers fire behind a soft prompt: 0 or 1 for each.

    As in Su et al. (2022): the prompt alone is read, and the signs at its last place are taken.
    """
    fired: list[torch.Tensor] = []

    def note(_: Any, __: Any, said: torch.Tensor) -> None:
        fired.append((said[0, -1] > 0).float())

    layers = [one for name, one in engine.parts.modules.items() if name.endswith(FIRING)]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        with engine.rows_of((BASE,)):
            engine.inner(inputs_embeds=prompt[None].to(engine.device))
    finally:
        for hook in hooks:
            hook.remove()
    return torch.cat(fired).cpu()


def _trial(engine: Engine, dataset: Dataset) -> torch.Tensor:
    """A prompt tuned on the new task for a few steps, (tokens, width)."""
    recipe = Recipe.make(
        {"base": engine.base.name, "dataset": dataset.id, "method": "prompt_tuning",
         "max_steps": TRIAL_STEPS, "batch_size": 8, "learning_rate": 0.03}
    )  # fmt: skip
    examples = dataset.train()[:TRIAL_EXAMPLES]
    rows = learnable(
        engine, training_rows(recipe, examples, [], []), numbers=[one.row for one in examples],
        max_length=recipe.max_length, warn=lambda _: None,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        trainer = make_trainer(
            engine, recipe, tune_what(engine, recipe, None), learned=rows, evaluated=rows[:1],
            anchor_rows=[], scratch=Path(scratch), callbacks=[],
            log=EventLog(Path(scratch) / "events.jsonl"),
        )  # fmt: skip
        trainer.train()
    model: Any = trainer.model
    engine.model.eval()
    return model.prompt_encoder["default"].embedding.weight.detach().clone()


def _nll(engine: Engine, lane: str, cases: Sequence[Example]) -> float:
    """Nats per token over all answers together."""
    found = score(engine, [(lane, one.messages, one.completion) for one in cases])
    return sum(one.nll for one in found) / sum(one.tokens for one in found)


def _right(engine: Engine, lane: str, cases: Sequence[Example]) -> float:
    """Share of the questions answered as the reference has it."""
    asked = [
        Case(id=one.id, messages=one.messages, answer=one.completion, choices=one.choices)
        for one in cases
    ]
    prompts = [prompt_ids(engine, one.messages) for one in asked]
    sampling = Sampling(max_new_tokens=LONGEST_ANSWER)
    said = continue_ids(engine, [lane] * len(prompts), prompts, sampling)
    marks = [right("exact", one.text, case) for one, case in zip(said, asked, strict=True)]
    return sum(marks) / max(1, len(marks))


def main(home: Path, dataset_id: str, base_name: str, *runs: str) -> dict[str, Any]:
    """Rank them."""
    dataset = open_dataset(dataset_id, home / "datasets")
    base = find_base(base_name, download=False)
    with in_line(home, f"transfer-{dataset_id}"):
        found = rank(home, Engine(base, "qlora"), dataset, runs)
    return {"ranking": found.model_dump(mode="json")}


if __name__ == "__main__":
    sys.exit(say_found(lambda: main(Path(sys.argv[1]), *sys.argv[2:])))
