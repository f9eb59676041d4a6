"""A case is one question of a probe: what is asked, the reference answer, what else is right."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from studio.data.example import Message
from studio.measure import patterns
from studio.measure.instructions import Instruction

Scorer = Literal["exact", "contains", "number", "regex", "json", "instructions", "choice", "text"]
LIKELIHOOD: tuple[Scorer, ...] = ("choice", "text")
"""Scorers that need no answer written: the likelihood of given text says it all."""


class Case(BaseModel):
    """One question with its answer. YAML may say `prompt` (and `system`) instead of `messages`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: str = Field(min_length=1)
    """Unique within its probe."""
    messages: tuple[Message, ...]
    """The conversation up to the question; the last message is the user's. Empty: bare text."""
    answer: str = Field(pattern=r"\S")
    """The reference answer; its likelihood is measured."""
    choices: tuple[str, ...] = ()
    """The possible answers, where the task has a closed list."""
    accept: tuple[str, ...] = ()
    """Other texts that also count as right."""
    pattern: str = ""
    """Scorer `regex`: a regular expression that is found in a right answer."""
    tolerance: float = Field(0, ge=0, lt=1)
    """Scorer `number`: how far off a right number may be, as a share of the reference."""
    fields: tuple[str, ...] = ()
    """Scorer `json`: fields of the reference that a right answer repeats with equal values."""
    instructions: tuple[Instruction, ...] = ()
    """Scorer `instructions`: the checks that a right answer passes, every one."""
    cluster: str = ""
    """Cases of one cluster (say, of one document) are drawn together; empty: each for itself."""

    @model_validator(mode="before")
    @classmethod
    def _spell_out_prompt(cls, fields: Any) -> Any:
        if not isinstance(fields, dict) or "messages" in fields:
            return fields
        fields = dict(fields)
        turns = [("system", fields.pop("system", None)), ("user", fields.pop("prompt", None))]
        fields["messages"] = [
            {"role": role, "content": content} for role, content in turns if content is not None
        ]
        return fields

    @field_validator("messages")
    @classmethod
    def _end_with_the_question(cls, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        if messages and messages[-1].role != "user":
            raise ValueError("the last message has to be the user's question")
        return messages

    @field_validator("pattern")
    @classmethod
    def _refuse_a_broken_pattern(cls, pattern: str) -> str:
        patterns.check(pattern)
        return pattern

    def spelled(self) -> dict[str, Any]:
        """The case as a person writes it: `prompt` for a single question, defaults left out."""
        fields = self.model_dump(mode="json", exclude_defaults=True)
        roles = [message.role for message in self.messages]
        if roles not in ([], ["user"], ["system", "user"]):
            return fields
        del fields["messages"]
        texts = {message.role: message.content for message in self.messages}
        names = {"system": "system", "prompt": "user"}
        asked = {name: texts[role] for name, role in names.items() if role in texts}
        return {"id": fields.pop("id"), **asked, **fields}
