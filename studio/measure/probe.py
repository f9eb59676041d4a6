"""A probe is a named list of questions with known answers, and the rule that marks an answer right.

A probe of kind `gain` asks for the tuned task, one of kind `retention` for something the base
could do before and must not forget. Probes are YAML files, or a dataset's held-out examples.
"""

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from studio.data import strict_yaml
from studio.data.example import Message
from studio.errors import ProbeError, sentence

if TYPE_CHECKING:
    from studio.data.dataset import Dataset

Kind = Literal["gain", "retention", "recovery"]
Scorer = Literal[
    "exact", "contains", "number", "regex", "json", "instructions", "choice", "text"
]
LIKELIHOOD: tuple[Scorer, ...] = ("choice", "text")
"""Scorers that need no answer written: the likelihood of given text says it all."""

SHIPPED = Path(__file__).parent.parent / "probes"
OVERALL = "retention"
"""The report's row for all retention cases together; no probe may take this name."""

# A letter or digit of a script that puts spaces between words; Chinese and Japanese do not.
_WORD = r"[^\W\u3040-\u30ff\u3400-\u9fff]"


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
        return self

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything that changes a score: version, scorer and cases."""
        content = self.model_dump(mode="json", include={"name", "version", "scorer", "cases"})
        return _digest(json.dumps(content, sort_keys=True))

    def shortened(self, limit: int) -> "Probe":
        """At most `limit` cases, always the same ones, spread over the whole probe; 0 keeps all."""
        if limit <= 0 or limit >= len(self.cases):
            return self
        kept = {case.id for case in sorted(self.cases, key=lambda one: _digest(one.id))[:limit]}
        return self.model_copy(
            update={"cases": tuple(case for case in self.cases if case.id in kept)}
        )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def correct(scorer: Scorer, answer: str, case: Case) -> bool:
    """Say whether a model's answer to the case is right.

    `exact` wants the reference or one of `accept`, whitespace aside. `contains` wants one of them
    as a whole phrase in any letter case: "Paris" is in "It is paris.", not in "comparison".
    """
    given = _settle(answer)
    references = [_settle(reference) for reference in (case.answer, *case.accept)]
    if scorer == "exact":
        return given in references
    return any(
        re.search(f"(?<!{_WORD}){re.escape(phrase)}(?!{_WORD})", given, re.IGNORECASE)
        for phrase in references
    )


def _settle(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def load(path: Path) -> Probe:
    """Read one probe file. ProbeError names the file and, where there is one, the case."""
    fields = _read_mapping(path)
    what = f"probe file {path.name}"
    cases = fields.get("cases")
    if not isinstance(cases, list) or not cases:
        raise ProbeError(f"{what} has no cases; list at least one under `cases:`.")
    parsed = [_read_case(what, number, case) for number, case in enumerate(cases, start=1)]
    try:
        return Probe.model_validate({**fields, "cases": parsed})
    except ValidationError as error:
        raise ProbeError(sentence(error, what)) from error


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ProbeError(f"cannot read probe file {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ProbeError(f"probe file {path.name} is not UTF-8 text; save it as UTF-8.") from error
    if not text.strip():
        raise ProbeError(f"probe file {path.name} is empty; it needs a name, a title and cases.")
    try:
        return strict_yaml.read(text)
    except ValueError as error:
        raise ProbeError(f"probe file {path.name}: {error}.") from error


def _read_case(what: str, number: int, fields: Any) -> Case:
    try:
        return Case.model_validate(fields)
    except ValidationError as error:
        id = fields.get("id") if isinstance(fields, dict) else None
        place = f"case {id}" if id else f"case number {number}"
        raise ProbeError(sentence(error, f"{what}, {place}")) from error


def shipped(pack: str | None = "starter") -> list[Probe]:
    """The probes that come with the studio, by name; `pack=None` gives those of every pack."""
    probes = _load_folder(SHIPPED)
    return [probe for probe in probes if pack is None or probe.pack == pack]


def find(names: Iterable[str] | None, home_probes: Path) -> list[Probe]:
    """The probes called `names`, shipped or in the person's own folder, each once, in that order.

    A pack's name stands for all its probes; `None` stands for every probe there is. ProbeError
    names the known ones when a name is unknown, and refuses a name that two files claim.
    """
    probes = [*shipped(pack=None), *_load_folder(home_probes)]
    known = index_by_name(probes)
    if names is None:
        return probes
    found: dict[str, Probe] = {}
    for name in names:
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


def _load_folder(folder: Path) -> list[Probe]:
    return [load(path) for path in sorted(folder.glob("*.yaml"))]


def from_dataset(dataset: "Dataset", *, name: str = "task") -> Probe:
    """The tuned task as a gain probe: the dataset's held-out examples, never trained on.

    The dataset has one held-out example per row, so the cases are independent.
    """
    cases = tuple(
        Case(id=one.id, messages=one.messages, answer=one.completion, choices=one.choices)
        for one in dataset.heldout()
    )
    if not cases:
        raise ProbeError(f"dataset {dataset.id} has no held-out examples to measure the task with.")
    return Probe(
        name=name,
        title=dataset.card.name,
        kind="gain",
        pack="task",
        description=f"The held-out examples of the dataset {dataset.id}.",
        license=dataset.card.license,
        scorer="exact",
        cases=cases,
    )
