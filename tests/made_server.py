"""A server that answers like an OpenAI-compatible one, or goes wrong in the way its model says."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WORDS = ["Good", " morning", ",", " 世界", "!"]


class Server(ThreadingHTTPServer):
    """What was asked of it is kept, and how often somebody left in the middle of an answer."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.left = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    """One request; the model's name chooses what happens."""

    server: Server

    def do_GET(self) -> None:
        self.reply(200, {"object": "list", "data": [{"id": "good"}, {"id": "slow"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.bodies.append(body)
        self.server.keys.append(self.headers.get("authorization"))
        try:
            getattr(self, body["model"].replace("-", "_"))(body)
        except (BrokenPipeError, ConnectionResetError):
            self.server.left.set()

    def log_message(self, *_: Any) -> None:
        pass

    def reply(self, code: int, value: Any, **headers: str) -> None:
        self.raw(code, json.dumps(value), **({"content-type": "application/json"} | headers))

    def raw(self, code: int, text: str, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def begin(self) -> None:
        self.raw(200, ": a comment\n\n", **{"content-type": "text/event-stream"})

    def chunk(self, content: str | None = None, *, finish: str | None = None, **more: Any) -> None:
        choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
        line = json.dumps({"choices": [choice]} | more)
        self.wfile.write(f"data: {line}\n\n".encode())
        self.wfile.flush()

    # ---- what a model's name means

    def good(self, body: dict[str, Any]) -> None:
        self.begin()
        said = WORDS[: body["max_tokens"]]
        for word in said:
            self.chunk(word)
        self.chunk(finish="stop" if said == WORDS else "length")
        self.wfile.write(b"data: [DONE]\n\n")

    def whole(self, _: dict[str, Any]) -> None:
        message = {"role": "assistant", "content": "".join(WORDS)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        self.reply(200, {"choices": [choice], "usage": {"completion_tokens": 5}})

    def endless(self, _: dict[str, Any]) -> None:
        self.begin()
        while True:
            self.chunk("more ")
            time.sleep(0.01)

    def slow(self, _: dict[str, Any]) -> None:
        self.begin()
        self.chunk("Well")
        time.sleep(3)
        self.chunk(finish="stop")

    def locked(self, _: dict[str, Any]) -> None:
        key = self.headers.get("authorization", "")
        self.reply(401, {"error": {"message": f"wrong key {key}"}})

    def strict(self, body: dict[str, Any]) -> None:
        key = self.headers.get("authorization", "").removeprefix("Bearer ")
        self.reply(422, {"detail": f"unexpected field top_k={body.get('top_k')} from {key}"})

    def overloaded(self, _: dict[str, Any]) -> None:
        self.reply(503, {"error": "too many"})

    def moved(self, _: dict[str, Any]) -> None:
        self.reply(307, {}, location="http://127.0.0.1:9/v1/chat/completions")

    def page(self, _: dict[str, Any]) -> None:
        self.raw(200, "<html>Welcome to nginx</html>", **{"content-type": "text/html"})

    def garbled(self, _: dict[str, Any]) -> None:
        self.begin()
        self.chunk("Well")
        self.wfile.write(b'data: {"choices": [{"delta"\n\n')

    def broken(self, _: dict[str, Any]) -> None:
        self.begin()
        self.chunk("Well")

    def pensive(self, _: dict[str, Any]) -> None:
        self.begin()
        line = {"choices": [{"delta": {"reasoning_content": "Hm"}, "finish_reason": "length"}]}
        self.wfile.write(f"data: {json.dumps(line)}\n\n".encode())

    def failing(self, _: dict[str, Any]) -> None:
        self.begin()
        self.chunk("Well")
        self.wfile.write(b'data: {"error": "CUDA out of memory"}\n\n')

    def flood(self, _: dict[str, Any]) -> None:
        self.begin()
        for _ in range(40):
            self.wfile.write(b"x" * 100_000)


@contextmanager
def serving() -> Iterator[Server]:
    """The server, until the end of the block."""
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()
