"""Every method is trained, beats the base on its task, comes back equal, talks and is measured."""

import subprocess
import sys
from typing import Any

import pytest
import torch
from made_tuned import STEPS, Workshop

from studio.chat.protocol import Sampling
from studio.data.draft_items import Provenance
from studio.data.example import Message
from studio.engine.generate import answer
from studio.engine.load import Engine
from studio.engine.proof import PROOF_TEXT
from studio.engine.score import score
from studio.engine.transfer import rank
from studio.errors import ModelError
from studio.measure.comparison import Comparison, LaneSpec
from studio.measure.outcome import BASE
from studio.measure.results import read_report
from studio.models.catalogue import find_base
from studio.tuning.run import create_run
from studio.tuning.transfer import speed_up

pytestmark = pytest.mark.slow

RATE = 2.5e-3  # the starter's, for adapters
METHODS: dict[str, dict[str, Any]] = {
    "qlora": {},
    "lora": {"method": "lora"},
    "rslora": {"rslora": True},
    "dora": {"dora": True},
    "eva": {"init": "eva", "rank": 4},
    "ia3": {"method": "ia3", "learning_rate": 0.03},
    "soft": {"method": "prompt_tuning", "learning_rate": 0.03, "watching": 1.0},
    "soft from text": {
        "method": "prompt_tuning", "learning_rate": 0.03, "prompt_init": "text",
        "prompt_text": "Is the review positive or negative?",
    },
    "soft from random numbers": {
        "method": "prompt_tuning", "learning_rate": 0.03, "prompt_init": "random",
    },
    "full": {"method": "full", "learning_rate": 5e-4},
    "last layers": {"method": "partial", "learning_rate": 1e-3, "last_layers": 2},
    "attention": {"method": "partial", "trained": "attention", "learning_rate": 1e-3},
    "mlp": {"method": "partial", "trained": "mlp", "learning_rate": 1e-3},
    "head": {"method": "partial", "trained": "head", "learning_rate": 5e-3},
    "pattern": {
        "method": "partial", "trained": "pattern", "pattern": r"layers\.[23]\..*(o_proj|norm)",
        "learning_rate": 3e-3,
    },
    "two stages": {"method": "two_stage", "trained": "head", "learning_rate": 3e-3},
    "scratch": {"method": "scratch", "learning_rate": 2e-3},
}  # fmt: skip
ASKED = [(Message(role="user", content="What is the capital of France?"),)]


def tuned(workshop: Workshop, name: str) -> Any:
    return workshop.tuned(name, **{"learning_rate": RATE} | METHODS[name])


def loaded(workshop: Workshop, name: str) -> Engine:
    run = tuned(workshop, name).run
    engine = Engine(find_base("starter"), run.recipe.loading)
    engine.add_lane(name, run.adapter)
    return engine


@pytest.mark.parametrize("name", METHODS)
def test_it_learns_its_task_and_comes_back_equal(workshop: Workshop, name: str) -> None:
    tried = tuned(workshop, name)
    assert tried.losses[-1] < 0.8 * tried.losses[0]
    engine = loaded(workshop, name)
    ids = engine.tokenizer(PROOF_TEXT, return_tensors="pt").input_ids
    if (prompt := engine.soft_prompt(name)) is None:
        with engine.rows_of([name]) as options:
            again = engine.model(input_ids=ids, **options).logits[0]
    else:
        words = torch.cat([prompt, engine.inner.get_input_embeddings()(ids)[0]])
        with torch.inference_mode():
            again = engine.inner(inputs_embeds=words[None]).logits[0, -ids.shape[1] :]
    assert torch.allclose(again, tried.logits, atol=1e-4)
    cases = workshop.dataset.heldout()[:6]
    scores = score(
        engine, [(lane, e.messages, e.completion) for e in cases for lane in (BASE, name)]
    )
    base, own = (sum(one.nll for one in scores[place::2]) for place in (0, 1))
    assert own < base
    assert engine.prove_base() == 0
    said = answer(engine, [(BASE, ASKED[0]), (name, ASKED[0])], Sampling(max_new_tokens=6))
    alone = answer(engine, [(BASE, ASKED[0])], Sampling(max_new_tokens=6))
    assert said[0].ids == alone[0].ids
    assert said[1].ids


@pytest.mark.parametrize(
    "names", [("qlora", "dora", "ia3", "soft"), ("lora", "full", "head", "scratch")]
)
def test_lanes_that_share_no_batch_are_measured_together(
    workshop: Workshop, names: tuple[str, ...]
) -> None:
    runs = [tuned(workshop, name).run for name in names]
    spec = Comparison(
        base="starter", method=runs[0].recipe.loading,
        lanes=tuple(LaneSpec(run=run.id) for run in runs), datasets=(workshop.dataset.id,),
        probes=("starter-capitals",), limit=6, max_new_tokens=6,
    )  # fmt: skip
    measured = create_run(workshop.studio.settings.runs, spec, about="measured")
    worker = [sys.executable, "-m", "studio.engine.worker", str(measured.folder)]
    subprocess.run(worker, check=True)
    report = read_report(measured)
    for run in runs:
        changed = [one.nll_difference for one in report.of(run.id) if one.kind == "gain"]
        assert changed[0] is not None
        assert changed[0] < 0


def test_own_weights_have_a_strength_and_leave_the_base_as_it_was(workshop: Workshop) -> None:
    engine = loaded(workshop, "full")
    engine.add_lane("half", tuned(workshop, "full").run.adapter, strength=0.5)
    engine.add_lane("none", tuned(workshop, "full").run.adapter, strength=0.0)
    engine.add_lane("lora", tuned(workshop, "lora").run.adapter)
    lanes = [BASE, "none", "half", "full", "lora"]
    case = workshop.dataset.heldout()[0]
    nlls = {
        lane: one.nll
        for lane, one in zip(
            lanes, score(engine, [(lane, case.messages, case.completion) for lane in lanes]),
            strict=True,
        )
    }  # fmt: skip
    assert nlls["none"] == pytest.approx(nlls[BASE], abs=1e-4)
    assert nlls["full"] < nlls["half"] < nlls[BASE]
    assert engine.prove_base() == 0
    engine.remove_lane("half")
    engine.remove_lane("lora")
    assert engine.prove_base() == 0


def test_a_base_in_four_bits_refuses_weights_of_its_own(workshop: Workshop) -> None:
    engine = Engine(find_base("starter"), "qlora")
    with pytest.raises(ModelError, match="do not fit the base"):
        engine.add_lane("full", tuned(workshop, "full").run.adapter)
    assert engine.lanes == [BASE]


def test_what_is_frozen_stays_and_the_second_stage_begins_later(workshop: Workshop) -> None:
    from safetensors.torch import load_file

    def weights(name: str) -> set[str]:
        return set(load_file(tuned(workshop, name).run.adapter / "adapter_model.safetensors"))

    assert weights("head") == {"lm_head.weight"}
    assert {name.split(".")[2] for name in weights("last layers") if ".layers." in name} == {
        "2",
        "3",
    }
    assert all(".mlp." in name for name in weights("mlp"))
    frozen = workshop.tuned("frozen", frozen_layers=3, max_steps=1)
    kept = load_file(frozen.run.adapter / "adapter_model.safetensors")
    assert {name.split(".layers.")[1].split(".")[0] for name in kept} == {"3"}
    stages = [one for one in tuned(workshop, "two stages").run.events() if one.kind == "stage"]
    assert [one["step"] for one in stages] == sorted(one["step"] for one in stages)
    assert stages[0]["learns"] == "the first part"
    assert stages[1]["step"] == round(0.3 * STEPS)
    assert stages[1]["learns"] == "layer 4"
    assert stages[-1]["learns"] == "the words' embeddings"


def test_pretraining_gives_a_higher_start_and_end(workshop: Workshop) -> None:
    fresh, from_base = tuned(workshop, "scratch").losses, tuned(workshop, "full").losses
    assert from_base[0] < fresh[0]
    assert from_base[-1] < fresh[-1]


def test_a_preference_is_learned_without_a_second_model(workshop: Workshop) -> None:
    draft = workshop.studio.drafts.begin("votes")
    talks = [(Message(role="user", content=f"Is {n} a number?"),) for n in range(10)]
    for talk in talks[:8]:
        workshop.studio.drafts.keep_pair(draft.name, talk, "Aye.", "Nay.", Provenance())
    tried = workshop.tuned(
        "dpo", loss="dpo", pairs=draft.name, max_steps=8, batch_size=4, rank=4,
        learning_rate=RATE,
    )  # fmt: skip
    assert tried.run.recipe.pairs.startswith(f"{draft.name}-")
    assert tried.losses[0] == pytest.approx(0.6931, abs=1e-3)  # log 2: nothing is preferred yet
    assert tried.losses[-1] < 0.5
    engine = Engine(find_base("starter"), "qlora")
    engine.add_lane("dpo", tried.run.adapter)
    asked = [(lane, talks[9], said) for lane in (BASE, "dpo") for said in ("Aye.", "Nay.")]
    aye, nay, tuned_aye, tuned_nay = (one.nll for one in score(engine, asked))
    assert tuned_nay - tuned_aye > nay - aye + 1


def test_a_prompt_of_a_like_task_ranks_first_and_saves_steps(workshop: Workshop) -> None:
    near, far = tuned(workshop, "soft").run, tuned(workshop, "soft from random numbers").run
    engine = Engine(find_base("starter"), "qlora")
    home = workshop.studio.settings.home
    ranking = rank(home, engine, workshop.dataset, [far.id, near.id])
    assert ranking.candidates[0].run == near.id
    assert ranking.best is not None
    assert ranking.candidates[0].nll < ranking.base_nll
    assert all(-1 <= one.overlap <= 1 for one in ranking.candidates)
    started = workshop.tuned(
        "transferred", start_from=near.id, **METHODS["soft"],
    )  # fmt: skip
    assert started.losses[0] == pytest.approx(tuned(workshop, "soft").losses[-1], abs=0.02)
    faster = speed_up(near, started.run)
    assert faster is not None
    assert faster > 2
