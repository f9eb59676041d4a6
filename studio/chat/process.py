"""The engine's process as its client sees it: lines in, replies out, and the news of its end."""

import queue
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
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

    def close(self) -> None:
        """End it, and return once it is gone; it holds nothing worth waiting for."""
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _write(self) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin as pipe:  # if dead, the reader tells
            while (letter := self._letters.get()) is not None:
                pipe.write(letter)
                pipe.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            for line in pipe:
                try:
                    reply = REPLY.validate_json(line)
                except ValidationError:  # cut off by its death, or not our engine's words at all
                    self._process.kill()
                    break
                self._on_reply(self, reply)
        self._process.wait()
        self._letters.put(None)
        self._on_end(self)
