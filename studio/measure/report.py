"""A report says what every tuned lane gained and forgot against the base, and how sure that is.

It is computed from outcomes alone: the same outcomes always give the same report.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from studio.errors import ProbeError, sentence
from studio.measure import curve, markdown, prose
from studio.measure.curve import BestStrength, CurvePoint, Unit
from studio.measure.delta import Bounds, Delta, Kind, NllVerdict, Verdict
from studio.measure.judging import judge_lane
from studio.measure.outcome import Outcome
from studio.measure.pairs import FLIPS, Flip, flips, pair_outcomes
from studio.measure.probe import Probe, index_by_name
from studio.measure.recovery import Recovery, recover
from studio.measure.sample import Sample
from studio.measure.sequence import TuningSequence, follow

FORM = 3
"""Raised when a report says something new, so that older files are computed again."""

__all__ = [
    "FLIPS",
    "FORM",
    "BestStrength",
    "Bounds",
    "CurvePoint",
    "Delta",
    "Flip",
    "LaneInfo",
    "NllVerdict",
    "ProbeInfo",
    "Recovery",
    "Report",
    "TuningSequence",
    "Verdict",
    "detached_key",
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
    run: str = ""
    """The run that made its adapter."""
    dataset: str = ""
    """What the run was tuned on."""
    start_from: str = ""
    """The run whose adapter it went on from; empty: the base."""
    strength: float = 1.0
    """Multiplies the adapter's update: 1 is the adapter as it was trained."""
    checkpoint: int | None = None
    """Step of an earlier checkpoint; None is the adapter the run ended with."""


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

    form: int = 1
    """Which fields there can be; a file without it is of the first form."""
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
    recoveries: tuple[Recovery, ...] = ()
    """Drops without and with solved cases before the question, where that was asked."""
    sequence: TuningSequence | None = None
    """The runs as one tuned after another, where they were; see `studio.measure.sequence`."""

    def of(self, lane: str) -> list[Delta]:
        """The lane's deltas: gain probes, the row of all retention cases, retention probes.

        The probes asked behind solved cases are left out; `recovery` tells what they mean.
        """
        self.lane(lane)
        return [one for one in self.deltas if one.lane == lane and one.kind != "recovery"]

    def lane(self, id: str) -> LaneInfo:
        """The lane of that id; raises ProbeError naming the known ones."""
        for info in self.lanes:
            if info.id == id:
                return info
        known = ", ".join(info.id for info in self.lanes)
        raise ProbeError(f'the report has no lane "{id}"; its lanes are {known}.')

    def recovery(self, lane: str) -> list[Recovery]:
        """Lost or only hidden: all retention probes together first, then each; empty if the
        comparison asked for no solved cases."""
        self.lane(lane)
        return [one for one in self.recoveries if one.lane == lane]

    def curve(self, run: str) -> list[CurvePoint]:
        """The run's strengths from the base (0) upwards; empty if it was not measured."""
        points = [self._point(one) for one in self.lanes if one.run == run and not one.checkpoint]
        points = [one for one in points if one.strength > 0]
        base = [curve.make_base_point(points[0])] if points else []
        return base + sorted(points, key=lambda one: one.strength)

    def best_strength(
        self, run: str, budget: float, *, unit: Unit = "points"
    ) -> BestStrength | None:
        """The run's strength with the largest gain that forgets no more than `budget`, in points
        or nats per token; None if none gains anything inside it."""
        return curve.choose_best(self.curve(run), budget, unit=unit)

    def over_time(self, run: str) -> list[CurvePoint]:
        """The run's checkpoints at full strength in the order of training, its end last."""
        lanes = [one for one in self.lanes if one.run == run and one.strength == 1]
        lanes.sort(key=lambda one: (one.checkpoint is None, one.checkpoint or 0))
        return [self._point(one) for one in lanes]

    def _point(self, lane: LaneInfo) -> CurvePoint:
        return curve.make_point(
            lane.id,
            self.of(lane.id),
            dataset=lane.dataset,
            strength=lane.strength,
            checkpoint=lane.checkpoint,
        )

    def headline(self, lane: str) -> str:
        """What the lane gained, forgot and kept in a few sentences, every number with its n."""
        return prose.headline(self, lane)

    def detached(self, lane: str) -> str:
        """What proved that the lane is the base without its soft prompt; empty if it has none."""
        return self.conditions.get(detached_key(lane), "")

    def method(self) -> str:
        """How it was measured, as Markdown."""
        return markdown.method(self)

    def markdown(self) -> str:
        """The whole report as Markdown: a table per lane, and how it was measured."""
        return markdown.write(self)


def detached_key(lane: str) -> str:
    """Under which condition stands what the lane is without its soft prompt."""
    return f"{lane} with its soft prompt taken off"


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
    deltas: list[Delta] = []
    recoveries: list[Recovery] = []
    for lane in lanes:
        own = pairs[lane.id]
        samples = {name: Sample.of(probe, own[name]) for name, probe in known.items()}
        deltas += judge_lane(lane.id, samples, known, bounds)
        recoveries += recover(lane.id, own, known, level=level)
    return Report(
        form=FORM,
        created=created,
        base=base,
        lanes=tuple(lanes),
        margin=margin,
        nll_margin=nll_margin,
        level=level,
        conditions=conditions or {},
        probes=tuple(_summarise(probe) for probe in probes),
        deltas=tuple(deltas),
        recoveries=tuple(recoveries),
        sequence=follow(lanes, pairs, known, level=level),
    )


def _summarise(probe: Probe) -> ProbeInfo:
    return ProbeInfo(
        name=probe.name,
        title=probe.title,
        kind=probe.kind,
        n=len(probe.cases),
        fingerprint=probe.fingerprint,
    )
