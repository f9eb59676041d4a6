"""One lane's outcomes beside the base's, read from a measurement without parsing all of it."""

import json

from studio.errors import ProbeError
from studio.measure.outcome import BASE, Outcome
from studio.measure.pairs import Pair
from studio.measure.results import read_probes
from studio.tuning.run import Run

EVERY = "*"
"""Stands for all retention probes together."""


def pair_up(run: Run, lane: str, probe: str) -> list[Pair]:
    """Every case of the probe, or of all retention probes, answered by the base and the lane."""
    names = (
        {one.name for one in read_probes(run) if one.kind == "retention"}
        if probe == EVERY
        else {probe}
    )
    sides: dict[str, dict[tuple[str, str], Outcome]] = {BASE: {}, lane: {}}
    for outcome in _read_some(run, {BASE, lane}, names):
        sides[outcome.lane][outcome.probe, outcome.case] = outcome
    return [Pair(base, sides[lane][key]) for key, base in sides[BASE].items() if key in sides[lane]]


def _read_some(run: Run, lanes: set[str], probes: set[str]) -> list[Outcome]:
    """The outcomes of some lanes and probes; other lines are passed over by how they begin.

    A measurement of many lanes has tens of thousands of lines, and each is long where the
    likelihoods of single tokens were kept.
    """
    begins = tuple(
        json.dumps({"lane": lane, "probe": probe}, separators=(",", ":"), ensure_ascii=False)[:-1]
        for lane in lanes
        for probe in probes
    )
    path = run.folder / "outcomes.jsonl"
    try:
        with path.open(encoding="utf-8") as file:
            return [Outcome.model_validate_json(line) for line in file if line.startswith(begins)]
    except (OSError, ValueError) as error:
        raise ProbeError(
            f"The outcomes of run {run.id} cannot be read ({error}); measure again."
        ) from error
