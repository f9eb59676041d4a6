"""What was measured of a dataset on a base before anything is tuned: the facts advice rests on."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from studio.models.shape import Shape

SURPRISING = 2.5
"""Perplexity from which a token counts as surprising (token masking, NeurIPS 2025, uses 2.5)."""
SHOTS = 4
FORM = 1  # part of the name of what is kept: another way of measuring finds nothing old


class Answers(BaseModel):
    """How a base answers some of the held-out questions, without any tuning."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    n: int
    """How many questions were asked."""
    right: int
    """How many were answered as the reference has it."""

    @property
    def share(self) -> float:
        """Between 0 and 1."""
        return self.right / self.n if self.n else 0.0


class Signals(BaseModel):
    """Everything measured; losses in nats per token of the answers, tokens through the base's own
    chat template."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    dataset: str
    base: str
    method: str
    """How the base was loaded: lora (full precision) or qlora (4 bits)."""
    shape: Shape
    train: int
    """Examples to learn from."""
    heldout: int
    repeated: int
    """Examples to learn from whose question and answer are those of an earlier one."""
    answer_tokens: int
    """Tokens of all different answers to learn, each example once; scaled up from the sample."""
    example_tokens: float
    """Tokens of a whole example, question and answer, on average."""
    longest: int
    """Tokens of the longest example in the sample."""
    sampled: int
    """Examples whose likelihood was measured."""
    loss: float
    """How surprised the base is by the answers to learn."""
    own_loss: float | None
    """How surprised it is by answers of its own to the same questions, drawn at temperature 1."""
    few_shot_loss: float | None
    """How surprised it is by the answers behind solved examples; None if they do not fit."""
    few_shot_from: float | None
    """Its surprise at the same answers without them."""
    surprising: float
    """Share of the answers' tokens that are less likely than 1 in 2.5."""
    written: Answers
    """Held-out questions answered in its own words, marked as the report does."""
    written_few_shot: Answers | None = None
    """The same behind solved examples."""
    chosen: Answers | None = None
    """The likeliest of the listed answers, where the task lists them."""
    chance: float | None = None
    """Share that guessing among the listed answers gets right."""
    tokens_per_second: float
    """Tokens that went forward through the base in a second while this was measured."""
    seconds: float
    """How long the measuring took, loading the base not counted."""

    @property
    def similarity(self) -> float:
        """own_loss / loss, at most 1: near 1 the answers are such as the base says itself."""
        if self.own_loss is None:
            return 1.0 - self.surprising
        # A base that is certain of itself is not far from answers that it is nearly as certain of.
        return min(1.0, (self.own_loss + 0.1) / (self.loss + 0.1))

    @property
    def few_shot_gain(self) -> float | None:
        """Nats per token that solved examples in the prompt take off the surprise."""
        if self.few_shot_loss is None or self.few_shot_from is None:
            return None
        return self.few_shot_from - self.few_shot_loss


def signals_path(cache: Path, dataset: str, fingerprint: str, method: str) -> Path:
    """Where the signals of a dataset on a base are kept."""
    settled = f"{FORM} {dataset} {fingerprint} {method}"
    return cache / f"signals-{hashlib.sha256(settled.encode()).hexdigest()[:16]}.json"


def read_signals(path: Path) -> Signals | None:
    """Signals kept by an earlier measurement; None if there are none that can be read."""
    try:
        return Signals.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


Hear = Callable[[str, int, int], None]
"""Hears what is being done, how much of it, and of how much."""
