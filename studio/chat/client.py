"""The page's end of the chat: starts the engine's process and asks it, one request at a time."""

import itertools
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from studio.chat.protocol import (
    REPLY,
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
from studio.tuning.launch import worker_environment

ENGINE = [sys.executable, "-m", "studio.engine.chat"]


class ChatClient:
    """Asks one engine process; starts it when first needed, and again if it died.

    Requests queue up behind a lock: PEFT's adapter switches are global to a model, so two
    answers at once would disturb each other. All lanes of one request share one batch.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()
        self._sending = threading.Lock()
        self._numbers = itertools.count(1)

    def warm_up(self) -> None:
        """Start the engine's process, so that its libraries load before the first question."""
        with self._turn:
            self._running()

    def ask(
        self,
        rows: Sequence[Row],
        *,
        base: str,
        method: Literal["qlora", "lora"],
        lanes: Sequence[Lane] = (),
        sampling: Sampling | None = None,
    ) -> Generator[Update]:
        """Yield all rows' texts as they grow; the last update is `done`.

        Closing the iterator early stops the answers. Raises ModelError for a request that
        cannot be answered, or if the engine died.
        """
        with self._turn:
            ask = Ask(
                id=next(self._numbers),
                base=base,
                method=method,
                lanes=tuple(lanes),
                rows=tuple(rows),
                sampling=sampling or Sampling(),
            )
            self._send(ask)
            finished = False
            try:
                for update in self._updates(ask.id):
                    finished = update.done
                    yield update
            except ModelError:
                finished = True
                raise
            finally:
                if not finished:
                    self._drain(ask.id)

    def explain(self, request: Explain) -> Explained:
        """One answer read in two lanes; the request's id is set here."""
        reply = self._read(request)
        assert isinstance(reply, Explained)
        return reply

    def diverge(self, request: Diverge) -> Diverged:
        """How far lanes are from the base along given answers; the request's id is set here."""
        reply = self._read(request)
        assert isinstance(reply, Diverged)
        return reply

    def _read(self, request: Explain | Diverge) -> Update | Explained | Diverged | Rested:
        with self._turn:
            asked = request.model_copy(update={"id": next(self._numbers)})
            self._send(asked)
            return next(self._replies(asked.id))

    def close(self) -> None:
        """Send the engine home, once the answer in progress has ended."""
        with self._turn:
            if self._process is not None and self._process.stdin is not None:
                with suppress(BrokenPipeError):
                    self._process.stdin.close()
                try:
                    self._process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
                self._process = None

    def _updates(self, number: int) -> Iterator[Update]:
        for reply in self._replies(number):
            if isinstance(reply, Update):
                yield reply
                if reply.done:
                    return

    def _replies(self, number: int) -> Iterator[Update | Explained | Diverged | Rested]:
        process = self._running()
        assert process.stdout is not None
        for line in process.stdout:
            reply = REPLY.validate_json(line)
            if reply.id != number:
                continue
            if isinstance(reply, Refused):
                raise ModelError(reply.message)
            yield reply
        process.wait()
        raise ModelError(
            "The chat engine stopped unexpectedly (out of memory?). Your conversation is kept; "
            f"ask again and it is started anew. Its log is {self._log}."
        )

    def _drain(self, number: int) -> None:
        """Nobody listens any more: stop the answer, and read until it has ended."""
        with suppress(ModelError):
            self._send(Stop(id=number))
            for _ in self._updates(number):
                pass

    def _send(self, request: Ask | Explain | Diverge | Stop) -> None:
        process = self._running()
        assert process.stdin is not None
        try:
            with self._sending:
                process.stdin.write(request.model_dump_json().encode() + b"\n")
                process.stdin.flush()
        except BrokenPipeError:
            process.wait()
            raise ModelError(
                f"The chat engine has stopped; ask again to restart it. Its log is {self._log}."
            ) from None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    ENGINE,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=worker_environment(),
                )
        return self._process
