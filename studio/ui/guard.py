"""Keeps other web sites away from the page: who may ask, from where, and what a browser may load.

A page on 127.0.0.1 can be reached by every web site a person visits: by a form posted across
sites, or by a host name that suddenly points here (DNS rebinding). So requests are checked for
the name they were sent to and for the site they come from.
"""

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

# Gradio needs inline script and style; its HTML component compiles templates, hence eval.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; worker-src 'self' blob:; base-uri 'self'; form-action 'self'; "
    "object-src 'none'; frame-ancestors "
)
CLOSED = ("token", "deep_link", "runs", "run-history", "vibe", "dev", "proxy=", "openapi.json")
BODY_BYTES = 60_000_000


class Guard:
    """Wraps a web app and refuses requests that another site may have caused."""

    def __init__(self, app: App, *, hosts: Iterable[str] = (), framed_by: str = "'self'") -> None:
        self._app = app
        self._hosts = {"localhost", socket.gethostname().lower(), *map(str.lower, hosts)}
        self._added = [
            (b"content-security-policy", (POLICY + framed_by).encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-resource-policy", b"same-origin"),
        ]

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Let a request through with the guard's headers on its answer, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if refusal := self._refuse(scope):
            await _answer(send, *refusal)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [
                    header
                    for header in message.get("headers", [])
                    if not header[0].lower().startswith(b"access-control-")
                ]
                message = {**message, "headers": [*kept, *self._added]}
            await send(message)

        await self._app(scope, receive, send_guarded)

    def _refuse(self, scope: Message) -> tuple[int, str] | None:
        headers = {name.decode("latin-1").lower(): value for name, value in scope["headers"]}
        host = headers.get("host", b"").decode("latin-1").lower()
        if not self._knows(host):
            return 421, "This studio does not answer to that name."
        origin = headers.get("origin")
        if origin is not None and not self._is_own(origin.decode("latin-1").lower(), host):
            return 403, "Requests from other sites are refused."
        site = headers.get("sec-fetch-site", b"same-origin")
        if site in (b"cross-site", b"same-site") and not _opens_page(scope):
            return 403, "Requests from other sites are refused."
        place = scope["path"].removeprefix("/gradio_api/")
        if place != scope["path"] and place.startswith(CLOSED):
            return 404, "There is nothing here."
        length = headers.get("content-length", b"0")
        if not length.isdigit() or int(length) > BODY_BYTES:
            return 413, f"That is too much at once; {BODY_BYTES // 1_000_000} MB is the most."
        return None

    def _knows(self, host: str) -> bool:
        name = _without_port(host)
        return name in self._hosts or _is_address(name)

    def _is_own(self, origin: str, host: str) -> bool:
        scheme, _, place = origin.partition("://")
        if scheme not in ("http", "https"):
            return False
        return place == host or (scheme == "https" and place in self._hosts)


def _opens_page(scope: Message) -> bool:
    """Following a link from another site to the page itself is fine."""
    return scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == "/"


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_address(name: str) -> bool:
    """An address written in numbers cannot be made to point elsewhere by a foreign name server."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


async def _answer(send: Send, status: int, sentence: str) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", b"text/plain; charset=utf-8")],
        }
    )
    await send({"type": "http.response.body", "body": sentence.encode()})
