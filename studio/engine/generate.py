"""Answers of many lanes in one batch, token by token, on one copy of the base."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event

from studio.chat.protocol import Row, Sampling
from studio.data.example import Message
from studio.engine.decode import decode
from studio.engine.draw import Draw
from studio.engine.load import Engine
from studio.engine.prefix import Kept


@dataclass
class Answer:
    """What one row has said so far."""

    read: Callable[[Sequence[int]], str] = field(repr=False)
    """Makes text of tokens, control tokens left out."""
    begun: Sequence[int] = ()
    """Tokens with which the answer began already."""
    ids: list[int] = field(default_factory=list)
    end: int | None = None
    """The token with which it ended by itself."""
    first_token: float = 0.0
    seconds: float = 0.0
    note: str = ""

    @property
    def stopped(self) -> bool:
        """Whether it ended by itself."""
        return self.end is not None

    @property
    def text(self) -> str:
        """What the tokens say, after what was begun."""
        said = self.read([*self.begun, *self.ids])[len(self.read(self.begun)) :]
        # A character of several tokens shows as U+FFFD until its last one has come.
        return said if self.stopped else said.rstrip("\N{REPLACEMENT CHARACTER}")

    @property
    def tokens_per_second(self) -> float:
        """Speed after the first token."""
        return (len(self.ids) - 1) / self.seconds if self.seconds > 0 else 0.0


OnStep = Callable[[list[Answer]], None]


def answer(
    engine: Engine,
    rows: Sequence[tuple[str, Sequence[Message]] | Row],
    sampling: Sampling,
    *,
    on_step: OnStep | None = None,
    stop: Event | None = None,
    kept: Kept | None = None,
) -> list[Answer]:
    """Answer every row in one batch; `on_step` sees all of them after each token.

    Setting `stop` ends the batch after the token in progress, with what was said until then.
    What `kept` holds of the conversations is not computed again.
    """
    asked = [
        row if isinstance(row, Row) else Row(lane=row[0], messages=tuple(row[1])) for row in rows
    ]
    return continue_ids(
        engine,
        [row.lane for row in asked],
        [prompt_ids(engine, row.messages) for row in asked],
        sampling,
        begun=[begun_ids(engine, row.begun) for row in asked],
        on_step=on_step,
        stop=stop,
        kept=kept,
    )


def prompt_ids(engine: Engine, messages: Sequence[Message]) -> list[int]:
    """The tokens of a conversation, up to where the assistant begins to speak."""
    return list(engine.form.write([messages], asking=True)[0].ids)


def begun_ids(engine: Engine, text: str) -> list[int]:
    """The tokens of the beginning of an answer."""
    return list(engine.form.begin(text).ids) if text else []


def continue_ids(
    engine: Engine,
    lanes: Sequence[str],
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    *,
    begun: Sequence[Sequence[int]] | None = None,
    own_luck: bool = False,
    on_step: OnStep | None = None,
    stop: Event | None = None,
    kept: Kept | None = None,
) -> list[Answer]:
    """Continue token prompts, each in its lane, in one batch.

    Lanes that cannot share it run right after, one by one, and their answers say so. With
    `own_luck` rows draw different random numbers.
    """
    begun = begun or [()] * len(prompts)
    answers = [Answer(reader(engine), first) for first in begun]
    texts = [[*prompt, *first] for prompt, first in zip(prompts, begun, strict=True)]
    batches: dict[str, list[int]] = {}
    for place, lane in enumerate(lanes):
        why = engine.apart(lane)
        batches.setdefault(lane if why else "", []).append(place)
        if why:
            answers[place].note = f"answered after the others: {why}"
    for places in sorted(batches.values(), key=lambda some: bool(answers[some[0]].note)):
        if stop and stop.is_set():
            break
        # Rows of one lane lie side by side: what its adapter adds is then one product.
        order = sorted(places, key=lambda place: engine.lanes.index(lanes[place]))
        listener = _Listener(engine, answers, order, on_step)
        decode(
            engine,
            [lanes[place] for place in order],
            [texts[place] for place in order],
            Draw(sampling, own_luck=own_luck),
            limit=sampling.max_new_tokens,
            hear=listener.hear,
            stop=stop,
            kept=kept,
        )
    return answers


def raw_text(engine: Engine, row: Row, said: Answer) -> str:
    """The whole conversation as the model sees it, control tokens and all."""
    ids = [*prompt_ids(engine, row.messages), *said.begun, *said.ids]
    if said.end is not None:
        ids.append(said.end)
    return str(engine.tokenizer.decode(ids, skip_special_tokens=False))


def end_tokens(engine: Engine) -> list[int]:
    """Every token that ends a turn, from the tokenizer and the model's generation config."""
    configured = engine.model.generation_config.eos_token_id
    ends = configured if isinstance(configured, list) else [configured]
    return sorted({token for token in (*ends, engine.tokenizer.eos_token_id) if token is not None})


def reader(engine: Engine) -> Callable[[Sequence[int]], str]:
    """Makes text of tokens, control tokens left out."""

    def read(ids: Sequence[int]) -> str:
        return str(engine.tokenizer.decode(list(ids), skip_special_tokens=True)) if ids else ""

    return read


class _Listener:
    """Takes one token per row and step, and keeps the answers."""

    def __init__(
        self, engine: Engine, answers: list[Answer], places: list[int], on_step: OnStep | None
    ) -> None:
        self._answers = answers
        self._rows = [answers[place] for place in places]
        self._ends = set(end_tokens(engine))
        self._on_step = on_step
        self._begin = time.perf_counter()

    def hear(self, tokens: list[int]) -> bool:
        """A new token for each row; whether any row goes on."""
        now = time.perf_counter() - self._begin
        for answer, token in zip(self._rows, tokens, strict=True):
            if answer.stopped:
                continue
            answer.first_token = answer.first_token or now
            answer.seconds = now - answer.first_token
            if token in self._ends:
                answer.end = token
            else:
                answer.ids.append(token)
        if self._on_step:
            self._on_step(self._answers)
        return not all(answer.stopped for answer in self._rows)
