"""What becomes of one row: its columns renamed, or taken apart as a conversation."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from pydantic import JsonValue

from studio.data.readers import Row
from studio.data.turns import BadTurns, is_turns, take_apart, text_of

Columns: TypeAlias = Mapping[str, str]
"""By field, the column it is read from."""


def rename(columns: Columns, row: Row) -> dict[str, Any]:
    """The row's values under the names of the fields."""
    fields: dict[str, Any] = {}
    for field, column in columns.items():
        value = row.get(column)
        if value is None:
            raise BadTurns(f"column '{column}' is missing")
        fields[field] = _first_answer(value) if isinstance(value, dict) else value
    return fields


def _first_answer(value: dict[str, JsonValue]) -> JsonValue:
    """The first of several right answers, as SQuAD writes them; anything else as it is."""
    return text_of(value) if isinstance(value.get("text"), list) else value


def _from_turns(columns: Columns, row: Row) -> dict[str, Any]:
    turns = row.get(columns["messages"])
    system = _text(columns, row, "system", optional=True)
    return dict(take_apart(turns, system=system))


def _from_alpaca(columns: Columns, row: Row) -> dict[str, Any]:
    asked = [_text(columns, row, "instruction")]
    asked += [_text(columns, row, field, optional=True) for field in ("context", "input")]
    return _plain(columns, row, "\n\n".join(filter(str.strip, asked)), "output")


def _from_pair(columns: Columns, row: Row) -> dict[str, Any]:
    prompt, answer = (row.get(columns[field]) for field in ("prompt", "answer"))
    if is_turns(prompt) and is_turns(answer) and isinstance(prompt, list):
        assert isinstance(answer, list)
        return dict(take_apart([*prompt, *answer]))
    if is_turns(prompt) and isinstance(prompt, list):
        return dict(take_apart([*prompt, {"role": "assistant", "content": answer}]))
    return _plain(columns, row, _text(columns, row, "prompt"), "answer")


def _from_question(columns: Columns, row: Row) -> dict[str, Any]:
    asked = [_text(columns, row, "context", optional=True), _text(columns, row, "question")]
    return _plain(columns, row, "\n\n".join(filter(str.strip, asked)), "answer")


def _plain(columns: Columns, row: Row, prompt: str, answer: str) -> dict[str, Any]:
    return {
        "system": _text(columns, row, "system", optional=True),
        "history": _history(row),
        "prompt": prompt,
        "answer": _text(columns, row, answer),
    }


def _history(row: Row) -> list[dict[str, str]]:
    """Earlier turns, also where they are pairs of what was asked and answered."""
    told = row.get("history")
    if not isinstance(told, list) or not told:
        return []
    turns: list[Any] = []
    for pair in told:
        if isinstance(pair, list) and len(pair) == 2:
            turns.append({"role": "user", "content": pair[0]})
            turns.append({"role": "assistant", "content": pair[1]})
        else:
            turns.append(pair)
    apart = take_apart(turns)
    last = {"user": apart["prompt"], "assistant": apart["answer"]}
    return apart["history"] + [{"role": role, "content": text} for role, text in last.items()]


def _text(columns: Columns, row: Row, field: str, *, optional: bool = False) -> str:
    column = columns.get(field)
    value = row.get(column) if column else None
    if optional and value is None:
        return ""
    try:
        return text_of(value)
    except BadTurns as error:
        raise BadTurns(f"column '{column}' {error}") from error


MAKERS: dict[str, Callable[[Columns, Row], dict[str, Any]]] = {
    "messages": _from_turns,
    "alpaca": _from_alpaca,
    "prompt/completion": _from_pair,
    "question/answer": _from_question,
}
