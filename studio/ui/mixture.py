"""A mixture drawn: a bar in tokens, and what each part of it is."""

from collections.abc import Sequence
from html import escape

from studio.data.mixture import Portion
from studio.data.mixture_tokens import Slice
from studio.ui import markup

NEW_TASK = "The task alone is learned; nothing is mixed in, so look at what is forgotten."


def draw_slices(slices: Sequence[Slice]) -> str:
    """The parts as a bar, each as wide as its share of the tokens, and as a table."""
    whole = sum(one.tokens for one in slices) or 1
    told = [f"{one.title}: about {one.tokens:,} tokens" for one in slices]
    bars = "".join(
        f'<div class="st-slice {one.kind}" style="flex-grow:{max(one.tokens, 1)}" '
        f'title="{escape(text)}"><span>{one.tokens / whole:.0%}</span></div>'
        for one, text in zip(slices, told, strict=True)
    )
    rows = [
        [
            f'<span class="st-swatch {one.kind}"></span> {escape(one.title)}',
            f"{one.examples:,}",
            f"{one.tokens:,}",
            f"{one.tokens / whole:.0%}",
        ]
        for one in slices
    ]
    label = escape("; ".join(told))
    return (
        f'<div class="st-mix" role="img" aria-label="{label}">{bars}</div>'
        + markup.table(["Part", "Examples", "Tokens", "Share"], rows, numbers=[1, 2, 3])
        + markup.quiet(NEW_TASK if len(slices) == 1 else "Tokens are estimated from samples.")
    )


def tell_portions(portions: Sequence[Portion], train: int) -> str:
    """What was mixed into a frozen dataset."""
    if not portions:
        return ""
    task = train - sum(one.examples for one in portions)
    rows = [["the task", f"{task:,}", f"{task:,}", ""]] + [
        [
            escape(one.title),
            f"{one.examples:,}",
            f"{one.different:,}",
            f"{one.left_out:,} asked by held-out rows" if one.left_out else "",
        ]
        for one in portions
    ]
    return markup.table(["Part", "Examples", "Different", "Left out"], rows, numbers=[1, 2])
