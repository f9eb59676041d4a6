"""Texts that are nearly the same, found by MinHash over runs of three words (Broder 1997).

All texts are sketched at once with NumPy, by the permutations of `datasketch`, so that a hundred
thousand of them take seconds.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

NEAR = 0.8
"""Jaccard similarity of their word triples from which on two texts are nearly the same."""
PERMUTATIONS = 64
BANDS = 16
"""Bands of four: a pair at the bound is missed once in six thousand, (1 - 0.8^4)^16."""
DOUBTFUL = 0.55
"""Share of equal sketch values below which a pair cannot be near: five standard errors under."""
RUN = 3
FEWEST_RUNS = 4
SHARED = 0.1
FEW_TEXTS = 20
CROWD = 32  # candidates from which on their sketches are compared before their runs
_WORD = re.compile(r"\w+")
_KNOWN_WORDS = 1 << 21  # three numbers below this fit into 63 bits

Numbers = NDArray[np.int64]
Keys = NDArray[np.uint64]


@dataclass(frozen=True)
class Runs:
    """The different word triples of many texts, as numbers."""

    numbers: Numbers
    """Of all texts one after the other, each text's in ascending order."""
    ends: Numbers
    """Where each text's runs end."""

    def __len__(self) -> int:
        """How many texts there are."""
        return len(self.ends)

    def counts(self) -> Numbers:
        """How many runs each text has."""
        return np.diff(self.ends, prepend=0)

    def of(self, place: int) -> Numbers:
        """The runs of one text."""
        start = self.ends[place - 1] if place else 0
        return self.numbers[start : self.ends[place]]

    def without(self, shared: Numbers) -> "Runs":
        """Without some runs."""
        if not len(shared):
            return self
        kept = ~np.isin(self.numbers, shared)
        total = np.concatenate([[0], np.cumsum(kept)])
        return Runs(self.numbers[kept], total[self.ends])


class Reader:
    """Turns texts into runs; texts that are compared are read by the same one."""

    def __init__(self) -> None:
        self._known: defaultdict[str, int] = defaultdict()
        self._known.default_factory = self._known.__len__

    def read(self, texts: Sequence[str]) -> Runs:
        """Every run of three words of each text, without case and punctuation."""
        number = self._known.__getitem__
        words = [list(map(number, _WORD.findall(text.casefold()))) for text in texts]
        counts = np.fromiter(map(len, words), np.int64, len(words))
        total = int(counts.sum())
        flat = np.fromiter(chain.from_iterable(words), np.int64, total)
        del words
        text_of = np.repeat(np.arange(len(counts)), counts)
        runs = self._join(flat[:-2], flat[1:-1], flat[2:]) if total > 2 else flat[:0]
        inside = text_of[:-2] == text_of[2:] if total > 2 else text_of[:0].astype(bool)
        runs, text_of = runs[inside], text_of[:-2][inside] if total > 2 else text_of[:0]
        order = np.lexsort((runs, text_of))
        runs, text_of = runs[order], text_of[order]
        first = np.ones(len(runs), bool)
        first[1:] = (runs[1:] != runs[:-1]) | (text_of[1:] != text_of[:-1])
        ends = np.cumsum(np.bincount(text_of[first], minlength=len(counts)))
        return Runs(runs[first], ends)

    def _join(self, one: Numbers, two: Numbers, three: Numbers) -> Numbers:
        """One number for three; with millions of words two triples could get the same, rarely."""
        if len(self._known) < _KNOWN_WORDS:
            return (one << 42) | (two << 21) | three
        return (one * 0x9E3779B97F4A7C1 + two) * 0x2545F4914F6CDD1 + three


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
    counted exactly, so no pair below the bound is given. An earlier text that is itself nearly the
    same as one before it is not compared with.
    """
    reader = Reader()
    read = reader.read(texts)
    return near_runs(read, None if others is None else reader.read(others))


def near_runs(read: Runs, others: Runs | None = None) -> Iterator[tuple[int, int]]:
    """The same for texts that were read before; both by one reader."""
    shared = _shared([read] if others is None else [read, others])
    own = read.without(shared)
    against = own if others is None else others.without(shared)
    sketches = _sketch(own)
    known = sketches if others is None else _sketch(against)
    index = _Index(against, known)
    keys = _keys(sketches)
    known_keys = keys if others is None else _keys(known)
    if others is not None:
        wanted = _meeting(known_keys, keys) & (against.counts() >= FEWEST_RUNS)
        for place in np.flatnonzero(wanted).tolist():
            index.insert(place, known_keys[place])
        able = _meeting(keys, known_keys)
    else:
        able = _repeated(keys)
    for place in np.flatnonzero(able & (own.counts() >= FEWEST_RUNS)).tolist():
        first = index.first_near(own.of(place), sketches[place], keys[place])
        if first is not None:
            yield place, first
        elif others is None:
            index.insert(place, keys[place])


class _Index:
    """Texts by the bands of their sketches."""

    def __init__(self, runs: Runs, sketches: NDArray[np.uint32]) -> None:
        self._runs = runs
        self._sketches = sketches
        self._bands: list[dict[int, list[int]]] = [defaultdict(list) for _ in range(BANDS)]

    def insert(self, place: int, keys: Keys) -> None:
        """Take in the text of that place."""
        for band, key in zip(self._bands, keys.tolist(), strict=True):
            band[key].append(place)

    def first_near(self, runs: Numbers, sketch: NDArray[np.uint32], keys: Keys) -> int | None:
        """The first text that is nearly the same as the one with these runs."""
        met: set[int] = set()
        for band, key in zip(self._bands, keys.tolist(), strict=True):
            met.update(band.get(key, ()))
        candidates = sorted(met)
        if len(candidates) > CROWD:
            equal = (self._sketches[candidates] == sketch).mean(axis=1)
            candidates = np.asarray(candidates)[equal >= DOUBTFUL].tolist()
        return next((one for one in candidates if _alike(runs, self._runs.of(one))), None)


def _alike(one: Numbers, other: Numbers) -> bool:
    if min(len(one), len(other)) < NEAR * max(len(one), len(other)):
        return False
    common = len(set(one.tolist()) & set(other.tolist()))
    return common >= NEAR * (len(one) + len(other) - common)


def _shared(parts: Sequence[Runs]) -> Numbers:
    """Runs of words that come from the template."""
    texts = sum(map(len, parts))
    if texts < FEW_TEXTS:
        return np.empty(0, np.int64)
    runs, counts = np.unique(np.concatenate([one.numbers for one in parts]), return_counts=True)
    return runs[counts > SHARED * texts]


def _sketch(runs: Runs) -> NDArray[np.uint32]:
    """MinHash of every text: the smallest number of its runs under each permutation."""
    from datasketch import MinHash  # loads SciPy, half a second that only checks need

    sketches = np.zeros((len(runs), PERMUTATIONS), np.uint32)
    has_some = np.flatnonzero(runs.counts())
    if not len(has_some):
        return sketches
    starts = (runs.ends - runs.counts())[has_some]
    mixed = _mix(runs.numbers)
    for number, (a, b) in enumerate(MinHash(num_perm=PERMUTATIONS, seed=1).permutations.T):
        sketches[has_some, number] = np.minimum.reduceat(mixed * a + b, starts)
    return sketches


def _mix(numbers: Numbers) -> NDArray[np.uint32]:
    """Spread numbers evenly over 32 bits (the end of MurmurHash3, Appleby 2011)."""
    mixed = numbers.astype(np.uint64)
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        mixed ^= mixed >> np.uint64(33)
        mixed *= np.uint64(factor)
    return (mixed >> np.uint64(32)).astype(np.uint32)


def _keys(sketches: NDArray[np.uint32]) -> Keys:
    """One number for each band of each sketch."""
    rows = PERMUTATIONS // BANDS
    bands = sketches.reshape(len(sketches), BANDS, rows).astype(np.uint64)
    key = bands[:, :, 0]
    for row in range(1, rows):
        key = key * np.uint64(0x9E3779B97F4A7C15) + bands[:, :, row]
    return key


def _repeated(keys: Keys) -> NDArray[np.bool_]:
    """Which texts share a band with another one."""
    met = np.zeros(len(keys), bool)
    for band in keys.T:
        _, back, counts = np.unique(band, return_inverse=True, return_counts=True)
        met |= counts[back] > 1
    return met


def _meeting(keys: Keys, others: Keys) -> NDArray[np.bool_]:
    """Which texts share a band with one of the others."""
    met = np.zeros(len(keys), bool)
    for band in range(BANDS):
        met |= np.isin(keys[:, band], others[:, band])
    return met
