"""Repairs of adapters, runs that go on from others, checkpoints and replayed halves; all real."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from studio import Recipe, Studio
from studio.engine.load import Engine
from studio.engine.proof import proof_logits
from studio.engine.publish import WEIGHTS
from studio.engine.repair import Adapter, average, read_adapter, repair
from studio.engine.train import train
from studio.errors import ModelError, ProbeError, RecipeError, RunError
from studio.measure.comparison import Comparison, LaneSpec
from studio.measure.halves import is_replayed, measuring_half, replayed_half
from studio.measure.probe import Probe, find
from studio.models.catalogue import find_base
from studio.tuning.events import EventLog
from studio.tuning.repair import Repair
from studio.tuning.run import Run, create_run

pytestmark = pytest.mark.slow

STARTER = find_base("starter")
QUICK: dict[str, Any] = {"max_steps": 6, "learning_rate": 2e-3, "batch_size": 4, "dropout": 0.0}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with Studio(tmp_path_factory.mktemp("studio")) as opened:
        yield opened


@pytest.fixture(scope="module")
def dataset(studio: Studio) -> str:
    return studio.build("sentiment", limit=60).id


def do(studio: Studio, spec: Recipe | Repair, about: str) -> Run:
    """What a worker does with a run, in this process."""
    run = create_run(studio.settings.runs, spec, about=about)
    log = EventLog(run.folder / "events.jsonl")
    log("started", pid=os.getpid())
    log("finished", **(train if isinstance(spec, Recipe) else repair)(run, log))
    return run


@pytest.fixture(scope="module")
def tuned(studio: Studio, dataset: str) -> Run:
    return do(studio, Recipe(dataset=dataset, name="first", checkpoints=2, **QUICK), "first")


@pytest.fixture(scope="module")
def continued(studio: Studio, dataset: str, tuned: Run) -> Run:
    recipe = Recipe(dataset=dataset, start_from=tuned.id, checkpoints=0, **QUICK)
    return do(studio, recipe, "second")


@pytest.fixture(scope="module")
def full(studio: Studio, dataset: str) -> Run:
    recipe = Recipe(dataset=dataset, method="lora", checkpoints=0, **QUICK | {"max_steps": 10})
    return do(studio, recipe, "in full precision")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(STARTER, "qlora")


def logits(engine: Engine, lane: str, adapter: Path, *, strength: float = 1.0) -> torch.Tensor:
    """Logits of a fixed text in a lane that is there for this moment only."""
    engine.add_lane(lane, adapter, strength=strength)
    found = proof_logits(engine, [lane])
    engine.remove_lane(lane)
    return found


def mend(studio: Studio, run: Run, **fields: Any) -> Run:
    return do(studio, Repair.make(recipe=run.recipe, **fields), fields["how"])


def updates(adapter: Adapter) -> dict[str, torch.Tensor]:
    return {layer: update(adapter, layer) for layer in adapter.layers}


def update(adapter: Adapter, layer: str) -> torch.Tensor:
    """What is added to a layer's matrix, of shape (out, in)."""
    up, down = (adapter.weights[f"{layer}.lora_{side}.weight"] for side in "BA")
    return adapter.scale * (up @ down)


# ---- checkpoints


def test_checkpoints_are_adapters_of_their_own_on_the_way_to_the_end(
    tuned: Run, engine: Engine
) -> None:
    assert tuned.checkpoints() == [2, 4]
    seen = [logits(engine, "step", tuned.adapter_at(step)) for step in (2, 4, None)]
    base = engine._reference
    distances = [(one - base).abs().max().item() for one in seen]
    assert distances[0] > 1e-3
    assert distances == sorted(distances)
    with pytest.raises(RunError, match="no checkpoint of step 3; it kept steps 2, 4"):
        tuned.adapter_at(3)
    assert not (tuned.folder / ".trainer").exists()


def test_a_lane_may_name_a_checkpoint(studio: Studio, tuned: Run) -> None:
    base, method, _ = studio._shared_base([LaneSpec.parse(f"{tuned.id}:2@0.5")])
    assert (base, method) == ("starter", "qlora")
    with pytest.raises(RunError, match="no checkpoint of step 5"):
        studio.compare([f"{tuned.id}:5"])


# ---- going on from another run


def test_a_continued_run_begins_where_its_parent_ended(
    studio: Studio, dataset: str, tuned: Run, continued: Run
) -> None:
    still = Recipe(dataset=dataset, start_from=tuned.id, checkpoints=0, **QUICK)
    same = do(studio, still.model_copy(update={"learning_rate": 1e-12, "max_steps": 1}), "still")
    before = load_file(tuned.adapter / WEIGHTS)
    after = load_file(same.adapter / WEIGHTS)
    assert before.keys() == after.keys()
    assert all(torch.allclose(before[key], after[key], atol=1e-9) for key in before)
    further = load_file(continued.adapter / WEIGHTS)
    assert any((before[key] - further[key]).abs().max() > 1e-4 for key in before)
    assert continued.steps()[0]["loss"] < tuned.steps()[0]["loss"]
    assert f"continued from {tuned.id}" in continued.recipe.summary()


def test_a_continued_run_takes_the_shape_of_its_parent(
    studio: Studio, dataset: str, tuned: Run
) -> None:
    from studio.tuning.lineage import continued

    other = Recipe(dataset=dataset, start_from=tuned.id, rank=4, alpha=8, targets="mlp")
    taken = continued(other, STARTER, studio.settings.runs)
    assert (taken.rank, taken.alpha, taken.targets) == (16, 32, "all-linear")


def test_what_cannot_be_continued_is_refused(studio: Studio, dataset: str, tuned: Run) -> None:
    with pytest.raises(RecipeError, match="use the same base and method"):
        studio.train(Recipe(dataset=dataset, start_from=tuned.id, method="lora"))
    with pytest.raises(RunError, match="There is no run 'nosuch'"):
        studio.train(Recipe(dataset=dataset, start_from="nosuch"))
    measurement = Comparison(base="starter", method="qlora", lanes=(LaneSpec(run=tuned.id),))
    run = create_run(studio.settings.runs, measurement, about="measure")
    with pytest.raises(RecipeError, match="is a measurement"):
        studio.train(Recipe(dataset=dataset, start_from=run.id))
    shutil.rmtree(run.folder)


# ---- replayed halves


def test_a_probe_falls_into_two_halves_that_share_nothing() -> None:
    for probe in find(["starter"], Path("nowhere")):
        learned, measured = replayed_half(probe).cases, measuring_half(probe).cases
        assert {case.id for case in learned} | {case.id for case in measured} == {
            case.id for case in probe.cases
        }
        assert not {case.id for case in learned} & {case.id for case in measured}
        assert 0.2 < len(learned) / len(probe.cases) < 0.8


def test_cases_of_one_cluster_stay_together() -> None:
    fields = [{"id": str(i), "prompt": "?", "answer": "a", "cluster": "one"} for i in range(30)]
    probe = Probe.model_validate({"name": "p", "title": "P", "kind": "retention", "cases": fields})
    assert len({is_replayed(case) for case in probe.cases}) == 1
    with pytest.raises(ProbeError, match="one half of them is empty"):
        (measuring_half if is_replayed(probe.cases[0]) else replayed_half)(probe)


def test_the_replayed_half_is_learned_and_the_other_one_measured(
    studio: Studio, dataset: str
) -> None:
    recipe = Recipe(
        dataset=dataset, checkpoints=0, replay_probes=("starter-capitals",), probe_share=0.25,
        **QUICK | {"max_steps": 1},
    )  # fmt: skip
    run = do(studio, recipe, "replaying")
    (event,) = [one for one in run.events() if one.kind == "replayed"]
    right, asked = event["right"]["starter-capitals"]
    (probe,) = find(["starter-capitals"], Path("nowhere"))
    assert 0 < right <= asked == sum(is_replayed(case) for case in probe.cases)
    after = do(studio, Recipe(dataset=dataset, start_from=run.id, **QUICK | {"max_steps": 1}), "x")
    for lane in (run, after):  # what a parent learned is known to its child
        measurement = Comparison(
            base="starter", method="qlora", lanes=(LaneSpec(run=lane.id),),
            probes=("starter-capitals", "starter-opposites"), replayed=lane.replayed(),
        )  # fmt: skip
        capitals, opposites = measurement.gather_probes(studio.settings.home)
        assert {case.id for case in capitals.cases} == {
            case.id for case in probe.cases if not is_replayed(case)
        }
        assert opposites == find(["starter-opposites"], Path("nowhere"))[0]


def test_the_shares_of_the_training_rows_are_the_recipes() -> None:
    from studio.data.example import Example, Message
    from studio.engine.train import training_rows

    asked = (Message(role="user", content="Hi"),)
    examples = [
        Example(id=str(n), row=n, phrasing=1, messages=asked, completion="task") for n in range(60)
    ]
    recipe = Recipe(dataset="d", replay=0.2, replay_probes=("p",), probe_share=0.2)
    said = {name: [(*asked, Message(role="assistant", content=name))] for name in ("own", "old")}
    rows = training_rows(recipe, examples, said["own"], said["old"])
    answers = [row["completion"][0]["content"] for row in rows]
    assert {one: answers.count(one) for one in set(answers)} == {"task": 60, "own": 20, "old": 20}
    with pytest.raises(RecipeError, match="together are more than 0.9"):
        Recipe.make({"dataset": "d", "replay": 0.5, "replay_probes": "p", "probe_share": 0.5})


# ---- repairs


def test_a_baked_strength_says_what_the_lane_at_that_strength_says(
    studio: Studio, tuned: Run, engine: Engine
) -> None:
    half = mend(studio, tuned, how="strength", sources=[LaneSpec(run=tuned.id, strength=0.5)])
    at_half = logits(engine, "lane", tuned.adapter, strength=0.5)
    assert torch.allclose(logits(engine, "baked", half.adapter), at_half, atol=1e-5)
    assert (at_half - logits(engine, "lane", tuned.adapter)).abs().max() > 1e-2


def test_an_average_is_the_mean_of_the_updates(
    studio: Studio, tuned: Run, continued: Run, engine: Engine
) -> None:
    sources = [
        LaneSpec(run=tuned.id, checkpoint=2),
        LaneSpec(run=tuned.id, strength=0.5),
        LaneSpec(run=continued.id),
    ]
    mean = mend(studio, tuned, how="average", sources=sources)
    made = read_adapter(mean.adapter, STARTER)
    folders = [tuned.adapter_at(2), tuned.adapter, continued.adapter]
    parts = [updates(read_adapter(folder, STARTER)) for folder in folders]
    for layer, found in updates(made).items():
        wanted = (parts[0][layer] + 0.5 * parts[1][layer] + parts[2][layer]) / 3
        assert torch.allclose(found, wanted, atol=1e-6)
    assert made.rank == 48
    finished = mean.last("finished")
    assert finished is not None
    assert (finished["rank"], finished["adapters"]) == (48, 3)
    assert logits(engine, "mean", mean.adapter).isfinite().all()


def test_an_average_of_a_lower_rank_says_how_much_of_it_is_left() -> None:
    torch.manual_seed(0)
    wide = torch.linalg.qr(torch.randn(20, 4))[0]
    high = torch.linalg.qr(torch.randn(30, 4))[0]
    sizes = torch.tensor([4.0, 3.0, 2.0, 1.0])
    config = {"r": 2, "lora_alpha": 4, "target_modules": ["q"]}
    first, second = (
        Adapter(
            config=config,
            weights={
                "q.lora_A.weight": wide[:, part].T.contiguous(),
                "q.lora_B.weight": high[:, part] * sizes[part],
            },
        )
        for part in (slice(0, 2), slice(2, 4))
    )
    exact, about = average([first, second])
    assert (exact.rank, about) == (4, {"adapters": 2})
    cut, about = average([first, second], rank=3)
    assert cut.rank == 3
    assert about["kept"] == pytest.approx(29 / 30, abs=1e-6)
    lost = (update(exact, "q") - update(cut, "q")).norm()
    assert lost == pytest.approx(1.0, abs=1e-5)  # the smallest: scale 2, mean of two, size 1


def test_a_checkpoint_can_take_the_place_of_the_end(studio: Studio, tuned: Run) -> None:
    back = mend(studio, tuned, how="checkpoint", sources=[LaneSpec(run=tuned.id, checkpoint=4)])
    before = load_file(tuned.adapter_at(4) / WEIGHTS)
    assert all(
        torch.equal(value, before[key]) for key, value in load_file(back.adapter / WEIGHTS).items()
    )


def test_intruders_are_shrunk_on_the_base_in_full_precision(studio: Studio, full: Run) -> None:
    spec = {"sources": [LaneSpec(run=full.id)], "likeness": 0.9, "kept": 0.5}
    shrunk = mend(studio, full, how="intruder", **spec)
    finished = shrunk.last("finished")
    assert finished is not None
    assert finished["intruders"] >= finished["layers"] >= 1
    engine = Engine(STARTER, "lora")
    before = logits(engine, "before", full.adapter)
    assert (logits(engine, "after", shrunk.adapter) - before).abs().max() > 1e-3


def test_repairs_that_make_no_sense_are_refused(studio: Studio, tuned: Run, full: Run) -> None:
    with pytest.raises(RunError, match="this run was tuned on the 4-bit base"):
        studio.repair(None, tuned.id, "intruder")
    with pytest.raises(RunError, match="at least two adapters"):
        studio.repair(None, full.id, "average")
    with pytest.raises(RunError, match="it kept none"):
        studio.repair(None, full.id, "checkpoint")
    with pytest.raises(RunError, match="different bases or precisions"):
        studio.repair(None, tuned.id, "average", lanes=[full.id])
    with pytest.raises(RunError, match="There is no repair 'wish'"):
        studio.repair(None, tuned.id, "wish")  # type: ignore[arg-type]
    with pytest.raises(RunError, match="measure the run first"):
        studio.repair(None, tuned.id, "strength")
    with pytest.raises(RunError, match="measure the run first"):
        studio.repair(None, tuned.id, "replay")


def test_a_repair_of_another_bases_adapter_is_refused(
    studio: Studio, tuned: Run, tmp_path: Path
) -> None:
    foreign = tmp_path / "foreign"
    shutil.copytree(tuned.adapter, foreign)
    told = (foreign / "made_for.json").read_text().replace(STARTER.fingerprint, "0" * 16)
    (foreign / "made_for.json").write_text(told)
    with pytest.raises(ModelError, match="another base"):
        read_adapter(foreign, STARTER)


def test_a_repair_stands_among_the_runs_in_words_of_its_own(studio: Studio, tuned: Run) -> None:
    from studio.ui.history import show_run
    from studio.ui.run_table import show_runs
    from studio.ui.standing import look

    back = mend(studio, tuned, how="checkpoint", sources=[LaneSpec(run=tuned.id, checkpoint=2)])
    assert look(back).sentence.startswith("Repaired in ")
    table, *_, (ids, rows, *_), _ = show_runs(studio, None, None)
    assert table.value is not None
    assert rows[ids.index(back.id)][2] == f"repair: step 2 of {tuned.id}"
    told = show_run(studio, back.id, None)
    assert "how: checkpoint" in told[2]


@pytest.mark.slow
def test_a_repaired_run_is_measured_beside_its_original(studio: Studio, tuned: Run) -> None:
    first = studio.wait(studio.compare([tuned.id], probes=["starter-capitals"], limit=8))
    repaired, measured = studio.repair_and_measure(first.id, tuned.id, "strength", strength=0.5)
    report = studio.report(studio.wait(measured).id)
    assert [lane.id for lane in report.lanes] == [tuned.id, repaired.id]
    assert measured.comparison.limit == 8
    assert repaired.recipe.name == "first, at strength 0.5"
    exported = studio.export(repaired.id, studio.settings.home / "exported")
    assert (exported / WEIGHTS).exists()
    lanes = ["base", repaired.id, f"{tuned.id}:2", f"{tuned.id}:2@0.5"]
    asked = studio.dataset(tuned.recipe.dataset).heldout()[0].messages
    *_, last = studio.ask([(lane, asked) for lane in lanes])
    assert last.done
    assert [said.lane for said in last.rows] == lanes


@pytest.mark.slow
def test_a_run_waits_for_the_one_it_goes_on_from(studio: Studio, dataset: str) -> None:
    parent = studio.train(Recipe(dataset=dataset, checkpoints=0, rank=4, **QUICK))
    child = studio.train(Recipe(dataset=dataset, start_from=parent.id, checkpoints=0, **QUICK))
    assert child.recipe.rank == 4
    studio.wait(child)
    assert parent.status() == "finished"
    first_step = next(event for event in child.events() if event.kind == "step")
    assert child.events()[0].at < parent.events()[-1].at < first_step.at


@pytest.mark.slow
def test_a_killed_repair_is_interrupted_and_leaves_no_adapter(studio: Studio, full: Run) -> None:
    run = studio.repair(None, full.id, "intruder")
    until(lambda: run.last("started"))
    started = run.last("started")
    assert started is not None
    os.kill(int(started["pid"]), signal.SIGKILL)
    until(lambda: run.status() == "interrupted")
    assert not run.adapter.exists()
    with pytest.raises(RunError, match="no adapter"):
        studio.compare([run.id])


def until(happens: Callable[[], object], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.02)
