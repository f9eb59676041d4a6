"""One run at several strengths, or at several moments of its training: gain against forgetting."""

from collections.abc import Callable, Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

from studio.measure.delta import Delta
from studio.measure.outcome import BASE
from studio.measure.probe import OVERALL

Unit = Literal["points", "nats"]
BUDGETS: dict[Unit, float] = {"points": 2.0, "nats": 0.05}
"""How much forgetting is accepted unless a person says otherwise."""


class _Frozen(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )


class Amount(_Frozen):
    """A number with its interval, where there is one, and how many cases it rests on."""

    value: float
    low: float | None
    high: float | None
    n: int


class CurvePoint(_Frozen):
    """One lane of a run; strength 0 is the base."""

    lane: str
    strength: float
    checkpoint: int | None = None
    """Step of an earlier checkpoint; None is the end of the run."""
    gain: Amount | None
    """Points gained on the run's own task."""
    forgotten: Amount | None
    """Points lost over all retention cases; above 0 is forgetting."""
    gain_nats: Amount | None
    """Nats per token by which the task's right answers became likelier."""
    forgotten_nats: Amount | None
    """Nats per token by which the right answers of all retention probes became less likely; of
    general text if nothing else was measured."""
    text_nats: Amount | None = None
    """The same of the first probe of general text."""

    def in_unit(self, unit: Unit) -> tuple[Amount | None, Amount | None]:
        """Gain and forgetting in points or in nats per token."""
        if unit == "points":
            return self.gain, self.forgotten
        return self.gain_nats, self.forgotten_nats


class BestStrength(_Frozen):
    """The strength with the largest gain among those that forget no more than the budget."""

    point: CurvePoint
    certain: bool
    """Whether the whole interval of its forgetting lies within the budget, not the value alone."""
    budget: float
    unit: Unit


def make_point(
    lane: str, deltas: Iterable[Delta], *, dataset: str, strength: float, checkpoint: int | None
) -> CurvePoint:
    """A lane as a point; its gain is that on its own dataset, or else on the first task."""
    known = list(deltas)
    tasks = [one for one in known if one.kind == "gain"]
    task = next(iter([*(one for one in tasks if one.probe == dataset), *tasks]), None)
    kept = next((one for one in known if one.probe == OVERALL), None)
    text = next((one for one in known if one.kind == "retention" and one.scorer == "text"), None)
    return CurvePoint(
        lane=lane,
        strength=strength,
        checkpoint=checkpoint,
        gain=_points(task, sign=1),
        forgotten=_points(kept, sign=-1),
        gain_nats=_nats(task, sign=-1),
        forgotten_nats=_nats(kept or text, sign=1),
        text_nats=_nats(text, sign=1),
    )


def make_base_point(like: CurvePoint) -> CurvePoint:
    """The base on the same cases: strength 0, nothing gained and nothing forgotten for certain."""

    def still(amount: Amount | None) -> Amount | None:
        return Amount(value=0, low=0, high=0, n=amount.n) if amount else None

    return CurvePoint(
        lane=BASE,
        strength=0,
        gain=still(like.gain),
        forgotten=still(like.forgotten),
        gain_nats=still(like.gain_nats),
        forgotten_nats=still(like.forgotten_nats),
        text_nats=still(like.text_nats),
    )


def choose_best(
    points: Iterable[CurvePoint], budget: float, *, unit: Unit = "points"
) -> BestStrength | None:
    """The largest gain inside the budget: first among the points whose whole interval is inside,
    then among those whose value is; None if no point gains anything inside it."""

    def upper(amount: Amount) -> float:
        return amount.value if amount.high is None else amount.high

    known = list(points)
    tests: list[tuple[bool, Callable[[Amount], float]]] = [
        (True, upper),
        (False, lambda amount: amount.value),
    ]
    for certain, forgotten in tests:
        inside = []
        for point in known:
            gain, loss = point.in_unit(unit)
            if gain and loss and gain.value > 0 and forgotten(loss) <= budget:
                inside.append((gain.value, -point.strength, point))
        if inside:
            best = max(inside, key=lambda one: one[:2])[2]
            return BestStrength(point=best, certain=certain, budget=budget, unit=unit)
    return None


def _points(delta: Delta | None, *, sign: int) -> Amount | None:
    if delta is None or delta.difference is None:
        return None
    return _amount(delta.difference, delta.low, delta.high, delta.n, factor=100 * sign)


def _nats(delta: Delta | None, *, sign: int) -> Amount | None:
    if delta is None:
        return None
    return _amount(delta.nll_difference, delta.nll_low, delta.nll_high, delta.n, factor=sign)


def _amount(value: float, low: float | None, high: float | None, n: int, *, factor: int) -> Amount:
    ends = None if low is None or high is None else sorted((factor * low, factor * high))
    return Amount(
        value=factor * value,
        low=ends[0] if ends else None,
        high=ends[1] if ends else None,
        n=n,
    )
