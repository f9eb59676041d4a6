"""One conversation to learn from: the messages of the prompt and the answer that completes it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """One turn of a conversation."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    role: Literal["system", "user", "assistant"]
    """Who speaks."""
    content: str
    """What is said."""


class Example(BaseModel):
    """A prompt, whose last message is the user's, and the answer to learn."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: str
    """Made from the content of the row, so it stays the same when other rows come or go."""
    row: int
    """Number of the row this example was made of, counted from 1."""
    phrasing: int
    """Number of the template's phrasing that was used, counted from 1."""
    messages: tuple[Message, ...]
    """The prompt; the last message is the user's."""
    completion: str
    """The answer to learn."""
    choices: tuple[str, ...] = ()
    """Every answer that was possible, when the template lists them."""
    origin: str = ""
    """Where its row came from, or what made it, if that is known."""
    part: str = ""
    """Which part of the mixture it belongs to; empty for the task itself."""
    shown: int = 0
    """How many characters of the last message are solved rows, shown before the question."""

    @property
    def question(self) -> str:
        """What is asked, without the solved rows before it."""
        return self.messages[-1].content[self.shown :]

    @property
    def place(self) -> str:
        """Which row it is of, for people."""
        return f"{self.row} of {self.part}" if self.part else str(self.row)
