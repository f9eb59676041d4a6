"""An arena to take away: every vote as a spreadsheet, everything as JSON, votes as preferences."""

import json
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from studio.chat.arena import Arena
from studio.chat.score import score
from studio.chat.votes import Arenas
from studio.data.draft_items import Provenance
from studio.data.example import Message
from studio.measure.document import sheet

COLUMNS = (
    "trial", "kind", "repeats", "deck", "deck_kind", "prompt", "asked", "lane_a", "lane_b",
    "answer_a", "answer_b", "ended_a", "ended_b", "choice", "preferred", "same", "void",
    "seconds", "at",
)  # fmt: skip


class Preference(NamedTuple):
    """What a vote teaches: to this question one answer is better than the other."""

    messages: tuple[Message, ...]
    chosen: str
    rejected: str
    came_from: Provenance


def rows(arenas: Arenas, arena: Arena) -> Iterator[dict[str, Any]]:
    """Every vote with what it is about, in the order of voting."""
    duels = arenas.duels(arena.id)
    for number, vote in arenas.votes(arena.id).items():
        if (duel := duels.get(number)) is None:
            continue
        said = vote.model_dump(mode="json") | duel.model_dump(mode="json")
        lanes = {"a": duel.a, "b": duel.b}
        yield {name: said.get(name) for name in COLUMNS} | {
            "trial": number,
            "deck_kind": arena.deck(duel.deck).kind,
            "asked": arena.messages(duel)[-1].content,
            "lane_a": duel.a,
            "lane_b": duel.b,
            "preferred": lanes.get(vote.choice, ""),
        }


def csv(arenas: Arenas, arena: Arena) -> str:
    """Every vote as a line of a spreadsheet."""
    return sheet(list(COLUMNS), rows(arenas, arena))


def as_json(arenas: Arenas, arena: Arena) -> str:
    """How the arena was settled, its score, and every vote with both answers."""
    found = score(arena, arenas.duels(arena.id), arenas.votes(arena.id))
    everything = {
        "arena": arena.model_dump(mode="json", exclude={"owner"}),
        "score": found.model_dump(mode="json", exclude={"arena"}),
        "votes": list(rows(arenas, arena)),
    }
    return json.dumps(everything, indent=1, ensure_ascii=False) + "\n"


def preferences(
    arenas: Arenas, arena: Arena, decks: Collection[str], *, who: str = ""
) -> Iterator[Preference]:
    """What the decisive votes on these decks teach; catch trials, repeats and void ones nothing."""
    duels = arenas.duels(arena.id)
    for number, vote in arenas.votes(arena.id).items():
        duel = duels.get(number)
        if duel is None or duel.kind != "pair" or duel.deck not in decks:
            continue
        if vote.void or vote.choice not in ("a", "b"):
            continue
        sides = [(duel.a, duel.answer_a), (duel.b, duel.answer_b)]
        (lane, chosen), (other, rejected) = sides if vote.choice == "a" else sides[::-1]
        if not chosen.strip():
            continue  # silence may be preferred, but it cannot be learned
        came_from = Provenance(
            source="arena", session=arena.id, place=str(number), lane=lane, other_lane=other,
            base=arena.base, sampling=arena.sampling.model_dump(), who=who,
        )  # fmt: skip
        yield Preference(arena.messages(duel), chosen, rejected, came_from)
