"""What mends a lane is chosen from what the report shows; runs are real folders."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from made_outcomes import answered, probe

from studio.errors import RunError
from studio.measure.comparison import LaneSpec
from studio.measure.report import LaneInfo, Report, make_report
from studio.tuning.recipe import Recipe
from studio.tuning.remedy import fallen, mend
from studio.tuning.repair import Repair
from studio.tuning.run import Run, create_run

N = 300
TASK = probe("task", N, "gain")
# Named like shipped probes, because those are replayed by name.
LOST, UNLIKELY, KEPT = (probe(f"starter-{name}", N) for name in ("capitals", "topics", "labels"))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = create_run(tmp_path / "runs", Recipe(dataset="d", name="A name", rank=8), about="a")
    for step in (10, 20, 30):
        (made.folder / "checkpoints" / str(step)).mkdir(parents=True)
    return made


def measured(run: Run, lanes: dict[str, tuple[int, int]]) -> Report:
    """Lanes of the run, "" the run itself, with what each gained and lost; UNLIKELY lost nats."""
    outcomes = answered("base", TASK, [False] * N)
    for one in (LOST, UNLIKELY, KEPT):
        outcomes += answered("base", one, [True] * N)
    infos = []
    for suffix, (gained, lost) in lanes.items():
        spec = LaneSpec.parse(run.id + suffix)
        infos.append(
            LaneInfo(
                id=spec.id, title=spec.id, run=run.id,
                strength=spec.strength, checkpoint=spec.checkpoint,
            )
        )  # fmt: skip
        outcomes += answered(spec.id, TASK, [i < gained for i in range(N)])
        outcomes += answered(spec.id, LOST, [i >= lost for i in range(N)])
        outcomes += answered(spec.id, UNLIKELY, [True] * N, 1.0 + (0.2 if lost else 0))
        outcomes += answered(spec.id, KEPT, [True] * N)
    return make_report(
        outcomes,
        [TASK, LOST, UNLIKELY, KEPT],
        base="starter",
        lanes=infos,
        created=datetime(2026, 1, 2, tzinfo=UTC),
    )


def lane(run: Run, suffix: str = "") -> LaneSpec:
    return LaneSpec.parse(run.id + suffix)


def test_an_anchored_repeat_changes_nothing_but_the_anchor(run: Run) -> None:
    again = mend(run, lane(run), "kl_anchor")
    assert again == run.recipe.model_copy(update={"kl_anchor": 2.0, "name": "A name, KL anchor 2"})
    assert mend(run, lane(run), "kl_anchor", kl_anchor=0.5).kl_anchor == 0.5  # type: ignore[union-attr]


def test_a_run_that_was_anchored_firmly_is_anchored_more_firmly(tmp_path: Path) -> None:
    recipe = Recipe(dataset="d", name="x" * 80, kl_anchor=2.0)
    run = create_run(tmp_path / "runs", recipe, about="a")
    again = mend(run, lane(run), "kl_anchor")
    assert isinstance(again, Recipe)
    assert again.kl_anchor == 4.0
    assert len(again.name) == 80
    assert again.name.endswith("xx, KL anchor 4")


def test_what_fell_in_accuracy_or_likelihood_is_replayed(run: Run) -> None:
    report = measured(run, {"": (200, 60)})
    assert fallen(report, run.id) == (LOST.name, UNLIKELY.name)
    again = mend(run, lane(run), "replay", report=report)
    assert isinstance(again, Recipe)
    assert again.replay_probes == (LOST.name, UNLIKELY.name)
    assert again.probe_share == 0.1
    assert again.name == "A name, replaying 2 probes"
    named = mend(run, lane(run), "replay", probes=[KEPT.name], probe_share=0.3)
    assert isinstance(named, Recipe)
    assert (named.replay_probes, named.probe_share) == ((KEPT.name,), 0.3)


def test_where_nothing_fell_there_is_nothing_to_replay(run: Run) -> None:
    with pytest.raises(RunError, match="no probe that .* forgot"):
        mend(run, lane(run), "replay", report=measured(run, {"": (200, 0)}))


def test_the_strength_is_the_best_one_inside_the_budget(run: Run) -> None:
    report = measured(run, {"": (280, 150), "@0.75": (200, 60), "@0.5": (120, 3), "@0.25": (40, 0)})
    best = mend(run, lane(run), "strength", report=report)
    assert isinstance(best, Repair)
    assert best.sources == (lane(run, "@0.5"),)
    assert best.recipe == run.recipe.model_copy(update={"name": "A name, at strength 0.5"})
    generous = mend(run, lane(run), "strength", report=report, budget=10)
    assert isinstance(generous, Repair)
    assert generous.sources == (lane(run, "@0.75"),)
    told = mend(run, lane(run, ":20"), "strength", strength=0.1)
    assert isinstance(told, Repair)
    assert told.sources == (lane(run, ":20@0.1"),)
    with pytest.raises(RunError, match="measure it at others"):
        mend(run, lane(run), "strength", report=measured(run, {"": (280, 150)}))


def test_the_checkpoint_is_the_best_measured_one_or_else_the_last(run: Run) -> None:
    report = measured(run, {"": (280, 150), ":10": (60, 0), ":20": (150, 5), ":30": (250, 90)})
    for options, step in (({}, 30), ({"report": report}, 20), ({"checkpoint": 10}, 10)):
        back = mend(run, lane(run), "checkpoint", **options)  # type: ignore[arg-type]
        assert isinstance(back, Repair)
        assert back.sources == (lane(run, f":{step}"),)
    with pytest.raises(RunError, match="no checkpoint of step 15; it kept steps 10, 20, 30"):
        mend(run, lane(run), "checkpoint", checkpoint=15)


def test_an_average_takes_the_whole_way_or_the_lanes_that_are_named(run: Run) -> None:
    whole = mend(run, lane(run), "average")
    assert isinstance(whole, Repair)
    assert [one.id for one in whole.sources] == [
        f"{run.id}:10", f"{run.id}:20", f"{run.id}:30", run.id,
    ]  # fmt: skip
    pair = mend(run, lane(run), "average", lanes=["other@0.5"], rank=8)
    assert isinstance(pair, Repair)
    assert ([one.id for one in pair.sources], pair.rank) == ([run.id, "other@0.5"], 8)
