"""Conversations to take away, and the commands over conversations and drafts."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from made_home import HOSTILE
from test_conversation import answer

from studio import Studio
from studio.chat.conversation import Conversation
from studio.chat.export import export
from studio.chat.protocol import Sampling
from studio.cli.talking import change_sampling, chat
from studio.errors import ChatError

Call = Callable[..., str]


@pytest.fixture
def talked(studio: Studio) -> Conversation:
    begun = Conversation.begin(lanes=("base", "run-a"), system="Be brief.", owner="secret key")
    drawn = begun.arrange(sampling=Sampling(temperature=0.7, seed=5))
    first = answer(drawn.say("one"), base="ONE", run_a="uno")
    return studio.chats.save(answer(first.say("two").edit(1, "zwei"), done=False))


def test_a_conversation_goes_on_as_it_was_drawn_unless_told_otherwise() -> None:
    before = Sampling(temperature=0.7, top_k=20, seed=5)
    with chat.make_context("chat", ["--seed", "9"]) as context:
        options = {name: context.params[name] for name in ("temperature", "top_k", "seed")}
        assert change_sampling(before, options) == before.model_copy(update={"seed": 9})


def test_a_title_in_brackets_is_a_title(studio: Studio, call: Call) -> None:
    studio.chats.save(Conversation.begin().say("[/INST] What does [bold] mean?"))
    assert "[/INST] What does [bold] mean?" in call("chats")


def test_json_holds_everything_and_is_read_back(studio: Studio, talked: Conversation) -> None:
    text = export(talked, "json")
    assert "secret key" not in text
    path = studio.settings.home / "away.json"
    path.write_text(text)
    copy = studio.chats.take_in(path)
    assert copy.id != talked.id
    assert copy.everything == talked.everything
    studio.chats.remove(talked.id)
    assert studio.chats.take_in(path, owner="me").owner == "me"
    with pytest.raises(ChatError, match="There is no file"):
        studio.chats.take_in(path.with_name("nothing.json"))


def test_messages_are_one_line_per_lane(talked: Conversation) -> None:
    lines = [json.loads(line) for line in export(talked, "jsonl").splitlines()]
    assert [line["lane"] for line in lines] == ["base", "run-a"]
    assert [message["content"] for message in lines[1]["messages"]] == [
        "Be brief.", "one", "uno", "zwei", "by run-a",
    ]  # fmt: skip
    assert [message["role"] for message in lines[1]["messages"]][-1] == "assistant"


def test_markdown_tells_versions_settings_and_broken_answers(talked: Conversation) -> None:
    text = export(talked, "md")
    assert "## 2. Question (version 2 of 2)\n\n> zwei" in text
    assert "temperature 0.7, seed 5, broken off" in text
    assert "> Be brief." in text
    assert "secret key" not in text


def test_nothing_said_can_break_out_of_the_markdown() -> None:
    said = f"# Not a heading\n```\nopen fence\n## 2. Question\n{HOSTILE}"
    talked = answer(answer(Conversation.begin().say(said), base=said).say("next"))
    text = export(talked, "md")
    own = [line for line in text.splitlines() if line and not line.startswith(">")]
    assert sum(line.startswith("## ") for line in own) == 2
    assert not any("```" in line or "<script>" in line for line in own[1:])


def test_the_list_is_searched_and_tells_of_broken_files(
    call: Call, talked: Conversation, home: Path
) -> None:
    (home / "chats" / "torn.json").write_text("{")
    (listed,) = json.loads(call("chats", "--json"))
    assert (listed["id"], listed["paths"], listed["broken_off"]) == (talked.id, 2, True)
    assert "owner" not in listed
    assert talked.id in call("chats", "--search", "UNO")
    assert talked.id not in call("chats", "--search", "nowhere")


def test_a_conversation_is_renamed_deleted_and_brought_back(
    call: Call, talked: Conversation
) -> None:
    assert call("chats", talked.id, "--rename", "Numbers").startswith("# Numbers")
    assert "--restore" in call("chats", talked.id, "--delete")
    assert json.loads(call("chats", "--json")) == []
    call("chats", talked.id, "--restore")
    assert json.loads(call("chats", "--json"))[0]["title"] == "Numbers"


def test_a_conversation_is_written_to_a_new_file_only(
    call: Call, talked: Conversation, tmp_path: Path
) -> None:
    path = tmp_path / "talk.jsonl"
    call("chats", talked.id, "--export", "jsonl", "--output", str(path))
    assert len(path.read_text().splitlines()) == 2
    with pytest.raises(ChatError, match="cannot be written"):
        call("chats", talked.id, "--export", "md", "--output", str(path))
    assert "added" in call("chats", "--import", str(_saved(call, talked, tmp_path)))


def _saved(call: Call, talked: Conversation, folder: Path) -> Path:
    call("chats", talked.id, "--export", "json", "--output", str(folder / "talk.json"))
    return folder / "talk.json"


def test_answers_are_kept_from_the_terminal(call: Call, talked: Conversation) -> None:
    kept = call("chats", talked.id, "--keep", "example", "--exchange", "1", "--text", "One.")
    assert "1 example, 1 new" in kept
    call("chats", talked.id, "--keep", "better", "--lane", "run-a", "--exchange", "1")
    call("chats", talked.id, "--keep", "worked", "--exchange", "1")
    (draft,) = json.loads(call("drafts", "--json"))
    assert {key: draft[key] for key in ("examples", "new", "pairs", "cases", "missing")} == {
        "examples": 1, "new": 1, "pairs": 1, "cases": 1, "missing": 31,
    }  # fmt: skip
    items = json.loads(call("drafts", draft["name"], "--json"))["items"]
    assert [item["kind"] for item in items] == ["example", "pair", "retention"]
    assert items[0]["came_from"]["sampling"]["seed"] == 5
    assert json.loads(call("drafts", draft["name"], "--pairs"))["chosen"][0]["content"] == "uno"
    call("drafts", draft["name"], "--take-back", items[0]["id"])
    assert json.loads(call("drafts", "--json"))[0]["examples"] == 0


def test_a_draft_is_frozen_from_the_terminal(call: Call, studio: Studio) -> None:
    for number in range(8):
        asked = answer(Conversation.begin().say(f"Say {number}."))
        draft = studio.keep_example(asked, "base", answer=f"It is {number}.")
    card = json.loads(call("drafts", draft.name, "--build", "--heldout-share", "0.25", "--json"))
    assert card["train"] + card["heldout"] == 8
    assert studio.dataset(card["id"]).card.id == card["id"]
    assert json.loads(call("drafts", draft.name, "--json"))["built"] == [card["id"]]


@pytest.mark.parametrize(
    "arguments",
    [["chats", "--delete"], ["chats", "--keep", "example"], ["drafts", "--build"]],
    ids=" ".join,
)
def test_a_deed_needs_a_name(call: Call, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call(*arguments)
    assert ended.value.code == 2


@pytest.mark.parametrize("arguments", [["chats", "none"], ["drafts", "none"]], ids=" ".join)
def test_what_is_not_there_is_told(call: Call, arguments: list[str]) -> None:
    with pytest.raises(ChatError, match="There is no"):
        call(*arguments)
