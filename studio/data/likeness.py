"""Texts that are nearly the same, found by MinHash over runs of three words (Broder 1997)."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from datasketch import MinHash

NEAR = 0.8
"""Jaccard similarity of their word triples from which on two texts are nearly the same."""
CANDIDATE = 0.6  # what MinHash proposes for counting; lower, so that it misses next to nothing
PERMUTATIONS = 64
RUN = 3
FEWEST_RUNS = 4
SHARED = 0.1
FEW_TEXTS = 20
_WORD = re.compile(r"\w+")


def shingles(text: str) -> frozenset[str]:
    """Every run of three words, without case and punctuation."""
    words = _WORD.findall(text.casefold())
    return frozenset(" ".join(words[at : at + RUN]) for at in range(len(words) - RUN + 1))


def near_pairs(
    texts: Sequence[str], others: Sequence[str] | None = None
) -> Iterator[tuple[int, int]]:
    """Places of texts and, of each, the first that is nearly the same: earlier, or of `others`.

    Runs that a tenth of all texts share are the template's and do not count. Texts with few runs
    of their own are left alone: one word more makes another text of them. What MinHash proposes is
    counted exactly, so no pair below the bound is given.
    """
    from datasketch import MinHashLSH  # loads SciPy, half a second that only checks need

    sets = [shingles(text) for text in texts]
    against = sets if others is None else [shingles(text) for text in others]
    shared = _shared(sets if others is None else [*sets, *against])
    sets = [one - shared for one in sets]
    against = sets if others is None else [one - shared for one in against]
    index = MinHashLSH(threshold=CANDIDATE, num_perm=PERMUTATIONS)
    if others is not None:
        for place, sketch in _sketches(against):
            index.insert(place, sketch)
    for place, sketch in _sketches(sets):
        near = (one for one in sorted(index.query(sketch)) if _alike(sets[place], against[one]))
        first = next(near, None)
        if first is not None:
            yield place, first
        elif others is None:
            index.insert(place, sketch)


def _shared(sets: Sequence[frozenset[str]]) -> frozenset[str]:
    """Runs of words that come from the template."""
    if len(sets) < FEW_TEXTS:
        return frozenset()
    counts = Counter(run for one in sets for run in one)
    return frozenset(run for run, count in counts.items() if count > SHARED * len(sets))


def _sketches(sets: Sequence[frozenset[str]]) -> Iterator[tuple[int, "MinHash"]]:
    from datasketch import MinHash

    places = [place for place, one in enumerate(sets) if len(one) >= FEWEST_RUNS]
    for start in range(0, len(places), 1000):
        block = places[start : start + 1000]
        encoded = [[run.encode() for run in sets[place]] for place in block]
        sketches = MinHash.bulk(encoded, num_perm=PERMUTATIONS, hashfunc=crc32, seed=1)
        yield from zip(block, sketches, strict=True)


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= NEAR * len(one | other)
