"""One case as it is asked: its tokens, what is to be found out, and what the findings depend on."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from studio.engine.tokens import Question, Tokens
from studio.measure.cache import digest
from studio.measure.case import LIKELIHOOD, Case
from studio.measure.probe import Probe


@dataclass(frozen=True)
class Asked:
    """One case that every lane is asked."""

    probe: Probe
    case: Case
    question: Question

    @property
    def written(self) -> bool:
        """Whether the lanes have to answer it in their own words."""
        return self.probe.scorer not in LIKELIHOOD

    @property
    def scored(self) -> tuple[Tokens, ...]:
        """The texts whose likelihood is measured."""
        return self.question.choices or (self.question.answer,)

    @property
    def gauged(self) -> bool:
        """Whether KL is taken on the base's own answer: a gauge of drift on the tuned task."""
        return self.probe.kind == "gain" and self.written

    @cached_property
    def likelihood_key(self) -> str:
        """Stands for everything that its likelihoods depend on, but for the lane."""
        place = self.scored.index(self.question.answer)
        return digest("likelihood", self.question.prompt, self.scored, place)

    def answer_key(self, max_new_tokens: int) -> str:
        """Stands for everything that a written answer depends on, but for the lane."""
        return digest("answer", self.question.prompt, max_new_tokens)


def kl_key(prompt: Tokens, text: Tokens) -> str:
    """Stands for everything that the KL from the base over a text depends on, but for the lane."""
    return digest("kl", prompt, text)


def likeliest(probe: Probe, case: Case, nlls: Sequence[float]) -> str:
    """The choice with the lowest -log p, per character if the probe normalises; first of equals."""
    costs = [
        nll / len(choice) if probe.normalise else nll
        for nll, choice in zip(nlls, case.choices, strict=True)
    ]
    return case.choices[costs.index(min(costs))]
