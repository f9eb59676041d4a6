"""Lost or only hidden: how much of a drop returns when solved cases stand before the question.

A tuned model may still have a skill and only no longer see that it is wanted. Then a few solved
cases of the same kind bring the right answers back. The base is asked the same way, so that what
the examples teach anybody does not count as recovered.
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from studio.measure import bootstrap
from studio.measure.bootstrap import Numbers
from studio.measure.pairs import Pair
from studio.measure.probe import OVERALL, Probe

Finding = Literal["mostly hidden", "mostly lost", "undecided", "no drop to explain"]

_Quad = tuple[str, Pair, Pair]
"""A cluster, a case asked plainly, and the same case asked behind solved ones."""


class Recovery(BaseModel):
    """The drop of one probe (or of all together) without and with solved cases before it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )

    lane: str
    probe: str
    """The retention probe that was asked again, or `retention` for all of them together."""
    title: str
    shots: int
    """How many solved cases stood before each question."""
    n: int
    """Cases asked both ways."""
    drop: float
    """Base minus tuned accuracy, asked plainly; `drop_low` and `drop_high` bound it."""
    drop_low: float | None
    drop_high: float | None
    drop_shots: float
    """The same behind solved cases."""
    drop_shots_low: float | None
    drop_shots_high: float | None
    returned: float | None
    """1 - drop_shots / drop: 1 if all came back, 0 if nothing; None if no drop is certain."""
    returned_low: float | None
    returned_high: float | None
    finding: Finding
    """"mostly hidden" if the whole interval of `returned` is above one half."""


def recover(
    lane: str,
    pairs: Mapping[str, list[Pair]],
    probes: Mapping[str, Probe],
    *,
    level: float,
) -> list[Recovery]:
    """Every retention probe that was asked both ways; all of them together first, if several."""
    found: list[tuple[str, str, int, list[_Quad]]] = []
    for again in probes.values():
        name, _, shots = again.name.rpartition(".shots")
        if again.kind == "recovery" and name in probes and shots.isdigit():
            quads = _match(probes[name], pairs[name], pairs[again.name])
            found.append((name, probes[name].title, int(shots), quads))
    if len(found) > 1 and len({shots for _, _, shots, _ in found}) == 1:
        together = [quad for *_, quads in found for quad in quads]
        found.insert(0, (OVERALL, "All retention probes", found[0][2], together))
    return [
        _measure(lane, name, title, shots, quads, level=level)
        for name, title, shots, quads in found
        if quads
    ]


def _match(probe: Probe, plain: list[Pair], again: list[Pair]) -> list[_Quad]:
    behind = {pair.base.case: pair for pair in again}
    return [
        (f"{probe.name}/{case.cluster or case.id}", pair, behind[case.id])
        for case, pair in zip(probe.cases, plain, strict=True)
        if case.id in behind
    ]


def _measure(
    lane: str, name: str, title: str, shots: int, quads: list[_Quad], *, level: float
) -> Recovery:
    rows = [(_drop(plain), _drop(behind), 1) for _, plain, behind in quads]
    sums = bootstrap.add_up(rows, [cluster for cluster, *_ in quads])
    resamples = bootstrap.resample(sums)

    def interval(values: Numbers) -> tuple[float, float] | tuple[None, None]:
        return bootstrap.percentile_interval(values, len(sums), level) or (None, None)

    drop, behind, n = sums.sum(axis=0)
    low, high = interval(resamples[:, 0] / resamples[:, 2])
    shots_low, shots_high = interval(resamples[:, 1] / resamples[:, 2])
    returned: float | None = None
    ends: tuple[float, float] | tuple[None, None] = (None, None)
    if low is not None and low > 0:
        returned = float(1 - behind / drop)
        ends = interval(1 - bootstrap.divide(resamples[:, 1], resamples[:, 0]))
    return Recovery(
        lane=lane,
        probe=name,
        title=title,
        shots=shots,
        n=len(quads),
        drop=float(drop / n),
        drop_low=low,
        drop_high=high,
        drop_shots=float(behind / n),
        drop_shots_low=shots_low,
        drop_shots_high=shots_high,
        returned=returned,
        returned_low=ends[0],
        returned_high=ends[1],
        finding=_find(returned, *ends),
    )


def _drop(pair: Pair) -> int:
    return bool(pair.base.correct) - bool(pair.tuned.correct)


def _find(returned: float | None, low: float | None, high: float | None) -> Finding:
    if returned is None:
        return "no drop to explain"
    if low is not None and low > 0.5:
        return "mostly hidden"
    if high is not None and high < 0.5:
        return "mostly lost"
    return "undecided"
