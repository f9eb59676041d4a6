"""The trainer does what its docstrings say: plain loss, anchor, float32, learned tokens."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional
from transformers import get_scheduler
from trl import SFTTrainer

from studio.data.example import Example, Message
from studio.engine.learnable import learnable
from studio.engine.load import Engine
from studio.engine.train import anchor_rows, training_rows
from studio.engine.trainers import make_trainer, settings, tune_what
from studio.models.catalogue import find_base
from studio.tuning.events import EventLog
from studio.tuning.recipe import Recipe
from studio.tuning.run import create_run
from studio.ui.tokens import tokenize

pytestmark = pytest.mark.slow

QUESTIONS = {"Is it good?\nThe film was lovely.": "positive", "34 + 58": "92", "Hi": "Hello there"}
TEXTS = [
    (Message(role="user", content=said), Message(role="assistant", content=answer))
    for said, answer in (("The opposite of hot?", "cold"), ("Hi", "Hello! How are you?"))
]


def examples() -> list[Example]:
    return [
        Example(
            id=str(row), row=row, phrasing=1,
            messages=(Message(role="user", content=question),), completion=answer,
        )
        for row, (question, answer) in enumerate(QUESTIONS.items(), start=1)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("training")
    recipe = Recipe(dataset="d", dropout=0, kl_anchor=1.0, replay=0.4, batch_size=4, max_steps=3)
    engine = Engine(find_base("starter"), "qlora")
    run = create_run(folder / "runs", recipe, about="test")
    log = EventLog(run.folder / "events.jsonl")
    rows = learnable(
        engine, training_rows(recipe, examples(), TEXTS, []), numbers=[1, 2, 3], max_length=512,
        warn=print,
    )  # fmt: skip
    return make_trainer(
        engine, recipe, tune_what(engine, recipe, None), learned=rows, evaluated=rows[:1],
        anchor_rows=anchor_rows(engine, TEXTS), scratch=run.folder / ".trainer", callbacks=[],
        log=log,
    )  # fmt: skip


def batch(trainer: Any) -> dict[str, torch.Tensor]:
    rows = [trainer.train_dataset[index] for index in range(3)]
    collated: dict[str, torch.Tensor] = trainer.data_collator(rows)
    return collated


def test_trainable_weights_are_float32_and_the_base_is_4_bit(trainer: Any) -> None:
    trainable = [p for p in trainer.model.parameters() if p.requires_grad]
    assert trainable
    assert {p.dtype for p in trainable} == {torch.float32}
    assert any(type(m).__name__ == "Linear4bit" for m in trainer.model.modules())


def test_the_plain_loss_is_trls_loss(trainer: Any) -> None:
    trainer.model.eval()
    inputs = batch(trainer)
    with torch.no_grad():
        ours, _ = trainer._plain_loss(trainer.model, dict(inputs), None)
        theirs = SFTTrainer.compute_loss(trainer, trainer.model, dict(inputs))
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-4)


def test_the_replayed_share_is_the_recipes(trainer: Any) -> None:
    # 3 examples are 60 %, so 2 conversations of the base are the other 40 %.
    assert len(trainer.train_dataset) == 5


def test_the_page_shows_the_tokens_that_are_learned(trainer: Any) -> None:
    for example, row in zip(examples(), trainer.train_dataset, strict=False):
        shown = tokenize(example)
        learned = [label != -100 for label in row["labels"]]
        assert learned == [place >= shown.prompt for place in range(len(shown.pieces))]


def test_the_anchor_is_the_divergence_from_the_base(trainer: Any) -> None:
    ids = torch.tensor([[5, 6, 7, 8], [9, 10, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    rows = {"input_ids": ids, "attention_mask": mask}
    trainer.model.eval()
    assert trainer._divergence(trainer.model, rows).item() == pytest.approx(0, abs=1e-6)
    with torch.no_grad():
        for name, parameter in trainer.model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.05)
        tuned = trainer.model(**rows).logits.log_softmax(-1)
        with trainer.model.disable_adapter():
            base = trainer.model(**rows).logits.log_softmax(-1)
    per_token = functional.kl_div(tuned, base, log_target=True, reduction="none").sum(-1)
    expected = per_token[mask.bool()].mean().item()
    assert expected > 1e-3
    assert trainer._divergence(trainer.model, rows).item() == pytest.approx(expected, rel=1e-3)


def test_a_constant_rate_rises_over_the_warm_up_too(tmp_path: Path) -> None:
    recipe = Recipe(dataset="d", scheduler="constant", warmup=0.5, max_steps=10)
    told = settings(recipe, tmp_path, rows=16, watched=0)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    plan = get_scheduler(told["lr_scheduler_type"], optimizer, 5, 10)
    assert plan.get_last_lr() == [0.0]


def test_a_run_without_a_held_out_row_that_fits_learns_all_the_same(
    trainer: Any, tmp_path: Path
) -> None:
    recipe = Recipe(dataset="d", batch_size=3, max_steps=1, method="full")
    engine, rows = Engine(find_base("starter"), "lora"), list(trainer.train_dataset)[:3]
    unwatched = make_trainer(
        engine, recipe, tune_what(engine, recipe, None), learned=rows, evaluated=[],
        anchor_rows=[], scratch=tmp_path, callbacks=[], log=EventLog(tmp_path / "events.jsonl"),
    )  # fmt: skip
    unwatched.train()
    assert unwatched.state.global_step == 1
    assert not any("eval_loss" in line for line in unwatched.state.log_history)


def test_a_loss_that_is_no_number_ends_the_run(trainer: Any, tmp_path: Path) -> None:
    from studio.engine.watch import Watch
    from studio.errors import Diverged

    watch = Watch(EventLog(tmp_path / "events.jsonl"))
    with pytest.raises(Diverged, match="no longer a number at step"):
        watch.on_log(
            trainer.args, trainer.state, trainer.control, {"loss": float("nan"), "grad_norm": 1.0}
        )
    assert not (tmp_path / "events.jsonl").exists()
