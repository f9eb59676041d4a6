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
from made_home import FORMULA, HOSTILE, Home, make_home
from made_outcomes import answered, compare, probe
from markdown_it import MarkdownIt

from studio import Studio
from studio.cli import commands
from studio.data.card import DatasetCard
from studio.measure import casebook, document, pictures, reproduction
from studio.measure.delta import Delta
from studio.measure.report import LaneInfo, Report, make_report
from studio.measure.results import read_probes, read_report, read_run_outcomes
from studio.tuning.recipe import Recipe
from studio.tuning.run import Run, create_run

VOID = {"meta", "br", "img", "hr", "input", "link"}
NUMBER = r"[+−-]?\d[\d,]*(?:\.\d+)?"


@pytest.fixture(scope="module")
def report(measured: Home) -> Report:
    return read_report(measured.measured)


@pytest.fixture(scope="module")
def html(measured: Home, report: Report) -> str:
    run = measured.measured
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


def test_both_answers_of_a_changed_case_are_there(measured: Home, report: Report) -> None:
    made = document.html(
        report,
        measured.measured,
        read_probes(measured.measured),
        read_run_outcomes(measured.measured),
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


def test_runs_tuned_one_after_another_and_what_returns_are_told(measured: Home) -> None:
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
    text = document.html(made, measured.measured, probes, outcomes)
    tables = [[cell.strip() for cell in table[0]] for table in Page(text).tables]
    assert ["Accuracy in % after", "First", "Second"] in tables
    assert any("Of the drop returns, %" in head for head in tables)
    assert "mostly hidden" in text


def test_the_training_of_a_run_and_its_layers_are_drawn(report: Report, measured: Home) -> None:
    whole, half = report.lanes
    earlier = half.model_copy(update={"strength": 1.0, "checkpoint": 30})
    both = report.model_copy(update={"lanes": (whole, earlier)})
    svg = pictures.draw_training(both, measured.tuned.id)
    assert svg is not None
    assert "step 30" in svg
    assert pictures.draw_training(report, measured.tuned.id) is None
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


def test_csv_of_answers_has_every_answer_and_no_formula(measured: Home) -> None:
    outcomes = read_run_outcomes(measured.measured)
    rows = list(csv.DictReader(io.StringIO(document.csv(outcomes), newline="")))
    assert len(rows) == len(outcomes)
    assert {row["text"] for row in rows if row["probe"] == "capitals"} == {f"'{FORMULA}"}
    for row, outcome in zip(rows, outcomes, strict=True):
        assert row["text"].removeprefix("'") == outcome.text
        assert float(row["nll"]) == outcome.nll
        assert not any(value.startswith(("=", "+", "@")) for value in row.values())


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_text_starts_a_formula(measured: Home, start: str) -> None:
    one = read_run_outcomes(measured.measured)[0].model_copy(update={"text": f"{start}1+1"})
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


def test_the_strengths_of_a_run_are_drawn(report: Report, measured: Home) -> None:
    assert pictures.runs_of(report) == [measured.tuned.id]
    svg = pictures.draw_strengths(report, measured.tuned.id)
    assert svg is not None
    assert "strength of the adapter" in svg
    alone = report.model_copy(update={"lanes": report.lanes[:1]})
    assert pictures.draw_strengths(alone, measured.tuned.id) is None


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
