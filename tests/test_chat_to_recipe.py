"""With the real starter: a conversation survives a kill, becomes a draft, a dataset and a run."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio import Studio
from studio.chat.conversation import Conversation
from studio.chat.protocol import Sampling
from studio.errors import ChatError

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
STORY = "Tell me a story about a fox."
LONG = Sampling(max_new_tokens=60)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with Studio(tmp_path_factory.mktemp("studio")) as opened:
        yield opened


def say(studio: Studio, conversation: Conversation, prompt: str) -> Conversation:
    *_, (answered, _) = studio.answer(conversation.say(prompt))
    return answered


@pytest.fixture(scope="module")
def talked(studio: Studio) -> Conversation:
    begun = Conversation.begin(sampling=LONG)
    return say(studio, say(studio, begun, STORY), "What is the capital of France?")


def test_every_turn_is_answered_and_saved(studio: Studio, talked: Conversation) -> None:
    kept = studio.chats.open(talked.id)
    assert kept == talked
    for exchange in kept.exchanges:
        assert exchange.answers["base"].text.strip()
        assert exchange.answers["base"].done
        assert exchange.proof is not None
        assert exchange.about
    assert kept.exchanges[0].answers["base"].tokens_per_second > 0
    raw = kept.exchanges[-1].answers["base"].raw
    assert STORY in raw
    assert kept.exchanges[0].answers["base"].text in raw


def test_a_stopped_answer_that_goes_on_says_what_it_would_have_said(
    studio: Studio, talked: Conversation
) -> None:
    whole = talked.exchanges[0].answers["base"]
    answers = studio.answer(Conversation.begin(sampling=LONG).say(STORY))
    for stopped, _ in answers:
        said = stopped.exchanges[-1].answers.get("base")
        if said and 3 < said.tokens < whole.tokens:
            break
    answers.close()
    kept = studio.chats.open(stopped.id)
    begun = kept.exchanges[-1].answers["base"]
    assert not begun.done
    *_, (finished, _) = studio.answer(kept)
    assert finished.exchanges[-1].answers["base"].text == whole.text
    assert len(whole.text) > len(begun.text) > 0


def test_a_killed_studio_has_kept_the_half_written_answer(
    studio: Studio, talked: Conversation
) -> None:
    """Killed as soon as the first words are on the disk, long before the story ends."""
    whole = talked.exchanges[0].answers["base"].text
    for _ in range(5):  # on a busy machine a story may end before it is seen to begin
        kept, seen = _kill_while_it_tells(studio)
        begun = kept.exchanges[-1].answers["base"].text
        assert whole.startswith(begun)
        assert begun.startswith(seen)
        if begun != whole:
            break
    assert kept.exchanges[-1].unfinished == ("base",)
    *_, (finished, _) = studio.answer(kept)
    assert finished.exchanges[-1].answers["base"].text == whole


def _kill_while_it_tells(studio: Studio) -> tuple[Conversation, str]:
    """The conversation that a killed process leaves, and what had been seen of the story."""
    before = {one.id for one in studio.chats.list()}
    command = [sys.executable, "-m", "studio", "--home", str(studio.settings.home), "chat", STORY]
    chatting = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    text = ""
    while len(text) < 5:
        assert time.monotonic() < deadline
        new = [one.id for one in studio.chats.list() if one.id not in before]
        answers = studio.chats.open(new[0]).exchanges[-1].answers if new else {}
        text = answers["base"].text if answers else ""
        time.sleep(0.003)
    chatting.send_signal(signal.SIGKILL)
    assert chatting.wait() in (-signal.SIGKILL, 0)
    return studio.chats.open(new[0]), text


def test_what_cannot_be_asked_is_told_and_the_question_kept(studio: Studio) -> None:
    asked = Conversation.begin(base="/nowhere").say("Hello?")
    with pytest.raises(Exception, match="There is no model folder"):
        next(studio.answer(asked))
    assert studio.chats.open(asked.id).exchanges[-1].prompt == "Hello?"
    with pytest.raises(ChatError, match="Nothing is left"):
        next(studio.answer(Conversation.begin()))


def test_a_conversation_becomes_a_draft_a_dataset_and_a_run(
    studio: Studio, talked: Conversation
) -> None:
    conversation = talked
    for number in range(4):
        conversation = say(studio, conversation, f"How do you like the number {number}?")
        studio.keep_example(conversation, "base", answer=f"I like {number} very much.")
    again = say(studio, conversation.undo(), "And what about four?")
    draft = studio.keep_example(again, "base", answer="I like four even more.")
    assert len(draft.examples) == 5
    assert len(draft.examples[-1].messages) == 2 * 5 + 1
    dataset = studio.build_from_draft(draft.name)
    recipe = studio.preset("balanced", dataset=dataset.id).model_copy(update={"max_steps": 3})
    run = studio.wait(studio.train(recipe))
    assert len(run.steps()) == 3
    tuned = Conversation.begin(lanes=("base", run.id), sampling=LONG)
    *_, (both, _) = studio.answer(tuned.say("How do you like the number 5?"))
    assert set(both.exchanges[-1].answers) == {"base", run.id}
