"""An example's tokens, drawn: coloured what is learned, struck out what does not fit."""

from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

from studio.data.chat_form import Learned
from studio.data.example import Example
from studio.data.form_files import open_form
from studio.models.catalogue import STARTER

DRAWN = 3000  # tokens; of a longer example the beginning and the end are drawn


def tokenize(example: Example, *, folder: Path = STARTER, max_length: int | None = None) -> Learned:
    """An example in the tokens that training reads, each with its text."""
    return open_form(folder).learn([example], max_length=max_length, pieces=True)[0]


def draw_tokens(tokens: Learned, *, marks: Sequence[str] = ()) -> str:
    """Every token as a box, with a count above them and what is odd about them.

    `marks` are those that stand in somebody's text and are spelled out.
    """
    whole = len(tokens.pieces)
    count = f"{tokens.learned:,} of {whole:,} tokens are learned; the others are only read."
    return (
        f'<p class="st-count">{count}</p>{_tell_cut(tokens)}{_tell_marks(marks)}'
        f'<div class="st-tokens">{_boxes(tokens)}</div>'
    )


def _boxes(tokens: Learned) -> str:
    places = range(len(tokens.pieces))
    if len(places) <= DRAWN:
        return "".join(_box(tokens, place) for place in places)
    half = DRAWN // 2
    left = len(places) - 2 * half
    first = "".join(_box(tokens, place) for place in places[:half])
    last = "".join(_box(tokens, place) for place in places[-half:])
    return f"{first}<br>… {left:,} tokens …<br>{last}"


def _box(tokens: Learned, place: int) -> str:
    kinds = [
        name
        for name, holds in (
            ("learned", tokens.prompt <= place < len(tokens.ids)),
            ("cut", place >= len(tokens.ids)),
            ("spelled", place in tokens.spelled),
        )
        if holds
    ]
    classes = f' class="{" ".join(kinds)}"' if kinds else ""
    return f"<span{classes}>{_visible(tokens.pieces[place])}</span>"


def _tell_cut(tokens: Learned) -> str:
    if not tokens.learned:
        return (
            '<p class="st-warn" role="alert">× Nothing of the answer would be learned: the prompt '
            f"alone fills the {len(tokens.ids):,} tokens that fit. Training leaves this example "
            "out; raise max_length or shorten the prompt.</p>"
        )
    if tokens.cut:
        return (
            f'<p class="st-warn">! The last {tokens.cut:,} tokens do not fit into '
            f"{len(tokens.ids):,} and are lost; raise max_length.</p>"
        )
    return ""


def _tell_marks(marks: Sequence[str]) -> str:
    if not marks:
        return ""
    found = Counter(marks)
    listed = ", ".join(
        f"<code>{escape(mark)}</code>" + f" {count} times" * (count > 1)
        for mark, count in found.items()
    )
    return (
        f'<p class="st-warn">! The text holds what separates turns for this base: {listed}. It is '
        "spelled out in plain tokens, outlined below, so that it ends no turn.</p>"
    )


def _visible(text: str) -> str:
    return escape(text).replace(" ", "␣").replace("\n", "↵<br>")
