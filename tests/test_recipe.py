"""A recipe is one thing with four faces, and refuses what it does not know."""

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from studio.errors import RecipeError
from studio.tuning.presets import DIAL, PRESETS, preset
from studio.tuning.recipe import Method, Recipe, lora_learning_rate


def test_a_recipe_read_back_from_yaml_is_equal(tmp_path: Path) -> None:
    recipe = Recipe(dataset="d", rank=8, kl_anchor=0.5, learning_rate=3e-4)
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe.yaml())
    assert Recipe.read(path) == recipe
    assert Recipe.read(path, rank=4) == recipe.model_copy(update={"rank": 4})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"dataset": "d", "lerning_rate": 1}, "lerning_rate is not a known field"),
        ({"dataset": "d", "rank": 0}, "rank: input should be greater than or equal to 1"),
        ({"dataset": "d", "method": "magic"}, "method: input should be 'qlora', 'lora', 'ia3'"),
        ({"dataset": "d", "method": "prompt_tuning", "rank": 8}, "prompt_tuning has no rank;"),
        ({"dataset": "d", "virtual_tokens": 8}, "qlora has no virtual_tokens; leave it at 20"),
        ({}, "dataset: field required"),
    ],
)
def test_a_wrong_field_is_named_in_one_sentence(fields: dict[str, object], said: str) -> None:
    with pytest.raises(RecipeError) as refused:
        Recipe.make(fields)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"init": "olora"}, "rewrites the base's own weights"),
        ({"init": "orthogonal"}, "qlora holds it in 4 bits"),
        ({"init": "orthogonal", "method": "lora", "rank": 3}, "take an even rank"),
        ({"method": "ia3", "dora": True}, "ia3 has no dora"),
        ({"method": "full", "rank": 4}, "full has no rank"),
        ({"method": "partial", "pattern": "mlp"}, "belong together"),
        ({"method": "partial", "trained": "pattern", "pattern": "("}, "no regular expression"),
        ({"method": "partial", "trained": "head", "last_layers": 2}, "leave it at 1"),
        ({"method": "full", "start_from": "a"}, "leave start_from empty"),
        ({"init": "eva", "start_from": "a"}, "brings its first weights along"),
        ({"method": "prompt_tuning", "prompt_init": "text"}, "needs a prompt_text"),
        ({"method": "prompt_tuning", "prompt_text": "x"}, "prompt_init text"),
        ({"method": "prompt_tuning", "neftune": 5}, "disturbs the embeddings"),
        ({"loss": "dpo"}, "name the draft"),
        ({"pairs": "draft"}, "only read with the loss dpo"),
        ({"loss": "dpo", "pairs": "p", "method": "full"}, "take the method qlora or lora"),
        ({"loss": "dpo", "pairs": "p", "kl_anchor": 1}, "leave kl_anchor at 0"),
        ({"replay": 0.9, "replay_datasets": "d"}, "together are more than 0.9"),
        ({"anchor_on": "d"}, "raise kl_anchor"),
        ({"method": "scratch", "kl_anchor": 1}, "nothing to keep"),
    ],
)
def test_what_cannot_be_combined_is_refused_with_its_reason(
    fields: dict[str, object], said: str
) -> None:
    with pytest.raises(RecipeError, match=re.escape(said)):
        Recipe.make({"dataset": "d", **fields})


def test_what_can_be_weakened_and_held_is_known() -> None:
    recipes = {
        method: Recipe.make({"dataset": "d", "method": method}) for method in get_args(Method)
    }
    assert {name for name, one in recipes.items() if not one.has_strength} == {
        "prompt_tuning",
        "scratch",
    }
    assert {name for name, one in recipes.items() if not one.can_be_held} == {"scratch"}


@pytest.mark.parametrize("method", get_args(Method))
def test_every_method_has_a_preset_a_shape_and_a_summary(method: Method) -> None:
    for name in PRESETS:
        recipe = preset(name, dataset="d", method=method)
        assert recipe.shape
        assert recipe.summary().startswith(recipe.shape)
        assert Recipe.make(yaml.safe_load(recipe.yaml())) == recipe


@pytest.mark.parametrize("text", ["- a list", "rank: [", "\x00"])
def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=r"recipe\.yaml"):
        Recipe.read(path)


def test_every_field_has_a_help_text_and_a_group() -> None:
    for name, field in Recipe.model_fields.items():
        assert field.description, name
        assert isinstance(field.json_schema_extra, dict), name
        assert field.json_schema_extra["group"], name


def test_the_dial_goes_from_keeping_to_learning() -> None:
    keep, balanced, learn = (preset(name, dataset="d") for name in DIAL)
    assert keep.kl_anchor > balanced.kl_anchor > learn.kl_anchor == 0
    assert keep.learning_rate <= balanced.learning_rate < learn.learning_rate
    assert keep.alpha == balanced.alpha == learn.alpha == 32
    with pytest.raises(RecipeError, match="keep, balanced, learn, few, whole"):
        preset("wild", dataset="d")


def test_the_learning_rate_formula_gives_the_published_examples() -> None:
    # Tinker cookbook: Llama-3.2-1B (2048) 4.9e-4, Llama-3.1-8B (4096) 2.9e-4.
    assert lora_learning_rate(2048) == pytest.approx(4.9e-4)
    assert lora_learning_rate(4096) == pytest.approx(2.9e-4, rel=0.04)


def test_a_soft_prompt_takes_larger_steps_unless_told() -> None:
    soft = {"dataset": "d", "method": "prompt_tuning"}
    assert Recipe.make(soft).learning_rate == 0.01
    assert Recipe.make(soft | {"learning_rate": 5e-4}).learning_rate == 5e-4
    assert preset("learn", dataset="d", method="prompt_tuning").learning_rate == 0.01
    assert "soft prompt of 20 tokens" in Recipe.make(soft).summary()


def test_what_leaves_the_weights_alone_takes_a_base_in_four_bits() -> None:
    loaded = {m: Recipe(dataset="d", method=m).loading for m in get_args(Method)}
    assert {name for name, how in loaded.items() if how == "qlora"} == {
        "qlora",
        "ia3",
        "prompt_tuning",
    }


@pytest.mark.parametrize(
    ("examples", "epochs"), [(1, 40), (16, 40), (26, 20), (100, 6), (480, 2), (4000, 2)]
)
def test_few_examples_are_seen_until_there_are_steps_enough(examples: int, epochs: float) -> None:
    recipe = preset("balanced", dataset="d").for_examples(examples)
    assert recipe.epochs == epochs
