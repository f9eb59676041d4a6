"""A probe's cases in tokens: what is given, and the texts whose likelihood is measured after it."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from studio.data.example import Message
from studio.engine.generate import end_tokens
from studio.engine.load import Engine
from studio.errors import ProbeError
from studio.measure.probe import Case, Probe

TEXT_TOKENS = 512  # a document of open text is scored up to here
DELIMITER = " "  # between a bare question and its answer
BETWEEN = "\n\n"  # between a solved bare question and the next one

Tokens = tuple[int, ...]


class Question(NamedTuple):
    """One case in tokens."""

    prompt: Tokens
    """What is given and not scored; never empty."""
    answer: Tokens
    """The reference answer."""
    pieces: tuple[str, ...]
    """The text of each token of the answer; joined they are the text that is scored."""
    choices: tuple[Tokens, ...]
    """Every possible answer, in the case's order; empty unless the scorer is `choice`."""


class _Encoded(NamedTuple):
    """Tokens of a text, and where each ends in it, if the tokenizer tells."""

    ids: Tokens
    ends: Tokens


def questions(engine: Engine, probe: Probe) -> list[Question]:
    """Every case of a probe in tokens. ProbeError names a case that the base cannot hold."""
    if probe.scorer == "text":
        found = _texts(engine, probe.cases)
    elif probe.chat:
        found = _conversations(engine, probe)
    else:
        found = _bare(engine, probe)
    for case, question in zip(probe.cases, found, strict=True):
        _check(engine, probe, case, question)
    return found


def answer_tokens(
    engine: Engine, messages: Sequence[Message], answer: str
) -> tuple[list[int], int]:
    """Tokens of a conversation with its answer, and where the answer's begin."""
    prompt, tail, _ = answer_turn(engine, messages, answer)
    return [*prompt, *tail], len(prompt)


def answer_turn(engine: Engine, messages: Sequence[Message], answer: str) -> "Turn":
    """The tokens of a conversation, those of its answer with the one that ends it, their texts."""
    return _turns(engine, [(messages, answer)], with_end=True)[0]


def _check(engine: Engine, probe: Probe, case: Case, question: Question) -> None:
    """Nothing may be empty, and everything has to fit into the base's context."""
    where = f"case {case.id} of probe {probe.name}"
    scored = question.choices or (question.answer,)
    if not all(scored):
        raise ProbeError(f"{where}: an answer of no token cannot be scored; write it out.")
    longest = len(question.prompt) + max(len(tokens) for tokens in scored)
    limit = engine.context
    if longest > limit:
        raise ProbeError(
            f"{where} is {longest} tokens long, but {engine.base.name} holds {limit}; shorten the "
            "case or ask with fewer solved cases before it."
        )


# ---- conversations


def _conversations(engine: Engine, probe: Probe) -> list[Question]:
    """Through the chat template; a choice is scored without the token that ends the turn."""
    choosing = probe.scorer == "choice"
    asked = [(case.messages, text) for case in probe.cases for text in _answers(probe, case)]
    turns = iter(_turns(engine, asked, with_end=not choosing))
    found = []
    for case in probe.cases:
        own = [next(turns) for _ in _answers(probe, case)]
        found.append(_question(probe, case, own))
    return found


def _answers(probe: Probe, case: Case) -> tuple[str, ...]:
    """The texts of a case that are scored; ProbeError where the answer is none of the choices."""
    if probe.scorer != "choice":
        return (case.answer,)
    if case.answer not in case.choices:
        raise ProbeError(
            f"case {case.id} of probe {probe.name}: its answer is none of its choices; list it."
        )
    return case.choices


Turn = tuple[Tokens, Tokens, tuple[str, ...]]


def _question(probe: Probe, case: Case, turns: Sequence[Turn]) -> Question:
    place = case.choices.index(case.answer) if probe.scorer == "choice" else 0
    prompt, answer, pieces = turns[place]
    choices = tuple(tail for _, tail, _ in turns) if probe.scorer == "choice" else ()
    return Question(prompt, answer, pieces, choices)


def _turns(
    engine: Engine, asked: Sequence[tuple[Sequence[Message], str]], *, with_end: bool
) -> list[Turn]:
    """For each conversation and answer the prompt's tokens, the answer's, and their texts."""
    said = [(*turns, Message(role="assistant", content=text)) for turns, text in asked]
    once = {id(turns): turns for turns, _ in asked}  # a case is asked once for all its choices
    written = engine.form.write(list(once.values()), asking=True)
    prompts = dict(zip(once, written, strict=True))
    ends = set(end_tokens(engine))
    found = []
    for (turns, _), whole in zip(asked, engine.form.write(said, pieces=True), strict=True):
        prompt = prompts[id(turns)]
        start = len(prompt.ids)
        if whole.ids[:start] != prompt.ids:
            raise ProbeError(
                f"{engine.base.name}: its chat template writes a conversation with an answer "
                "differently from one without, so the answer's tokens cannot be told apart."
            )
        after = range(start, len(whole.ids))
        last = next((place for place in after if whole.ids[place] in ends), len(whole.ids))
        stop = min(last + 1, len(whole.ids)) if with_end else last
        found.append((prompt.ids, whole.ids[start:stop], whole.pieces[start:stop]))
    return found


# ---- bare text


def _texts(engine: Engine, cases: Sequence[Case]) -> list[Question]:
    """Open text after the token that begins a document."""
    encoded = _encode(engine, [case.answer for case in cases], special=False)
    most = min(TEXT_TOKENS, engine.context - 1)
    found = []
    for case in cases:
        whole = encoded[case.answer]
        stop = min(len(whole.ids), most)
        pieces = _pieces(engine, case.answer, whole, 0, stop)
        found.append(Question((_beginning(engine),), whole.ids[:stop], pieces, ()))
    return found


def _bare(engine: Engine, probe: Probe) -> list[Question]:
    """Without a template: the answer's tokens are those of the whole minus the context's."""
    pairs: list[tuple[str, str]] = []
    for case in probe.cases:
        pairs += [_split(bare_text(case.messages), text) for text in _answers(probe, case)]
    asked = _encode(engine, [text for pair in pairs for text in (pair[0], "".join(pair))])
    alone = _encode(engine, [text for context, text in pairs if not context], special=False)
    turns = []
    for context, text in pairs:
        if context:
            start, whole = len(asked[context].ids), asked[context + text]
            pieces = _pieces(engine, context + text, whole, start, len(whole.ids))
            turns.append((asked[context].ids, whole.ids[start:], pieces))
        else:
            whole = alone[text]
            pieces = _pieces(engine, text, whole, 0, len(whole.ids))
            turns.append(((_beginning(engine),), whole.ids, pieces))
    rest = iter(turns)
    return [
        _question(probe, case, [next(rest) for _ in _answers(probe, case)]) for case in probe.cases
    ]


def bare_text(messages: Sequence[Message]) -> str:
    """A conversation without any template: solved questions, then the open one."""
    text = ""
    for message in messages:
        before = DELIMITER if message.role == "assistant" else BETWEEN if text else ""
        text += before + message.content
    return text


def _split(context: str, answer: str) -> tuple[str, str]:
    """Context and continuation; spaces that end the context begin the continuation.

    The convention of lm-evaluation-harness: most tokenizers hold a space together with the word
    that follows it.
    """
    if not context:
        return "", answer
    bare = context.rstrip()
    return bare, context[len(bare) :] + DELIMITER + answer


def _beginning(engine: Engine) -> int:
    """The token that begins a document, or ends the one before."""
    tokenizer = engine.tokenizer
    begin = tokenizer.bos_token_id
    return int(tokenizer.eos_token_id if begin is None else begin)


# ---- tokens


def _encode(engine: Engine, texts: Iterable[str], *, special: bool = True) -> dict[str, _Encoded]:
    """Every different text in tokens, `special` with the tokenizer's own beginning."""
    unique = list(dict.fromkeys(texts))
    if not unique:
        return {}
    begin = engine.tokenizer.bos_token
    # A text that begins a document by itself gets no second beginning.
    plain = [text for text in unique if not special or (begin and text.startswith(begin))]
    rest = [text for text in unique if text not in set(plain)]
    return _call(engine, plain, special=False) | _call(engine, rest, special=True)


def _call(engine: Engine, texts: list[str], *, special: bool) -> dict[str, _Encoded]:
    if not texts:
        return {}
    encoded: Any = engine.tokenizer(
        texts,
        add_special_tokens=special,
        return_attention_mask=False,
        return_offsets_mapping=engine.tokenizer.is_fast,
    )
    offsets = encoded["offset_mapping"] if engine.tokenizer.is_fast else [[]] * len(texts)
    return {
        text: _Encoded(tuple(ids), tuple(end for _, end in spans))
        for text, ids, spans in zip(texts, encoded["input_ids"], offsets, strict=True)
    }


def _pieces(engine: Engine, text: str, encoded: _Encoded, start: int, stop: int) -> tuple[str, ...]:
    """The text of tokens start to stop; a character of several tokens belongs to the first."""
    if not encoded.ends:
        return tuple(engine.tokenizer.decode([token]) for token in encoded.ids[start:stop])
    pieces = []
    place = encoded.ends[start - 1] if start else 0
    for end in encoded.ends[start:stop]:
        pieces.append(text[place:end])
        place = max(place, end)
    return tuple(pieces)
