"""The advisor's rules: what was measured has the last word, and every decision has its reason."""

from typing import get_args

import pytest
from made_signals import CPU, GB, GPU, LLAMA_8B, made_signals

from studio.tuning.advisor import advise
from studio.tuning.options import Option, loading_for
from studio.tuning.signals import Answers, Signals
from studio.tuning.table import CELLS, Likeness, Size, likeness_of, place_of, size_of
from studio.tuning.telling import facts, summarize

EXAMPLES: dict[Size, int] = {
    "tiny": 20, "small": 300, "medium": 3000, "large": 50_000, "huge": 500_000
}  # fmt: skip
LOSSES: dict[Likeness, float] = {"similar": 0.5, "medium": 1.0, "far": 9.0}


def options(found: Signals) -> list[Option]:
    advice = advise(found, CPU)
    return [advice.best, *advice.others]


@pytest.mark.parametrize("size", get_args(Size))
@pytest.mark.parametrize("likeness", get_args(Likeness))
def test_every_place_of_the_table_gives_three_different_recipes_with_reasons(
    size: Size, likeness: Likeness
) -> None:
    found = made_signals(train=EXAMPLES[size], loss=LOSSES[likeness])
    assert (size_of(found.train), likeness_of(found)) == (size, likeness)
    recipes = [option.recipe for option in options(found)]
    assert len({recipe.summary() for recipe in recipes if recipe}) == len(recipes) == 3
    assert {recipe.alpha for recipe in recipes if recipe} == {32}
    for option in options(found):
        assert len(option.reasons) >= 3
        assert all(one.what and one.why and one.source for one in option.reasons)


def test_a_base_that_is_right_already_is_left_alone() -> None:
    found = made_signals(written=Answers(n=64, right=63))
    assert options(found)[0].strategy == "none"
    assert "63 of 64" in options(found)[0].reasons[0].why
    assert advise(found, CPU).trainable[0].recipe, "a race can be held all the same"


def test_few_right_answers_prove_nothing() -> None:
    assert options(made_signals(written=Answers(n=10, right=10)))[0].strategy == "lora"


def test_few_examples_are_shown_where_that_was_seen_to_be_enough() -> None:
    taught = Answers(n=64, right=62)
    assert options(made_signals(train=30, written_few_shot=taught))[0].strategy == "few_shot"
    few = Answers(n=64, right=58)  # enough for 30 examples, not for 300
    assert options(made_signals(train=30, written_few_shot=few))[0].strategy == "few_shot"
    assert options(made_signals(train=300, written_few_shot=few))[0].strategy == "lora"


def test_the_rank_holds_the_answers() -> None:
    few, many = (
        options(made_signals(train=3000, answer_tokens=tokens))[0].recipe
        for tokens in (1000, 3_000_000)
    )
    assert few
    assert many
    assert few.rank == CELLS["medium", "medium"].rank
    assert made_signals().shape.adapter(many.rank) >= 3_000_000 > made_signals().shape.adapter(128)


def test_the_rank_is_that_of_the_matrices_which_get_an_adapter() -> None:
    shape = made_signals().shape
    tokens = shape.adapter(64)  # all matrices of all layers would do at rank 64
    found = made_signals(train=3000, loss=LOSSES["similar"], answer_tokens=tokens)
    recipe = options(found)[0].recipe
    assert recipe
    assert recipe.targets == "mlp"
    assert shape.adapter(recipe.rank, "mlp") >= tokens > shape.adapter(64, "mlp")


def test_a_base_goes_into_4_bits_only_where_full_precision_does_not_fit() -> None:
    assert loading_for(LLAMA_8B, GPU) == "lora"
    assert loading_for(LLAMA_8B, GPU.model_copy(update={"free": 15 * GB})) == "qlora"
    large = made_signals(shape=LLAMA_8B, base="big")
    on_cpu = advise(large, CPU).best
    assert on_cpu.recipe
    assert on_cpu.recipe.method == "qlora"
    assert "12 GB are free" in " ".join(reason.why for reason in on_cpu.reasons)


def test_near_data_gets_what_changes_least_for_the_size_of_the_base() -> None:
    near = {"loss": 0.5, "own_loss": 0.5}
    assert [one.strategy for one in options(made_signals(**near))] == ["lora", "freeze", "lora"]
    top = options(made_signals(**near))[0].recipe
    assert top
    assert top.frozen_layers == 2
    large = advise(made_signals(shape=LLAMA_8B, base="big", **near), GPU)
    assert [one.strategy for one in large.trainable] == ["lora", "soft_prompt", "lora"]


def test_much_data_far_away_is_worth_all_weights_of_a_small_base_only() -> None:
    far = {"loss": 9.0, "train": 50_000}
    assert options(made_signals(**far))[0].strategy == "full"
    large = advise(made_signals(shape=LLAMA_8B, base="big", **far), GPU)
    assert "full" not in [one.strategy for one in large.trainable]


def test_the_dot_lies_in_the_corner_that_size_and_similarity_say() -> None:
    few_far = place_of(made_signals(train=30, loss=9.0))
    many_near = place_of(made_signals(train=20_000, loss=0.5))
    assert few_far.up < 0.5 < many_near.up
    assert few_far.across < 0.5 < many_near.across


def test_the_advice_is_told_with_its_numbers() -> None:
    advice = advise(made_signals(train=1234, repeated=7), CPU)
    told = " ".join(" ".join(row) for row in facts(advice))
    assert "7 of them repeated" in told
    assert "12 GB of 16 GB free" in told
    assert summarize(advice).startswith("1,234 examples with 900 answer tokens")
