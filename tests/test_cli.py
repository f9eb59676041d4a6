"""The command line does what it says, and says in one sentence what it cannot do."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from studio.cli import commands
from studio.tuning.recipe import Recipe

ROOT = Path(__file__).parents[1]


def call(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The real command in a process of its own."""
    command = [sys.executable, "-m", "studio", "--home", str(home), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["build", "nosuch"], "There is no template 'nosuch'"),
        (["build", "sentiment", "--rows", "/nowhere.csv"], "nowhere.csv cannot be read"),
        (["train"], "Name the dataset"),
        (["train", "--dataset", "nosuch"], "There is no dataset 'nosuch'"),
        (["train", "--dataset", "d", "--rank", "0"], "rank: input should be greater than"),
        (["train", "/nowhere.yaml"], "/nowhere.yaml cannot be read"),
        (["runs", "nosuch"], "There is no run 'nosuch'"),
        (["compare", "nosuch"], "There is no run 'nosuch'"),
        (["compare", "nosuch@9"], "is no lane"),
        (["report", "nosuch"], "There is no run 'nosuch'"),
        (["chat", "hi", "--base", "/nowhere"], "There is no model folder '/nowhere'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_code_1(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    done = call(tmp_path, *arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""
    assert not list((tmp_path / "runs").iterdir())
    assert not list((tmp_path / "datasets").iterdir())


def test_wrong_usage_is_code_2(tmp_path: Path) -> None:
    assert call(tmp_path, "train", "--lerning-rate", "1").returncode == 2
    assert call(tmp_path, "nosuch").returncode == 2


def test_an_empty_file_and_an_unknown_recipe_key_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    done = call(tmp_path, "build", "topic", "--rows", str(tmp_path / "empty.jsonl"))
    assert done.returncode == 1
    assert "no" in done.stderr
    (tmp_path / "recipe.yaml").write_text("dataset: d\nlerning_rate: 1\n")
    done = call(tmp_path, "train", str(tmp_path / "recipe.yaml"))
    assert done.returncode == 1
    assert "lerning_rate is not a known field" in done.stderr
    assert not list((tmp_path / "datasets").iterdir())
    assert not list((tmp_path / "runs").iterdir())


def test_building_twice_gives_the_same_dataset_as_json(tmp_path: Path) -> None:
    first = call(tmp_path, "build", "topic", "--json")
    second = call(tmp_path, "build", "topic", "--json")
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout) == json.loads(second.stdout)
    assert json.loads(first.stdout)["train"] > 0


def test_every_recipe_field_is_a_flag_with_its_help() -> None:
    shown = CliRunner().invoke(commands, ["train", "--help"]).output
    flat = " ".join(shown.split())
    for name, field in Recipe.model_fields.items():
        assert "--" + name.replace("_", "-") in flat
        assert " ".join(str(field.description).split()[:4]) in flat
