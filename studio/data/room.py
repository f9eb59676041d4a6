"""One child process of the sandbox: asked line by line, and killed when it breaks a limit."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import psutil

START_SECONDS = 10.0
BUSY = 20
"""How many times its own time a child is waited for while others use the processor."""
LAST_WORDS = 1 << 16  # bytes of what a child that died had to say: all that a pipe holds
KILLED = (-signal.SIGKILL, -signal.SIGXCPU)
"""How a child ends that used up its time, or for which the machine has no memory."""

_RENDERER = Path(__file__).with_name("renderer.py")


class ChildLost(Exception):
    """The child died or had to be killed; the text says of what."""


class TooSlow(ChildLost):
    """The child was killed because its time was over."""


class NotStarted(ChildLost):
    """The child died or hung before it was asked anything: no row's fault."""


class Room:
    """A locked room with one child, which is started when it is first asked."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = arguments
        self._child: subprocess.Popen[bytes] | None = None
        self._asked = 0.0
        self._used = 0.0

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
        for pipe in filter(None, (self._child.stdin, self._child.stdout, self._child.stderr)):
            # Closing writes what is left to be written, and the child no longer reads.
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        self._child = None

    def ask(self, line: bytes) -> None:
        """Send a question; `answer` must be called before the next one."""
        self._write(self._child or self._start(), line)

    def answer(self, seconds: float) -> dict[str, Any]:
        """The reply to what was asked; ChildLost, and no child, if none comes in that time.

        The seconds are the child's own on the processor: on a busy machine it is waited for longer.
        """
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
            stderr=subprocess.PIPE,
            env={},
            cwd="/",
            start_new_session=True,
        )
        # Starting Python may take seconds; that time is not the row's.
        try:
            self._write(self._child, b'={"sources": {}, "common": {}, "rows": []}\n')
            self._read(self._child, START_SECONDS)
        except ChildLost as loss:
            self.close()
            raise NotStarted(f"the rendering process does not start: {loss}") from loss
        except BaseException:
            self.close()
            raise
        return self._child

    def _write(self, child: subprocess.Popen[bytes], line: bytes) -> None:
        assert child.stdin is not None
        self._asked, self._used = time.monotonic(), _processor_seconds(child)
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
        # poll and not select: a server may well have more than 1,024 files open.
        waiting = select.poll()
        waiting.register(child.stdout, select.POLLIN)
        reply = bytearray()
        while not reply.endswith(b"\n"):
            if not waiting.poll(self._patience(child, seconds) * 1000):
                continue
            piece = os.read(child.stdout.fileno(), 1 << 16)
            if not piece:
                raise ChildLost(_cause(child))
            reply += piece
        return bytes(reply)

    def _patience(self, child: subprocess.Popen[bytes], seconds: float) -> float:
        """How long to wait at least until its time may be over; TooSlow once it is."""
        waited = time.monotonic() - self._asked
        left = seconds - (_processor_seconds(child) - self._used)
        if waited >= seconds and (left <= 0 or waited >= BUSY * seconds):
            raise TooSlow(f"it takes longer than {seconds:g} seconds")
        return max(0.01, left, seconds - waited)


def _processor_seconds(child: subprocess.Popen[bytes]) -> float:
    """What the child has had of the processor; 0 once it is gone."""
    try:
        spent = psutil.Process(child.pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(spent.user + spent.system)


def _cause(child: subprocess.Popen[bytes]) -> str:
    """What a child died of."""
    assert child.stderr is not None
    ended = child.wait()
    said = os.read(child.stderr.fileno(), LAST_WORDS).decode(errors="replace").strip()
    if ended in KILLED or "MemoryError" in said:
        return "it used up the memory or the time of the rendering process"
    return f"the rendering process ended by itself ({said.splitlines()[-1] if said else ended})"


def _parse(line: bytes) -> dict[str, Any]:
    try:
        reply = orjson.loads(line)
    except orjson.JSONDecodeError:
        # Half characters, which only the JSON of Python reads; anything else fails here too.
        reply = json.loads(line)
    assert isinstance(reply, dict)
    return reply
