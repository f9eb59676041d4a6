"""Lost or only hidden: what returns behind solved cases is told with its interval."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
from made_outcomes import answered, probe

from studio.measure.outcome import Outcome
from studio.measure.pairs import pair_outcomes
from studio.measure.probe import OVERALL, Probe, index_by_name
from studio.measure.recovery import Recovery, recover
from studio.measure.report import LaneInfo, Report, make_report

N = 200


def make(outcomes: Sequence[Outcome], probes: Sequence[Probe]) -> Report:
    lanes = [LaneInfo(id="run-a", title="First run")]
    when = datetime(2026, 1, 2, tzinfo=UTC)
    return make_report(outcomes, probes, base="starter", lanes=lanes, created=when)


def asked_twice(name: str, right: int, behind: int) -> tuple[list[Probe], list[Outcome]]:
    """A probe of N cases the base has all right; the lane so many, and so many behind 3 solved."""
    plain = probe(name, N)
    again = plain.with_shots(3)
    outcomes = []
    for one, count in ((plain, right), (again, behind)):
        outcomes += answered("base", one, [True] * N)
        outcomes += answered("run-a", one, [i < count for i in range(N)])
    return [plain, again], outcomes


def found(right: int, behind: int) -> Recovery:
    probes, outcomes = asked_twice("capitals", right, behind)
    (recovery,) = make(outcomes, probes).recovery("run-a")
    return recovery


@pytest.mark.parametrize(
    ("right", "behind", "finding"),
    [
        (100, 190, "mostly hidden"),
        (100, 200, "mostly hidden"),
        (100, 105, "mostly lost"),
        (100, 90, "mostly lost"),
        (100, 150, "undecided"),
        (200, 200, "no drop to explain"),
    ],
)
def test_the_share_that_returns_decides(right: int, behind: int, finding: str) -> None:
    one = found(right, behind)
    assert one.finding == finding
    assert (one.n, one.shots) == (N, 3)
    assert one.drop == pytest.approx((N - right) / N)
    assert one.drop_shots == pytest.approx((N - behind) / N)
    if finding == "no drop to explain":
        assert one.returned is one.returned_low is None
    else:
        assert one.returned == pytest.approx((behind - right) / (N - right))
        assert one.returned_low is not None
        assert one.returned_high is not None
        assert one.returned_low <= one.returned <= one.returned_high
        assert one.returned_high - one.returned_low > 0.03  # even where all returns
        assert one.drop_low < one.drop < one.drop_high


def test_the_interval_of_the_returned_share_holds_what_it_promises() -> None:
    generator, hits, rounds = np.random.default_rng(5), 0, 120
    plain = probe("capitals", 80)
    again = plain.with_shots(3)
    probes = index_by_name([plain, again])
    for _ in range(rounds):
        lost = generator.random(80) < 0.4  # of these, 60 % are only hidden
        behind = lost & (generator.random(80) > 0.6)
        outcomes = answered("base", plain, [True] * 80) + answered("base", again, [True] * 80)
        outcomes += answered("run-a", plain, [not one for one in lost])
        outcomes += answered("run-a", again, [not one for one in behind])
        pairs = pair_outcomes(outcomes, probes, ["run-a"])["run-a"]
        (one,) = recover("run-a", pairs, probes, level=0.95)
        assert one.returned_low is not None
        assert one.returned_high is not None
        hits += one.returned_low <= 0.6 <= one.returned_high
    assert hits / rounds >= 0.92


def test_what_examples_teach_the_base_too_does_not_count_as_recovered() -> None:
    plain = probe("capitals", N)
    again = plain.with_shots(3)
    outcomes = answered("base", plain, [i < 100 for i in range(N)])
    outcomes += answered("base", again, [True] * N)
    outcomes += answered("run-a", plain, [False] * N)
    outcomes += answered("run-a", again, [i < 100 for i in range(N)])
    (one,) = make(outcomes, [plain, again]).recovery("run-a")
    assert (one.drop, one.drop_shots, one.returned) == (0.5, 0.5, 0)
    assert one.finding == "mostly lost"


def test_all_probes_together_come_first_and_the_headline_tells_them() -> None:
    both = [asked_twice("capitals", 100, 195), asked_twice("animals", 120, 190)]
    probes = [one for pair, _ in both for one in pair]
    report = make([one for _, some in both for one in some], probes)
    assert [one.probe for one in report.recovery("run-a")] == [OVERALL, "capitals", "animals"]
    assert {one.kind for one in report.of("run-a")} == {"retention"}
    assert {one.kind for one in report.deltas} == {"retention", "recovery"}
    row = next(one for one in report.of("run-a") if one.probe == OVERALL)
    assert row.n == 2 * N
    together = report.recovery("run-a")[0]
    low, high = together.returned_low, together.returned_high
    assert low is not None
    assert high is not None
    assert (
        "Lost or only hidden: 92 % of the drop returns behind 3 solved cases "
        f"(95 %: {100 * low:.0f} … {100 * high:.0f}, n = 400): mostly hidden."
    ) in report.headline("run-a")
    assert "### Lost or only hidden?" in report.markdown()
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_nothing_is_told_where_no_solved_cases_were_asked_for() -> None:
    plain = probe("capitals", 20)
    report = make(answered("base", plain, [True] * 20) + answered("run-a", plain, [False] * 20),
                  [plain])  # fmt: skip
    assert report.recovery("run-a") == []
    assert "Lost or only hidden" not in report.headline("run-a") + report.markdown()
