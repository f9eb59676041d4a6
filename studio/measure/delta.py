"""A delta is what one tuned model gained or lost on one probe, with how sure that is."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from studio.measure import statistics
from studio.measure.pairs import Pair
from studio.measure.probe import OVERALL, Probe

Verdict = Literal["gained", "forgotten", "no material change", "inconclusive"]
NllVerdict = Literal["better", "worse", "no material change", "inconclusive"]
Kind = Literal["gain", "retention"]

_NLL_VERDICTS: dict[str, NllVerdict] = {
    "above": "worse",
    "below": "better",
    "inside": "no material change",
    "across": "inconclusive",
}


class Bounds(BaseModel):
    """What counts as a material change, and how sure a verdict has to be."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    margin: float = Field(0.01, gt=0, lt=1)
    """A difference of accuracy within ±margin is not material."""
    nll_margin: float = Field(0.02, gt=0)
    """The same in nats per token."""
    level: float = Field(0.95, gt=0.5, lt=1)
    """Confidence of every interval; 1 - level is the error rate of "gained" and "forgotten"."""


class Delta(BaseModel):
    """One probe answered by one tuned lane, against the base on the same cases.

    Accuracies and their differences are shares (1 point = 0.01), likelihoods nats per token.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )

    lane: str
    probe: str
    """The probe's name, or `retention` for all retention cases together."""
    title: str
    kind: Kind
    n: int
    """Cases, answered by both."""
    base_accuracy: float
    base_low: float
    base_high: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    difference: float
    """Tuned minus base accuracy; `low` and `high` bound it."""
    low: float
    high: float
    b: int
    """Cases the base had right and the tuned model has wrong."""
    c: int
    """Cases the base had wrong and the tuned model has right."""
    flip_low: float
    """With `flip_high` the Wilson interval of the share of flipped cases, (b + c) / n."""
    flip_high: float
    p: float
    """Mid-p McNemar."""
    p_holm: float
    """`p`, adjusted over the lane's probes of the same kind."""
    verdict: Verdict
    more_cases: int | None
    """If inconclusive: about how many more cases would settle it; None then means too many."""
    shown_drop: float | None
    """The smallest drop that this many cases could have shown; None if no drop at all."""
    nll_base: float
    """Nats per token of the reference answers under the base."""
    nll: float
    nll_difference: float
    """Tuned minus base nats per token: above 0, the right answers became less likely."""
    nll_low: float | None
    """None, like `nll_high`, when there are too few cases for a bootstrap."""
    nll_high: float | None
    nll_verdict: NllVerdict


def judge_lane(
    lane: str, pairs: Mapping[str, Sequence[Pair]], probes: Mapping[str, Probe], bounds: Bounds
) -> list[Delta]:
    """The lane's deltas: its gain probes, all retention cases together, its retention probes."""
    gain = [probe for probe in probes.values() if probe.kind == "gain"]
    retention = [probe for probe in probes.values() if probe.kind == "retention"]
    deltas = _judge_family(lane, gain, pairs, bounds)
    if retention:
        pooled = [pair for probe in retention for pair in pairs[probe.name]]
        names = _Names(lane=lane, probe=OVERALL, title="All retention probes", kind="retention")
        deltas.append(_judge(names, pooled, _chance(pooled), tests=1, bounds=bounds))
    return deltas + _judge_family(lane, retention, pairs, bounds)


class _Names(TypedDict):
    lane: str
    probe: str
    title: str
    kind: Kind


def _judge_family(
    lane: str, probes: Sequence[Probe], pairs: Mapping[str, Sequence[Pair]], bounds: Bounds
) -> list[Delta]:
    adjusted = statistics.holm([_chance(pairs[probe.name]) for probe in probes])
    return [
        _judge(
            _Names(lane=lane, probe=probe.name, title=probe.title, kind=probe.kind),
            pairs[probe.name],
            p_holm,
            tests=len(probes),
            bounds=bounds,
        )
        for probe, p_holm in zip(probes, adjusted, strict=True)
    ]


def _judge(
    names: _Names, pairs: Sequence[Pair], p_holm: float, *, tests: int, bounds: Bounds
) -> Delta:
    n, (lost, gained) = len(pairs), _flipped(pairs)
    low, high = statistics.paired_interval(lost, gained, n, bounds.level)
    verdict = _decide(lost, gained, n, p_holm=p_holm, bounds=bounds)
    needed = None
    if verdict == "inconclusive":
        needed = statistics.needed_cases(
            lost, gained, n, margin=bounds.margin, level=bounds.level, tests=tests
        )
    shown_drop = statistics.smallest_shown_drop(
        gained, n, margin=bounds.margin, level=bounds.level, tests=tests
    )
    return Delta(
        **names,
        **_weigh_shares(pairs, bounds.level),
        n=n,
        difference=(gained - lost) / n,
        low=low,
        high=high,
        b=lost,
        c=gained,
        p=statistics.mcnemar_midp(lost, gained),
        p_holm=p_holm,
        verdict=verdict,
        more_cases=needed - n if needed else None,
        shown_drop=shown_drop,
        **_weigh_likelihood(pairs, bounds),
    )


def _flipped(pairs: Sequence[Pair]) -> tuple[int, int]:
    flips = [pair.flip for pair in pairs]
    return flips.count("right_wrong"), flips.count("wrong_right")


def _chance(pairs: Sequence[Pair]) -> float:
    return statistics.mcnemar_midp(*_flipped(pairs))


def _decide(lost: int, gained: int, n: int, *, p_holm: float, bounds: Bounds) -> Verdict:
    wide = statistics.paired_interval(lost, gained, n, bounds.level)
    narrow = statistics.paired_interval(lost, gained, n, statistics.equivalence_level(bounds.level))
    significant = p_holm < 1 - bounds.level
    match _locate(wide, narrow, bounds.margin):
        case "above" if significant:
            return "gained"
        case "below" if significant:
            return "forgotten"
        case "inside":
            return "no material change"
    return "inconclusive"


def _locate(
    wide: statistics.Interval, narrow: statistics.Interval, margin: float
) -> Literal["above", "below", "inside", "across"]:
    if wide[0] > margin:
        return "above"
    if wide[1] < -margin:
        return "below"
    return "inside" if -margin < narrow[0] and narrow[1] < margin else "across"


class _Shares(TypedDict):
    base_accuracy: float
    base_low: float
    base_high: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    flip_low: float
    flip_high: float


def _weigh_shares(pairs: Sequence[Pair], level: float) -> _Shares:
    n = len(pairs)
    before, after = (sum(one.correct for one in side) for side in zip(*pairs, strict=True))
    base_low, base_high = statistics.wilson_interval(before, n, level)
    low, high = statistics.wilson_interval(after, n, level)
    flip_low, flip_high = statistics.wilson_interval(sum(_flipped(pairs)), n, level)
    return {
        "base_accuracy": before / n,
        "base_low": base_low,
        "base_high": base_high,
        "accuracy": after / n,
        "accuracy_low": low,
        "accuracy_high": high,
        "flip_low": flip_low,
        "flip_high": flip_high,
    }


class _Likelihood(TypedDict):
    nll_base: float
    nll: float
    nll_difference: float
    nll_low: float | None
    nll_high: float | None
    nll_verdict: NllVerdict


def _weigh_likelihood(pairs: Sequence[Pair], bounds: Bounds) -> _Likelihood:
    tokens = [pair.base.tokens for pair in pairs]
    differences = [pair.tuned.nll - pair.base.nll for pair in pairs]
    resamples = statistics.resample_ratio(differences, tokens)
    wide = statistics.percentile_interval(resamples, len(pairs), bounds.level)
    narrow = statistics.percentile_interval(
        resamples, len(pairs), statistics.equivalence_level(bounds.level)
    )
    return {
        "nll_base": sum(pair.base.nll for pair in pairs) / sum(tokens),
        "nll": sum(pair.tuned.nll for pair in pairs) / sum(tokens),
        "nll_difference": sum(differences) / sum(tokens),
        "nll_low": wide[0] if wide else None,
        "nll_high": wide[1] if wide else None,
        "nll_verdict": (
            _NLL_VERDICTS[_locate(wide, narrow, bounds.nll_margin)]
            if wide and narrow
            else "inconclusive"
        ),
    }
