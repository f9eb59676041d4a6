"""The drawing library behind the pictures: the house style, and SVG for light and dark screens."""

import re
from functools import cache
from html import escape
from io import BytesIO
from typing import Any
from warnings import catch_warnings, filterwarnings

from studio.measure.palette import BASE, LANES

INK = "#5d6570"
DARK = {
    INK: "#a3abb7", BASE: "#6db3ea", LANES[0]: "#f2a154", LANES[1]: "#e58a55", LANES[2]: "#f6cb7f",
}  # fmt: skip
"""What each colour becomes where the reader's screen is dark."""
DARK_RULES = "".join(
    f'[style*="{kind}: {light}"]{{{kind}:{dark}!important}}'
    for light, dark in DARK.items()
    for kind in ("fill", "stroke")
)
WIDTH = 5.2  # inches of 72 points; narrow enough for the words to be read on a phone


def open_figure(height: float) -> Any:
    """An empty picture in the house style, and its axes."""
    _load()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_axisbelow(True)
    axes.grid(color=INK, alpha=0.2, linewidth=0.7)
    axes.spines[:].set_visible(False)
    axes.tick_params(colors=INK, length=0)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    return figure, axes


def add_legend(figure: Any, axes: Any) -> None:
    """Name what is drawn, above the picture; short names stand side by side."""
    longest = max(map(len, axes.get_legend_handles_labels()[1]), default=1)
    columns = max(1, min(4, 50 // (longest + 6)))
    figure.legend(loc="outside upper left", ncols=columns, frameon=False, labelcolor=INK)


@cache
def _load() -> None:
    """Load the drawing library: text stays text, and a title is never read as a formula."""
    import matplotlib

    matplotlib.rcParams.update(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "instruct-studio",
            "svg.id": None,
            "font.family": "sans-serif",
            "font.size": 9,
            "text.parse_math": False,
            "axes.unicode_minus": True,
        }
    )


def write_svg(figure: Any, title: str) -> str:
    """The picture as one SVG element that follows the reader's light or dark screen."""
    file = BytesIO()
    with catch_warnings():
        filterwarnings("ignore", message="Glyph")  # the reader's own fonts have the letter
        figure.savefig(file, format="svg", transparent=True, metadata=dict.fromkeys(_METADATA))
    drawn = _printable(file.getvalue().decode())
    drawn = drawn[drawn.index("<svg") :]
    used = set(re.findall(r'(?:href="|url\()#([\w.-]+)', drawn))
    drawn = re.sub(r' id="([\w.-]+)"', lambda found: found[0] if found[1] in used else "", drawn)
    drawn = re.sub(r"'DejaVu Sans'.*?sans-serif", "system-ui, sans-serif", drawn)
    opening, _, rest = drawn.partition(">")
    rules = f"<style>@media (prefers-color-scheme: dark){{{DARK_RULES}}}</style>"
    label = escape(_printable(title))
    return f'{opening} role="img" aria-label="{label}"><title>{label}</title>{rules}{rest}'


_METADATA = ("Date", "Creator", "Format", "Type")


def _printable(text: str) -> str:
    """Without the control characters that no XML file may hold."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)
