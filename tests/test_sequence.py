"""Runs tuned one after another: the matrix and its four numbers, against plain loops."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
from made_outcomes import answered, probe

from studio.measure.outcome import Outcome
from studio.measure.pairs import pair_outcomes
from studio.measure.probe import index_by_name
from studio.measure.report import LaneInfo, Report, make_report
from studio.measure.sequence import find_chain, follow

N = 100
TASKS = ("colours", "animals", "numbers")
# Right answers of N: a row per stage, the base first; a column per task.
MATRIX = [[10, 20, 0], [90, 40, 0], [60, 95, 10], [70, 50, 80]]
TASK_PROBES = [probe(name, N, "gain") for name in TASKS]


def lane(number: int, **changes: object) -> LaneInfo:
    fields = {
        "id": f"run-{number}", "title": f"Stage {number}", "run": f"run-{number}",
        "dataset": TASKS[number - 1], "start_from": f"run-{number - 1}" if number > 1 else "",
    }  # fmt: skip
    return LaneInfo.model_validate(fields | changes)


def outcomes_of(matrix: Sequence[Sequence[int]] = MATRIX) -> list[Outcome]:
    names = ["base", *(f"run-{number}" for number in range(1, len(matrix)))]
    return [
        one
        for name, row in zip(names, matrix, strict=True)
        for task, right in zip(TASK_PROBES, row, strict=True)
        for one in answered(name, task, [i < right for i in range(N)])
    ]


def make(lanes: Sequence[LaneInfo], outcomes: Sequence[Outcome] | None = None) -> Report:
    when = datetime(2026, 1, 2, tzinfo=UTC)
    known = outcomes_of() if outcomes is None else outcomes
    return make_report(known, TASK_PROBES, base="starter", lanes=lanes, created=when)


def test_the_matrix_and_its_numbers_are_those_of_the_definitions() -> None:
    # The lanes come in any order; the chain is found by what each went on from.
    found = make([lane(3), lane(1), lane(2)]).sequence
    assert found is not None
    assert found.lanes == ("run-1", "run-2", "run-3")
    assert found.tasks == TASKS
    assert [[round(N * one.value) for one in row] for row in found.matrix] == MATRIX
    r = [[right / N for right in row] for row in MATRIX]
    assert found.acc.value == pytest.approx((r[3][0] + r[3][1] + r[3][2]) / 3)
    assert found.bwt.value == pytest.approx(((r[3][0] - r[1][0]) + (r[3][1] - r[2][1])) / 2)
    assert found.fwt.value == pytest.approx(((r[1][1] - r[0][1]) + (r[2][2] - r[0][2])) / 2)
    best = [max(r[1][0], r[2][0]), max(r[1][1], r[2][1])]
    assert found.forgetting.value == pytest.approx((best[0] - r[3][0] + best[1] - r[3][1]) / 2)
    for one in (found.acc, found.bwt, found.fwt, found.forgetting):
        assert one.low < one.value < one.high


def test_the_numbers_of_random_matrices_are_those_of_plain_loops() -> None:
    generator = np.random.default_rng(1)
    for _ in range(6):
        rights = generator.integers(0, N + 1, size=(4, 3)).tolist()
        found = make([lane(1), lane(2), lane(3)], outcomes_of(rights)).sequence
        assert found is not None
        r, t = [[right / N for right in row] for row in rights], 3
        assert found.acc.value == pytest.approx(sum(r[t]) / t)
        back = [r[t][j] - r[j + 1][j] for j in range(t - 1)]
        assert found.bwt.value == pytest.approx(sum(back) / (t - 1))
        ahead = [r[j][j] - r[0][j] for j in range(1, t)]
        assert found.fwt.value == pytest.approx(sum(ahead) / (t - 1))
        drops = [max(r[k][j] for k in range(1, t)) - r[t][j] for j in range(t - 1)]
        assert found.forgetting.value == pytest.approx(sum(drops) / (t - 1))


def test_where_nothing_changed_there_is_still_doubt() -> None:
    found = make([lane(1), lane(2), lane(3)], outcomes_of([[0, 0, 0]] + 3 * [[N, N, N]])).sequence
    assert found is not None
    assert (found.bwt.value, found.acc.value) == (0, 1)
    assert found.bwt.low < -0.01
    assert found.bwt.high > 0.01
    assert found.acc.low < 0.99
    assert found.acc.high == 1


def test_the_interval_of_backward_transfer_holds_what_it_promises() -> None:
    generator, hits, rounds = np.random.default_rng(2), 0, 150
    probes = index_by_name(TASK_PROBES[:2])
    for _ in range(rounds):
        outcomes = []
        for task in TASK_PROBES[:2]:
            knew = generator.random(N) < 0.9
            kept = knew & (generator.random(N) < 0.8)
            marks = {"base": [False] * N, "run-1": knew.tolist(), "run-2": kept.tolist()}
            for name, right in marks.items():
                outcomes += answered(name, task, right)
        pairs = pair_outcomes(outcomes, probes, ["run-1", "run-2"])
        found = follow([lane(1), lane(2)], pairs, probes, level=0.95)
        assert found is not None
        hits += found.bwt.low <= -0.18 <= found.bwt.high
    assert hits / rounds >= 0.92


def test_the_last_stage_tells_the_sequence_in_words_and_as_a_table() -> None:
    report = make([lane(1), lane(2), lane(3)])
    assert "Tuned one after another on 3 tasks (n = 100, 100, 100): at the end 67 (" in (
        report.headline("run-3")
    )
    assert "one after another" not in report.headline("run-1")
    text = report.markdown()
    assert "| Accuracy in % after | Colours | Animals | Numbers |" in text
    assert "| the base | 10 (" in text
    assert Report.model_validate_json(report.model_dump_json()) == report


@pytest.mark.parametrize(
    "lanes",
    [
        [lane(1), lane(2, start_from=""), lane(3, start_from="")],  # three runs side by side
        [lane(1), lane(2, dataset="colours"), lane(3, start_from="")],  # one task twice
        [lane(1), lane(2, dataset="unmeasured"), lane(3, start_from="")],
        [lane(1), lane(2, checkpoint=30), lane(3, strength=0.5)],
    ],
)
def test_what_was_not_tuned_one_after_another_is_no_sequence(lanes: list[LaneInfo]) -> None:
    assert make(lanes).sequence is None


def test_the_longest_chain_is_taken_and_a_circle_ends() -> None:
    assert [one.id for one in find_chain([lane(3), lane(1), lane(2)])] == [
        "run-1", "run-2", "run-3",
    ]  # fmt: skip
    circle = [lane(1, start_from="run-2"), lane(2)]
    assert len(find_chain(circle)) == 2
    assert find_chain([]) == []
