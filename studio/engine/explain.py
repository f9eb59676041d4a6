"""Where two lanes part: one answer token by token, and many answers by how far they are apart.

Nothing is drawn here: given answers are read, as a rule one that a lane gave before.
"""

import math
from collections.abc import Iterator, Sequence

import torch

from studio.chat.protocol import Explain, Likely, ReadToken, Reply
from studio.data.example import Message
from studio.engine.batches import Query
from studio.engine.load import Engine
from studio.engine.passes import inputs_for, predict, vocabulary
from studio.engine.score import LOGITS, likelihoods
from studio.engine.tokens import Tokens, answer_turn
from studio.errors import ModelError
from studio.measure.outcome import BASE


def read_answer(engine: Engine, asked: Explain, *, logits: int = LOGITS) -> tuple[ReadToken, ...]:
    """Every token of the answer in both lanes; each lane reads alone, in equal passes.

    The logits of one pass hold at most so many numbers, whatever the size of the vocabulary.
    KL(before‖after) = sum over tokens v of p_before(v) (log p_before(v) - log p_after(v)): exact.
    Raises ModelError if the conversation is longer than the base's context.
    """
    prompt, answer, pieces = _turn(engine, asked.messages, asked.answer, ended=asked.ended)
    if not answer:
        return ()
    if len(prompt) + len(answer) > engine.context:
        raise ModelError(
            f"The conversation is {len(prompt) + len(answer)} tokens long, but {engine.base.name} "
            f"holds {engine.context}; explain an answer that comes earlier."
        )
    found: list[ReadToken] = []
    befores, afters = (
        _predictions(engine, lane, prompt, answer, most=logits)
        for lane in (asked.before, asked.after)
    )
    for before, after in zip(befores, afters, strict=True):
        here = slice(len(found), len(found) + len(before))
        found += _read(engine, asked, (before, after), answer[here], pieces[here])
    return tuple(found)


def diverge(
    engine: Engine, replies: Sequence[Reply], lanes: Sequence[str]
) -> tuple[tuple[int, ...], tuple[dict[str, float], ...]]:
    """How many tokens each answer has, and by lane the sum of KL(base‖lane) over them, in nats.

    An answer without tokens, or in a conversation longer than the base's context, counts none.
    """
    turns: dict[int, tuple[Tokens, Tokens]] = {}
    for place, reply in enumerate(replies):
        prompt, answer, _ = _turn(engine, reply.messages, reply.answer, ended=reply.ended)
        if answer and len(prompt) + len(answer) <= engine.context:
            turns[place] = prompt, answer
    kl: list[dict[str, float]] = [{} for _ in replies]
    sharing = [lane for lane in lanes if not engine.apart(lane)]
    queries = [Query((BASE, *sharing), prompt, (answer,)) for prompt, answer in turns.values()]
    for finished in likelihoods(engine, queries, divergence=True):
        for number, scores in finished.items():
            kl[list(turns)[number]] = {lane: scores[lane][0].kl or 0.0 for lane in sharing}
    for place, (prompt, answer) in turns.items():
        for lane in lanes:
            if lane not in sharing:
                kl[place][lane] = _kl_alone(engine, lane, prompt, answer)
    counts = (len(turns[place][1]) if place in turns else 0 for place in range(len(replies)))
    return tuple(counts), tuple(kl)


def _kl_alone(engine: Engine, lane: str, prompt: Tokens, answer: Tokens) -> float:
    """Sum of KL(base‖lane) for a lane whose rows share no batch with others."""
    pairs = zip(
        _predictions(engine, BASE, prompt, answer), _predictions(engine, lane, prompt, answer),
        strict=True,
    )  # fmt: skip
    return math.fsum(float(_kl(base, tuned).double().sum()) for base, tuned in pairs)


def _turn(
    engine: Engine, messages: Sequence[Message], text: str, *, ended: bool
) -> tuple[Tokens, Tokens, tuple[str, ...]]:
    """Tokens of prompt and answer, and the answer's texts; an answer cut off has no end token."""
    prompt, answer, pieces = answer_turn(engine, messages, text)
    return (prompt, answer, pieces) if ended else (prompt, answer[:-1], pieces[:-1])


def _predictions(
    engine: Engine, lane: str, prompt: Tokens, answer: Tokens, *, most: int = LOGITS
) -> Iterator[torch.Tensor]:
    """Log-probabilities at the answer's places, (places, vocabulary), a stretch at a time."""
    soft = engine.soft_prompt(lane)
    size = 0 if soft is None else len(soft)
    ids = torch.tensor([[*[0] * size, *prompt, *answer[:-1]]])  # a soft prompt stands before all
    first, total = size + len(prompt) - 1, ids.shape[1]
    width = max(1, most // vocabulary(engine))
    begin, cache = 0, None
    for end in (*range(first + width, total, width), total):
        places = torch.arange(begin, end)[None]
        logits, cache = predict(
            engine,
            [lane],
            places >= first,
            **inputs_for(engine, ids[:, begin:end], [None if begin else soft], [size]),
            attention_mask=torch.ones((1, end), dtype=torch.long),
            position_ids=places,
            past_key_values=cache,
        )
        yield logits.log_softmax(-1)
        begin = end


def _kl(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """KL(before‖after) at every place, of log-probabilities (places, vocabulary)."""
    return (before.exp() * (before - after)).sum(-1).clamp(min=0)


def _read(
    engine: Engine,
    asked: Explain,
    logs: tuple[torch.Tensor, torch.Tensor],
    tokens: Sequence[int],
    pieces: Sequence[str],
) -> list[ReadToken]:
    before, after = logs
    kl = _kl(before, after)
    goal = torch.tensor(tokens, device=before.device)[:, None]
    here, there = before.gather(-1, goal)[:, 0], after.gather(-1, goal)[:, 0]
    if not bool((kl + here + there).isfinite().all()):
        raise ModelError(
            f"Lane {asked.after} finds no finite likelihood for this answer; its weights are "
            "broken. Tune again with a lower learning rate."
        )
    likely = [_likely(engine, one, asked.alternatives) for one in logs]
    agree = before.argmax(-1) == after.argmax(-1)
    return [
        ReadToken(
            text=piece, before=float(here[place]), after=float(there[place]), kl=float(kl[place]),
            agree=bool(agree[place]), likely_before=likely[0][place], likely_after=likely[1][place],
        )
        for place, piece in enumerate(pieces)
    ]  # fmt: skip


def _likely(engine: Engine, logs: torch.Tensor, count: int) -> list[tuple[Likely, ...]]:
    """The likeliest tokens of every place, the likeliest first."""
    best = logs.topk(min(count, logs.shape[-1]), dim=-1)
    return [
        tuple(
            Likely(text=engine.tokenizer.decode([token]), probability=math.exp(log))
            for token, log in zip(ids, values, strict=True)
        )
        for ids, values in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]
