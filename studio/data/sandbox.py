"""A locked room for templates: a small child process with limits, killed and replaced on a breach.

    with Sandbox() as sandbox:
        sandbox.render({"prompt": "Say {{ word }}."}, {"word": "hello"})

gives {"prompt": "Say hello."}. Jinja's sandbox stops a template from reaching Python, but
not from eating memory or time (`{{ 'a' * 900000000 }}`), so rendering happens in another process
with hard limits. One child renders many rows; a breach costs that child its life and the caller
one clear error.
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from studio.data.readers import Row
from studio.data.renderer import CHAT, CPU_SECONDS
from studio.errors import TemplateError

SOURCE_BYTES = 16_000
CHAT_SOURCE_BYTES = 64_000
OUTPUT_CHARACTERS = 200_000
ROW_SECONDS = 4.0
START_SECONDS = 30.0
BATCH_ROWS = 256
BATCH_CHARACTERS = 1_000_000

_RENDERER = Path(__file__).with_name("renderer.py")


class _ChildLost(Exception):
    """The child died or had to be killed; the text says of what."""


class _TooSlow(_ChildLost):
    """The child was killed because its time was over."""


class Sandbox:
    """Renders Jinja templates with rows in a child process; one sandbox belongs to one thread.

    With `chat` it speaks the dialect of chat templates.
    """

    def __init__(self, *, row_seconds: float = ROW_SECONDS, chat: bool = False) -> None:
        self.row_seconds = row_seconds
        self._source_bytes = CHAT_SOURCE_BYTES if chat else SOURCE_BYTES
        self._dialect = [CHAT] * chat
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def child_id(self) -> int | None:
        """Process id of the child, or None while there is none."""
        return self._child.pid if self._child else None

    def close(self) -> None:
        """End the child; the next rendering would start another."""
        if self._child is None:
            return
        self._child.kill()
        self._child.wait()
        for pipe in filter(None, (self._child.stdin, self._child.stdout)):
            # Closing writes what is left to be written, and the child no longer reads.
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        self._child = None

    def render(
        self, sources: Mapping[str, str], row: Row, *, number: int = 1, what: str = "template"
    ) -> dict[str, str]:
        """Render every source with one row; errors speak of `what` and of row `number`."""
        return self.render_many(sources, [row], numbers=[number], what=what)[0]

    def render_many(
        self,
        sources: Mapping[str, str],
        rows: Sequence[Row],
        *,
        numbers: Sequence[int] | None = None,
        what: str = "template",
    ) -> list[dict[str, str]]:
        """Render every source with every row: one dictionary of texts per row, in order.

        `numbers` are the rows' numbers in error messages (1, 2, ... by default). TemplateError
        names the first row that fails, why, and changes nothing else: the sandbox stays usable.
        """
        for source in sources.values():
            if len(source.encode()) > self._source_bytes:
                raise TemplateError(
                    f"{what} is longer than {self._source_bytes:,} bytes; move text into the rows."
                )
        names = numbers if numbers is not None else range(1, len(rows) + 1)
        written = [_write(row, what, number) for row, number in zip(rows, names, strict=True)]
        texts: list[dict[str, str]] = []
        for batch in _batches(written):
            texts += self._render_batch(sources, written[batch], rows[batch], names[batch], what)
        return texts

    def _render_batch(
        self,
        sources: Mapping[str, str],
        written: Sequence[str],
        rows: Sequence[Row],
        numbers: Sequence[int],
        what: str,
    ) -> list[dict[str, str]]:
        """Render rows together; if the child is lost, one by one, so that the row can be named."""
        texts: list[dict[str, str]] = []
        together = len(written)
        while len(texts) < len(written):
            start = len(texts)
            is_fresh = self._child is None
            try:
                reply = self._ask(sources, written[start : start + together])
            except _ChildLost as loss:
                # A child that served before may have died of something else than this row.
                if together == 1 and (is_fresh or isinstance(loss, _TooSlow)):
                    raise TemplateError(f"{what}, row {numbers[start]}: {loss}.") from loss
                together = 1
                continue
            texts += reply["done"]
            if reply["failure"]:
                failed = len(texts)
                reason = _explain(reply["failure"], numbers[failed], rows[failed])
                raise TemplateError(f"{what}{reason}")
        return texts

    def _ask(self, sources: Mapping[str, str], written: Sequence[str]) -> dict[str, Any]:
        head = json.dumps({"sources": dict(sources), "output_limit": OUTPUT_CHARACTERS})
        line = f'{head[:-1]}, "rows": [{",".join(written)}]}}\n'.encode()
        reply = None
        try:
            child = self._child or self._start()
            reply = json.loads(self._exchange(child, line))
        finally:
            # Also when a person interrupts: a late reply must not be taken for the next one's.
            if reply is None:
                self.close()
        assert isinstance(reply, dict)
        # A long and honest piece of work must not die of the CPU limit meant for a bomb.
        if reply["seconds"] > CPU_SECONDS / 2:
            self.close()
        return reply

    def _start(self) -> subprocess.Popen[bytes]:
        self._child = subprocess.Popen(
            [sys.executable, "-I", str(_RENDERER), *self._dialect],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
        )
        # Starting Python on a busy machine may take seconds; that time is not the row's.
        self._exchange(self._child, b'{"sources": {}, "rows": []}\n', START_SECONDS)
        return self._child

    def _exchange(
        self, child: subprocess.Popen[bytes], line: bytes, seconds: float | None = None
    ) -> bytes:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(line)
            child.stdin.flush()
        except BrokenPipeError as error:
            raise _ChildLost("the rendering process ended before it was asked") from error
        allowed = seconds if seconds is not None else self.row_seconds
        end = time.monotonic() + allowed
        # poll and not select: a server may well have more than 1,024 files open.
        waiting = select.poll()
        waiting.register(child.stdout, select.POLLIN)
        reply = bytearray()
        while not reply.endswith(b"\n"):
            if not waiting.poll(max(0.0, end - time.monotonic()) * 1000):
                raise _TooSlow(f"it takes longer than {allowed:g} seconds")
            piece = os.read(child.stdout.fileno(), 1 << 16)
            if not piece:
                raise _ChildLost("it used up the memory or the time of the rendering process")
            reply += piece
        return bytes(reply)


def _write(row: Row, what: str, number: int) -> str:
    try:
        return json.dumps(row, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise TemplateError(
            f"{what}, row {number}: a column holds something that is not plain text, a number, "
            f"a list or a mapping ({error})."
        ) from error


def _batches(written: Sequence[str]) -> Iterator[slice]:
    start = size = 0
    for index, text in enumerate(written):
        if index > start and (index - start >= BATCH_ROWS or size + len(text) > BATCH_CHARACTERS):
            yield slice(start, index)
            start, size = index, 0
        size += len(text)
    if written:
        yield slice(start, len(written))


def _explain(failure: Mapping[str, str | None], number: int, row: Row) -> str:
    missing = failure.get("undefined")
    if missing:
        columns = ", ".join(row) or "none"
        return f": '{missing}' is not a column of row {number}; columns are {columns}."
    return f", row {number}, {failure['source']}: {failure['reason']}."
