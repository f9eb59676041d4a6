"""A report taken away tells the report's own numbers, needs nothing else, and lets no text act."""

import csv
import io
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from huggingface_hub import ModelCard
from made_home import FORMULA, HOSTILE, Home, give_adapter, make_home
from made_outcomes import answered, compare, probe
from markdown_it import MarkdownIt

from studio import Studio
from studio.cli import commands
from studio.data.card import DatasetCard
from studio.errors import RunError
from studio.measure import card, casebook, document, keepsake, pictures, reproduction
from studio.measure.comparison import LaneSpec
from studio.measure.delta import Delta
from studio.measure.report import LaneInfo, Report, make_report
from studio.measure.results import read_probes, read_report, read_run_outcomes
from studio.tuning.events import append_event
from studio.tuning.recipe import Recipe
from studio.tuning.repair import Repair
from studio.tuning.run import Run, create_run

VOID = {"meta", "br", "img", "hr", "input", "link"}
NUMBER = r"[+−-]?\d[\d,]*(?:\.\d+)?"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    with Studio(tmp_path_factory.mktemp("home")) as studio:
        return make_home(studio)


@pytest.fixture(scope="module")
def report(home: Home) -> Report:
    return read_report(home.measured)


@pytest.fixture(scope="module")
def html(home: Home, report: Report) -> str:
    run = home.measured
    return document.html(report, run, read_probes(run), read_run_outcomes(run))


class Page(HTMLParser):
    """Every tag with its attributes, every table's cells, and whether all that opens is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[list[list[str]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        match tag:
            case "table":
                self.tables.append([])
            case "tr":
                self.tables[-1].append([])
            case "td" | "th":
                self.tables[-1][-1].append("")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data


def numbers(text: str) -> list[float]:
    """The numbers of a cell such as "−12 (−25 … −4)"."""
    return [float(found.replace("−", "-").replace(",", "")) for found in re.findall(NUMBER, text)]


def assert_tells(delta: Delta, cells: list[str], *, base: int, tuned: int, points: int) -> None:
    """The cells hold the delta's accuracies and difference, rounded and nothing else."""
    if delta.difference is None:
        assert [cells[i].strip() for i in (base, tuned, points)] == ["–"] * 3
        return
    for cell, values in (
        (cells[base], (delta.base_accuracy, delta.base_low, delta.base_high)),
        (cells[tuned], (delta.accuracy, delta.accuracy_low, delta.accuracy_high)),
        (cells[points], (delta.difference, delta.low, delta.high)),
    ):
        exact = [100 * value for value in values if value is not None]
        assert numbers(cell) == pytest.approx(exact, abs=0.5001)


def test_the_document_is_whole_html_that_needs_nothing_else(html: str) -> None:
    page = Page(html)
    assert not page.open
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "iframe", "object", "embed", "link", "img", "base", "form"}
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        assert "src" not in attributes
        for name in ("href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")
        assert "url(http" not in (attributes.get("style") or "")
    styles = "".join(re.findall(r"<style>(.*?)</style>", html, re.DOTALL))
    assert "@import" not in styles
    assert "url(" not in styles


def test_ids_of_the_document_are_unique_where_links_lead(html: str) -> None:
    page = Page(html)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    for _, attributes in page.tags:
        if (target := attributes.get("href") or "").startswith("#lane"):
            assert ids.count(target[1:]) == 1


def test_hostile_text_is_shown_and_does_nothing(html: str) -> None:
    assert "<script" not in html
    assert "<img" not in html
    words = "".join(Page(html).words)
    assert "<script>alert(1)</script>" in words
    assert "![x](http://evil.example/a.png)" in words


def test_the_numbers_of_the_document_are_those_of_the_report(html: str, report: Report) -> None:
    tables = [table for table in Page(html).tables if table[0][:2] == ["Probe", "n"]]
    tables = [table for table in tables if "Verdict" in table[0]]
    assert len(tables) == len(report.lanes)
    for table, lane in zip(tables, report.lanes, strict=True):
        deltas = pictures.in_order(report.of(lane.id))
        for cells, delta in zip(table[1:], deltas, strict=True):
            assert cells[0].strip() == delta.title
            assert int(cells[1]) == delta.n
            assert_tells(delta, cells, base=4, tuned=5, points=6)
            assert delta.verdict in cells[2]
            assert numbers(cells[3])[0] == pytest.approx(delta.nll_difference, abs=0.0005001)


def test_every_changed_case_is_counted_and_written_out(html: str, report: Report) -> None:
    capitals = next(one for one in report.of(report.lanes[0].id) if one.probe == "capitals")
    assert (capitals.b, capitals.c) == (30, 0)
    matrices = [table for table in Page(html).tables if "tuned right" in table[0]]
    assert [["base right", "30", "30"], ["base wrong", "0", "0"]] in [one[1:] for one in matrices]
    assert "Right before, wrong now (30)" in html


def test_both_answers_of_a_changed_case_are_there(home: Home, report: Report) -> None:
    made = document.html(
        report, home.measured, read_probes(home.measured), read_run_outcomes(home.measured)
    )
    words = "".join(Page(made).words)
    assert f"{HOSTILE}no" in words
    assert f"{HOSTILE}yes" in words
    assert "A text about things" in words


def test_a_large_measurement_shows_fewer_cases_and_counts_all() -> None:
    probes = {one.name: one for one in (probe(f"probe{i}", 20) for i in range(300))}
    outcomes = [one for each in probes.values() for one in compare(each, lost=12, gained=0)]
    lanes = [LaneInfo(id="run-a", title="Run")]
    made = make_report(
        outcomes, list(probes.values()), base="starter", lanes=lanes, created=datetime.now(UTC)
    )
    chapters = casebook.tell(made.of("run-a"), probes, casebook.index(outcomes))
    assert len(chapters) == 300
    assert {len(group.cases) for one in chapters for group in one.groups} == {5}
    assert {group.count for one in chapters for group in one.groups} == {12}


def test_runs_tuned_one_after_another_and_what_returns_are_told(home: Home) -> None:
    first, second = probe("first", 40, "gain"), probe("second", 40, "gain")
    capitals = probe("capitals", 40)
    again = capitals.model_copy(update={"name": "capitals.shots2", "kind": "recovery"})
    right = {
        "base": {"first": 0, "second": 0, "capitals": 40, "capitals.shots2": 40},
        "run-a": {"first": 40, "second": 5, "capitals": 40, "capitals.shots2": 40},
        "run-b": {"first": 10, "second": 40, "capitals": 20, "capitals.shots2": 40},
    }
    probes = [first, second, capitals, again]
    outcomes = [
        one
        for lane, marks in right.items()
        for each in probes
        for one in answered(lane, each, [i < marks[each.name] for i in range(40)])
    ]
    lanes = [
        LaneInfo(id="run-a", title="A", run="run-a", dataset="first"),
        LaneInfo(id="run-b", title="B", run="run-b", dataset="second", start_from="run-a"),
    ]
    made = make_report(outcomes, probes, base="starter", lanes=lanes, created=datetime.now(UTC))
    text = document.html(made, home.measured, probes, outcomes)
    tables = [[cell.strip() for cell in table[0]] for table in Page(text).tables]
    assert ["Accuracy in % after", "First", "Second"] in tables
    assert any("Of the drop returns, %" in head for head in tables)
    assert "mostly hidden" in text


def test_the_training_of_a_run_and_its_layers_are_drawn(report: Report, home: Home) -> None:
    whole, half = report.lanes
    earlier = half.model_copy(update={"strength": 1.0, "checkpoint": 30})
    both = report.model_copy(update={"lanes": (whole, earlier)})
    svg = pictures.draw_training(both, home.tuned.id)
    assert svg is not None
    assert "step 30" in svg
    assert pictures.draw_training(report, home.tuned.id) is None
    moved = pictures.draw_drift([(0, "q_proj", 0.01), (1, "q_proj", 0.02)], "Run")
    assert moved is not None
    assert "q_proj" in moved
    assert pictures.draw_drift([], "Run") is None


@pytest.mark.parametrize("name", [None, "Sentiment", "Ärger & Co", "sentiment of a review"])
def test_the_told_command_builds_the_same_dataset(tmp_path: Path, name: str | None) -> None:
    with Studio(tmp_path / "home") as studio:
        dataset = studio.build("sentiment", name=name, limit=12, seed=7, phrasings="all")
        run = create_run(studio.settings.runs, Recipe(dataset=dataset.id), about="run")
        text = reproduction.tell_commands(*_made(run), None)
        (line,) = [line for line in text.splitlines() if " build " in line]
        again = CliRunner().invoke(
            commands, ["--home", str(tmp_path / "other"), *shlex.split(line)[3:]]
        )
    assert again.output.startswith(f"{dataset.id}:")


def _made(run: Run) -> tuple[list[DatasetCard], list[reproduction.Made]]:
    runs = reproduction.find_runs([run])
    return reproduction.find_datasets(runs), runs


def test_a_repair_is_reproduced_by_its_command(home: Home) -> None:
    repair = Repair.make(
        how="strength",
        sources=[LaneSpec(run=home.tuned.id, strength=0.4)],
        recipe=home.tuned.recipe.model_copy(update={"name": "weaker"}),
    )
    run = create_run(home.tuned.folder.parent, repair, about="weaker")
    text = card.model_card(run, None)
    wanted = f"repair --how strength --name weaker --lane {home.tuned.id} --strength 0.4"
    assert wanted in text
    assert text.index("python -m studio train recipe.yaml") < text.index(wanted)


def test_markdown_tells_the_reports_numbers(report: Report) -> None:
    text = report.markdown()
    for one in report.deltas:
        if one.probe in ("task", "capitals") and one.difference is not None:
            difference = f"{100 * one.difference:+.0f}".replace("-", "−")
            assert difference in text


def test_text_in_markdown_makes_no_tag_link_or_picture(report: Report) -> None:
    drawn = {path: caption for path, (caption, _) in document.draw_all(report).items()}
    rendered = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(
        document.markdown(report, drawn)
    )
    tags = [(tag, attributes) for tag, attributes in Page(rendered).tags]
    assert {attributes["src"] for tag, attributes in tags if tag == "img"} == set(drawn)
    assert not {"script", "svg", "a"} & {tag for tag, _ in tags}


def test_csv_holds_every_number_exactly(report: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(document.deltas_csv(report), newline="")))
    assert len(rows) == len(report.deltas)
    for row, delta in zip(rows, report.deltas, strict=True):
        for name, value in delta.model_dump().items():
            if isinstance(value, float):
                assert float(row[name]) == value
            elif value is None:
                assert row[name] == ""


def test_csv_of_answers_has_every_answer_and_no_formula(home: Home) -> None:
    outcomes = read_run_outcomes(home.measured)
    rows = list(csv.DictReader(io.StringIO(document.csv(outcomes), newline="")))
    assert len(rows) == len(outcomes)
    assert {row["text"] for row in rows if row["probe"] == "capitals"} == {f"'{FORMULA}"}
    for row, outcome in zip(rows, outcomes, strict=True):
        assert row["text"].removeprefix("'") == outcome.text
        assert float(row["nll"]) == outcome.nll
        assert not any(value.startswith(("=", "+", "@")) for value in row.values())


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_text_starts_a_formula(home: Home, start: str) -> None:
    one = read_run_outcomes(home.measured)[0].model_copy(update={"text": f"{start}1+1"})
    (row,) = csv.DictReader(io.StringIO(document.csv([one]), newline=""))
    assert row["text"] == f"'{start}1+1"


def test_pictures_are_whole_svg_that_follows_the_screen(report: Report) -> None:
    drawn = document.draw_all(report)
    assert len(drawn) >= 5  # two planes, and two pictures for each of the two lanes
    for name, (caption, svg) in drawn.items():
        root = ElementTree.fromstring(svg)
        assert root.tag.endswith("svg")
        assert root.get("role") == "img"
        assert caption
        assert name.endswith(".svg")
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert not tags & {"script", "image", "foreignObject"}
        assert "prefers-color-scheme: dark" in svg
        assert "url(http" not in svg


def test_a_picture_survives_a_title_with_control_characters(report: Report) -> None:
    lanes = (report.lanes[0].model_copy(update={"title": "a\x00b\x1b[31m 日本 $x^$ <b>"}),)
    odd = report.model_copy(update={"lanes": lanes})
    svg = pictures.draw_differences(odd, lanes[0].id)
    assert svg is not None
    ElementTree.fromstring(svg)


def test_pictures_are_the_same_every_time(report: Report) -> None:
    lane = report.lanes[0].id
    assert pictures.draw_differences(report, lane) == pictures.draw_differences(report, lane)


def test_the_strengths_of_a_run_are_drawn(report: Report, home: Home) -> None:
    assert pictures.runs_of(report) == [home.tuned.id]
    svg = pictures.draw_strengths(report, home.tuned.id)
    assert svg is not None
    assert "strength of the adapter" in svg
    alone = report.model_copy(update={"lanes": report.lanes[:1]})
    assert pictures.draw_strengths(alone, home.tuned.id) is None


def test_the_cards_metadata_parses_and_holds_the_reports_numbers(
    home: Home, report: Report
) -> None:
    text = card.model_card(home.tuned, report)
    parsed = ModelCard(text, ignore_metadata_errors=False)
    metadata = parsed.data.to_dict()
    assert metadata["library_name"] == "peft"
    assert metadata["license"] == "apache-2.0"
    assert "base_model" not in metadata  # the starter is in no Hub repository
    told = {one.dataset_type: one.metric_value for one in parsed.data.eval_results}
    measured = {one.probe: one.accuracy for one in report.of(home.tuned.id)}
    assert told == {name: pytest.approx(measured[name], abs=5e-5) for name in told}
    assert set(told) == {"task", "retention"}


def test_the_cards_table_is_the_reports(home: Home, report: Report) -> None:
    text = card.model_card(home.tuned, report)
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    begin = next(i for i, row in enumerate(rows) if row[0] == "Probe") + 2
    deltas = pictures.in_order(report.of(home.tuned.id))
    for cells, delta in zip(rows[begin:], deltas, strict=False):
        assert int(cells[1]) == delta.n
        assert_tells(delta, cells, base=2, tuned=3, points=4)
        assert cells[6] == delta.verdict


def test_text_in_the_card_is_inert(home: Home, report: Report) -> None:
    body = card.model_card(home.tuned, report).split("\n---\n", 1)[1]
    for block in re.findall(r"```.*?```", body, re.DOTALL):
        body = body.replace(block, "")
    assert "<script" not in body
    assert "<img" not in body
    assert "![x](" not in body
    assert "[y](" not in body


def test_a_card_of_a_hub_base_names_it_without_its_revision(home: Home) -> None:
    recipe = home.tuned.recipe.model_copy(update={"base": "org/model@abc123"})
    run = create_run(home.tuned.folder.parent, recipe, about="hub")
    text = card.model_card(run, None)
    assert ModelCard(text).data.base_model == "org/model"
    assert 'revision="abc123"' in text
    assert "has not been measured" in text


def test_a_lane_that_was_measured_at_another_strength_only_is_not_called_measured(
    home: Home, report: Report
) -> None:
    half = report.model_copy(update={"lanes": report.lanes[1:]})
    assert "has not been measured" in card.model_card(home.tuned, half)


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
    home: Home, report: Report, tmp_path: Path
) -> None:
    run = create_run(home.tuned.folder.parent, home.tuned.recipe, about="exported")
    give_adapter(run)
    folder = keepsake.pack(run, home.measured, report, tmp_path / "out")
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


def test_an_export_holds_the_recipes_of_the_runs_before(home: Home, tmp_path: Path) -> None:
    recipe = home.tuned.recipe.model_copy(update={"start_from": home.tuned.id, "name": "second"})
    second = create_run(home.tuned.folder.parent, recipe, about="second")
    give_adapter(second)
    folder = keepsake.pack(second, None, None, tmp_path / "out")
    assert Recipe.read(folder / "recipe.yaml") == recipe
    assert Recipe.read(folder / "recipe-1.yaml") == home.tuned.recipe
    text = (folder / "README.md").read_text()
    assert text.index("train recipe-1.yaml") < text.index("train recipe.yaml")
    repair = Repair.make(
        how="checkpoint", sources=[LaneSpec(run=home.tuned.id, checkpoint=30)], recipe=recipe
    )
    earlier = create_run(home.tuned.folder.parent, repair, about="earlier")
    give_adapter(earlier)
    folder = keepsake.pack(earlier, None, None, tmp_path / "earlier")
    assert Recipe.read(folder / "recipe.yaml") == home.tuned.recipe


def test_a_failed_export_leaves_nothing(home: Home, report: Report, tmp_path: Path) -> None:
    run = create_run(home.tuned.folder.parent, home.tuned.recipe, about="no-adapter")
    with pytest.raises(RunError, match="cannot be written"):
        keepsake.pack(run, home.measured, report, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_deleted_run_is_left_out_of_the_document(tmp_path: Path) -> None:
    with Studio(tmp_path / "home") as studio:
        made = make_home(studio)
        studio.delete_run(made.tuned.id)
        report = studio.report(made.measured.id)
    run = made.measured
    text = document.html(report, run, read_probes(run), read_run_outcomes(run))
    assert "Recipe of" not in text
    assert "python -m studio compare" in text


def test_the_command_line_starts_without_the_drawing_library() -> None:
    code = "import sys, studio.cli; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
