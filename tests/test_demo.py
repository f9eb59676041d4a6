"""The demo, as a person runs it: both models learn the task, and only the plain one forgets."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("home")
    command = [sys.executable, "-m", "studio", "--home", str(home), "demo", "--no-serve", "--json"]
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    result: dict[str, Any] = json.loads(done.stdout)  # one JSON object and nothing else
    return result


def deltas(demo: dict[str, Any], run: int, kind: str) -> list[dict[str, Any]]:
    """The report's rows of one of the two runs, without the row of all probes together."""
    lane = demo["runs"][run]["id"]
    rows = [row for row in demo["report"]["deltas"] if row["lane"] == lane and row["kind"] == kind]
    return [row for row in rows if row["probe"] != "retention"]


@pytest.mark.parametrize("run", [0, 1])
def test_both_runs_learn_the_task(demo: dict[str, Any], run: int) -> None:
    (task,) = deltas(demo, run, "gain")
    assert task["base_accuracy"] <= 0.6
    assert task["accuracy"] >= 0.9
    assert task["verdict"] == "gained"


def test_the_plain_run_forgets(demo: dict[str, Any]) -> None:
    forgotten = [row for row in deltas(demo, 0, "retention") if row["verdict"] == "forgotten"]
    assert forgotten
    assert all(row["high"] < 0 for row in forgotten)
    assert "Forgot" in demo["headlines"][demo["runs"][0]["id"]]


def test_the_keeping_run_forgets_nothing(demo: dict[str, Any]) -> None:
    rows = deltas(demo, 1, "retention")
    assert len(rows) >= 12
    assert not [row["probe"] for row in rows if row["verdict"] == "forgotten"]


def test_every_number_has_its_n_and_interval(demo: dict[str, Any]) -> None:
    for row in demo["report"]["deltas"]:
        assert row["n"] >= 40
        assert row["low"] <= row["difference"] <= row["high"]
        assert row["base_low"] <= row["base_accuracy"] <= row["base_high"]
        assert row["accuracy_low"] <= row["accuracy"] <= row["accuracy_high"]


def test_the_runs_differ_in_what_keeps_old_skills_alone(demo: dict[str, Any]) -> None:
    plain, keeping = (run["recipe"] for run in demo["runs"])
    differing = {field for field in plain if plain[field] != keeping[field]}
    assert differing == {"name", "kl_anchor", "replay"}


def test_all_three_answered_the_same_questions(demo: dict[str, Any]) -> None:
    lanes = {"base", *(run["id"] for run in demo["runs"])}
    assert len(demo["chat"]) >= 3
    assert all(set(turn["answers"]) == lanes for turn in demo["chat"])
