"""A report to take away: one HTML file that needs nothing else, and spreadsheets of its numbers.

Every text of a person or a model is escaped; nothing in the file is run or loaded.
"""

import csv as spreadsheet
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

from studio.measure import numerals, palette, pictures, reproduction
from studio.measure.delta import Delta
from studio.measure.outcome import BASE, Outcome
from studio.measure.pairs import Pair
from studio.measure.probe import OVERALL, Case, Probe
from studio.measure.report import LaneInfo, Report
from studio.tuning.run import Run

SHOWN = 30  # cases written out per probe and kind of change; the spreadsheet has all
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
KINDS = {
    "right_wrong": "Right before, wrong now",
    "wrong_right": "Wrong before, right now",
}

Answers = Mapping[tuple[str, str], Mapping[str, Outcome]]


@dataclass(frozen=True)
class Picture:
    """A drawing with the sentence under it."""

    svg: Markup
    caption: str


@dataclass(frozen=True)
class Shown:
    """One case as it is written out."""

    case: Case
    base: str = ""
    tuned: str = ""
    nats: str = ""
    """Open text has no answers; its change of likelihood is told instead."""


@dataclass(frozen=True)
class Group:
    """Cases that changed in the same way."""

    title: str
    count: int
    cases: list[Shown]


@dataclass(frozen=True)
class ProbePart:
    """One probe of one lane, case by case."""

    delta: Delta
    summary: str
    matrix: dict[str, int] | None
    groups: list[Group]


@dataclass(frozen=True)
class LanePart:
    """Everything about one lane."""

    info: LaneInfo
    deltas: list[Delta]
    pictures: list[Picture]
    probes: list[ProbePart] = field(default_factory=list)


def html(report: Report, run: Run, probes: Sequence[Probe], outcomes: Iterable[Outcome]) -> str:
    """The whole report of a measuring run as one HTML file."""
    answers: dict[tuple[str, str], dict[str, Outcome]] = {}
    for one in outcomes:
        answers.setdefault((one.lane, one.probe), {})[one.case] = one
    asked = {probe.name: probe for probe in probes}
    runs = reproduction.find_runs(run)
    recipes, datasets = reproduction.find_recipes(runs), reproduction.find_datasets(runs)
    made: str = _template().render(
        report=report,
        lanes=[_lane(report, info, asked, answers) for info in report.lanes],
        overview=_overview(report),
        method=_from_markdown(report.method()),
        commands=reproduction.tell_commands(datasets, recipes, run.comparison),
        datasets=datasets,
        recipes=recipes,
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
    return _sheet(names, rows)


def deltas_csv(report: Report) -> str:
    """Every delta of the report as a spreadsheet, one line each."""
    rows = (one.model_dump(mode="json") for one in report.deltas)
    return _sheet(list(Delta.model_fields), rows)


def markdown(report: Report, drawn: Mapping[str, str]) -> str:
    """The report as Markdown, with pictures (alternative text by path) at its end."""
    shown = "\n\n".join(f"![{text}]({path})" for path, text in drawn.items())
    return report.markdown() + (f"\n## Pictures\n\n{shown}\n" if shown else "")


def draw_all(report: Report) -> dict[str, tuple[str, str]]:
    """Every picture of the report: file name -> (what it shows, SVG)."""
    drawn = {f"overview-{i}": one for i, one in enumerate(_overview(report), start=1)}
    for number, lane in enumerate(report.lanes, start=1):
        for i, one in enumerate(_lane_pictures(report, lane.id), start=1):
            drawn[f"lane-{number}-{i}"] = one
    return {f"{name}.svg": (one.caption, str(one.svg)) for name, one in drawn.items()}


def _sheet(names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
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


def _lane(report: Report, info: LaneInfo, asked: Mapping[str, Probe], answers: Answers) -> LanePart:
    deltas = pictures.in_order(report.of(info.id))
    return LanePart(
        info=info,
        deltas=deltas,
        pictures=_lane_pictures(report, info.id),
        probes=[
            _probe(one, asked[one.probe], info.id, answers) for one in deltas if one.probe in asked
        ],
    )


def _probe(delta: Delta, probe: Probe, lane: str, answers: Answers) -> ProbePart:
    before, after = answers.get((BASE, probe.name), {}), answers.get((lane, probe.name), {})
    pairs = [
        (case, Pair(before[case.id], after[case.id]))
        for case in probe.cases
        if case.id in before and case.id in after
    ]
    if delta.difference is None:
        return ProbePart(delta, numerals.nats(delta) + " nats per token", None, _read(pairs))
    kinds: dict[str, list[Shown]] = {}
    for case, pair in pairs:
        shown = Shown(case, pair.base.text, pair.tuned.text)
        kinds.setdefault(pair.flip, []).append(shown)
    flips = ("right_right", "right_wrong", "wrong_right", "wrong_wrong")
    matrix = {flip: len(kinds.get(flip, ())) for flip in flips}
    groups = [
        Group(title, matrix[flip], kinds[flip][:SHOWN])
        for flip, title in KINDS.items()
        if flip in kinds
    ]
    summary = f"{delta.b} lost, {delta.c} gained of {delta.n}"
    return ProbePart(delta, summary, matrix, groups)


def _read(pairs: Sequence[tuple[Case, Pair]]) -> list[Group]:
    """Open text: the documents that became most unlikely."""
    worst = sorted(
        pairs, key=lambda one: (one[1].base.nll - one[1].tuned.nll) / one[1].base.tokens
    )[:5]
    shown = []
    for case, pair in worst:
        before, after = (one.nll / one.tokens for one in pair)
        change = numerals.signed(after - before, 3)
        nats = f"{change} nats per token ({before:.3f} before, {after:.3f} now)"
        shown.append(Shown(case, nats=nats))
    return [Group("Texts that became least likely", len(pairs), shown)] if shown else []


def _overview(report: Report) -> list[Picture]:
    """What all lanes have in common: the plane, and the lines along strength and training."""
    drawn = [
        (
            pictures.draw_plane(report),
            "Gained on the task (upwards) against forgotten (to the right), with intervals. "
            "Upper left is best.",
        )
    ]
    drawn += pictures.draw_lines(report)
    return [Picture(Markup(svg), caption) for svg, caption in drawn if svg]


def _lane_pictures(report: Report, lane: str) -> list[Picture]:
    drawn = (
        (
            pictures.draw_differences(report, lane),
            f"Difference of accuracy to the base with its {100 * report.level:g} % interval; the "
            "number of cases in brackets. Filled: gained or forgotten. Grey: the margin.",
        ),
        (
            pictures.draw_likelihoods(report, lane),
            "How much less likely (right) or more likely (left) the right answers became.",
        ),
    )
    return [Picture(Markup(svg), caption) for svg, caption in drawn if svg]


def _from_markdown(text: str) -> Markup:
    """Our own Markdown as HTML; links and pictures that a title may hold stay plain text."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("zero", {"html": False})
    reader.enable(["list", "table", "backticks", "escape", "entity", "emphasis"])
    return Markup(reader.render(text))


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
