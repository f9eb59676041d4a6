"""A/A: the base measured twice, the second time in other batches, to show the machine's noise."""

from collections.abc import Mapping, Sequence

from studio.chat.protocol import Sampling
from studio.engine.asked import Asked
from studio.engine.batches import Query
from studio.engine.generate import continue_ids
from studio.engine.load import Engine
from studio.engine.score import likelihoods
from studio.measure.cache import Fact, OutcomeCache
from studio.measure.outcome import BASE, Outcome

CASES = 32
KEY = "A/A noise"
SMALL_BATCH = 512  # tokens; the measurement itself takes eight times as many
FEW_ROWS = 7  # answered at once


def noise(
    engine: Engine,
    asked: Sequence[Asked],
    outcomes: Sequence[Outcome],
    *,
    cache: OutcomeCache,
    max_new_tokens: int,
) -> str:
    """What another measurement of the base gives; taken once for a base and kept in its cache."""
    chosen = sorted(asked, key=lambda one: one.likelihood_key)[:CASES]
    known = cache.get(KEY)
    if not known or known["cases"] < len(chosen):
        first = {(one.probe, one.case): one for one in outcomes if one.lane == BASE}
        known = _again(engine, chosen, first, max_new_tokens)
        cache.put({KEY: known})
    text = (
        f"the base measured twice on {known['cases']} cases: at most {known['nll']:.1e} nats per "
        "token apart"
    )
    if known["answers"]:
        text += f", {known['changed']} of {known['answers']} answers changed"
    return text


def _again(
    engine: Engine,
    asked: Sequence[Asked],
    first: Mapping[tuple[str, str], Outcome],
    max_new_tokens: int,
) -> Fact:
    queries = [Query((BASE,), one.question.prompt, (one.question.answer,)) for one in asked]
    largest = 0.0
    for finished in likelihoods(engine, queries, batch_tokens=SMALL_BATCH):
        for place, scores in finished.items():
            before = first[asked[place].probe.name, asked[place].case.id]
            apart = abs(scores[BASE][0].nll - before.nll) / before.tokens
            largest = max(largest, apart)
    written = [one for one in asked if one.written]
    changed = 0
    for begin in range(0, len(written), FEW_ROWS):
        batch = written[begin : begin + FEW_ROWS]
        prompts = [one.question.prompt for one in batch]
        sampling = Sampling(max_new_tokens=max_new_tokens)
        said = continue_ids(engine, [BASE] * len(batch), prompts, sampling)
        for one, answer in zip(batch, said, strict=True):
            changed += answer.text != first[one.probe.name, one.case.id].text
    return {"cases": len(asked), "nll": largest, "answers": len(written), "changed": changed}
