"""How a worker hears that its run is to stop: at once, or after the step that is under way."""

import signal
from types import FrameType

from studio.tuning.stopping import SIGNALS, Stop


class Stopped(BaseException):
    """Somebody asked the worker to stop; not an Exception, so that no library swallows it."""

    def __init__(self, word: Stop) -> None:
        """`word` becomes the run's last word."""
        super().__init__(word)
        self.word = word


class Halt:
    """What was asked of this process, by the signals that are sent to it."""

    def __init__(self) -> None:
        self.between_steps = False
        """Whether somebody looks at `asked` after every step."""
        self.asked = False
        """Whether the run is to pause after the step under way."""

    def listen(self) -> None:
        """From now on the signals stop the work."""
        signal.signal(SIGNALS["cancelled"], self._cancel)
        signal.signal(SIGNALS["paused"], self._pause)

    def ignore(self) -> None:
        """From now on nothing may come between the work and its last word."""
        for one in SIGNALS.values():
            signal.signal(one, signal.SIG_IGN)

    def _cancel(self, _signal: int, _frame: FrameType | None) -> None:
        self.ignore()
        raise Stopped("cancelled")

    def _pause(self, _signal: int, _frame: FrameType | None) -> None:
        if self.between_steps:
            self.asked = True
            return
        self.ignore()
        raise Stopped("paused")


HALT = Halt()
"""That of this process: signals are sent to processes."""
