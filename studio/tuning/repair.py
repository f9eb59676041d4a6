"""A repair makes a new adapter from finished ones, without training."""

import json
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from studio.errors import RunError, sentence
from studio.measure.comparison import LaneSpec
from studio.tuning.recipe import Recipe

LARGEST_RANK = 512
How = Literal["strength", "average", "checkpoint", "intruder"]


class Repair(BaseModel):
    """Everything needed to repeat a repair; the lanes it starts from carry their strengths."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    how: How
    """`strength` bakes the lane's strength into its weights, `average` takes the mean of the
    lanes' updates, `checkpoint` goes back to an earlier step, and `intruder` shrinks directions
    that the tuning put in front of the base's own (arXiv 2410.21228)."""
    sources: tuple[LaneSpec, ...] = Field(min_length=1, max_length=32)
    """The lanes whose adapters are taken, each at its checkpoint and strength."""
    recipe: Recipe
    """How the first source was tuned, under the new name."""
    rank: Annotated[int, Field(ge=0, le=LARGEST_RANK)] = 0
    """Rank of an average; 0 keeps it exact: the sum of the sources' ranks."""
    top: Annotated[int, Field(ge=1, le=512)] = 10
    """Intruders are looked for among this many of the largest directions of every matrix."""
    likeness: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """A direction is an intruder if its cosine with each of the base's own is below this."""
    kept: Annotated[float, Field(ge=0, le=1)] = 0.75
    """How much of an intruder is kept."""

    @model_validator(mode="after")
    def _fit_sources_to_how(self) -> Self:
        if self.how == "average":
            if len(self.sources) < 2:
                raise ValueError("an average needs at least two adapters")
        elif len(self.sources) > 1:
            raise ValueError(f"the repair {self.how} takes one adapter")
        elif self.how == "checkpoint" and self.sources[0].checkpoint is None:
            raise ValueError("name the step to go back to, such as run:30")
        return self

    @model_validator(mode="after")
    def _refuse_what_has_no_matrices(self) -> Self:
        if self.how == "checkpoint":
            return self
        if self.recipe.is_soft:
            raise ValueError(
                f"{self.how} works on the matrices of an adapter, and a soft prompt has none; go "
                "back to a checkpoint, tune again with an anchor or with replay, or take the "
                "prompt off, which gives back the base"
            )
        if not self.recipe.is_lora or self.recipe.dora:
            raise ValueError(
                f"{self.how} works on the plain matrices of a LoRA adapter, and this run tuned "
                f"something else ({self.recipe.shape}); go back to a checkpoint, take it at "
                "another strength, or tune again with an anchor or with replay"
            )
        return self

    @model_validator(mode="after")
    def _refuse_four_bit(self) -> Self:
        if self.how == "intruder" and self.recipe.method == "qlora":
            raise ValueError(
                "intruders are told from the base's own directions, which need it in full "
                "precision; this run was tuned on the 4-bit base, so choose another repair or "
                "tune with the method lora"
            )
        return self

    @classmethod
    def make(cls, **fields: object) -> "Repair":
        """A repair from plain values; a wrong one raises RunError in one sentence."""
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise RunError(sentence(error, "Repair")) from error

    def yaml(self) -> str:
        """The repair as YAML, for reading."""
        return yaml.safe_dump(json.loads(self.model_dump_json()), sort_keys=False)

    def summary(self) -> str:
        """The repair in a few words: what was done to what."""
        lanes = " and ".join(lane.id for lane in self.sources)
        match self.how:
            case "strength":
                return f"strength {self.sources[0].strength:g} of {self.sources[0].run}"
            case "average":
                return f"average of {lanes}"
            case "checkpoint":
                return f"step {self.sources[0].checkpoint} of {self.sources[0].run}"
            case "intruder":
                return f"intruding directions of {lanes} at {self.kept:.0%}"
