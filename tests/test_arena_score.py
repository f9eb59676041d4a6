"""What votes say: each deck for itself, with intervals, and nothing that a judge's habits claim."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from made_arena import LANES, Answers, begin, deck, lane_of, settle, vote_for

from studio.chat.arena import Arena
from studio.chat.score import Score, score
from studio.chat.votes import Arenas, Choice, Duel, Vote


@pytest.fixture
def arenas(tmp_path: Path) -> Arenas:
    return Arenas(tmp_path, Answers())


def test_decks_have_scores_of_their_own(arenas: Arenas) -> None:
    arena = begin(prompts=25)
    arena = arenas.start(**dict(arena) | {"id": arena.id})
    while duel := arenas.next(arena.id):
        liked = "tuned-one" if duel.deck == "task" else "base"
        arenas.vote(arena.id, duel.number, "a" if duel.a == liked else "b")
    task, old = score(arena, arenas.duels(arena.id), arenas.votes(arena.id)).decks
    assert (task.pairs[0].wins, task.pairs[0].losses, task.kind) == (25, 0, "task")
    assert (old.pairs[0].wins, old.pairs[0].losses, old.kind) == (0, 25, "retention")
    assert (task.pairs[0].preferred, old.pairs[0].preferred) == ("tuned-one", "base")


def test_fewer_than_twenty_decisive_votes_claim_nothing(arenas: Arenas) -> None:
    arena = settle(arenas, prompts=19)
    vote_for(arenas, arena, "tuned-one")
    (pair,) = score(arena, arenas.duels(arena.id), arenas.votes(arena.id)).decks[0].pairs
    assert (pair.wins, pair.decisive, pair.finished, pair.preferred) == (19, 19, True, None)
    assert pair.still_needed == 1


def test_repeats_and_catch_trials_judge_the_judge_and_not_the_lanes(arenas: Arenas) -> None:
    arena = settle(arenas, prompts=40)
    while duel := arenas.next(arena.id):
        arenas.vote(arena.id, duel.number, "a", seconds=duel.number)  # always the left one
    found = score(arena, arenas.duels(arena.id), arenas.votes(arena.id))
    judge = found.judge
    assert (judge.left.count, judge.left.of) == (48, 48)
    assert judge.left_is_biased
    assert (judge.repeated.count, judge.repeated.of) == (0, 4)
    assert (judge.caught.count, judge.caught.of) == (4, 4)
    assert found.decks[0].pairs[0].n == 40
    assert judge.seconds == pytest.approx(23.5)


def test_a_judge_of_content_is_consistent_and_not_biased(arenas: Arenas) -> None:
    arena = settle(arenas, prompts=60)
    vote_for(arenas, arena, "tuned-one", but_of=3)
    found = score(arena, arenas.duels(arena.id), arenas.votes(arena.id))
    pair, judge = found.decks[0].pairs[0], found.judge
    assert (pair.wins, pair.losses, pair.rate) == (40, 20, pytest.approx(2 / 3))
    assert pair.interval is not None
    assert pair.interval[0] > 0.5
    assert pair.preferred == "tuned-one"
    assert not judge.left_is_biased
    assert (judge.caught.count, judge.caught.of) == (0, 6)
    assert judge.repeated.of == 6


def test_three_lanes_are_ranked_with_intervals(arenas: Arenas) -> None:
    arena = arenas.start(lanes=LANES, decks=(deck("task", 12),), title="t")
    order = {"base": 0, "tuned-one": 1, "tuned-two": 2}
    while duel := arenas.next(arena.id):
        better = "a" if order[duel.a] > order[duel.b] else "b"
        arenas.vote(arena.id, duel.number, "bad" if duel.number % 5 == 0 else better)
    found = score(arena, arenas.duels(arena.id), arenas.votes(arena.id)).decks[0]
    points = [one.points for one in found.ranking]
    assert points == sorted(points)
    assert (points[0], found.ranking[0].interval) == (0, None)
    assert found.ranking[2].interval is not None
    assert found.ranking[2].interval[0] > 0
    assert len(found.pairs) == 3
    assert found.both_bad.count == sum(pair.bad for pair in found.pairs) > 0


def test_lanes_that_no_chain_of_votes_links_are_not_ranked(arenas: Arenas) -> None:
    lanes = ("base", "one", "two", "three")
    arena = arenas.start(lanes=lanes, decks=(deck("task", 12),), title="t")
    apart = ({"base", "one"}, {"two", "three"})
    while duel := arenas.next(arena.id):
        arenas.vote(arena.id, duel.number, "a")
    duels, votes = arenas.duels(arena.id), arenas.votes(arena.id)
    some = {number: votes[number] for number, duel in duels.items() if {duel.a, duel.b} in apart}
    assert {duels[number].a for number in some} == set(lanes)
    assert score(arena, duels, some).decks[0].ranking == ()
    assert len(score(arena, duels, votes).decks[0].ranking) == 4


def test_two_lanes_are_not_ranked(arenas: Arenas) -> None:
    arena = settle(arenas)
    vote_for(arenas, arena, "base")
    found = score(arena, arenas.duels(arena.id), arenas.votes(arena.id))
    assert found.decks[0].ranking == ()
    assert found.decks[0].pairs[0].preferred == "base"


def test_a_score_is_json_with_every_number(arenas: Arenas) -> None:
    arena = settle(arenas)
    empty = score(arena, {}, {})
    assert empty.decks[0].pairs[0].rate is None
    vote_for(arenas, arena, "tuned-one", but_of=4)
    found = score(arena, arenas.duels(arena.id), arenas.votes(arena.id))
    read = json.loads(found.model_dump_json())
    assert read["decks"][0]["pairs"][0]["wins"] == 18
    assert lane_of(arena.trials()[0], "a") == arena.trials()[0].a


Judge = Callable[[Random, Duel], Choice]


def simulate(seed: int, judge: Judge, *, lanes: int = 2, prompts: int = 40) -> Score:
    """An arena that was voted on to its end, without files."""
    arena = Arena.begin(lanes=LANES[:lanes], decks=(deck("d", prompts),), title="t", seed=seed)
    random = Random(f"judge {seed}")  # not the numbers that drew the sides
    duels = {
        one.number: Duel(**dict(one), answer_a="x" * random.randrange(9, 99),
                         answer_b="x" * random.randrange(9, 99))
        for one in arena.trials()
    }  # fmt: skip
    votes = {
        number: Vote(trial=number, choice=judge(random, duel), at=arena.created)
        for number, duel in duels.items()
    }
    return score(arena, duels, votes)


def toss(random: Random, duel: Duel) -> Choice:
    """Nobody is better."""
    return random.choice(("a", "a", "b", "b", "tie", "bad"))


def lean_left(random: Random, duel: Duel) -> Choice:
    """What stands on the left is better, whoever it is."""
    return "a" if random.random() < 0.8 else "b"


def like_length(random: Random, duel: Duel) -> Choice:
    """What is longer is better, more often than not."""
    longer = len(duel.answer_a) > len(duel.answer_b)
    return "a" if longer == (random.random() < 0.75) else "b"


@pytest.mark.parametrize(("judge", "lanes"), [(toss, 3), (lean_left, 2), (like_length, 2)])
def test_no_lane_gains_by_how_a_person_judges(judge: Judge, lanes: int) -> None:
    found = [simulate(seed, judge, lanes=lanes).decks[0].pairs for seed in range(80)]
    claimed = sum(any(pair.preferred for pair in pairs) for pairs in found)
    assert claimed <= 9  # 5 % of 80 are 4; ten would come once in 200 such tests


def test_a_person_who_leans_left_is_told_so() -> None:
    assert all(simulate(seed, lean_left).judge.left_is_biased for seed in range(10))
    tossed = [simulate(seed, toss).judge.left_is_biased for seed in range(60)]
    assert sum(tossed) <= 8


def test_a_lane_that_is_better_is_found_as_often_as_planned() -> None:
    def prefer(random: Random, duel: Duel) -> Choice:
        better = "a" if duel.a == "tuned-one" else "b"
        return better if random.random() < 0.7 else {"a": "b", "b": "a"}[better]

    found = [simulate(seed, prefer, prompts=49).decks[0].pairs[0] for seed in range(100)]
    shown = [pair.preferred for pair in found]
    assert 0.68 <= shown.count("tuned-one") / 100 <= 0.92  # 49 votes at 70 % are planned for 80 %
    assert "base" not in shown
