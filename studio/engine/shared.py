"""Several questions answered in one batch: who comes later joins it, who is done leaves it."""

import time
from collections.abc import Callable, Sequence
from threading import Event

import torch

from studio.chat.protocol import Ask
from studio.engine.decode import decode
from studio.engine.draw import Draw
from studio.engine.generate import Answer, begun_ids, end_tokens, prompt_ids, reader
from studio.engine.load import Engine
from studio.engine.prefix import Kept

STEPS = 8  # tokens between two looks at who should share the batch
THIN = 0.5  # share of rows still under way below which a batch is made anew without the others


class Part:
    """One question under way: its rows, what they have said, and its own random numbers."""

    def __init__(self, engine: Engine, ask: Ask, stop: Event) -> None:
        self.ask = ask
        self.stop = stop
        self.rows = ask.rows
        self._prompts = [prompt_ids(engine, row.messages) for row in self.rows]
        self.answers = [Answer(reader(engine), begun_ids(engine, row.begun)) for row in self.rows]
        self._rooms = [self._room(engine, row) for row in range(len(self.rows))]
        self._full = (
            f"The conversation fills the {engine.context} tokens that {engine.base.name} holds; "
            "go on from an earlier place, or begin a new one."
        )
        for row in range(len(self.rows)):
            self._mind_room(row)
        self.draw = Draw(ask.sampling)
        self.began = time.perf_counter()
        self.shown = 0.0
        """When its last state was shown."""
        self.told = False
        """Whether its end was told."""

    def text(self, row: int) -> list[int]:
        """All tokens of a row so far."""
        answer = self.answers[row]
        return [*self._prompts[row], *answer.begun, *answer.ids]

    def left(self, row: int) -> int:
        """How many tokens a row may still say."""
        answer = self.answers[row]
        if answer.stopped or self.stop.is_set():
            return 0
        most = min(self.ask.sampling.max_new_tokens, self._rooms[row])
        return most - len(answer.ids)

    @property
    def over(self) -> bool:
        """Whether nothing more will be said."""
        return not any(self.left(row) for row in range(len(self.rows)))

    def hear(self, row: int, token: int, ends: set[int]) -> None:
        """A row's new token."""
        answer, now = self.answers[row], time.perf_counter() - self.began
        answer.first_token = answer.first_token or now
        answer.seconds = now - answer.first_token
        if token in ends:
            answer.end = token
        else:
            answer.ids.append(token)
            self._mind_room(row)

    def _room(self, engine: Engine, row: int) -> int:
        """How many tokens the base can hold beside what it has to read."""
        soft = engine.soft_prompt(self.rows[row].lane)
        read = len(self.text(row)) + (0 if soft is None else len(soft))
        return max(0, engine.context - read)

    def _mind_room(self, row: int) -> None:
        if len(self.answers[row].ids) >= self._rooms[row]:
            self.answers[row].note = self._full


def go_on(
    engine: Engine,
    parts: Sequence[Part],
    *,
    show: Callable[[Part], None],
    called: Callable[[], bool],
    kept: Kept,
) -> None:
    """Say more tokens in all parts, until all are over, somebody calls, or few rows are left.

    `show` is told of every part that has new tokens. Rows whose lanes cannot share a batch must
    not be among them.
    """
    places = {lane: number for number, lane in enumerate(engine.lanes)}
    rows = [(part, row) for part in parts for row in range(len(part.rows)) if part.left(row)]
    if not rows:  # stopped since they were looked at
        return
    # Rows of one lane lie side by side: what its adapter adds is then one product.
    rows.sort(key=lambda one: places[one[0].rows[one[1]].lane])
    ends, steps = set(end_tokens(engine)), 0

    def hear(tokens: list[int]) -> bool:
        nonlocal steps
        steps += 1
        for (part, row), token in zip(rows, tokens, strict=True):
            if part.left(row):
                part.hear(row, token, ends)
        for part in parts:
            show(part)
        under_way = sum(part.left(row) > 0 for part, row in rows)
        if steps % STEPS:
            return under_way > 0
        thin = len(parts) > 1 and under_way < len(rows) * THIN
        return under_way > 0 and not thin and not called()

    decode(
        engine,
        [part.rows[row].lane for part, row in rows],
        [part.text(row) for part, row in rows],
        _Draws(rows),
        limit=max(part.left(row) for part, row in rows),
        hear=hear,
        kept=kept,
    )


class _Draws:
    """Draws for every part with its own settings and numbers, whoever is beside it."""

    def __init__(self, rows: Sequence[tuple[Part, int]]) -> None:
        self._greedy = all(part.ask.sampling.temperature == 0 for part, _ in rows)
        self._places: dict[Draw, list[int]] = {}
        for place, (part, _) in enumerate(rows):
            self._places.setdefault(part.draw, []).append(place)

    def __call__(self, logits: torch.Tensor) -> torch.Tensor:
        """Tokens, (rows,), for logits of (rows, vocabulary)."""
        if self._greedy:
            return logits.argmax(-1)
        tokens = torch.empty(len(logits), dtype=torch.long, device=logits.device)
        for draw, places in self._places.items():
            tokens[places] = draw(logits[places])
        return tokens
