"""Examples side by side learn what they learn alone, and most of the filling is gone."""

import random
from typing import Any

import pytest
import torch
from torch.nn import functional

from studio.data.chat_form import IGNORED
from studio.engine.load import Engine
from studio.engine.packed import Packed, count_text, keeps_apart, side_by_side
from studio.models.catalogue import find_base

LUCK = random.Random(3)
LENGTHS = [LUCK.randint(6, 60) for _ in range(16)]


def example(length: int) -> dict[str, list[int]]:
    ids = [LUCK.randint(5, 2500) for _ in range(length)]
    prompt = length // 2
    return {"input_ids": ids, "labels": [IGNORED] * prompt + ids[prompt:]}


EXAMPLES = [example(length) for length in LENGTHS]


def test_every_example_has_one_place_and_rows_stay_short() -> None:
    rows = side_by_side(LENGTHS, 256)
    assert sorted(place for row in rows for place in row) == list(range(16))
    assert len(rows) > 1
    assert max(sum(LENGTHS[place] for place in row) for row in rows) < 4 * max(LENGTHS)


def test_most_of_what_is_filled_up_is_gone() -> None:
    text, plain = sum(LENGTHS), 16 * max(LENGTHS)
    packed = Packed(0, 256)(EXAMPLES)["input_ids"].numel()
    assert packed - text < 0.3 * (plain - text)


def test_a_batch_holds_every_token_once_and_counts_only_text() -> None:
    batch = Packed(0, 256)(EXAMPLES)
    assert count_text(batch) == sum(LENGTHS)
    learned = (batch["labels"] != IGNORED).sum()
    assert learned == sum(label != IGNORED for one in EXAMPLES for label in one["labels"])
    assert (
        sorted(batch["input_ids"].flatten().tolist())[-5:]
        == sorted(token for one in EXAMPLES for token in one["input_ids"])[-5:]
    )


def test_examples_of_one_length_lie_in_rows_of_their_own() -> None:
    batch = Packed(0, 256)([example(10) for _ in range(3)])
    assert batch["input_ids"].shape == (3, 10)
    assert count_text(batch) == 30


def test_what_an_example_begins_with_is_not_foretold_by_the_one_before() -> None:
    whole = {"input_ids": [7, 8, 9], "labels": [7, 8, 9]}
    longer = {"input_ids": [1, 2, 3, 4, 5, 6], "labels": [IGNORED] * 3 + [4, 5, 6]}
    labels = Packed(0, 256)([whole, whole, longer])["labels"]
    assert labels.tolist() == [[IGNORED, IGNORED, IGNORED, 4, 5, 6], [IGNORED, 8, 9] * 2]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(find_base("starter"), "lora")


def summed_loss(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    labels = batch.pop("labels")
    logits = model(**batch, use_cache=False).logits[:, :-1]
    return functional.cross_entropy(
        logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED, reduction="sum"
    )


@pytest.mark.slow
def test_packed_and_alone_give_the_same_logits_loss_and_gradients(engine: Engine) -> None:
    model, weight = engine.model, engine.model.model.layers[0].mlp.up_proj.weight
    weight.requires_grad_(True)
    together = summed_loss(model, Packed(0, 256)(EXAMPLES))
    (packed,) = torch.autograd.grad(together, weight)
    apart, alone = 0.0, torch.zeros_like(weight)
    for one in EXAMPLES:
        loss = summed_loss(model, {name: torch.tensor([row]) for name, row in one.items()})
        alone += torch.autograd.grad(loss, weight)[0]
        apart += loss.item()
    weight.requires_grad_(False)
    assert together.item() == pytest.approx(apart, rel=1e-5)
    assert torch.allclose(packed, alone, atol=1e-4 * float(alone.abs().max()))


@pytest.mark.slow
def test_the_starter_keeps_apart_and_a_model_that_sees_all_does_not(engine: Engine) -> None:
    assert keeps_apart(engine.model, EXAMPLES)

    class Blind(type(engine.model)):  # type: ignore[misc]
        """A model that takes all positions for one text."""

        def forward(self, position_ids: Any = None, **given: Any) -> Any:
            return super().forward(**given)

    kind = type(engine.model)
    engine.model.__class__ = Blind
    try:
        assert not keeps_apart(engine.model, EXAMPLES)
    finally:
        engine.model.__class__ = kind
