"""When a warm standby is worth its memory: while somebody is about, and memory is not short."""

import time
from collections.abc import Callable

from studio.tuning.machine import free_memory

READY = "The libraries are loaded."
"""What a standby says once a run can begin."""
IDLE = 1200.0  # seconds after the last run or page in which the next run is expected
SHORT = 1 << 30  # bytes of free memory below which a standby goes; it holds about half of that
PLENTY = 2 << 30  # bytes of free memory from which on there may be one


class Spare:
    """Whether a studio should have a standby now."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        free: Callable[[], int] = free_memory,
    ) -> None:
        self._clock, self._free = clock, free
        self._until = 0.0

    @property
    def asked(self) -> bool:
        """Whether anybody has ever asked for a standby, and nobody has sent it home."""
        return self._until > 0

    def ask(self) -> None:
        """Somebody is about who may start a run."""
        self._until = self._clock() + IDLE

    def end(self) -> None:
        """Nobody will start a run any more."""
        self._until = 0.0

    def may_begin(self) -> bool:
        """Whether a standby may be started."""
        return self._is_expected() and self._free() >= PLENTY

    def may_stay(self) -> bool:
        """Whether one that is there may keep its memory."""
        return self._is_expected() and self._free() >= SHORT

    def _is_expected(self) -> bool:
        return self._clock() < self._until
