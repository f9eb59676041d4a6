"""The page's end of the chat: a line of questions before one engine process, and its answers.

Questions are answered first come, first served, several at once in one batch. Every answer is
a state that its reader takes when it comes for it, so neither a slow reader nor a closed page
holds up anybody. If the engine dies it is started again, and what it was answering is asked
once more, one question at a time: only a question that kills it twice fails.
"""

import itertools
import sys
import threading
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Literal

from studio.chat.line import Limits, Line, Place
from studio.chat.mailbox import Box, Mailbox, State
from studio.chat.process import EngineProcess, Reply
from studio.chat.protocol import (
    Ask,
    Diverge,
    Diverged,
    Explain,
    Explained,
    Lane,
    Refused,
    Rested,
    Row,
    Sampling,
    Stop,
    Update,
)
from studio.errors import ModelError

ENGINE = (sys.executable, "-m", "studio.engine.chat")
WATCH = 1.0  # seconds between two looks at the limits
TRIES = 2

DIED = "The chat engine stopped unexpectedly and is started again; the question is asked once more."
GAVE_WAY = "Ended early because others wait; continue it if you want more."


class Question(Place):
    """One request on its way to the engine, and where its answer goes."""

    def __init__(self, request: Ask | Explain | Diverge, owner: str, box: Box) -> None:
        super().__init__(owner=owner)
        self.request = request
        self.box = box
        self.tries = 0
        self.before = 0
        self.began = 0.0
        """When the first words came, in seconds of a steady clock; 0 before."""
        self.gave_way = False


class ChatClient:
    """Asks one engine process; starts it when first needed, and again if it died."""

    def __init__(
        self,
        log: Path,
        engine: Sequence[str],
        *,
        limits: Limits | None = None,
    ) -> None:
        self._log = log
        self._command = engine
        self._lock = threading.RLock()
        self._limits = limits = limits or Limits()
        self._line: Line[Question] = Line(limits)
        self._process: EngineProcess | None = None
        self._heard = time.monotonic()
        self._numbers = itertools.count(1)
        self.rested = ""
        """Why the engine gave its memory back; "" while it holds a base, or never did."""

    # ---- asking

    def ask(
        self,
        rows: Sequence[Row],
        *,
        base: str,
        method: Literal["qlora", "lora"],
        lanes: Sequence[Lane] = (),
        sampling: Sampling | None = None,
        owner: str = "",
    ) -> Generator[Update]:
        """Yield all rows' texts as they grow; the last update is `done`.

        While the question waits in line its updates have no rows. Closing the iterator early
        stops the answers. Raises Busy if the line is full, ModelError for a request that cannot
        be answered or that the engine did not survive.
        """
        request = Ask(
            id=0,
            base=base,
            method=method,
            lanes=tuple(lanes),
            rows=tuple(rows),
            sampling=sampling or Sampling(),
        )
        box = Mailbox()
        question = self.put(request, box, owner=owner)
        try:
            yield from self.updates(box)
        finally:
            self.drop(question)

    def explain(self, request: Explain, *, owner: str = "") -> Explained:
        """One answer read in two lanes; the request's id is set here."""
        reply = self._read(request, owner)
        assert isinstance(reply, Explained)
        return reply

    def diverge(self, request: Diverge, *, owner: str = "") -> Diverged:
        """How far lanes are from the base along given answers; the request's id is set here."""
        reply = self._read(request, owner)
        assert isinstance(reply, Diverged)
        return reply

    def _read(self, request: Explain | Diverge, owner: str) -> Explained | Diverged:
        box = Mailbox()
        question = self.put(request, box, owner=owner)
        try:
            while (state := self._take(box)) is None or isinstance(state, Update):
                pass  # where it stands in line
            return state
        finally:
            self.drop(question)

    def put(self, request: Ask | Explain | Diverge, box: Box, *, owner: str = "") -> Question:
        """Put a request in line; its answer goes to the box. Raises Busy."""
        with self._lock:
            request = request.model_copy(update={"id": next(self._numbers)})
            question = Question(request, owner, box)
            self._line.join(question)
            self._advance()
        return question

    def updates(self, box: Mailbox) -> Generator[Update]:
        """The states of an answer as they come, the last one `done`.

        While nothing new comes the last one is repeated once in a while: a generator can only
        be closed between two states, and whoever leaves should not have to wait for that.
        """
        last = Update(id=0)
        while not last.done:
            state = self._take(box)
            if state is not None:
                assert isinstance(state, Update)
                last = state
            yield last

    def drop(self, question: Question) -> None:
        """Nobody listens any more: free the place, and stop the answer if it is under way."""
        with self._lock:
            if question.seated and question in self._line.seated and self._process:
                self._process.send(Stop(id=question.request.id))
            self._line.leave(question)
            self._advance()

    @property
    def limits(self) -> Limits:
        """What bounds the line."""
        return self._limits

    @property
    def live(self) -> int:
        """Questions that are waiting or being answered."""
        with self._lock:
            return len(self._line.waiting) + len(self._line.seated)

    # ---- the engine

    def warm_up(self) -> None:
        """Start the engine's process, so that its libraries load before the first question."""
        with self._lock:
            self._running()

    def close(self) -> None:
        """Send the engine home; answers under way end where they are."""
        with self._lock:
            process, self._process = self._process, None
            for question in [*self._line.seated, *self._line.waiting]:
                self._line.leave(question)
                question.box.fail(ModelError("The studio was closed before the answer's end."))
        if process is not None:
            process.close()

    @property
    def engine_pid(self) -> int | None:
        """The engine's process, if one has been started."""
        return self._process.pid if self._process else None

    def _running(self) -> EngineProcess:
        if self._process is None:
            self._heard = time.monotonic()
            self._process = EngineProcess(
                self._command, self._log, on_reply=self._hear, on_end=self._mourn
            )
        return self._process

    def _advance(self) -> None:
        """Send the engine what it has seats for, and tell those who wait where they stand."""
        for question in self._line.advance():
            question.tries += 1
            question.before, question.began, question.gave_way = 0, 0.0, False
            if len(self._line.seated) == 1:
                self._heard = time.monotonic()
            if self.rested:
                question.box.post(Update(id=question.request.id, news=self.rested))
            self._running().send(question.request)
        for before, question in enumerate(self._line.waiting, start=len(self._line.seated)):
            if question.before != before:
                question.before = before
                question.box.post(Update(id=question.request.id, waiting=before))

    def _hear(self, process: EngineProcess, reply: Reply) -> None:
        """A reply has come: hand it to whom it is for."""
        with self._lock:
            if process is not self._process:
                return
            self._heard = time.monotonic()
            self.rested = reply.why if isinstance(reply, Rested) else ""
            asked = (one for one in self._line.seated if one.request.id == reply.id)
            if (question := next(asked, None)) is None or isinstance(reply, Rested):
                return
            if not isinstance(reply, Update) or reply.done:
                self._line.leave(question)
            elif reply.rows:
                question.began = question.began or self._heard
            if isinstance(reply, Refused):
                question.box.fail(ModelError(reply.message))
            else:
                question.box.post(_with_note(reply) if question.gave_way else reply)
            self._look_after()
            self._advance()

    def _mourn(self, process: EngineProcess) -> None:
        """The engine is dead: ask again what it was answering, but nothing more than twice."""
        with self._lock:
            if process is not self._process:
                return
            self._process = None
            for question in reversed(self._line.seated):
                if question.tries < TRIES:
                    self._line.put_back(question)
                    question.box.post(Update(id=question.request.id, news=DIED))
                else:
                    self._line.leave(question)
                    question.box.fail(
                        ModelError(
                            "The chat engine stopped twice at this question (out of memory?). "
                            f"Your conversation is kept. The engine's log is {self._log}."
                        )
                    )
            self._advance()

    def _take(self, box: Mailbox) -> State | None:
        """The next state, or None if none came for a while; who waits looks after the limits."""
        if (state := box.take(WATCH)) is None:
            with self._lock:
                self._look_after()
        return state

    def _look_after(self) -> None:
        """Stop what is unread or has had its turn, and end an engine that hangs."""
        now = time.monotonic()
        seated = self._line.seated
        crowded = bool(self._line.waiting) or not all(one.began for one in seated)
        for question in seated:
            over = crowded and question.began and now - question.began > self._limits.turn
            if not question.gave_way and (over or question.box.unread() > self._limits.unread):
                question.gave_way = True
                self._running().send(Stop(id=question.request.id))
        if self._line.seated and self._process and now - self._heard > self._limits.silence:
            self._process.kill()


def _with_note(reply: State) -> State:
    """The answer with the reason why it ended early in every row that had not ended itself."""
    if not isinstance(reply, Update):
        return reply
    rows = (row if row.stopped else row.model_copy(update={"note": GAVE_WAY}) for row in reply.rows)
    return reply.model_copy(update={"rows": tuple(rows)})
