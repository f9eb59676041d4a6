"""The right answer token by token: which ones the tuning made likelier, which less likely."""

from collections.abc import Sequence
from html import escape

from studio.measure.outcome import Outcome
from studio.ui.numbers import signed

CLEAR = 3.0  # nats at which the colour is full: a token 20 times as likely, or a 20th
TOLD = 0.1  # nats from which the number is written below the token

LEGEND = (
    '<p class="st-legend"><span class="st-tok" style="--worse:.9">less likely<small>−3.0</small>'
    '</span> <span class="st-tok">as before</span> <span class="st-tok" style="--better:.9">'
    'more likely<small>+3.0</small></span> <span class="st-quiet">Tokens of the right answer: '
    "log p(tuned) − log p(base) in nats; the number is below each token that changed.</span></p>"
)


def draw_tokens(base: Outcome, tuned: Outcome) -> str:
    """The right answer's tokens with the change of each one's log-probability.

    Empty if the measurement kept no likelihoods of single tokens.
    """
    pieces = base.pieces or tuned.pieces
    if not pieces or not (len(pieces) == len(base.token_nlls) == len(tuned.token_nlls)):
        return ""
    drawn = "".join(
        _draw_token(piece, before, after)
        for piece, before, after in zip(pieces, base.token_nlls, tuned.token_nlls, strict=True)
    )
    return f'<div class="st-toks">{drawn}</div>'


def _draw_token(piece: str, before: float, after: float) -> str:
    change = before - after
    part = min(1.0, abs(change) / CLEAR)
    style = f"--{'better' if change > 0 else 'worse'}:{part:.2f}"
    told = f"log p {signed(-before, digits=2)} under the base, {signed(-after, digits=2)} tuned"
    below = f"<small>{signed(change)}</small>" if abs(change) >= TOLD else ""
    return (
        f'<span class="st-tok" style="{style}" title="{escape(told)}: '
        f'{signed(change, digits=2)} nats">{_visible(piece)}{below}</span>'
    )


def _visible(text: str) -> str:
    return escape(text).replace(" ", "␣").replace("\n", "↵") or "∅"


def tell_change(base: Outcome, tuned: Outcome) -> str:
    """How much likelier the whole right answer became, in nats."""
    change = base.nll - tuned.nll
    word = "more likely" if change > 0 else "less likely"
    if abs(change) < 0.05:
        return "as likely as before"
    return f"{signed(change)} nats, {word}"


def sort_by_change(pairs: Sequence[tuple[Outcome, Outcome]]) -> list[tuple[Outcome, Outcome]]:
    """Pairs of base and tuned outcomes, those whose right answer became least likely first."""
    return sorted(pairs, key=lambda pair: (pair[0].nll - pair[1].nll, pair[0].case))
