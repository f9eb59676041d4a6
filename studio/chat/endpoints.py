"""Servers elsewhere that answer in a lane of their own: how a person names them, and their keys."""

import os
import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from studio.data import strict_yaml
from studio.errors import EndpointError, sentence

FILE = "endpoints.yaml"
PREFIX = "endpoint:"
_KEY = re.compile(r"[!-~]+")  # what an HTTP header can carry


class Endpoint(BaseModel):
    """One model behind an OpenAI-compatible server, such as `vllm serve --enable-lora`.

    Written by a person into `endpoints.yaml` in the home folder, under its name:

        big:
          url: https://example.org/v1
          model: my-adapter
          key_env: BIG_KEY
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
    """Lower-case letters, digits and dashes; the lane is called endpoint:NAME."""
    url: str
    """Up to and with /v1; http or https."""
    model: Annotated[str, Field(min_length=1)]
    """The model's name on the server; an adapter has one of its own."""
    key_env: Annotated[str, Field(pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")] = ""
    """The environment variable that holds the key; the key itself stands in no file."""
    title: str = ""
    """What people read; the name if empty."""
    timeout: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """Seconds without a word after which the server counts as too slow."""

    @field_validator("url")
    @classmethod
    def _is_plain(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must begin with http:// or https:// and name a host")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("must hold no key, query or fragment; a key is named by key_env")
        if any(character.isspace() for character in url):
            raise ValueError("must hold no spaces")
        _ = parts.port  # ValueError if it is out of range
        return url.rstrip("/")

    @property
    def lane(self) -> str:
        """Its name among the lanes."""
        return PREFIX + self.name

    @property
    def label(self) -> str:
        """What people read."""
        return self.title or self.name

    def key(self) -> str:
        """The key, from the environment only; "" if the server wants none.

        Raises EndpointError if the variable is not set, or holds what cannot be a key.
        """
        if not self.key_env:
            return ""
        key = os.environ.get(self.key_env, "").strip()
        if not _KEY.fullmatch(key):
            state = "holds characters that no key can have" if key else "is not set"
            raise EndpointError(
                f"The endpoint {self.name} takes its key from {self.key_env}, which {state}; set "
                "it in the environment and start the studio again."
            )
        return key


class Checked(BaseModel):
    """What an endpoint did when it was asked for one token."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    seconds: float
    """How long it took."""
    models: tuple[str, ...]
    """The models that the server names, if it does."""
    encrypted: bool
    """Whether questions, answers and the key travel unread."""


def is_endpoint(lane: str) -> bool:
    """Whether a lane's name is that of an endpoint."""
    return lane.startswith(PREFIX)


def read_endpoints(home: Path) -> list[Endpoint]:
    """The endpoints named in the home folder, in the file's order; none without the file.

    Raises EndpointError with the reason for the first that cannot be used.
    """
    file = home / FILE
    if not file.exists():
        return []
    try:
        entries = strict_yaml.read(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise EndpointError(f"{FILE} in the home folder cannot be read: {error}.") from None
    return [_read_entry(str(name), fields) for name, fields in entries.items()]


def _read_entry(name: str, fields: object) -> Endpoint:
    if not isinstance(fields, dict) or "name" in fields:
        raise EndpointError(
            f"Endpoint {name} in {FILE} must be lines of 'field: value' below its name."
        )
    try:
        return Endpoint.model_validate(fields | {"name": name})
    except ValidationError as error:
        raise EndpointError(sentence(error, f"Endpoint {name} in {FILE}")) from None


def find_endpoint(lane: str, home: Path) -> Endpoint:
    """The endpoint of a lane's name, or of its own; EndpointError names the known ones."""
    known = read_endpoints(home)
    name = lane.removeprefix(PREFIX)
    for endpoint in known:
        if endpoint.name == name:
            return endpoint
    names = ", ".join(endpoint.name for endpoint in known) or "none yet"
    raise EndpointError(f"There is no endpoint {name!r} in {FILE}; there are: {names}.")
