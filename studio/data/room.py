"""One child process of the sandbox: asked line by line, and killed when it breaks a limit."""

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

START_SECONDS = 30.0

_RENDERER = Path(__file__).with_name("renderer.py")


class ChildLost(Exception):
    """The child died or had to be killed; the text says of what."""


class TooSlow(ChildLost):
    """The child was killed because its time was over."""


class Room:
    """A locked room with one child, which is started when it is first asked."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = arguments
        self._child: subprocess.Popen[bytes] | None = None
        self._asked = 0.0

    @property
    def child_id(self) -> int | None:
        """Process id of the child, or None while there is none."""
        return self._child.pid if self._child else None

    def close(self) -> None:
        """End the child; the next question would start another."""
        if self._child is None:
            return
        self._child.kill()
        self._child.wait()
        for pipe in filter(None, (self._child.stdin, self._child.stdout)):
            # Closing writes what is left to be written, and the child no longer reads.
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        self._child = None

    def ask(self, line: bytes) -> None:
        """Send a question; `answer` must be called before the next one."""
        self._write(self._child or self._start(), line)

    def answer(self, seconds: float) -> dict[str, Any]:
        """The reply to what was asked; ChildLost, and no child, if none comes in that time."""
        reply = None
        try:
            assert self._child is not None
            reply = _parse(self._read(self._child, seconds))
        finally:
            # Also when a person interrupts: a late reply must not be taken for the next one's.
            if reply is None:
                self.close()
        return reply

    def _start(self) -> subprocess.Popen[bytes]:
        self._child = subprocess.Popen(
            [sys.executable, "-I", str(_RENDERER), *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
        )
        # Starting Python on a busy machine may take seconds; that time is not the row's.
        self._write(self._child, b'={"sources": {}, "common": {}, "rows": []}\n')
        try:
            self._read(self._child, START_SECONDS)
        except BaseException:
            self.close()
            raise
        return self._child

    def _write(self, child: subprocess.Popen[bytes], line: bytes) -> None:
        assert child.stdin is not None
        self._asked = time.monotonic()
        try:
            child.stdin.write(line)
            child.stdin.flush()
        except BrokenPipeError as error:
            self.close()
            raise ChildLost("the rendering process ended before it was asked") from error
        except BaseException:
            self.close()  # half a line must not begin the next one
            raise

    def _read(self, child: subprocess.Popen[bytes], seconds: float) -> bytes:
        assert child.stdout is not None
        end = self._asked + seconds
        # poll and not select: a server may well have more than 1,024 files open.
        waiting = select.poll()
        waiting.register(child.stdout, select.POLLIN)
        reply = bytearray()
        while not reply.endswith(b"\n"):
            if not waiting.poll(max(0.0, end - time.monotonic()) * 1000):
                raise TooSlow(f"it takes longer than {seconds:g} seconds")
            piece = os.read(child.stdout.fileno(), 1 << 16)
            if not piece:
                raise ChildLost("it used up the memory or the time of the rendering process")
            reply += piece
        return bytes(reply)


def _parse(line: bytes) -> dict[str, Any]:
    try:
        reply = orjson.loads(line)
    except orjson.JSONDecodeError:
        # Half characters, which only the JSON of Python reads; anything else fails here too.
        reply = json.loads(line)
    assert isinstance(reply, dict)
    return reply
