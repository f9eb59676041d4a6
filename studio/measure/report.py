"""A report says what every tuned lane gained and forgot against the base, and how sure that is.

It is computed from outcomes alone: the same outcomes always give the same report.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from studio.errors import ProbeError, sentence
from studio.measure import prose
from studio.measure.delta import Bounds, Delta, Kind, NllVerdict, Verdict, judge_lane
from studio.measure.outcome import Outcome
from studio.measure.pairs import FLIPS, Flip, flips, pair_outcomes
from studio.measure.probe import Probe, index_by_name

__all__ = [
    "FLIPS",
    "Bounds",
    "Delta",
    "Flip",
    "LaneInfo",
    "NllVerdict",
    "ProbeInfo",
    "Report",
    "Verdict",
    "flips",
    "make_report",
]


class _Frozen(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )


class LaneInfo(_Frozen):
    """One tuned lane of a report."""

    id: str
    """As in the outcomes: a run's id, or a run's id at a strength."""
    title: str
    """What a person reads."""
    recipe: str = ""
    """How it was tuned, in one line."""


class ProbeInfo(_Frozen):
    """One probe of a report, without its cases."""

    name: str
    title: str
    kind: Kind
    n: int
    fingerprint: str
    """Two reports with the same fingerprint asked the same questions."""


class Report(_Frozen):
    """All deltas of all lanes, with what is needed to read them."""

    created: datetime
    base: str
    """The base that every lane is compared with."""
    lanes: tuple[LaneInfo, ...]
    """The tuned lanes."""
    margin: float
    """A difference of accuracy smaller than this counts as no material change."""
    nll_margin: float
    """The same in nats per token."""
    level: float
    """Confidence of every interval."""
    conditions: dict[str, str] = Field(default_factory=dict)
    """What base and lanes shared: precision, quantisation, decoding, chat template."""
    probes: tuple[ProbeInfo, ...]
    deltas: tuple[Delta, ...]

    def of(self, lane: str) -> list[Delta]:
        """The lane's deltas: gain probes, the row of all retention cases, retention probes."""
        if lane not in {info.id for info in self.lanes}:
            known = ", ".join(info.id for info in self.lanes)
            raise ProbeError(f'the report has no lane "{lane}"; its lanes are {known}.')
        return [delta for delta in self.deltas if delta.lane == lane]

    def headline(self, lane: str) -> str:
        """What the lane gained, forgot and kept in a few sentences, every number with its n."""
        return prose.headline(self, lane)

    def method(self) -> str:
        """How it was measured, as Markdown."""
        return prose.method(self)

    def markdown(self) -> str:
        """The whole report as Markdown: a table per lane, and how it was measured."""
        return prose.markdown(self)


def make_report(
    outcomes: Iterable[Outcome],
    probes: Sequence[Probe],
    *,
    base: str,
    lanes: Sequence[LaneInfo],
    created: datetime,
    margin: float = 0.01,
    nll_margin: float = 0.02,
    level: float = 0.95,
    conditions: dict[str, str] | None = None,
) -> Report:
    """Compare every lane with the base on the probes' cases.

    `outcomes` has to hold each case of each probe exactly once for the base and for every lane;
    ProbeError says which one is missing, double, unknown, or was scored over other tokens.
    """
    known = index_by_name(probes)
    try:
        bounds = Bounds(margin=margin, nll_margin=nll_margin, level=level)
    except ValidationError as error:
        raise ProbeError(sentence(error, "report")) from error
    pairs = pair_outcomes(outcomes, known, [lane.id for lane in lanes])
    deltas = [
        delta for lane in lanes for delta in judge_lane(lane.id, pairs[lane.id], known, bounds)
    ]
    return Report(
        created=created,
        base=base,
        lanes=tuple(lanes),
        margin=margin,
        nll_margin=nll_margin,
        level=level,
        conditions=conditions or {},
        probes=tuple(_summarise(probe) for probe in probes),
        deltas=tuple(deltas),
    )


def _summarise(probe: Probe) -> ProbeInfo:
    return ProbeInfo(
        name=probe.name,
        title=probe.title,
        kind=probe.kind,
        n=len(probe.cases),
        fingerprint=probe.fingerprint,
    )
