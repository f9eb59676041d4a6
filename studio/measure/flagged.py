"""The probe of what a person flagged in chat: questions whose answers have to stay as they are."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from pydantic import ValidationError

from studio.data.example import Message
from studio.errors import ProbeError, sentence
from studio.measure.case import Case
from studio.measure.probe import Probe, load, save
from studio.measure.probe_file import SUFFIXES
from studio.tuning.lock import locked

FLAGGED = "flagged"
"""Name of the probe; it lies with a person's own ones."""
_TURN = Lock()


def flagged(home_probes: Path) -> Probe | None:
    """The probe of all cases that are flagged, or None while there is none."""
    paths = [home_probes / (FLAGGED + suffix) for suffix in SUFFIXES]
    return next((load(path) for path in paths if path.exists()), None)


def flag(home_probes: Path, messages: Sequence[Message], answer: str) -> Probe:
    """Add a case to the flagged ones; one with the same question takes the older one's place."""
    asked = json.dumps([message.model_dump() for message in messages])
    id = hashlib.sha256(asked.encode()).hexdigest()[:12]
    try:
        case = Case(id=id, messages=tuple(messages), answer=answer)
    except ValidationError as error:
        raise ProbeError(sentence(error, "the flagged case")) from error
    with _alone(home_probes):
        return _write(home_probes, [*_others(home_probes, messages), case])


def unflag(home_probes: Path, messages: Sequence[Message]) -> None:
    """Take the case with this question out of the flagged ones."""
    with _alone(home_probes):
        if others := _others(home_probes, messages):
            _write(home_probes, others)
            return
        for suffix in SUFFIXES:
            (home_probes / (FLAGGED + suffix)).unlink(missing_ok=True)


@contextmanager
def _alone(home_probes: Path) -> Iterator[None]:
    """Two people may flag at once, in threads or in processes: no case is lost by it."""
    home_probes.mkdir(parents=True, exist_ok=True)
    with _TURN, locked(home_probes / ".flagged.lock"):
        yield


def _others(home_probes: Path, messages: Sequence[Message]) -> list[Case]:
    probe = flagged(home_probes)
    return [one for one in probe.cases if one.messages != tuple(messages)] if probe else []


def _write(home_probes: Path, cases: Sequence[Case]) -> Probe:
    try:
        probe = Probe(
            name=FLAGGED,
            title="Flagged in chat",
            kind="retention",
            description="Questions flagged in chat, with the answer that should stay.",
            cases=tuple(cases),
        )
    except ValidationError as error:
        raise ProbeError(sentence(error, "the flagged cases")) from error
    saved = save(probe, home_probes)
    for suffix in {*SUFFIXES} - {saved.suffix}:  # it may have grown out of the other form
        saved.with_suffix(suffix).unlink(missing_ok=True)
    return probe
