"""One question and what every lane answered to it."""

import re
from datetime import UTC, datetime
from secrets import token_hex

from pydantic import BaseModel, ConfigDict

from studio.chat.protocol import Sampling

ID = r"^[a-z0-9-]{1,80}$"
"""What the ids of conversations, arenas and runs of decks look like: none leads out of a folder."""


def is_id(text: str) -> bool:
    """Whether that could be such an id; one that comes from a browser may be anything."""
    return re.fullmatch(ID, text) is not None


def now() -> datetime:
    """This moment, to the millisecond, as it is written into files."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def new_id(moment: datetime) -> str:
    """An id for what begins at that moment; ids sort by age."""
    return f"{moment:%Y%m%d-%H%M%S}-{token_hex(4)}"


class Kept(BaseModel):
    """What is written into a conversation's file."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Answer(Kept):
    """What one lane said."""

    text: str = ""
    done: bool = False
    """False while it is being written; so it stays if it was stopped or broken off."""
    stopped: bool = False
    """Whether it ended by itself, and not at the limit of tokens."""
    tokens: int = 0
    first_token: float = 0.0
    """Seconds until its first token."""
    tokens_per_second: float = 0.0
    sampling: Sampling = Sampling()
    """How it was drawn."""
    raw: str = ""
    """The whole conversation as the model saw it, control tokens and all."""
    note: str = ""
    """What a person should know about how it was answered."""


class Exchange(Kept):
    """One question and the answers of all lanes."""

    id: str
    parent: str | None
    """The exchange it goes on from; None for a first question."""
    prompt: str
    lanes: tuple[str, ...]
    """The lanes that were asked."""
    answers: dict[str, Answer] = {}
    """By lane; one that has not begun to answer is missing."""
    kept: str = ""
    """Lane whose answer goes on in a shared history; empty for the first that answered."""
    system: str = ""
    """The system message it was asked under."""
    sampling: Sampling = Sampling()
    """How the answers still to come are drawn."""
    asked: datetime
    about: str = ""
    """What the base ran on."""
    proof: float | None = None
    """Largest difference of the base lane's logits from the base alone."""

    @property
    def unfinished(self) -> tuple[str, ...]:
        """Lanes whose answer is missing, being written, or was broken off."""
        return tuple(
            lane for lane in self.lanes if lane not in self.answers or not self.answers[lane].done
        )

    def heard(self, lane: str, history: str) -> str:
        """The answer that this lane remembers, or nothing if nobody answered.

        In a shared history it is the kept lane's. Otherwise a lane remembers its own; one that
        was not there yet remembers what the same adapter said at another strength, or else the
        kept lane's.
        """
        said = {name: answer.text for name, answer in self.answers.items() if answer.text.strip()}
        first = next((name for name in self.lanes if name in said), "")
        kept = said.get(self.kept) or said.get(first, "")
        if history == "shared":
            return kept
        kin = [text for name, text in said.items() if adapter_of(name) == adapter_of(lane)]
        return said.get(lane) or (kin[-1] if kin else kept)


def adapter_of(lane: str) -> str:
    """A lane's name without its strength."""
    return lane.rsplit("@", 1)[0]
