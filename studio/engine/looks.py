"""Looks at a run on its way: held-out loss, general text and sample answers, at little cost.

How often is decided while it runs: the looks between the first and the last one, which every run
has, stay together within a share of the training time. A forgetting budget is a promise: it has
general text alone read every few steps in any case.
"""

import math
import resource
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch

from studio.engine.between import Between, Moment, Weights
from studio.engine.budget import Gauge, Reading
from studio.engine.copies import MOST, Copy, copy_of, put_back, step_of, take
from studio.errors import Diverged
from studio.tuning.events import EventLog
from studio.tuning.pace import Pace
from studio.tuning.recipe import Recipe

Answers = Callable[[Any], list[dict[str, str]]]
"""From the model to what it answers to the fixed prompts."""


class Looks(Between):
    """Asks for the held-out loss, reads the gauges beside it, and holds the best it has seen."""

    def __init__(
        self,
        recipe: Recipe,
        rows: list[list[int]],
        *,
        untuned: Callable[[Any], AbstractContextManager[Any]],
        answers: Answers,
        log: EventLog,
    ) -> None:
        """`rows` are general texts in tokens; `untuned` makes the model the base for a while."""
        self._recipe, self._rows, self._untuned = recipe, rows, untuned
        self._answers, self._log = answers, log
        self._gauge: Gauge | None = None
        self._pace = Pace(recipe.watching)
        self._sampled = 0
        self._within: Copy | None = None
        self._best: tuple[float, Copy] | None = None
        self._resumed = False
        self.result: dict[str, Any] = {}

    def see_base(self, model: Any) -> None:
        """Take what all looks are compared with, before anything is learned or taken back."""
        self._gauge = Gauge(model, self._rows, self._untuned(model))

    def begin(self, now: Moment) -> None:
        """Look at what the run begins with, if it does begin."""
        if self._gauge is None:
            self.see_base(now.model)
        if self._resumed:
            return
        self._pace.begin()
        self._within = take(now.optimizer, 0) if self._recipe.forgetting_budget else None
        if not now.args.eval_on_start:
            self._look(now, heldout=None)

    def after(self, now: Moment) -> None:
        """Look now, if it is time: every few steps, no more than the share allows, at the end."""
        regular = now.step % max(1, now.total // MOST) == 0
        whole = now.step == now.total or (regular and self._pace.allows())
        if not whole and not (regular and self._recipe.forgetting_budget):
            return
        self._pace.begin()
        if now.args.eval_strategy == "no" or not whole:
            self._look(now, heldout=None)
        else:
            now.control.should_evaluate = True  # `evaluated` goes on

    def evaluated(self, now: Moment, loss: float) -> None:
        """The held-out loss has been taken; look at the rest."""
        self._look(now, heldout=loss)

    def end(self, now: Moment) -> None:
        """Make the model the best that was seen, if the recipe keeps that."""
        self.result = {"watching_seconds": round(self._pace.spent, 2)}
        if self._recipe.keep == "best" and self._best:
            loss, copy = self._best
            put_back(now.optimizer, copy.weights)
            self.result |= {"kept_step": copy.step, "kept_heldout_loss": round(loss, 4)}

    def held(self) -> dict[str, Any]:
        """The pace, when answers were taken last, and which copies are held."""
        best = [self._best[0], self._best[1].step] if self._best else None
        return {
            "pace": self._pace.held(), "sampled": self._sampled, "best": best,
            "within": step_of(self._within),
        }  # fmt: skip

    def copies(self) -> dict[int, Weights]:
        """The best one, and the last within the budget."""
        best = self._best[1] if self._best else None
        return {one.step: one.weights for one in (self._within, best) if one}

    def take_back(self, held: Mapping[str, Any], copies: Mapping[int, Weights]) -> None:
        """Go on at the same pace, with the same copies."""
        self._pace.take_back(held["pace"])
        self._sampled, self._within = held["sampled"], copy_of(held["within"], copies)
        if held["best"]:
            loss, step = held["best"]
            self._best = (loss, Copy(step, copies[step]))
        self._resumed = True

    def _look(self, now: Moment, *, heldout: float | None) -> None:
        assert self._gauge is not None
        here, total = now.step, now.total
        reading = self._gauge.read(now.model)
        if not math.isfinite(reading.retention):
            raise Diverged(f"What the model says is no longer a number at step {here}.")
        answering = self._sample(here, total, now.model)
        over = self._hold(reading, heldout, here, now.optimizer)
        between = 0 < here < total and heldout is not None
        seconds = self._pace.end(between=between, answering=answering)
        self._log(
            "look", step=here, total=total, retention=round(reading.retention, 4),
            forgotten=round(reading.forgotten, 4), kl=round(reading.kl, 5), memory=peak_memory(),
            seconds=round(seconds, 3),
        )  # fmt: skip
        if over:
            self._stop(reading, here, now.optimizer)
            now.control.should_training_stop = True
            now.control.should_save = False  # what it went back to is the result

    def _sample(self, here: int, total: int, model: Any) -> float:
        """Log what is answered to the fixed prompts, if it is time; the seconds it took."""
        due = here - self._sampled >= total / 4 and self._pace.allows(answers=True)
        if not due and here not in (0, total):
            return 0.0
        self._sampled, began = here, time.perf_counter()
        self._log("answers", step=here, total=total, said=self._answers(model))
        return time.perf_counter() - began

    def _hold(self, reading: Reading, heldout: float | None, step: int, optimizer: Any) -> bool:
        """Hold the weights if they are within the budget or the best; whether they are beyond."""
        budget = self._recipe.forgetting_budget
        if budget and step and reading.forgotten > budget:
            return True
        best = heldout is not None and step and heldout < (self._best or (math.inf,))[0]
        if budget or (best and self._recipe.keep == "best"):
            copy = take(optimizer, step)
            self._within = copy if budget else None
            if best and heldout is not None:
                self._best = (heldout, copy)
        return False

    def _stop(self, reading: Reading, step: int, optimizer: Any) -> None:
        assert self._within is not None
        put_back(optimizer, self._within.weights)
        self._log(
            "warning",
            message=f"At step {step} general text was {reading.forgotten:.3f} nats per token less "
            f"likely than to the base, more than the budget of "
            f"{self._recipe.forgetting_budget:g}; the run ended with what it was at step "
            f"{self._within.step}.",
        )


def peak_memory() -> int:
    """The most that this process has taken, in bytes: of the GPU if there is one."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_reserved())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
