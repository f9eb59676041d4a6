"""The runs of the Tune tab: what is found, told, compared, swept, and done to one of them."""

from pathlib import Path
from typing import Any
from zipfile import ZipFile

import gradio as gr
import pytest
from made_report import Made, make_report_home

from studio import Recipe, Studio
from studio.errors import StudioError
from studio.tuning.events import append_event
from studio.tuning.queue import draw_ticket
from studio.tuning.run import Run, create_run
from studio.ui import forms, run_compare, run_deeds, run_table, sweep, tune
from studio.ui.history import show_run
from studio.ui.run_table import HEADERS, Wanted, find, show_runs


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that files for the browser are made in."""
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    return folder


def made(studio: Studio, about: str, *events: dict[str, Any], **fields: Any) -> Run:
    recipe = Recipe.make({"dataset": "d-1", "name": about} | fields)
    run = create_run(studio.settings.runs, recipe, about=about)
    for event in events:
        append_event(run.folder / "events.jsonl", **event)
    return run


def found(studio: Studio, **wanted: str) -> set[str]:
    """Names of the runs that are found."""
    return {run.title for run, _ in find(studio.runs(), Wanted(**wanted))}


def test_runs_are_found_by_words_status_method_and_dataset(studio: Studio) -> None:
    done = made(studio, "Alpha", {"kind": "finished", "steps": 3})
    made(studio, "Beta", {"kind": "failed", "message": "why"}, method="lora")
    made(studio, "Gamma", {"kind": "cancelled"}, dataset="d-2")
    studio.note_run(done.id, "The one to Keep")
    assert found(studio) == {"Alpha", "Beta", "Gamma"}
    assert found(studio, text="keep ONE") == {"Alpha"}
    assert found(studio, text="d-2") == {"Gamma"}
    assert found(studio, text="keep gamma") == set()
    assert found(studio, status="failed") == {"Beta"}
    assert found(studio, method="lora") == {"Beta"}
    assert found(studio, dataset="d-1") == {"Alpha", "Beta"}
    assert found(studio, dataset="d-1", status="finished", method="qlora") == {"Alpha"}


def test_the_table_is_left_alone_until_something_changes(studio: Studio) -> None:
    run = made(studio, "Alpha", {"kind": "finished", "steps": 3})
    everything = ["", "", "", ""]
    table, chosen, compared, datasets, seen, clock = show_runs(studio, None, None, *everything)
    assert table.value is not None
    assert (chosen.value, clock.active) == (run.id, False)
    assert compared.choices == [(f"Alpha · {run.id[:15]}", run.id)]
    assert [value for _, value in datasets.choices] == ["", "d-1"]
    again = show_runs(studio, seen, run.id, *everything)
    assert again[:4] == [gr.skip()] * 4
    studio.note_run(run.id, "a note of more letters than a table has room for " * 2)
    noted = show_runs(studio, seen, run.id, *everything)
    assert noted[4][1][0][HEADERS.index("Note")].endswith("…")
    assert noted[1] == gr.skip(), "a note is nothing to the menus"
    studio.rename_run(run.id, "Omega")
    assert show_runs(studio, noted[4], run.id, *everything)[1].choices[0][0].startswith("Omega")


def test_a_click_means_the_row_that_was_seen(studio: Studio) -> None:
    runs = [made(studio, name) for name in ("Alpha", "Beta", "Beta")]
    before = show_runs(studio, None, None, "", "", "", "")[4]
    made(studio, "Gamma")
    after = show_runs(studio, None, None, "", "", "", "")[4]
    for place, run in enumerate(reversed(runs)):
        clicked = {"index": [place, 0], "value": "", "row_value": before[1][place]}
        assert run_table.pick(before, gr.SelectData(None, clicked)) == run.id
        if run.title == "Alpha":
            assert run_table.pick(after, gr.SelectData(None, clicked)) == run.id
    assert run_table.pick(None, gr.SelectData(None, clicked)) == gr.skip()


def test_the_run_that_is_looked_at_stays_when_it_is_filtered_out(studio: Studio) -> None:
    kept, other = made(studio, "Alpha"), made(studio, "Beta")
    _, chosen, compared, _, seen, _ = show_runs(studio, None, kept.id, "beta", "", "", "")
    assert seen[0] == [other.id]
    assert chosen.value == kept.id
    assert {id for _, id in chosen.choices} == {kept.id, other.id}
    assert {id for _, id in compared.choices} == {kept.id, other.id}


def test_the_place_in_line_stands_in_the_table_and_moves(studio: Studio) -> None:
    runs = [made(studio, name) for name in ("Alpha", "Beta")]
    for run in runs:
        draw_ticket(studio.settings.home, run.id)
    run_deeds.move_run(studio, -1, runs[1].id)
    assert [run.id for run in studio.runs_in_line()] == [runs[1].id, runs[0].id]
    with pytest.raises(gr.Error, match="does not wait"):
        run_deeds.move_run(studio, -1, made(studio, "Gamma").id)


def test_a_name_and_a_note_are_kept_and_shown_again(studio: Studio) -> None:
    run = made(studio, "Alpha", {"kind": "finished", "steps": 3})
    assert run_deeds.show_label(studio, run.id) == ["Alpha", ""]
    run_deeds.save_label(studio, run.id, "Alpha", "keep")
    assert not (run.folder / "label.json").read_text().count("Alpha"), "an own name is no other"
    drawn = run_deeds.save_label(studio, run.id, "Omega", "keep")
    assert "Omega" in show_run(studio, run.id, drawn)[0]
    assert run_deeds.show_label(studio, run.id) == ["Omega", "keep"]
    assert run_deeds.show_label(studio, "gone") == ["", ""]


def test_a_recipe_goes_back_into_the_form_whole(studio: Studio) -> None:
    dataset = studio.build("sentiment", limit=20)
    fields = {"dataset": dataset.id, "rank": 8, "kl_anchor": 1.5, "replay_probes": ["a", "b"]}
    run = made(studio, "Alpha", **fields, method="lora")
    base, chosen, name, *rest = tune.fill_copy(studio, run.id)
    values = dict(zip(tune.FOLDED, rest[3:], strict=True))
    values |= {"base": base, "dataset": chosen, "name": name}
    assert forms.to_recipe([values[field] for field in forms.FIELDS]) == run.recipe


def test_a_recipe_whose_dataset_is_gone_is_told_and_not_filled_in(studio: Studio) -> None:
    with pytest.raises(gr.Error, match="d-1"):
        tune.fill_copy(studio, made(studio, "Alpha").id)


def test_a_run_comes_for_trl_in_one_file(studio: Studio, served: Path) -> None:
    dataset = studio.build("sentiment", limit=20)
    path = run_deeds.export_plain(studio, made(studio, "Alpha", dataset=dataset.id).id)
    with ZipFile(path) as archive:
        names = {Path(name).name for name in archive.namelist() if not name.endswith("/")}
    assert names == {"run.yaml", "train.py", "train.jsonl", "test.jsonl"}
    assert served in Path(path).parents


def test_a_comparison_tells_what_differs_and_what_came_of_it(studio: Studio) -> None:
    home: Made = make_report_home(studio)
    told, curves, drawn = run_compare.show_compared(studio, [home.plain.id, home.keeping.id], None)
    assert "KL anchor" in told
    assert "Learning rate" not in told
    gain, kept = run_table.find_headlines(studio)[home.plain.id]
    assert gain in told
    assert kept in told
    assert curves.visible
    again = run_compare.show_compared(studio, [home.plain.id, home.keeping.id], drawn)
    assert again == [gr.skip()] * 3
    append_event(home.plain.folder / "events.jsonl", "heldout", step=30, loss=0.125)
    assert "0.125" in run_compare.show_compared(studio, [home.plain.id, home.keeping.id], drawn)[0]


def test_what_was_not_measured_is_said_and_names_are_shown_as_text(studio: Studio) -> None:
    runs = [made(studio, "<b>bold</b>", rank=4), made(studio, "Beta", rank=8)]
    told = run_compare.show_compared(studio, [run.id for run in runs], None)[0]
    assert "not yet of run 1, 2." in told
    assert "&lt;b&gt;bold&lt;/b&gt;" in told
    assert "<b>" not in told


@pytest.mark.parametrize("ids", [None, [], ["one"]])
def test_fewer_than_two_runs_are_an_invitation(studio: Studio, ids: Any) -> None:
    told, curves, _ = run_compare.show_compared(studio, ids, None)
    assert "two to 4 runs" in told
    assert not curves.visible


def test_a_run_that_is_gone_is_told_in_the_comparison(studio: Studio) -> None:
    run = made(studio, "Alpha")
    told = run_compare.show_compared(studio, [run.id, "gone"], None)[0]
    assert "There is no run" in told


def test_every_curve_of_a_comparison_can_be_told_apart_without_colour(studio: Studio) -> None:
    steps = [{"kind": "step", "step": step, "total": 3, "loss": 1.0} for step in (1, 2, 3)]
    heldout = {"kind": "heldout", "step": 3, "loss": 1.5}
    runs = [made(studio, f"Run {n}", *steps, heldout) for n in range(4)]
    figure = run_compare.draw_compared(runs)
    kept = [one for one in figure.data if one.mode == "lines+markers"]
    assert len(figure.data) == 8
    assert len({(one.line.dash, one.marker.symbol) for one in kept}) == 4
    assert len({one.line.color for one in kept}) == 4
    assert run_compare.draw_compared([made(studio, "Nothing yet")] * 2) is None


def test_wrong_rates_start_nothing_from_the_form(studio: Studio) -> None:
    dataset = studio.build("sentiment", limit=20)
    values = [
        dataset.id if name == "dataset" else Recipe.model_fields[name].default
        for name in forms.FIELDS
    ]
    for rates in ("1e-4", "1e-4, fast", "1e-4, 99"):
        with pytest.raises(gr.Error, match="rate"):
            sweep.start(studio, rates, *values)
    assert studio.runs() == []


def test_a_deed_without_a_run_asks_for_one() -> None:
    with pytest.raises(StudioError, match="Choose a run"):
        run_deeds.need(None)


def test_preference_tuning_takes_small_steps_and_no_other_anchor(studio: Studio) -> None:
    settled = ("balanced", "starter", "qlora", None)
    _, rate, anchor, replay = tune.suit_loss(studio, "nll", *settled)
    assert anchor > 0
    _, small, none, nothing = tune.suit_loss(studio, "dpo", *settled)
    assert small == pytest.approx(rate / 10)
    assert (none, nothing) == (0, 0)
    given = {"dataset": "d", "loss": "dpo", "pairs": "p", "learning_rate": small}
    assert Recipe.make(given | {"kl_anchor": none, "replay": nothing}).loss == "dpo"


def test_a_prompt_that_began_with_anothers_says_how_much_sooner_it_came(studio: Studio) -> None:
    fresh, started = (
        made(studio, name, *({"kind": "heldout", "step": step, "loss": loss}
                             for step, loss in zip((0, 10, 20), losses, strict=True)))
        for name, losses in (("Fresh", (5.0, 2.0, 1.0)), ("Started", (3.0, 1.0, 0.5)))
    )  # fmt: skip
    (sentence,) = run_compare.tell_speed([fresh, started])
    assert "Run 2 came to the best held-out loss of run 1 in 50% of its steps" in sentence
