"""The classic grid of transfer learning, drawn: size of the data against its similarity."""

from html import escape

from studio.tuning.signals import Signals
from studio.tuning.table import HALF, place_of

WIDE, HIGH = 460, 250
LEFT, TOP, RIGHT, BOTTOM = 34, 8, 8, 30
CORNERS = {
    (0, 1): ("Many, unlike", "all weights of a small base,", "or a large adapter"),
    (1, 1): ("Many, alike", "a small adapter,", "one or two rounds"),
    (0, 0): ("Few, unlike", "a light adapter with replay;", "collect more"),
    (1, 0): ("Few, alike", "solved examples, a soft prompt,", "or the upper layers"),
}
LINE = 17  # from one line of text to the next


def draw_grid(signals: Signals) -> str:
    """The grid as SVG with a dot where the dataset falls, and the same in words."""
    place = place_of(signals)
    across, up = WIDE - LEFT - RIGHT, HIGH - TOP - BOTTOM
    x, y = LEFT + across * place.across, TOP + up * (1 - place.up)
    told = (
        f"{signals.train:,} examples, similarity {signals.similarity:.2f}: "
        + CORNERS[int(place.across >= 0.5), int(place.up >= 0.5)][0].lower()
    )
    cells = "".join(_cell(*corner, across, up) for corner in CORNERS)
    dot = (
        f'<circle cx="{x:.0f}" cy="{y:.0f}" r="7" fill="var(--tuned)" stroke="var(--card)" '
        'stroke-width="2"/>'
    )
    axes = (
        f'<text x="{LEFT + across / 2}" y="{HIGH - 8}" text-anchor="middle">unlike what the base '
        "says → alike</text>"
        f'<text transform="translate(14 {TOP + up / 2}) rotate(-90)" text-anchor="middle">'
        f"examples, {HALF} in the middle →</text>"
    )
    return (
        f'<svg viewBox="0 0 {WIDE} {HIGH}" role="img" class="st-grid" '
        f'aria-label="{escape(told)}">{cells}{axes}{dot}</svg>'
        f'<p class="st-quiet">● {escape(told)}. Size against similarity, as transfer learning is '
        "taught; the recommendation follows a finer table of the same two.</p>"
    )


def _cell(right: int, top: int, across: float, up: float) -> str:
    x, y = LEFT + right * across / 2, TOP + (1 - top) * up / 2
    title, *lines = CORNERS[right, top]
    box = (
        f'<rect x="{x}" y="{y}" width="{across / 2}" height="{up / 2}" fill="none" '
        'stroke="var(--line)"/>'
    )
    words = "".join(
        f'<text x="{x + 10}" y="{y + 40 + LINE * row}">{escape(line)}</text>'
        for row, line in enumerate(lines)
    )
    return (
        f'{box}<text x="{x + 10}" y="{y + 20}" class="st-grid-name">{escape(title)}</text>{words}'
    )
