"""Solved cases put before a question, to tell a skill that is lost from one that only hides.

A model that answers right again after a few solved examples has kept the skill (spurious
forgetting, Zheng et al. 2025, arXiv 2501.13453).
"""

import hashlib
from collections.abc import Sequence
from itertools import islice

from studio.data.example import Message
from studio.measure.case import Case


def solved_before(cases: Sequence[Case], count: int, *, chat: bool) -> tuple[Case, ...]:
    """Every case behind `count` other solved ones: earlier turns of it, or text above it.

    Which ones is fixed by hashes. They share the case's system prompt and are of another cluster
    (a passage that is asked about must not be half solved); where too few are left, fewer stand
    before it.
    """
    rings: dict[str, list[Case]] = {}
    for case in sorted(cases, key=lambda one: hashlib.sha256(one.id.encode()).digest()):
        rings.setdefault(_system(case), []).append(case)
    shots: dict[str, list[Case]] = {}
    for ring in rings.values():
        for place, case in enumerate(ring):
            shots[case.id] = _next_on(ring, place, count)
    behind = _after_turns if chat else _after_text
    return tuple(behind(case, shots[case.id]) for case in cases)


def _next_on(ring: Sequence[Case], place: int, count: int) -> list[Case]:
    case = ring[place]
    others = (ring[(place + step) % len(ring)] for step in range(1, len(ring)))
    free = (one for one in others if not case.cluster or one.cluster != case.cluster)
    return list(islice(free, count))


def _system(case: Case) -> str:
    return "".join(one.content for one in case.messages if one.role == "system")


def _after_turns(case: Case, shots: Sequence[Case]) -> Case:
    system = [one for one in case.messages if one.role == "system"]
    turns: list[Message] = []
    for one in (*shots, case):
        turns += (message for message in one.messages if message.role != "system")
        turns.append(Message(role="assistant", content=one.answer))
    return case.model_copy(update={"messages": (*system, *turns[:-1])})


def _after_text(case: Case, shots: Sequence[Case]) -> Case:
    solved = [f"{one.messages[-1].content} {one.answer}" for one in shots]
    prompt = "\n\n".join((*solved, case.messages[-1].content))
    return case.model_copy(update={"messages": (Message(role="user", content=prompt),)})
