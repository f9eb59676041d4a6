"""Answers of one batch are those of each lane alone, whatever way they are computed."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from made_adapters import STARTER, make_adapter
from peft import LoraConfig, PeftModel, get_peft_model

from studio.chat.protocol import Row, Sampling
from studio.data.example import Message
from studio.engine import few
from studio.engine.draw import Draw
from studio.engine.generate import Answer, answer, raw_text
from studio.engine.load import Engine
from studio.engine.prefix import Kept
from studio.engine.weights import load_model
from studio.measure.outcome import BASE
from studio.models.catalogue import find_base

pytestmark = pytest.mark.slow

QUESTIONS = ["What is the capital of France?", "34 + 58", "Tell me a story about a fox."]
LANES = (BASE, "red", "red@0.5", "blue")
GREEDY = Sampling(max_new_tokens=16)
DRAWN = Sampling(max_new_tokens=16, temperature=0.9, top_p=0.9, top_k=50, seed=3)


def asked(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


ROWS = [(lane, asked(question)) for question in QUESTIONS for lane in LANES]


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("adapters")
    return {
        "red": make_adapter(folder / "red", seed=1),
        "blue": make_adapter(folder / "blue", seed=2, rank=4),
    }


def loaded(method: Any, adapters: dict[str, Path], **options: Any) -> Engine:
    engine = Engine(STARTER, method, **options)
    for lane, folder in adapters.items():
        engine.add_lane(lane, folder)
    engine.add_lane("red@0.5", adapters["red"], strength=0.5)
    return engine


@pytest.fixture(scope="module")
def packed(adapters: dict[str, Path]) -> Engine:
    return loaded("qlora", adapters)


@pytest.fixture(scope="module", params=["lora", "unpacked", "packed"])
def engine(request: pytest.FixtureRequest, adapters: dict[str, Path], packed: Engine) -> Engine:
    if request.param == "packed":
        return packed
    method = "lora" if request.param == "lora" else "qlora"
    return loaded(method, adapters, unpacked=request.param == "unpacked")


@pytest.fixture
def library(engine: Engine) -> Iterator[None]:
    """Decoding by the library's own forward passes."""
    engine._quick = False
    yield
    engine._quick = None


def ids(answers: list[Answer]) -> list[list[int]]:
    return [one.ids for one in answers]


@pytest.mark.parametrize("sampling", [GREEDY, DRAWN], ids=["greedy", "drawn"])
def test_lanes_of_one_batch_say_what_they_say_alone(engine: Engine, sampling: Sampling) -> None:
    assert engine.quick
    together = ids(answer(engine, ROWS, sampling))
    assert together == [answer(engine, [row], sampling)[0].ids for row in ROWS]
    assert len({tuple(said) for said in together[-4:]}) == 4


def test_the_quick_step_says_what_the_library_says(
    engine: Engine, request: pytest.FixtureRequest
) -> None:
    quick = ids(answer(engine, ROWS, DRAWN))
    request.getfixturevalue("library")
    assert ids(answer(engine, ROWS, DRAWN)) == quick


def test_unpacked_is_the_very_base_that_lies_in_4_bits(
    adapters: dict[str, Path], packed: Engine
) -> None:
    unpacked = loaded("qlora", adapters, unpacked=True)
    assert (unpacked._reference - packed._reference).abs().max() < 1e-4
    assert ids(answer(unpacked, ROWS, DRAWN)) == ids(answer(packed, ROWS, DRAWN))
    assert "unpacked" in unpacked.about
    full = Engine(STARTER, "lora")
    assert (full._reference - packed._reference).abs().max() > 0.01


def test_what_is_known_of_a_conversation_changes_no_answer(engine: Engine) -> None:
    kept = Kept()
    with_kept: list[list[Message]] = [list(messages) for _, messages in ROWS]
    without = [list(messages) for _, messages in ROWS]
    lanes = [lane for lane, _ in ROWS]
    for _turn in range(3):
        known = answer(engine, list(zip(lanes, with_kept, strict=True)), GREEDY, kept=kept)
        anew = answer(engine, list(zip(lanes, without, strict=True)), GREEDY)
        assert ids(known) == ids(anew)
        for said, talks in ((known, with_kept), (anew, without)):
            for one, talk in zip(said, talks, strict=True):
                talk.append(Message(role="assistant", content=one.text or "."))
                talk.append(Message(role="user", content="And then?"))


def test_what_is_known_is_not_read_again(engine: Engine, library: None) -> None:
    lengths: list[int] = []

    def count(_module: Any, _arguments: Any, options: dict[str, Any]) -> None:
        lengths.append(options["input_ids"].shape[1])

    kept = Kept()
    talk = list(asked(QUESTIONS[2]))
    (said,) = answer(engine, [("red", talk)], GREEDY, kept=kept)
    talk += [Message(role="assistant", content=said.text), Message(role="user", content="More!")]
    hook = engine.inner.register_forward_pre_hook(count, with_kwargs=True)
    try:
        answer(engine, [("red", talk)], GREEDY, kept=kept)
        known, whole = lengths[0], len(answer_prompt(engine, talk))
        lengths.clear()
        answer(engine, [("red@0.5", talk)], GREEDY, kept=kept)
        assert lengths[0] == whole  # another strength is another lane
    finally:
        hook.remove()
    assert known < whole / 2


def answer_prompt(engine: Engine, talk: list[Message]) -> list[int]:
    turns = [message.model_dump() for message in talk]
    return list(
        engine.tokenizer.apply_chat_template(turns, add_generation_prompt=True)["input_ids"]
    )


def test_an_answer_goes_on_as_if_it_had_never_been_cut(engine: Engine) -> None:
    (whole,) = answer(engine, [(BASE, asked(QUESTIONS[2]))], GREEDY)
    short = Sampling(max_new_tokens=8)
    (begun,) = answer(engine, [(BASE, asked(QUESTIONS[2]))], short)
    row = Row(lane=BASE, messages=asked(QUESTIONS[2]), begun=begun.text)
    (rest,) = answer(engine, [row], short)
    assert begun.text + rest.text == whole.text
    assert rest.text
    raw = raw_text(engine, row, rest)
    assert raw.endswith(whole.text)
    assert "<|im_start|>assistant" in raw


def test_the_raw_view_shows_the_very_token_that_ended_an_answer(packed: Engine) -> None:
    row = Row(lane=BASE, messages=asked(QUESTIONS[0]))
    (said,) = answer(packed, [row], Sampling(max_new_tokens=64))
    assert said.stopped
    assert raw_text(packed, row, said).endswith(packed.tokenizer.decode([said.end]))
    for end in packed.tokenizer.all_special_ids:  # a tuned model may end with a wrong one
        other = Answer(said.read, ids=said.ids, end=end)
        assert raw_text(packed, row, other).endswith(packed.tokenizer.decode([end]))
    assert raw_text(packed, row, Answer(said.read, ids=said.ids)).endswith(said.text)


def test_an_adapter_is_loaded_once_for_all_its_strengths(engine: Engine) -> None:
    assert len(engine.adapters) == 2
    adapter = next(folder for folder in engine._adapters if folder.name == "red")
    engine.add_lane("red@0.7", adapter, strength=0.7)
    seven = answer(engine, [("red@0.7", asked("Hi"))], GREEDY)[0].ids
    engine.add_lane("red@0.7", adapter, strength=1.0)  # a slider that moves
    assert len(engine.adapters) == 2
    assert answer(engine, [("red@0.7", asked("Hi"))], GREEDY)[0].ids != seven
    engine.remove_lane("red@0.7")
    assert len(engine.adapters) == 2
    assert engine.prove_base() < 1e-4


def test_lanes_that_share_no_batch_come_after_it_and_say_so(
    adapters: dict[str, Path], tmp_path: Path
) -> None:
    torch.manual_seed(5)
    config = LoraConfig(r=8, target_modules="all-linear", use_dora=True, task_type="CAUSAL_LM")
    tuned = get_peft_model(load_model(STARTER, "lora"), config)
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    tuned.save_pretrained(str(tmp_path))
    made_for = {"base": "starter", "base_fingerprint": STARTER.fingerprint}
    (tmp_path / "made_for.json").write_text(json.dumps(made_for))
    engine = loaded("lora", adapters)
    engine.add_lane("dora", tmp_path)
    rows = [(lane, asked(QUESTIONS[2])) for lane in ("dora", BASE, "red")]
    order: list[str] = []

    def watch(answers: list[Answer]) -> None:
        order.append("apart" if answers[0].ids else "together")

    dora, base, red = answer(engine, rows, GREEDY, on_step=watch)
    assert "DoRA" in dora.note
    assert base.note == red.note == ""
    assert order == sorted(order, reverse=True)
    alone = PeftModel.from_pretrained(load_model(STARTER, "lora"), str(tmp_path)).eval()
    prompt = torch.tensor([answer_prompt(engine, list(rows[0][1]))])
    plain = alone.generate(
        input_ids=prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=16
    )
    assert dora.ids == plain[0, prompt.shape[1] :].tolist()[: len(dora.ids)]
    assert [base.ids, red.ids] == ids(answer(engine, rows[1:], GREEDY))
    assert dora.ids not in (base.ids, red.ids)
    assert engine.prove_base() < 1e-4


SHAPE = {
    "vocab_size": 2560, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
    "max_position_embeddings": 256, "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "Gemma2": {"sliding_window": 8, "final_logit_softcapping": 2.0, "query_pre_attn_scalar": 16},
    "Granite": {"logits_scaling": 4.0, "attention_multiplier": 0.5},
    "Mistral": {"sliding_window": 8},
    "Llama": {"attention_bias": True, "rope_scaling": {"rope_type": "linear", "factor": 2.0}},
    "Qwen2": {},
    "Qwen3": {},
}
QUICK = ("Llama", "Qwen2", "Qwen3")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_other_architectures_say_what_the_library_generates(
    architecture: str, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    config = getattr(transformers, f"{architecture}Config")(**SHAPE, **ARCHITECTURES[architecture])
    model = getattr(transformers, f"{architecture}ForCausalLM")(config).eval()
    for parameter in model.parameters():  # random answers that differ from each other
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(STARTER.folder / name, tmp_path)
    engine = Engine(find_base(str(tmp_path)), "lora")
    assert engine.quick == (architecture in QUICK)
    rows = [(BASE, asked(question)) for question in QUESTIONS]
    for (_, messages), said in zip(rows, answer(engine, rows, GREEDY), strict=True):
        prompt = torch.tensor([answer_prompt(engine, list(messages))])
        plain = model.generate(
            input_ids=prompt, attention_mask=torch.ones_like(prompt), do_sample=False,
            max_new_tokens=16,
        )  # fmt: skip
        assert said.ids == plain[0, prompt.shape[1] :].tolist()[: len(said.ids)]
        assert len(said.ids) == 16 or said.stopped


@pytest.mark.parametrize("rows", range(1, few.MOST + 2))
def test_every_way_to_multiply_few_rows_gives_the_product(rows: int) -> None:
    generator = torch.Generator().manual_seed(rows)
    x, weight = torch.randn(rows, 48, generator=generator), torch.randn(80, 48, generator=generator)
    for way in (few._plain, few._turned, few._paired):
        assert torch.allclose(way(x, weight), x @ weight.T, atol=1e-4)
    with torch.inference_mode():
        for _ in range(3 * few.TRIALS + 2):
            assert torch.allclose(few.product(x, weight), x @ weight.T, atol=1e-4)


def test_draws_follow_the_distribution_and_its_cuts() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0]]).repeat(1, 1)
    expected = (logits[0] / 0.7).softmax(-1)
    draw = Draw(Sampling(temperature=0.7, seed=1))
    counts = torch.bincount(torch.cat([draw(logits) for _ in range(4000)]), minlength=4) / 4000
    # Four standard errors of a share from 4000 draws.
    assert (counts - expected).abs().max() < 4 * 0.5 / 4000**0.5
    only = Draw(Sampling(temperature=5, top_k=2, seed=1))
    assert set(torch.cat([only(logits) for _ in range(200)]).tolist()) == {0, 1}
    nucleus = Draw(Sampling(temperature=1, top_p=0.6, seed=1))  # the first alone has 0.64
    assert set(torch.cat([nucleus(logits) for _ in range(200)]).tolist()) == {0}


def test_any_number_is_a_seed() -> None:
    logits = torch.zeros(1, 1000)
    first, again, other = (
        int(Draw(Sampling(temperature=1, seed=seed))(logits)) for seed in (10**30, 10**30, 1)
    )
    assert first == again != other


def test_lanes_that_predict_the_same_say_the_same() -> None:
    logits = torch.randn(1, 50, generator=torch.Generator().manual_seed(0)).repeat(3, 1)
    draw = Draw(Sampling(temperature=1.0, seed=2))
    assert all(len(set(draw(logits).tolist())) == 1 for _ in range(30))
    own = Draw(Sampling(temperature=1.0, seed=2), own_luck=True)
    assert any(len(set(own(logits).tolist())) > 1 for _ in range(30))
