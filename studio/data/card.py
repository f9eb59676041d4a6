"""The card of a dataset: what it is, of what it was made, and what the checks found."""

from datetime import datetime

from pydantic import ConfigDict

from studio.data.checks import Finding
from studio.data.mixture import Portion
from studio.data.ways import Ways


class Inputs(Ways):
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
    descent: str = ""
    """SHA-256 of which rows were made of which; empty if none was made."""
    counted_for: str = ""
    """The base and length for which over-long examples were looked for; empty if they were not."""
    owner: str = ""
    """Mark of the visitor whose it is; empty if it is everybody's."""
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
    unseen: int = 0
    """Number of held-out examples in wordings that were never learned."""
    unseen_sha256: str = ""
    """SHA-256 of unseen.jsonl; empty where there is none."""
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
