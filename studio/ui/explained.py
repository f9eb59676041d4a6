"""A reading drawn: the answer's tokens in two colours, where two lanes part, and word by word."""

from collections.abc import Sequence
from html import escape

from studio.chat.protocol import Likely, ReadToken
from studio.chat.reading import Reading
from studio.chat.wording import Piece, compare
from studio.ui.numbers import number, signed

CLEAR = 3.0  # nats at which the colour is full: a token 20 times as likely, or a 20th
FAINT = 0.1  # nats below which a token counts as unchanged

# Tokens are one stop of the Tab key; arrows go through them, and so does the mouse or a finger.
LOOK = """
const look = token => {
  const text = token.closest('.st-why');
  if (!text) return;
  text.querySelectorAll('.st-wt[tabindex="0"]').forEach(one => {
    one.tabIndex = -1; one.setAttribute('aria-selected', 'false');
  });
  token.tabIndex = 0; token.setAttribute('aria-selected', 'true');
  const cards = text.parentElement.querySelectorAll('.st-why-card');
  cards.forEach((card, place) => { card.hidden = place != token.dataset.place; });
};
const find = event => event.target.closest?.('.st-wt');
for (const kind of ['pointerover', 'focusin', 'click'])
  element.addEventListener(kind, event => { const token = find(event); if (token) look(token); });
element.addEventListener('keydown', event => {
  const token = find(event);
  if (!token) return;
  const all = [...token.closest('.st-why').querySelectorAll('.st-wt')];
  const step = {ArrowRight: 1, ArrowLeft: -1, Home: -all.length, End: all.length}[event.key];
  if (!step) return;
  event.preventDefault();
  const place = all.indexOf(token) + step;
  all[Math.min(all.length - 1, Math.max(0, place))].focus();
});
"""


def draw(reading: Reading, titles: tuple[str, str], whose: str) -> str:
    """The reading with a legend and, for the token looked at, what both lanes would have said.

    `titles` are those of the lane before and after, `whose` of the one that gave the answer.
    """
    if not reading.tokens:
        return '<p class="st-quiet">There is no answer to read yet.</p>'
    parting = reading.parting
    tokens = "".join(
        _draw_token(place, token, parting) for place, token in enumerate(reading.tokens)
    )
    cards = "".join(
        _draw_card(place, token, len(reading.tokens), titles, shown=place == (parting or 0))
        for place, token in enumerate(reading.tokens)
    )
    name = escape(f"Answer of {whose}, token by token; arrow keys go from one to the next")
    return (
        f"{_tell(reading, titles)}"
        f'<div class="st-why" role="listbox" aria-orientation="horizontal" aria-label="{name}">'
        f'{tokens}</div>{_legend(titles)}<div aria-live="polite">{cards}</div>'
    )


def _tell(reading: Reading, titles: tuple[str, str]) -> str:
    """The reading in a few sentences."""
    before, after = (escape(title) for title in titles)
    count = len(reading.tokens)
    change = reading.change
    more = "more" if change > 0 else "less"
    facts = [
        f"<b>KL {number(reading.kl / count, digits=3)} nats per token</b>, "
        f"{number(reading.kl, digits=2)} in all {count}",
        f"{after} finds the whole answer <b>{number(abs(change), digits=2)} nats {more} likely</b> "
        f"than {before}",
    ]
    place = reading.parting
    if place is None:
        facts.append("both find the same token likeliest at every place")
    else:
        facts.append(f"the likeliest tokens <b>part at token {place + 1}</b>, marked ◆")
    return f'<p class="st-why-facts">{" · ".join(facts)}</p>'


def _legend(titles: tuple[str, str]) -> str:
    before, after = (escape(title) for title in titles)
    return (
        '<p class="st-legend"><span class="st-wt worse" style="--part:.9">less likely</span> '
        '<span class="st-wt">as before</span> '
        '<span class="st-wt better" style="--part:.9">more likely</span> '
        f'<span class="st-quiet">under {after} than under {before}: the difference of log p, '
        f"full at {CLEAR:g} nats, a factor of 20.</span></p>"
    )


def _draw_token(place: int, token: ReadToken, parting: int | None) -> str:
    change = token.after - token.before
    part = min(1.0, abs(change) / CLEAR)
    kind = "" if abs(change) < FAINT else " better" if change > 0 else " worse"
    first = place == (parting or 0)
    mark = " parts" if place == parting else ""
    said = f"{_speak(token.text)}, {_tell_change(change)}"
    if mark:
        said += ", here the likeliest tokens part"
    return (
        f'<span class="st-wt{kind}{mark}" style="--part:{part:.2f}" role="option" '
        f'data-place="{place}" tabindex="{0 if first else -1}" '
        f'aria-selected="{str(first).lower()}" aria-label="{escape(said)}">'
        f"{_visible(token.text)}</span>"
    )


def _draw_card(
    place: int, token: ReadToken, count: int, titles: tuple[str, str], *, shown: bool
) -> str:
    change = token.after - token.before
    lists = "".join(
        f"<div><h4>{escape(title)} would have said</h4>{_draw_likely(likely, token.text)}</div>"
        for title, likely in zip(titles, (token.likely_before, token.likely_after), strict=True)
    )
    return (
        f'<div class="st-why-card"{"" if shown else " hidden"}>'
        f"<p><b>Token {place + 1} of {count}: <code>{_visible(token.text)}</code></b> "
        f"log p {number(token.before, digits=2)} → {number(token.after, digits=2)}: "
        f"{escape(_tell_change(change))} · KL here {number(token.kl, digits=3)} nats</p>"
        f'<div class="st-why-lists">{lists}</div></div>'
    )


def _draw_likely(likely: Sequence[Likely], text: str) -> str:
    def line(one: Likely) -> str:
        chosen = ' class="chosen"' if one.text == text else ""
        percent = 100 * one.probability
        told = f"{percent:.1f} %" if percent >= 0.1 else "under 0.1 %"
        return (
            f'<li{chosen}><span class="st-why-bar" style="--share:{percent:.1f}%"></span>'
            f"<code>{_visible(one.text)}</code><span>{told}</span></li>"
        )

    return f"<ol>{''.join(map(line, likely))}</ol>"


def _tell_change(change: float) -> str:
    if abs(change) < FAINT:
        return "as likely as before"
    return f"{signed(change, digits=2)} nats, {'more' if change > 0 else 'less'} likely"


def _visible(text: str) -> str:
    """A token's text, its new lines to be seen; part of a character is shown as a dot."""
    return escape(text).replace("\n", "↵\n") or "·"


def _speak(text: str) -> str:
    """A token's text for a screen reader."""
    return {"": "part of a character", " ": "space", "\n": "new line"}.get(text, text.strip())


# ---- word by word


def draw_words(first: str, second: str, titles: tuple[str, str]) -> str:
    """Both answers as one text: what only the first said is struck out, the second's underlined."""
    if first == second:
        return '<p class="st-quiet">Both lanes gave the same answer.</p>'
    pieces = compare(first, second)
    parting = next((n for n, piece in enumerate(pieces) if piece.kind != "both"), None)
    drawn = "".join(
        ('<span class="st-parts" title="here the texts part"></span>' if n == parting else "")
        + draw_piece(piece)
        for n, piece in enumerate(pieces)
    )
    before, after = (escape(title) for title in titles)
    return (
        f'<div class="st-words">{drawn}</div><p class="st-legend"><del>only {before}</del> '
        f'<ins>only {after}</ins> <span class="st-quiet">◆ the texts part here.</span></p>'
    )


def draw_piece(piece: Piece) -> str:
    """A stretch of text, marked if only one of two has it."""
    text = escape(piece.text)
    return {"both": text, "first": f"<del>{text}</del>", "second": f"<ins>{text}</ins>"}[piece.kind]
