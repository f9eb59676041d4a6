"""Lost or only hidden: how much of a drop returns when solved cases stand before the question.

A tuned model may still have a skill and only no longer see that it is wanted. Then a few solved
cases of the same kind bring the right answers back. The base is asked the same way, so that what
the examples teach anybody does not count as recovered.
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from studio.measure import bootstrap, statistics
from studio.measure.bootstrap import Numbers
from studio.measure.pairs import Pair
from studio.measure.probe import OVERALL, Probe
from studio.measure.statistics import Interval

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
    drop_low: float
    drop_high: float
    drop_shots: float
    """The same behind solved cases."""
    drop_shots_low: float
    drop_shots_high: float
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
    n = len(quads)
    sums = bootstrap.add_up(
        [(_drop(plain), _drop(behind), 1) for _, plain, behind in quads],
        [cluster for cluster, *_ in quads],
    )
    plainly = _interval([plain for _, plain, _ in quads], sums[:, [0, 2]], level)
    behind = _interval([again for *_, again in quads], sums[:, [1, 2]], level)
    drop, left, _ = sums.sum(axis=0)
    returned, ends = None, None
    if plainly[0] > 0:
        returned = float(1 - left / drop)
        ends = _bound(returned, sums, level, lost=sum(_drop(plain) > 0 for _, plain, _ in quads))
    return Recovery(
        lane=lane,
        probe=name,
        title=title,
        shots=shots,
        n=n,
        drop=float(drop / n),
        drop_low=plainly[0],
        drop_high=plainly[1],
        drop_shots=float(left / n),
        drop_shots_low=behind[0],
        drop_shots_high=behind[1],
        returned=returned,
        returned_low=ends[0] if ends else None,
        returned_high=ends[1] if ends else None,
        finding=_find(returned, ends),
    )


def _drop(pair: Pair) -> int:
    return bool(pair.base.correct) - bool(pair.tuned.correct)


def _interval(pairs: list[Pair], sums: Numbers, level: float) -> Interval:
    """The interval of a drop, as that of any difference of accuracy."""
    lost, gained = (sum(_drop(pair) == sign for pair in pairs) for sign in (1, -1))
    design = 1.0
    if len(sums) < len(pairs):
        design = bootstrap.design_effect(sums[:, 0], sums[:, 1], lost + gained)
    # Lost and gained change places, because a drop is the negative of the difference.
    counts = gained / design, lost / design, len(pairs) / design
    return statistics.paired_interval(*counts, level)


def _bound(returned: float, sums: Numbers, level: float, *, lost: int) -> Interval | None:
    """The bootstrap's interval of the share that returns, no narrower than Wilson's over the lost
    cases: where all or none return, the bootstrap alone would be sure."""
    resamples = bootstrap.resample(sums)
    shares = 1 - bootstrap.divide(resamples[:, 1], resamples[:, 0])
    drawn = bootstrap.percentile_interval(shares, len(sums), level)
    if drawn is None:
        return None
    counted = statistics.wilson_interval(lost * min(1.0, max(0.0, returned)), lost, level)
    return min(drawn[0], counted[0]), max(drawn[1], counted[1])


def _find(returned: float | None, ends: Interval | None) -> Finding:
    if returned is None:
        return "no drop to explain"
    if ends and ends[0] > 0.5:
        return "mostly hidden"
    if ends and ends[1] < 0.5:
        return "mostly lost"
    return "undecided"
