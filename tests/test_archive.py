"""Saved conversations: found again after any end, seen by their owner only, and never half gone."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from studio.chat.archive import Archive
from studio.chat.conversation import Conversation
from studio.chat.protocol import Said, Update
from studio.errors import ChatError, ModelError


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def asked(*prompts: str, **fields: object) -> Conversation:
    conversation = Conversation.begin(**fields)
    for prompt in prompts:
        conversation = answered(conversation.say(prompt))
    return conversation


def update(text: str, *, done: bool = False, lane: str = "base") -> Update:
    row = Said(
        lane=lane, text=text, tokens=len(text), stopped=done, first_token=0, tokens_per_second=1
    )
    return Update(id=1, rows=(row,), done=done)


def answered(conversation: Conversation, text: str = "Yes.") -> Conversation:
    return conversation.answered(update(text, done=True))


def stream(texts: Sequence[str], error: Exception | None = None) -> Generator[Update]:
    for text in texts:
        yield update(text)
    if error:
        raise error
    yield update(texts[-1], done=True)


def test_what_was_saved_is_found_again(archive: Archive, tmp_path: Path) -> None:
    kept = archive.save(asked("one", "two"))
    assert Archive(tmp_path).open(kept.id) == kept


def test_the_list_begins_with_what_changed_last(archive: Archive) -> None:
    first, second = archive.save(asked("one")), archive.save(asked("two"))
    assert [one.id for one in archive.list()] == [second.id, first.id]
    archive.save(first.say("more"))
    assert [one.id for one in archive.list()] == [first.id, second.id]


def test_the_list_tells_of_paths_and_broken_answers(archive: Archive) -> None:
    archive.save(asked("one", "two").edit(1, "zwei").answered(update("Ja")))
    (summary,) = archive.list()
    assert (summary.title, summary.exchanges, summary.paths) == ("one", 2, 2)
    assert summary.broken_off


def test_a_search_finds_every_word_wherever_it_was_said(archive: Archive) -> None:
    straße = archive.save(answered(asked("Where?").edit(0, "What now?"), "In the STRASSE, left."))
    archive.save(asked("Where else?"))
    found = archive.list(query="straße where?")
    assert [one.id for one in found] == [straße.id]
    assert "STRASSE" in archive.list(query="strasse")[0].excerpt
    assert archive.list(query="nowhere") == []


def test_a_visitor_sees_only_their_own(archive: Archive) -> None:
    mine, theirs = archive.save(asked("a", owner="me")), archive.save(asked("b", owner="you"))
    assert [one.id for one in archive.list("me")] == [mine.id]
    assert len(archive.list(None)) == 2
    for deed in (archive.open, archive.remove, archive.restore):
        with pytest.raises(ChatError, match="There is no conversation"):
            deed(theirs.id, "me")
    with pytest.raises(ChatError, match="There is no conversation"):
        archive.rename(theirs.id, "mine now", "me")
    archive.remove(theirs.id, "you")
    with pytest.raises(ChatError, match="There is no conversation"):
        archive.restore(theirs.id, "me")


@pytest.mark.parametrize("id", ["", "..", "../secret", "/etc/passwd", "a/b", "gone"])
def test_only_conversations_can_be_opened(archive: Archive, tmp_path: Path, id: str) -> None:
    (tmp_path.parent / "secret.json").write_text(asked("x").model_dump_json())
    with pytest.raises(ChatError, match="There is no conversation"):
        archive.open(id)


def test_what_was_deleted_can_be_brought_back(archive: Archive) -> None:
    kept = archive.save(asked("one"))
    archive.remove(kept.id)
    assert archive.list() == []
    assert archive.restore(kept.id) == kept


def test_an_answer_that_ends_after_its_conversation_was_deleted_stays_deleted_with_it(
    archive: Archive,
) -> None:
    kept = archive.save(asked("one"))
    archive.remove(kept.id)
    archive.save(answered(kept.say("two"), "late"))
    assert archive.list() == []
    assert archive.restore(kept.id).exchanges[-1].answers["base"].text == "late"


def test_a_broken_file_is_told_and_left_alone(archive: Archive, tmp_path: Path) -> None:
    kept = archive.save(asked("one"))
    (tmp_path / "torn.json").write_text('{"id": "torn", "everyth')
    (tmp_path / "strange.json").write_bytes(b"\xff\xfe\x00")
    assert [one.id for one in archive.list()] == [kept.id]
    assert set(archive.faults()) == {"torn.json", "strange.json"}
    with pytest.raises(ChatError, match=r"torn\.json"):
        archive.open("torn")
    assert (tmp_path / "torn.json").exists()


def test_two_tabs_in_one_conversation_lose_nothing_of_each_other(archive: Archive) -> None:
    start = archive.save(asked("one"))
    archive.save(answered(start.say("from the left"), "left"))
    archive.save(answered(start.say("from the right"), "right"))
    both = archive.open(start.id)
    assert [one.prompt for one in both.exchanges] == ["one", "from the right"]
    assert [one.prompt for one in both.versions()] == ["from the left", "from the right"]


def test_an_old_tab_cuts_no_answer_back_and_gives_no_old_title(archive: Archive) -> None:
    started = asked("one").say("two").answered(update("The be"))
    archive.save(started)
    archive.save(started.answered(update("st.", done=True)))
    archive.rename(started.id, "Better")
    archive.save(started.arrange(system="new"))
    now = archive.open(started.id)
    assert now.exchanges[-1].answers["base"].text == "The best."
    assert (now.title, now.system) == ("Better", "new")


def test_many_tabs_writing_at_once_lose_nothing(archive: Archive) -> None:
    from concurrent.futures import ThreadPoolExecutor

    start = archive.save(asked("one"))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: archive.save(start.say(f"from tab {n}")), range(40)))
    prompts = {one.prompt for one in archive.open(start.id).everything}
    assert prompts == {"one"} | {f"from tab {n}" for n in range(40)}


def test_an_answer_is_saved_as_it_comes_and_when_it_has_ended(archive: Archive) -> None:
    question = Conversation.begin().say("one")
    seen = []
    for current, _ in archive.follow(question, stream(["a", "ab", "abc"])):
        seen.append(current.exchanges[-1].answers["base"].text)
    assert seen == ["a", "ab", "abc", "abc"]
    last = archive.open(question.id).exchanges[-1]
    assert (last.answers["base"].text, last.unfinished) == ("abc", ())


def test_a_stopped_answer_keeps_what_was_said(archive: Archive) -> None:
    question = Conversation.begin().say("one")
    answers = archive.follow(question, stream(["a", "ab", "abc"]))
    next(answers)
    next(answers)
    answers.close()
    last = archive.open(question.id).exchanges[-1]
    assert (last.answers["base"].text, last.unfinished) == ("ab", ("base",))


def test_an_answer_that_fails_keeps_what_was_said(archive: Archive) -> None:
    question = Conversation.begin().say("one")
    with pytest.raises(ModelError, match="out of memory"):
        for _ in archive.follow(question, stream(["a", "ab"], ModelError("out of memory"))):
            pass
    assert archive.open(question.id).exchanges[-1].answers["base"].text == "ab"


def test_an_answer_is_said_to_its_end_even_if_it_cannot_be_saved(
    archive: Archive, tmp_path: Path
) -> None:
    question = archive.save(Conversation.begin().say("one"))
    (tmp_path / f"{question.id}.part").mkdir()  # nothing can be written there, as on a full disk
    answers = archive.follow(question, stream(["a", "ab", "abc"]))
    seen = [next(answers)[0].exchanges[-1].answers["base"].text for _ in range(4)]
    assert seen == ["a", "ab", "abc", "abc"]
    with pytest.raises(ChatError, match="cannot be saved"):
        next(answers)
    assert archive.open(question.id) == question


def test_word_that_somebody_waits_in_line_takes_nothing_back(archive: Archive) -> None:
    question = Conversation.begin().say("one")

    def with_a_word_between() -> Generator[Update]:
        yield update("ab")
        yield Update(id=1, about="a CPU")

    *_, (current, _) = archive.follow(question, with_a_word_between())
    assert current.exchanges[-1].answers["base"].text == "ab"


WRITER = """
import sys, time
from pathlib import Path
from test_archive import Archive, Conversation, update

def words():
    text = ""
    while True:
        text += f"word{len(text)} "
        yield update(text)
        time.sleep(0.02)

question = Conversation.begin(id="killed").say("Tell me everything.")
for current, _ in Archive(Path(sys.argv[1])).follow(question, words()):
    print(len(current.exchanges[-1].answers["base"].text), flush=True)
"""


def test_a_killed_studio_has_kept_the_answer_until_a_second_ago(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
    )
    assert writer.stdout is not None
    said: list[tuple[float, int]] = []
    for line in writer.stdout:
        said.append((time.monotonic(), int(line)))
        if said[-1][0] - said[0][0] > 2.5:
            break
    writer.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    assert writer.wait() == -signal.SIGKILL
    writer.stdout.close()
    kept = Archive(tmp_path).open("killed").exchanges[-1]
    assert kept.prompt == "Tell me everything."
    a_second_ago = max(length for moment, length in said if moment < killed - 1.2)
    assert len(kept.answers["base"].text) >= a_second_ago > 100
    assert kept.unfinished == ("base",)
    rest = Archive(tmp_path).open("killed").rows()
    assert rest[0].begun == kept.answers["base"].text


def test_a_studio_killed_while_it_writes_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    """Many kills at any moment: the file is always whole."""
    for moment in (0.3, 0.7, 1.1):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER.replace("0.02", "0"), str(tmp_path)],
            stdout=subprocess.PIPE,
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(moment)
        writer.kill()
        writer.wait()
        writer.stdout.close()
        assert json.loads((tmp_path / "killed.json").read_text())["id"] == "killed"
        assert Archive(tmp_path).faults() == {}
        (tmp_path / "killed.json").unlink()
