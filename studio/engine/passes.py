"""Forward passes that predict only what is scored: prompts first, then what continues them."""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch.nn.functional import cross_entropy, pad

from studio.engine.apart import fork, predict_apart
from studio.engine.batches import alike
from studio.engine.load import Engine
from studio.engine.tokens import Tokens


class Head(NamedTuple):
    """A row of the prompts' pass."""

    lane: str
    tokens: Tokens
    shared: int
    """So many of the last tokens are scored."""
    base: int
    """The row of the base for the same tokens."""


class Tail(NamedTuple):
    """A row of the continuations' pass."""

    head: int
    tokens: Tokens
    base: int
    """The row of the base for the same continuation of the same head."""


class Found(NamedTuple):
    """-log p of a row's scored tokens, and KL(base‖lane) of the predictions, in nats."""

    nlls: list[float]
    kl: float


class HeadsRead(NamedTuple):
    """What the prompts' pass leaves."""

    found: list[Found]
    """For the tokens scored in each head; the KL with that of the prediction after it."""
    after: torch.Tensor
    """Log-probabilities of the token after each head, (rows, vocabulary)."""
    cache: Any
    """Keys and values of every row."""
    mask: torch.Tensor
    """Where a row has tokens, (rows, longest)."""


def vocabulary(engine: Engine) -> int:
    """How many tokens the model predicts among."""
    return int(engine.model.get_output_embeddings().weight.shape[0])


def read_heads(engine: Engine, heads: Sequence[Head], *, divergence: bool) -> HeadsRead:
    """One pass, padded on the left as for generation, so that what follows is next to it.

    A lane's soft prompt stands before the head's tokens, where it stood in training.
    """
    softs = [engine.soft_prompt(head.lane) for head in heads]
    before = [0 if soft is None else len(soft) for soft in softs]
    longest = max(len(head.tokens) + size for head, size in zip(heads, before, strict=True))
    ids = torch.full((len(heads), longest), engine.tokenizer.pad_token_id)
    mask = torch.zeros_like(ids)
    scored = torch.zeros(ids.shape, dtype=torch.bool)
    targets = torch.zeros_like(ids)
    for row, head in enumerate(heads):
        begin = longest - len(head.tokens)
        ids[row, begin:] = torch.tensor(head.tokens)
        mask[row, begin - before[row] :] = 1
        scored[row, longest - head.shared - 1 :] = True
    targets[:, :-1] = ids[:, 1:]
    logits, cache = predict(
        engine,
        [head.lane for head in heads],
        scored,
        **inputs_for(engine, ids, softs, [longest - len(head.tokens) for head in heads]),
        attention_mask=mask,
        position_ids=(mask.cumsum(-1) - 1).clamp(min=0),
    )
    logs = logits.log_softmax(-1)
    goal = targets[scored].to(logs.device)
    nlls = -logs.gather(-1, goal[:, None])[:, 0]
    base = torch.tensor([head.base for head in heads])
    kls = _divergence(logs, _partners(scored, base)) if divergence else torch.zeros_like(nlls)
    counts = [head.shared + 1 for head in heads]
    rows = zip(nlls.cpu().split(counts), kls.cpu().split(counts), strict=True)
    last = torch.tensor(counts, device=logs.device).cumsum(0) - 1
    return HeadsRead(
        found=[Found(nll[:-1].tolist(), float(kl.double().sum())) for nll, kl in rows],
        after=logs[last],
        cache=cache,
        mask=mask,
    )


def inputs_for(
    engine: Engine, ids: torch.Tensor, softs: Sequence[torch.Tensor | None], ends: Sequence[int]
) -> dict[str, torch.Tensor]:
    """The tokens, or where a row has a soft prompt, what they are embedded as with it."""
    if all(soft is None for soft in softs):
        return {"input_ids": ids}
    with torch.inference_mode():
        embedded = engine.inner.get_input_embeddings()(ids.to(engine.device))
        for row, (soft, end) in enumerate(zip(softs, ends, strict=True)):
            if soft is not None:
                embedded[row, end - len(soft) : end] = soft
    return {"inputs_embeds": embedded}


def read_tails(
    engine: Engine,
    heads: Sequence[Head],
    tails: Sequence[Tail],
    read: HeadsRead,
    *,
    divergence: bool,
    most: int,
) -> dict[int, Found]:
    """-log p and KL of all but the first token of every tail that is longer, by its place.

    Tails of one length go together; at most `most` logits are made at once.
    """
    long = [place for place, tail in enumerate(tails) if len(tail.tokens) > 1]
    found: dict[int, Found] = {}
    passes = alike([len(tails[place].tokens) for place in long])
    for number, chosen in enumerate(passes):
        places = sorted(long[one] for one in chosen)  # rows of a lane stay side by side
        last = number == len(passes) - 1
        cache = read.cache if last else fork(read.cache)
        rows = [tails[place] for place in places]
        own = {place: row for row, place in enumerate(places)}
        base = torch.tensor([own[row.base] for row in rows]) if divergence else None
        lanes = [heads[row.head].lane for row in rows]
        nlls, kls = _read_rows(engine, lanes, rows, cache, read.mask, base=base, most=most)
        for place, row, nll, kl in zip(places, rows, nlls, kls, strict=True):
            size = len(row.tokens) - 1
            found[place] = Found(nll[:size].tolist(), float(kl.double().sum()))
    return found


def _read_rows(
    engine: Engine,
    lanes: Sequence[str],
    rows: Sequence[Tail],
    cache: Any,
    head_mask: torch.Tensor,
    *,
    base: torch.Tensor | None,
    most: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """-log p and KL of every token but the first of these rows, (rows, longest), 0 beyond.

    A stretch of columns at a time goes through the model, so that a vocabulary of any size fits.
    """
    ids, targets, wanted = _continuations(engine, rows)
    source = torch.tensor([row.head for row in rows])
    cache.reorder_cache(source.to(engine.device))
    mask = torch.cat([head_mask[source], wanted.long()], dim=-1)
    positions = head_mask[source].sum(-1, keepdim=True) + torch.arange(ids.shape[1])
    nll, kl = torch.zeros(ids.shape), torch.zeros(ids.shape)
    width = max(1, most // (len(rows) * vocabulary(engine)))
    for begin in range(0, ids.shape[1], width):
        here = slice(begin, begin + width)
        scored = wanted[:, here]
        logits, cache = predict(
            engine,
            lanes,
            scored,
            input_ids=ids[:, here],
            attention_mask=mask[:, : head_mask.shape[1] + begin + width],
            position_ids=positions[:, here],
            past_key_values=cache,
        )
        goal = targets[:, here][scored].to(logits.device)
        nll[:, here][scored] = cross_entropy(logits, goal, reduction="none").cpu()
        if base is not None:
            partners = _partners(scored, base)
            kl[:, here][scored] = _divergence(logits.log_softmax(-1), partners).cpu()
    return nll, kl


def _continuations(
    engine: Engine, rows: Sequence[Tail]
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


def predict(
    engine: Engine, lanes: Sequence[str], scored: torch.Tensor, **inputs: Any
) -> tuple[torch.Tensor, Any]:
    """Logits at the scored places, in order, (places, vocabulary), float32, and the cache.

    Inputs that the architecture does not know are left out. Rows whose lanes share no batch go
    through the model one lane after another.
    """
    batches = engine.batches(lanes)
    if len(batches) > 1:
        return predict_apart(partial(predict, engine), lanes, scored, batches, inputs)
    known = inspect.signature(engine.inner.forward).parameters
    given = {
        name: value.to(engine.device) if isinstance(value, torch.Tensor) else value
        for name, value in {**inputs, "logits_to_keep": scored}.items()
        if name in known
    }
    first = int(scored.any(0).long().argmax())
    with engine.rows_of(lanes) as options, _last_layer_from(engine, first):
        output = engine.model(**given, use_cache=True, **options)
    logits = output.logits
    kept = logits if logits.dim() == 2 else logits[scored.to(logits.device)]
    return kept.float(), output.past_key_values


@contextmanager
def _last_layer_from(engine: Engine, first: int) -> Iterator[None]:
    """The last layer's feed-forward part is computed from this column on, and 0 before it.

    Nothing before it is scored, and no later layer looks there; keys and values are made earlier.
    """
    layers: Any = getattr(engine.inner.get_decoder(), "layers", None)
    part: Any = getattr(layers[-1], "mlp", None) if layers is not None else None
    if not first or not hasattr(part, "down_proj"):
        yield
        return
    whole, before = part.forward, vars(part).get("forward")

    def shortened(hidden: torch.Tensor) -> torch.Tensor:
        return pad(whole(hidden[:, first:].contiguous()), (0, 0, first, 0))

    part.forward = shortened
    try:
        yield
    finally:
        del part.forward
        if before is not None:
            part.forward = before
