"""The table behind the advice: how much there is to learn, against how near it is to the base."""

from typing import Literal, NamedTuple

from studio.models.structure import Targets
from studio.tuning.signals import Signals

Size = Literal["tiny", "small", "medium", "large", "huge"]
Likeness = Literal["similar", "medium", "far"]
BOUNDS: dict[Size, int] = {"tiny": 50, "small": 500, "medium": 10_000, "large": 200_000}
"""Examples below which a dataset has that size; from the last on it is huge."""
SIMILAR = 1 / 1.3
"""Similarity from which the answers are such as the base gives itself."""
FAR = 1 / 3
"""Similarity below which they are of another kind."""
MOSTLY_RIGHT = 0.7
"""Share of right answers from which the task counts as near, whatever the likelihood says."""
HALF = 500
"""Examples that the classic grid calls few: its line between small and large."""


class Cell(NamedTuple):
    """What the table says for one size and likeness."""

    rank: int
    rate: float
    """Share of the formula's learning rate."""
    epochs: float
    anchor: float
    """Weight of the KL anchor on text that the base wrote itself."""
    replay: float = 0.0
    targets: Targets = "all-linear"
    top_half: bool = False
    """Whether only the upper half of the layers gets an adapter."""
    full: bool = False
    """Whether all weights of a small base are the first choice."""


# With an anchor, half the rate kept no more of the old skills and learned less, in races on the
# starter with 30 to 1,000 examples (tests/bench/advisor.py); four times the rank changed little.
CELLS: dict[tuple[Size, Likeness], Cell] = {
    ("tiny", "similar"): Cell(8, 0.5, 5, 1.0, 0.25, top_half=True),
    ("tiny", "medium"): Cell(8, 1.0, 5, 1.0, 0.25),
    ("tiny", "far"): Cell(8, 1.0, 5, 1.0, 0.25),
    ("small", "similar"): Cell(8, 0.5, 3, 0.5, top_half=True),
    ("small", "medium"): Cell(8, 1.0, 3, 0.5, 0.25),
    ("small", "far"): Cell(16, 1.0, 3, 0.5, 0.25),
    ("medium", "similar"): Cell(8, 0.5, 2, 0.5, targets="mlp"),
    ("medium", "medium"): Cell(16, 1.0, 2, 0.5),
    ("medium", "far"): Cell(32, 1.0, 3, 0.5),
    ("large", "similar"): Cell(16, 0.5, 1, 0.5),
    ("large", "medium"): Cell(64, 0.5, 1, 0.5),
    ("large", "far"): Cell(128, 1.0, 1, 0.5, full=True),
    ("huge", "similar"): Cell(64, 0.5, 1, 0.5),
    ("huge", "medium"): Cell(256, 0.5, 1, 0.5),
    ("huge", "far"): Cell(256, 1.0, 1, 0.1, 0.05, full=True),
}


def size_of(examples: int) -> Size:
    """How large a dataset of so many examples is."""
    return next((size for size, bound in BOUNDS.items() if examples < bound), "huge")


def likeness_of(signals: Signals) -> Likeness:
    """How near the answers are to what the base says already."""
    if signals.similarity >= SIMILAR or signals.written.share >= MOSTLY_RIGHT:
        return "similar"
    return "far" if signals.similarity < FAR else "medium"


class Place(NamedTuple):
    """Where a dataset falls in the classic grid, each 0 to 1, with the lines at 0.5."""

    across: float
    """Unlike what the base says (0) to alike (1)."""
    up: float
    """Few examples (0) to many (1)."""


def place_of(signals: Signals) -> Place:
    """The dataset's place: a logarithm of its size, and its similarity."""
    from math import log10

    up = 0.5 + (log10(max(1, signals.train)) - log10(HALF)) / 6
    line = (SIMILAR + FAR) / 2
    alike = signals.similarity
    across = 0.5 * alike / line if alike < line else 0.5 + 0.5 * (alike - line) / (1 - line)
    return Place(min(0.97, max(0.03, across)), min(0.97, max(0.03, up)))
