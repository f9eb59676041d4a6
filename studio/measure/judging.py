"""Judging a lane: its outcomes beside those of the base, counted and put into words per probe."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import log
from typing import Any, TypedDict, TypeVar

from studio.measure import statistics
from studio.measure.delta import Delta
from studio.measure.gauges import is_broken
from studio.measure.probe import OVERALL, Kind, Probe, Scorer
from studio.measure.sample import Sample
from studio.measure.verdict import (
    Accuracy,
    Bounds,
    Judgement,
    Likelihood,
    count_missing,
    judge,
)

_Measure = TypeVar("_Measure", Accuracy, Likelihood)

_CLEARLY_ABOVE_CHANCE = 0.05
"""Relative forgetting divides by the accuracy above chance, and means nothing close to 0."""


def judge_lane(
    lane: str, samples: Mapping[str, Sample], probes: Mapping[str, Probe], bounds: Bounds
) -> list[Delta]:
    """The lane's deltas: its gain probes, all retention cases that have a right answer together,
    its retention probes, and those asked once more behind solved cases."""
    families: dict[Kind, list[Delta]] = {}
    for kind in ("gain", "retention", "recovery"):
        members = [probe for probe in probes.values() if probe.kind == kind]
        families[kind] = _judge_family(lane, members, samples, bounds)
    pooled = [
        samples[name]
        for name, probe in probes.items()
        if probe.kind == "retention" and not samples[name].open_text
    ]
    if pooled:
        together = Sample.pool(pooled)
        names = _Names(
            lane=lane, probe=OVERALL, title="All retention probes", kind="retention", scorer=None
        )
        measures = _weigh_accuracy(together), _weigh_likelihood(together, bounds)
        families["gain"].append(_judge(names, together, *measures, bounds))
    return families["gain"] + families["retention"] + families["recovery"]


class _Names(TypedDict):
    lane: str
    probe: str
    title: str
    kind: Kind
    scorer: Scorer | None


def _judge_family(
    lane: str, probes: Sequence[Probe], samples: Mapping[str, Sample], bounds: Bounds
) -> list[Delta]:
    members = [samples[probe.name] for probe in probes]
    flips = [_weigh_accuracy(one) for one in members if not one.open_text]
    shifts = [_weigh_likelihood(one, bounds) for one in members]
    adjusted_flips = iter(_adjust(flips))
    deltas = []
    for probe, sample, shift in zip(probes, members, _adjust(shifts), strict=True):
        names = _Names(
            lane=lane, probe=probe.name, title=probe.title, kind=probe.kind, scorer=probe.scorer
        )
        accuracy = None if sample.open_text else next(adjusted_flips)
        deltas.append(_judge(names, sample, accuracy, shift, bounds))
    return deltas


def _adjust(measures: Sequence[_Measure]) -> list[_Measure]:
    """Holm's adjustment of one measure over the probes of a family."""
    adjusted = statistics.holm([one.p for one in measures])
    return [
        replace(one, p=p, tests=len(measures)) for one, p in zip(measures, adjusted, strict=True)
    ]


def _weigh_accuracy(sample: Sample) -> Accuracy:
    lost, gained = sample.flips
    return Accuracy(lost, gained, sample.n, p=sample.flip_p, design=sample.design)


def _weigh_likelihood(sample: Sample, bounds: Bounds) -> Likelihood:
    wide = sample.shift(bounds.level)
    narrow = sample.shift(statistics.equivalence_level(bounds.level))
    return Likelihood(
        difference=wide.value,
        wide=wide.interval,
        narrow=narrow.interval,
        clusters=len(sample.sums),
        p=sample.shift_p,
    )


def _judge(
    names: _Names,
    sample: Sample,
    accuracy: Accuracy | None,
    likelihood: Likelihood,
    bounds: Bounds,
) -> Delta:
    judgement = judge(accuracy, likelihood, bounds)
    more = None
    if judgement.verdict == "inconclusive":
        more = count_missing(accuracy, likelihood, sample.n, bounds)
    fields: dict[str, Any] = {
        **names,
        "n": sample.n,
        "clusters": likelihood.clusters,
        "verdict": judgement.verdict,
        "basis": judgement.basis,
        "more_cases": more,
        **_tell_accuracy(sample, accuracy, judgement, bounds),
        **_tell_likelihood(sample, likelihood, judgement, bounds),
        **_tell_form(sample, bounds.level),
    }
    return Delta.model_validate(fields)


def _tell_accuracy(
    sample: Sample, accuracy: Accuracy | None, judgement: Judgement, bounds: Bounds
) -> dict[str, Any]:
    if accuracy is None:
        return {}
    n, lost, gained = accuracy.n, accuracy.lost, accuracy.gained
    before, after = (
        sum(bool(one.correct) for one in side) for side in zip(*sample.pairs, strict=True)
    )
    base, tuned, flips = sample.accuracies(bounds.level)
    low, high = statistics.paired_interval(*accuracy.counts, bounds.level)
    drop = statistics.smallest_shown_drop(
        gained,
        n,
        margin=bounds.margin,
        level=bounds.level,
        tests=accuracy.tests,
        design=accuracy.design,
    )
    found = {
        "base_accuracy": before / n, "base_low": base[0], "base_high": base[1],
        "accuracy": after / n, "accuracy_low": tuned[0], "accuracy_high": tuned[1],
        "difference": (gained - lost) / n, "low": low, "high": high,
        "b": lost, "c": gained, "flip_low": flips[0], "flip_high": flips[1],
        "p": sample.flip_p, "p_holm": accuracy.p,
        "accuracy_verdict": judgement.accuracy, "shown_drop": drop, "chance": sample.chance,
    }  # fmt: skip
    if base[0] > sample.chance + _CLEARLY_ABOVE_CHANCE:
        above = before / n - sample.chance
        found |= {
            "fg": (lost - gained) / n / above,
            "fg_low": -high / above,
            "fg_high": -low / above,
        }
    return found


def _tell_likelihood(
    sample: Sample, likelihood: Likelihood, judgement: Judgement, bounds: Bounds
) -> dict[str, Any]:
    before, after = (sum(one.nll for one in side) for side in zip(*sample.pairs, strict=True))
    tokens = sum(pair.base.tokens for pair in sample.pairs)
    low, high = likelihood.wide or (None, None)
    found = {
        "nll_base": before / tokens, "nll": after / tokens,
        "nll_difference": likelihood.difference, "nll_low": low, "nll_high": high,
        "nll_p": sample.shift_p, "nll_p_holm": likelihood.p, "nll_verdict": judgement.nll,
    }  # fmt: skip
    if low is not None:
        found["shown_shift"] = bounds.nll_margin + likelihood.difference - low
    if sample.open_text:
        bits = sum(sample.sizes) * log(2)
        change = sample.bits(bounds.level)
        found |= {"bits_base": before / bits, "bits_tuned": after / bits}
        found |= {"bits_low": change.low, "bits_high": change.high}
    if drift := sample.kl(bounds.level):
        found |= drift.named("kl", "kl_low", "kl_high")
    return found


def _tell_form(sample: Sample, level: float) -> dict[str, Any]:
    if not sample.written:
        return {}
    stopped = [[one.stopped for one in side] for side in zip(*sample.pairs, strict=True)]
    broken = [[is_broken(one) for one in side] for side in zip(*sample.pairs, strict=True)]
    found: dict[str, Any] = {}
    for name, (before, after) in (("stop", stopped), ("broken", broken)):
        low, high = sample.change(before, after, level)
        found |= {
            f"{name}_base": sum(before) / sample.n, f"{name}_tuned": sum(after) / sample.n,
            f"{name}_low": low, f"{name}_high": high,
        }  # fmt: skip
    if length := sample.length(level):
        found |= length.named("length_ratio", "length_low", "length_high")
    return found
