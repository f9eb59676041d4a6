"""What the base gets right is replayed: cases of old skills, with the base's own answers."""

from collections.abc import Sequence
from itertools import chain, zip_longest
from pathlib import Path

from studio.chat.protocol import Sampling
from studio.data.example import Message
from studio.engine.generate import answer
from studio.engine.load import Engine
from studio.engine.selftext import Conversation
from studio.errors import ProbeError
from studio.measure.halves import replayed_half
from studio.measure.outcome import BASE
from studio.measure.probe import Probe, find
from studio.measure.scorers import correct
from studio.tuning.events import EventLog

BATCH = 96  # cases answered at once
LONGEST_ANSWER = 96  # tokens


def right_answers(
    engine: Engine, names: Sequence[str], *, home: Path, log: EventLog
) -> list[Conversation]:
    """The probes' halves for training, each case with the base's greedy answer if it is right.

    The probes take turns, so that a beginning of the list holds them all. Raises ProbeError if
    the base is right nowhere.
    """
    if not names:
        return []
    log("phase", name="the base answers what is replayed")
    halves = [replayed_half(probe) for probe in find(names, home / "probes")]
    answered = [_answer(engine, probe) for probe in halves]
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


def _answer(engine: Engine, probe: Probe) -> list[Conversation]:
    """The probe's cases with the base's answers, the wrong and the unfinished ones left out."""
    found: list[Conversation] = []
    for begin in range(0, len(probe.cases), BATCH):
        cases = probe.cases[begin : begin + BATCH]
        rows = [(BASE, case.messages) for case in cases]
        said = answer(engine, rows, Sampling(max_new_tokens=LONGEST_ANSWER))
        found += [
            (*case.messages, Message(role="assistant", content=one.text.strip()))
            for case, one in zip(cases, said, strict=True)
            if one.stopped and one.text.strip() and correct(probe, one.text, case)
        ]
    return found
