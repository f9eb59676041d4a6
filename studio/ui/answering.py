"""The deeds that end in an answer: a message, a retry, a going on, a strength that was moved."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from studio.chat.conversation import Conversation
from studio.chat.protocol import Update
from studio.errors import ChatError, StudioError
from studio.studio import Studio
from studio.ui.board import draw_answers
from studio.ui.border import tell, told
from studio.ui.desk import Desk, Held
from studio.ui.lanes import kin

FRAME = 0.1  # seconds between two pictures of answers that are being written
LONG = 2000  # letters after which a picture takes twice as long
ASKED = Update(id=0)
"""What is known before anybody has answered."""
Asking = tuple[Conversation, Sequence[str] | None]
"""A conversation whose last question is to be answered, and in which lanes; None for all."""


@told
def say(
    studio: Studio, desk: Desk, prompt: str, editing: int | None, *values: Any
) -> Iterator[dict[Any, Any]]:
    """Ask every lane; or, while one is edited, ask that question anew."""

    def ask(talk: Conversation) -> Asking:
        return (talk.say(prompt) if editing is None else talk.edit(editing, prompt)), None

    yield from stream(studio, desk, Held.read(*values), ask, desk.leave_editing())


@told
def retry(
    studio: Studio, desk: Desk, number: int | None, turn: int | None, *values: Any
) -> Iterator[dict[Any, Any]]:
    """Ask again: one lane, or all of them if no number is given."""
    held = Held.read(*values)
    lane = None if number is None else held.lanes[number]

    def ask(talk: Conversation) -> Asking:
        return talk.retry(place(turn), lane), None if lane is None else [lane]

    yield from stream(studio, desk, held, ask)


@told
def go_on(
    studio: Studio, desk: Desk, number: int | None, turn: int | None, *values: Any
) -> Iterator[dict[Any, Any]]:
    """Let a lane go on with its answer; without a number all that were cut off."""
    held = Held.read(*values)

    def ask(talk: Conversation) -> Asking:
        here = talk.exchanges[place(turn)] if talk.exchanges else None
        answers = here.answers if here else {}
        cut = [lane for lane in held.lanes if lane in answers and not answers[lane].stopped]
        lanes = cut if number is None else [held.lanes[number]]
        if not lanes:
            raise ChatError("Every answer here ended by itself; nothing is left to go on with.")
        for count, lane in enumerate(lanes):
            talk = talk.continue_(lane, place(turn) if count == 0 else -1)
        return talk, lanes

    yield from stream(studio, desk, held, ask)


@told
def follow(studio: Studio, desk: Desk, live: bool, *values: Any) -> Iterator[dict[Any, Any]]:
    """Show the lanes that are set now; a strength that was moved answers the last question."""
    held = Held.read(*values)
    talk = held.open(studio)
    last = talk.exchanges[-1] if talk and talk.exchanges else None
    asked = set(last.lanes) if last else set()
    moved = [lane for lane in held.lanes if lane not in asked and kin(lane, asked)]
    if not held.conversation:
        yield desk.show_lanes(studio, held)
        return
    if not (live and moved):
        yield desk.show(studio, talk, held)
        return

    def ask(talk: Conversation) -> Asking:
        for lane in moved:
            talk = talk.retry(-1, lane)
        return talk, moved

    yield from stream(studio, desk, held, ask)


def stream(
    studio: Studio, desk: Desk, held: Held, ask: Callable[[Conversation], Asking],
    first: dict[Any, Any] | None = None,
) -> Iterator[dict[Any, Any]]:  # fmt: skip
    """Do something with the open conversation, and show the answers to it as they grow.

    Closing this stops the answers; what was said by then is kept.
    """
    talk = held.open(studio) or Conversation.begin(owner=held.owner)
    with desk.writing.hold(talk.id):
        # Only now is it sure that nobody else writes: read it again.
        talk = held.open(studio) or talk
        talk, lanes = ask(held.arrange(talk))
        talk = studio.chats.save(talk)  # before the message leaves its box
        yield desk.show(studio, talk, held, update=ASKED) | (first or {})
        answers = studio.answer(talk, lanes=lanes, owner=held.owner)
        due, update = 0.0, ASKED
        try:
            for talk, update in answers:
                if update.done or time.monotonic() >= due:
                    due = time.monotonic() + _frame(talk)
                    yield draw_answers(desk.board, talk, held.lanes, held.form, update)
        except StudioError as error:
            tell(error, "No answer")
        finally:
            answers.close()  # nobody listens any more: the answers stop
        talk = studio.chats.open(talk.id)
    ended = update.model_copy(update={"done": True})
    yield desk.show(studio, talk, held, update=ended) | {desk.said: time.time()}


def _frame(talk: Conversation) -> float:
    """Seconds until the next picture: a browser takes longer to set what is longer."""
    said = sum(len(answer.text) for answer in talk.exchanges[-1].answers.values())
    return FRAME * (1 + said / LONG)


def place(turn: int | None) -> int:
    """The exchange that the menu of turns names; the last one if there is none yet."""
    return -1 if turn is None else turn
