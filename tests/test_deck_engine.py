"""Decks and explanations through the real engine on the starter, and in the terminal."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from made_adapters import make_adapter

from studio import Recipe, Studio
from studio.chat.protocol import Sampling
from studio.cli import commands
from studio.data.example import Message
from studio.errors import ChatError
from studio.measure.outcome import BASE
from studio.tuning.events import append_event
from studio.tuning.run import create_run

pytestmark = pytest.mark.slow

SHORT = Sampling(max_new_tokens=12)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with Studio(tmp_path_factory.mktemp("home")) as opened:
        yield opened


@pytest.fixture(scope="module")
def lane(studio: Studio) -> str:
    """A run whose adapter is made up."""
    recipe = Recipe(dataset=studio.build("sentiment", limit=20).id, name="Made up")
    run = create_run(studio.settings.runs, recipe, about="made")
    make_adapter(run.adapter, seed=1)
    append_event(run.folder / "events.jsonl", "finished")
    return run.id


def test_a_decks_answers_are_those_that_the_chat_gives(studio: Studio, lane: str) -> None:
    lanes = [lane, f"{lane}@0.5"]
    *_, table = studio.run_deck("retention:starter", lanes, limit=10, sampling=SHORT)
    assert table.done
    assert table.rounds[0].about
    for one in (table.rounds[0], table.rounds[9]):  # of two batches
        asked = table.prompt(one.prompt).messages
        *_, last = studio.ask([(name, asked) for name in table.run.lanes], sampling=SHORT)
        assert {row.lane: row.text for row in last.rows} == {
            name: said.text for name, said in one.answers.items()
        }
    one = table.rounds[3]
    said = one.answers[BASE]
    prompt = table.prompt(one.prompt)
    for name in lanes:
        reading = studio.explain(prompt.messages, said.text, ended=said.stopped, after=name)
        assert len(reading.tokens) == one.read
        assert one.answers[name].kl == pytest.approx(reading.kl, abs=1e-2, rel=1e-3)
    assert any(one.words(lane) > 0 for one in table.rounds)


def test_a_real_run_goes_on_after_a_stop(studio: Studio, lane: str) -> None:
    name = studio.decks([lane])
    task = next(iter(name))
    states = studio.run_deck(task, [lane], sampling=SHORT, fresh=True)
    first = next(states)
    states.close()
    assert not first.done
    *_, table = studio.run_deck(task, [lane], sampling=SHORT)
    assert table.done
    assert len(studio.deck_runs.all()) == 2


def test_an_endpoint_cannot_be_explained(studio: Studio) -> None:
    asked = [Message(role="user", content="Hi")]
    with pytest.raises(ChatError, match="does not show its probabilities"):
        studio.explain(asked, "Hello", after="endpoint:far")


def test_the_terminal_runs_a_deck_and_explains_an_answer(
    studio: Studio, lane: str, tmp_path: Path
) -> None:
    home = ["--home", str(studio.settings.home)]
    file = tmp_path / "mine.txt"
    file.write_text("What is 2 + 3?\nSay hello\n", encoding="utf-8")
    kept = CliRunner().invoke(commands, [*home, "decks", "--keep", str(file), "--json"])
    assert json.loads(kept.stdout)["decks"]["mine"] == "Own: mine"
    out = tmp_path / "answers.csv"
    ask = [*home, "chat", "--lane", lane, "--max-new-tokens", "8"]
    ran = CliRunner().invoke(commands, [*ask, "--deck", "mine", "--out", str(out), "--json"])
    assert ran.exit_code == 0, ran.output
    first, *lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert first["deck"]["kind"] == "own"
    assert [line["lanes"][lane]["kl_per_token"] > 0 for line in lines] == [True, True]
    assert out.read_text(encoding="utf-8").count("\n") >= 3
    why = CliRunner().invoke(commands, [*ask, "What day follows Monday?", "--why", "--json"])
    assert why.exit_code == 0, why.output
    (reading,) = json.loads(why.stdout)["why"]
    assert (reading["before"], reading["after"]) == (BASE, lane)
    assert reading["kl"] == pytest.approx(sum(token["kl"] for token in reading["tokens"]))
