"""An answer as two lanes read it: how likely each finds its tokens, and where they part."""

from math import fsum
from typing import NamedTuple

from studio.chat.protocol import ReadToken


class Reading(NamedTuple):
    """One answer, token by token; natural logarithms throughout."""

    before: str
    """The lane compared with."""
    after: str
    """The lane explained."""
    tokens: tuple[ReadToken, ...]

    @property
    def changes(self) -> list[float]:
        """log p(after) − log p(before) of every token, in nats."""
        return [token.after - token.before for token in self.tokens]

    @property
    def change(self) -> float:
        """How much likelier the whole answer became, in nats."""
        return fsum(self.changes)

    @property
    def kl(self) -> float:
        """Sum of KL(before‖after) over all tokens, in nats."""
        return fsum(token.kl for token in self.tokens)

    @property
    def parting(self) -> int | None:
        """The first token at which the lanes find different ones likeliest; None if none."""
        return next((n for n, token in enumerate(self.tokens) if not token.agree), None)
