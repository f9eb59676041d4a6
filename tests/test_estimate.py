"""What a recipe takes is worked out from configurations alone, refused with numbers, and mended."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from made_signals import CPU, GB, GPU, LLAMA_8B

from studio import Recipe, Studio
from studio.cli import commands
from studio.data.draft_items import Provenance
from studio.data.example import Message
from studio.data.form_files import open_form
from studio.errors import ModelError, RecipeError
from studio.models.catalogue import STARTER
from studio.models.gate import tensors
from studio.models.shape import find_shape, read_shape
from studio.tuning.estimate import count_trained, estimate, read_estimate
from studio.tuning.events import append_event
from studio.tuning.fitting import fit, fit_again, lighten, refuse, size
from studio.tuning.lengths import Lengths, measure_lengths
from studio.tuning.machine import look
from studio.tuning.run import create_run
from studio.ui import before_start, forms

SHORT = Lengths(examples=1000, mean=300, longest=512, answers=60, counted=True)
HUGE: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 8192, "num_hidden_layers": 80, "num_attention_heads": 64,
    "num_key_value_heads": 8, "intermediate_size": 28672, "vocab_size": 128256,
    "tie_word_embeddings": False,
}  # fmt: skip


@pytest.fixture
def giant(tmp_path: Path) -> str:
    """A folder with nothing but the configuration of a model of 340 billion weights."""
    folder = tmp_path / "giant"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(HUGE | {"num_hidden_layers": 400}))
    return str(folder)


def test_a_shape_counts_every_weight_of_the_starter() -> None:
    held = tensors(STARTER / "model.safetensors")
    counted = sum(one[0] * (one[1] if len(one) > 1 else 1) for one in held.values())
    assert find_shape("starter").parameters == counted


def test_shapes_agree_with_published_sizes() -> None:
    assert LLAMA_8B.parameters == 8_030_261_248
    llama_1b = read_shape(
        HUGE | {"hidden_size": 2048, "num_hidden_layers": 16, "num_attention_heads": 32,
                "intermediate_size": 8192, "tie_word_embeddings": True}, "llama"
    )  # fmt: skip
    assert llama_1b.adapter(1) == 704_512  # per rank, in the Tinker cookbook's table
    gpt2 = {"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "vocab_size": 50257}
    assert read_shape(gpt2, "gpt2").parameters == pytest.approx(124_439_808, rel=0.01)


def test_what_is_no_language_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"hidden_size": 64}')
    with pytest.raises(ModelError, match="num_attention_heads"):
        find_shape(str(tmp_path))
    with pytest.raises(ModelError, match=r"config\.json is not to be had from the Hub"):
        find_shape("nobody/nothing")


def test_lengths_are_those_that_training_reads(studio: Studio) -> None:
    dataset = studio.build("sentiment", limit=40)
    found = measure_lengths(dataset, "starter")
    learned = open_form(STARTER).learn(dataset.train())
    assert found.counted
    assert found.longest == max(len(one.ids) for one in learned)
    assert found.mean == pytest.approx(sum(len(one.ids) for one in learned) / len(learned))
    guessed = measure_lengths(dataset, "nobody/nothing")
    assert not guessed.counted
    assert 0.3 < guessed.mean / found.mean < 3


def test_memory_is_that_of_the_table_for_8_billion_weights() -> None:
    # As published for QLoRA: NF4 weights 5 to 5.5 GB, QLoRA peak 8 to 10 GB at batch 1 to 2.
    recipe = Recipe(dataset="d", batch_size=2, max_length=1024)
    long = SHORT._replace(longest=1024)
    found = estimate(recipe, LLAMA_8B, long, GPU)
    assert 5.0 * GB < found.parts["base"] < 6.5 * GB
    assert 7 * GB < found.memory < 11 * GB
    whole = estimate(recipe.model_copy(update={"method": "full"}), LLAMA_8B, long, GPU)
    assert not whole.fits
    assert whole.trained == LLAMA_8B.parameters


def test_what_is_held_beside_the_model_counts() -> None:
    starter = find_shape("starter")

    def parts(**fields: Any) -> dict[str, int]:
        return estimate(Recipe(dataset="d", **fields), starter, SHORT, CPU).parts

    whole, anchored = parts(method="full"), parts(method="full", kl_anchor=0.5)
    weights = 4 * starter.parameters
    assert whole["what learns"] == 5 * weights  # gradient, two moments, the last good step twice
    assert anchored["what learns"] == 6 * weights
    assert parts(method="full", forgetting_budget=0.1)["what learns"] == 6 * weights
    pairs = parts(loss="dpo", pairs="votes")
    assert pairs["one batch"] == 2 * parts()["one batch"]


def test_replay_and_batches_decide_the_steps() -> None:
    recipe = Recipe(dataset="d", batch_size=8, accumulation=2, epochs=2)
    assert recipe.steps_over(recipe.with_replayed(160)) == 20
    half = {"replay": 0.2, "replay_probes": ("p",), "probe_share": 0.2}
    half |= {"replay_datasets": ("e",), "dataset_share": 0.1}
    replaying = recipe.model_copy(update=half)
    assert replaying.with_replayed(160) == 320
    assert replaying.steps_over(320) == 40
    assert recipe.model_copy(update={"max_steps": 7}).steps_over(160) == 7


@pytest.mark.parametrize(
    ("fields", "share"),
    [
        ({"method": "lora", "frozen_layers": 2}, 0.5),
        ({"method": "lora", "targets": "mlp"}, 0.585),
    ],
)
def test_less_learns_where_less_is_chosen(fields: dict[str, Any], share: float) -> None:
    whole = count_trained(Recipe(dataset="d", method="lora"), find_shape("starter"))
    part = count_trained(Recipe(dataset="d", **fields), find_shape("starter"))
    assert part / whole == pytest.approx(share, abs=0.01)


def test_a_lighter_recipe_halves_the_batch_first_then_takes_4_bits_then_cuts() -> None:
    recipe = Recipe(dataset="d", method="lora", batch_size=4, accumulation=1, max_length=128)
    steps = [one for one, _ in lighten(recipe)]
    assert [(one.batch_size, one.accumulation) for one in steps[:2]] == [(2, 2), (1, 4)]
    assert [one.method for one in steps] == ["lora", "lora", "qlora", "qlora"]
    assert steps[-1].max_length == 64
    *_, (_, changes) = lighten(recipe)
    assert changes == (
        "batch_size 1, accumulation 4", "the base in 4 bits (qlora)", "max_length 64"
    )  # fmt: skip


@pytest.mark.parametrize("fields", [{"start_from": "earlier"}, {"init": "orthogonal"}])
def test_what_needs_full_precision_is_not_offered_in_4_bits(fields: dict[str, Any]) -> None:
    recipe = Recipe(dataset="d", method="lora", batch_size=4, max_length=128, **fields)
    assert {one.method for one, _ in lighten(recipe)} == {"lora"}


def test_what_is_fitted_fits() -> None:
    recipe = Recipe(dataset="d", method="lora", batch_size=64, max_length=2048)
    long = SHORT._replace(longest=2048)
    assert not estimate(recipe, LLAMA_8B, long, GPU).fits
    found = fit(recipe, LLAMA_8B, long, GPU)
    assert found
    assert found.estimate.fits
    assert found.recipe.batch_size * found.recipe.accumulation == 64
    again = fit_again(found.recipe, LLAMA_8B, long, GPU)
    assert again.estimate.memory < found.estimate.memory
    with pytest.raises(RecipeError, match="smaller base"):
        fit_again(Recipe(dataset="d", batch_size=1, max_length=64), LLAMA_8B, long, GPU)


def test_a_run_that_cannot_fit_is_refused_with_the_numbers(studio: Studio, giant: str) -> None:
    dataset = studio.build("sentiment", limit=20)
    recipe = Recipe(dataset=dataset.id, base=giant, checkpoints=0)
    needed = studio.estimate(recipe)
    assert not needed.fits
    with pytest.raises(RecipeError) as refused:
        studio.train(recipe)
    assert size(needed.memory) in str(refused.value)
    assert size(look(studio.settings.home).memory) in str(refused.value)
    assert not studio.runs()
    with pytest.raises(ModelError, match="no safetensors"):  # nobody refuses it, but it is no model
        studio.train(recipe, anyway=True)


def test_a_run_too_large_for_the_disk_is_refused(studio: Studio) -> None:
    small = CPU.model_copy(update={"disk": 1000})
    found = estimate(Recipe(dataset="d"), find_shape("starter"), SHORT, small)
    with pytest.raises(RecipeError, match=r"1\.0 kB are free; keep fewer checkpoints"):
        refuse(found, None)


def test_the_steps_of_dpo_are_those_over_its_pairs(studio: Studio) -> None:
    dataset = studio.build("sentiment", limit=40)
    draft = studio.drafts.begin("votes")
    for number in range(10):
        talk = (Message(role="user", content=f"Is {number} a number?"),)
        studio.drafts.keep_pair(draft.name, talk, "Aye.", "Nay.", Provenance())
    recipe = Recipe(dataset=dataset.id, loss="dpo", pairs=draft.name, batch_size=3, epochs=2)
    found = studio.estimate(recipe)
    assert found.steps == 6  # nine of ten pairs, three at a time, twice
    assert found.counted
    assert not list(studio.settings.pairs.glob("*"))


def test_the_pace_of_an_earlier_run_alike_is_taken(studio: Studio) -> None:
    recipe = Recipe(dataset="d", name="before")
    run = create_run(studio.settings.runs, recipe, about="before")
    append_event(run.folder / "events.jsonl", "finished", tokens_per_second=100.0)
    shape = find_shape("starter")
    found = estimate(recipe, shape, SHORT, CPU, runs=[run])
    assert found.seconds == pytest.approx(found.tokens / 100)
    assert "“before”" in found.pace
    other = recipe.model_copy(update={"batch_size": 2})
    assert "operations" in estimate(other, shape, SHORT, CPU, runs=[run]).pace


def test_the_page_tells_what_a_recipe_takes_and_offers_what_fits(
    studio: Studio, giant: str
) -> None:
    dataset = studio.build("sentiment", limit=20)
    fits = before_start.tell(studio, *forms.to_values(Recipe(dataset=dataset.id)))
    assert "Fits:" in fits[0]
    assert not fits[2].visible
    too_large = Recipe(dataset=dataset.id, base=giant)
    told = before_start.tell(studio, *forms.to_values(too_large))
    assert "Does not fit" in told[0]
    assert told[1].visible
    assert told[2].visible


def test_the_command_line_estimates(studio: Studio, home: Path) -> None:
    dataset = studio.build("sentiment", limit=20)
    command = ["--home", str(home), "estimate", "--preset", "whole", "--dataset", dataset.id]
    done = CliRunner().invoke(commands, [*command, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert told["trained"] == told["parameters"] == find_shape("starter").parameters
    assert told["fits"]
    assert "fits" in CliRunner().invoke(commands, command).output


def test_a_run_keeps_what_was_estimated(studio: Studio) -> None:
    assert read_estimate(create_run(studio.settings.runs, Recipe(dataset="d"), about="x")) is None
