"""The process that answers chats: `python -m studio.engine.chat HOME`, JSON lines on its pipes.

One thread reads requests, the main thread answers them one after another; a stop reaches the
answer in progress between two tokens. Idle, it gives its memory back when a run needs it. It
ends when its standard input is closed.
"""

import os
import queue
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import IO

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
from studio.engine.generate import Answer, answer
from studio.engine.load import Engine
from studio.engine.rest import IDLE, give_back, why_rest
from studio.engine.worker import explain
from studio.models.catalogue import find_base

PAUSE = 0.05  # seconds between two updates of a request
WATCH = 0.5  # seconds between two looks at who else needs the memory
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
        self._stops: dict[int, threading.Event] = {}

    def serve(self, lines: IO[str]) -> None:
        """Answer until the lines end."""
        asked: queue.Queue[Work | None] = queue.Queue()
        threading.Thread(target=self._listen, args=(lines, asked), daemon=True).start()
        while (request := self._next(asked)) is not None:
            try:
                self._do(request)
            except Exception as error:  # the worker's border: the page gets a sentence
                traceback.print_exc()
                self._say(Refused(id=request.id, message=explain(error)))
            finally:
                self._stops.pop(request.id, None)

    def _next(self, asked: "queue.Queue[Work | None]") -> Work | None:
        """The next request; while it does not come the memory may be needed elsewhere."""
        began = time.monotonic()
        while self._engine is not None:
            try:
                return asked.get(timeout=WATCH)
            except queue.Empty:
                idle, on_gpu = time.monotonic() - began, self._engine.device.type == "cuda"
            why = why_rest(self._home, on_gpu=on_gpu, idle=idle, longest=self._longest_idle)
            if why:
                self._engine = self._proof = None
                give_back()
                self._say(Rested(why=why))
        return asked.get()

    def _listen(self, lines: IO[str], asked: "queue.Queue[Work | None]") -> None:
        for line in lines:
            request = REQUEST.validate_json(line)
            if isinstance(request, Stop):
                if event := self._stops.get(request.id):
                    event.set()
            else:
                self._stops[request.id] = threading.Event()
                asked.put(request)
        for event in list(self._stops.values()):
            event.set()
        asked.put(None)

    def _do(self, work: Work) -> None:
        match work:
            case Ask():
                self._answer(work)
            case Explain():
                tokens = read_answer(self._ready(work), work)
                self._say(Explained(id=work.id, tokens=tokens))
            case Diverge():
                counts, kl = diverge(self._ready(work), work.replies, work.among)
                self._say(Diverged(id=work.id, tokens=counts, kl=kl))

    def _answer(self, ask: Ask) -> None:
        engine = self._ready(ask)
        last = 0.0

        def show(answers: list[Answer]) -> None:
            nonlocal last
            if time.perf_counter() - last >= PAUSE:
                last = time.perf_counter()
                self._say(Update(id=ask.id, rows=_said(ask, answers)))

        rows = [(row.lane, row.messages) for row in ask.rows]
        answers = answer(engine, rows, ask.sampling, on_step=show, stop=self._stops[ask.id])
        self._say(
            Update(
                id=ask.id,
                rows=_said(ask, answers),
                done=True,
                about=engine.about,
                proof=self._proof,
            )
        )

    def _ready(self, ask: Work) -> Engine:
        """The engine with the request's base and lanes on it; the base is loaded once."""
        base = find_base(ask.base, download=False)
        engine = self._engine
        if engine is None or (engine.base, engine.method) != (base, ask.method):
            self._engine = None  # the old base leaves the memory before the new one comes
            engine = self._engine = Engine(base, ask.method)
        before = engine.lanes
        wanted = {lane.id for lane in ask.lanes}
        for old in [lane for lane in engine.lanes[1:] if lane not in wanted][:-LANES_KEPT]:
            engine.remove_lane(old)
        for lane in ask.lanes:
            engine.add_lane(lane.id, lane.adapter, strength=lane.strength)
        if self._proof is None or engine.lanes != before:
            self._proof = engine.prove_base()
        return engine

    def _say(self, reply: Update | Explained | Diverged | Refused | Rested) -> None:
        self._out.write(reply.model_dump_json() + "\n")
        self._out.flush()


def _said(ask: Ask, answers: list[Answer]) -> tuple[Said, ...]:
    return tuple(
        Said(
            lane=row.lane,
            text=answer.text,
            tokens=len(answer.ids),
            stopped=answer.stopped,
            first_token=round(answer.first_token, 4),
            tokens_per_second=round(answer.tokens_per_second, 1),
        )
        for row, answer in zip(ask.rows, answers, strict=True)
    )


if __name__ == "__main__":
    # Libraries print; the protocol keeps the real standard output to itself.
    protocol = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    idle = float(sys.argv[2]) if len(sys.argv) > 2 else IDLE
    Chat(protocol, Path(sys.argv[1]), longest_idle=idle).serve(sys.stdin)
