"""The line before the engine: first come, first served, within bounds that everybody is told."""

import math
import time
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from studio.errors import Busy

SMOOTHING = 0.2  # how much the newest answer counts in the pace


@dataclass(frozen=True)
class Limits:
    """What keeps one visitor, or one fault, from holding up everybody; times in seconds."""

    seats: int = 8
    """Questions answered at once."""
    places: int = 64
    """Questions that may wait."""
    each: int = 4
    """Questions of one visitor on their way at once."""
    turn: float = 120.0
    """After so long an answer gives way to those who wait."""
    unread: float = 60.0
    """An answer that nobody comes for is stopped after so long."""
    silence: float = 300.0
    """Without a word for so long the engine counts as hung; while it loads a base it is silent."""


@dataclass(eq=False)
class Place:
    """One question's place: in the line, or in a seat while it is being answered."""

    owner: str
    """Who asks; "" is the person at the machine, who may take any number of places."""
    alone: bool = False
    """Answered while nobody else is, because it may be what killed the engine."""
    seated: float = 0.0
    """When its answer began, in seconds of a steady clock; 0 while it waits."""


P = TypeVar("P", bound=Place)


class Line(Generic[P]):
    """Decides who is answered next; not thread-safe, its owner locks."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: deque[P] = deque()
        self._seated: list[P] = []
        self._pace = 0.0  # seconds from one ended answer to the next while all seats are taken

    @property
    def waiting(self) -> list[P]:
        """Who waits, the next one first."""
        return list(self._waiting)

    @property
    def seated(self) -> list[P]:
        """Who is being answered."""
        return list(self._seated)

    def join(self, place: P) -> None:
        """Stand at the end of the line; Busy if it is full or the owner has enough places."""
        everybody, most = [*self._waiting, *self._seated], self._limits
        if place.owner and sum(one.owner == place.owner for one in everybody) >= most.each:
            raise Busy(
                f"{most.each} of your questions are on their way already; wait for one of their "
                "answers, or stop it."
            )
        free = not self._waiting and self._has_room(place)
        if len(self._waiting) >= most.places and not free:
            before = len(everybody)
            raise Busy(
                f"{before} {'people are' if before > 1 else 'person is'} before you, and the line "
                f"is full; try again in about {self._patience(before)}."
            )
        self._waiting.append(place)

    def put_back(self, place: P) -> None:
        """From the seat to the head of the line again, to be answered alone."""
        self._seated.remove(place)
        place.alone, place.seated = True, 0.0
        self._waiting.appendleft(place)

    def leave(self, place: P) -> None:
        """Give up the place, answered or not; nothing happens if it is gone already."""
        if place in self._seated:
            share = (time.monotonic() - place.seated) / len(self._seated)
            self._pace += (share - self._pace) * (SMOOTHING if self._pace else 1)
            self._seated.remove(place)
        elif place in self._waiting:
            self._waiting.remove(place)

    def advance(self) -> list[P]:
        """Seat as many as there is room for, and return them."""
        called = []
        while self._waiting and self._has_room(self._waiting[0]):
            place = self._waiting.popleft()
            place.seated = time.monotonic()
            self._seated.append(place)
            called.append(place)
        return called

    def _has_room(self, place: P) -> bool:
        if place.alone or any(one.alone for one in self._seated):
            return not self._seated
        return len(self._seated) < self._limits.seats

    def _patience(self, before: int) -> str:
        """How long so many answers will take, in words."""
        if not self._pace:
            return "a minute"
        seconds = math.ceil(before * self._pace)
        return f"{seconds} seconds" if seconds < 100 else f"{math.ceil(seconds / 60)} minutes"
