"""A run's events as a progress bar in the terminal."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from studio.tuning.events import Event
from studio.tuning.stopping import LAST_WORDS


class Progress:
    """One bar on standard error for one run; standard output stays free for results."""

    def __init__(self, title: str) -> None:
        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._title = title
        self._bar: TaskID = self._bars.add_task(title, total=None)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def show(self, event: Event) -> None:
        """Move the bar, or say what the run is doing now."""
        if event.kind == "phase":
            self._describe(str(event["name"]))
        elif event.kind == "waiting":
            self._describe("waiting for the device")
        elif event.kind == "step":
            self._bars.update(self._bar, completed=event["step"], total=event["total"])
            self._describe(f"loss {event['loss']:.3f}")
        elif event.kind == "progress":
            self._bars.update(self._bar, completed=event["done"], total=event["total"])
        elif event.kind == "warning":
            self._bars.console.print(event["message"], style="yellow", markup=False)
        elif event.kind == "resumed":
            self._describe(f"goes on from step {event['step']}")
        elif event.kind in LAST_WORDS:
            self._describe(event.kind)

    def _describe(self, text: str) -> None:
        self._bars.update(self._bar, description=f"{self._title}: {text}")
