"""A locked room for templates: small child processes with limits, killed and replaced on a breach.

    with Sandbox() as sandbox:
        sandbox.render({"prompt": "Say {{ word }}."}, {"word": "hello"})

gives {"prompt": "Say hello."}. Jinja's sandbox stops a template from reaching Python, but
not from eating memory or time (`{{ 'a' * 900000000 }}`), so rendering happens in other processes
with hard limits. One child renders many rows, two share many; a breach costs a child its life and
the caller one clear error.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from studio.data.jinja_source import columns_read
from studio.data.readers import Row
from studio.data.renderer import CHAT, CPU_SECONDS
from studio.data.room import ChildLost, NotStarted, Room, TooSlow
from studio.data.rows_as_json import write_rows
from studio.errors import RenderingError, TemplateError

SOURCE_BYTES = 16_000
CHAT_SOURCE_BYTES = 64_000
OUTPUT_CHARACTERS = 200_000
ROW_SECONDS = 4.0
CHILDREN = 2
BATCH_ROWS = 1000
BATCH_BYTES = 2_000_000
FEWER = 16
"""By how much smaller groups find the row that costs a child its life."""

Texts = dict[str, list[str]]
"""By source, what it gives for each row."""


@dataclass(frozen=True)
class _Work:
    """Rows to render with the same sources, and what to call them in errors."""

    sources: Mapping[str, str]
    rows: Sequence[Row]
    numbers: Sequence[int]
    what: str
    common: Row

    def batches(self, start: int, end: int, *, most: int) -> Iterator[tuple[int, int, bytes]]:
        """Questions with at most so many rows, each with the places of its rows."""
        for first in range(start, end, most):
            yield from self._halved(first, min(first + most, end))

    def _halved(self, start: int, end: int) -> Iterator[tuple[int, int, bytes]]:
        line = write_rows(
            {"sources": dict(self.sources), "output_limit": OUTPUT_CHARACTERS,
             "common": self.common},
            self.rows[start:end], self._columns, numbers=self.numbers[start:end], what=self.what,
        )  # fmt: skip
        if len(line) <= BATCH_BYTES or end - start == 1:
            yield start, end, line
        else:
            middle = (start + end) // 2
            yield from self._halved(start, middle)
            yield from self._halved(middle, end)

    @property
    def _columns(self) -> tuple[str, ...] | None:
        """The columns that the sources read; None for all."""
        read: set[str] = set()
        for source in self.sources.values():
            columns = columns_read(source)
            if columns is None:
                return None
            read |= columns
        return tuple(sorted(read - self.common.keys()))


class Sandbox:
    """Renders Jinja templates with rows in child processes; one sandbox belongs to one thread.

    With `chat` it speaks the dialect of chat templates.
    """

    def __init__(self, *, row_seconds: float = ROW_SECONDS, chat: bool = False) -> None:
        self.row_seconds = row_seconds
        self._source_bytes = CHAT_SOURCE_BYTES if chat else SOURCE_BYTES
        self._rooms = [Room([CHAT] * chat) for _ in range(CHILDREN)]

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
        """Process id of the first child, or None while there is none."""
        return self._rooms[0].child_id

    def close(self) -> None:
        """End the children; the next rendering would start others."""
        for room in self._rooms:
            room.close()

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

        As `render_columns`, with the texts of a row together.
        """
        texts = self.render_columns(sources, rows, numbers=numbers, what=what)
        return [{name: texts[name][place] for name in sources} for place in range(len(rows))]

    def render_columns(
        self,
        sources: Mapping[str, str],
        rows: Sequence[Row],
        *,
        numbers: Sequence[int] | None = None,
        what: str = "template",
        common: Row | None = None,
        told: Callable[[int], None] = lambda done: None,
    ) -> Texts:
        """Render every source with every row: the texts of each source, in the order of the rows.

        `numbers` are the rows' numbers in error messages (1, 2, ... by default); `common` are
        columns that every row has alike; how many rows are done is `told` after each batch.
        TemplateError names the first row that fails, why, and changes nothing else: the sandbox
        stays usable.
        """
        for source in sources.values():
            if len(source.encode()) > self._source_bytes:
                raise TemplateError(
                    f"{what} is longer than {self._source_bytes:,} bytes; move text into the rows."
                )
        names = numbers if numbers is not None else range(1, len(rows) + 1)
        work = _Work(sources, rows, names, what, common or {})
        done: Texts = {name: [] for name in sources}
        under_way: deque[tuple[Room, int, int]] = deque()
        batches = enumerate(work.batches(0, len(rows), most=BATCH_ROWS))
        try:
            while True:
                if len(under_way) < len(self._rooms) and (batch := next(batches, None)):
                    place, (start, end, line) = batch
                    room = self._rooms[place % len(self._rooms)]
                    under_way.append((room, start, end))
                    self._ask(room, line)
                    continue
                if not under_way:
                    return done
                room, start, end = under_way.popleft()
                self._collect(work, done, room, start, end)
                told(end)
        finally:
            for room, *_ in under_way:
                room.close()

    def _ask(self, room: Room, line: bytes) -> None:
        """Send a batch; a child that is dead is noticed when its answer is wanted."""
        try:
            room.ask(line)
        except ChildLost:
            room.close()

    def _collect(self, work: _Work, done: Texts, room: Room, start: int, end: int) -> None:
        """Take what a child has rendered, and see to it that the rest of the batch is."""
        count = 0
        if room.child_id is not None:
            try:
                count = self._take(work, done, room, start)
            except ChildLost:
                count = 0
        if count < end - start:
            self._go_on(work, done, room, start + count, end)

    def _go_on(self, work: _Work, done: Texts, room: Room, start: int, end: int) -> None:
        """Render in ever smaller groups, so that the row that costs a child its life is named."""
        together = max(1, (end - start) // FEWER)
        while start < end:
            is_fresh = room.child_id is None
            _, last, line = next(work.batches(start, end, most=together))
            try:
                room.ask(line)
                start += self._take(work, done, room, start)
            except NotStarted as loss:
                raise RenderingError(f"{work.what}: {loss}; try again.") from loss
            except ChildLost as loss:
                # A child that served before may have died of something else than this row.
                if last - start == 1 and (is_fresh or isinstance(loss, TooSlow)):
                    raise TemplateError(
                        f"{work.what}, row {work.numbers[start]}: {loss}."
                    ) from loss
                together = max(1, (last - start) // FEWER)

    def _take(self, work: _Work, done: Texts, room: Room, start: int) -> int:
        """Add what a child answers and give the number of rows; TemplateError if one failed."""
        reply = room.answer(self.row_seconds)
        # A long and honest piece of work must not die of the CPU limit meant for a bomb.
        if reply["seconds"] > CPU_SECONDS / 2:
            room.close()
        texts: Texts = reply["done"]
        for name in done:
            done[name] += texts[name]
        count = len(next(iter(texts.values()), ()))
        if reply["failure"]:
            failed = start + count
            reason = _explain(reply["failure"], work.numbers[failed], work.rows[failed])
            raise TemplateError(f"{work.what}{reason}")
        return count


def _explain(failure: Mapping[str, Any], number: int, row: Row) -> str:
    missing = failure.get("undefined")
    if missing:
        columns = ", ".join(row) or "none"
        return f": '{missing}' is not a column of row {number}; columns are {columns}."
    return f", row {number}, {failure['source']}: {failure['reason']}."
