"""An engine's process without a model: it says words at a pace, and dies or hangs when asked to.

It speaks the chat's protocol on its pipes as the real one does, and answers several at once.
A question is its orders, such as "say 12" or "die": every word said names the question.
"""

import os
import sys
import threading
import time
from pathlib import Path

from studio.chat.protocol import REQUEST, Ask, Refused, Said, Stop, Update

PACE = 0.01  # seconds per word
_out = threading.Lock()
_stops: dict[int, threading.Event] = {}


def say(reply: Update | Refused) -> None:
    with _out:
        sys.stdout.write(reply.model_dump_json() + "\n")
        sys.stdout.flush()


def answer(ask: Ask) -> None:
    order, *rest = ask.rows[0].messages[-1].content.split()
    if order == "refuse":
        say(Refused(id=ask.id, message="There is no such base."))
        return
    if order == "die-once":
        flag = Path(rest[0])
        order, rest = ("die" if not flag.exists() else "say"), ["12"]
        flag.touch()
    words = int(rest[0]) if rest else 12
    for count in range(1, words + 1):
        if _stops[ask.id].is_set():
            break
        say(Update(id=ask.id, rows=rows(ask, count, stopped=False)))
        time.sleep(PACE)
        if order == "die" and count == 3:
            with _out:
                sys.stdout.write('{"kind": "upd')  # cut off in the middle of a line
                sys.stdout.flush()
            os._exit(1)
    stopped = not _stops[ask.id].is_set()
    say(Update(id=ask.id, rows=rows(ask, count, stopped=stopped), done=True))


def rows(ask: Ask, count: int, *, stopped: bool) -> tuple[Said, ...]:
    return tuple(
        Said(lane=row.lane, text=" ".join([row.messages[0].content] * count), tokens=count,
             stopped=stopped, first_token=PACE, tokens_per_second=1 / PACE)
        for row in ask.rows
    )  # fmt: skip


for line in sys.stdin:
    request = REQUEST.validate_json(line)
    if isinstance(request, Stop):
        _stops[request.id].set()
    else:
        _stops[request.id] = threading.Event()
        threading.Thread(target=answer, args=(request,), daemon=True).start()
