"""What the advisor measures is measured: on the starter, in its own process, kept and cut short."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from studio import Recipe, Studio
from studio.data.form_files import open_form
from studio.data.template import Template
from studio.engine.advise import measure
from studio.engine.load import Engine
from studio.errors import DatasetError, RunError
from studio.measure.probe import shipped
from studio.models.catalogue import STARTER, find_base
from studio.tuning.advising import Doing, measuring
from studio.tuning.advisor import Advice
from studio.tuning.run import create_run
from studio.tuning.signals import Signals
from studio.ui import advice, tune
from studio.ui.before_start import ran_out, tell_used

pytestmark = pytest.mark.slow

KNOWN = {
    "name": "known", "title": "Known", "description": "What the base knows.", "task": "qa",
    "license": "Apache-2.0", "source": "Written for Instruct Studio.", "answer": "{{ answer }}",
    "phrasings": ["{{ question }}"],
}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("advice") / "home"


@pytest.fixture(scope="module")
def studio(home: Path) -> Any:
    with Studio(home) as opened:
        yield opened


@pytest.fixture(scope="module")
def far(studio: Studio) -> Signals:
    """A new task, with its examples twice."""
    dataset = studio.build("sentiment", limit=60)
    engine = Engine(find_base("starter"), "lora")
    heard: list[str] = []
    found = measure(engine, dataset, lambda name, *_: heard.append(name))
    assert len(set(heard)) == 6
    return found


def known_rows() -> list[dict[str, str]]:
    names = ("starter-capitals", "starter-opposites")
    known = [one for one in shipped("starter") if one.name in names]
    cases = [case for one in known for case in one.cases]
    return [{"question": case.messages[-1].content, "answer": case.answer} for case in cases]


def test_the_answers_are_counted_in_the_tokens_that_are_learned(
    studio: Studio, far: Signals
) -> None:
    learned = open_form(STARTER).learn(studio.dataset(far.dataset).train())
    # The newline behind the mark that ends the turn is learned, and no part of the answer.
    assert far.answer_tokens == sum(one.learned - 1 for one in learned)
    assert far.longest == max(len(one.ids) - 1 for one in learned)
    assert far.train == far.sampled == len(learned)


def test_a_new_task_is_far_and_unsolved(far: Signals) -> None:
    assert far.loss > 3
    assert far.own_loss is not None
    assert far.own_loss < 1, "the starter is not surprised by what it says itself"
    assert far.written.right < far.written.n / 4
    assert far.chosen
    assert far.chance == 0.5
    assert far.few_shot_gain is not None
    assert 0 < far.surprising <= 1


def test_what_the_base_knows_needs_no_tuning_and_is_told_by_its_own_process(
    studio: Studio,
) -> None:
    dataset = studio.build(Template.model_validate(KNOWN), known_rows(), heldout_share=0.6)
    *said, found = studio.advising(dataset.id)
    assert isinstance(found, Advice)
    assert found.best.strategy == "none"
    assert found.likeness == "similar"
    doings = [one for one in said if isinstance(one, Doing)]
    assert {"loading the base", "reading the answers"} <= {one.name for one in doings}
    again = list(studio.advising(dataset.id))
    assert len(again) == 1, "measured once, kept"
    assert isinstance(again[0], Advice)
    assert again[0].signals == found.signals
    _check_the_page(studio, dataset.id)


def _check_the_page(studio: Studio, dataset: str) -> None:
    """The page shows the advice, and fills the form with another option than doing nothing."""
    shown = advice.show_advice(studio, "starter", dataset)
    assert "No tuning" in shown[0]
    assert "<svg" in shown[0]
    with pytest.raises(Exception, match="needs no recipe"):
        tune.fill_advice(studio, "starter", dataset, "0")
    filled = tune.fill_advice(studio, "starter", dataset, "1")
    values = dict(zip(tune.FOLDED, filled[3:], strict=True))
    option = studio.advise(dataset).others[0]
    assert option.recipe
    assert values["method"] == option.recipe.method
    assert values["learning_rate"] == option.recipe.learning_rate


def test_measuring_can_be_stopped_and_says_what_is_wrong(studio: Studio, far: Signals) -> None:
    log = studio.settings.logs / "advice.log"
    asked = measuring(studio.settings.home, far.dataset, "starter", "lora", log=log)
    assert next(asked) == Doing("starting")
    asked.close()
    with pytest.raises(RunError, match="no dataset 'nothing'"):
        list(measuring(studio.settings.home, "nothing", "starter", "lora", log=log))
    with pytest.raises(DatasetError):
        studio.advise("nothing")


LIMITED = """
import resource, sys
from studio.engine.worker import main
import peft, torch, transformers, trl  # what the libraries take differs between machines
with open("/proc/self/status") as status:
    held = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
resource.setrlimit(resource.RLIMIT_DATA, (held + 400_000_000,) * 2)
sys.exit(main(sys.argv[1:]))
"""


def test_a_run_that_runs_out_of_memory_says_so_and_is_answered_with_a_lighter_one(
    studio: Studio, far: Signals
) -> None:
    recipe = Recipe(dataset=far.dataset, method="lora", batch_size=1024, max_steps=1)
    run = create_run(studio.settings.runs, recipe, about="too large")
    command = [sys.executable, "-c", LIMITED, str(run.folder)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    failed = run.last("failed")
    assert failed is not None, f"{ended.returncode}: {ended.stderr} {run.log_tail()}"
    assert failed["out_of_memory"], failed["message"]
    assert "The memory is full" in str(run.error())
    assert ran_out(run)
    assert tell_used(run)
    found = studio.lighter(run)
    assert found.recipe.batch_size < 1024
    assert found.recipe.batch_size * found.recipe.accumulation == 1024
