"""Conversations a base writes itself: every turn sampled, from nothing but its chat template.

They hold old skills in place while something new is learned (as KL anchor or replay) and need
no old data: "self-generated replay" (arXiv 2605.26097), with the person's turn sampled too, as
in Magpie (arXiv 2406.08464). Some begin with a system message, some go on for a second question:
what is never said again is forgotten first.
"""

import hashlib
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from jinja2 import TemplateError
from pydantic import TypeAdapter

from studio.chat.protocol import Sampling
from studio.data.example import Message
from studio.engine.generate import Answer, continue_ids, end_tokens, prompt_ids
from studio.engine.load import Engine
from studio.errors import ModelError
from studio.measure.outcome import BASE

BATCH = 128  # turns written at once
ATTEMPTS = 8  # rounds until there are enough different ones
LEAST = 32  # conversations begun in a round
SPARE = 1.2  # begun for each that is still missing: some do not end, some have been written before
LONGEST_TURN = 96  # tokens
WITH_SYSTEM = 0.25  # share begun with a system message, where the template has such turns
DRAWN = 4  # system messages drawn for each that is used
WITH_SECOND = 0.25  # share that goes on for a second question
MARK = "\N{OBJECT REPLACEMENT CHARACTER}"

Conversation = tuple[Message, ...]
Role = Literal["system", "user", "assistant"]


def self_texts(engine: Engine, count: int, *, seed: int, cache: Path) -> list[Conversation]:
    """`count` conversations by the base; those of an earlier call come from the cache folder."""
    settled = (
        f"{engine.base.fingerprint} {engine.method} {count} {seed} {LONGEST_TURN} "
        f"{WITH_SYSTEM} {DRAWN} {WITH_SECOND}"
    )
    path = cache / f"selftext-{hashlib.sha256(settled.encode()).hexdigest()[:16]}.json"
    reader = TypeAdapter(list[Conversation])
    if path.exists():
        return reader.validate_json(path.read_bytes())
    conversations: dict[Conversation, None] = {}  # a set that keeps its order
    for attempt in range(ATTEMPTS):
        missing = count - len(conversations)
        fresh = _write(engine, max(LEAST, round(SPARE * missing)), seed=seed + 1000 * attempt)
        conversations |= dict.fromkeys(fresh)
        if len(conversations) >= count:
            break
    written = list(conversations)[:count]
    if not written:
        raise ModelError(
            f"{engine.base.name} wrote no whole conversation of its own; set kl_anchor and "
            "replay to 0, or choose a chat model."
        )
    cache.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps([[m.model_dump() for m in c] for c in written]), encoding="utf-8")
    draft.rename(path)
    return written


def _write(engine: Engine, count: int, *, seed: int) -> list[Conversation]:
    """One round, turn by turn; a conversation with an unfinished or empty turn is dropped."""
    ruled = round(count * WITH_SYSTEM) if has_system_turns(engine) else 0
    drawn = _speak(engine, [()] * (DRAWN * ruled), "system", seed=seed)
    begun = _spread(drawn, ruled)
    asked = _speak(engine, [*begun, *[()] * (count - len(begun))], "user", seed=seed + 1)
    answered = _speak(engine, asked, "assistant", seed=seed + 2)
    further = set(answered[:: round(1 / WITH_SECOND)])
    again = _speak(engine, [one for one in answered if one in further], "user", seed=seed + 3)
    longer = _speak(engine, again, "assistant", seed=seed + 4)
    written = [*(one for one in answered if one not in further), *longer]
    random.Random(seed).shuffle(written)  # any beginning of the list is like the whole
    return written


def _spread(drawn: Sequence[Conversation], count: int) -> list[Conversation]:
    """`count` of the drawn ones, every different one as often as any other.

    A few system messages are said again and again; the rare ones ask for rare skills.
    """
    different = list(dict.fromkeys(drawn))
    return [different[place % len(different)] for place in range(count)] if different else []


def _speak(
    engine: Engine, talks: Sequence[Conversation], role: Role, *, seed: int
) -> list[Conversation]:
    """The conversations that got a whole turn of that role, sampled, with it."""
    grown: list[Conversation] = []
    for begin in range(0, len(talks), BATCH):
        batch = talks[begin : begin + BATCH]
        if role == "assistant":
            prompts = [prompt_ids(engine, talk) for talk in batch]
        else:
            prompts = [_opening(engine, talk, role) for talk in batch]
        sampling = Sampling(temperature=1.0, max_new_tokens=LONGEST_TURN, seed=seed + 10 * begin)
        lanes = [BASE] * len(batch)
        said = _whole(continue_ids(engine, lanes, prompts, sampling, own_luck=True))
        grown += [
            (*talk, Message(role=role, content=text))
            for talk, text in zip(batch, said, strict=True)
            if text
        ]
    return grown


def _whole(answers: list[Answer]) -> list[str]:
    """Texts of the answers that ended by themselves; the others as empty strings."""
    return [answer.text.strip() if answer.stopped else "" for answer in answers]


def has_system_turns(engine: Engine) -> bool:
    """Whether the chat template gives a system message a turn of its own, with an end."""
    asked = [Message(role="system", content=MARK), Message(role="user", content="?")]
    try:
        _, found, after = _render(engine, asked).partition(MARK)
    except TemplateError:  # how templates say that they know no system messages
        return False
    following = engine.tokenizer(after, add_special_tokens=False).input_ids
    return bool(found) and following[0] in end_tokens(engine)


def _opening(engine: Engine, talk: Conversation, role: Role) -> list[int]:
    """The tokens of the chat template up to where the next turn's words begin."""
    turns = [*talk, Message(role=role, content=MARK)]
    if role == "system":  # some templates render no system message that nobody speaks after
        turns.append(Message(role="user", content="?"))
    opening, found, _ = _render(engine, turns).partition(MARK)
    if not found:
        raise ModelError(f"{engine.base.name}: its chat template does not show the {role}'s words.")
    return list(engine.tokenizer(opening, add_special_tokens=False).input_ids)


def _render(engine: Engine, talk: Sequence[Message]) -> str:
    turns = [message.model_dump() for message in talk]
    return str(engine.tokenizer.apply_chat_template(turns, tokenize=False))
