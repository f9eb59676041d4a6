"""What a model reads of a conversation: its chat template's text in tokens, and which are learned.

Training, chat, measurement and the page's preview all come here, so that what is shown is what is
learned. Marks that separate turns are the template's own to write: where they stand in somebody's
text they are spelled out in plain tokens, so that nobody speaks in another one's name.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

from pydantic import JsonValue
from tokenizers import Encoding, Tokenizer

from studio.data.example import Example, Message
from studio.data.readers import Row
from studio.errors import ModelError

# Private characters around a mark in somebody's text, as `transformers` 5 sets them.
BEGIN, END = "\U000f0000", "\U000f0001"
# What models write themselves while they answer, such as <think>: no mark between turns.
OWN_MARK = re.compile(r"</?\w+>")
IGNORED = -100  # the label of a token that is only read; PyTorch's own number for it

Render = Callable[[Sequence[Row]], Sequence[str]]
"""Writes conversations: rows with `messages`, `add_generation_prompt` and the special tokens."""


class Written(NamedTuple):
    """A text in tokens."""

    ids: tuple[int, ...]
    """The numbers of the tokens."""
    pieces: tuple[str, ...]
    """The text of each; joined they are what was written. Empty unless asked for."""
    spelled: frozenset[int]
    """Places of tokens that spell out a mark found in somebody's text."""


@dataclass(frozen=True)
class Learned:
    """An example in tokens, cut to what training reads of it."""

    ids: tuple[int, ...]
    """The tokens that are read."""
    prompt: int
    """So many of the first are not learned."""
    cut: int
    """So many at the end are lost, because they do not fit."""
    pieces: tuple[str, ...] = ()
    """The text of every token, also of those that are cut; empty unless asked for."""
    spelled: frozenset[int] = frozenset()
    """Places of tokens that spell out a mark found in somebody's text."""

    @property
    def learned(self) -> int:
        """How many tokens are learned from; without any the example teaches nothing."""
        return len(self.ids) - self.prompt

    @property
    def labels(self) -> list[int]:
        """For every token what is learned there, or IGNORED."""
        return [IGNORED] * self.prompt + list(self.ids[self.prompt :])


@dataclass(frozen=True)
class ChatForm:
    """How a base writes conversations: its chat template and its tokenizer."""

    tokenizer: Tokenizer
    template: str
    special: Mapping[str, str]
    """Texts of the special tokens by name, such as bos_token."""
    render: Render = field(repr=False)

    def learn(
        self, examples: Sequence[Example], *, max_length: int | None = None, pieces: bool = False
    ) -> list[Learned]:
        """Every example in tokens, the answer's learned, as TRL's trainer would have them.

        The answer begins where the conversation with it and the one without it part.
        """
        asked = self.write([one.messages for one in examples], asking=True)
        whole = self.write([_answered(one) for one in examples], pieces=pieces)
        return [
            _cut(text, _common(prompt.ids, text.ids), max_length)
            for prompt, text in zip(asked, whole, strict=True)
        ]

    def write(
        self,
        conversations: Sequence[Sequence[Message]],
        *,
        asking: bool = False,
        pieces: bool = False,
    ) -> list[Written]:
        """Conversations in tokens; with `asking` up to where the assistant begins to speak."""
        rows: list[Row] = [
            {
                "messages": list(map(self._marked, turns)),
                "add_generation_prompt": asking,
                "tools": None,
                "documents": None,
                **self.special,
            }
            for turns in conversations
        ]
        return self._encode(self.render(rows), pieces=pieces)

    def begin(self, text: str) -> Written:
        """The beginning of an answer in tokens, none of them a mark between turns."""
        return self._encode([_mark(text, self._foreign)], pieces=True)[0]

    def marks_in(self, example: Example) -> list[str]:
        """The marks in an example's texts that are spelled out instead of obeyed."""
        turns = _answered(example)
        found = (_pattern(self._marks_of(turn.role)).findall(turn.content) for turn in turns)
        return [mark for marks in found for mark in marks]

    @cached_property
    def _added(self) -> dict[str, bool]:
        """The tokens that were added to the vocabulary, and whether they are special."""
        tokens = self.tokenizer.get_added_tokens_decoder().values()
        return {token.content: token.special for token in tokens}

    @cached_property
    def _controls(self) -> tuple[str, ...]:
        """Tokens that a text must not hold: the special ones, and those the template writes."""
        return tuple(
            text
            for text, special in self._added.items()
            if special or (text.strip() and text in self.template)
        )

    @cached_property
    def _foreign(self) -> tuple[str, ...]:
        """Those that an answer must not hold either."""
        return tuple(
            mark for mark in self._controls if self._added[mark] or not OWN_MARK.fullmatch(mark)
        )

    def _marks_of(self, role: str) -> tuple[str, ...]:
        return self._foreign if role == "assistant" else self._controls

    def _marked(self, turn: Message) -> JsonValue:
        return {"role": turn.role, "content": _mark(turn.content, self._marks_of(turn.role))}

    def _encode(self, texts: Sequence[str], *, pieces: bool) -> list[Written]:
        """Texts in tokens; what is marked in them as plain text."""
        plain = [text for text in texts if BEGIN not in text and END not in text]
        quick = iter(self.tokenizer.encode_batch(plain, add_special_tokens=False))
        return [
            self._encode_marked(text, pieces)
            if BEGIN in text or END in text
            else _written(next(quick), text, pieces)
            for text in texts
        ]

    def _encode_marked(self, text: str, pieces: bool) -> Written:
        ids: list[int] = []
        shown: list[str] = []
        spelled: set[int] = set()
        for number, part in enumerate(_parts(self._controls).split(text)):
            if not part:
                continue
            if number % 2:
                found = self._spelled(part)
                spelled |= set(range(len(ids), len(ids) + len(found.ids)))
            else:
                found = self._following(part) if ids else self._plain(part)
            ids += found.ids
            shown += found.pieces
        return Written(tuple(ids), tuple(shown) if pieces else (), frozenset(spelled))

    def _plain(self, text: str) -> Written:
        return _written(self.tokenizer.encode(text, add_special_tokens=False), text, True)

    def _following(self, text: str) -> Written:
        """After a newline that is taken off again: SentencePiece sets a space before a text."""
        newline = self.tokenizer.encode("\n", add_special_tokens=False).ids
        found = self._plain("\n" + text)
        if list(found.ids[: len(newline)]) != newline:
            return self._plain(text)
        after = len(newline)
        return Written(found.ids[after:], found.pieces[after:], frozenset())

    def _spelled(self, mark: str) -> Written:
        """A mark without the tokenizer's own tokens for it."""
        newline = self._pieced("\n")
        found = self._pieced("\n" + mark)
        ids = found[len(newline) :] if found[: len(newline)] == newline else self._pieced(mark)
        whole = self.tokenizer.token_to_id(mark)
        if whole in ids:
            raise ModelError(
                f"The base has no other token for {mark!r}, so a text that holds it cannot be "
                "told from a turn of its own; remove it from the text."
            )
        shown = [mark] + [""] * (len(ids) - 1) if len(ids) > len(mark) else _share(mark, len(ids))
        return Written(tuple(ids), tuple(shown), frozenset())

    def _pieced(self, text: str) -> list[int]:
        """The pipeline of the tokenizer without the tokens that were added to it."""
        known = self.tokenizer
        if known.normalizer is not None:
            text = known.normalizer.normalize_str(text)
        words = [text]
        if known.pre_tokenizer is not None:
            words = [word for word, _ in known.pre_tokenizer.pre_tokenize_str(text)]
        return [token.id for word in words for token in known.model.tokenize(word)]


def _answered(example: Example) -> tuple[Message, ...]:
    return (*example.messages, Message(role="assistant", content=example.completion))


def _cut(text: Written, prompt: int, max_length: int | None) -> Learned:
    kept = text.ids[:max_length]
    return Learned(
        ids=kept,
        prompt=min(prompt, len(kept)),
        cut=len(text.ids) - len(kept),
        pieces=text.pieces,
        spelled=text.spelled,
    )


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two texts have in common at their beginning."""
    if second[: len(first)] == first:
        return len(first)
    pairs = zip(first, second, strict=False)
    return next(place for place, (one, other) in enumerate(pairs) if one != other)


def _written(found: Encoding, text: str, pieces: bool) -> Written:
    """The tokens of a text; a character of several tokens belongs to the first."""
    if not pieces:
        return Written(tuple(found.ids), (), frozenset())
    shown, place = [], 0
    for _, end in found.offsets:
        shown.append(text[place:end])
        place = max(place, end)
    return Written(tuple(found.ids), tuple(shown), frozenset())


def _share(mark: str, count: int) -> list[str]:
    """A mark in as many parts as it has tokens, for the eye: where each ends is not known."""
    step = len(mark) / count
    return [mark[round(n * step) : round((n + 1) * step)] for n in range(count)]


def _mark(text: str, controls: tuple[str, ...]) -> str:
    bare = text.replace(BEGIN, "").replace(END, "")
    return _pattern(controls).sub(f"{BEGIN}\\g<0>{END}", bare)


@lru_cache(maxsize=16)
def _pattern(controls: tuple[str, ...]) -> re.Pattern[str]:
    """Any of these marks, the longest first; without any it never fits."""
    longest = sorted(controls, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest)) or "(?!)")


@lru_cache(maxsize=16)
def _parts(controls: tuple[str, ...]) -> re.Pattern[str]:
    """Splits a text into plain parts and marks by turns; a lone sign is no mark."""
    return re.compile(f"{BEGIN}({_pattern(controls).pattern}){END}|[{BEGIN}{END}]")
