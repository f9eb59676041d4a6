"""How likely each lane finds given texts: the log-likelihood of their tokens, and KL(base‖lane).

What continues the same prompt shares that prompt's forward pass: its keys and values are computed
once per lane and handed to every continuation, and so are those of the first tokens that all of
them have in common. The vocabulary is projected on only where a token is scored.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch

from studio.data.example import Message
from studio.engine.batches import Batch, Query, batches
from studio.engine.load import Engine
from studio.engine.passes import Found, Head, Tail, read_heads, read_tails, vocabulary
from studio.engine.tokens import answer_tokens
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

Place = tuple[str, int]
"""A lane, and the number of a group in its batch."""


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
    for batch in batches(queries, batch_tokens, max(1, logits // vocabulary(engine))):
        yield _score(engine, batch, divergence=divergence, most=logits)


def _score(engine: Engine, batch: Batch, *, divergence: bool, most: int) -> dict[int, Scores]:
    """Two passes: prompts with what their continuations share, then what differs and is longer."""
    places = _places(batch)
    heads = _heads(batch, places)
    tails = _tails(batch, places)
    read = read_heads(engine, heads, divergence=divergence)
    rows = torch.tensor([tail.head for tail in tails], device=read.after.device)
    tokens = torch.tensor([tail.tokens[0] for tail in tails], device=read.after.device)
    firsts = (-read.after[rows, tokens]).tolist()
    rests = read_tails(engine, heads, tails, read, divergence=divergence, most=most)
    nothing = Found([], 0.0)
    found: dict[Place, list[Likelihood]] = {place: [] for place in places}
    for number, (tail, first) in enumerate(zip(tails, firsts, strict=True)):
        shared, rest = read.found[tail.head], rests.get(number, nothing)
        nlls = (*shared.nlls, first, *rest.nlls)
        _check(heads[tail.head].lane, nlls)
        kl = max(0.0, shared.kl + rest.kl) if divergence else None
        found[places[tail.head]].append(Likelihood(math.fsum(nlls), len(nlls), nlls, kl))
    return _by_query(batch, found)


def _places(batch: Batch) -> list[Place]:
    """All groups of the base, then all of the next lane, and so on.

    What lies side by side in memory is changed by an adapter in one go.
    """
    lanes = dict.fromkeys(lane for group in batch for lane in group.lanes)
    return [
        (lane, number)
        for lane in sorted(lanes, key=lambda lane: lane != BASE)
        for number, group in enumerate(batch)
        if lane in group.lanes
    ]


def _heads(batch: Batch, places: Sequence[Place]) -> list[Head]:
    rows = {place: row for row, place in enumerate(places)}
    return [
        Head(lane, batch[number].head, batch[number].shared, rows.get((BASE, number), row))
        for (lane, number), row in rows.items()
    ]


def _tails(batch: Batch, places: Sequence[Place]) -> list[Tail]:
    tails: list[Tail] = []
    begins: dict[Place, int] = {}
    for row, (lane, number) in enumerate(places):
        group = batch[number]
        begins[lane, number] = len(tails)
        base = begins.get((BASE, number), len(tails))
        tails += [
            Tail(row, tokens[group.shared :], base + place)
            for tokens, place in group.continuations.items()
        ]
    return tails


def _by_query(batch: Batch, found: Mapping[Place, Sequence[Likelihood]]) -> dict[int, Scores]:
    return {
        place: {
            lane: [found[lane, number][group.continuations[one]] for one in query.continuations]
            for lane in group.lanes
        }
        for number, group in enumerate(batch)
        for place, query in group.queries.items()
    }


def _check(lane: str, nlls: Sequence[float]) -> None:
    if not all(map(math.isfinite, nlls)):
        raise ModelError(
            f"Lane {lane} finds no finite likelihood for an answer; its weights are broken. "
            "Tune again with a lower learning rate."
        )
