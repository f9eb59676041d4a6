"""What is seen of a run on its way is told, and costs no more than it may."""

from pathlib import Path
from typing import Any

import pytest

from studio.tuning.events import Event, EventLog
from studio.tuning.pace import Pace, sample_count
from studio.tuning.recipe import Recipe
from studio.tuning.run import Run, create_run
from studio.tuning.watching import find_overfitting, watch

TOTAL = 100


def heldout(*losses: float) -> list[Event]:
    return [
        Event.model_validate(
            {"at": 0.0, "kind": "heldout", "step": 10 * number, "total": TOTAL, "loss": loss}
        )
        for number, loss in enumerate(losses)
    ]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Half done, with three looks, of which the last shows what was forgotten."""
    run = create_run(tmp_path / "runs", Recipe(dataset="d", name="Reviews"), about="d")
    log = EventLog(run.folder / "events.jsonl")
    log("started", pid=1)
    for step in range(1, 51):
        log("step", step=step, total=TOTAL, loss=2.0, seconds=0.5, tokens_per_second=400.0)
        if step in (20, 40):
            log("heldout", step=step, total=TOTAL, loss=1.0)
            look(log, step)
            said = [
                {"about": "held out", "asked": "<b>7+8</b>", "wanted": "15", "answer": str(step)}
            ]
            log("answers", step=step, total=TOTAL, said=said)
    return run


def look(log: EventLog, step: int, **changed: Any) -> None:
    numbers = {
        "retention": 3.5,
        "forgotten": 0.25,
        "kl": 0.125,
        "memory": 2 * 10**9,
        "seconds": 1.0,
    }
    log("look", step=step, total=TOTAL, **numbers | changed)


@pytest.mark.parametrize(
    ("losses", "best"),
    [
        ((3.0, 2.0, 1.0, 1.2, 1.3, 1.4), 20),
        ((1.0, 1.1, 1.2, 1.3), 0),
        ((3.0, 2.0, 1.0, 1.4, 1.3, 1.2), None),  # it comes down again
        ((3.0, 2.0, 1.0, 1.001, 1.002, 1.003), None),  # hardly worth the name
        ((3.0, 2.0, 1.0, 1.5), None),  # one look is no trend
        ((3.0, 2.0, 1.0), None),
        ((), None),
    ],
)
def test_over_fitting_is_a_held_out_loss_that_keeps_rising(
    losses: tuple[float, ...], best: int | None
) -> None:
    found = find_overfitting(heldout(*losses))
    assert (found.best_step if found else None) == best
    if found:
        assert f"lowest at step {best}" in found.sentence()


def test_pace_memory_and_time_left_are_read_from_the_events(run: Run) -> None:
    seen = watch(run.events())
    assert seen.tokens_per_second == 400
    assert seen.memory == 2 * 10**9
    assert seen.seconds_left is not None
    assert seen.share == pytest.approx(2 / 25)
    EventLog(run.folder / "events.jsonl")("finished", steps=50, peak_memory=3 * 10**9)
    ended = watch(run.events())
    assert ended.seconds_left is None
    assert ended.memory == 3 * 10**9


def test_the_page_and_the_terminal_tell_what_was_seen(run: Run) -> None:
    from studio.ui.history import tell_run
    from studio.ui.plots import draw_curves
    from studio.ui.standing import look as look_at

    log = EventLog(run.folder / "events.jsonl")
    for step, loss in ((60, 1.1), (70, 1.2), (80, 1.3)):
        log("heldout", step=step, total=TOTAL, loss=loss)
    shown = tell_run(run, look_at(run))
    for told in ("400 tokens/s", "2.0 GB", "Looks on the way take 8%", "+0.250 against the base",
                 "KL from the base 0.1250", "held-out loss rises", "&lt;b&gt;7+8&lt;/b&gt;",
                 "Step 20", "Step 40"):  # fmt: skip
        assert told in shown
    assert "<b>7+8" not in shown
    lines = "\n".join(watch(run.events()).lines())
    for told in ("400 tokens/s", "+0.250 against the base", "lowest at step 20"):
        assert told in lines
    figure = draw_curves(run.events())
    drawn = {trace.name: list(trace.x) for trace in figure.data}
    assert drawn["loss on general text"] == drawn["KL from the base"] == [20, 40]
    assert drawn["held-out loss"][:2] == [20, 40]


def test_a_diverged_run_says_what_it_kept_and_that_can_be_used(run: Run) -> None:
    from studio.ui.standing import look as look_at

    EventLog(run.folder / "events.jsonl")("diverged", message="The loss is no number.", kept=20)
    assert run.lanes() == []
    for step in (10, 20):
        (run.folder / "checkpoints" / str(step)).mkdir(parents=True)
    assert run.status() == "diverged"
    assert look_at(run).word == "! diverged"
    assert look_at(run).sentence == "The loss is no number."
    assert run.lanes() == [f"{run.id}:10", f"{run.id}:20"]


def test_what_was_not_told_is_not_shown(tmp_path: Path) -> None:
    from studio.ui.watching import tell_answers, tell_watched

    run = create_run(tmp_path / "runs", Recipe(dataset="d"), about="d")
    assert tell_watched(run) == []
    assert tell_answers(run.events()) == ""
    assert watch(run.events()).lines() == []


def test_looks_stay_within_their_share_of_the_time() -> None:
    now = 0.0
    pace = Pace(0.1, lambda: now)
    looks = []
    for step in range(301):
        if step == 0 or pace.allows():
            pace.begin()
            now += 3.0
            pace.end(between=step > 0)
            looks.append(step)
        now += 1.0
    between = len(looks) - 1
    assert 8 <= between <= 10  # of 300 seconds a tenth, three at a time
    assert looks[1] >= 30
    assert pace.spent == 3.0 * len(looks)
    assert not Pace(0.0, lambda: now).allows()


def test_a_short_run_reads_few_held_out_examples() -> None:
    assert sample_count(100, 64) == 16
    assert sample_count(100_000, 64) == 64
    assert sample_count(2000, 64) < 2000 * 3 / 16 / 9
