"""A conversation to take away: as Markdown to read, as JSON to keep, as messages to tune on."""

import json
from collections.abc import Callable, Iterator
from typing import Literal

from studio.chat.conversation import Conversation
from studio.chat.exchange import Answer, Exchange

Form = Literal["md", "json", "jsonl"]


def export(conversation: Conversation, form: Form) -> str:
    """The conversation as a file's text; the visitor's key is in none of them.

    md: the open path, every lane's answer quoted. json: everything, all paths included; the studio
    reads it back. jsonl: the messages of the open path, one line per lane.
    """
    return _FORMS[form](conversation)


def _json(conversation: Conversation) -> str:
    return conversation.model_dump_json(indent=2, exclude={"owner"}) + "\n"


def _jsonl(conversation: Conversation) -> str:
    lines = []
    for lane in _lanes(conversation):
        turns = list(_turns(conversation, lane))
        if turns[-1:] and turns[-1]["role"] == "assistant":
            line = {"lane": lane, "base": conversation.base, "messages": turns}
            lines.append(json.dumps(line, ensure_ascii=False) + "\n")
    return "".join(lines)


def _turns(conversation: Conversation, lane: str) -> Iterator[dict[str, str]]:
    """What was said in one lane up to its last answer: what it remembered, then the answer."""
    path = conversation.exchanges
    spoken = [n for n, one in enumerate(path) if lane in one.answers and one.answers[lane].text]
    if not spoken:
        return
    last = spoken[-1]
    for message in conversation.messages(lane, last):
        yield message.model_dump()
    yield {"role": "assistant", "content": path[last].answers[lane].text}


def _lanes(conversation: Conversation) -> list[str]:
    """Every lane that said something on the open path, in the order of appearance."""
    return list(dict.fromkeys(lane for one in conversation.exchanges for lane in one.answers))


def _markdown(conversation: Conversation) -> str:
    began = f"{conversation.created:%Y-%m-%d %H:%M} UTC"
    parts = [
        f"# {_flat(conversation.title) or 'Conversation'}",
        f"Base {conversation.base}, {began}",
    ]
    if conversation.branched_from:
        parts[-1] += f", branched from {conversation.branched_from.conversation}"
    system = ""
    for n, exchange in enumerate(conversation.exchanges):
        if exchange.system != system:
            system = exchange.system
            parts += ["**System**" if system else "**No system message any more**", _quote(system)]
        parts += [f"## {n + 1}. Question{_version(conversation, n)}", _quote(exchange.prompt)]
        for lane, answer in exchange.answers.items():
            parts += [f"### {lane}", _quote(answer.text), _facts(exchange, lane, answer)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _version(conversation: Conversation, n: int) -> str:
    versions = [one.id for one in conversation.versions(n)]
    if len(versions) == 1:
        return ""
    return f" (version {versions.index(conversation.exchanges[n].id) + 1} of {len(versions)})"


def _facts(exchange: Exchange, lane: str, answer: Answer) -> str:
    drawn = answer.sampling
    how = f"temperature {drawn.temperature:g}, seed {drawn.seed}" if drawn.temperature else "greedy"
    facts = [f"{answer.tokens} tokens", how]
    if not answer.done:
        facts.append("broken off")
    elif not answer.stopped:
        facts.append("cut off at the limit")
    if lane == exchange.kept:
        facts.append("preferred")
    return f"*{', '.join(facts)}*"


def _quote(text: str) -> str:
    """As a quotation, so that nothing in the text can end it or pass for a heading of ours."""
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def _flat(text: str) -> str:
    return " ".join(text.split())


_FORMS: dict[Form, Callable[[Conversation], str]] = {
    "md": _markdown,
    "json": _json,
    "jsonl": _jsonl,
}
