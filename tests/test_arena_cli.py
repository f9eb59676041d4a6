"""The terminal takes blind votes and tells what they say."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from made_arena import Answers, deck, vote_for

from studio import Studio
from studio.chat.arena import Arena
from studio.chat.votes import Arenas
from studio.cli.arena import arena
from studio.errors import ChatError, StudioError


@pytest.fixture
def opened(studio: Studio) -> Arena:
    """An arena whose lanes answer at once."""
    studio.arenas = Arenas(studio.settings.arena, Answers())
    return studio.arenas.start(
        lanes=("base", "run"), titles={"base": "Base", "run": "My run"},
        title="Base against My run", decks=(deck("mine", 22),),
    )  # fmt: skip


def call(studio: Studio, *arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(arena, arguments, obj=studio, input=typed)


def test_votes_are_typed_and_names_follow_them(studio: Studio, opened: Arena) -> None:
    done = call(studio, "vote", opened.id, typed="1\n9\n4\nq\n")
    assert done.exit_code == 0
    first, second = studio.arenas.duels(opened.id)[0], studio.arenas.duels(opened.id)[1]
    cast = studio.arenas.votes(opened.id)
    assert [one.choice for one in cast.values()] == ["a", "bad"]
    shown, _, rest = done.output.partition("A was ")
    assert "My run" not in shown
    assert first.answer_a in shown
    assert rest.startswith(opened.title_of(first.a))
    assert second.answer_b in rest


def test_results_are_sentences_and_json(studio: Studio, opened: Arena) -> None:
    vote_for(studio.arenas, opened, "run")
    done = call(studio, "results", opened.id)
    assert "My run is preferred to Base. My run won 100 % of 22 votes (95 %: 8" in done.output
    assert "the verdict was the same in 2 of 2" in done.output
    read = json.loads(call(studio, "results", opened.id, "--json").output)
    assert read["decks"][0]["pairs"][0]["preferred"] == "run"
    assert "Base against My run" in call(studio).output


def test_a_finished_arena_says_so(studio: Studio, opened: Arena) -> None:
    vote_for(studio.arenas, opened, "run")
    assert "Every trial has its vote" in call(studio, "vote", opened.id).output


def test_votes_are_written_to_a_file_and_into_a_draft(
    studio: Studio, opened: Arena, tmp_path: Path
) -> None:
    vote_for(studio.arenas, opened, "run")
    trials = len(opened.trials())
    for name in ("votes.csv", "votes.json"):
        done = call(studio, "export", opened.id, str(tmp_path / name))
        assert f"{trials} votes are in" in done.output
    assert len((tmp_path / "votes.csv").read_text().splitlines()) == trials + 1
    assert len(json.loads((tmp_path / "votes.json").read_text())["votes"]) == trials
    with pytest.raises(ChatError, match=r"has to end in \.csv or \.json"):
        CliRunner().invoke(
            arena, ["export", opened.id, "votes.txt"], obj=studio, catch_exceptions=False
        )
    with pytest.raises(StudioError, match="cannot be written"):
        CliRunner().invoke(
            arena, ["export", opened.id, str(tmp_path / "no" / "votes.csv")], obj=studio,
            catch_exceptions=False,
        )  # fmt: skip
    assert (
        "22 pairs kept in the draft “Liked”"
        in call(studio, "pairs", opened.id, "--draft", "Liked").output
    )


def test_an_arena_is_started_with_prompts_of_ones_own(studio: Studio, tmp_path: Path) -> None:
    prompts = tmp_path / "asked.txt"
    prompts.write_text("One?\nTwo?\nThree?\n")
    (studio.settings.home / "endpoints.yaml").write_text(
        "other:\n  url: http://127.0.0.1:9/v1\n  model: m\n"
    )
    made = call(
        studio, "start", "--lane", "endpoint:other", "--prompts", str(prompts), "--limit", "2",
        "--temperature", "0.5", "--json",
    )  # fmt: skip
    read = json.loads(made.output)
    assert read["lanes"] == ["base", "endpoint:other"]
    assert [one["messages"][-1]["content"] for one in read["decks"][0]["prompts"]] == [
        "One?", "Two?",
    ]  # fmt: skip
    assert read["sampling"]["temperature"] == 0.5
