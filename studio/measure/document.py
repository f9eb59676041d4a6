"""A report to take away: one HTML file that needs nothing else, and spreadsheets of its numbers.

Every text of a person or a model is escaped; nothing in the file is run or loaded.
"""

import csv as spreadsheet
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from markupsafe import Markup

from studio.measure import casebook, numerals, palette, pictures, prose, reproduction
from studio.measure import markdown as report_as_markdown
from studio.measure.delta import Delta
from studio.measure.outcome import Outcome
from studio.measure.probe import OVERALL, Probe
from studio.measure.report import LaneInfo, Report
from studio.tuning.run import Run

LONGEST = 700  # characters of one text
VERDICTS = {
    "gained": "▲ gained",
    "forgotten": "▼ forgotten",
    "more likely": "△ more likely",
    "less likely": "▽ less likely",
    "no material change": "= no material change",
    "inconclusive": "? inconclusive",
}
LIKELIHOODS = {
    "better": "▲ more likely",
    "worse": "▼ less likely",
    "no material change": "= no material change",
    "inconclusive": "? inconclusive",
}


@dataclass(frozen=True)
class Picture:
    """A drawing with the sentence under it."""

    svg: Markup
    caption: str


@dataclass(frozen=True)
class LanePart:
    """Everything about one lane."""

    info: LaneInfo
    deltas: list[Delta]
    pictures: list[Picture]
    drift: Markup
    """A table of how far the answers drifted and whether their form held."""
    recoveries: Markup
    """A table of what returns behind solved cases; empty if that was not asked."""
    chapters: list[casebook.Chapter]


def html(report: Report, run: Run, probes: Sequence[Probe], outcomes: Iterable[Outcome]) -> str:
    """The whole report of a measuring run as one HTML file."""
    answers, asked = casebook.index(outcomes), {probe.name: probe for probe in probes}
    runs = reproduction.find_runs([run])
    datasets = reproduction.find_datasets(runs)
    made: str = _template().render(
        report=report,
        lanes=[_lane(report, info, asked, answers, run) for info in report.lanes],
        overview=_overview(report),
        sequence=_tell_sequence(report),
        method=_from_markdown(report.method()),
        commands=reproduction.tell_commands(datasets, runs, run.comparison),
        datasets=datasets,
        runs=runs,
        overall=OVERALL,
        palette=palette,
        signs=VERDICTS,
        likelihood_signs=LIKELIHOODS,
    )
    return made


def csv(outcomes: Iterable[Outcome]) -> str:
    """Every answer of every lane as a spreadsheet, one line each."""
    names = [name for name in Outcome.model_fields if name not in ("token_nlls", "pieces")]
    rows = (one.model_dump(mode="json", include=set(names)) for one in outcomes)
    return sheet(names, rows)


def deltas_csv(report: Report) -> str:
    """Every delta of the report as a spreadsheet, one line each."""
    rows = (one.model_dump(mode="json") for one in report.deltas)
    return sheet(list(Delta.model_fields), rows)


def markdown(report: Report, drawn: Mapping[str, str]) -> str:
    """The report as Markdown, with pictures (alternative text by path) at its end."""
    shown = "\n\n".join(
        f"![{report_as_markdown.plain(text)}]({path})" for path, text in drawn.items()
    )
    return report.markdown() + (f"\n## Pictures\n\n{shown}\n" if shown else "")


def draw_all(report: Report) -> dict[str, tuple[str, str]]:
    """Every picture of the report: file name -> (what it shows, SVG)."""
    drawn = {f"overview-{i}": one for i, one in enumerate(_overview(report), start=1)}
    for number, lane in enumerate(report.lanes, start=1):
        for i, one in enumerate(_lane_pictures(report, lane.id), start=1):
            drawn[f"lane-{number}-{i}"] = one
    return {f"{name}.svg": (one.caption, str(one.svg)) for name, one in drawn.items()}


def sheet(names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as a spreadsheet; nothing in a cell is taken for a formula."""
    file = io.StringIO(newline="")
    writer = spreadsheet.writer(file)
    writer.writerow(names)
    writer.writerows([_cell(row[name]) for name in names] for row in rows)
    return file.getvalue()


def _cell(value: Any) -> Any:
    """A value that a spreadsheet program takes for what it is: text never starts a formula."""
    if value is None or isinstance(value, bool | int | float):
        return "" if value is None else value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text


def _lane(
    report: Report,
    info: LaneInfo,
    asked: Mapping[str, Probe],
    answers: casebook.Answers,
    run: Run,
) -> LanePart:
    deltas = pictures.in_order(report.of(info.id))
    recoveries = report.recovery(info.id)
    moved = pictures.draw_drift(_read_drift(run, info.id), info.title)
    drawn = _lane_pictures(report, info.id)
    if moved:
        caption = "How far the weights of each layer moved, ‖ΔW‖ / ‖W‖; not what was forgotten."
        drawn.append(Picture(Markup(moved), caption))
    return LanePart(
        info=info,
        deltas=deltas,
        pictures=drawn,
        drift=_from_markdown(report_as_markdown.table_drift(deltas)),
        recoveries=_from_markdown(
            report_as_markdown.table_recoveries(recoveries) if recoveries else ""
        ),
        chapters=casebook.tell(deltas, asked, answers),
    )


def _read_drift(run: Run, lane: str) -> list[tuple[int, str, float]]:
    """(layer, module, ‖ΔW‖/‖W‖) as the measurement noted it; empty if it noted none."""
    try:
        rows = json.loads((run.folder / "drift.json").read_text(encoding="utf-8"))
        return [
            (int(row["layer"]), str(row["module"]), float(row["relative"]))
            for row in rows
            if row["lane"] == lane and row["layer"] is not None
        ]
    except (OSError, ValueError, KeyError):
        return []


def _tell_sequence(report: Report) -> Markup:
    """The table of runs tuned one after another, and its summary; empty if they were not."""
    if report.sequence is None:
        return Markup("")
    table = report_as_markdown.table_sequence(report.sequence)
    told = prose.tell_sequence(report, report.sequence.lanes[-1])
    return _from_markdown(table) + Markup("<p>{}</p>").format(told)


def _overview(report: Report) -> list[Picture]:
    """What all lanes have in common: the planes, and the lines along strength and training."""
    best = "with intervals. Upper left is best."
    drawn = [
        (
            pictures.draw_plane(report, "points"),
            f"Answers: gained on the task (upwards) against forgotten (to the right), {best}",
        ),
        (
            pictures.draw_plane(report, "nats"),
            "Likelihood: how much likelier the task's right answers became (upwards) against how "
            f"much less likely the old ones did (to the right), {best}",
        ),
    ]
    for run in pictures.runs_of(report):
        title = pictures.title_of(report, run)
        drawn += [
            (
                pictures.draw_strengths(report, run),
                f"{title}: gained and forgotten at several strengths; 0 is the base.",
            ),
            (
                pictures.draw_training(report, run),
                f"{title}: gained and forgotten during the training, at the steps kept.",
            ),
        ]
    return [Picture(Markup(svg), caption) for svg, caption in drawn if svg]


def _lane_pictures(report: Report, lane: str) -> list[Picture]:
    level = f"{100 * report.level:g} %"
    drawn = (
        (
            pictures.draw_differences(report, lane),
            f"Accuracy against the base with its {level} interval; the number of cases in "
            "brackets. Filled triangle: gained or forgotten. Grey: the margin.",
        ),
        (
            pictures.draw_likelihoods(report, lane),
            f"How much less likely (right) or likelier (left) the right answers became, with the "
            f"{level} interval. Filled triangle: beyond the margin.",
        ),
    )
    return [Picture(Markup(svg), caption) for svg, caption in drawn if svg]


def _from_markdown(text: str) -> Markup:
    """Our own Markdown as HTML; links and pictures that a title may hold stay plain text."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("zero", {"html": False})
    reader.enable(["list", "table", "backticks", "escape", "entity", "emphasis"])
    tokens = reader.parse(text)
    _label_cells(tokens)
    return Markup(reader.renderer.render(tokens, reader.options, {}))


def _label_cells(tokens: Sequence[Any]) -> None:
    """Let every cell carry its column's name: on a narrow screen each row becomes a card."""
    names: list[str] = []
    column = 0
    for token, following in pairwise(tokens):
        match token.type:
            case "table_open":
                token.attrJoin("class", "cards")
                names = []
            case "th_open":
                token.attrSet("scope", "col")
                names.append(following.content)
            case "tr_open":
                column = 0
            case "td_open":
                token.attrSet("data-label", names[column])
                column += 1


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… ({len(text) - LONGEST:,} more characters)"


def _flipped(delta: Delta) -> str:
    return numerals.NONE if delta.difference is None else f"{delta.b} / {delta.c}"


@cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {
        "cut": _cut,
        "flipped": _flipped,
        "share": numerals.share,
        "points": numerals.points,
        "nats": numerals.nats,
        "chance": numerals.chance,
        "more_cases": numerals.more_cases,
    }
    return environment.get_template("document.html.jinja")
