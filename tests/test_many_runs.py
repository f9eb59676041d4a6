"""Many runs: names and notes, places in line, sweeps, and where recipes differ."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from studio import Recipe, Studio
from studio.cli import commands
from studio.cli.console import follow_all
from studio.errors import RecipeError, RunError
from studio.tuning.differences import differing
from studio.tuning.events import append_event
from studio.tuning.label import FILE
from studio.tuning.queue import draw_ticket
from studio.tuning.run import Run, create_run
from studio.tuning.sweep import read_rates, sweep_of


def made(studio: Studio, about: str = "run", **fields: object) -> Run:
    recipe = Recipe.make({"dataset": "d-1", "name": about} | fields)
    return create_run(studio.settings.runs, recipe, about=about)


def say(studio: Studio, *arguments: str, code: int = 0) -> str:
    home = str(studio.settings.home)
    done = CliRunner().invoke(commands, ["--home", home, *arguments])
    assert done.exit_code == code, done.output
    return done.stdout


def test_a_name_and_a_note_are_kept_beside_a_recipe_that_stays_as_it_was(studio: Studio) -> None:
    run = made(studio, "first")
    before = (run.folder / "recipe.json").read_bytes()
    assert (run.title, run.note) == ("first", "")
    studio.note_run(run.id, "  the one to keep ")
    studio.rename_run(run.id, "Better")
    again = studio.run(run.id)
    assert (again.title, again.note) == ("Better", "the one to keep")
    assert (run.folder / "recipe.json").read_bytes() == before
    studio.rename_run(run.id, "")
    assert (run.title, run.note) == ("first", "the one to keep")


def test_a_name_that_is_too_long_changes_nothing(studio: Studio) -> None:
    run = made(studio, "first")
    studio.rename_run(run.id, "Better")
    with pytest.raises(RunError, match="80"):
        studio.rename_run(run.id, "x" * 81)
    assert run.title == "Better"


@pytest.mark.parametrize("torn", ["", '{"title": "Bet', '{"title": 3}', '{"colour": "red"}'])
def test_a_label_that_cannot_be_read_hides_no_run(studio: Studio, torn: str) -> None:
    run = made(studio, "first")
    (run.folder / FILE).write_text(torn)
    assert run.title == "first"
    studio.note_run(run.id, "whole again")
    assert (run.title, run.note) == ("first", "whole again")


def test_a_waiting_run_is_moved_and_no_other(studio: Studio) -> None:
    runs = [made(studio, name) for name in ("a", "b", "c")]
    for run in runs:
        draw_ticket(studio.settings.home, run.id)
    first, second, third = (run.id for run in runs)

    def moved(id: str, places: int) -> list[str]:
        return [run.id for run in studio.move_run(id, places)]

    assert moved(third, -1) == [first, third, second]
    assert moved(third, -10) == [third, first, second]
    assert moved(third, 1) == [first, third, second]
    assert moved(first, 10) == [third, second, first]
    with pytest.raises(RunError, match="does not wait"):
        studio.move_run(made(studio, "idle").id, 1)


def test_a_sweep_is_the_recipe_at_every_rate_and_says_which() -> None:
    recipe = Recipe(dataset="d-1", rank=4)
    swept = sweep_of(recipe, [1e-3, 1e-4, 1e-3], title="a" * 80)
    assert [one.learning_rate for one in swept] == [1e-4, 1e-3]
    assert [one.name for one in swept] == [f"{'a' * 60} · rate 0.0001", f"{'a' * 60} · rate 0.001"]
    for one in swept:
        told = {"learning_rate": recipe.learning_rate, "name": recipe.name}
        assert one.model_copy(update=told) == recipe


@pytest.mark.parametrize(
    "text", ["", "1e-4", "1e-4, 1e-4", "1e-4, fast", "0, 1e-4", "-1, 1", "nan, 1", "inf, 1e-4",
             "1,2,3,4,5,6,7,8,9"],
)  # fmt: skip
def test_rates_that_make_no_sweep_are_refused(text: str) -> None:
    with pytest.raises(RecipeError, match="rate"):
        read_rates(text)


def test_a_sweep_with_one_rate_out_of_bounds_starts_nothing(studio: Studio) -> None:
    dataset = studio.build("sentiment", limit=20)
    with pytest.raises(RecipeError):
        studio.sweep(Recipe(dataset=dataset.id), [1e-4, 50.0])
    assert studio.runs() == []


def test_only_fields_that_differ_are_told_in_the_order_of_the_recipe(studio: Studio) -> None:
    runs = [made(studio, "a", rank=4), made(studio, "b", learning_rate=1e-3), made(studio, "c")]
    found = differing(runs)
    usual = Recipe(dataset="d-1")
    assert [(one.field, one.values) for one in found] == [
        ("rank", (4, usual.rank, usual.rank)),
        ("learning_rate", (usual.learning_rate, 1e-3, usual.learning_rate)),
    ]
    assert differing([runs[2], made(studio, "other name")]) == []


def test_of_several_runs_none_is_started_if_one_cannot_be(studio: Studio) -> None:
    dataset = studio.build("sentiment", limit=20).id
    wrong = Recipe(dataset=dataset, frozen_layers=400)
    with pytest.raises(RecipeError, match="400"):
        studio.train_all([Recipe(dataset=dataset), wrong])
    assert studio.runs() == []


def test_layers_that_would_both_learn_and_be_frozen_are_told(studio: Studio) -> None:
    dataset = studio.build("sentiment", limit=20).id
    fields = {"dataset": dataset, "method": "partial", "last_layers": 3, "frozen_layers": 2}
    with pytest.raises(RecipeError, match="last 3 and the lowest 2 of 4 layers overlap"):
        studio.train(Recipe.make(fields))
    assert studio.runs() == []


def test_runs_are_followed_to_the_last_though_one_failed(studio: Studio) -> None:
    runs = [made(studio, name) for name in ("a", "b", "c")]
    for run, kind in zip(runs, ("finished", "failed", "finished"), strict=True):
        append_event(run.folder / "events.jsonl", kind, message="why", steps=1)
    (wrong,) = follow_all(studio, runs)
    assert runs[1].id in wrong
    assert "why" in wrong


@pytest.mark.parametrize("number", [1, 5])
def test_one_run_or_five_are_not_compared(studio: Studio, number: int) -> None:
    with pytest.raises(RunError, match="two to 4"):
        differing([made(studio)] * number)


def test_a_run_is_called_noted_and_ordered_on_the_command_line(studio: Studio) -> None:
    runs = [made(studio, name) for name in ("a", "b")]
    for run in runs:
        draw_ticket(studio.settings.home, run.id)
    second = runs[1].id
    assert say(studio, "runs", second, "--rename", "Better", "--note", "keep") == (
        f"{second}: Better (keep)\n"
    )
    assert say(studio, "runs", second, "--first").startswith(f"1. {second} Better\n2. ")
    assert say(studio, "runs", second, "--move", "1").endswith(f"2. {second} Better\n")
    listed = json.loads(say(studio, "runs", "--json"))
    assert (listed[0]["title"], listed[0]["note"]) == ("Better", "keep")
    assert "keep" in say(studio, "runs")


def test_runs_are_compared_on_the_command_line(studio: Studio) -> None:
    one, two = made(studio, "a", rank=4), made(studio, "b", rank=8)
    append_event(one.folder / "events.jsonl", "step", step=1, total=2, loss=1.5)
    told = json.loads(say(studio, "runs", one.id, two.id, "--json"))
    assert told["recipes"] == {"rank": {one.id: 4, two.id: 8}}
    assert told["results"]["loss"] == {one.id: 1.5, two.id: None}
    lines = say(studio, "runs", one.id, two.id).splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["rank", "status", "loss", "heldout_loss"]


@pytest.mark.parametrize("flags", [["--first"], ["--note", "x"], ["--plain", "out"]])
def test_what_is_for_one_run_is_not_done_to_none_or_two(studio: Studio, flags: list[str]) -> None:
    run = made(studio)
    for names in ([], [run.id, run.id]):
        say(studio, "runs", *names, *flags, code=2)
    assert run.note == ""


def test_the_folder_for_trl_is_written_from_the_command_line(
    studio: Studio, tmp_path: Path
) -> None:
    dataset = studio.build("sentiment", limit=20)
    run = made(studio, dataset=dataset.id)
    folder = Path(say(studio, "runs", run.id, "--plain", str(tmp_path)).strip())
    assert {path.name for path in folder.iterdir()} == {"run.yaml", "train.py", "data"}
