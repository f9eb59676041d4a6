"""Looks at a run on its way hold the best and the last good state, and end what leaves bounds."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import TrainerControl, TrainerState

from studio import Studio
from studio.chat.protocol import Sampling
from studio.data.example import Message
from studio.engine.copies import LastGood
from studio.engine.looks import Looks
from studio.errors import Diverged, RunError
from studio.tuning.events import EventLog, read_events
from studio.tuning.recipe import Recipe
from studio.tuning.run import Run

pytestmark = pytest.mark.slow

ROWS = [[1, 2, 3], [3, 2]]
TOTAL = 40


class Tiny(torch.nn.Module):
    """A model of five words that has learned nothing: all are as likely."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Parameter(torch.zeros(5, 5))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        """Logits of the next word, by a table of pairs."""
        return SimpleNamespace(logits=self.table[input_ids])


class Bench:
    """A run in the hands of a test: it says what was learned, and what the held-out loss is."""

    def __init__(self, folder: Path, **fields: Any) -> None:
        self.model = Tiny()
        self.path = folder / "events.jsonl"
        self.state = TrainerState(max_steps=TOTAL)
        self.control = TrainerControl()
        self.now = {"model": self.model, "optimizer": torch.optim.SGD(self.model.parameters(), 0.1)}
        self.looks = Looks(
            Recipe(dataset="d", **fields), ROWS, untuned=lambda _: nullcontext(),
            answers=lambda _: [], log=EventLog(self.path),
        )  # fmt: skip
        self.args: Any = SimpleNamespace(eval_on_start=True, eval_strategy="steps")
        self.looks.on_train_begin(self.args, self.state, self.control, **self.now)
        self.learn(0, heldout=2.0)

    def learn(self, step: int, *, heldout: float, forgets: float = 0.0) -> None:
        """Reach a step; `forgets` puts the general texts' words so much lower than the others."""
        self.state.global_step = step
        with torch.no_grad():
            self.model.table.zero_()
            self.model.table[:, 4] = forgets
            self.model.table[4, 0] = step  # no general text has this word
        metrics = {"eval_loss": heldout}
        self.looks.on_evaluate(self.args, self.state, self.control, metrics=metrics, **self.now)

    def end(self) -> int:
        """The step whose weights the model has at the end."""
        self.looks.on_train_end(self.args, self.state, self.control, **self.now)
        return round(self.model.table[4, 0].item())


def test_the_best_by_held_out_loss_is_kept(tmp_path: Path) -> None:
    bench = Bench(tmp_path, keep="best")
    for step, loss in ((10, 1.5), (20, 1.0), (30, 1.2), (40, 1.1)):
        bench.learn(step, heldout=loss)
    assert bench.end() == 20
    assert bench.looks.result["kept_step"] == 20
    assert bench.looks.result["kept_heldout_loss"] == 1.0
    last = Bench(tmp_path)
    last.learn(20, heldout=1.0)
    last.learn(40, heldout=1.1)
    assert last.end() == 40
    assert "kept_step" not in last.looks.result


@pytest.mark.parametrize(("keep", "ends_as"), [("best", 10), ("last", 20)])
def test_the_best_is_taken_among_those_within_the_budget(
    tmp_path: Path, keep: str, ends_as: int
) -> None:
    bench = Bench(tmp_path, keep=keep, forgetting_budget=0.1)
    bench.learn(10, heldout=1.0, forgets=0.1)
    bench.learn(20, heldout=1.1, forgets=0.2)
    assert not bench.control.should_training_stop
    bench.learn(30, heldout=0.5, forgets=2.0)  # the lowest loss, and too much forgotten
    assert bench.control.should_training_stop
    assert bench.end() == ends_as
    events = list(read_events(bench.path))
    looks = [event for event in events if event.kind == "look"]
    assert [event["step"] for event in looks] == [0, 10, 20, 30]
    assert looks[0]["forgotten"] == looks[0]["kl"] == 0
    assert looks[2]["forgotten"] <= 0.1 < looks[3]["forgotten"]
    assert looks[3]["kl"] > looks[2]["kl"] > 0
    assert "ended with what it was at step 20" in str(events[-1]["message"])


def test_a_model_that_says_no_number_has_diverged(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with pytest.raises(Diverged, match="no longer a number at step 10"):
        bench.learn(10, heldout=1.0, forgets=float("nan"))


@pytest.mark.parametrize(
    ("losses", "good"),
    [
        ((2.0, 1.5, 1.0, 9.0, 9.0), 4),  # the weights of step 6 gave step 7 its 9.0
        ((2.0, 1.5, float("nan")), 2),
        ((2.0, 9.0, 9.0), None),
    ],
)
def test_a_state_is_good_once_its_own_loss_is(losses: tuple[float, ...], good: int | None) -> None:
    model = Tiny()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    held, state, args = LastGood(), TrainerState(max_steps=TOTAL), SimpleNamespace()
    for number, loss in enumerate(losses):
        for step in (2 * number + 1, 2 * number + 2):
            state.global_step = step
            with torch.no_grad():
                model.table.fill_(step)
            held.on_step_end(args, state, TrainerControl(), optimizer=optimizer)  # type: ignore[arg-type]
            held.on_log(args, state, TrainerControl(), {"loss": loss})  # type: ignore[arg-type]
    assert held.go_back() == good
    if good:
        assert model.table[0, 0].item() == good


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with Studio(tmp_path_factory.mktemp("looks")) as studio:
        yield studio


@pytest.fixture(scope="module")
def diverged(studio: Studio) -> Run:
    """Learns for a few steps, until its rate has risen beyond all bounds."""
    recipe = Recipe(
        dataset=studio.build("sentiment", limit=64).id, learning_rate=0.3, warmup=0.95,
        max_grad_norm=1000, max_steps=40, batch_size=8, checkpoints=0,
    )  # fmt: skip
    run = studio.train(recipe)
    with pytest.raises(RunError, match="is diverged"):
        studio.wait(run)
    return run


def test_a_run_that_diverges_keeps_its_last_good_step(diverged: Run) -> None:
    assert diverged.status() == "diverged"
    ended = diverged.last("diverged")
    assert ended is not None
    assert diverged.lanes() == [f"{diverged.id}:{ended['kept']}"]
    assert f"What it was at step {ended['kept']} was kept" in str(diverged.error())
    losses = {one["step"]: one["loss"] for one in diverged.steps()}
    assert losses[ended["kept"] + 1] <= min(losses.values()) + 1
    assert max(losses.values()) > losses[1]
    (answered,) = (one for one in diverged.events() if one.kind == "answers")
    assert [one["about"] for one in answered["said"]][:2] == ["held out", "held out"]
    assert answered["said"][2]["about"] == "Addition"
    assert all(one["answer"] for one in answered["said"])


def test_what_a_diverged_run_kept_is_talked_to_and_measured(studio: Studio, diverged: Run) -> None:
    from studio.ui.lanes import _choices
    from studio.ui.report import list_choices

    (lane,) = diverged.lanes()
    assert lane in [value for _, value in _choices(studio, "starter")]
    assert lane in [value for _, value in list_choices(studio, None, None, None)[1].choices]
    asked = (Message(role="user", content="7+8"),)
    rows = [("base", asked), (lane, asked)]
    updates = list(studio.ask(rows, sampling=Sampling(max_new_tokens=4)))
    assert updates
    measured = studio.wait(studio.compare([lane], probes=[], limit=4))
    assert [one.id for one in studio.report(measured.id).lanes] == [lane]
