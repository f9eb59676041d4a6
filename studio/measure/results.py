"""What a measuring run leaves in its folder: the probes as they were asked, and the report."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from studio.errors import ProbeError, sentence
from studio.measure.outcome import Outcome, read_outcomes
from studio.measure.probe import Probe
from studio.measure.report import LaneInfo, Report, make_report
from studio.tuning.run import Run, open_run

_PROBES = TypeAdapter(list[Probe])


def save_probes(run: Run, probes: Sequence[Probe]) -> None:
    """Keep the probes as they were asked, so that the report can show every case later."""
    _write(run.folder / "probes.json", _PROBES.dump_json(list(probes), indent=1))


def save_report(
    run: Run, outcomes: Sequence[Outcome], probes: Sequence[Probe], *, conditions: dict[str, str]
) -> Report:
    """Make the report of a measuring run from its outcomes and write it beside them."""
    lanes = []
    for lane in run.comparison.lanes:
        tuned = open_run(run.folder.parent, lane.run)
        strength = "" if lane.strength == 1 else f" at strength {lane.strength:g}"
        recipe = tuned.recipe.summary()
        lanes.append(LaneInfo(id=lane.id, title=tuned.title + strength, recipe=recipe))
    report = make_report(
        outcomes,
        probes,
        base=run.comparison.base,
        lanes=lanes,
        created=datetime.now(UTC),
        conditions=conditions,
    )
    _write(run.folder / "report.json", report.model_dump_json(indent=1).encode())
    return report


def read_report(run: Run) -> Report:
    """The report of a finished measuring run; raises ProbeError if there is none."""
    content = _read(run, "report.json")
    try:
        return Report.model_validate_json(content)
    except ValidationError as error:
        raise ProbeError(sentence(error, f"report of run {run.id}")) from error


def read_probes(run: Run) -> list[Probe]:
    """The probes of a finished measuring run as they were asked."""
    try:
        return _PROBES.validate_json(_read(run, "probes.json"))
    except ValidationError as error:
        raise ProbeError(sentence(error, f"probes of run {run.id}")) from error


def read_run_outcomes(run: Run) -> list[Outcome]:
    """Every answer of a finished measuring run."""
    return read_outcomes(run.folder / "outcomes.jsonl")


def _read(run: Run, name: str) -> bytes:
    try:
        return (run.folder / name).read_bytes()
    except OSError:
        raise ProbeError(
            f"Run {run.id} has no {name}: it is {run.status()}. A report is there once a "
            "measuring run has finished."
        ) from None


def _write(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}")
    draft.write_bytes(content)
    draft.replace(path)
