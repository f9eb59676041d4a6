"""What a measuring run leaves in its folder: the probes as they were asked, and the report."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from studio.errors import ProbeError, RunError, sentence
from studio.measure.comparison import LaneSpec
from studio.measure.outcome import Outcome, read_outcomes
from studio.measure.probe import Probe
from studio.measure.report import FORM, LaneInfo, Report, make_report
from studio.tuning.run import Run, open_run

_PROBES = TypeAdapter(list[Probe])


class _Skeleton(BaseModel):
    """What a report's file has in every form."""

    form: int = 1
    created: datetime
    margin: float = 0.01
    nll_margin: float = 0.02
    level: float = 0.95
    conditions: dict[str, str] = {}
    lanes: list[dict[str, Any]]


def save_probes(run: Run, probes: Sequence[Probe]) -> None:
    """Keep the probes as they were asked, so that the report can show every case later."""
    _write(run.folder / "probes.json", _PROBES.dump_json(list(probes), indent=1))


def save_report(
    run: Run, outcomes: Sequence[Outcome], probes: Sequence[Probe], *, conditions: dict[str, str]
) -> Report:
    """Make the report of a measuring run from its outcomes and write it beside them."""
    report = make_report(
        outcomes,
        probes,
        base=run.comparison.base,
        lanes=[_describe(run, lane) for lane in run.comparison.lanes],
        created=datetime.now(UTC),
        conditions=conditions,
    )
    _write(run.folder / "report.json", report.model_dump_json(indent=1).encode())
    return report


def _describe(run: Run, lane: LaneSpec) -> LaneInfo:
    tuned = open_run(run.folder.parent, lane.run)
    recipe = tuned.recipe
    step = f" after step {lane.checkpoint}" if lane.checkpoint else ""
    strength = "" if lane.strength == 1 else f" at strength {lane.strength:g}"
    return LaneInfo(
        id=lane.id,
        title=tuned.title + step + strength,
        recipe=tuned.summary(),
        run=lane.run,
        dataset=recipe.dataset,
        start_from=recipe.start_from,
        strength=lane.strength,
        checkpoint=lane.checkpoint,
    )


def rejudge(
    run: Run,
    *,
    margin: float | None = None,
    nll_margin: float | None = None,
    level: float | None = None,
    save: bool = False,
) -> Report:
    """The report of a finished measuring run once more from its outcomes, with other margins.

    Whatever is not given stays as it was. With `save` it replaces the report that lies beside the
    outcomes. Raises ProbeError if there is nothing to judge, or a margin makes no sense.
    """
    old = _read_fields(run)
    chosen = {"margin": margin, "nll_margin": nll_margin, "level": level}
    bounds = {name: old[name] if value is None else value for name, value in chosen.items()}
    report = make_report(
        read_run_outcomes(run),
        read_probes(run),
        base=run.comparison.base,
        lanes=_recall_lanes(run, old),
        created=old["created"],
        conditions=old["conditions"],
        **bounds,
    )
    if save:
        _write(run.folder / "report.json", report.model_dump_json(indent=1).encode())
    return report


def _recall_lanes(run: Run, old: dict[str, Any]) -> list[LaneInfo]:
    """The lanes as they are known now; as the old report knew them if a run has been deleted."""
    titles = {one["id"]: one for one in old["lanes"]}
    lanes = []
    for lane in run.comparison.lanes:
        try:
            lanes.append(_describe(run, lane))
        except RunError:
            fields = titles[lane.id] | {
                "run": lane.run, "strength": lane.strength, "checkpoint": lane.checkpoint,
            }  # fmt: skip
            lanes.append(LaneInfo.model_validate(fields))
    return lanes


def read_report(run: Run) -> Report:
    """The report of a finished measuring run; one of an older form is computed again.

    Raises ProbeError if there is none.
    """
    if _read_fields(run).get("form") != FORM and (run.folder / "outcomes.jsonl").exists():
        return rejudge(run)
    try:
        return Report.model_validate_json(_read(run, "report.json"))
    except ValidationError as error:
        raise ProbeError(sentence(error, f"report of run {run.id}")) from error


def _read_fields(run: Run) -> dict[str, Any]:
    """The report's file as plain values; what every form has is checked to be there."""
    try:
        return _Skeleton.model_validate_json(_read(run, "report.json")).model_dump()
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
