"""The whole loop with the real starter and real workers: build, tune, chat, measure, export."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from studio import Recipe, Studio
from studio.data.example import Message
from studio.errors import RunError
from studio.measure.results import read_run_outcomes
from studio.models.catalogue import STARTER
from studio.tuning.run import Run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with Studio(tmp_path_factory.mktemp("studio")) as opened:
        yield opened


@pytest.fixture(scope="module")
def dataset(studio: Studio) -> str:
    return studio.build("sentiment").id


@pytest.fixture(scope="module")
def tuned(studio: Studio, dataset: str) -> Run:
    recipe = Recipe(dataset=dataset, max_steps=40, learning_rate=2e-3, name="forty steps")
    return studio.wait(studio.train(recipe))


@pytest.fixture(scope="module")
def measured(studio: Studio, tuned: Run) -> Run:
    probes = ["starter-capitals", "starter-opposites"]
    return studio.wait(studio.compare([tuned.id, f"{tuned.id}@0.5"], probes=probes, limit=20))


def long_run(studio: Studio, dataset: str) -> Run:
    """A run that would take minutes."""
    return studio.train(Recipe(dataset=dataset, max_steps=2000))


def until(happens: Callable[[], object], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def worker_of(run: Run) -> int:
    started = run.last("started")
    assert started is not None
    return int(started["pid"])


def test_tuning_learns_the_task(tuned: Run) -> None:
    losses = [step["loss"] for step in tuned.steps()]
    assert len(losses) == 40
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])
    heldout = [event["loss"] for event in tuned.events() if event.kind == "heldout"]
    assert heldout[-1] < heldout[0]
    assert {path.name for path in tuned.folder.iterdir()} == {
        "estimate.json",
        "adapter", "alive.lock", "checkpoints", "events.jsonl", "recipe.json", "worker.log",
    }  # fmt: skip
    assert not list(tuned.adapter.rglob("*.bin"))


def test_the_task_is_gained_and_every_number_has_its_interval(
    studio: Studio, tuned: Run, measured: Run
) -> None:
    report = studio.report(tuned.id)
    task, *_ = report.of(tuned.id)
    assert task.probe == "task"
    assert task.verdict == "gained"
    assert task.low > 0.1
    for delta in report.deltas:
        assert delta.low <= delta.difference <= delta.high
        assert delta.n > 0
    lanes = {outcome.lane for outcome in read_run_outcomes(measured)}
    assert lanes == {"base", tuned.id, f"{tuned.id}@0.5"}
    assert f"n = {task.n}" in report.headline(tuned.id)


def test_chat_answers_base_and_tuned_in_one_batch(studio: Studio, tuned: Run) -> None:
    example = studio.dataset(tuned.recipe.dataset).heldout()[0]
    rows = [(lane, example.messages) for lane in ("base", tuned.id, f"{tuned.id}@0.5")]
    updates = list(studio.ask(rows))
    assert updates[-1].done
    assert updates[-1].proof is not None
    assert updates[-1].proof < 1e-3
    assert [said.lane for said in updates[-1].rows] == ["base", tuned.id, f"{tuned.id}@0.5"]
    base_alone = list(studio.ask(rows[:1]))[-1].rows[0].text
    assert updates[-1].rows[0].text == base_alone


def test_leaving_a_chat_early_stops_the_answer(studio: Studio) -> None:
    rows = [("base", [Message(role="user", content="Tell me a story about a fox.")])]
    answers = studio.ask(rows)
    first = next(update for update in answers if update.rows)
    answers.close()
    assert not first.done
    again = list(studio.ask(rows))
    assert again[-1].done
    assert again[-1].rows[0].text.startswith(first.rows[0].text)


def test_a_killed_chat_engine_is_reported_and_comes_back(studio: Studio) -> None:
    rows = [("base", [Message(role="user", content="Hi")])]
    before = list(studio.ask(rows))[-1].rows[0].text
    process = studio._chat.engine_pid
    assert process is not None
    os.kill(process, signal.SIGSTOP)  # so that it cannot answer before it dies
    threading.Timer(0.5, os.kill, (process, signal.SIGKILL)).start()
    updates = list(studio.ask(rows))
    assert any("started again" in update.news for update in updates)
    assert updates[-1].rows[0].text == before
    assert studio._chat.engine_pid != process


def test_export_leaves_what_is_needed_and_no_local_path(
    studio: Studio, tuned: Run, measured: Run, tmp_path: Path
) -> None:
    folder = studio.export(tuned.id, tmp_path / "out")
    names = {path.name for path in folder.iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json", "recipe.yaml", "report.md"} <= names
    assert {"README.md", "report.html", "report.json", "pictures"} <= names
    assert Recipe.read(folder / "recipe.yaml") == tuned.recipe
    for path in (*folder.glob("*.json"), *folder.glob("*.md"), *folder.glob("*.html")):
        assert str(studio.settings.home) not in path.read_text()
    with pytest.raises(RunError, match="exists already"):
        studio.export(tuned.id, folder)


def test_an_export_is_loaded_by_peft_and_told_by_its_card(
    studio: Studio, tuned: Run, measured: Run, tmp_path: Path
) -> None:
    import torch
    from huggingface_hub import ModelCard
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    folder = studio.export(tuned.id, tmp_path / "out")
    base = AutoModelForCausalLM.from_pretrained(STARTER, dtype="float32")
    ids = torch.tensor([[1, 20, 30, 40]])
    with torch.no_grad():
        before = base(ids).logits
        model = PeftModel.from_pretrained(base, folder)
        assert not torch.allclose(model(ids).logits, before)
        with model.disable_adapter():
            assert torch.allclose(model(ids).logits, before)
    results = ModelCard.load(folder / "README.md").data.eval_results
    told = {one.dataset_type: one.metric_value for one in results}
    report = studio.report(measured.id)
    task = next(one for one in report.of(tuned.id) if one.kind == "gain")
    assert told[task.probe] == pytest.approx(task.accuracy, abs=5e-5)


def test_a_second_run_waits_in_line_and_starts_by_itself(studio: Studio, dataset: str) -> None:
    first = long_run(studio, dataset)
    until(lambda: first.last("phase"))
    second = studio.train(Recipe(dataset=dataset, max_steps=2))
    until(lambda: second.status() == "waiting")
    until(first.steps)
    began = time.monotonic()
    first.cancel()
    assert time.monotonic() - began < 1
    assert first.status() == "cancelled"
    assert not first.adapter.exists()
    assert studio.wait(second).status() == "finished"


def test_a_killed_worker_is_interrupted_and_the_next_run_goes_on(
    studio: Studio, dataset: str
) -> None:
    run = studio.train(Recipe(dataset=dataset, max_steps=2000, save_every=2000))
    until(run.steps)
    os.kill(worker_of(run), signal.SIGKILL)
    until(lambda: run.status() == "interrupted")
    with pytest.raises(RunError, match="is interrupted"):
        studio.wait(run)
    with pytest.raises(RunError, match="no adapter"):
        studio.compare([run.id])


def test_a_killed_worker_that_had_saved_its_state_goes_on_by_itself(
    studio: Studio, dataset: str
) -> None:
    run = studio.train(Recipe(dataset=dataset, max_steps=12, save_every=2, checkpoints=0))
    until(lambda: run.last("saved"))
    os.kill(worker_of(run), signal.SIGKILL)
    studio.wait(run)
    assert [step["step"] for step in run.steps()] == list(range(1, 13))
    resumed = run.last("resumed")
    assert resumed is not None
    assert resumed["step"] >= 2


def test_a_run_outlives_the_process_that_started_it(studio: Studio, dataset: str) -> None:
    with Studio(studio.settings.home) as page:
        page.warm_up()
        until(lambda: page._launcher._standby is not None)
        run = page.train(Recipe(dataset=dataset, max_steps=3))
    assert studio.wait(studio.run(run.id)).steps()[-1]["step"] == 3


def test_examples_that_do_not_fit_fail_in_one_sentence(studio: Studio, dataset: str) -> None:
    run = studio.train(Recipe(dataset=dataset, max_length=16, max_steps=1))
    with pytest.raises(RunError, match="raise max_length"):
        studio.wait(run)
    assert not run.adapter.exists()
    assert "Traceback" in run.log_tail(200)
