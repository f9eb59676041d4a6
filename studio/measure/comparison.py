"""What to measure: which tuned lanes against which base, on which probes."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from studio.data.dataset import open_dataset
from studio.errors import RunError
from studio.measure.halves import measuring_half
from studio.measure.probe import Probe, find, from_dataset

_LANE = re.compile(r"(?P<run>[^:@]+)(:(?P<checkpoint>\d+))?(@(?P<strength>[^@]+))?")


class LaneSpec(BaseModel):
    """One tuned lane: the adapter of a run, or of one of its checkpoints, at a strength."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    run: str
    """Id of the run that made the adapter."""
    checkpoint: Annotated[int, Field(ge=1)] | None = None
    """Step of an earlier checkpoint of the run; None is the adapter it ended with."""
    strength: Annotated[float, Field(ge=0, le=1.5)] = 1.0
    """Multiplies the adapter's update: 0 is the base, 1 the adapter as it was trained."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The lane that `id` names: run, run@strength, run:step or run:step@strength.

        Raises RunError.
        """
        try:
            parts = _LANE.fullmatch(text)
            if not parts:
                raise ValueError
            step, strength = parts["checkpoint"], parts["strength"]
            return cls(
                run=parts["run"],
                checkpoint=int(step) if step else None,
                strength=float(strength or 1),
            )
        except ValueError:
            raise RunError(
                f"{text!r} is no lane; give a run's id, id@strength with a strength from 0 to "
                "1.5, or id:step for an earlier checkpoint."
            ) from None

    @property
    def id(self) -> str:
        """The lane's name in outcomes and chats: the run, then what differs from its end."""
        step = f":{self.checkpoint}" if self.checkpoint else ""
        return self.run + step + (f"@{self.strength:g}" if self.strength != 1 else "")


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
    shots: Annotated[int, Field(ge=0, le=16)] = 0
    """Ask every retention probe once more behind this many solved cases: lost, or only hidden?"""

    replayed: tuple[str, ...] = ()
    """Probes of which a lane learned one half in training: that half is left out."""

    @property
    def asks(self) -> dict[str, Any]:
        """What another measurement has to be given to ask the same cases in the same way."""
        return self.model_dump(include={"probes", "limit", "max_new_tokens"})

    def gather_probes(self, home: Path) -> list[Probe]:
        """The gain probes of the datasets and the named retention probes, cut to the limit.

        Raises DatasetError or ProbeError for one that does not exist.
        """
        single = len(self.datasets) == 1
        found = []
        for id in self.datasets:
            dataset, name = open_dataset(id, home / "datasets"), "task" if single else id
            found.append(from_dataset(dataset, name=name))
            if dataset.card.unseen:
                found.append(from_dataset(dataset, name=f"{name}-unseen", unseen=True))
        asked = find(self.probes, home / "probes") if self.probes else []
        found += [measuring_half(one) if one.name in self.replayed else one for one in asked]
        if self.shots:
            found += [probe.with_shots(self.shots) for probe in found if probe.can_take_shots]
        # Cut last: a case keeps its solved ones when more cases are measured later.
        return [probe.shortened(self.limit) for probe in found]
