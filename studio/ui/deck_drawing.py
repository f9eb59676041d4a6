"""A deck's run drawn as a table: prompts down, lanes across, what differs from the base marked."""

from collections.abc import Mapping, Sequence
from html import escape

from studio.chat.deck import Prompt
from studio.chat.deck_run import Given, Round, Table
from studio.chat.deck_sheet import Tally, mark
from studio.chat.wording import compare, shorten
from studio.measure.outcome import BASE
from studio.ui.explained import draw_piece
from studio.ui.markup import table
from studio.ui.numbers import number, share

PAGE = 30  # prompts drawn at once

# A click anywhere in a row opens it; its button does the same for the keyboard.
PICK = """
element.addEventListener('click', event => {
  const row = event.target.closest?.('tr[data-name]');
  if (row && !String(getSelection())) trigger('click', {name: row.dataset.name});
});
"""
MEASURES = (
    '<p class="st-legend st-marks"><del>only the base</del> <ins>only this lane</ins> '
    '<span class="st-quiet"><b>KL</b>: mean KL(base‖lane) per token of the base\'s own answer, in '
    "nats: how differently the lane would have gone on, also where it says the same in the end. "
    "<b>Words</b>: share of the words of both answers that the other has not: what a reader "
    "sees.</span></p>"
)


def draw_table(
    answered: Table,
    rounds: Sequence[Round],
    titles: Mapping[str, str],
    *,
    against: str | None = None,
) -> str:
    """The rounds as rows; in the base's column is marked what the lane `against` does not say."""
    lanes = answered.run.lanes
    headers = ["Prompt", *(titles[lane] for lane in lanes), "Look"]
    against = against or (lanes[1] if len(lanes) == 2 else None)
    prompts = {one.id: one for one in answered.run.deck.prompts}
    rows = []
    for one in rounds:
        prompt = prompts[one.prompt]
        cells = [_draw_cell(prompt, one, lane, against) for lane in lanes]
        live = one in answered.live
        about = escape(f"Why, for: {shorten(prompt.messages[-1].content, 60)}")
        button = f'<button type="button" class="st-open" aria-label="{about}">Why</button>'
        rows.append([_draw_prompt(prompt), *cells, "…" if live else button])
    names = {n: one.prompt for n, one in enumerate(rounds) if one not in answered.live}
    return f'<div class="st-deck">{table(headers, rows, names=names)}</div>'


def draw_tallies(tallies: Sequence[Tally], titles: Mapping[str, str]) -> str:
    """One line per lane: how much is right, lost and gained, and how far from the base."""
    known = any(one.known for one in tallies)
    headers = ["Lane", *(["Right", "Lost", "Gained"] if known else []), "Other words", "KL"]
    rows = []
    for one in tallies:
        base = one.lane == BASE
        marks = [f"{one.right} of {one.known}"] if known else []
        marks += (["–", "–"] if base else [str(one.lost), str(one.gained)]) if known else []
        differ = "–" if base else _tell_share(one)
        kl = "–" if one.kl is None or base else f"{number(one.kl, digits=3)} nats per token"
        name = (
            f'<span class="{"st-base" if base else "st-tuned"}">{escape(titles[one.lane])}</span>'
        )
        rows.append([name, *marks, differ, kl])
    return f'<div class="st-tallies">{table(headers, rows)}</div>'


def _tell_share(one: Tally) -> str:
    if not one.answered:
        return "–"
    return f"{one.differ} of {one.answered} ({share(one.differ, one.answered)})"


def _draw_prompt(prompt: Prompt) -> str:
    *before, last = prompt.messages
    opening = "".join(
        f"<small>{escape(one.role.capitalize())}: {escape(one.content)}</small>" for one in before
    )
    expected = f"<small>Expected: {escape(prompt.answer)}</small>" if prompt.answer.strip() else ""
    return f'{opening}<div class="st-said">{escape(last.content)}</div>{expected}'


def _draw_cell(prompt: Prompt, one: Round, lane: str, against: str | None) -> str:
    said = one.answers[lane]
    base = one.answers[BASE].text
    if lane != BASE:
        pieces = [piece for piece in compare(base, said.text) if piece.kind != "first"]
    else:
        other = one.answers[against].text if against in one.answers else base
        pieces = [piece for piece in compare(other, base) if piece.kind != "first"]
        pieces = [p._replace(kind="first") if p.kind == "second" else p for p in pieces]
    text = "".join(map(draw_piece, pieces)) or '<span class="st-quiet">(nothing)</span>'
    return (
        f'<div class="st-said">{_draw_mark(mark(prompt, said))}{text}</div>'
        f"<small>{escape(_tell(one, lane, said))}</small>"
    )


def _draw_mark(right: bool | None) -> str:
    if right is None:
        return ""
    kind, sign, word = ("right", "✓", "right") if right else ("wrong", "✗", "wrong")
    return f'<span class="st-{kind}" role="img" aria-label="{word}">{sign}</span> '


def _tell(one: Round, lane: str, said: Given) -> str:
    """What stands under an answer: its distance from the base's, and what went otherwise."""
    parts = []
    if lane != BASE:
        kl = one.kl(lane)
        if kl is not None:
            parts.append(f"KL {number(kl, digits=3)}")
    if lane != BASE and one.compares(lane):
        words = one.words(lane)
        parts.append(f"words {100 * words:.0f} %" if words else "same words")
    if said.tokens and not said.stopped:
        parts.append("cut off")
    if said.note:
        parts.append(said.note)
    return " · ".join(parts)
