"""The proof that the base lane is the base, whatever lies beside it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from studio.errors import ModelError
from studio.measure.outcome import BASE

if TYPE_CHECKING:
    from studio.engine.load import Engine

PROOF_TEXT = "The quick brown fox says 1 + 2 = 3."
# Rounding of one product against another; a leaking adapter differs by whole units.
PROOF_TOLERANCE = 1e-3


def proof_logits(engine: "Engine", lanes: Sequence[str] = (BASE,)) -> torch.Tensor:
    """Logits of the first row for a fixed text, float32, of shape (tokens, vocabulary)."""
    ids = engine.tokenizer(PROOF_TEXT, return_tensors="pt").input_ids.to(engine.device)
    with engine.rows_of(lanes) as options:
        logits = engine.model(input_ids=ids.repeat(len(lanes), 1), **options).logits
    return logits[0].float().cpu()


def prove_base(engine: "Engine", reference: torch.Tensor) -> float:
    """Largest difference of the base's logits now from those at load, and beside all lanes.

    A batch of all lanes is compared with one as large of the base alone: in bfloat16 the size
    of a batch changes the rounding by more than a leak. Raises ModelError if an adapter leaks
    into the base lane.
    """
    sharing = [lane for lane in engine.lanes if not engine.apart(lane)]
    together = proof_logits(engine, sharing) - proof_logits(engine, [BASE] * len(sharing))
    since = proof_logits(engine) - reference
    difference = max(together.abs().max().item(), since.abs().max().item())
    if not difference <= PROOF_TOLERANCE:
        raise ModelError(
            f"The base lane differs from the base by {difference:.3g} in its logits; an "
            "adapter leaks into it. Ask again: the base is loaded anew. Please report this."
        )
    return difference
