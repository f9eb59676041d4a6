"""How likely each lane finds given texts: the log-likelihood of their tokens, and KL(base‖lane).

What continues the same prompt shares that prompt's forward pass: its keys and values are computed
once per lane and handed to every continuation. A first token needs no more than the prompt's last
logits. The vocabulary is projected on only where a token is scored, a stretch at a time.
"""

import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from peft import PeftModel
from torch.nn.functional import cross_entropy

from studio.data.example import Message
from studio.engine.batches import Batch, Query, batches
from studio.engine.load import Engine
from studio.engine.tokens import Tokens, answer_tokens
from studio.errors import ModelError
from studio.measure.outcome import BASE

BATCH_TOKENS = 4096  # tokens of prompts and continuations in one batch
LOGITS = 2**25  # numbers that the logits of one forward pass may hold


class Likelihood(NamedTuple):
    """How likely a lane finds a continuation of a prompt."""

    nll: float
    """Sum of -log p over its tokens, in nats."""
    tokens: int
    """How many tokens that sum runs over."""
    token_nlls: tuple[float, ...] = ()
    """-log p of each token, in nats."""
    kl: float | None = None
    """Sum of KL(base‖lane) over the same predictions, in nats; None where it was not asked for."""


Scores = dict[str, list[Likelihood]]
"""By lane: one likelihood for each continuation of a query."""


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
    queries = []
    for lane, messages, text in items:
        ids, start = answer_tokens(engine, messages, text)
        queries.append(Query((lane,), tuple(ids[:start]), (tuple(ids[start:]),)))
    results: dict[int, Likelihood] = {}
    for finished in likelihoods(engine, queries):
        for place, scores in finished.items():
            results[place] = scores[items[place][0]][0]
        if on_done:
            on_done(len(results))
    return [results[place] for place in range(len(items))]


def likelihoods(
    engine: Engine,
    queries: Sequence[Query],
    *,
    divergence: bool = False,
    batch_tokens: int = BATCH_TOKENS,
    logits: int = LOGITS,
) -> Iterator[dict[int, Scores]]:
    """Score queries batch by batch; yields those of each batch by their place in `queries`.

    With `divergence` every query has to ask the base as well, and every likelihood holds the KL.
    """
    for batch in batches(queries, batch_tokens):
        yield _score(engine, batch, divergence=divergence, most=logits)


class _Head(NamedTuple):
    """A row of the prompts' pass."""

    lane: str
    prompt: Tokens
    base: int
    """The row of the base for the same prompt."""


class _Tail(NamedTuple):
    """A row of the continuations' pass."""

    head: int
    tokens: Tokens
    base: int
    """The row of the base for the same continuation of the same prompt."""


def _score(engine: Engine, batch: Batch, *, divergence: bool, most: int) -> dict[int, Scores]:
    """Two passes: the prompts, whose last logits score first tokens, then all that is longer."""
    heads = _heads(batch)
    tails = _tails(batch, heads)
    first, cache, mask = _read_prompts(engine, heads)
    rows = torch.tensor([tail.head for tail in tails], device=first.device)
    tokens = torch.tensor([tail.tokens[0] for tail in tails], device=first.device)
    nlls = [[nll] for nll in (-first[rows, tokens]).tolist()]
    kls = [0.0] * len(tails)
    if divergence:
        per_head = _divergence(first, torch.tensor([head.base for head in heads])).tolist()
        kls = [per_head[tail.head] for tail in tails]
    long = [place for place, tail in enumerate(tails) if len(tail.tokens) > 1]
    if long:
        nll, kl = _read_tails(
            engine, heads, tails, long, cache, mask, divergence=divergence, most=most
        )
        for place, row, rest in zip(long, nll.tolist(), kl.sum(-1).tolist(), strict=True):
            nlls[place] += row[: len(tails[place].tokens) - 1]
            kls[place] += rest
    _check(heads, tails, nlls)
    found = [
        Likelihood(math.fsum(row), len(row), tuple(row), max(0.0, kl) if divergence else None)
        for row, kl in zip(nlls, kls, strict=True)
    ]
    return _by_query(batch, found)


def _heads(batch: Batch) -> list[_Head]:
    heads: list[_Head] = []
    for group in batch:
        base = len(heads) + (group.lanes.index(BASE) if BASE in group.lanes else 0)
        heads += [_Head(lane, group.prompt, base) for lane in group.lanes]
    return heads


def _tails(batch: Batch, heads: Sequence[_Head]) -> list[_Tail]:
    """All continuations of the first group's first lane, then of its second lane, and so on."""
    tails: list[_Tail] = []
    head = 0
    for group in batch:
        begin, size = len(tails), len(group.continuations)
        for number in range(len(group.lanes)):
            base = begin + (heads[head].base - (head - number)) * size
            tails += [
                _Tail(head, tokens, base + place) for tokens, place in group.continuations.items()
            ]
            head += 1
    return tails


def _by_query(batch: Batch, found: Sequence[Likelihood]) -> dict[int, Scores]:
    results: dict[int, Scores] = {}
    begin = 0
    for group in batch:
        size = len(group.continuations)
        for place, query in group.queries.items():
            wanted = [group.continuations[tokens] for tokens in query.continuations]
            results[place] = {
                lane: [found[begin + number * size + one] for one in wanted]
                for number, lane in enumerate(group.lanes)
            }
        begin += len(group.lanes) * size
    return results


def _check(heads: Sequence[_Head], tails: Sequence[_Tail], nlls: Sequence[list[float]]) -> None:
    for tail, row in zip(tails, nlls, strict=True):
        if not all(map(math.isfinite, row)):
            raise ModelError(
                f"Lane {heads[tail.head].lane} finds no finite likelihood for an answer; its "
                "weights are broken. Tune again with a lower learning rate."
            )


# ---- forward passes


def _read_prompts(engine: Engine, heads: Sequence[_Head]) -> tuple[torch.Tensor, Any, torch.Tensor]:
    """Log-probabilities of the token after each prompt, (rows, vocabulary); the cache; its mask.

    Prompts are padded on the left, as for generation, so that what follows is next to them.
    """
    longest = max(len(head.prompt) for head in heads)
    ids = torch.full((len(heads), longest), engine.tokenizer.pad_token_id)
    mask = torch.zeros_like(ids)
    for row, head in enumerate(heads):
        ids[row, longest - len(head.prompt) :] = torch.tensor(head.prompt)
        mask[row, longest - len(head.prompt) :] = 1
    output = _forward(
        engine,
        [head.lane for head in heads],
        input_ids=ids,
        attention_mask=mask,
        position_ids=(mask.cumsum(-1) - 1).clamp(min=0),
        logits_to_keep=1,
    )
    return output.logits[:, -1].float().log_softmax(-1), output.past_key_values, mask


def _read_tails(
    engine: Engine,
    heads: Sequence[_Head],
    tails: Sequence[_Tail],
    long: Sequence[int],
    cache: Any,
    prompt_mask: torch.Tensor,
    *,
    divergence: bool,
    most: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """-log p and KL of every token but the first of the `long` tails, (rows, longest), 0 beyond.

    A stretch of columns at a time goes through the model, so that a vocabulary of any size fits.
    """
    rows = [tails[place] for place in long]
    ids, targets, wanted = _continuations(engine, rows)
    source = torch.tensor([row.head for row in rows])
    cache.reorder_cache(source)
    mask = torch.cat([prompt_mask[source], wanted.long()], dim=-1)
    positions = prompt_mask[source].sum(-1, keepdim=True) + torch.arange(ids.shape[1])
    number = {place: row for row, place in enumerate(long)}
    base = torch.tensor([number[row.base] for row in rows]) if divergence else None
    nll, kl = torch.zeros(ids.shape), torch.zeros(ids.shape)
    width = max(1, most // (len(rows) * _vocabulary(engine)))
    for begin in range(0, ids.shape[1], width):
        here = slice(begin, begin + width)
        scored = wanted[:, here]
        logits = _forward(
            engine,
            [heads[row.head].lane for row in rows],
            input_ids=ids[:, here],
            attention_mask=mask[:, : prompt_mask.shape[1] + begin + width],
            position_ids=positions[:, here],
            past_key_values=cache,
            logits_to_keep=scored,
        ).logits
        kept = (logits if logits.dim() == 2 else logits[scored.to(logits.device)]).float()
        goal = targets[:, here][scored].to(kept.device)
        nll[:, here][scored] = cross_entropy(kept, goal, reduction="none").cpu()
        if base is not None:
            partners = _partners(scored, base)
            kl[:, here][scored] = _divergence(kept.log_softmax(-1), partners).cpu()
    return nll, kl


def _continuations(
    engine: Engine, rows: Sequence[_Tail]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What goes in, what should come out, and where there is anything: each (rows, longest)."""
    longest = max(len(row.tokens) for row in rows) - 1
    ids = torch.full((len(rows), longest), engine.tokenizer.pad_token_id)
    targets = torch.zeros_like(ids)
    wanted = torch.zeros(ids.shape, dtype=torch.bool)
    for place, row in enumerate(rows):
        tokens = torch.tensor(row.tokens)
        size = len(tokens) - 1
        ids[place, :size], targets[place, :size] = tokens[:-1], tokens[1:]
        wanted[place, :size] = True
    return ids, targets, wanted


def _partners(scored: torch.Tensor, base: torch.Tensor) -> torch.Tensor:
    """For every scored place, in order, the number of the base's place for the same token."""
    numbers = torch.zeros(scored.shape, dtype=torch.long)
    numbers[scored] = torch.arange(int(scored.sum()))
    row, column = scored.nonzero(as_tuple=True)
    return numbers[base[row], column]


def _divergence(logs: torch.Tensor, partners: torch.Tensor) -> torch.Tensor:
    """KL(base‖lane) in nats of log-probabilities, (places, vocabulary), each against its partner's.

    KL = sum over tokens v of p_base(v) (log p_base(v) - log p_lane(v)), all of them: exact.
    """
    base = logs[partners.to(logs.device)]
    return (base.exp() * (base - logs)).sum(-1)


def _vocabulary(engine: Engine) -> int:
    return int(engine.model.get_output_embeddings().weight.shape[0])


def _forward(engine: Engine, lanes: Sequence[str], **inputs: Any) -> Any:
    """One pass that keeps keys and values; inputs that the architecture does not know are left."""
    model = engine.model.get_base_model() if isinstance(engine.model, PeftModel) else engine.model
    known = inspect.signature(model.forward).parameters
    given = {
        name: value.to(engine.device) if isinstance(value, torch.Tensor) else value
        for name, value in inputs.items()
        if name in known
    }
    with engine.rows_of(lanes) as options:
        return engine.model(**given, use_cache=True, **options)
