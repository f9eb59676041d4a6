"""What a person decides about how rows become examples to learn from and examples held out."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from studio.data.template import Template
from studio.errors import DatasetError, sentence

Phrasings = Literal["one", "all"]


class Ways(BaseModel):
    """How rows are parted and rendered."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    seed: int = 42
    """Decides the split where no column does, and the phrasing of each row."""
    heldout_share: float = 0.2
    """Share of rows to hold out where no column decides."""
    phrasings: Phrasings = "one"
    """Whether each row to learn from is rendered with one phrasing or with all."""
    limit: int | None = None
    """Most rows to be taken, or None for all."""
    group_column: str = ""
    """Rows with the same value there stay on one side; empty where rows stand for themselves."""
    heldout_phrasings: tuple[int, ...] = Field(default=())
    """Numbers, from 1, of phrasings that are never learned: the held-out rows are asked in them
    a second time."""
    every_turn: bool = False
    """Whether every answer of a conversation is learned, and not the last one alone."""

    @classmethod
    def of(cls, **told: Any) -> Self:
        """From what a person told; DatasetError names what cannot be."""
        try:
            return cls(**told)
        except ValidationError as error:
            raise DatasetError(sentence(error, "dataset")) from error

    def refuse(self, template: Template) -> None:
        """DatasetError if it cannot be done with this template."""
        if not 0 < self.heldout_share < 1:
            raise DatasetError(
                f"The held-out share must lie between 0 and 1, not be {self.heldout_share}."
            )
        if self.limit is not None and self.limit < 2:
            raise DatasetError("The limit must be at least 2: one row to learn, one to hold out.")
        there = range(1, len(template.phrasings) + 1)
        if unknown := [number for number in self.heldout_phrasings if number not in there]:
            raise DatasetError(
                f"Template '{template.name}' has no phrasing {unknown[0]} to hold out; it has "
                f"{len(there)}."
            )
        if len(set(self.heldout_phrasings)) == len(there):
            raise DatasetError(
                f"Every phrasing of template '{template.name}' is held out; leave one to learn."
            )

    def learned_phrasings(self, template: Template) -> tuple[int, ...]:
        """Numbers of the phrasings that are learned."""
        numbers = range(1, len(template.phrasings) + 1)
        return tuple(number for number in numbers if number not in self.heldout_phrasings)
