"""Outcomes side by side: for every case, what the base answered and what a tuned lane answered."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from studio.errors import ProbeError
from studio.measure.outcome import BASE, Outcome
from studio.measure.probe import Probe


class Pair(NamedTuple):
    """One case, answered by the base and by a tuned lane."""

    base: Outcome
    tuned: Outcome

    @property
    def flip(self) -> str:
        """`right_right`, `right_wrong`, `wrong_right` or `wrong_wrong`: the base's mark first."""
        before, after = ("right" if one.correct else "wrong" for one in self)
        return f"{before}_{after}"


class Flip(NamedTuple):
    """One case with what the base and what the tuned model answered."""

    case: str
    base: str
    tuned: str


FLIPS = ("right_right", "right_wrong", "wrong_right", "wrong_wrong")


def pair_outcomes(
    outcomes: Iterable[Outcome], probes: Mapping[str, Probe], lanes: Sequence[str]
) -> dict[str, dict[str, list[Pair]]]:
    """Match every lane with the base: lane -> probe -> one pair per case, in the cases' order.

    ProbeError unless the base and every lane answered each case of each probe exactly once, over
    the same answer tokens, and nothing else.
    """
    if BASE in lanes or len(set(lanes)) < len(lanes):
        raise ProbeError(f'lanes need different names, and none may be called "{BASE}".')
    answers = _index(outcomes)
    wanted = {
        (lane, name, case.id)
        for lane in (BASE, *lanes)
        for name, probe in probes.items()
        for case in probe.cases
    }
    _refuse_gaps(set(answers), wanted)
    return {
        lane: {
            name: [
                _pair(answers[BASE, name, case.id], answers[lane, name, case.id])
                for case in probe.cases
            ]
            for name, probe in probes.items()
        }
        for lane in lanes
    }


def flips(outcomes: Iterable[Outcome], lane: str, probe: str) -> dict[str, list[Flip]]:
    """The texts behind a delta, sorted into the four FLIPS; each case is in exactly one.

    ProbeError unless the base and the lane answered the same cases of the probe once each.
    """
    answers = _index(one for one in outcomes if one.probe == probe and one.lane in (BASE, lane))
    cases = dict.fromkeys(case for _, _, case in answers)
    if not cases:
        raise ProbeError(
            f'lane "{lane}" has no outcomes for the probe "{probe}"; measure it first.'
        )
    _refuse_gaps(set(answers), {(one, probe, case) for one in (BASE, lane) for case in cases})
    sorted_cases: dict[str, list[Flip]] = {flip: [] for flip in FLIPS}
    for case in cases:
        pair = Pair(answers[BASE, probe, case], answers[lane, probe, case])
        sorted_cases[pair.flip].append(Flip(case, pair.base.text, pair.tuned.text))
    return sorted_cases


def _index(outcomes: Iterable[Outcome]) -> dict[tuple[str, str, str], Outcome]:
    answers: dict[tuple[str, str, str], Outcome] = {}
    for outcome in outcomes:
        key = outcome.lane, outcome.probe, outcome.case
        if key in answers:
            raise ProbeError(f"{_place(key)} was answered twice; measure again from the start.")
        answers[key] = outcome
    return answers


def _refuse_gaps(answered: set[tuple[str, str, str]], wanted: set[tuple[str, str, str]]) -> None:
    if missing := sorted(wanted - answered):
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ProbeError(f"{_place(missing[0])}{more} was not answered; finish the measurement.")
    if unknown := sorted(answered - wanted):
        raise ProbeError(
            f"{_place(unknown[0])} was answered but not asked for; "
            "report with the same lanes, probes and probe versions that were measured."
        )


def _pair(base: Outcome, tuned: Outcome) -> Pair:
    if base.tokens != tuned.tokens:
        place = _place((tuned.lane, tuned.probe, tuned.case))
        raise ProbeError(
            f"{place} was scored over {tuned.tokens} tokens, but over {base.tokens} for the base; "
            "measure both with the same tokenizer and chat template."
        )
    return Pair(base, tuned)


def _place(key: tuple[str, str, str]) -> str:
    lane, probe, case = key
    return f"case {case} of probe {probe} in lane {lane}"
