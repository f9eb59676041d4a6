"""Answers of many lanes in one batch, token by token, on one copy of the base."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import torch
from transformers import GenerationConfig, StoppingCriteria
from transformers.generation.streamers import BaseStreamer

from studio.chat.protocol import Sampling
from studio.data.example import Message
from studio.engine.load import Engine


@dataclass
class Answer:
    """What one row has said so far; `stopped` once it ended by itself."""

    ids: list[int] = field(default_factory=list)
    text: str = ""
    stopped: bool = False
    first_token: float = 0.0
    seconds: float = 0.0

    @property
    def tokens_per_second(self) -> float:
        """Speed after the first token."""
        return (len(self.ids) - 1) / self.seconds if self.seconds > 0 else 0.0


OnStep = Callable[[list[Answer]], None]


def answer(
    engine: Engine,
    rows: Sequence[tuple[str, Sequence[Message]]],
    sampling: Sampling,
    *,
    on_step: OnStep | None = None,
    stop: Event | None = None,
) -> list[Answer]:
    """Answer every (lane, conversation) in one batch; `on_step` sees all rows after each token.

    Setting `stop` ends the batch after the token in progress, with what was said until then.
    """
    prompts = [prompt_ids(engine, messages) for _, messages in rows]
    return continue_ids(
        engine, [lane for lane, _ in rows], prompts, sampling, on_step=on_step, stop=stop
    )


def prompt_ids(engine: Engine, messages: Sequence[Message]) -> list[int]:
    """The tokens of a conversation, up to where the assistant begins to speak."""
    encoded = engine.tokenizer.apply_chat_template(
        [message.model_dump() for message in messages],
        add_generation_prompt=True,
        return_dict=True,
    )
    return list(encoded["input_ids"])


def continue_ids(
    engine: Engine,
    lanes: Sequence[str],
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    *,
    on_step: OnStep | None = None,
    stop: Event | None = None,
) -> list[Answer]:
    """Continue token prompts, each in its lane, in one left-padded batch."""
    if not prompts:
        return []
    batch = engine.tokenizer.pad({"input_ids": [list(ids) for ids in prompts]}, return_tensors="pt")
    ends = end_tokens(engine)
    streamer = _Rows(engine, len(prompts), ends, on_step)
    torch.manual_seed(sampling.seed)
    with engine.rows_of(lanes) as options:
        engine.model.generate(
            **batch.to(engine.device),
            **options,
            generation_config=_generation_config(engine, sampling, ends),
            streamer=streamer,
            stopping_criteria=[_Stop(stop)] if stop else None,
        )
    return streamer.answers


def end_tokens(engine: Engine) -> list[int]:
    """Every token that ends a turn, from the tokenizer and the model's generation config."""
    configured = engine.model.generation_config.eos_token_id
    ends = configured if isinstance(configured, list) else [configured]
    return sorted({token for token in (*ends, engine.tokenizer.eos_token_id) if token is not None})


def _generation_config(engine: Engine, sampling: Sampling, ends: list[int]) -> GenerationConfig:
    drawing: dict[str, Any] = {"do_sample": False}
    if sampling.temperature > 0:
        drawing = {
            "do_sample": True,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": 0,
        }
    return GenerationConfig(
        max_new_tokens=sampling.max_new_tokens,
        eos_token_id=ends,
        pad_token_id=engine.tokenizer.pad_token_id,
        use_cache=True,
        **drawing,
    )


class _Rows(BaseStreamer):
    """Takes one token per row and step from generate, and keeps the answers' texts."""

    def __init__(self, engine: Engine, rows: int, ends: list[int], on_step: OnStep | None) -> None:
        self.answers = [Answer() for _ in range(rows)]
        self._decode = engine.tokenizer.decode
        self._ends = set(ends)
        self._on_step = on_step
        self._prompt_seen = False
        self._begin = time.perf_counter()

    def put(self, value: torch.Tensor) -> None:
        """First the prompts, of shape (rows, tokens), then a token per row, of shape (rows,)."""
        if not self._prompt_seen:
            self._prompt_seen = True
            return
        now = time.perf_counter() - self._begin
        for answer, token in zip(self.answers, value.reshape(-1).tolist(), strict=True):
            if answer.stopped:
                continue
            answer.first_token = answer.first_token or now
            answer.seconds = now - answer.first_token
            if token in self._ends:
                answer.stopped = True
            else:
                answer.ids.append(token)
        if self._on_step:
            self._read()
            self._on_step(self.answers)

    def end(self) -> None:
        """All rows are done."""
        self._read()

    def _read(self) -> None:
        for answer in self.answers:
            text = self._decode(answer.ids, skip_special_tokens=True)
            # A character of several tokens shows as U+FFFD until its last one has come.
            answer.text = text if answer.stopped else text.rstrip("\N{REPLACEMENT CHARACTER}")


class _Stop(StoppingCriteria):
    """Ends every row once the event is set; raising instead would leave PEFT's hooks behind."""

    def __init__(self, event: Event) -> None:
        self._event = event

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        stopped = self._event.is_set()
        return torch.full((input_ids.shape[0],), stopped, dtype=torch.bool, device=input_ids.device)
