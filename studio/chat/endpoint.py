"""Asking one endpoint: a conversation goes out over HTTP, its answer streams in."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from typing import Any

import httpx
from pydantic import BaseModel, ValidationError

from studio.chat.endpoints import FILE, Endpoint
from studio.chat.protocol import Row, Said, Sampling
from studio.errors import Busy, EndpointError

CALLS = 32  # questions that may be with endpoints at once
PAUSE = 0.05  # seconds between two states of an answer
CONNECT = 10.0  # seconds until a server counts as down
LONGEST = 1_000_000  # bytes of one line, and characters of an answer, that are read at most
QUOTED = 200  # characters of a server's own words that an error repeats

_calls = threading.BoundedSemaphore(CALLS)


class Delta(BaseModel):
    """What a chunk adds to the answer, or to the thoughts before it, which are not shown."""

    content: str | None = None
    reasoning_content: str | None = None


class Choice(BaseModel):
    """The one answer that is asked for, or what is new of it."""

    delta: Delta = Delta()
    message: Delta | None = None
    finish_reason: str | None = None


class Usage(BaseModel):
    """What the server counted."""

    completion_tokens: int = 0


class Chunk(BaseModel):
    """One line of a stream, or a whole answer from a server that does not stream."""

    choices: tuple[Choice, ...] = ()
    usage: Usage | None = None
    error: Any = None


class Call:
    """One conversation with an endpoint, in a thread of its own; every new state is posted.

    The last state ends it: `over` is True, and `note` says so if something went wrong.
    """

    def __init__(
        self, endpoint: Endpoint, row: Row, sampling: Sampling, post: Callable[[Said, bool], None]
    ) -> None:
        if not _calls.acquire(blocking=False):
            raise Busy(f"{CALLS} questions are with endpoints already; try again in a minute.")
        self._endpoint = endpoint
        self._body = request_body(endpoint, row, sampling)
        self._post = post
        self._stop = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._said = Said(
            lane=row.lane, text="", tokens=0, stopped=False, first_token=0, tokens_per_second=0
        )
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        """End it where it is; what was said is posted, and the server sees that nobody listens."""
        with suppress(RuntimeError):  # it has ended by itself in this moment
            self._loop.call_soon_threadsafe(self._stop.set)

    def _run(self) -> None:
        note = f"{_who(self._endpoint)} could not be asked; the terminal says why."
        try:
            note = self._loop.run_until_complete(self._talk())
        finally:
            self._loop.close()
            _calls.release()
            self._post(self._said.model_copy(update={"note": note}), True)

    async def _talk(self) -> str:
        """Answer until the end or the stop; returns what a person should know about it."""
        answering = asyncio.create_task(self._answer())
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({answering, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        answering.cancel()
        try:
            await answering
        except asyncio.CancelledError:
            return ""
        except EndpointError as error:
            return str(error)
        return ""

    async def _answer(self) -> None:
        began, shown, first = time.monotonic(), 0.0, 0.0
        text, tokens, thought = "", 0, False
        async with aclosing(stream(self._endpoint, self._body)) as chunks:
            async for chunk in chunks:
                now = time.monotonic()
                choice = chunk.choices[0] if chunk.choices else Choice()
                delta = choice.message or choice.delta
                thought = thought or bool(delta.reasoning_content)
                if delta.content:
                    first = first or now
                    text, tokens = text + delta.content, tokens + 1
                if chunk.usage and chunk.usage.completion_tokens:
                    tokens = chunk.usage.completion_tokens
                if len(text) > LONGEST:
                    raise EndpointError(f"{_who(self._endpoint)} does not come to an end.")
                self._said = Said(
                    lane=self._said.lane,
                    text=text,
                    tokens=tokens,
                    stopped=choice.finish_reason == "stop" or self._said.stopped,
                    first_token=round(first - began, 4) if first else 0.0,
                    tokens_per_second=_pace(tokens, now - first),
                )
                if now - shown >= PAUSE:
                    shown = now
                    self._post(self._said, False)
        if thought and not text:
            raise EndpointError(f"{_who(self._endpoint)} only thought; allow more new tokens.")


def _pace(tokens: int, seconds: float) -> float:
    """Tokens per second after the first one."""
    return round((tokens - 1) / seconds, 1) if tokens > 1 and seconds > 0 else 0.0


def request_body(endpoint: Endpoint, row: Row, sampling: Sampling) -> dict[str, Any]:
    """The request as OpenAI's chat completions have it; other fields only where they are needed."""
    messages = [message.model_dump() for message in row.messages]
    body: dict[str, Any] = {
        "model": endpoint.model,
        "stream": True,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_new_tokens,
        "seed": sampling.seed,
    }
    if sampling.top_k:
        body["top_k"] = sampling.top_k
    if row.begun:  # as vLLM has it; other servers refuse it, which is better than a second answer
        messages.append({"role": "assistant", "content": row.begun})
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    return body | {"messages": messages}


async def stream(endpoint: Endpoint, body: dict[str, Any]) -> AsyncGenerator[Chunk]:
    """The chunks of an answer; EndpointError if they do not come, break off, or are none."""
    ended = False
    try:
        async with (
            open_client(endpoint) as client,
            client.stream("POST", f"{endpoint.url}/chat/completions", json=body) as response,
        ):
            await check_status(endpoint, response)
            async for line in _lines(endpoint, response):
                chunk = _read(endpoint, line)
                ended = ended or any(choice.finish_reason for choice in chunk.choices)
                yield chunk
    except httpx.HTTPError as error:
        if not ended:
            raise told(endpoint, error) from None
    except (httpx.InvalidURL, UnicodeError):  # a host's name that no network could have
        raise EndpointError(
            f"{_who(endpoint)} has an address that nobody can have; correct it in {FILE}."
        ) from None
    if not ended:
        raise EndpointError(f"{_who(endpoint)} broke off in the middle of its answer; ask again.")


def open_client(endpoint: Endpoint) -> httpx.AsyncClient:
    """A client that carries the key, to this server only: redirects are not followed."""
    key = endpoint.key()
    carried = {"authorization": f"Bearer {key}"} if key else {}
    return httpx.AsyncClient(
        headers={"accept-encoding": "identity"} | carried,  # so that sizes are what they seem
        timeout=httpx.Timeout(endpoint.timeout, connect=min(CONNECT, endpoint.timeout)),
    )


async def check_status(endpoint: Endpoint, response: httpx.Response) -> None:
    """EndpointError for anything but an answer, in the server's own words where it has some."""
    code = response.status_code
    if code == 200:
        return
    if response.is_redirect:
        raise EndpointError(f"{_who(endpoint)} has moved ({code}); put its new address in {FILE}.")
    words = _quote(endpoint, await _first_bytes(response))
    if code in {401, 403}:
        mend = (
            f"look at what {endpoint.key_env} holds"
            if endpoint.key_env
            else f"name the environment variable that holds its key as key_env in {FILE}"
        )
        raise EndpointError(f"{_who(endpoint)} refuses the key ({code}); {mend}.")
    if code in {429, 503}:
        raise EndpointError(f"{_who(endpoint)} is busy ({code}); ask again later.{words}")
    raise EndpointError(f"{_who(endpoint)} refuses the question ({code}).{words}")


def told(endpoint: Endpoint, error: httpx.HTTPError) -> EndpointError:
    """What went wrong on the way, in one sentence."""
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.UnsupportedProtocol():
            what = "cannot be reached; is its server running?"
        case httpx.TimeoutException():
            what = f"said nothing for {endpoint.timeout:g} seconds; ask again, or give it more time"
            what += f" (timeout in {FILE})."
        case httpx.NetworkError() | httpx.RemoteProtocolError():
            what = "broke off in the middle of its answer; ask again."
        case _:
            what = f"could not be asked ({type(error).__name__})."
    return EndpointError(f"{_who(endpoint)} {what}")


def _who(endpoint: Endpoint) -> str:
    return f"The endpoint {endpoint.name} ({endpoint.url})"


async def _lines(endpoint: Endpoint, response: httpx.Response) -> AsyncIterator[str]:
    """What the lines of a stream of events carry; a body that is no such stream comes whole."""
    whole = "text/event-stream" not in response.headers.get("content-type", "")
    held = b""
    async for piece in response.aiter_bytes():
        held += piece
        if len(held) > LONGEST:
            raise EndpointError(f"{_who(endpoint)} sent a line of more than {LONGEST} bytes.")
        if whole:
            continue
        *lines, held = held.split(b"\n")
        for line in lines:
            if data := _data(line):
                yield data
    if data := held.decode(errors="replace").strip() if whole else _data(held):
        yield data


def _data(line: bytes) -> str:
    """What an event's line carries; "" for comments, other fields, and the mark of the end."""
    name, _, value = line.decode(errors="replace").partition(":")
    value = value.strip()
    return value if name == "data" and value != "[DONE]" else ""


def _read(endpoint: Endpoint, line: str) -> Chunk:
    try:
        chunk = Chunk.model_validate_json(line)
    except ValidationError:
        words = _quote(endpoint, line)
        raise EndpointError(
            f"{_who(endpoint)} answered with something that is no chat completion.{words}"
        ) from None
    if chunk.error:
        raise EndpointError(
            f"{_who(endpoint)} failed in the middle of its answer."
            + _quote(endpoint, json.dumps(chunk.error))
        )
    return chunk


async def _first_bytes(response: httpx.Response) -> str:
    held = b""
    async for piece in response.aiter_bytes():
        held += piece
        if len(held) > 20 * QUOTED:
            break
    return held.decode(errors="replace")


def _quote(endpoint: Endpoint, words: str) -> str:
    """A server's own words, short, and without the key that they may repeat."""
    try:
        body = json.loads(words)
        for name in ("error", "detail", "message"):
            body = body.get(name, body) if isinstance(body, dict) else body
        words = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    except ValueError:
        pass
    if key := endpoint.key():
        words = words.replace(key, "…")
    flat = " ".join(words.split())
    return f" It says: {flat[:QUOTED]}{'…' if len(flat) > QUOTED else ''}" if flat else ""
