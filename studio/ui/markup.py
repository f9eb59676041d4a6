"""Small pieces of HTML that the tabs are made of; every text from outside is escaped here."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from types import MappingProxyType

MARKS = {"done": "✓", "now": "…", "bad": "!", "later": ""}
CHIPS = {
    "gained": "▲ gained",
    "forgotten": "▼ forgotten",
    "better": "▲ more likely",
    "worse": "▼ less likely",
    "more likely": "△ more likely",
    "less likely": "▽ less likely",
    "no material change": "= no material change",
    "inconclusive": "? inconclusive",
}


def card(title: str, big: str, *notes: str) -> str:
    """A small card: what it is about, the fact, and notes below it."""
    rest = "".join(f"<p>{escape(note)}</p>" for note in notes if note)
    return (
        f'<div class="st-card"><h3>{escape(title)}</h3>'
        f'<div class="st-big">{escape(big)}</div>{rest}</div>'
    )


def cards(pieces: Iterable[str]) -> str:
    """Cards side by side, as many as fit."""
    return f'<div class="st-cards">{"".join(pieces)}</div>'


def empty(sentence: str) -> str:
    """What will be in an empty place, and how to fill it."""
    return f'<div class="st-empty">{escape(sentence)}</div>'


def quiet(sentence: str) -> str:
    """A remark."""
    return f'<p class="st-quiet">{escape(sentence)}</p>'


def bar(share: float | None, label: str) -> str:
    """How far something is, 0 to 1, for eyes and for screen readers."""
    percent = 0 if share is None else round(100 * min(1.0, max(0.0, share)))
    return (
        f'<div class="st-bar" role="progressbar" aria-label="{escape(label)}" '
        f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent}">'
        f'<div style="width:{percent}%"></div></div>'
    )


def stage(mark: str, title: str, sentence: str, share: float | None = None) -> str:
    """One line of a longer work: a mark (done, now, bad, later), a title, and how it stands."""
    progress = bar(share, title) if mark == "now" else ""
    return (
        f'<div class="st-stage"><span class="st-mark {mark}" aria-hidden="true">{MARKS[mark]}'
        f"</span><strong>{escape(title)}</strong>"
        f"<div>{escape(sentence)}{progress}</div></div>"
    )


def chip(verdict: str) -> str:
    """A verdict as a sign and words, so that colour is never the only difference."""
    return (
        f'<span class="st-chip {verdict.split()[0]}">{escape(CHIPS.get(verdict, verdict))}</span>'
    )


def table(
    headers: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Iterable[int] = (),
    names: Mapping[int, str] = MappingProxyType({}),
) -> str:
    """A table of cells that are HTML already; `numbers` are the columns set to the right.

    `names` are kept with the rows of these numbers, for what happens when one is chosen.
    """
    right = set(numbers)

    def cell(tag: str, index: int, text: str) -> str:
        # On a narrow screen every row becomes a card, and each cell carries its column's name.
        label = f' data-label="{escape(headers[index])}"' if tag == "td" else ' scope="col"'
        return f"<{tag}{' class=num' if index in right else ''}{label}>{text}</{tag}>"

    head = "".join(cell("th", i, escape(text)) for i, text in enumerate(headers))
    named = {number: f' data-name="{escape(name)}"' for number, name in names.items()}
    body = "".join(
        f"<tr{named.get(number, '')}>"
        + "".join(cell("td", i, text) for i, text in enumerate(row))
        + "</tr>"
        for number, row in enumerate(rows)
    )
    return (
        '<div class="st-scroll" tabindex="0"><table class="st-table">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def turn(role: str, text: str, *, about: str = "") -> str:
    """One message of a conversation."""
    label = {"system": "System", "user": "Prompt", "assistant": "Answer"}.get(role, role)
    return (
        f'<div class="st-turn {escape(role)}"><span class="st-role">{label}{escape(about)}</span>'
        f"{escape(text)}</div>"
    )


def talk(turns: Iterable[str]) -> str:
    """Messages one below the other."""
    return f'<div class="st-talk">{"".join(turns)}</div>'
