"""Likelihoods and KL: equal to whole sequences scored one at a time, whatever shares a batch."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
import transformers
from made_adapters import STARTER, make_adapter

from studio.engine.batches import Query, alike
from studio.engine.load import Engine
from studio.engine.score import Likelihood, likelihoods, score
from studio.engine.tokens import TEXT_TOKENS, Question, Tokens, questions
from studio.errors import ModelError, ProbeError
from studio.measure.case import Case
from studio.measure.outcome import BASE
from studio.measure.probe import Probe
from studio.models.catalogue import find_base

pytestmark = pytest.mark.slow

LANES = (BASE, "red", "blue")
WORDS = ["Paris", "Berlin and Rome", "a very long answer about the sky", "no", "I do not know."]


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("adapters")
    return {
        "red": make_adapter(folder / "red", seed=1, scale=0.3),
        "blue": make_adapter(folder / "blue", seed=2, rank=4, scale=0.3),
    }


@pytest.fixture(scope="module", params=["qlora", "lora"])
def engine(request: pytest.FixtureRequest, adapters: dict[str, Path]) -> Engine:
    method: Literal["qlora", "lora"] = request.param
    loaded = Engine(STARTER, method)
    for lane, folder in adapters.items():
        loaded.add_lane(lane, folder)
    loaded.add_lane("red@0", adapters["red"], strength=0)
    return loaded


def choosing(*, chat: bool = True, prompts: int = 6) -> Probe:
    """Questions of several lengths with answers of several lengths."""
    cases = tuple(
        Case.model_validate(
            {
                "id": f"case-{number}",
                "prompt": f"{'Please tell me. ' * number}What is number {number}?",
                "answer": WORDS[0],
                "choices": WORDS,
            }
        )
        for number in range(prompts)
    )
    return Probe(
        name="choosing", title="Choosing", kind="retention", scorer="choice", chat=chat, cases=cases
    )


def open_text(*texts: str) -> Probe:
    cases = tuple(
        Case(id=f"text-{number}", messages=(), answer=text) for number, text in enumerate(texts)
    )
    return Probe(name="text", title="Text", kind="retention", scorer="text", cases=cases)


def ask(asked: list[Question], lanes: tuple[str, ...] = LANES) -> list[Query]:
    return [Query(lanes, one.prompt, one.choices or (one.answer,)) for one in asked]


def take(engine: Engine, queries: list[Query], **options: Any) -> list[list[list[Likelihood]]]:
    """By query, lane and continuation."""
    found: dict[int, list[list[Likelihood]]] = {}
    for finished in likelihoods(engine, queries, **options):
        for place, scores in finished.items():
            found[place] = [scores[lane] for lane in queries[place].lanes]
    return [found[place] for place in range(len(queries))]


def alone(engine: Engine, lane: str, prompt: Tokens, text: Tokens) -> torch.Tensor:
    """Log-probabilities at the text's tokens by a whole forward pass, (tokens, vocabulary)."""
    with engine.rows_of([lane]) as options:
        logits = engine.model(input_ids=torch.tensor([prompt + text]), **options).logits[0]
    return logits.float().log_softmax(-1)[len(prompt) - 1 : -1]


@contextmanager
def counted(engine: Engine) -> Iterator[list[int]]:
    """How many tokens go through the model, pass by pass."""
    passes: list[int] = []

    def count(_module: Any, _arguments: Any, options: dict[str, Any]) -> None:
        passes.append(options["input_ids"].numel())

    hook = engine.model.register_forward_pre_hook(count, with_kwargs=True)
    try:
        yield passes
    finally:
        hook.remove()


@pytest.mark.parametrize("chat", [True, False])
def test_choices_equal_whole_sequences_scored_one_at_a_time(engine: Engine, chat: bool) -> None:
    queries = ask(questions(engine, choosing(chat=chat)))
    for query, found in zip(queries, take(engine, queries), strict=True):
        for lane, scores in zip(query.lanes, found, strict=True):
            for text, likelihood in zip(query.continuations, scores, strict=True):
                logs = alone(engine, lane, query.prompt, text)
                expected = -logs[range(len(text)), list(text)]
                assert likelihood.token_nlls == pytest.approx(expected.tolist(), abs=1e-3)
                assert likelihood.nll == pytest.approx(expected.sum().item(), abs=2e-3)
                assert likelihood.tokens == len(text)


@pytest.mark.parametrize(("batch_tokens", "logits"), [(1, 2**25), (150, 2**25), (4096, 2560 * 40)])
def test_numbers_do_not_depend_on_the_size_of_batches_or_passes(
    engine: Engine, batch_tokens: int, logits: int
) -> None:
    queries = ask(questions(engine, choosing())) + ask(questions(engine, open_text("Hi there! ")))
    usual = take(engine, queries, divergence=True)
    other = take(engine, queries, divergence=True, batch_tokens=batch_tokens, logits=logits)
    for query, before, after in zip(queries, usual, other, strict=True):
        for lane in range(len(query.lanes)):
            for one, two in zip(before[lane], after[lane], strict=True):
                assert two.token_nlls == pytest.approx(one.token_nlls, abs=1e-3)
                assert two.kl == pytest.approx(one.kl, abs=1e-3)


def test_numbers_do_not_depend_on_the_lanes_beside(engine: Engine) -> None:
    asked = questions(engine, choosing())
    together = take(engine, ask(asked))
    for place, lane in enumerate(LANES):
        for mixed, single in zip(together, take(engine, ask(asked, (lane,))), strict=True):
            assert [one.nll for one in mixed[place]] == pytest.approx(
                [one.nll for one in single[0]], abs=1e-3
            )


def test_kl_is_the_direct_formula_and_nothing_for_the_base(engine: Engine) -> None:
    queries = ask(questions(engine, open_text("The fox sleeps in the sun.", "One, two and three")))
    for query, found in zip(queries, take(engine, queries, divergence=True), strict=True):
        text = query.continuations[0]
        base = alone(engine, BASE, query.prompt, text)
        assert found[0][0].kl == 0
        for lane, scores in zip(query.lanes[1:], found[1:], strict=True):
            logs = alone(engine, lane, query.prompt, text)
            expected = (base.exp() * (base - logs)).sum().item()
            assert expected > 0.01
            assert scores[0].kl == pytest.approx(expected, rel=1e-3)


def test_strength_zero_is_the_base(engine: Engine) -> None:
    queries = ask(questions(engine, choosing()), (BASE, "red@0", "red"))
    for base, none, full in take(engine, queries, divergence=True):
        assert [one.nll for one in none] == pytest.approx([one.nll for one in base], abs=1e-3)
        assert max(one.kl or 0.0 for one in none) < 1e-4
        assert min(one.kl or 0.0 for one in full) > 1e-3


def test_a_prompt_is_computed_once_for_all_that_follows_it(engine: Engine) -> None:
    prompt = (5, 6, 7, 8)
    queries = [Query((BASE, "red"), prompt, ((first,), (first + 1,))) for first in range(20, 40)]
    with counted(engine) as passes:
        take(engine, queries)
    assert passes == [2 * len(prompt)]  # one-token choices need the prompt's last logits only
    queries = [Query((BASE, "red"), prompt, ((9, 10, 11), (9, 12)))]
    with counted(engine) as passes:
        take(engine, queries)
    # Both begin with 9, which goes with the prompt; then only 11 is left to predict, from 10.
    assert passes == [2 * (len(prompt) + 1), 2]


def test_a_single_answer_takes_one_pass(engine: Engine) -> None:
    with counted(engine) as passes:
        take(engine, [Query((BASE,), (5, 6, 7), ((8, 9, 10),))])
    assert passes == [5]


def test_sentences_that_differ_at_the_end_share_their_beginning(engine: Engine) -> None:
    pairs = [((20, 21, 22, first), (20, 21, 22, first + 1)) for first in range(30, 40)]
    with counted(engine) as passes:
        take(engine, [Query((BASE,), (0,), pair) for pair in pairs])
    assert passes == [10 * 4]


def test_tails_of_one_length_share_a_pass_and_few_are_padded() -> None:
    assert alike([200, 3, 200, 3]) == [[0, 2], [1, 3]]
    assert alike([3, 4, 3, 4]) == [[1, 3, 0, 2]]
    assert alike([]) == []


def test_a_choice_ends_where_the_turn_would(engine: Engine) -> None:
    asked = questions(engine, choosing(prompts=1))[0]
    assert engine.tokenizer.decode(asked.answer) == WORDS[0]
    assert asked.choices[0] == asked.answer
    written = choosing(prompts=1).model_copy(update={"scorer": "exact"})
    whole = questions(engine, written)[0].answer
    assert whole == (*asked.answer, engine.tokenizer.eos_token_id)
    (likelihood,) = score(engine, [(BASE, written.cases[0].messages, WORDS[0])])
    ((expected,),) = take(engine, [Query((BASE,), asked.prompt, (whole,))])[0]
    assert likelihood.nll == pytest.approx(expected.nll, abs=1e-3)


@pytest.mark.parametrize("prompt", ["The sky is", "The sky is ", "Say:\n\n", "A B\n"])
def test_spaces_that_end_a_bare_question_begin_its_answer(engine: Engine, prompt: str) -> None:
    fields = {"id": "a", "prompt": prompt, "answer": "blue", "choices": ["blue", "red and green"]}
    probe = choosing(chat=False).model_copy(update={"cases": (Case.model_validate(fields),)})
    asked = questions(engine, probe)[0]
    encode = engine.tokenizer.encode
    context = encode(prompt.rstrip())
    assert list(asked.prompt) == context
    for choice, tokens in zip(fields["choices"], asked.choices, strict=True):
        assert list(tokens) == encode(f"{prompt} {choice}")[len(context) :]


def test_a_bare_sentence_begins_like_a_document(engine: Engine) -> None:
    sentences = ["The dogs bark.", "The dogs barks."]
    case = Case(id="a", messages=(), answer=sentences[0], choices=tuple(sentences))
    asked = questions(engine, choosing(chat=False).model_copy(update={"cases": (case,)}))[0]
    assert asked.prompt == (engine.tokenizer.bos_token_id,)
    assert [engine.tokenizer.decode(tokens) for tokens in asked.choices] == sentences


def test_pieces_are_the_text_that_is_scored(engine: Engine) -> None:
    texts = ["Grüße an Zoë 🙂 und 台北!", "word " * 2 * TEXT_TOKENS]
    short, long = questions(engine, open_text(*texts))
    assert "".join(short.pieces) == texts[0]
    assert len(short.pieces) == len(short.answer)
    assert len(long.answer) == TEXT_TOKENS
    assert texts[1].startswith("".join(long.pieces))
    assert engine.tokenizer.decode(long.answer) == "".join(long.pieces)


def test_a_case_that_the_base_cannot_hold_is_named(engine: Engine) -> None:
    long = Case.model_validate({"id": "long", "prompt": "word " * 1100, "answer": "yes"})
    probe = Probe(name="p", title="P", kind="retention", cases=(long,))
    with pytest.raises(ProbeError, match=r"case long of probe p is \d+ tokens long"):
        questions(engine, probe)


def test_a_broken_adapter_is_named(adapters: dict[str, Path]) -> None:
    engine = Engine(STARTER, "lora")
    engine.add_lane("red", adapters["red"])
    with torch.no_grad():
        for name, weight in engine.model.named_parameters():
            if "lora_B" in name:
                weight.fill_(float("nan"))
    with pytest.raises(ModelError, match="red finds no finite likelihood"):
        take(engine, ask(questions(engine, choosing(prompts=1)), (BASE, "red")))


TINY = {
    "vocab_size": 2560, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 4,
    "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16,
    "max_position_embeddings": 256, "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
ARCHITECTURES = {
    "Gemma2": {"sliding_window": 8, "final_logit_softcapping": 2.0, "query_pre_attn_scalar": 16},
    "Gemma3Text": {"sliding_window": 8, "query_pre_attn_scalar": 16},
    "Qwen3": {},
    "Granite": {"logits_scaling": 4.0},
}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_other_architectures_keep_what_they_do_to_their_logits(
    architecture: str, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    config = getattr(transformers, f"{architecture}Config")(**TINY, **ARCHITECTURES[architecture])
    kind = architecture.removesuffix("Text")
    model = getattr(transformers, f"{kind}ForCausalLM")(config)
    for parameter in model.parameters():  # random answers that differ from each other
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(STARTER.folder / name, tmp_path)
    engine = Engine(find_base(str(tmp_path)), "lora")
    queries = ask(questions(engine, choosing()), (BASE,))
    for query, (found,) in zip(queries, take(engine, queries, logits=2560 * 30), strict=True):
        for text, likelihood in zip(query.continuations, found, strict=True):
            logs = alone(engine, BASE, query.prompt, text)
            expected = -logs[range(len(text)), list(text)]
            assert likelihood.token_nlls == pytest.approx(expected.tolist(), abs=1e-3)
