"""The command line does what it says, and says in one sentence what it cannot do."""

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from made_home import Home

from studio.cli import commands
from studio.cli.measuring import at_strengths
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
        (["report", "nosuch", "--format", "html"], "There is no run 'nosuch'"),
        (["compare", "--more", "nosuch"], "There is no run 'nosuch'"),
        (["compare", "a", "--strengths", "2"], "is no lane"),
        (["probes", "show", "nosuch"], 'there is no probe or pack called "nosuch"'),
        (["probes", "import", "/nowhere.csv"], "nowhere.csv"),
        (["repair", "nosuch", "--lane", "nosuch", "--how", "replay"], "There is no run 'nosuch'"),
        (["export", "nosuch", "/nowhere/out"], "There is no run 'nosuch'"),
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


@pytest.mark.parametrize(
    "arguments",
    [
        ["nosuch"],
        ["train", "--lerning-rate", "1"],
        ["compare"],
        ["compare", "run", "--more", "other"],
        ["compare", "--more", "other", "--shots", "2"],
        ["compare", "run", "--strengths", "half"],
        ["report", "run", "--format", "pdf"],
        ["repair", "report", "--lane", "run", "--how", "prayer"],
        ["repair", "report", "--lane", "run", "--how", "replay", "--rank", "4"],
    ],
)
def test_wrong_usage_is_code_2(tmp_path: Path, arguments: list[str]) -> None:
    done = CliRunner().invoke(commands, ["--home", str(tmp_path), *arguments])
    assert done.exit_code == 2, done.output
    assert not list(tmp_path.glob("runs/*"))


def say(made: Home, *arguments: str) -> str:
    """What a command that must work prints."""
    home = made.measured.folder.parent.parent
    done = CliRunner().invoke(commands, ["--home", str(home), *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_report_is_had_in_every_form(measured: Home, tmp_path: Path) -> None:
    tuned = measured.tuned.id
    report = json.loads(say(measured, "report", tuned, "--json"))
    assert report == json.loads(say(measured, "report", tuned, "--format", "json"))
    assert say(measured, "report", tuned).startswith("# What was gained")
    assert say(measured, "report", tuned, "--format", "html").startswith("<!doctype html>")
    rows = say(measured, "report", tuned, "--format", "csv").splitlines()
    assert len(rows) == 1 + len(report["deltas"])
    answers = say(measured, "report", measured.measured.id, "--format", "answers")
    assert len(list(csv.reader(io.StringIO(answers, newline="")))) == 1 + 3 * 200


def test_a_report_is_written_once_with_its_pictures(measured: Home, tmp_path: Path) -> None:
    path = tmp_path / "told.md"
    assert say(measured, "report", measured.tuned.id, "--output", str(path)).strip() == str(path)
    pictures = re.findall(r"\]\((told-pictures/[^)]+\.svg)\)", path.read_text())
    assert pictures
    assert all((tmp_path / picture).exists() for picture in pictures)
    again = call(
        measured.tuned.folder.parent.parent, "report", measured.tuned.id, "--output", str(path)
    )
    assert again.returncode == 1
    assert "exists already" in again.stderr


def test_a_report_is_judged_again_by_other_margins(measured: Home) -> None:
    def verdicts(*bounds: str) -> dict[str, str]:
        report = json.loads(say(measured, "report", measured.tuned.id, "--json", *bounds))
        own = [one for one in report["deltas"] if one["lane"] == measured.tuned.id]
        return {one["probe"]: one["accuracy_verdict"] for one in own}

    assert verdicts()["capitals"] == "forgotten"
    assert verdicts("--margin", "0.9")["capitals"] == "no material change"
    assert verdicts()["capitals"] == "forgotten"  # nothing was changed for good
    wrong = call(measured.tuned.folder.parent.parent, "report", measured.tuned.id, "--level", "2")
    assert wrong.returncode == 1
    assert len(wrong.stderr.strip().splitlines()) == 1


def test_probes_are_listed_imported_and_shown(tmp_path: Path, measured: Home) -> None:
    file = tmp_path / "rivers.csv"
    file.write_text("question,answer,choices\nWhich is a river?,Rhine,Rhine|Alps\n")
    before = {one["name"] for one in json.loads(say(measured, "probes", "--json"))}
    assert "starter-capitals" in before
    say(measured, "probes", "import", str(file), "--title", "Rivers")
    listed = {one["name"]: one for one in json.loads(say(measured, "probes", "--json"))}
    assert set(listed) - before == {"rivers"}
    assert listed["rivers"]["cases"] == 1
    (shown,) = json.loads(say(measured, "probes", "show", "rivers", "--json"))
    assert shown["title"] == "Rivers"
    assert shown["cases"][0]["answer"] == "Rhine"
    assert "Which is a river?" in say(measured, "probes", "show", "rivers")


def test_strengths_become_lanes() -> None:
    lanes = at_strengths(["run", "other:30"], [0.5, 1.0])
    assert [lane.id for lane in lanes] == ["run@0.5", "run", "other:30@0.5", "other:30"]
    assert [lane.id for lane in at_strengths(["run@0.25"], [])] == ["run@0.25"]


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
