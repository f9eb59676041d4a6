"""Probes and outcomes made up for tests: who answered what is decided here."""

from collections.abc import Sequence

from studio.measure.delta import Kind
from studio.measure.outcome import Outcome
from studio.measure.probe import Case, Probe


def probe(name: str, n: int, kind: Kind = "retention") -> Probe:
    cases = [
        Case.model_validate({"id": f"{name}-{i}", "prompt": f"Question {i}?", "answer": "yes"})
        for i in range(n)
    ]
    return Probe(name=name, title=name.capitalize(), kind=kind, cases=tuple(cases))


def answered(
    lane: str, probe: Probe, marks: Sequence[bool], nll: float | Sequence[float] = 1.0
) -> list[Outcome]:
    """One outcome per case: right or wrong after `marks`, and how unlikely the answer was."""
    likelihoods = [nll] * len(marks) if isinstance(nll, float) else nll
    return [
        Outcome(
            lane=lane,
            probe=probe.name,
            case=case.id,
            text="yes" if right else "no",
            correct=right,
            nll=nats,
            tokens=2,
            stopped=True,
        )
        for case, right, nats in zip(probe.cases, marks, likelihoods, strict=True)
    ]


def compare(probe: Probe, lost: int, gained: int) -> list[Outcome]:
    """Outcomes in which the base has all right but the `gained`, and the lane lacks the `lost`."""
    n = len(probe.cases)
    before = [i >= gained for i in range(n)]
    after = [i < gained or i >= gained + lost for i in range(n)]
    return answered("base", probe, before) + answered("run-a", probe, after)


def text_probe(name: str, texts: Sequence[str], clusters: Sequence[str] | None = None) -> Probe:
    """A probe of open text, one case per text."""
    cases = [
        Case(id=f"{name}-{i}", messages=(), answer=text, cluster=clusters[i] if clusters else "")
        for i, text in enumerate(texts)
    ]
    return Probe(
        name=name, title=name.capitalize(), kind="retention", scorer="text", chat=False,
        cases=tuple(cases),
    )  # fmt: skip


def read(probe: Probe, shifts: Sequence[float], tokens: int = 10) -> list[Outcome]:
    """Every text cost the base 2 nats per token, and the lane so many more per text."""
    found = []
    for case, shift in zip(probe.cases, shifts, strict=True):
        for lane, nll in (("base", 2.0 * tokens), ("run-a", 2.0 * tokens + shift)):
            kl = {"kl": abs(shift) / 2, "kl_tokens": tokens} if lane != "base" else {}
            found.append(
                Outcome(lane=lane, probe=probe.name, case=case.id, correct=None, nll=nll,
                        tokens=tokens, **kl)
            )  # fmt: skip
    return found
