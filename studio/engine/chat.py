"""The process that answers chats: `python -m studio.engine.chat`, JSON lines on its pipes.

One thread reads requests, the main thread answers them one after another; a stop reaches the
answer in progress between two tokens. It ends when its standard input is closed.
"""

import os
import queue
import sys
import threading
import time
import traceback
from typing import IO

from studio.chat.protocol import (
    REQUEST,
    Ask,
    Diverge,
    Diverged,
    Explain,
    Explained,
    Refused,
    Said,
    Stop,
    Update,
)
from studio.engine.explain import diverge, read_answer
from studio.engine.generate import Answer, answer
from studio.engine.load import Engine
from studio.engine.worker import explain
from studio.models.catalogue import find_base

PAUSE = 0.05  # seconds between two updates of a request
LANES_KEPT = 8  # tuned lanes that stay on the base between requests

Work = Ask | Explain | Diverge
"""What needs the model."""


class Chat:
    """Keeps one base and the lanes last used, and answers requests about them."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._engine: Engine | None = None
        self._proof: float | None = None
        self._stops: dict[int, threading.Event] = {}

    def serve(self, lines: IO[str]) -> None:
        """Answer until the lines end."""
        asked: queue.Queue[Work | None] = queue.Queue()
        threading.Thread(target=self._listen, args=(lines, asked), daemon=True).start()
        while (request := asked.get()) is not None:
            try:
                self._do(request)
            except Exception as error:  # the worker's border: the page gets a sentence
                traceback.print_exc()
                self._say(Refused(id=request.id, message=explain(error)))
            finally:
                self._stops.pop(request.id, None)

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

    def _say(self, reply: Update | Explained | Diverged | Refused) -> None:
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
    Chat(protocol).serve(sys.stdin)
