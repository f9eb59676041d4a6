"""The arena's part of the page is blind until the vote, and safe against what models say."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from made_arena import Answers, deck, vote_for
from made_home import HOSTILE

from studio import Studio
from studio.chat import arena_sheet
from studio.chat.arena import Arena
from studio.chat.votes import Arenas
from studio.data.draft_items import KeptPair
from studio.ui import arena, arena_score

TITLES = {"base": "Base", "tuned-one": "My tuned run"}


@pytest.fixture
def asked(studio: Studio) -> Answers:
    """The studio's arenas are answered at once."""
    answers = Answers({"base": HOSTILE + " {question}"})
    studio.arenas = Arenas(studio.settings.arena, answers)
    return answers


def begin(studio: Studio, **fields: Any) -> Arena:
    given = {
        "lanes": ("base", "tuned-one"), "titles": TITLES, "title": "t",
        "decks": (deck("task", 4, "task"), deck("mine", 4)),
    }  # fmt: skip
    return studio.arenas.start(**given | fields)


def shown(studio: Studio, opened: Arena) -> list[Any]:
    *_, last = arena.show_next(studio, opened.id, None)
    return list(last)


def written(pieces: list[Any]) -> str:
    """All HTML of an event's answer."""
    return " ".join(one.value if isinstance(one, gr.HTML) else str(one) for one in pieces)


def test_nothing_tells_the_sides_apart_before_the_vote(studio: Studio, asked: Answers) -> None:
    opened = begin(studio)
    first, *_ = arena.show_next(studio, opened.id, None)
    assert "being written" in written(first)
    before = shown(studio, opened)
    for telling in ("My tuned run", "tuned-one", "Base", "st-base", "st-tuned"):
        assert telling not in written(before)
    after = arena.vote(studio, "a", opened.id, None, before[0])
    duel = studio.arenas.duels(opened.id)[0]
    assert f"A was {TITLES[duel.a]}, B was {TITLES[duel.b]}." in written(after)


def test_what_a_model_says_is_text(studio: Studio, asked: Answers) -> None:
    opened = begin(studio)
    page = written(shown(studio, opened))
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page


def test_the_page_takes_one_vote_for_a_trial(studio: Studio, asked: Answers) -> None:
    opened = begin(studio)
    waiting = shown(studio, opened)[0]
    arena.vote(studio, "b", opened.id, None, waiting)
    with pytest.raises(gr.Error, match="never changed"):
        arena.vote(studio, "a", opened.id, None, waiting)
    with pytest.raises(gr.Error, match="nothing to vote on"):
        arena.vote(studio, "a", opened.id, None, None)


def test_a_visitor_cannot_vote_in_anothers_arena(studio: Studio, asked: Answers) -> None:
    opened = begin(studio, owner="me")
    with pytest.raises(gr.Error, match="There is no arena"):
        list(arena.show_next(studio, opened.id, "you"))
    with pytest.raises(gr.Error, match="There is no arena"):
        arena_score.show(studio, opened.id, "you")
    assert "Question" in written(shown(studio, opened))


def test_an_arena_of_the_page_takes_two_lanes_and_a_deck(studio: Studio) -> None:
    drawn = (0, 1, 0, 8, 0)
    with pytest.raises(gr.Error, match="An arena takes two lanes"):
        arena.begin(studio, ["x"], "", 5, ["base"], "starter", "", None, "", *drawn)
    with pytest.raises(gr.Error, match="Choose a deck"):
        arena.begin(studio, [], " ", 5, ["base", "run"], "starter", "", None, "", *drawn)


def test_the_score_tells_every_deck_and_what_models_are_called(
    studio: Studio, asked: Answers
) -> None:
    opened = begin(studio, titles=TITLES | {"tuned-one": "<b>bold</b>"})
    vote_for(studio.arenas, opened, "tuned-one")
    page = arena_score.show(studio, opened.id, None)
    assert "Task – was something gained?" in page
    assert "&lt;b&gt;bold&lt;/b&gt; won 100 % of 4 votes" in page
    assert "<b>" not in page


@pytest.fixture
def voted(studio: Studio, asked: Answers) -> Iterator[Arena]:
    """Everything was voted for the tuned lane."""
    opened = begin(studio)
    vote_for(studio.arenas, opened, "tuned-one")
    return opened


def pairs(studio: Studio) -> list[KeptPair]:
    return [one for draft in studio.drafts.list() for one in draft.items
            if isinstance(one, KeptPair)]  # fmt: skip


def test_votes_on_ones_own_prompts_become_pairs(studio: Studio, voted: Arena) -> None:
    assert studio.keep_votes(voted.id) == 4
    assert studio.keep_votes(voted.id) == 4  # again: the same ones
    kept = pairs(studio)
    assert len(kept) == 4
    for one in kept:
        assert "of mine" in one.messages[-1].content
        assert one.rejected.startswith("<script>")
        assert not one.chosen.startswith("<script>")
        assert (one.came_from.source, one.came_from.lane) == ("arena", "tuned-one")
        assert (one.came_from.session, one.came_from.other_lane) == (voted.id, "base")


def test_what_measures_becomes_a_pair_only_when_asked(studio: Studio, voted: Arena) -> None:
    assert studio.keep_votes(voted.id, decks=["task"]) == 4
    assert all("of task" in one.messages[-1].content for one in pairs(studio))


def test_ties_and_both_bad_are_no_preferences(studio: Studio, asked: Answers) -> None:
    opened = begin(studio)
    while duel := studio.arenas.next(opened.id):
        studio.arenas.vote(opened.id, duel.number, "tie" if duel.number % 2 else "bad")
    assert studio.keep_votes(opened.id) == 0


def test_a_spreadsheet_has_a_line_per_vote_and_no_formulas(
    studio: Studio, asked: Answers, tmp_path: Path
) -> None:
    asked._said["tuned-one"] = '=HYPERLINK("http://evil.example") {question}'
    opened = begin(studio)
    vote_for(studio.arenas, opened, "base")
    table = arena_sheet.csv(studio.arenas, opened)
    assert table.count("'=HYPERLINK") == 8
    assert table.splitlines()[0].startswith("trial,kind,repeats,deck")
