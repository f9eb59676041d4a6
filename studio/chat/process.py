"""The engine's process as its client sees it: lines in, replies out, and the news of its end."""

import queue
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError

from studio.chat.protocol import REPLY, Diverged, Explained, Refused, Rested, Update
from studio.tuning.launch import worker_environment

Reply = Update | Explained | Diverged | Refused | Rested


class EngineProcess:
    """One started engine; two threads keep its pipes moving, so nobody ever waits for it.

    `on_reply` and `on_end` are called from a thread of this process, one call at a time.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        on_reply: Callable[["EngineProcess", Reply], None],
        on_end: Callable[["EngineProcess"], None],
    ) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=worker_environment(),
            )
        self._on_reply = on_reply
        self._on_end = on_end
        self._letters: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=self._write, daemon=True).start()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its number on this machine."""
        return self._process.pid

    def send(self, request: BaseModel) -> None:
        """Pass a request on; returns at once, and says nothing if the process is dead."""
        self._letters.put(request.model_dump_json().encode() + b"\n")

    def kill(self) -> None:
        """End it at once; `on_end` follows."""
        self._process.kill()

    def close(self, patience: float) -> None:
        """Let it end by itself, for so many seconds, then end it; returns once it is gone."""
        self._letters.put(None)
        try:
            self._process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(timeout=patience)

    def _write(self) -> None:
        assert self._process.stdin is not None
        try:
            while (letter := self._letters.get()) is not None:
                self._process.stdin.write(letter)
                self._process.stdin.flush()
            self._process.stdin.close()
        except BrokenPipeError:
            return  # it is dead; the reader tells

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                reply = REPLY.validate_json(line)
            except ValidationError:  # cut off by its death, or not our engine's words at all
                self._process.kill()
                break
            self._on_reply(self, reply)
        self._process.wait()
        self._letters.put(None)
        self._on_end(self)
