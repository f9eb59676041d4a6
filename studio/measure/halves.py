"""A probe's two halves: one may be replayed in training, the other is kept for measuring.

Which half a case is in follows from its name alone, so that training and measuring agree
without asking each other.
"""

import hashlib

from studio.errors import ProbeError
from studio.measure.probe import Case, Probe


def is_replayed(case: Case) -> bool:
    """Whether a case is in the half for training; the cases of one cluster stay together."""
    # Salted, because the order of a shortened probe follows the plain hash of the same id.
    salted = f"replayed half: {case.cluster or case.id}"
    return hashlib.sha256(salted.encode()).digest()[0] < 128


def can_be_replayed(probe: Probe) -> bool:
    """Whether its cases are questions about old skills with an answer, asked in a conversation."""
    return probe.kind == "retention" and probe.chat and all(case.messages for case in probe.cases)


def replayed_half(probe: Probe) -> Probe:
    """The cases that may be learned; raises ProbeError for a probe that cannot be replayed."""
    if not can_be_replayed(probe):
        raise ProbeError(
            f'probe "{probe.name}" cannot be replayed: only retention probes that are asked in a '
            "conversation can; name another one."
        )
    return _part(probe, learned=True)


def held_half(probe: Probe) -> Probe:
    """The cases whose text may be held in training, asked or only read; ProbeError without any."""
    return _part(probe, learned=True)


def measuring_half(probe: Probe) -> Probe:
    """The cases that are never learned; raises ProbeError if there is none."""
    return _part(probe, learned=False)


def _part(probe: Probe, *, learned: bool) -> Probe:
    cases = tuple(case for case in probe.cases if is_replayed(case) == learned)
    if not cases:
        raise ProbeError(
            f'probe "{probe.name}" has too few cases to be replayed and measured: one half of '
            "them is empty; add cases to it, or do not replay it."
        )
    return probe.model_copy(update={"cases": cases})
