"""A deck's prompt with its answers as a conversation that can go on."""

from collections.abc import Iterable

from studio.chat.conversation import Conversation
from studio.chat.deck_run import Round, Table
from studio.chat.protocol import Said, Update
from studio.errors import ChatError


def as_conversation(table: Table, answered: Round, owner: str = "") -> Conversation:
    """Prompt and answers as they were given; turns that came before are the same in all lanes.

    ChatError for turns that no conversation has: an answer before the first question, or a system
    message further down.
    """
    run = table.run
    messages = list(table.prompt(answered.prompt).under(run.system))
    system = messages.pop(0).content if messages[0].role == "system" else ""
    talk = Conversation.begin(
        owner=owner, base=run.base, lanes=run.lanes, system=system, sampling=run.sampling
    )
    *earlier, last = messages
    for message in earlier:
        if message.role == "system" or (message.role == "assistant" and not talk.exchanges):
            raise ChatError(f"This prompt has a turn of the {message.role} where no conversation "
                            "has one, so it cannot be opened as one.")  # fmt: skip
        if message.role == "user":
            talk = talk.say(message.content)
        else:
            same = (_said(lane, message.content) for lane in run.lanes)
            talk = talk.answered(_done(same))
    given = (
        Said(lane=lane, **answer.model_dump(exclude={"kl"}))
        for lane, answer in answered.answers.items()
    )
    return talk.say(last.content).answered(_done(given, about=answered.about))


def _said(lane: str, text: str) -> Said:
    return Said(
        lane=lane, text=text, tokens=0, stopped=True, first_token=0, tokens_per_second=0,
        note="part of the deck's prompt",
    )  # fmt: skip


def _done(rows: Iterable[Said], about: str = "") -> Update:
    return Update(id=0, rows=tuple(rows), done=True, about=about)
