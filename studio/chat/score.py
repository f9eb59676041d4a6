"""What the votes of an arena say: each deck for itself, each pair of lanes, and the judge.

Only the first vote on a prompt counts for the lanes: catch trials and repeats tell how reliable
the judge is, and void votes tell nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, median
from typing import NamedTuple

from studio.chat.arena import Arena, Trial
from studio.chat.deck import DeckKind
from studio.chat.exchange import Kept
from studio.chat.votes import Choice, Duel, Vote
from studio.measure.preference import (
    FEWEST_DECISIVE,
    adjust_for_length,
    anytime_p,
    is_shown,
    sign_test,
    votes_still_needed,
    win_rate,
)
from studio.measure.ranking import Rank, rank
from studio.measure.statistics import Interval, wilson_interval


class Share(Kept):
    """So many of so many, with Wilson's 95 % interval; None where there are none."""

    count: int
    of: int
    share: float | None = None
    interval: Interval | None = None


class Adjustment(Kept):
    """The win rate two answers of equal length would have."""

    rate: float
    interval: Interval


class PairScore(Kept):
    """How often `one` was preferred to `other` on the prompts of a deck."""

    one: str
    other: str
    planned: int
    """Prompts on which they meet."""
    n: int
    """Votes that count, ties without asking among them."""
    wins: int
    losses: int
    ties: int
    bad: int
    """Both answers were bad; counts like a tie for the rate."""
    same: int
    """Of the ties: both answers had the same words."""
    rate: float | None = None
    """Share won, ties counted half."""
    interval: Interval | None = None
    """95 % over prompts, for a look at a time settled beforehand."""
    sign_p: float = 1.0
    """Sign test on the decisive votes; holds at the planned end."""
    anytime_p: float = 1.0
    """The same, but holds however often one looks."""
    finished: bool = False
    """Whether every prompt has its vote."""
    preferred: str | None = None
    """The lane shown to be preferred, or None."""
    still_needed: int | None = None
    """Votes to come until a preference would probably show at the rates so far."""
    longer_by: float | None = None
    """Characters by which the answers of `one` are longer on average."""
    adjusted: Adjustment | None = None
    """The rate at equal lengths; None where that cannot be told."""

    @property
    def decisive(self) -> int:
        """Votes for one of both."""
        return self.wins + self.losses


class Place(Kept):
    """A lane's points against the first lane, by Bradley and Terry's model."""

    lane: str
    points: float
    interval: Interval | None


class DeckScore(Kept):
    """The score of one deck; decks are never added up."""

    deck: str
    title: str
    kind: DeckKind
    pairs: tuple[PairScore, ...]
    ranking: tuple[Place, ...] = ()
    """For three lanes and more."""
    both_bad: Share


class Judge(Kept):
    """How reliable the votes are."""

    left: Share
    """Decisive votes for the answer on the left, of all trials."""
    left_is_biased: bool
    """Whether one half lies outside the interval: then the sides sway the judge."""
    repeated: Share
    """Repeats with the same verdict as the first time, their sides changed."""
    caught: Share
    """Catch trials in which one of two answers of the same lane was called better."""
    void: int
    """Votes that do not count, because an answer named its lane."""
    seconds: float | None = None
    """Median time for a vote."""


class Score(Kept):
    """Everything the votes of an arena say."""

    arena: str
    decks: tuple[DeckScore, ...]
    judge: Judge


class Judged(NamedTuple):
    """A vote beside what it is about."""

    duel: Duel
    vote: Vote


def score(arena: Arena, duels: Mapping[int, Duel], votes: Mapping[int, Vote]) -> Score:
    """Add the votes up; `votes` are in the order in which they were cast."""
    judged = [Judged(duels[number], vote) for number, vote in votes.items() if number in duels]
    counted = [one for one in judged if not one.vote.void]
    trials = arena.trials()
    return Score(
        arena=arena.id,
        decks=tuple(
            _score_deck(
                arena,
                deck.name,
                [one for one in trials if one.deck == deck.name and one.kind == "pair"],
                [one for one in counted if one.duel.deck == deck.name and one.duel.kind == "pair"],
                votes,
            )
            for deck in arena.decks
        ),
        judge=_score_judge(judged, counted),
    )


def _score_deck(
    arena: Arena,
    name: str,
    planned: Sequence[Trial],
    judged: Sequence[Judged],
    votes: Mapping[int, Vote],
) -> DeckScore:
    deck, pairs = arena.deck(name), arena.pairs()
    return DeckScore(
        deck=name,
        title=deck.title,
        kind=deck.kind,
        pairs=tuple(
            _score_pair(
                one,
                other,
                [trial.number in votes for trial in planned if {trial.a, trial.b} == {one, other}],
                [each for each in judged if {each.duel.a, each.duel.b} == {one, other}],
                comparisons=len(pairs),
            )
            for one, other in pairs
        ),
        ranking=_rank(arena.lanes, judged),
        both_bad=_share(each.vote.choice == "bad" for each in judged),
    )


def _score_pair(
    one: str, other: str, done: Sequence[bool], judged: Sequence[Judged], *, comparisons: int
) -> PairScore:
    choices = [each.vote.choice for each in judged]
    scores = [_points(one, each) for each in judged]
    won = [bool(points) for points in scores if points != 0.5]
    wins, losses, n = sum(won), len(won) - sum(won), len(judged)
    found = PairScore(
        one=one, other=other, planned=len(done), n=n, wins=wins, losses=losses,
        ties=choices.count("tie"), bad=choices.count("bad"),
        same=sum(each.vote.same for each in judged), finished=all(done),
    )  # fmt: skip
    if not n:
        return found
    rate, interval = win_rate(wins, losses, n)
    shown = is_shown(won, finished=found.finished, comparisons=comparisons)
    longer = [_longer_by(one, each.duel) for each in judged]
    adjusted = adjust_for_length(scores, longer) if len(won) >= FEWEST_DECISIVE else None
    return found.model_copy(
        update={
            "rate": rate,
            "interval": interval,
            "sign_p": sign_test(wins, losses),
            "anytime_p": anytime_p(won),
            "preferred": (one if wins > losses else other) if shown else None,
            "still_needed": 0 if shown else votes_still_needed(wins, losses, n),
            "longer_by": mean(longer),
            "adjusted": adjusted and Adjustment(rate=adjusted.rate, interval=adjusted.interval),
        }
    )


def _score_judge(judged: Sequence[Judged], counted: Sequence[Judged]) -> Judge:
    asked = [one for one in counted if not one.vote.same]
    left = _share(one.vote.choice == "a" for one in asked if one.vote.choice in ("a", "b"))
    first = {one.duel.number: one.vote.choice for one in counted}
    repeats = [one for one in asked if one.duel.repeats in first]
    seconds = [one.vote.seconds for one in asked if one.vote.seconds is not None]
    return Judge(
        left=left,
        left_is_biased=left.interval is not None
        and not left.interval[0] <= 0.5 <= left.interval[1],
        repeated=_share(
            one.vote.choice == _turned(first[one.duel.repeats])
            for one in repeats
            if one.duel.repeats is not None
        ),
        caught=_share(one.vote.choice in ("a", "b") for one in asked if one.duel.kind == "catch"),
        void=len(judged) - len(counted),
        seconds=median(seconds) if seconds else None,
    )


def _rank(lanes: Sequence[str], judged: Sequence[Judged]) -> tuple[Place, ...]:
    """Points by Bradley and Terry's model, where votes link three lanes and more."""
    if len(lanes) < 3 or not _linked(lanes, judged):
        return ()
    places = {lane: place for place, lane in enumerate(lanes)}
    votes = [
        (each.duel.prompt, places[each.duel.a], places[each.duel.b], _points(each.duel.a, each))
        for each in judged
    ]
    found: list[Rank] = rank(lanes, votes)
    return tuple(Place(lane=one.name, points=one.points, interval=one.interval) for one in found)


def _linked(lanes: Sequence[str], judged: Sequence[Judged]) -> bool:
    """Whether chains of votes lead from the first lane to every other: else nothing orders them."""
    pairs = {frozenset((each.duel.a, each.duel.b)) for each in judged}
    reached = {lanes[0]}
    for _ in lanes:
        reached.update(*(pair for pair in pairs if pair & reached))
    return reached == {*lanes}


def _points(lane: str, each: Judged) -> float:
    """1 if the lane was preferred, 0 if the other was, else 1/2."""
    match each.vote.choice:
        case "a":
            return float(each.duel.a == lane)
        case "b":
            return float(each.duel.b == lane)
        case _:
            return 0.5


def _longer_by(lane: str, duel: Duel) -> int:
    difference = len(duel.answer_a) - len(duel.answer_b)
    return difference if duel.a == lane else -difference


def _turned(choice: Choice) -> Choice:
    turned: dict[Choice, Choice] = {"a": "b", "b": "a"}
    return turned.get(choice, choice)


def _share(marks: Iterable[bool]) -> Share:
    found = list(marks)
    count, of = sum(found), len(found)
    if not of:
        return Share(count=0, of=0)
    return Share(count=count, of=of, share=count / of, interval=wilson_interval(count, of))
