"""The cases behind a delta: how many changed in which way, and what both models answered."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from studio.measure import numerals
from studio.measure.case import Case
from studio.measure.delta import Delta
from studio.measure.outcome import BASE, Outcome
from studio.measure.pairs import FLIPS, Pair
from studio.measure.probe import Probe

SHOWN, FEWEST, ALTOGETHER = 30, 5, 3000
"""Cases written out per probe and kind of change: so many, but fewer (yet not fewer than FEWEST)
where there are so many probes and lanes that a document would hold more than ALTOGETHER."""
WORST = 5  # texts that are written out where there is no right and wrong
KINDS = {
    "right_wrong": "Right before, wrong now",
    "wrong_right": "Wrong before, right now",
}

Answers = dict[tuple[str, str], dict[str, Outcome]]
"""(lane, probe) -> case -> outcome."""


@dataclass(frozen=True)
class Shown:
    """One case as it is written out."""

    case: Case
    base: str = ""
    tuned: str = ""
    change: str = ""
    """Open text has no answers; its change of likelihood is told instead."""


@dataclass(frozen=True)
class Group:
    """Cases that changed in the same way: how many, and the first of them."""

    title: str
    count: int
    cases: list[Shown]


@dataclass(frozen=True)
class Chapter:
    """One probe of one lane, case by case."""

    delta: Delta
    summary: str
    matrix: dict[str, int] | None
    """How many cases there are of each of the FLIPS; None for open text."""
    groups: list[Group]


def index(outcomes: Iterable[Outcome]) -> Answers:
    """The outcomes by lane and probe."""
    answers: Answers = {}
    for one in outcomes:
        answers.setdefault((one.lane, one.probe), {})[one.case] = one
    return answers


def tell(deltas: Sequence[Delta], probes: Mapping[str, Probe], answers: Answers) -> list[Chapter]:
    """A chapter for every delta that is about one probe; the cases shown share the room."""
    shown = max(FEWEST, min(SHOWN, ALTOGETHER // max(1, len(answers))))
    return [_tell(one, probes[one.probe], answers, shown) for one in deltas if one.probe in probes]


def _tell(delta: Delta, probe: Probe, answers: Answers, limit: int) -> Chapter:
    lane = delta.lane
    before, after = answers.get((BASE, probe.name), {}), answers.get((lane, probe.name), {})
    pairs = [
        (case, Pair(before[case.id], after[case.id]))
        for case in probe.cases
        if case.id in before and case.id in after
    ]
    if delta.difference is None:
        change = f"{numerals.nats(delta)} nats per token"
        return Chapter(delta, change, None, _read(pairs))
    kinds: dict[str, list[Shown]] = {flip: [] for flip in FLIPS}
    for case, pair in pairs:
        kinds[pair.flip].append(Shown(case, pair.base.text, pair.tuned.text))
    return Chapter(
        delta,
        f"{delta.b} lost, {delta.c} gained of {delta.n}",
        {flip: len(members) for flip, members in kinds.items()},
        [
            Group(title, len(kinds[flip]), kinds[flip][:limit])
            for flip, title in KINDS.items()
            if kinds[flip]
        ],
    )


def _read(pairs: Sequence[tuple[Case, Pair]]) -> list[Group]:
    """Open text: the documents that became most unlikely."""
    changes = [(_change(pair), case, pair) for case, pair in pairs]
    changes.sort(key=lambda one: -one[0])
    shown = []
    for change, case, pair in changes[:WORST]:
        before = pair.base.nll / pair.base.tokens
        told = f"{numerals.signed(change, 3)} nats per token ({before:.3f} before)"
        shown.append(Shown(case, change=told))
    return [Group("Texts that became least likely", len(pairs), shown)] if shown else []


def _change(pair: Pair) -> float:
    return (pair.tuned.nll - pair.base.nll) / pair.base.tokens
