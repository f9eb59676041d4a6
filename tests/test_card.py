"""The model card and the export tell what the report tells, and hold all that is needed."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from made_home import Home, give_adapter, make_home
from test_document import assert_tells

from studio import Studio
from studio.errors import RunError
from studio.measure import card, keepsake, pictures
from studio.measure.comparison import LaneSpec
from studio.measure.report import Report
from studio.measure.results import read_report
from studio.tuning.events import append_event
from studio.tuning.recipe import Recipe
from studio.tuning.repair import Repair
from studio.tuning.run import create_run


@pytest.fixture(scope="module")
def report(measured: Home) -> Report:
    return read_report(measured.measured)


def test_the_cards_metadata_parses_and_holds_the_reports_numbers(
    measured: Home, report: Report
) -> None:
    text = card.model_card(measured.tuned, report)
    parsed = ModelCard(text, ignore_metadata_errors=False)
    metadata = parsed.data.to_dict()
    assert metadata["library_name"] == "peft"
    assert metadata["license"] == "apache-2.0"
    assert "base_model" not in metadata  # the starter is in no Hub repository
    told = {one.dataset_type: one.metric_value for one in parsed.data.eval_results}
    shown = {one.probe: one.accuracy for one in report.of(measured.tuned.id)}
    assert told == {name: pytest.approx(shown[name], abs=5e-5) for name in told}
    assert set(told) == {"task", "retention"}


def test_the_cards_table_is_the_reports(measured: Home, report: Report) -> None:
    text = card.model_card(measured.tuned, report)
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    begin = next(i for i, row in enumerate(rows) if row[0] == "Probe") + 2
    deltas = pictures.in_order(report.of(measured.tuned.id))
    for cells, delta in zip(rows[begin:], deltas, strict=False):
        assert int(cells[1]) == delta.n
        assert_tells(delta, cells, base=2, tuned=3, points=4)
        assert cells[6] == delta.verdict


def test_text_in_the_card_is_inert(measured: Home, report: Report) -> None:
    body = card.model_card(measured.tuned, report).split("\n---\n", 1)[1]
    for block in re.findall(r"```.*?```", body, re.DOTALL):
        body = body.replace(block, "")
    assert "<script" not in body
    assert "<img" not in body
    assert "![x](" not in body
    assert "[y](" not in body


def test_a_card_of_a_hub_base_names_it_without_its_revision(measured: Home) -> None:
    recipe = measured.tuned.recipe.model_copy(update={"base": "org/model@abc123"})
    run = create_run(measured.tuned.folder.parent, recipe, about="hub")
    text = card.model_card(run, None)
    assert ModelCard(text).data.base_model == "org/model"
    assert 'revision="abc123"' in text
    assert "has not been measured" in text


def test_a_lane_that_was_measured_at_another_strength_only_is_not_called_measured(
    measured: Home, report: Report
) -> None:
    half = report.model_copy(update={"lanes": report.lanes[1:]})
    assert "has not been measured" in card.model_card(measured.tuned, half)


def test_an_export_is_told_by_the_measurement_at_full_strength(tmp_path: Path) -> None:
    with Studio(tmp_path / "home") as studio:
        made = make_home(studio)
        weaker = made.measured.comparison.model_copy(
            update={"lanes": made.measured.comparison.lanes[1:]}
        )
        newer = create_run(studio.settings.runs, weaker, about="zzz")
        append_event(newer.folder / "events.jsonl", "finished")
        assert studio.measurement(made.tuned.id).id == made.measured.id
        assert studio.measurement(newer.id).id == newer.id


def test_an_export_has_everything_and_says_the_same_everywhere(
    measured: Home, report: Report, tmp_path: Path
) -> None:
    run = create_run(measured.tuned.folder.parent, measured.tuned.recipe, about="exported")
    give_adapter(run)
    folder = keepsake.pack(run, measured.measured, report, tmp_path / "out")
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "adapter_model.safetensors", "README.md", "recipe.yaml", "report.md", "report.html",
        "report.json", "pictures",
    }  # fmt: skip
    assert Recipe.read(folder / "recipe.yaml") == run.recipe
    assert Report.model_validate_json((folder / "report.json").read_text()) == report
    text = (folder / "report.md").read_text()
    for path in re.findall(r"\]\((pictures/[^)]+)\)", text):
        ElementTree.fromstring((folder / path).read_text())
    assert [path for path in tmp_path.iterdir() if path != folder] == []


def test_an_export_holds_the_recipes_of_the_runs_before(measured: Home, tmp_path: Path) -> None:
    recipe = measured.tuned.recipe.model_copy(
        update={"start_from": measured.tuned.id, "name": "second"}
    )
    second = create_run(measured.tuned.folder.parent, recipe, about="second")
    give_adapter(second)
    folder = keepsake.pack(second, None, None, tmp_path / "out")
    assert Recipe.read(folder / "recipe.yaml") == recipe
    assert Recipe.read(folder / "recipe-1.yaml") == measured.tuned.recipe
    text = (folder / "README.md").read_text()
    assert text.index("train recipe-1.yaml") < text.index("train recipe.yaml")
    repair = Repair.make(
        how="checkpoint", sources=[LaneSpec(run=measured.tuned.id, checkpoint=30)], recipe=recipe
    )
    earlier = create_run(measured.tuned.folder.parent, repair, about="earlier")
    give_adapter(earlier)
    folder = keepsake.pack(earlier, None, None, tmp_path / "earlier")
    assert Recipe.read(folder / "recipe.yaml") == measured.tuned.recipe


def test_a_failed_export_leaves_nothing(measured: Home, report: Report, tmp_path: Path) -> None:
    run = create_run(measured.tuned.folder.parent, measured.tuned.recipe, about="no-adapter")
    with pytest.raises(RunError, match="cannot be written"):
        keepsake.pack(run, measured.measured, report, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_repair_is_reproduced_by_its_command(measured: Home) -> None:
    repair = Repair.make(
        how="strength",
        sources=[LaneSpec(run=measured.tuned.id, strength=0.4)],
        recipe=measured.tuned.recipe.model_copy(update={"name": "weaker"}),
    )
    run = create_run(measured.tuned.folder.parent, repair, about="weaker")
    text = card.model_card(run, None)
    wanted = f"repair --how strength --name weaker --lane {measured.tuned.id} --strength 0.4"
    assert wanted in text
    assert text.index("python -m studio train recipe.yaml") < text.index(wanted)
