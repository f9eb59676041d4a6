"""Explained answers and divergences equal plain forward passes of transformers on the starter."""

import json
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from made_adapters import STARTER, make_adapter
from peft import LoraConfig, PeftModel, PromptTuningConfig, get_peft_model

from studio.chat.protocol import Explain, Reply
from studio.chat.reading import Reading
from studio.data.example import Message
from studio.engine.explain import diverge, read_answer
from studio.engine.generate import prompt_ids
from studio.engine.load import Engine
from studio.engine.weights import load_model
from studio.errors import ModelError
from studio.measure.outcome import BASE

pytestmark = pytest.mark.slow

Method = Literal["qlora", "lora"]
ASKED = [
    ("What is the capital of France?", "Paris"),
    ("Tell me a story about a fox.", "The fox ran to the garden. It was a good day."),
    ("34 + 58", "ninety two"),
]


def messages(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("adapters")
    dora = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM",
                      use_dora=True)  # fmt: skip
    soft = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=5)
    return {
        "red": make_adapter(folder / "red", seed=1, scale=0.3),
        "dora": _other(folder / "dora", dora),
        "soft": _other(folder / "soft", soft),
    }


def _other(folder: Path, config: Any) -> Path:
    torch.manual_seed(3)
    tuned = get_peft_model(load_model(STARTER, "lora"), config)
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    tuned.save_pretrained(str(folder))
    made_for = {"base": "starter", "base_fingerprint": STARTER.fingerprint}
    (folder / "made_for.json").write_text(json.dumps(made_for))
    return folder


@pytest.fixture(scope="module", params=["qlora", "lora"])
def method(request: pytest.FixtureRequest) -> Method:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def engine(method: Method, adapters: dict[str, Path]) -> Engine:
    loaded = Engine(STARTER, method)
    for lane, folder in adapters.items():
        loaded.add_lane(lane, folder)
    loaded.add_lane("red@0", adapters["red"], strength=0)
    return loaded


@pytest.fixture(scope="module")
def plain(method: Method, adapters: dict[str, Path]) -> dict[str, Any]:
    """The base alone, and each adapter alone on a base of its own, by PEFT."""
    alone: dict[str, Any] = {BASE: load_model(STARTER, method).eval()}
    for lane, folder in adapters.items():
        model = load_model(STARTER, method)
        alone[lane] = PeftModel.from_pretrained(model, str(folder)).eval()
    return alone


def expected(
    engine: Engine, model: Any, question: str, answer: str, *, ended: bool = True
) -> tuple[torch.Tensor, list[int]]:
    """Log-probabilities of one forward pass at the answer's places, and the answer's tokens."""
    prompt = prompt_ids(engine, messages(question))
    ids = engine.tokenizer(answer, add_special_tokens=False)["input_ids"]
    ids = [*ids, engine.tokenizer.eos_token_id] if ended else ids
    with torch.no_grad():
        logits = model(torch.tensor([[*prompt, *ids]])).logits[0]
    return logits.float().log_softmax(-1)[-len(ids) - 1 : -1], ids


def explain(after: str, question: str, answer: str, **options: Any) -> Explain:
    fields = {"before": BASE, "alternatives": 3} | options
    return Explain(
        id=1, base="starter", method="lora", lanes=(), messages=messages(question), answer=answer,
        after=after, **fields,
    )  # fmt: skip


@pytest.mark.parametrize("lane", ["red", "dora", "soft"])
@pytest.mark.parametrize("logits", [2**25, 1])  # in one pass, and every token in one of its own
def test_tokens_equal_a_plain_forward_pass(
    engine: Engine, plain: dict[str, Any], lane: str, logits: int
) -> None:
    for question, answer in ASKED:
        found = read_answer(engine, explain(lane, question, answer), logits=logits)
        base, ids = expected(engine, plain[BASE], question, answer)
        tuned, _ = expected(engine, plain[lane], question, answer)
        kl = (base.exp() * (base - tuned)).sum(-1)
        assert "".join(token.text for token in found) == answer + engine.tokenizer.eos_token
        for place, (token, id) in enumerate(zip(found, ids, strict=True)):
            assert token.before == pytest.approx(base[place, id].item(), abs=1e-3)
            assert token.after == pytest.approx(tuned[place, id].item(), abs=1e-3)
            assert token.kl == pytest.approx(kl[place].item(), abs=1e-3)
            best = tuned[place].topk(3)
            assert [one.text for one in token.likely_after] == [
                engine.tokenizer.decode([one]) for one in best.indices.tolist()
            ]
            assert [one.probability for one in token.likely_after] == pytest.approx(
                best.values.exp().tolist(), abs=1e-3
            )
            assert token.agree == (base[place].argmax() == tuned[place].argmax())


def test_the_lanes_part_where_their_likeliest_tokens_first_differ(
    engine: Engine, plain: dict[str, Any]
) -> None:
    question, answer = ASKED[1]
    reading = Reading(BASE, "red", read_answer(engine, explain("red", question, answer)))
    base, ids = expected(engine, plain[BASE], question, answer)
    tuned, _ = expected(engine, plain["red"], question, answer)
    differ = (base.argmax(-1) != tuned.argmax(-1)).nonzero()[0].item()
    assert reading.parting == differ
    places = range(len(ids))
    change = sum(tuned[n, ids[n]].item() - base[n, ids[n]].item() for n in places)
    assert reading.change == pytest.approx(change, abs=1e-2)


def test_a_lane_at_strength_zero_differs_nowhere(engine: Engine) -> None:
    found = read_answer(engine, explain("red@0", *ASKED[1]))
    reading = Reading(BASE, "red@0", found)
    assert reading.parting is None
    assert reading.kl == pytest.approx(0, abs=1e-4)
    assert all(abs(change) < 1e-3 for change in reading.changes)


def test_an_answer_that_was_cut_off_has_no_end_to_be_read(engine: Engine) -> None:
    question, answer = ASKED[1]
    whole = read_answer(engine, explain("red", question, answer))
    cut = read_answer(engine, explain("red", question, answer, ended=False))
    assert len(cut) == len(whole) - 1
    assert "".join(token.text for token in cut) == answer
    assert [token.after for token in cut] == pytest.approx([t.after for t in whole[:-1]], abs=1e-4)
    assert read_answer(engine, explain("red", question, "", ended=False)) == ()


def test_a_conversation_beyond_the_context_is_refused_in_a_sentence(engine: Engine) -> None:
    with pytest.raises(ModelError, match="tokens long, but .* holds"):
        read_answer(engine, explain("red", "long " * 3_000, "answer"))


def test_divergences_of_many_answers_equal_those_of_one(
    engine: Engine, plain: dict[str, Any]
) -> None:
    lanes = ("red", "dora", "soft", "red@0")
    replies = [Reply(messages=messages(question), answer=answer) for question, answer in ASKED]
    replies += [
        Reply(messages=messages("Hi"), answer="", ended=False),
        Reply(messages=messages("long " * 3_000), answer="answer"),
        Reply(messages=messages("Tell me a story"), answer="The fox", ended=False),
    ]
    counts, kl = diverge(engine, replies, lanes)
    assert counts[3:5] == (0, 0)
    assert kl[3:5] == ({}, {})
    for place in (0, 1, 2, 5):
        reply = replies[place]
        question = reply.messages[0].content
        base, ids = expected(engine, plain[BASE], question, reply.answer, ended=reply.ended)
        assert counts[place] == len(ids)
        for lane in ("red", "dora", "soft"):
            tuned, _ = expected(engine, plain[lane], question, reply.answer, ended=reply.ended)
            exact = (base.exp() * (base - tuned)).sum().item()
            assert kl[place][lane] == pytest.approx(exact, abs=5e-3, rel=1e-3)
        assert kl[place]["red@0"] == pytest.approx(0, abs=1e-3)
