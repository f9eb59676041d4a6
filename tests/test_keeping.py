"""What a recipe does to keep old skills does what it says, on the starter."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from made_tuned import STEPS, Tried, Workshop

from studio.measure.comparison import Comparison, LaneSpec
from studio.measure.halves import is_replayed
from studio.measure.probe import find

pytestmark = pytest.mark.slow

RATE = 5e-3  # high enough that a plain run forgets
BUDGET = 0.05
KEEPING: dict[str, dict[str, Any]] = {
    "plain": {},
    "anchor on its own text": {"kl_anchor": 2.0},
    "anchor on given text": {"kl_anchor": 2.0, "anchor_on": "general-text"},
    "replay of its own text": {"replay": 0.4},
    "lower rate": {"rate_factor": 0.2},
    "budget": {"forgetting_budget": BUDGET, "watching": 1.0},
    "neftune": {"neftune": 5.0, "max_steps": 4},
}


def tuned(workshop: Workshop, name: str) -> Tried:
    return workshop.tuned(name, **{"learning_rate": RATE} | KEEPING[name])


@pytest.mark.parametrize(
    "name",
    ["anchor on its own text", "anchor on given text", "replay of its own text", "lower rate"],
)
def test_it_forgets_far_less_at_near_equal_gain(workshop: Workshop, name: str) -> None:
    plain, kept = tuned(workshop, "plain"), tuned(workshop, name)
    assert plain.forgotten > 0.5
    assert kept.forgotten < plain.forgotten / 3
    gains = [one.losses[0] - one.losses[-1] for one in (plain, kept)]
    assert gains[1] > 0.9 * gains[0]


def test_a_budget_ends_the_run_with_what_kept_within(workshop: Workshop) -> None:
    tried = tuned(workshop, "budget")
    looks = [one for one in tried.run.events() if one.kind == "look"]
    assert looks[-1]["forgotten"] > BUDGET
    assert looks[-1]["step"] < STEPS
    assert tried.forgotten <= BUDGET + 1e-4
    warned = tried.run.last("warning")
    assert warned is not None
    assert "more than the budget of 0.05" in warned["message"]


def test_of_given_text_only_the_other_half_is_measured(workshop: Workshop) -> None:
    run = tuned(workshop, "anchor on given text").run
    assert run.replayed() == ("general-text",)
    home = workshop.studio.settings.home
    spec = Comparison(
        base="starter", method="qlora", lanes=(LaneSpec(run=run.id),), probes=("general-text",),
        replayed=run.replayed(),
    )  # fmt: skip
    (asked,) = spec.gather_probes(home)
    (whole,) = find(("general-text",), home / "probes")
    assert 0 < len(asked.cases) < len(whole.cases)
    assert not any(map(is_replayed, asked.cases))


def test_noise_is_heard_in_training_alone(workshop: Workshop) -> None:
    quiet = workshop.tuned("quiet", learning_rate=RATE, max_steps=4)
    noisy = tuned(workshop, "neftune")
    assert noisy.losses[0] == quiet.losses[0]
    first = [run.steps()[0]["loss"] for run in (noisy.run, quiet.run)]
    assert first[0] != first[1]
    assert not torch.equal(noisy.logits, quiet.logits)


def test_a_share_of_an_earlier_dataset_is_learned_as_well(workshop: Workshop) -> None:
    from studio.engine.given import past_examples
    from studio.engine.train import training_rows

    earlier = workshop.studio.build("topic", limit=40)
    past = past_examples([earlier.id], workshop.studio.settings.home)
    assert len(past) == len(earlier.train())
    recipe = tuned(workshop, "plain").run.recipe.model_copy(
        update={"replay_datasets": (earlier.id,), "dataset_share": 0.4}
    )
    examples = workshop.dataset.train()
    rows = training_rows(recipe, examples, [], [], past)
    assert len(rows) - len(examples) == round(len(examples) / 0.6 * 0.4)
    assert rows[len(examples)]["completion"][0]["content"] == past[0][-1].content


def test_dft_weighs_every_token_by_how_likely_it_is(workshop: Workshop) -> None:
    from studio.engine.anchor import AnchoredTrainer

    labels = torch.tensor([[-100, 1, 2]])
    logits = torch.randn(1, 3, 5, generator=torch.Generator().manual_seed(1), requires_grad=True)

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = torch.nn.Linear(5, 5, bias=False)
            torch.nn.init.eye_(self.head.weight)

        def get_output_embeddings(self) -> torch.nn.Linear:
            return self.head

        def forward(self, **_: Any) -> SimpleNamespace:
            return SimpleNamespace(logits=self.head(logits))

    inputs = {"input_ids": labels.clamp(min=0), "attention_mask": labels * 0 + 1, "labels": labels}
    trainer = AnchoredTrainer.__new__(AnchoredTrainer)
    trainer._weigh_tokens, trainer.model = True, Model()
    trainer.accelerator = SimpleNamespace(unwrap_model=lambda model: model)
    loss, _ = trainer._plain_loss(trainer.model, inputs, torch.tensor(4))
    logs = logits.detach().log_softmax(-1)
    chosen = torch.stack([logs[0, 0, 1], logs[0, 1, 2]])
    assert loss.item() == pytest.approx((-(chosen.exp() * chosen).sum() / 4).item())
    loss.backward()
    assert logits.grad is not None
    # d/dz of p·(-log p) with p held: p·(softmax - onehot)
    wanted = chosen[0].exp() * (logs[0, 0].exp() - torch.eye(5)[1]) / 4
    assert torch.allclose(logits.grad[0, 0], wanted, atol=1e-6)
