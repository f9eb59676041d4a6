"""A delta is what one tuned model gained or lost on one probe, with how sure that is."""

from pydantic import BaseModel, ConfigDict

from studio.measure.probe import Kind, Scorer
from studio.measure.verdict import Basis, Bounds, NllVerdict, Verdict

__all__ = ["Basis", "Bounds", "Delta", "Kind", "NllVerdict", "Verdict"]


class Delta(BaseModel):
    """One probe answered by one tuned lane, against the base on the same cases.

    Accuracies and their differences are shares (1 point = 0.01), likelihoods nats per token. The
    fields of accuracy are None for open text, which has no right and wrong.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )

    lane: str
    probe: str
    """The probe's name, or `retention` for all retention cases together."""
    title: str
    kind: Kind
    scorer: Scorer | None = None
    """How the probe marks answers; None for several probes together."""
    n: int
    """Cases, answered by both."""
    clusters: int | None = None
    """Clusters of cases that are drawn together; `n` where every case stands for itself."""
    verdict: Verdict
    """What accuracy and likelihood allow to be said together: see `studio.measure.verdict`."""
    basis: Basis | None = None
    """Which measure the verdict rests on; None if inconclusive."""
    more_cases: int | None
    """If inconclusive: about how many more cases would settle it; None then means too many."""

    base_accuracy: float | None = None
    """With Wilson's interval, like `accuracy`; cases of a cluster count as what they say alone."""
    base_low: float | None = None
    base_high: float | None = None
    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    difference: float | None = None
    """Tuned minus base accuracy; `low` and `high` bound it."""
    low: float | None = None
    high: float | None = None
    b: int | None = None
    """Cases the base had right and the tuned model has wrong."""
    c: int | None = None
    """Cases the base had wrong and the tuned model has right."""
    flip_low: float | None = None
    """With `flip_high` the Wilson interval of the share of flipped cases, (b + c) / n."""
    flip_high: float | None = None
    p: float | None = None
    """Mid-p McNemar; a t test over clusters where cases hang together."""
    p_holm: float | None = None
    """`p`, adjusted over the lane's probes of the same kind."""
    accuracy_verdict: Verdict | None = None
    """What accuracy says alone."""
    shown_drop: float | None = None
    """The smallest drop that this many cases could have shown; None if no drop at all."""
    chance: float | None = None
    """Accuracy of guessing; 0 where answers are free."""
    fg: float | None = None
    """Share of the base's accuracy above chance that is gone, (base - tuned) / (base - chance):
    the forgetting of Luo et al. (2023, arXiv 2308.08747) with scores corrected for guessing,
    (R - chance) / (1 - chance). `fg_low` and `fg_high` take the denominator as known; None where
    the base is hardly above chance."""
    fg_low: float | None = None
    fg_high: float | None = None

    nll_base: float
    """Nats per token of the reference answers under the base."""
    nll: float
    nll_difference: float
    """Tuned minus base nats per token: above 0, the right answers became less likely."""
    nll_low: float | None
    """None, like `nll_high`, when there are too few cases for a bootstrap."""
    nll_high: float | None
    nll_p: float | None = None
    """Two-sided p of "as likely as before", from the linearised ratio."""
    nll_p_holm: float | None = None
    """`nll_p`, adjusted over the lane's probes of the same kind."""
    nll_verdict: NllVerdict
    """What likelihood says alone."""
    shown_shift: float | None = None
    """The smallest rise in nats per token that these cases could have shown as material."""
    bits_base: float | None = None
    """Open text: bits per UTF-8 byte under the base, comparable between tokenizers."""
    bits_tuned: float | None = None
    bits_low: float | None = None
    """With `bits_high` the bootstrap interval of bits_tuned - bits_base."""
    bits_high: float | None = None

    kl: float | None = None
    """KL(base‖tuned), nats per token: drift on general text, or as a gauge on the task itself."""
    kl_low: float | None = None
    kl_high: float | None = None
    stop_base: float | None = None
    """Share of written answers that the base ended itself."""
    stop_tuned: float | None = None
    stop_low: float | None = None
    """With `stop_high` the interval of stop_tuned - stop_base."""
    stop_high: float | None = None
    broken_base: float | None = None
    """Share of written answers that are empty or were cut off repeating themselves."""
    broken_tuned: float | None = None
    broken_low: float | None = None
    """With `broken_high` the interval of broken_tuned - broken_base."""
    broken_high: float | None = None
    length_ratio: float | None = None
    """Characters the tuned model wrote for each that the base wrote."""
    length_low: float | None = None
    length_high: float | None = None
