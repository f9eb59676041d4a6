"""A probe is a named list of questions with known answers, and the rule that marks an answer right.

A probe of kind `gain` asks for the tuned task, one of kind `retention` for something the base
could do before and must not forget. Probes are YAML or JSON-lines files, or a dataset's held-out
examples.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from studio.errors import ProbeError, sentence
from studio.measure import probe_file, scorers
from studio.measure.case import LIKELIHOOD, Case, Scorer
from studio.measure.shots import solved_before

if TYPE_CHECKING:
    from studio.data.dataset import Dataset

__all__ = ["LIKELIHOOD", "OVERALL", "Case", "Kind", "Probe", "Scorer"]

Kind = Literal["gain", "retention", "recovery"]

SHIPPED = Path(__file__).parent.parent / "probes"
OVERALL = "retention"
"""The report's row for all retention cases together; no probe may take this name."""
LONG = 500
"""A probe of more cases is saved as JSON lines, which read faster than YAML."""


class Probe(BaseModel):
    """Named cases with one scorer."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str = Field(pattern=r"^\w[\w.-]*$")
    """Unique among all probes of a comparison."""
    title: str = Field(min_length=1)
    """What a person reads, such as "Capitals"."""
    kind: Kind
    """`gain`: the tuned task. `retention`: what must not be forgotten. `recovery`: a retention
    probe asked again behind solved cases, to tell lost from hidden."""
    pack: str = "own"
    """The collection the probe belongs to; a pack is measured together."""
    description: str = ""
    """One sentence: what is asked."""
    license: str = ""
    """The licence of the cases."""
    version: int = 1
    """Raised when cases change; results of two versions are never compared."""
    scorer: Scorer = "exact"
    """How an answer is marked: see `studio.measure.scorers`."""
    chat: bool = True
    """Ask through the base's chat template; False asks the bare text, for bases without one."""
    normalise: bool = False
    """Multiple choice: divide a choice's log-likelihood by its length in characters (acc_norm)."""
    cases: tuple[Case, ...] = Field(min_length=1)
    """The questions."""

    @model_validator(mode="after")
    def _refuse_confusion(self) -> "Probe":
        if self.name == OVERALL:
            raise ValueError(f'the name "{OVERALL}" is kept for the row of all probes together')
        twice = [id for id, count in Counter(case.id for case in self.cases).items() if count > 1]
        if twice:
            raise ValueError(f"case {twice[0]} occurs more than once")
        for case in self.cases:
            reason = scorers.fault(self.scorer, case)
            if self.chat and self.scorer == "choice" and not case.messages:
                reason = "sentences without a question are compared with `chat: false`"
            if not self.chat and [one.role for one in case.messages] not in ([], ["user"]):
                reason = "without the chat template a case is one bare prompt"
            if reason:
                raise ValueError(f"case {case.id}: {reason}")
        return self

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything that changes a score: version, scorer, how it is asked, cases."""
        scoring = {"name", "version", "scorer", "chat", "normalise", "cases"}
        content = self.model_dump(mode="json", include=scoring, exclude_defaults=True)
        return _digest(json.dumps(content, sort_keys=True))

    @property
    def chance(self) -> float:
        """The accuracy of guessing: mean of 1/choices, 0 for cases without a closed list."""
        guesses = (1 / len(case.choices) if case.choices else 0.0 for case in self.cases)
        return sum(guesses) / len(self.cases)

    def shortened(self, limit: int) -> "Probe":
        """At most `limit` cases, always the same ones, spread over the whole probe; 0 keeps all."""
        if limit <= 0 or limit >= len(self.cases):
            return self
        kept = {case.id for case in sorted(self.cases, key=lambda one: _digest(one.id))[:limit]}
        return self.model_copy(
            update={"cases": tuple(case for case in self.cases if case.id in kept)}
        )

    @property
    def can_take_shots(self) -> bool:
        """Whether solved cases can stand before a question: old skills, asked as questions."""
        return (
            self.kind == "retention"
            and len(self.cases) > 1
            and all(case.messages for case in self.cases)
        )

    def with_shots(self, count: int) -> "Probe":
        """The recovery probe: every case behind `count` other solved ones, always the same ones."""
        return self.model_copy(
            update={
                "name": f"{self.name}.shots{count}",
                "title": f"{self.title}, after {count} solved",
                "kind": "recovery",
                "cases": solved_before(self.cases, count, chat=self.chat),
            }
        )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def load(path: Path) -> Probe:
    """Read one probe file. ProbeError names the file and, where there is one, the case."""
    fields, cases = probe_file.read(path)
    try:
        return Probe.model_validate({**fields, "cases": cases})
    except ValidationError as error:
        raise ProbeError(sentence(error, f"probe file {path.name}")) from error


def save(probe: Probe, folder: Path) -> Path:
    """Write the probe into the folder under its name, as YAML or, when it is long, JSON lines."""
    fields = probe.model_dump(mode="json", exclude={"cases"})
    rare = {"chat": True, "normalise": False, "description": "", "license": ""}
    fields = {key: value for key, value in fields.items() if rare.get(key) != value}
    suffix = ".jsonl" if len(probe.cases) > LONG else ".yaml"
    path = folder / (probe.name + suffix)
    probe_file.write(path, fields, probe.cases)
    return path


def shipped(pack: str | None = "starter") -> list[Probe]:
    """The probes that come with the studio, by name; `pack=None` gives those of every pack."""
    probes = _load_shipped()
    return [probe for probe in probes if pack is None or probe.pack == pack]


def own_probes(home_probes: Path) -> list[Probe]:
    """A person's own probes, by file name."""
    return _load_folder(home_probes)


def find(names: Iterable[str] | None, home_probes: Path) -> list[Probe]:
    """The probes called `names`, shipped or in the person's own folder, each once, in that order.

    A pack's name stands for all its probes; `None` stands for every probe there is. ProbeError
    names the known ones when a name is unknown, and refuses a name that two files claim.
    """
    wanted = None if names is None else tuple(names)
    own = own_probes(home_probes)
    probes = [*_shipped_for(wanted, {probe.name for probe in own}), *own]
    known = index_by_name(probes)
    if wanted is None:
        return probes
    found: dict[str, Probe] = {}
    for name in wanted:
        members = [probe for probe in probes if name in (probe.name, probe.pack)]
        if not members:
            listed = ", ".join(known) or "none"
            raise ProbeError(f'there is no probe or pack called "{name}"; known probes: {listed}.')
        found |= {probe.name: probe for probe in members}
    return list(found.values())


def index_by_name(probes: Iterable[Probe]) -> dict[str, Probe]:
    """The probes by name. ProbeError if two share one, because outcomes go by name."""
    known: dict[str, Probe] = {}
    for probe in probes:
        if probe.name in known:
            raise ProbeError(f'two probes are called "{probe.name}"; give one another name.')
        known[probe.name] = probe
    return known


def _shipped_for(names: Sequence[str] | None, own: AbstractSet[str]) -> Sequence[Probe]:
    """Shipped probes, the named ones among them; all, unless every name is known without.

    A shipped file is called as its probe is; reading all of them takes longer than asking one.
    """
    files = {path.stem: path for path in _files(SHIPPED)}
    if names is None or not set(names) <= files.keys() | own:
        return _load_shipped()
    return [load(files[name]) for name in dict.fromkeys(names) if name in files]


@cache
def _load_shipped() -> tuple[Probe, ...]:
    return tuple(_load_folder(SHIPPED))


def _load_folder(folder: Path) -> list[Probe]:
    return [load(path) for path in _files(folder)]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.suffix in probe_file.SUFFIXES)


def from_dataset(dataset: "Dataset", *, name: str = "task", unseen: bool = False) -> Probe:
    """The tuned task as a gain probe: the dataset's held-out examples, never trained on.

    The dataset has one held-out example per row, so the cases are independent. With `unseen` the
    same rows are asked in wordings that are never trained on either, as a probe of its own.
    """
    cases = tuple(
        Case(id=one.id, messages=one.messages, answer=one.completion, choices=one.choices)
        for one in (dataset.unseen() if unseen else dataset.heldout())
    )
    if not cases:
        raise ProbeError(f"dataset {dataset.id} has no held-out examples to measure the task with.")
    return Probe(
        name=name,
        title=f"{dataset.card.name}, unseen wording" if unseen else dataset.card.name,
        kind="gain",
        pack="task",
        description=f"The held-out examples of the dataset {dataset.id}"
        + (", in wordings that were never learned." if unseen else "."),
        license=dataset.card.license,
        scorer="exact",
        cases=cases,
    )
