"""How often a run may be looked at on its way, decided while it runs from what it costs."""

import math
import time
from collections.abc import Callable, Mapping


class Pace:
    """Decides when the next look may be taken, from what looks and training took so far."""

    def __init__(self, share: float, clock: Callable[[], float] = time.perf_counter) -> None:
        """`share` of the training time may go into the looks between the first and the last."""
        self._share, self._clock = share, clock
        self._started: float | None = None
        self._began = self._between = self._answering = 0.0
        self._usual = math.inf
        self.spent = 0.0
        """Seconds of all looks together, the first and the last one included."""

    def held(self) -> dict[str, float]:
        """What it knows, to be written down; seconds, of which `trained` went into no look."""
        return {
            "trained": self._clock() - (self._started or 0.0) - self.spent, "spent": self.spent,
            "between": self._between, "answering": self._answering, "usual": self._usual,
        }  # fmt: skip

    def take_back(self, held: Mapping[str, float]) -> None:
        """Go on as if no time had passed since this was written down."""
        self.spent, self._between = held["spent"], held["between"]
        self._answering, self._usual = held["answering"], held["usual"]
        self._started = self._clock() - held["trained"] - self.spent

    def begin(self) -> None:
        """A look begins."""
        self._began = self._clock()
        self._started = self._began if self._started is None else self._started

    def end(self, *, between: bool, answering: float = 0.0) -> float:
        """A look has ended; how many seconds it took, of which some were for answers."""
        took = self._clock() - self._began
        self._usual = min(self._usual, took - answering)  # the first one has more to do
        self._answering = answering or self._answering
        self._between += took * between
        self.spent += took
        return took

    def allows(self, *, answers: bool = False) -> bool:
        """Whether one more look fits in, or one that has answers as well."""
        trained = self._clock() - (self._started or 0.0) - self.spent
        needed = self._usual + self._answering * answers
        return self._between + needed <= self._share * trained


def sample_count(examples: int, most: int) -> int:
    """How many held-out examples each look may read, in a run that reads so many: 16 to `most`.

    Ten looks then take about a sixteenth of the time of a run whose examples are read forwards and
    backwards, three times the work of reading them.
    """
    return max(16, min(most, round(3 * examples / 16 / 10)))
