"""What happened in a run, one line each; a reader never sees half a line."""

import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from studio.lines import append_lines, whole_lines

PULSE = 1.0  # seconds between two signs of life while nothing happens


class Event(BaseModel):
    """One line of what happened: when (Unix seconds), what kind, and whatever belongs to it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    at: float
    kind: str

    def __getitem__(self, field: str) -> Any:
        return (self.model_extra or {}).get(field)


class EventLog:
    """The one writer of a run's events; calling it appends one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beaten = 0.0

    def __call__(self, kind: str, **fields: Any) -> None:
        append_event(self._path, kind, **fields)

    def lasting(self, kind: str, **fields: Any) -> None:
        """Append an event that is on the disk when this returns."""
        append_event(self._path, kind, lasting=True, **fields)

    def beat(self) -> None:
        """Let a reader see that the worker is there, although nothing happens."""
        if time.monotonic() - self._beaten > PULSE:
            self._beaten = time.monotonic()
            with suppress(FileNotFoundError):
                os.utime(self._path)


def append_event(path: Path, kind: str, *, lasting: bool = False, **fields: Any) -> None:
    """Append one event as one write, so that a reader sees it whole or not at all.

    A `lasting` one is on the disk when this returns.
    """
    line = json.dumps({"at": round(time.time(), 3), "kind": kind, **fields}, ensure_ascii=False)
    append_lines(path, [line], lasting=lasting)


def read_events(path: Path) -> Iterator[Event]:
    """Whole lines of an event file; torn or foreign lines are passed over."""
    for line in whole_lines(path):
        try:
            yield Event.model_validate_json(line)
        except ValueError:
            continue


def still_true(events: Iterable[Event]) -> list[Event]:
    """The events without what a run took back by going on from an earlier step.

    Going on from step 0 is to begin anew, first looks included. A warning counts once.
    """
    true: list[Event] = []
    for event in events:
        if event.kind == "resumed":
            true = _take_back(true, int(event["step"]))
        if event.kind != "warning" or event["message"] not in _warned(true):
            true.append(event)
    return true


def _take_back(events: list[Event], step: int) -> list[Event]:
    """What stays true of a run that goes on from a step: what was said before that was saved."""
    saved = (at for at, one in enumerate(events) if (one.kind, one["step"]) == ("saved", step))
    until = max(saved, default=len(events)) if step else -1
    return [
        one
        for at, one in enumerate(events)
        if one["step"] is None or (at <= until and one["step"] <= step)
    ]


def _warned(events: Iterable[Event]) -> list[str]:
    return [event["message"] for event in events if event.kind == "warning"]
