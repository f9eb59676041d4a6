"""What a template is made of: ways of asking, turns before the question, and solved rows shown."""

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, Field, JsonValue

MOST_SHOTS = 16


class Phrasing(BaseModel):
    """One way of asking."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    prompt: str = Field(min_length=1)
    """Jinja source of the user's message."""
    answer: str | None = None
    """Jinja source of the answer; the template's where none is given."""
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """How often this phrasing is taken, relative to the others."""
    name: str = ""
    """What it is called in the file it came from; decides nothing."""
    about: dict[str, JsonValue] = {}
    """What else the file it came from says about it; decides nothing."""


class Turn(BaseModel):
    """An earlier turn of a conversation, before the question that is learned to answer."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    prompt: str = Field(min_length=1)
    """Jinja source of what the user said."""
    answer: str = Field(min_length=1)
    """Jinja source of what was answered; a turn of which both are blank is left out."""


class Shots(BaseModel):
    """Solved rows that are shown before the one that is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    count: int = Field(ge=1, le=MOST_SHOTS)
    """How many are shown, as far as there are that many other rows to learn from."""
    between: str = "\n"
    """Stands between the prompt and the answer of a solved row."""
    separator: str = "\n\n"
    """Stands between solved rows, and before the question."""
    as_turns: bool = False
    """Whether they are earlier turns of the conversation instead of text in the question."""


def sources_of_turns(turns: tuple[Turn, ...]) -> Iterator[tuple[str, str]]:
    """Jinja sources of earlier turns, each with the name of its place."""
    for number, turn in enumerate(turns, start=1):
        yield f"turn {number}, prompt", turn.prompt
        yield f"turn {number}, answer", turn.answer
