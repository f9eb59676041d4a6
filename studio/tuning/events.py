"""What happened in a run, one line each; a reader never sees half a line."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from studio.lines import append_lines, whole_lines


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

    def __call__(self, kind: str, **fields: Any) -> None:
        append_event(self._path, kind, **fields)


def append_event(path: Path, kind: str, **fields: Any) -> None:
    """Append one event as one write, so that a reader sees it whole or not at all."""
    line = json.dumps({"at": round(time.time(), 3), "kind": kind, **fields}, ensure_ascii=False)
    append_lines(path, [line])


def read_events(path: Path) -> Iterator[Event]:
    """Whole lines of an event file; torn or foreign lines are passed over."""
    for line in whole_lines(path):
        try:
            yield Event.model_validate_json(line)
        except ValueError:
            continue
