"""Sandboxes that stay warm between looks, so that a preview does not wait for a process to start.

    with warm_sandbox() as sandbox:
        ...                         as any other; afterwards it waits for the next one

Each is lent to one thread at a time. A breach ends its child as always, and the next use starts
another.
"""

import atexit
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from studio.data.sandbox import Sandbox

KEPT = 2
"""How many of a kind wait; a busy moment may start more, which end after their use."""

_idle: dict[bool, list[Sandbox]] = {False: [], True: []}
_turn = threading.Lock()


@contextmanager
def warm_sandbox(*, chat: bool = False) -> Iterator[Sandbox]:
    """A sandbox that may have served before; with `chat` for chat templates."""
    idle = _idle[chat]
    with _turn:
        sandbox = idle.pop() if idle else Sandbox(chat=chat)
    try:
        yield sandbox
    finally:
        with _turn:
            keep = len(idle) < KEPT
            if keep:
                idle.append(sandbox)
        if not keep:
            sandbox.close()


@atexit.register
def close_warm() -> None:
    """End those that wait."""
    with _turn:
        for idle in _idle.values():
            while idle:
                idle.pop().close()
