"""What the base gets right is replayed: cases of old skills, with the base's own answers."""

import os
from collections.abc import Sequence
from itertools import chain, zip_longest
from pathlib import Path

from studio.data.example import Message
from studio.engine.compare import open_cache
from studio.engine.load import Engine
from studio.engine.measurement import Measurement
from studio.engine.selftext import Conversation
from studio.errors import ProbeError
from studio.measure.halves import replayed_half
from studio.measure.outcome import BASE
from studio.measure.probe import Probe, find
from studio.tuning.events import EventLog

LONGEST_ANSWER = 48  # tokens; as in a measurement, whose answers are taken if there are any


def right_answers(
    engine: Engine, names: Sequence[str], *, home: Path, log: EventLog
) -> list[Conversation]:
    """The probes' halves for training, each case with the base's own answer if it is right.

    The probes take turns, so that a beginning of the list holds them all. Raises ProbeError if
    the base is right nowhere.
    """
    if not names:
        return []
    log("phase", name="the base answers what is replayed")
    halves = [replayed_half(probe) for probe in find(names, home / "probes")]
    answered = _answer(engine, halves, home)
    counts = {
        probe.name: [len(right), len(probe.cases)]
        for probe, right in zip(halves, answered, strict=True)
    }
    log("replayed", right=counts)
    in_turn = [one for one in chain.from_iterable(zip_longest(*answered)) if one is not None]
    if not in_turn:
        raise ProbeError(
            f"The base answers no replayed case of {', '.join(names)} right, so it has nothing "
            "to hold on to there; leave replay_probes empty."
        )
    return in_turn


def _answer(engine: Engine, probes: Sequence[Probe], home: Path) -> list[list[Conversation]]:
    """For each probe its cases with the base's right answers; the others are left out."""
    # Its events would be those of a measurement; a run that tunes says in one what it replays.
    silent = EventLog(Path(os.devnull))
    caches = {BASE: open_cache(engine, home)}
    measurement = Measurement(engine, probes, caches, max_new_tokens=LONGEST_ANSWER, log=silent)
    outcomes = iter(measurement.take())
    return [
        [
            (*case.messages, Message(role="assistant", content=said.text.strip()))
            for case, said in zip(probe.cases, outcomes, strict=False)
            if said.correct and said.stopped and said.text.strip()
        ]
        for probe in probes
    ]
