"""Who is being answered at the moment: one answer at a time in each conversation or deck."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from studio.errors import ChatError

PATIENCE = 30.0  # seconds for an answer that was stopped to end


class Writing:
    """What is being answered, by the id of a conversation or of who runs a deck."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, id: str) -> Iterator[None]:
        """Have it to oneself; ChatError if the answer under way does not end in time."""
        with self._changed:
            self.wait(id)
            self._ids.add(id)
        try:
            yield
        finally:
            with self._changed:
                self._ids.discard(id)
                self._changed.notify_all()

    def wait(self, id: str | None) -> None:
        """Wait until nobody answers there."""
        with self._changed:
            if not self._changed.wait_for(lambda: id not in self._ids, timeout=PATIENCE):
                raise ChatError("An answer is still being written here; stop it first.")
