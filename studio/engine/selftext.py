"""Conversations a base writes itself: both turns sampled, from nothing but its chat template.

They hold old skills in place while something new is learned (as KL anchor or replay) and need
no old data: "self-generated replay" (arXiv 2605.26097), with the person's turn sampled too, as
in Magpie (arXiv 2406.08464).
"""

import hashlib
import json
from pathlib import Path

from pydantic import TypeAdapter

from studio.chat.protocol import Sampling
from studio.data.example import Message
from studio.engine.generate import Answer, continue_ids, prompt_ids
from studio.engine.load import Engine
from studio.errors import ModelError
from studio.measure.outcome import BASE

BATCH = 128  # conversations written at once
LONGEST_TURN = 96  # tokens
MARK = "\N{OBJECT REPLACEMENT CHARACTER}"

Conversation = tuple[Message, ...]


def self_texts(engine: Engine, count: int, *, seed: int, cache: Path) -> list[Conversation]:
    """`count` conversations by the base; those of an earlier call come from the cache folder."""
    settled = f"{engine.base.fingerprint} {engine.method} {count} {seed} {LONGEST_TURN}"
    path = cache / f"selftext-{hashlib.sha256(settled.encode()).hexdigest()[:16]}.json"
    reader = TypeAdapter(list[Conversation])
    if path.exists():
        return reader.validate_json(path.read_bytes())
    conversations: dict[Conversation, None] = {}  # a set that keeps its order
    for attempt in range(4 * (count // BATCH + 1)):
        conversations |= dict.fromkeys(_write(engine, seed=seed + attempt))
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


def _write(engine: Engine, *, seed: int) -> list[Conversation]:
    """One batch: first what a person says, then what the base answers; unfinished ones dropped."""
    opening = _opening(engine)
    sampling = Sampling(temperature=1.0, max_new_tokens=LONGEST_TURN, seed=seed)
    asked = _whole(continue_ids(engine, [BASE] * BATCH, [opening] * BATCH, sampling))
    questions = [(Message(role="user", content=text),) for text in asked if text]
    prompts = [prompt_ids(engine, question) for question in questions]
    answers = _whole(continue_ids(engine, [BASE] * len(prompts), prompts, sampling))
    return [
        (*question, Message(role="assistant", content=text))
        for question, text in zip(questions, answers, strict=True)
        if text
    ]


def _whole(answers: list[Answer]) -> list[str]:
    """Texts of the answers that ended by themselves; the others as empty strings."""
    return [answer.text.strip() if answer.stopped else "" for answer in answers]


def _opening(engine: Engine) -> list[int]:
    """The tokens of the chat template up to where a person begins to speak."""
    rendered = engine.tokenizer.apply_chat_template(
        [{"role": "user", "content": MARK}], tokenize=False
    )
    opening, found, _ = rendered.partition(MARK)
    if not found:
        raise ModelError(f"{engine.base.name}: its chat template does not show the user's words.")
    return list(engine.tokenizer(opening, add_special_tokens=False).input_ids)
