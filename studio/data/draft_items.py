"""What a draft holds: examples, preferences and cases to keep, each with where it came from."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

from studio.data.example import Message


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Provenance(_Line):
    """Where an item came from."""

    source: Literal["chat", "arena", "deck", "person"] = "chat"
    session: str = ""
    """Id of the conversation, or of the session of the arena."""
    place: str = ""
    """Id of the exchange or the trial."""
    lane: str = ""
    """The lane that answered: run, checkpoint and strength are in its name."""
    other_lane: str = ""
    """In a pair, the lane whose answer was not preferred."""
    base: str = ""
    sampling: dict[str, JsonValue] = {}
    """How the answer was drawn."""
    edited: bool = False
    """Whether a person changed the answer."""
    who: str = ""
    """Mark of the visitor; empty on a machine of one's own."""


class _Item(_Line):
    id: str
    when: datetime
    messages: tuple[Message, ...] = Field(min_length=1)
    """What was asked; the last message is the user's."""
    came_from: Provenance = Provenance()


class KeptExample(_Item):
    """A question with the answer to learn."""

    kind: Literal["example"] = "example"
    answer: str = Field(min_length=1)


class KeptPair(_Item):
    """A question with the answer somebody preferred, and the other one."""

    kind: Literal["pair"] = "pair"
    chosen: str = Field(min_length=1)
    rejected: str


class KeptCase(_Item):
    """A question whose answer must not be forgotten; measuring asks it from now on."""

    kind: Literal["retention"] = "retention"
    answer: str = Field(min_length=1)


class TakenBack(_Line):
    """An item that is no longer wanted."""

    kind: Literal["taken back"] = "taken back"
    id: str
    when: datetime


class Built(_Line):
    """A dataset was made of the draft."""

    kind: Literal["built"] = "built"
    dataset: str
    items: tuple[str, ...]
    """Ids of the items, in the order of the dataset's rows."""
    when: datetime


Item = KeptExample | KeptPair | KeptCase
LINE: TypeAdapter[Item | TakenBack | Built] = TypeAdapter(
    Annotated[Item | TakenBack | Built, Field(discriminator="kind")]
)


class DraftCard(_Line):
    """What a draft is."""

    title: str
    owner: str = ""
    """Key of the visitor it belongs to; never exported."""
    created: datetime
