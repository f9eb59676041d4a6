"""What the page and the chat engine say to each other: JSON objects, one per line.

The page asks and may say stop; the engine answers with the texts of all lanes as they grow, then
done, or an error in one sentence.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from studio.data.example import Message


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Sampling(_Line):
    """How answers are drawn; temperature 0 takes the likeliest token every time."""

    temperature: float = Field(0.0, ge=0, le=5)
    """Flattens (above 1) or sharpens (below 1) the distribution; 0 is greedy."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Draw only from the likeliest tokens that together have this probability."""
    top_k: int = Field(0, ge=0)
    """Draw only from so many of the likeliest tokens; 0 draws from all."""
    max_new_tokens: int = Field(128, ge=1, le=8192)
    """Where an answer is cut off."""
    seed: int = Field(0, ge=0)
    """Seed of the drawing; the same for all lanes."""
    own_luck: bool = False
    """Whether every row draws random numbers of its own; else all draw the same ones."""


class Lane(_Line):
    """A tuned lane: its name, the adapter's folder, and its strength."""

    id: str
    adapter: Path
    strength: float = 1.0


class Row(_Line):
    """One conversation to be answered in one lane."""

    lane: str
    messages: tuple[Message, ...]
    begun: str = ""
    """How the answer begins already; what is said is only what comes after."""


class Ask(_Line):
    """Answer all rows in one batch; says itself which base and lanes it needs."""

    do: Literal["ask"] = "ask"
    id: int
    base: str
    method: Literal["qlora", "lora"]
    lanes: tuple[Lane, ...]
    rows: tuple[Row, ...]
    sampling: Sampling


class Explain(_Line):
    """Read one answer in two lanes, token by token."""

    do: Literal["explain"] = "explain"
    id: int
    base: str
    method: Literal["qlora", "lora"]
    lanes: tuple[Lane, ...]
    messages: tuple[Message, ...]
    """What was asked."""
    answer: str
    """What was said, by whichever lane."""
    ended: bool = True
    """Whether it ended by itself; if so, the token that ends a turn is read as well."""
    before: str
    """The lane compared with, as a rule the base."""
    after: str
    """The lane to be explained."""
    alternatives: int = Field(5, ge=0, le=20)
    """How many of the likeliest tokens of either lane come along."""


class Reply(_Line):
    """An answer, with what was asked."""

    messages: tuple[Message, ...]
    answer: str
    ended: bool = True
    """Whether it ended by itself."""


class Diverge(_Line):
    """How far the lanes' predictions are from the base's, along given answers."""

    do: Literal["diverge"] = "diverge"
    id: int
    base: str
    method: Literal["qlora", "lora"]
    lanes: tuple[Lane, ...]
    replies: tuple[Reply, ...]
    among: tuple[str, ...] = Field(min_length=1)
    """The lanes compared with the base."""


class Stop(_Line):
    """End the answers to this request after the token in progress."""

    do: Literal["stop"] = "stop"
    id: int


REQUEST: TypeAdapter[Ask | Explain | Diverge | Stop] = TypeAdapter(
    Annotated[Ask | Explain | Diverge | Stop, Field(discriminator="do")]
)


class Said(_Line):
    """What one row has said so far."""

    lane: str
    text: str
    tokens: int
    stopped: bool
    """Whether it ended by itself."""
    first_token: float
    """Seconds until its first token."""
    tokens_per_second: float
    raw: str = ""
    """With the last update: the whole conversation as the model sees it, control tokens and all."""
    note: str = ""
    """What a person should know about how it was answered, such as "after the others"."""


class Update(_Line):
    """All rows of a request, in its order; `done` with the last one."""

    kind: Literal["update"] = "update"
    id: int
    rows: tuple[Said, ...] = ()
    done: bool = False
    about: str = ""
    """What the base runs on."""
    proof: float | None = None
    """Largest difference of the base lane's logits from the base alone."""
    memory: int = 0
    """With the last update: bytes the engine holds, on the GPU or else in main memory."""
    waiting: int = 0
    """How many questions are before this one in the line; 0 once it is being answered."""
    news: str = ""
    """What happened on the way, such as that the engine died and the question is asked again."""


class Likely(_Line):
    """One token that could have stood there, and its probability."""

    text: str
    probability: float


class ReadToken(_Line):
    """One token of an answer as two lanes see it; natural logarithms."""

    text: str
    before: float
    """log p of the token in the lane compared with."""
    after: float
    """log p of the token in the lane explained."""
    kl: float
    """KL(before‖after) of the two whole distributions at this place, in nats."""
    agree: bool
    """Whether both lanes find the same token likeliest here."""
    likely_before: tuple[Likely, ...] = ()
    likely_after: tuple[Likely, ...] = ()


class Explained(_Line):
    """An answer read in two lanes; its tokens, the end of the turn included if it was said."""

    kind: Literal["explained"] = "explained"
    id: int
    tokens: tuple[ReadToken, ...]


class Diverged(_Line):
    """How far the lanes are from the base, by answer."""

    kind: Literal["diverged"] = "diverged"
    id: int
    tokens: tuple[int, ...]
    """How many tokens of each answer were read; 0 where there is nothing to read."""
    kl: tuple[dict[str, float], ...]
    """For each answer, by lane: the sum of KL(base‖lane) over its tokens, in nats."""


class Rested(_Line):
    """The engine gave its memory back; the next question loads the base again."""

    kind: Literal["rested"] = "rested"
    id: int = 0
    why: str
    """What the memory is needed for, or for how long nobody asked."""


class Refused(_Line):
    """The request could not be answered; why, in one sentence."""

    kind: Literal["refused"] = "refused"
    id: int
    message: str


REPLY: TypeAdapter[Update | Explained | Diverged | Refused | Rested] = TypeAdapter(
    Annotated[Update | Explained | Diverged | Refused | Rested, Field(discriminator="kind")]
)
