"""A visitor without a browser: speaks to the page over HTTP as Gradio's own front end does."""

import json
import secrets
from collections.abc import Iterator
from typing import Any

import httpx


class Visitor:
    """One session of the page."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=address, timeout=120, trust_env=False)
        self._session = secrets.token_hex(8)
        config = self._http.get("/config").json()
        self._components = {one["id"]: one for one in config["components"]}
        self._deeds = config["dependencies"]

    def close(self) -> None:
        """Close the tab: the stream ends, and the page hears of it."""
        self._http.close()

    def find(self, event: str, element: str = "") -> dict[str, Any]:
        """The first deed that this event of the element with that id triggers."""
        return next(
            deed
            for deed in self._deeds
            if any(kind == event and self._is(id, element) for id, kind in deed["targets"])
        )

    def named(self, name: str) -> dict[str, Any]:
        """The deed whose function has that name."""
        return next(deed for deed in self._deeds if deed.get("api_name") == name)

    def _is(self, id: int | None, element: str) -> bool:
        props = self._components[id]["props"] if id in self._components else {}
        return (props.get("elem_id") or "") == element

    def do(self, deed: dict[str, Any], **typed: Any) -> Iterator[dict[str, Any]]:
        """Trigger a deed, with what was typed into elements by their ids; yields its messages."""
        joined = self._http.post(
            "/gradio_api/queue/join",
            json={
                "data": [self._value(id, typed) for id in deed["inputs"]],
                "fn_index": deed["id"],
                "session_hash": self._session,
                "event_data": None,
                "trigger_id": deed["targets"][0][0],
            },
        )
        joined.raise_for_status()
        where = {"session_hash": self._session}
        with self._http.stream("GET", "/gradio_api/queue/data", params=where) as stream:
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    message = json.loads(line[5:])
                    if message["msg"] == "close_stream":
                        return
                    yield message

    def _value(self, id: int, typed: dict[str, Any]) -> Any:
        component = self._components[id]
        if component["type"] in {"state", "browserstate"}:
            return None  # the server keeps a state; a new browser has nothing
        props = component["props"]
        return typed.get(props.get("elem_id") or "", props.get("value"))
