"""How likely each lane finds a given answer: the log-likelihood of its tokens."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from studio.data.example import Message
from studio.engine.generate import end_tokens, prompt_ids
from studio.engine.load import Engine
from studio.errors import ProbeError

BATCH_TOKENS = 4096  # rows times longest row of one forward pass


class Likelihood(NamedTuple):
    """−log p of an answer given its conversation, in nats, and its number of tokens."""

    nll: float
    tokens: int


class _Row(NamedTuple):
    """Tokens of conversation and answer; the answer's begin at `start`."""

    lane: str
    ids: list[int]
    start: int


def score(
    engine: Engine,
    items: Sequence[tuple[str, Sequence[Message], str]],
    *,
    on_done: Callable[[int], None] | None = None,
) -> list[Likelihood]:
    """Score every (lane, conversation, answer); `on_done` hears how many are finished.

    The answer's tokens are those of the chat template, the token that ends the turn included:
    the same ones that tuning learns from.
    """
    rows = [_Row(lane, *answer_tokens(engine, messages, text)) for lane, messages, text in items]
    results: list[Likelihood | None] = [None] * len(rows)
    done = 0
    for batch in _batches(rows):
        for index, likelihood in zip(batch, _score(engine, [rows[i] for i in batch]), strict=True):
            results[index] = likelihood
        done += len(batch)
        if on_done:
            on_done(done)
    return [result for result in results if result is not None]


def answer_tokens(
    engine: Engine, messages: Sequence[Message], answer: str
) -> tuple[list[int], int]:
    """Tokens of a conversation with its answer, and where the answer's begin."""
    prompt = prompt_ids(engine, messages)
    turns = [message.model_dump() for message in messages]
    turns.append({"role": "assistant", "content": answer})
    whole = engine.tokenizer.apply_chat_template(turns, return_dict=True)["input_ids"]
    if whole[: len(prompt)] != prompt:
        raise ProbeError(
            f"{engine.base.name}: its chat template writes a conversation with an answer "
            "differently from one without, so the answer's tokens cannot be told apart."
        )
    ends = set(end_tokens(engine))
    last = next(
        (place for place in range(len(prompt), len(whole)) if whole[place] in ends), len(whole) - 1
    )
    return whole[: last + 1], len(prompt)


def _batches(rows: Sequence[_Row]) -> list[list[int]]:
    """Indices of rows of like length, as many as BATCH_TOKENS allows."""
    batches: list[list[int]] = []
    for index in sorted(range(len(rows)), key=lambda i: len(rows[i].ids)):
        if batches and len(rows[index].ids) * (len(batches[-1]) + 1) <= BATCH_TOKENS:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def _score(engine: Engine, rows: Sequence[_Row]) -> list[Likelihood]:
    """One forward pass, padded on the right, so that every answer keeps its own positions."""
    longest = max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), longest), engine.tokenizer.pad_token_id)
    mask = torch.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row.ids)] = torch.tensor(row.ids)
        mask[place, : len(row.ids)] = 1
    with engine.rows_of([row.lane for row in rows]) as options:
        logits = engine.model(
            input_ids=ids.to(engine.device),
            attention_mask=mask.to(engine.device),
            use_cache=False,
            **options,
        ).logits
    return [_read(logits[place], row) for place, row in enumerate(rows)]


def _read(logits: torch.Tensor, row: _Row) -> Likelihood:
    """The answer's likelihood from logits of shape (tokens, vocabulary)."""
    targets = torch.tensor(row.ids[row.start :], device=logits.device)
    # The logits at a position predict the token after it.
    predicted = logits[row.start - 1 : len(row.ids) - 1].float().log_softmax(-1)
    nll = -predicted.gather(-1, targets[:, None]).sum().item()
    return Likelihood(nll=nll, tokens=len(targets))
