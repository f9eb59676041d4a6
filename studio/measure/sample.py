"""A sample is what base and tuned model did on one probe's cases, ready to be counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log
from typing import NamedTuple

from studio.measure import bootstrap, statistics
from studio.measure.bootstrap import Numbers
from studio.measure.gauges import count_bytes
from studio.measure.pairs import Pair
from studio.measure.probe import LIKELIHOOD, Probe
from studio.measure.statistics import Interval

_SHIFT, _TOKENS, _KL, _KL_TOKENS = range(4)
_WROTE, _WRITES, _WAS_RIGHT, _IS_RIGHT, _FLIPPED, _CASES, _BITS = range(4, 11)


class Ratio(NamedTuple):
    """A ratio of two sums, with its bootstrap interval where there are enough clusters."""

    value: float
    low: float | None
    high: float | None

    @property
    def interval(self) -> Interval | None:
        """Both ends, or None."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def named(self, *names: str) -> dict[str, float | None]:
        """Value, low and high under these names."""
        return dict(zip(names, self, strict=True))


@dataclass(frozen=True)
class Sample:
    """Pairs of one probe, or of several together, with what a pair does not know itself."""

    pairs: tuple[Pair, ...]
    clusters: tuple[str, ...]
    """What each pair is drawn together with."""
    chances: tuple[float, ...]
    """How likely a guess at each case is right."""
    sizes: tuple[int, ...]
    """UTF-8 bytes of each reference answer, as far as its likelihood covers it."""
    written: bool
    """Whether the answers were written by the models, and not only scored."""
    open_text: bool
    """Whether there is no right and wrong, only likelihood."""

    @classmethod
    def of(cls, probe: Probe, pairs: Sequence[Pair]) -> "Sample":
        """The pairs of one probe, in the order of its cases."""
        cases = probe.cases
        return cls(
            pairs=tuple(pairs),
            clusters=tuple(f"{probe.name}/{case.cluster or case.id}" for case in cases),
            chances=tuple(1 / len(case.choices) if case.choices else 0.0 for case in cases),
            sizes=tuple(
                count_bytes(case.answer, pair.base.pieces)
                for case, pair in zip(cases, pairs, strict=True)
            ),
            written=probe.scorer not in LIKELIHOOD,
            open_text=probe.scorer == "text",
        )

    @classmethod
    def pool(cls, samples: Sequence["Sample"]) -> "Sample":
        """Several samples as one, every case counted once; none of them open text."""
        return cls(
            pairs=tuple(pair for one in samples for pair in one.pairs),
            clusters=tuple(cluster for one in samples for cluster in one.clusters),
            chances=tuple(chance for one in samples for chance in one.chances),
            sizes=tuple(size for one in samples for size in one.sizes),
            written=all(one.written for one in samples),
            open_text=False,
        )

    @property
    def n(self) -> int:
        """Cases."""
        return len(self.pairs)

    @property
    def chance(self) -> float:
        """The accuracy of guessing."""
        return sum(self.chances) / self.n

    @property
    def flips(self) -> tuple[int, int]:
        """How many cases the tuned model lost, and how many it gained."""
        flips = [pair.flip for pair in self.pairs]
        return flips.count("right_wrong"), flips.count("wrong_right")

    @cached_property
    def sums(self) -> Numbers:
        """What is counted, added up over each cluster: (clusters, columns)."""
        rows = [
            (
                tuned.nll - base.nll,
                base.tokens,
                tuned.kl or 0.0,
                tuned.kl_tokens,
                len(base.text),
                len(tuned.text),
                bool(base.correct),
                bool(tuned.correct),
                bool(base.correct) != bool(tuned.correct),
                1,
                size * log(2),
            )
            for (base, tuned), size in zip(self.pairs, self.sizes, strict=True)
        ]
        return bootstrap.add_up(rows, self.clusters)

    @cached_property
    def _resamples(self) -> Numbers:
        return bootstrap.resample(self.sums)

    @property
    def design(self) -> float:
        """How many cases say as much about the difference of accuracy as one independent case."""
        if len(self.sums) == self.n:
            return 1.0
        differences = self.sums[:, _IS_RIGHT] - self.sums[:, _WAS_RIGHT]
        return bootstrap.design_effect(differences, self.sums[:, _CASES], sum(self.flips))

    def accuracies(self, level: float) -> tuple[Interval, Interval, Interval]:
        """Wilson's intervals of the base's accuracy, the tuned model's, and the share of flips.

        Where cases hang together they count as so many independent ones as say as much.
        """
        was, now, flips = (self._share(one, level) for one in (_WAS_RIGHT, _IS_RIGHT, _FLIPPED))
        return was, now, flips

    def _share(self, column: int, level: float) -> Interval:
        counts, cases = self.sums[:, column], self.sums[:, _CASES]
        right = int(counts.sum())
        design = 1.0
        if len(self.sums) < self.n:
            design = bootstrap.design_effect(counts, cases, right)
        return statistics.wilson_interval(right / design, self.n / design, level)

    def change(self, before: Sequence[bool], after: Sequence[bool], level: float) -> Interval:
        """Interval of how much a share of the cases changed, in Tango's way; clusters as above."""
        changes = [now - was for was, now in zip(before, after, strict=True)]
        lost, gained, design = changes.count(-1), changes.count(1), 1.0
        if len(self.sums) < self.n:
            sums = bootstrap.add_up([(one, 1) for one in changes], self.clusters)
            design = bootstrap.design_effect(sums[:, 0], sums[:, 1], lost + gained)
        return statistics.paired_interval(lost / design, gained / design, self.n / design, level)

    @property
    def flip_p(self) -> float:
        """Two-sided p of "as many right as before": McNemar's, or over clusters where cases hang
        together."""
        if len(self.sums) == self.n:
            return statistics.mcnemar_midp(*self.flips)
        differences = self.sums[:, _IS_RIGHT] - self.sums[:, _WAS_RIGHT]
        return bootstrap.ratio_p(differences, self.sums[:, _CASES])

    @property
    def shift_p(self) -> float:
        """Two-sided p of "the right answers are as likely as before"."""
        return bootstrap.ratio_p(self.sums[:, _SHIFT], self.sums[:, _TOKENS])

    def shift(self, level: float) -> Ratio:
        """Tuned minus base nats per token of the reference answers."""
        return self._ratio(_SHIFT, _TOKENS, level)

    def bits(self, level: float) -> Ratio:
        """Tuned minus base bits per UTF-8 byte of the reference answers."""
        return self._ratio(_SHIFT, _BITS, level)

    def kl(self, level: float) -> Ratio | None:
        """KL(base‖tuned) in nats per token; None where it was not taken."""
        return self._ratio(_KL, _KL_TOKENS, level) if self.sums[:, _KL_TOKENS].any() else None

    def length(self, level: float) -> Ratio | None:
        """Length of what the tuned model wrote, divided by that of the base; None if neither."""
        if not self.written or not self.sums[:, _WROTE].any():
            return None
        return self._ratio(_WRITES, _WROTE, level)

    def _ratio(self, above: int, below: int, level: float) -> Ratio:
        def divide(sums: Numbers) -> Numbers:
            return bootstrap.divide(sums[:, above], sums[:, below])

        value = float(divide(self.sums.sum(axis=0, keepdims=True))[0])
        interval = bootstrap.percentile_interval(divide(self._resamples), len(self.sums), level)
        low, high = interval or (None, None)
        return Ratio(value, low, high)
