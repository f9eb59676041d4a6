"""A run's recipe for TRL alone: its configuration and its script are run, not only written."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from studio import Recipe, Studio
from studio.errors import RecipeError, RunError
from studio.tuning.run import Run, create_run


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return Studio(tmp_path_factory.mktemp("home"))


def made(studio: Studio, **fields: Any) -> Run:
    dataset = studio.build("sentiment", limit=12)
    recipe = Recipe.make({"dataset": dataset.id, "max_steps": 2, "batch_size": 2} | fields)
    return create_run(studio.settings.runs, recipe, about="plain")


def test_the_configuration_says_what_the_recipe_says(studio: Studio, tmp_path: Path) -> None:
    run = made(studio, rank=4, rslora=True, targets="mlp", loss="dft", neftune=5, rate_factor=0.5)
    folder, missing = studio.export_plain(run.id, tmp_path)
    assert missing == []
    said = yaml.safe_load((folder / "run.yaml").read_text())
    assert (said["lora_r"], said["use_rslora"], said["max_steps"]) == (4, True, 2)
    assert set(said["lora_target_modules"]) == {"gate_proj", "up_proj", "down_proj"}
    assert said["learning_rate"] == run.recipe.learning_rate / 2
    assert (said["loss_type"], said["neftune_noise_alpha"]) == ("dft", 5)
    assert (said["load_in_4bit"], said["bnb_4bit_quant_type"]) == (True, "nf4")


def test_what_was_replayed_takes_no_steps_of_the_tasks_rows(studio: Studio, tmp_path: Path) -> None:
    run = made(studio, replay=0.5, max_steps=0, epochs=3)
    folder, _ = studio.export_plain(run.id, tmp_path)
    said = yaml.safe_load((folder / "run.yaml").read_text())
    examples = studio.dataset(run.recipe.dataset).card.train
    assert said["max_steps"] == 3 * -(-examples // 2)


def test_the_data_are_the_dataset(studio: Studio, tmp_path: Path) -> None:
    run = made(studio)
    folder, _ = studio.export_plain(run.id, tmp_path)
    lines = (folder / "data" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    examples = studio.dataset(run.recipe.dataset).train()
    assert [json.loads(line)["completion"][0]["content"] for line in lines] == [
        one.completion for one in examples
    ]


def test_what_trl_cannot_say_stands_at_the_top(studio: Studio, tmp_path: Path) -> None:
    run = made(studio, kl_anchor=2, frozen_layers=1)
    folder, missing = studio.export_plain(run.id, tmp_path)
    assert missing == ["the KL anchor to the base", "frozen lower layers"]
    for name in ("run.yaml", "train.py"):
        assert (folder / name).read_text().startswith("# Without the KL anchor to the base")


@pytest.mark.parametrize("fields", [{"method": "prompt_tuning"}, {"method": "two_stage"}])
def test_a_method_that_trl_does_not_have_is_refused(
    studio: Studio, tmp_path: Path, fields: dict[str, Any]
) -> None:
    with pytest.raises(RecipeError, match="TRL alone has no"):
        studio.export_plain(made(studio, **fields).id, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(studio: Studio, tmp_path: Path) -> None:
    run = made(studio)
    folder, _ = studio.export_plain(run.id, tmp_path)
    (folder / "run.yaml").write_text("mine")
    with pytest.raises(RunError, match="is there already"):
        studio.export_plain(run.id, tmp_path)
    assert (folder / "run.yaml").read_text() == "mine"


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [("-c", "from trl.cli import main; main()", "sft", "--config", "run.yaml"), ("train.py",)],
    ids=["trl sft", "script"],
)
@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_it_runs(studio: Studio, tmp_path: Path, command: tuple[str, ...], method: str) -> None:
    folder, _ = studio.export_plain(made(studio, method=method, rank=4).id, tmp_path)
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, check=False,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    config = json.loads((folder / "adapter" / "adapter_config.json").read_text())
    assert config["r"] == 4
    assert (folder / "adapter" / "adapter_model.safetensors").stat().st_size > 1000
