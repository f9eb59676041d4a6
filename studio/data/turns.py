"""Conversations as files write them, read as a system message, earlier turns, prompt and answer.

The last answer is what is learned; the turns before it are its history.
"""

import json
from collections.abc import Mapping
from typing import Any, TypedDict

ROLES = {
    "system": "system", "developer": "system",
    "user": "user", "human": "user", "prompter": "user",
    "assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant",
    "model": "assistant", "ai": "assistant", "bing": "assistant", "bard": "assistant",
}  # fmt: skip
"""What files call the speakers, and who they are here."""

SPEAKER = ("role", "from")
SPOKEN = ("content", "value")


class Turned(TypedDict):
    """One conversation, taken apart."""

    system: str
    history: list[dict[str, str]]
    prompt: str
    answer: str


class BadTurns(ValueError):
    """Why turns are no conversation to learn from; a clause."""


def is_turns(value: Any) -> bool:
    """Whether a value is a list of turns, or JSON text of one."""
    turns = _listed(value)
    return bool(turns) and all(
        isinstance(turn, dict)
        and any(name in turn for name in SPEAKER)
        and any(name in turn for name in SPOKEN)
        for turn in turns
    )


def take_apart(value: Any, *, system: str = "") -> Turned:
    """Part turns into what is asked and what is answered; BadTurns says why they cannot be.

    Nothing is put right: two turns of one speaker, a missing text, an unknown speaker or an end
    without an answer are told, not mended.
    """
    turns = [_turn(turn, number) for number, turn in enumerate(_listed(value), start=1)]
    if turns and turns[0]["role"] == "system":
        if system and system != turns[0]["content"]:
            raise BadTurns("has two different system messages")
        system = turns.pop(0)["content"]
    for number, turn in enumerate(turns):
        expected = ("user", "assistant")[number % 2]
        if turn["role"] != expected:
            who = "nobody" if number == 0 else f"the {turns[number - 1]['role']}"
            raise BadTurns(f"has a turn of the {turn['role']} after one of {who}")
    if len(turns) < 2 or len(turns) % 2:
        raise BadTurns("does not end with an answer" if turns else "has no turns")
    return {
        "system": system,
        "history": turns[:-2],
        "prompt": turns[-2]["content"],
        "answer": turns[-1]["content"],
    }


def text_of(value: Any) -> str:
    """The text in a value: itself, a list of text parts, or the first of several answers."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        raise BadTurns("is missing" if value is None else "is no text")
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Mapping) and isinstance(value.get("text"), list):
        value = value["text"]  # as SQuAD writes its answers
    if isinstance(value, list) and value and isinstance(value[0], str):
        return str(value[0])
    if isinstance(value, list) and value and all(_is_text_part(part) for part in value):
        return "".join(part["text"] for part in value)
    raise BadTurns("is no text")


def _is_text_part(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "text" and isinstance(part["text"], str)


def _listed(value: Any) -> list[Any]:
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return []
    return value if isinstance(value, list) else []


def _turn(turn: Any, number: int) -> dict[str, str]:
    if not isinstance(turn, dict):
        raise BadTurns(f"turn {number} is no turn")
    said_by = next((turn[name] for name in SPEAKER if name in turn), None)
    role = ROLES.get(said_by.strip().lower()) if isinstance(said_by, str) else None
    if role is None:
        raise BadTurns(f"turn {number} is said by {str(said_by)[:40]!r}, who has no place here")
    if turn.get("tool_calls") or turn.get("function_call"):
        raise BadTurns(f"turn {number} calls a tool, which cannot be learned here")
    try:
        return {
            "role": role,
            "content": text_of(next(turn[name] for name in SPOKEN if name in turn)),
        }
    except StopIteration as error:
        raise BadTurns(f"turn {number} has no text") from error
    except BadTurns as error:
        raise BadTurns(f"turn {number}: its text {error}") from error
