"""Which questions go through the model together: a prompt once, and like lengths side by side."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from studio.engine.tokens import Tokens


class Query(NamedTuple):
    """Continuations of one prompt, to be scored by several lanes in the same forward pass."""

    lanes: tuple[str, ...]
    prompt: Tokens
    continuations: tuple[Tokens, ...]


@dataclass
class Group:
    """Queries with the same prompt and lanes; each different continuation is held once."""

    lanes: tuple[str, ...]
    prompt: Tokens
    continuations: dict[Tokens, int] = field(default_factory=dict)
    """Every continuation with its place among them."""
    queries: dict[int, Query] = field(default_factory=dict)
    """Who asks, by place among all queries."""
    longest: int = 0
    """Tokens of the longest continuation that go through the model: all but its last."""

    def add(self, place: int, query: Query) -> None:
        """Let one more query share this group's prompt."""
        for tokens in query.continuations:
            self.continuations.setdefault(tokens, len(self.continuations))
            self.longest = max(self.longest, len(tokens) - 1)
        self.queries[place] = query

    @property
    def rows(self) -> int:
        """Continuations of every lane that need a pass beyond the prompt's."""
        return len(self.lanes) * sum(len(tokens) > 1 for tokens in self.continuations)


Batch = list[Group]


def batches(queries: Sequence[Query], most: int) -> list[Batch]:
    """All queries, in batches of at most `most` tokens with their padding (or of one group)."""
    found: list[Batch] = []
    for group in sorted(_groups(queries, most), key=lambda one: (len(one.prompt), one.longest)):
        if found and _size([*found[-1], group]) <= most:
            found[-1].append(group)
        else:
            found.append([group])
    return found


def _groups(queries: Sequence[Query], most: int) -> list[Group]:
    """Queries by prompt; one prompt's are cut where their continuations alone fill a batch."""
    order = sorted(range(len(queries)), key=lambda place: _key(queries[place]))
    found: list[Group] = []
    for place in order:
        query = queries[place]
        last = found[-1] if found else None
        if not last or (last.lanes, last.prompt) != query[:2] or _size([last]) > most // 2:
            last = Group(query.lanes, query.prompt)
            found.append(last)
        last.add(place, query)
    return found


def _key(query: Query) -> tuple[Tokens, tuple[str, ...], int]:
    return query.prompt, query.lanes, max(len(tokens) for tokens in query.continuations)


def _size(batch: Batch) -> int:
    """Tokens that go through the model, padding included."""
    prompts = sum(len(group.lanes) for group in batch) * max(len(one.prompt) for one in batch)
    return prompts + sum(group.rows for group in batch) * max(group.longest for group in batch)
