"""Rows made of saved conversations: every finished answer with what led to it."""

from collections.abc import Iterable

from pydantic import JsonValue

from studio.chat.conversation import Conversation
from studio.data.readers import Row, Rows

GROUP = "conversation"
"""The column that says which conversation a row is of: each knows what was said before it."""


def rows_of_chats(conversations: Iterable[Conversation], lane: str = "") -> Rows:
    """A row per question of each open path, with that lane's answer.

    Without a lane it is the answer that was preferred, else the first one given. Answers that
    were broken off or are empty are refused, with the place of their question.
    """
    rows: list[Row] = []
    refused: list[tuple[int, str]] = []
    lines: list[int] = []
    number = 0
    for conversation in conversations:
        for n, exchange in enumerate(conversation.exchanges):
            number += 1
            given = [name for name in exchange.lanes if name in exchange.answers]
            chosen = lane or exchange.kept or next(iter(given), "")
            answer = exchange.answers.get(chosen)
            if answer is None or not answer.done or not answer.text.strip():
                what = "was not finished" if answer else f"there is none of {chosen or 'anybody'}"
                refused.append((number, f"the answer to {exchange.prompt[:40]!r}: {what}"))
                continue
            rows.append(_row(conversation, n, chosen, answer.text))
            lines.append(number)
    return Rows(rows, refused, lines, "chats", group=GROUP)


def _row(conversation: Conversation, n: int, lane: str, answer: str) -> Row:
    turns = list(conversation.messages(lane, n))
    system = turns.pop(0).content if turns[0].role == "system" else ""
    history: list[JsonValue] = [turn.model_dump() for turn in turns[:-1]]
    return {
        "system": system,
        "history": history,
        "prompt": turns[-1].content,
        "answer": answer,
        GROUP: conversation.id,
        "lane": lane,
    }
