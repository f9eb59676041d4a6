"""What a click in the chat keeps of a conversation: an example, a preference, a case."""

from collections.abc import Iterator

from studio.chat.conversation import Conversation
from studio.data.draft import Draft
from studio.data.draft_items import Provenance
from studio.data.drafts import FIRST, Drafts, mark_of
from studio.errors import ChatError


def keep_example(
    drafts: Drafts,
    conversation: Conversation,
    n: int,
    lane: str,
    *,
    answer: str | None = None,
    title: str = FIRST,
    owner: str | None = None,
) -> Draft:
    """Keep the lane's n-th answer as an example, or what a person wrote in its place."""
    said = said_by(conversation, n, lane)
    text = said if answer is None else answer
    if not text.strip():
        raise ChatError("The answer is empty; write what the model should have said.")
    draft = drafts.begin(title, owner)
    came_from = _provenance(conversation, n, lane, owner, edited=text.strip() != said.strip())
    asked = conversation.messages(lane, n)
    return drafts.keep_example(draft.name, asked, text, came_from, owner)


def prefer(
    drafts: Drafts,
    conversation: Conversation,
    n: int,
    lane: str,
    *,
    title: str = FIRST,
    owner: str | None = None,
) -> Draft:
    """Keep that the lane's n-th answer is better than those of the others, pair by pair.

    Only answers to the very same messages are compared: with histories of their own, lanes are
    asked different things from the second exchange on.
    """
    chosen = said_by(conversation, n, lane)
    rivals = list(_rivals(conversation, n, lane, chosen))
    if not chosen.strip() or not rivals:
        raise ChatError(
            "There is no other answer to the same messages to prefer this one to; add a lane, or "
            "let all lanes share one history."
        )
    draft = drafts.begin(title, owner)
    asked = conversation.messages(lane, n)
    for other, rejected in rivals:
        came_from = _provenance(conversation, n, lane, owner, other_lane=other)
        draft = drafts.keep_pair(draft.name, asked, chosen, rejected, came_from, owner)
    return draft


def note_case(
    drafts: Drafts,
    conversation: Conversation,
    n: int,
    lane: str,
    *,
    title: str = FIRST,
    owner: str | None = None,
) -> Draft:
    """Note where a flagged case came from."""
    draft = drafts.begin(title, owner)
    came_from = _provenance(conversation, n, lane, owner)
    asked = conversation.messages(lane, n)
    return drafts.keep_case(draft.name, asked, said_by(conversation, n, lane), came_from, owner)


def said_by(conversation: Conversation, n: int, lane: str) -> str:
    """What that lane answered; ChatError if it has not."""
    path = conversation.exchanges
    if not -len(path) <= n < len(path) or lane not in path[n].answers:
        raise ChatError("This lane has not answered yet; send a message first.")
    return path[n].answers[lane].text


def _rivals(
    conversation: Conversation, n: int, lane: str, chosen: str
) -> Iterator[tuple[str, str]]:
    asked = conversation.messages(lane, n)
    told = {chosen.strip()}
    for other, answer in conversation.exchanges[n].answers.items():
        text = answer.text.strip()
        if other == lane or text in told or conversation.messages(other, n) != asked:
            continue
        told.add(text)  # two lanes that said the same give one pair
        yield other, answer.text


def _provenance(
    conversation: Conversation,
    n: int,
    lane: str,
    owner: str | None,
    *,
    edited: bool = False,
    other_lane: str = "",
) -> Provenance:
    exchange = conversation.exchanges[n]
    return Provenance(
        session=conversation.id,
        place=exchange.id,
        lane=lane,
        other_lane=other_lane,
        base=conversation.base,
        sampling=exchange.answers[lane].sampling.model_dump(),
        edited=edited,
        who=mark_of(owner or ""),
    )
