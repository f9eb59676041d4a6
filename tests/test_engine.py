"""Lanes on one base: equal to separate answers, token for token, in 4-bit and full precision."""

import json
import shutil
from pathlib import Path
from threading import Event
from typing import Any, Literal

import pytest
import torch
from made_adapters import STARTER, make_adapter
from peft import PeftModel

from studio.chat.protocol import Sampling
from studio.data.example import Message
from studio.engine.generate import answer, prompt_ids
from studio.engine.load import Engine
from studio.engine.score import answer_tokens, score
from studio.engine.selftext import self_texts
from studio.engine.weights import load_model
from studio.errors import ModelError
from studio.measure.outcome import BASE

pytestmark = pytest.mark.slow

Method = Literal["qlora", "lora"]
QUESTIONS = ["What is the capital of France?", "34 + 58", "Tell me a story about a fox.", "Hi"]
GREEDY = Sampling(max_new_tokens=24)


def asked(text: str) -> list[Message]:
    return [Message(role="user", content=text)]


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("adapters")
    return {
        "red": make_adapter(folder / "red", seed=1),
        "blue": make_adapter(folder / "blue", seed=2, rank=4),
    }


@pytest.fixture(scope="module", params=["qlora", "lora"])
def method(request: pytest.FixtureRequest) -> Method:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def engine(method: Method, adapters: dict[str, Path]) -> Engine:
    loaded = Engine(STARTER, method)
    for lane, folder in adapters.items():
        loaded.add_lane(lane, folder)
    loaded.add_lane("red@0.5", adapters["red"], strength=0.5)
    return loaded


def plain_answers(model: Any, engine: Engine, questions: list[str]) -> list[list[int]]:
    """Greedy tokens by transformers alone, one question at a time."""
    texts = []
    for question in questions:
        ids = torch.tensor([prompt_ids(engine, asked(question))])
        out = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=GREEDY.max_new_tokens,
            do_sample=False,
        )
        said = out[0, ids.shape[1] :].tolist()
        end = engine.tokenizer.eos_token_id
        texts.append(said[: said.index(end)] if end in said else said)
    return texts


def test_every_lane_in_one_batch_equals_the_model_alone(
    engine: Engine, method: Method, adapters: dict[str, Path]
) -> None:
    rows = [(lane, asked(q)) for q in QUESTIONS for lane in (BASE, "red", "blue")]
    together = {row[0]: [] for row in rows}  # type: ignore[var-annotated]
    for (lane, _), said in zip(rows, answer(engine, rows, GREEDY), strict=True):
        together[lane].append(said.ids)
    assert together[BASE] == plain_answers(load_model(STARTER, method).eval(), engine, QUESTIONS)
    for lane, folder in adapters.items():
        alone = PeftModel.from_pretrained(load_model(STARTER, method), str(folder)).eval()
        assert together[lane] == plain_answers(alone, engine, QUESTIONS)
    assert together[BASE] != together["red"]
    assert together["red"] != together["blue"]


def test_the_base_lane_is_proved_beside_the_others(engine: Engine) -> None:
    assert engine.prove_base() < 1e-4


def test_a_leaking_adapter_is_found(engine: Engine) -> None:
    reference = engine._reference
    try:
        engine._reference = reference + 0.01
        with pytest.raises(ModelError, match="leaks"):
            engine.prove_base()
    finally:
        engine._reference = reference


def test_an_adapter_that_leaks_only_beside_other_lanes_is_found(engine: Engine) -> None:
    def leak(_module: Any, _inputs: Any, logits: torch.Tensor) -> torch.Tensor:
        return logits + 0.01 if any(engine.deltas.rows or ()) else logits

    hook = engine.inner.get_output_embeddings().register_forward_hook(leak)
    try:
        with pytest.raises(ModelError, match="leaks"):
            engine.prove_base()
    finally:
        hook.remove()
    assert engine.prove_base() < 1e-4


def test_strength_multiplies_the_adapters_scaling(
    engine: Engine, adapters: dict[str, Path], tmp_path: Path
) -> None:
    halved = tmp_path / "halved"
    shutil.copytree(adapters["red"], halved)
    config = json.loads((halved / "adapter_config.json").read_text())
    (halved / "adapter_config.json").write_text(json.dumps(config | {"lora_alpha": 16}))
    engine.add_lane("halved", halved)
    engine.add_lane("red@0", adapters["red"], strength=0)
    lanes = (BASE, "red@0", "red@0.5", "halved", "red")
    base, none, half, same, full = (
        likelihood.nll
        for likelihood in score(engine, [(lane, asked("Hi"), "Hello there") for lane in lanes])
    )
    engine.remove_lane("halved")
    engine.remove_lane("red@0")
    assert none == pytest.approx(base, abs=1e-4)
    assert half == pytest.approx(same, abs=1e-4)
    assert len({round(base, 3), round(half, 3), round(full, 3)}) == 3


def test_scores_equal_a_plain_forward_pass_whatever_the_batch(
    engine: Engine, method: Method
) -> None:
    texts = [("34 + 58", "92"), ("Say hello", "hello"), ("A" * 90, "no"), ("Hi", "a b c d e f")]
    items = [(BASE, asked(question), text) for question, text in texts]
    together = score(engine, items)
    model = load_model(STARTER, method).eval()
    for item, likelihood in zip(items, together, strict=True):
        ids, start = answer_tokens(engine, item[1], item[2])
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0].float().log_softmax(-1)
        expected = -sum(logits[place - 1, ids[place]].item() for place in range(start, len(ids)))
        assert likelihood.nll == pytest.approx(expected, abs=1e-3)
        assert likelihood.tokens == len(ids) - start
        assert ids[-1] == engine.tokenizer.eos_token_id


def test_stop_ends_all_lanes_with_what_was_said(engine: Engine) -> None:
    stop = Event()
    seen: list[int] = []

    def watch(answers: list[Any]) -> None:
        seen.append(len(answers[0].ids))
        if len(seen) == 3:
            stop.set()

    rows = [(lane, asked(QUESTIONS[2])) for lane in (BASE, "red")]
    said = answer(engine, rows, GREEDY, on_step=watch, stop=stop)
    assert len(seen) <= 4
    assert all(len(one.ids) <= 4 for one in said)
    # and the next request is none the worse for it
    assert answer(engine, rows[:1], GREEDY)[0].ids == answer(engine, rows, GREEDY)[0].ids


def test_an_error_in_the_middle_of_an_answer_leaves_no_hooks(engine: Engine) -> None:
    rows = [(lane, asked("Hi")) for lane in (BASE, "red")]
    before = [one.ids for one in answer(engine, rows, GREEDY)]

    def fail(_: list[Any]) -> None:
        raise RuntimeError("the listener broke")

    with pytest.raises(RuntimeError, match="listener"):
        answer(engine, rows, GREEDY, on_step=fail)
    assert [one.ids for one in answer(engine, rows, GREEDY)] == before
    assert answer(engine, rows[:1], GREEDY)[0].ids == before[0]


def test_lanes_come_and_go_without_touching_the_base(adapters: dict[str, Path]) -> None:
    fresh = Engine(STARTER, "qlora")
    alone = answer(fresh, [(BASE, asked(QUESTIONS[0]))], GREEDY)[0].ids
    for _ in range(2):
        fresh.add_lane("red", adapters["red"])
        fresh.add_lane("blue", adapters["blue"])
        assert fresh.prove_base() < 1e-4
        fresh.remove_lane("red")
        fresh.remove_lane("blue")
        assert fresh.lanes == [BASE]
        assert answer(fresh, [(BASE, asked(QUESTIONS[0]))], GREEDY)[0].ids == alone
    with pytest.raises(ModelError, match="not loaded"):
        answer(fresh, [("red", asked("Hi"))], GREEDY)


def test_an_adapter_with_foreign_or_broken_weights_is_refused(
    adapters: dict[str, Path], tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    fresh = Engine(STARTER, "qlora")
    weights = load_file(adapters["red"] / "adapter_model.safetensors")
    broken = {
        "renamed": {name.replace("layers", "blocks"): value for name, value in weights.items()},
        "nan": {name: value * float("nan") for name, value in weights.items()},
    }
    for name, state in broken.items():
        folder = tmp_path / name
        folder.mkdir()
        for path in adapters["red"].glob("*.json"):
            (folder / path.name).write_bytes(path.read_bytes())
        save_file(state, folder / "adapter_model.safetensors")
        with pytest.raises(ModelError, match="does not fit the base"):
            fresh.add_lane(name, folder)
    assert fresh.prove_base() < 1e-4


def test_an_adapter_that_came_half_way_does_not_reach_the_base(
    adapters: dict[str, Path], tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "misshapen"
    shutil.copytree(adapters["red"], folder)
    state = load_file(folder / "adapter_model.safetensors")
    last = max(state)
    save_file(state | {last: state[last][:1].contiguous()}, folder / "adapter_model.safetensors")
    fresh = Engine(STARTER, "lora")
    alone = answer(fresh, [(BASE, asked(QUESTIONS[0]))], GREEDY)[0].ids
    with pytest.raises(RuntimeError, match="loading state_dict"):
        fresh.add_lane("misshapen", folder)
    assert answer(fresh, [(BASE, asked(QUESTIONS[0]))], GREEDY)[0].ids == alone
    fresh.add_lane("red", adapters["red"])
    assert fresh.prove_base() < 1e-4


def test_the_base_writes_its_own_texts_once(tmp_path: Path) -> None:
    engine = Engine(STARTER, "qlora")
    texts = self_texts(engine, 20, seed=1, cache=tmp_path)
    assert len(set(texts)) == len(texts) == 20
    assert all(text[-1].role == "assistant" for text in texts)
    began = list(tmp_path.iterdir())
    assert self_texts(engine, 20, seed=1, cache=tmp_path) == texts
    assert list(tmp_path.iterdir()) == began
