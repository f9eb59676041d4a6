"""Asks the starter model the kept-back questions and counts the right answers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from studio.models.starter.corpus.conversation import Family
from studio.models.starter.probes import cases, probed


def load(folder: Path) -> tuple[Any, Any]:
    """Return the model (float32) and its tokenizer from a folder."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return model.eval(), AutoTokenizer.from_pretrained(folder)


def answers(
    model: Any, tokenizer: Any, prompts: Sequence[list[dict[str, str]]], most: int = 80
) -> list[str]:
    """Return the greedy answer to each list of messages, all in one batch."""
    import torch

    inputs = tokenizer.apply_chat_template(
        list(prompts),
        add_generation_prompt=True,
        padding=True,
        padding_side="left",
        return_tensors="pt",
        return_dict=True,
    )
    with torch.no_grad():
        outputs = model.generate(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            do_sample=False,
            max_new_tokens=most,
        )
    width = inputs["input_ids"].shape[1]
    return list(tokenizer.batch_decode(outputs[:, width:], skip_special_tokens=True))


def matches(answer: str, expected: str, scorer: str = "exact") -> bool:
    """Compare an answer as the probes do: spaces do not count, letters' case does."""
    said, wanted = " ".join(answer.split()), " ".join(expected.split())
    return wanted in said if scorer == "contains" else said == wanted


def score(model: Any, tokenizer: Any, family: Family, limit: int | None = None) -> float:
    """Return the part of a family's kept-back questions that are answered right."""
    asked = [conversation.messages() for conversation in cases(family)[:limit]]
    given = answers(model, tokenizer, [messages[:-1] for messages in asked])
    right = [
        matches(answer, messages[-1]["content"], family.scorer)
        for answer, messages in zip(given, asked, strict=True)
    ]
    return sum(right) / len(right)


def scores(model: Any, tokenizer: Any, limit: int | None = None) -> dict[str, float]:
    """Return the score of every family that has a probe, in the order of the corpus."""
    return {family.name: score(model, tokenizer, family, limit) for family in probed()}
