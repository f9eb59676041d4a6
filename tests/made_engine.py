"""An engine's process without a model: it says words at a pace, and dies or hangs when asked to.

It speaks the chat's protocol on its pipes as the real one does, and answers several at once.
The last message of a question is its orders, such as "say 12" or "die"; the first one is the
word that is said. Plain JSON, so that it starts in no time.
"""

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

PACE = 0.01  # seconds per word
_out = threading.Lock()
_stops: dict[int, threading.Event] = {}


def say(**reply: Any) -> None:
    with _out:
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


def show(ask: dict[str, Any], count: int, *, done: bool = False, stopped: bool = False) -> None:
    rows = [
        {"lane": row["lane"], "text": " ".join([row["messages"][0]["content"]] * count),
         "tokens": count, "stopped": stopped, "first_token": PACE, "tokens_per_second": 1 / PACE}
        for row in ask["rows"]
    ]  # fmt: skip
    say(kind="update", id=ask["id"], rows=rows, done=done)


def answer(ask: dict[str, Any]) -> None:
    order, *rest = ask["rows"][0]["messages"][-1]["content"].split()
    if order == "refuse":
        say(kind="refused", id=ask["id"], message="There is no such base.")
        return
    if order == "die-once":
        flag = Path(rest[0])
        order, rest = ("say" if flag.exists() else "die"), ["12"]
        flag.touch()
    count, stop = 0, _stops[ask["id"]]
    while count < (int(rest[0]) if rest else 12) and not stop.wait(PACE):
        count += 1
        show(ask, count)
        if order == "die" and count == 3:
            with _out:
                sys.stdout.write('{"kind": "upd')  # cut off in the middle of a line
                sys.stdout.flush()
                os._exit(1)
    show(ask, count, done=True, stopped=not stop.is_set())


for line in sys.stdin:
    request = json.loads(line)
    if request["do"] == "stop":
        _stops[request["id"]].set()
    else:
        _stops[request["id"]] = threading.Event()
        threading.Thread(target=answer, args=(request,), daemon=True).start()
