"""What a model in training answers to a few fixed prompts."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from studio.data.example import Message
from studio.engine.generate import end_tokens, prompt_ids
from studio.engine.load import Engine
from studio.engine.looks import Answers
from studio.measure.halves import can_be_replayed, held_half
from studio.measure.probe import shipped

LONGEST = 24  # tokens of an answer


class Prompt(NamedTuple):
    """One conversation to be answered."""

    about: str
    """What it shows, such as "held out" or the name of an old skill."""
    messages: tuple[Message, ...]
    wanted: str
    """The reference answer."""


def old_skill(base: str) -> list[Prompt]:
    """One question about something the base could do before; of the half that is not measured."""
    for probe in shipped(base if base == "starter" else "general"):
        if can_be_replayed(probe):
            case = held_half(probe).cases[0]
            return [Prompt(probe.title, case.messages, case.answer)]
    return []


def answering(engine: Engine, prompts: Sequence[Prompt]) -> Answers:
    """A function that lets a model in training answer these prompts, by the likeliest tokens."""
    asked = [(one, prompt_ids(engine, one.messages)) for one in prompts]
    ends, tokenizer = end_tokens(engine), engine.tokenizer

    def answer(model: Any) -> list[dict[str, str]]:
        was_training = model.training
        model.eval()
        said = []
        for prompt, ids in asked:
            given = torch.tensor([ids], device=next(model.parameters()).device)
            with torch.no_grad():
                made = model.generate(
                    input_ids=given, attention_mask=torch.ones_like(given), do_sample=False,
                    max_new_tokens=LONGEST, use_cache=True, eos_token_id=ends,
                    pad_token_id=tokenizer.pad_token_id,
                )  # fmt: skip
            # With a soft prompt only what is new comes back, else the question too.
            whole = made[0].tolist()
            fresh = whole[len(ids) :] if whole[: len(ids)] == ids else whole
            said.append(
                {
                    "about": prompt.about,
                    "asked": prompt.messages[-1].content,
                    "wanted": prompt.wanted,
                    "answer": str(tokenizer.decode(fresh, skip_special_tokens=True)).strip(),
                }
            )
        model.train(was_training)
        return said

    return answer
