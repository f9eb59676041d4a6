"""Whether an endpoint answers, found out by asking it for one token."""

import asyncio
import time

import httpx
from pydantic import BaseModel, ValidationError

from studio.chat.endpoint import check_status, open_client, request_body, stream
from studio.chat.endpoints import Checked, Endpoint
from studio.chat.protocol import Row, Sampling
from studio.data.example import Message
from studio.errors import EndpointError


class _Model(BaseModel):
    id: str


class _Models(BaseModel):
    data: tuple[_Model, ...] = ()


def check(endpoint: Endpoint) -> Checked:
    """Ask for one token, and for the models' names; EndpointError if no token comes."""
    return asyncio.run(_check(endpoint))


async def _check(endpoint: Endpoint) -> Checked:
    row = Row(lane=endpoint.lane, messages=(Message(role="user", content="Hi"),))
    began = time.monotonic()
    body = request_body(endpoint, row, Sampling(max_new_tokens=1))
    async for _ in stream(endpoint, body):
        pass
    return Checked(
        name=endpoint.name,
        seconds=round(time.monotonic() - began, 2),
        models=await _models(endpoint),
        encrypted=endpoint.url.startswith("https:"),
    )


async def _models(endpoint: Endpoint) -> tuple[str, ...]:
    """The names of the server's models; none if it does not tell them, which not all have to."""
    try:
        async with open_client(endpoint) as client:
            response = await client.get(f"{endpoint.url}/models")
            await check_status(endpoint, response)
            return tuple(model.id for model in _Models.model_validate_json(response.content).data)
    except (httpx.HTTPError, EndpointError, ValidationError):
        return ()
