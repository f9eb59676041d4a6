"""The card of a dataset: what it is, of what it was made, and what the checks found."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from studio.data.checks import Finding
from studio.data.mixture import Portion
from studio.data.rendering import Phrasings


class Inputs(BaseModel):
    """All that decides the examples: equal inputs give equal datasets."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    """What people see."""
    template: str
    """Name of the template."""
    template_fingerprint: str
    """SHA-256 of what the template makes of rows."""
    rows_fingerprint: str
    """SHA-256 of the rows, in order."""
    seed: int
    """Decides the split where no column does, and the phrasing of each row."""
    heldout_share: float
    """Share of rows to hold out where no column decides."""
    phrasings: Phrasings
    """Whether each row to learn from is rendered with one phrasing or with all."""
    limit: int | None
    """Most rows to be taken, or None for all."""
    parts: tuple[str, ...] = ()
    """What else was to be mixed in: part, share, and SHA-256 of what it was drawn from."""


class DatasetCard(Inputs):
    """What a dataset is and how it was made."""

    id: str
    """Name of the folder: a slug of the name and eight digits of the inputs' fingerprint."""
    created: datetime
    """When it was built."""
    train: int
    """Number of examples to learn from."""
    heldout: int
    """Number of examples held out."""
    train_sha256: str
    """SHA-256 of train.jsonl."""
    heldout_sha256: str
    """SHA-256 of heldout.jsonl."""
    mixture: tuple[Portion, ...] = ()
    """What is learned beside the task; it is counted in `train`."""
    choices: tuple[str, ...]
    """The possible answers, where they are the same for every example."""
    findings: tuple[Finding, ...]
    """What the checks found."""
    license: str
    """Licence of the template and its own rows."""
    source: str
    """Where the texts come from."""

    def replayed(self) -> tuple[str, ...]:
        """Probes of which one half is learned, so that only the other may be measured."""
        return tuple(dict.fromkeys(name for part in self.mixture for name in part.probes))
