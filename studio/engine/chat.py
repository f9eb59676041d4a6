"""The process that answers chats: `python -m studio.engine.chat HOME`, JSON lines on its pipes.

One thread reads requests, the main thread answers them: as many as fit in one batch, the others
one after another. A stop reaches an answer between two tokens. Idle, the process gives its
memory back when a run needs it. It ends when its standard input is closed.
"""

import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psutil
import torch

from studio.chat.precision import unpacks
from studio.chat.protocol import (
    REQUEST,
    Ask,
    Diverge,
    Diverged,
    Explain,
    Explained,
    Refused,
    Rested,
    Said,
    Stop,
    Update,
)
from studio.engine.explain import diverge, read_answer
from studio.engine.generate import Answer, answer, raw_text
from studio.engine.load import Engine
from studio.engine.rest import IDLE, give_back, why_rest
from studio.engine.shared import Part, go_on
from studio.engine.weights import pick_device
from studio.errors import ModelError, StudioError
from studio.models.catalogue import find_base

PAUSE = 0.05  # seconds between two updates of a request
WATCH = 0.5  # seconds between two looks at who else needs the memory
MOST_ROWS = 32  # rows of a batch above which nobody else joins it
LANES_KEPT = 8  # tuned lanes that stay on the base between requests

Work = Ask | Explain | Diverge
"""What needs the model."""


class Chat:
    """Keeps one base and the lanes last used, and answers requests about them."""

    def __init__(self, out: IO[str], home: Path, *, longest_idle: float = IDLE) -> None:
        self._out = out
        self._home = home
        self._longest_idle = longest_idle
        self._engine: Engine | None = None
        self._proof: float | None = None
        self._asked: queue.Queue[Work | None] = queue.Queue()
        self._later: list[Work] = []
        self._stops: dict[int, threading.Event] = {}

    def serve(self, lines: IO[str]) -> None:
        """Answer until the lines end."""
        threading.Thread(target=self._listen, args=(lines,), daemon=True).start()
        while (work := self._next()) is not None:
            if isinstance(work, Ask):
                self._answer(work)
            else:
                self._read(work)

    def _next(self) -> Work | None:
        """The next request; while it does not come the memory may be needed elsewhere."""
        began = time.monotonic()
        if self._later:
            return self._later.pop()
        while self._engine is not None:
            try:
                return self._asked.get(timeout=WATCH)
            except queue.Empty:
                idle, on_gpu = time.monotonic() - began, self._engine.device.type == "cuda"
            why = why_rest(self._home, on_gpu=on_gpu, idle=idle, longest=self._longest_idle)
            if why:
                self._engine = self._proof = None
                give_back()
                self._say(Rested(why=why))
        return self._asked.get()

    def _listen(self, lines: IO[str]) -> None:
        for line in lines:
            request = REQUEST.validate_json(line)
            if isinstance(request, Stop):
                if event := self._stops.get(request.id):
                    event.set()
            else:
                self._stops[request.id] = threading.Event()
                self._asked.put(request)
        for event in list(self._stops.values()):
            event.set()
        self._asked.put(None)

    def _answer(self, ask: Ask) -> None:
        """Answer a question, and with it all that come meanwhile and fit into its batch."""
        parts = self._admit(ask, [])
        while parts:
            while self._fits(parts):
                work = self._asked.get()
                if isinstance(work, Ask):
                    parts += self._admit(work, parts)
                elif work is not None:
                    self._read(work, beside=parts)  # takes a moment
            parts = self._say_more(parts)

    def _fits(self, parts: Sequence[Part]) -> bool:
        """Whether the next request can be dealt with while these answers are under way."""
        with self._asked.mutex:
            head = self._asked.queue[0] if self._asked.queue else None
        if head is None or self._later or sum(len(part.rows) for part in parts) >= MOST_ROWS:
            return False
        return (head.base, head.method) == (parts[0].ask.base, parts[0].ask.method)

    def _admit(self, ask: Ask, parts: Sequence[Part]) -> list[Part]:
        """The question as a part of the batch; none if it cannot be one, and is dealt with."""
        with self._border(ask):
            engine = self._ready(ask, beside=[part.ask for part in parts])
            if not any(engine.apart(row.lane) for row in ask.rows):
                return [Part(engine, ask, self._stops[ask.id])]
            if parts:
                self._later.append(ask)  # its lanes share no batch: right after the others
            else:
                self._answer_apart(engine, ask)
        return []

    def _say_more(self, parts: Sequence[Part]) -> list[Part]:
        """Go on with these answers for a while; those that are not over yet."""
        assert self._engine is not None
        for part in parts:
            self._show(part)
        if not (going := [part for part in parts if not part.over]):
            return []

        def called() -> bool:
            return self._fits(going)

        try:
            go_on(self._engine, going, show=self._show, called=called, kept=self._engine.kept)
        except Exception as error:  # the worker's border: too much at once may do one by one
            if len(going) > 1:
                traceback.print_exc()
                return [left for part in going for left in self._say_more([part])]
            self._refuse(going[0].ask, error)
            return []
        return going

    def _show(self, part: Part) -> None:
        """Tell the page how far a question has come; once that it is over."""
        assert self._engine is not None
        if part.over and not part.told:
            part.told = True
            self._conclude(self._engine, part.ask, part.answers)
        elif not part.told and time.perf_counter() - part.shown >= PAUSE:
            part.shown = time.perf_counter()
            self._say(Update(id=part.ask.id, rows=_said(part.ask, part.answers)))

    def _answer_apart(self, engine: Engine, ask: Ask) -> None:
        """Answer a question of which some lanes share no batch."""
        last = 0.0

        def show(answers: list[Answer]) -> None:
            nonlocal last
            if time.perf_counter() - last >= PAUSE:
                last = time.perf_counter()
                self._say(Update(id=ask.id, rows=_said(ask, answers)))

        stop = self._stops[ask.id]
        answers = answer(engine, ask.rows, ask.sampling, on_step=show, stop=stop, kept=engine.kept)
        self._conclude(engine, ask, answers)

    def _conclude(self, engine: Engine, ask: Ask, answers: Sequence[Answer]) -> None:
        """The last that is said about a question."""
        rows = [
            said.model_copy(update={"raw": raw_text(engine, row, one)})
            for said, row, one in zip(_said(ask, answers), ask.rows, answers, strict=True)
        ]
        self._stops.pop(ask.id, None)
        self._say(
            Update(
                id=ask.id,
                rows=tuple(rows),
                done=True,
                about=engine.about,
                proof=self._proof,
                memory=engine.memory,
            )
        )

    def _read(self, work: Explain | Diverge, *, beside: Sequence[Part] = ()) -> None:
        """Deal with a request for numbers about answers that were given already."""
        with self._border(work):
            engine = self._ready(work, beside=[part.ask for part in beside])
            if isinstance(work, Explain):
                self._say(Explained(id=work.id, tokens=read_answer(engine, work)))
            else:
                counts, kl = diverge(engine, work.replies, work.among)
                self._say(Diverged(id=work.id, tokens=counts, kl=kl))
            self._stops.pop(work.id, None)

    @contextmanager
    def _border(self, work: Work) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # the worker's border: the page gets a sentence
            self._refuse(work, error)

    def _refuse(self, work: Work, error: Exception) -> None:
        traceback.print_exception(error)
        self._stops.pop(work.id, None)
        self._say(Refused(id=work.id, message=_why(error)))

    def _ready(self, ask: Work, *, beside: Sequence[Ask] = ()) -> Engine:
        """The engine with the request's base and lanes on it; the base is loaded once.

        Lanes of those who are answered `beside` it stay.
        """
        base = find_base(ask.base, download=False)
        engine = self._engine
        if engine is None or (engine.base, engine.method) != (base, ask.method):
            # The old base leaves the memory before the new one comes, and its proof with it.
            engine = self._engine = self._proof = None
            give_back()
            free, on_gpu = psutil.virtual_memory().available, pick_device().type == "cuda"
            unpacked = unpacks(base, ask.method, on_gpu=on_gpu, free=free)
            engine = self._engine = Engine(base, ask.method, unpacked=unpacked)
        # Whatever fails below, what is on the base by then has not been proved.
        before, proof, self._proof = engine.adapters, self._proof, None
        wanted = {lane.id for one in (ask, *beside) for lane in one.lanes}
        for old in [lane for lane in engine.lanes[1:] if lane not in wanted][:-LANES_KEPT]:
            engine.remove_lane(old)
        for lane in ask.lanes:
            engine.add_lane(lane.id, lane.adapter, strength=lane.strength)
        same = proof is not None and engine.adapters == before
        try:
            self._proof = proof if same else engine.prove_base()
        except ModelError:
            if not beside:  # the next question loads it anew
                self._engine = None
            raise
        return engine

    def _say(self, reply: Update | Explained | Diverged | Refused | Rested) -> None:
        self._out.write(reply.model_dump_json() + "\n")
        self._out.flush()


def _why(error: Exception) -> str:
    """One sentence for the page, with the next step where we know one."""
    if isinstance(error, StudioError):
        return str(error)
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return "The memory is full. Ask fewer lanes at once, or begin a new conversation."
    first_line = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first_line}. See chat.log in the home folder's logs."


def _said(ask: Ask, answers: Sequence[Answer]) -> tuple[Said, ...]:
    return tuple(
        Said(
            lane=row.lane,
            text=answer.text,
            tokens=len(answer.ids),
            stopped=answer.stopped,
            first_token=round(answer.first_token, 4),
            tokens_per_second=round(answer.tokens_per_second, 1),
            note=answer.note,
        )
        for row, answer in zip(ask.rows, answers, strict=True)
    )


if __name__ == "__main__":
    # Libraries print; the protocol keeps the real standard output to itself.
    protocol = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    idle = float(sys.argv[2]) if len(sys.argv) > 2 else IDLE
    Chat(protocol, Path(sys.argv[1]), longest_idle=idle).serve(sys.stdin)
