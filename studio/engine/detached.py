"""A soft prompt taken off again: the proof that what is left of its lane is the base."""

from collections.abc import Sequence

from studio.chat.protocol import Sampling
from studio.engine.asked import Asked
from studio.engine.batches import Query
from studio.engine.generate import continue_ids
from studio.engine.load import Engine
from studio.engine.proof import PROOF_TOLERANCE
from studio.engine.score import likelihoods
from studio.errors import ModelError
from studio.measure.outcome import BASE
from studio.measure.report import detached_key

CASES = 32


def prove_detached(
    engine: Engine, asked: Sequence[Asked], lanes: Sequence[str], *, max_new_tokens: int
) -> dict[str, str]:
    """For every lane that is a soft prompt, what it says without it, compared with the base.

    The lane goes through the very passes that measured it, with a soft prompt of no token. Raises
    ModelError if its likelihoods or answers are not the base's.
    """
    chosen = sorted(asked, key=lambda one: one.likelihood_key)[:CASES]
    told = {}
    for lane in lanes:
        if engine.soft_prompt(lane) is None:
            continue
        with engine.detached(lane):
            apart = _largest_difference(engine, chosen, lane)
            changed, answers = _count_changed(engine, chosen, lane, max_new_tokens)
        found = (
            f"largest difference {apart:.2g} nats per token on {len(chosen)} cases, {changed} of "
            f"{answers} answers changed"
        )
        if not apart <= PROOF_TOLERANCE or changed:
            raise ModelError(
                f"Lane {lane} is not the base again without its soft prompt ({found}); something "
                "else than the prompt was changed. Tune again, and please report this."
            )
        told[detached_key(lane)] = found
    return told


def _largest_difference(engine: Engine, asked: Sequence[Asked], lane: str) -> float:
    """Between lane and base, in nats per token of the reference answers."""
    queries = [Query((BASE, lane), one.question.prompt, (one.question.answer,)) for one in asked]
    largest = 0.0
    for finished in likelihoods(engine, queries):
        for scores in finished.values():
            base, other = scores[BASE][0], scores[lane][0]
            largest = max(largest, abs(base.nll - other.nll) / base.tokens)
    return largest


def _count_changed(
    engine: Engine, asked: Sequence[Asked], lane: str, max_new_tokens: int
) -> tuple[int, int]:
    """Of the written answers of lane and base: how many differ, of how many."""
    prompts = [one.question.prompt for one in asked if one.written]
    lanes = [BASE] * len(prompts) + [lane] * len(prompts)
    said = continue_ids(engine, lanes, prompts * 2, Sampling(max_new_tokens=max_new_tokens))
    pairs = zip(said[: len(prompts)], said[len(prompts) :], strict=True)
    return sum(base.ids != other.ids for base, other in pairs), len(prompts)
