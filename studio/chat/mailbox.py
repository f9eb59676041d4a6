"""Where an answer's newest state lies until its reader comes for it."""

import threading
import time
from typing import Protocol

from studio.chat.protocol import Diverged, Explained, Update
from studio.errors import StudioError

State = Update | Explained | Diverged


class Box(Protocol):
    """What whoever writes an answer needs to know of its reader."""

    def post(self, state: State) -> None:
        """Leave a newer state."""

    def fail(self, error: StudioError) -> None:
        """Say that no answer will come any more."""

    def unread(self) -> float:
        """Seconds since the reader should have come for something; 0 while it waits here."""


class Mailbox:
    """Holds one state: a newer one replaces an older one that nobody has read yet.

    A state says everything said so far, so a slow reader misses nothing but intermediate steps,
    and whoever writes never waits for a reader.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._state: State | None = None
        self._error: StudioError | None = None
        self._readers = 0
        self._left = time.monotonic()

    def post(self, state: State) -> None:
        """Leave a newer state."""
        with self._changed:
            self._state = state
            self._changed.notify_all()

    def fail(self, error: StudioError) -> None:
        """Say that no answer will come any more; what lies here already is still read first."""
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def take(self, patience: float) -> State | None:
        """The newest state not taken before, or None if none came in so many seconds.

        Raises the error with which the writing failed.
        """
        with self._changed:
            self._readers += 1
            try:
                self._changed.wait_for(lambda: self._state or self._error, timeout=patience)
                state, self._state = self._state, None
                if state is None and self._error is not None:
                    raise self._error
                return state
            finally:
                self._readers -= 1
                self._left = time.monotonic()

    def unread(self) -> float:
        """Seconds since a reader was last here; 0 while one waits."""
        with self._changed:
            return 0.0 if self._readers else time.monotonic() - self._left
