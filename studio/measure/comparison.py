"""What to measure: which tuned lanes against which base, on which probes."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class LaneSpec(BaseModel):
    """One tuned lane: the adapter of a run at a strength."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    run: str
    """Id of the run that made the adapter."""
    strength: Annotated[float, Field(ge=0, le=1.5)] = 1.0
    """Multiplies the adapter's update: 0 is the base, 1 the adapter as it was trained."""

    @property
    def id(self) -> str:
        """The lane's name in outcomes and chats: the run, with its strength if it is not 1."""
        return self.run if self.strength == 1 else f"{self.run}@{self.strength:g}"


class Comparison(BaseModel):
    """Everything needed to repeat a measurement; lies beside its outcomes."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    base: str
    """The base that all lanes share."""
    method: Literal["qlora", "lora"]
    """Decides how the base is loaded: the same precision for every lane."""
    lanes: tuple[LaneSpec, ...] = Field(min_length=1)
    """The tuned lanes."""
    datasets: tuple[str, ...] = ()
    """Datasets whose held-out examples measure the gain."""
    probes: tuple[str, ...] = ()
    """Names of the retention probes."""
    limit: Annotated[int, Field(ge=0)] = 0
    """At most this many cases per probe; 0 takes all."""
    max_new_tokens: Annotated[int, Field(ge=1, le=4096)] = 48
    """Where a generated answer is cut off."""
