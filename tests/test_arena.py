"""Arenas are fair, settled beforehand and blind; votes are written once and survive everything."""

import threading
from collections import Counter
from pathlib import Path

import pytest
from made_arena import LANES, Answers, begin, deck, settle, vote_for
from pydantic import ValidationError

from studio.chat.arena import BLOCK, GAP, Arena, Trial
from studio.chat.protocol import Sampling
from studio.chat.score import score
from studio.chat.votes import Arenas
from studio.errors import ChatError


@pytest.fixture
def arenas(tmp_path: Path) -> Arenas:
    return Arenas(tmp_path, Answers())


@pytest.mark.parametrize("lanes", [2, 3])
def test_every_pair_meets_once_on_every_prompt(lanes: int) -> None:
    arena = begin(lanes)
    meetings = Counter(
        (one.deck, one.prompt, frozenset((one.a, one.b)))
        for one in arena.trials()
        if one.kind == "pair"
    )
    assert set(meetings.values()) == {1}
    assert len(meetings) == 60 * len(arena.pairs())


def test_with_three_lanes_no_pair_is_late() -> None:
    first = [one for one in begin(3).trials() if one.kind == "pair"][:60]
    seen = Counter(frozenset((one.a, one.b)) for one in first)
    assert sorted(seen.values()) == [20, 20, 20]


def test_the_order_follows_from_the_seed_alone() -> None:
    arena = begin(3, seed=5)
    again = Arena.model_validate_json(arena.model_dump_json())
    assert again.trials() == arena.trials()
    assert arena.model_copy(update={"seed": 6}).trials() != arena.trials()


def test_either_lane_stands_on_either_side_equally_often() -> None:
    sides = [
        one.a == "base"
        for seed in range(30)
        for one in begin(seed=seed).trials()
        if one.kind == "pair"
    ]
    assert 0.47 < sum(sides) / len(sides) < 0.53  # 1,800 draws: five standard errors are 0.06


@pytest.mark.parametrize("seed", range(20))
def test_five_to_ten_percent_are_catch_trials_and_repeats(seed: int) -> None:
    trials = begin(3, seed=seed).trials()
    assert [one.number for one in trials] == list(range(len(trials)))
    kinds = Counter(one.kind for one in trials)
    assert 0.05 <= kinds["catch"] / len(trials) <= 0.1
    assert 0.05 <= kinds["repeat"] / len(trials) <= 0.1
    assert all((one.a == one.b) == (one.kind == "catch") for one in trials)


@pytest.mark.parametrize("seed", range(20))
def test_a_repeat_turns_the_sides_of_an_earlier_trial_that_is_forgotten(seed: int) -> None:
    trials = begin(2, seed=seed).trials()
    repeats = [one for one in trials if one.kind == "repeat"]
    for one in repeats:
        assert one.repeats is not None
        first = trials[one.repeats]
        assert (first.kind, first.prompt, first.deck) == ("pair", one.prompt, one.deck)
        assert (first.a, first.b) == (one.b, one.a)
        between = trials[first.number + 1 : one.number]
        assert sum(each.kind == "pair" for each in between) >= GAP
    assert len({one.repeats for one in repeats}) == len(repeats)


def test_an_arena_smaller_than_a_block_has_pairs_only() -> None:
    arena = Arena.begin(lanes=LANES[:2], decks=(deck("few", BLOCK - 1),), title="t")
    assert {one.kind for one in arena.trials()} == {"pair"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"lanes": ("base", "base")}, "one is named twice"),
        ({"lanes": ("base",)}, "at least 2 items"),
        ({"decks": (deck("d", 2), deck("d", 3))}, "a deck is named twice"),
        ({"decks": ()}, "at least 1 item"),
    ],
)
def test_an_arena_that_cannot_be_is_refused(
    arenas: Arenas, fields: dict[str, object], said: str
) -> None:
    with pytest.raises(ChatError, match=said):
        arenas.start(**{"lanes": ("base", "x"), "decks": (deck("d", 2),), "title": "t"} | fields)
    with pytest.raises(ValidationError):
        Arena.begin(**{"lanes": ("base", "x"), "decks": (deck("d", 2),), "title": "t"} | fields)
    assert arenas.list() == []


def test_both_sides_are_asked_the_same_in_one_batch_with_the_same_settings(tmp_path: Path) -> None:
    answers = Answers()
    arenas = Arenas(tmp_path, answers)
    drawn = Sampling(temperature=0.7, seed=9, max_new_tokens=33)
    arena = settle(arenas, sampling=drawn, system="Be brief.")
    vote_for(arenas, arena, "tuned-one")
    kinds = Counter(len(lanes) for lanes, _, _ in answers.asked)
    trials = Counter(one.kind for one in arena.trials())
    assert kinds[2] == trials["pair"]
    assert kinds[1] == 2 * trials["catch"]  # one after the other: each with a seed of its own
    assert {sampling for lanes, _, sampling in answers.asked if len(lanes) == 2} == {drawn}
    assert arena.messages(arena.trials()[0])[0].content == "Be brief."


def test_a_catch_trial_shows_one_lane_drawn_twice(tmp_path: Path) -> None:
    arenas = Arenas(tmp_path, Answers())
    arena = settle(arenas, sampling=Sampling(temperature=1, seed=3))
    vote_for(arenas, arena, "tuned-one")
    caught = [one for one in arenas.duels(arena.id).values() if one.kind == "catch"]
    assert caught
    for one in caught:
        assert one.answer_a.replace("with 3", "with 4") == one.answer_b != one.answer_a


def test_a_repeat_shows_the_first_answers_and_asks_nobody_anew(tmp_path: Path) -> None:
    answers = Answers()
    arenas = Arenas(tmp_path, answers)
    arena = settle(arenas)
    vote_for(arenas, arena, "tuned-one")
    duels = arenas.duels(arena.id)
    repeats = [one for one in duels.values() if one.repeats is not None]
    assert repeats
    for one in repeats:
        assert one.repeats is not None
        first = duels[one.repeats]
        assert (one.answer_a, one.answer_b) == (first.answer_b, first.answer_a)
    assert len(answers.asked) == len(duels) - len(repeats)


def test_the_next_trial_is_prepared_while_this_one_is_read(tmp_path: Path) -> None:
    answers = Answers()
    arenas = Arenas(tmp_path, answers)
    arena = settle(arenas)
    shown = arenas.next(arena.id)
    assert shown is not None
    ahead = arenas.next(arena.id, after=shown.number)
    asked = len(answers.asked)
    arenas.vote(arena.id, shown.number, "tie")
    assert arenas.next(arena.id) == ahead
    assert len(answers.asked) == asked
    assert set(arenas.votes(arena.id)) == {shown.number}


def test_the_same_words_are_a_tie_that_nobody_is_asked_about(tmp_path: Path) -> None:
    same = dict.fromkeys(LANES, "Yes.")
    arenas = Arenas(tmp_path, Answers(same))
    arena = settle(arenas, prompts=25)
    shown = 0
    while duel := arenas.next(arena.id):
        assert duel.kind == "catch"
        shown += 1
        arenas.vote(arena.id, duel.number, "tie")
    assert shown == 2
    (pair,) = score(arena, arenas.duels(arena.id), arenas.votes(arena.id)).decks[0].pairs
    assert (pair.n, pair.ties, pair.same, pair.decisive, pair.finished) == (25, 25, 25, 0, True)
    assert arenas.left(arena.id) == 0


def test_a_vote_is_never_changed(arenas: Arenas) -> None:
    arena = settle(arenas)
    duel = arenas.next(arena.id)
    assert duel is not None
    arenas.vote(arena.id, duel.number, "a")
    with pytest.raises(ChatError, match="never changed"):
        arenas.vote(arena.id, duel.number, "b")
    assert arenas.votes(arena.id)[duel.number].choice == "a"
    with pytest.raises(ChatError, match="not shown yet"):
        arenas.vote(arena.id, 20, "a")


def test_of_many_votes_at_once_one_counts(arenas: Arenas) -> None:
    arena = settle(arenas)
    duel = arenas.next(arena.id)
    assert duel is not None
    refused = []

    def cast() -> None:
        try:
            arenas.vote(arena.id, duel.number, "a")
        except ChatError as error:
            refused.append(error)

    threads = [threading.Thread(target=cast) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7
    assert len((arenas._folder / arena.id / "votes.jsonl").read_bytes().splitlines()) == 1


@pytest.mark.parametrize("name", ["votes.jsonl", "trials.jsonl"])
def test_a_torn_last_line_costs_that_line_alone(arenas: Arenas, tmp_path: Path, name: str) -> None:
    arena = settle(arenas)
    for _ in range(3):
        duel = arenas.next(arena.id)
        assert duel is not None
        arenas.vote(arena.id, duel.number, "b")
    path = tmp_path / arena.id / name
    path.write_bytes(path.read_bytes()[:-15])
    again = Arenas(tmp_path, Answers())
    assert len(again.votes(arena.id)) == (2 if name == "votes.jsonl" else 3)
    duel = again.next(arena.id)
    assert duel is not None
    assert duel.number == (2 if name == "votes.jsonl" else 3)
    again.vote(arena.id, duel.number, "a")
    assert again.votes(arena.id)[duel.number].choice == "a"
    assert sum(bool(line) for line in path.read_bytes().split(b"\n")) == 4


def test_a_visitor_sees_their_own_arenas_only(arenas: Arenas) -> None:
    mine = settle(arenas, owner="me")
    other = settle(arenas, owner="you")
    assert [one.id for one in arenas.list("me")] == [mine.id]
    assert {one.id for one in arenas.list()} == {mine.id, other.id}
    for id, owner in ((other.id, "me"), ("../x", None), ("nosuch", None)):
        with pytest.raises(ChatError, match="There is no arena"):
            arenas.open(id, owner)


def give_away(a: str, b: str, question: str = "Who are you?") -> str | None:
    one = deck("d", 1)
    asked = one.prompts[0].model_copy(
        update={"messages": (one.prompts[0].messages[0].model_copy(update={"content": question}),)}
    )
    arena = Arena.begin(
        lanes=("base", "20260101-sentiment"), titles={"20260101-sentiment": "Mood"},
        base="org/qwen", decks=(one.model_copy(update={"prompts": (asked,)}),), title="t",
    )  # fmt: skip
    trial = Trial(number=0, kind="pair", deck="d", prompt=asked.id, a="base", b=arena.lanes[1])
    return arena.give_away(trial, a, b)


@pytest.mark.parametrize(
    ("a", "b", "word"),
    [
        ("I am Qwen.", "I am a model.", "qwen"),
        ("I am well.", "I am the fine-tuned model.", "fine-tuned"),
        ("As 20260101-sentiment I say no.", "No.", "20260101-sentiment"),
        ("I am Qwen.", "So am I, Qwen.", None),  # both say it: it tells nothing
        ("My mood is good.", "Fine.", "Mood"),
        ("Moody.", "Fine.", None),
        ("The base of a lamp.", "Its foot.", None),
        ("I am the base model.", "I am not.", "base model"),
    ],
)
def test_an_answer_that_names_its_lane_is_noticed(a: str, b: str, word: str | None) -> None:
    assert give_away(a, b) == word
    assert give_away(b, a) == word


def test_a_word_of_the_question_gives_nothing_away() -> None:
    assert give_away("My mood is good.", "Fine.", "How is your mood?") is None


def test_a_vote_on_an_answer_that_names_its_lane_is_void(tmp_path: Path) -> None:
    said = {"base": "I am the base model, I think.", "tuned-one": "Yes."}
    arenas = Arenas(tmp_path, Answers(said))
    arena = settle(arenas)
    duel = arenas.next(arena.id)
    assert duel is not None
    assert arenas.vote(arena.id, duel.number, "a").void == "base model"
    found = score(arena, arenas.duels(arena.id), arenas.votes(arena.id))
    assert (found.judge.void, found.decks[0].pairs[0].n) == (1, 0)


def test_a_lane_that_breaks_off_is_told_and_not_voted_down(tmp_path: Path) -> None:
    class Broken(Answers):
        def _say(self, *arguments: object) -> object:  # type: ignore[override]
            said = super()._say(*arguments)  # type: ignore[arg-type]
            return said.model_copy(update={"stopped": False, "note": "The endpoint is down."})

    arenas = Arenas(tmp_path, Broken())
    arena = settle(arenas)
    with pytest.raises(ChatError, match="The endpoint is down"):
        arenas.next(arena.id)
    assert arenas.duels(arena.id) == {}
