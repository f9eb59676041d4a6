"""Which questions go through the model together: a prompt once, and like lengths side by side."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from os.path import commonprefix
from typing import NamedTuple

from studio.engine.tokens import Tokens

FEW_TOKENS = 128  # a pass of fewer tokens costs about as much as one of these


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
    shared: int = 0
    """So many first tokens are the same in all continuations; they go with the prompt."""

    def add(self, place: int, query: Query) -> None:
        """Let one more query share this group's prompt."""
        for tokens in query.continuations:
            self.continuations.setdefault(tokens, len(self.continuations))
        self.queries[place] = query

    @property
    def head(self) -> Tokens:
        """The prompt with what all continuations begin with."""
        return self.prompt + next(iter(self.continuations))[: self.shared]

    @property
    def rests(self) -> list[int]:
        """How many tokens of each continuation need a pass of their own: all but the last."""
        return [len(tokens) - 1 - self.shared for tokens in self.continuations]


Batch = list[Group]


def batches(queries: Sequence[Query], tokens: int, predictions: int) -> list[Batch]:
    """All queries, in batches of at most `tokens` with their padding, or of one group.

    With the prompts of a batch at most `predictions` distributions over the vocabulary are made.
    """
    groups = _groups(queries, tokens)
    for group in groups:
        most = max(0, predictions // len(group.lanes) - 1)
        group.shared = min(most, _shared(group.continuations))
    found: list[Batch] = []
    for group in sorted(groups, key=lambda one: (len(one.head), max(one.rests))):
        if found:
            joined = [*found[-1], group]
            kept = sum(len(one.lanes) * (one.shared + 1) for one in joined)
            if _size(joined) <= tokens and kept <= predictions:
                found[-1].append(group)
                continue
        found.append([group])
    return found


def alike(sizes: Sequence[int]) -> list[list[int]]:
    """Places in passes of (nearly) one size each, so that little is padded.

    Places of equal size are never parted.
    """
    by_size: dict[int, list[int]] = {}
    for place, size in enumerate(sizes):
        by_size.setdefault(size, []).append(place)
    found: list[list[int]] = []
    for size in sorted(by_size, reverse=True):
        if found and sizes[found[-1][0]] * len(found[-1]) < FEW_TOKENS:
            found[-1] += by_size[size]
        else:
            found.append(by_size[size])
    return found


def _groups(queries: Sequence[Query], tokens: int) -> list[Group]:
    """Queries by prompt; one prompt's are cut where their continuations alone fill a batch."""
    asked = Counter((query.lanes, query.prompt) for query in queries)
    found: list[Group] = []
    for place in sorted(range(len(queries)), key=lambda one: _key(queries[one])):
        query = queries[place]
        # What its own continuations share may be worth more than sharing a short prompt.
        saved = _shared(query.continuations) * (len(query.continuations) - 1)
        apart = asked[query.lanes, query.prompt] == 1 or saved > len(query.prompt)
        last = found[-1] if found else None
        if (
            not last
            or apart
            or (last.lanes, last.prompt) != query[:2]
            or _size([last]) > tokens / 2
        ):
            last = Group(query.lanes, query.prompt)
            found.append(last)
        last.add(place, query)
    return found


def _key(query: Query) -> tuple[Tokens, tuple[str, ...], int]:
    return query.prompt, query.lanes, max(len(tokens) for tokens in query.continuations)


def _shared(continuations: Iterable[Tokens]) -> int:
    """How many first tokens are the same in all, leaving at least one of each."""
    listed = list(continuations)
    shortest = min(len(tokens) for tokens in listed)
    return min(shortest - 1, len(commonprefix(listed)))


def _size(batch: Batch) -> int:
    """Tokens that go through the model, padding included, but for that between unlike tails."""
    heads = sum(len(group.lanes) for group in batch)
    tails = sum(len(group.lanes) * sum(group.rests) for group in batch)
    return heads * max(len(group.prompt) + group.shared for group in batch) + tails
