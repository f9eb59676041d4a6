"""Which soft prompt to begin a new one with, and what beginning with it saved."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from studio.tuning.advising import Doing, listen
from studio.tuning.run import Run

CANDIDATES = 12
"""Prompts that are ranked unless they are named: the newest."""
RANKER = [sys.executable, "-m", "studio.engine.transfer"]


class Candidate(BaseModel):
    """A soft prompt that a new one might begin with."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    run: str
    """Id of the run that made it."""
    nll: float
    """Nats per token of the new held-out answers with this prompt, without any tuning."""
    right: float
    """Share of the new held-out questions answered right with it."""
    overlap: float
    """Cosine of the neurons that fire behind it with those that fire behind a prompt tuned on the
    new task for a few steps (Su et al., NAACL 2022, arXiv 2111.06719)."""


class Ranking(BaseModel):
    """Candidates for a dataset, the most promising first."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    dataset: str
    base_nll: float
    """Nats per token of the same answers without any prompt."""
    base_right: float
    cases: int
    """Held-out questions that were asked."""
    candidates: tuple[Candidate, ...]

    @property
    def best(self) -> Candidate | None:
        """The first that beats the base without any tuning; None if none does."""
        return next((one for one in self.candidates if one.nll < self.base_nll), None)


def ranking(
    home: Path, dataset: str, base: str, runs: Sequence[str], *, log: Path
) -> Iterator[Doing | Ranking]:
    """Tell what is being measured, and at last the ranking. Closing this ends the process.

    Raises RunError if it could not be measured.
    """
    about = f"The prompts for {dataset}"
    for told in listen([*RANKER, str(home), dataset, base, *runs], about=about, log=log):
        if "ranking" in told:
            yield Ranking.model_validate(told["ranking"])
            return
        yield Doing(told["doing"], told.get("done", 0), told.get("total", 0))


def speed_up(fresh: Run, started: Run) -> float | None:
    """How many times sooner `started` came to the best held-out loss of `fresh`; None if never.

    Both have to watch the same held-out examples: runs on one dataset.
    """
    goal = min((loss for _, loss in heldout_curve(fresh)), default=None)
    if goal is None:
        return None
    slow = next(step for step, loss in heldout_curve(fresh) if loss <= goal)
    fast = next((step for step, loss in heldout_curve(started) if loss <= goal), None)
    return None if fast is None or not slow else slow / max(1, fast)


def heldout_curve(run: Run) -> list[tuple[int, float]]:
    """Step and held-out loss, from before the first step on."""
    found = [one for one in run.events() if one.kind == "heldout"]
    return [(int(one["step"]), float(one["loss"])) for one in found]
