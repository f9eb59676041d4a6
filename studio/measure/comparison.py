"""What to measure: which tuned lanes against which base, on which probes."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from studio.data.dataset import open_dataset
from studio.errors import RunError
from studio.measure.probe import Probe, find, from_dataset


class LaneSpec(BaseModel):
    """One tuned lane: the adapter of a run at a strength."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    run: str
    """Id of the run that made the adapter."""
    strength: Annotated[float, Field(ge=0, le=1.5)] = 1.0
    """Multiplies the adapter's update: 0 is the base, 1 the adapter as it was trained."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The lane that `id` names: a run, or run@strength; raises RunError."""
        run, _, strength = text.partition("@")
        try:
            return cls(run=run, strength=float(strength or 1))
        except ValueError:
            raise RunError(
                f"{text!r} is no lane; give a run's id, or id@strength with a strength "
                "from 0 to 1.5."
            ) from None

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

    def gather_probes(self, home: Path) -> list[Probe]:
        """The gain probes of the datasets and the named retention probes, cut to the limit.

        Raises DatasetError or ProbeError for one that does not exist.
        """
        single = len(self.datasets) == 1
        found = [
            from_dataset(open_dataset(id, home / "datasets"), name="task" if single else id)
            for id in self.datasets
        ]
        found += find(self.probes, home / "probes") if self.probes else []
        return [probe.shortened(self.limit) for probe in found] if self.limit else found
