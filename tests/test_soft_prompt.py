"""A soft prompt is trained, measured attached and detached, and refused where it cannot be."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from studio import Recipe, Studio
from studio.chat.protocol import Sampling
from studio.data.example import Message
from studio.engine.compare import compare
from studio.engine.generate import answer, prompt_ids
from studio.engine.load import Engine
from studio.engine.repair import repair
from studio.engine.score import score
from studio.engine.train import train
from studio.engine.weights import load_model
from studio.errors import ModelError, RunError
from studio.measure.comparison import Comparison, LaneSpec
from studio.measure.outcome import BASE
from studio.measure.results import read_report
from studio.models.catalogue import find_base
from studio.models.gate import check_adapter
from studio.tuning.events import EventLog
from studio.tuning.remedy import mend
from studio.tuning.run import Run, create_run

pytestmark = pytest.mark.slow

ASKED = [
    (Message(role="user", content="What is the capital of France?"),),
    (Message(role="user", content="Add 2 and 3, please. Say only the number."),),
]
STEPS = 12
TOKENS = 6


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with Studio(tmp_path_factory.mktemp("soft")) as opened:
        yield opened


@pytest.fixture(scope="module")
def run(studio: Studio) -> Run:
    """A soft prompt after a few steps, held to the base and kept once on the way."""
    dataset = studio.build("sentiment", limit=96)
    recipe = Recipe.make(
        {
            "dataset": dataset.id,
            "method": "prompt_tuning",
            "virtual_tokens": TOKENS,
            "learning_rate": 0.03,
            "max_steps": STEPS,
            "batch_size": 8,
            "checkpoints": 1,
            "kl_anchor": 0.1,
            "self_texts": 16,
        }
    )
    made = create_run(studio.settings.runs, recipe, about="soft")
    log = EventLog(made.folder / "events.jsonl")
    log("finished", **train(made, log))
    return made


@pytest.fixture(scope="module")
def engine(run: Run) -> Engine:
    loaded = Engine(find_base("starter"), "qlora")
    loaded.add_lane("soft", run.adapter)
    return loaded


def test_it_learns_and_publishes_its_embeddings_alone(run: Run) -> None:
    losses = [step["loss"] for step in run.steps()]
    assert losses[-1] < losses[0] / 1.5
    assert all(step["kl"] > 0 for step in run.steps())
    assert {
        name: list(t.shape)
        for name, t in load_file(run.adapter / "adapter_model.safetensors").items()
    } == {"prompt_embeddings": [TOKENS, 256]}
    assert run.checkpoints() == [STEPS // 2]


def test_a_lane_is_what_peft_makes_of_the_same_prompt(engine: Engine, run: Run) -> None:
    peer = PeftModel.from_pretrained(load_model(find_base("starter"), "qlora"), str(run.adapter))
    for messages in ASKED:
        ids = torch.tensor([prompt_ids(engine, messages)])
        said = engine.tokenizer("Paris is nice.", return_tensors="pt").input_ids
        with torch.inference_mode():
            whole = torch.cat([ids, said], dim=1)
            logs = peer(input_ids=whole).logits[0, TOKENS:].log_softmax(-1)
        wanted = logs.gather(-1, whole[0, 1:, None])[ids.shape[1] - 1 :, 0]
        (found,) = score(engine, [("soft", messages, "Paris is nice.")])
        assert found.token_nlls[: len(wanted)] == pytest.approx((-wanted).tolist(), abs=2e-3)


def test_detached_it_is_the_base_to_the_last_bit(engine: Engine) -> None:
    asked = [(lane, messages) for messages in ASKED for lane in (BASE, "soft")]
    attached = answer(engine, asked, Sampling(max_new_tokens=12))
    with engine.detached("soft"):
        detached = answer(engine, asked, Sampling(max_new_tokens=12))
        scores = score(engine, [(lane, messages, "Paris") for lane, messages in asked])
    again = answer(engine, asked, Sampling(max_new_tokens=12))
    assert [one.ids for one in detached[0::2]] == [one.ids for one in detached[1::2]]
    assert scores[0::2] == scores[1::2]
    assert [one.ids for one in attached[0::2]] == [one.ids for one in detached[0::2]]
    assert [one.ids for one in attached] == [one.ids for one in again]
    changed = score(engine, [(lane, messages, "Paris") for lane, messages in asked])
    assert changed[0::2] != changed[1::2]
    engine.prove_base()


def test_a_measurement_reports_it_attached_and_proves_it_detached(studio: Studio, run: Run) -> None:
    spec = Comparison(
        base="starter",
        method="qlora",
        lanes=(LaneSpec(run=run.id),),
        datasets=(run.recipe.dataset,),
        probes=("starter-addition", "general-text"),
        limit=6,
        max_new_tokens=8,
    )
    measured = create_run(studio.settings.runs, spec, about="soft")
    compare(measured, EventLog(measured.folder / "events.jsonl"))
    report = read_report(measured)
    assert report.detached(run.id).startswith("largest difference 0 nats per token")
    assert "0 of" in report.detached(run.id)
    assert "detached, it is the base" in report.headline(run.id)
    assert "soft prompt of 6 tokens" in report.lane(run.id).recipe
    assert report.markdown().count("largest difference 0 nats") == 2  # told, and among conditions
    assert any(delta.nll_difference for delta in report.deltas)


def test_a_strength_is_refused_in_one_sentence(studio: Studio, run: Run, engine: Engine) -> None:
    with pytest.raises(RunError, match="is a soft prompt, which is there or not"):
        studio.compare([f"{run.id}@0.5"])
    with pytest.raises(ModelError, match="no strength"):
        engine.add_lane("weak", run.adapter, strength=0.5)


@pytest.mark.parametrize("how", ["average", "strength", "intruder"])
def test_repairs_of_matrices_refuse_it_in_words(run: Run, how: str) -> None:
    options = {"strength": 0.5} if how == "strength" else {}
    with pytest.raises(RunError, match="a soft prompt has none"):
        mend(run, LaneSpec(run=run.id), how, **options)  # type: ignore[arg-type]


def test_it_goes_back_to_a_checkpoint_and_is_tuned_again_with_an_anchor(
    studio: Studio, run: Run
) -> None:
    spec = mend(run, LaneSpec(run=run.id), "checkpoint")
    earlier = create_run(studio.settings.runs, spec, about="earlier")
    repair(earlier, EventLog(earlier.folder / "events.jsonl"))
    kept = load_file(run.adapter_at(STEPS // 2) / "adapter_model.safetensors")
    made = load_file(earlier.adapter / "adapter_model.safetensors")
    assert torch.equal(made["prompt_embeddings"], kept["prompt_embeddings"])
    held = mend(run, LaneSpec(run=run.id), "kl_anchor")
    assert isinstance(held, Recipe)
    assert held.is_soft
    assert held.kl_anchor > run.recipe.kl_anchor


def test_the_gate_refuses_a_prompt_that_is_more_than_a_prompt(run: Run, tmp_path: Path) -> None:
    for path in run.adapter.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    print_of_base = find_base("starter").fingerprint
    check_adapter(tmp_path, print_of_base)
    told = json.loads((tmp_path / "made_for.json").read_text())
    del told["files"]  # as one that was not sealed here
    (tmp_path / "made_for.json").write_text(json.dumps(told))
    weights = tmp_path / "adapter_model.safetensors"
    save_file(load_file(weights) | {"lm_head.weight": torch.zeros(2, 2)}, weights)
    with pytest.raises(ModelError, match="nothing else"):
        check_adapter(tmp_path, print_of_base)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps(config | {"peft_type": "LOHA"}))
    with pytest.raises(ModelError, match="of the kind 'LOHA'"):
        check_adapter(tmp_path, print_of_base)
