"""Writes the starter model's card: what it is, what it was made from, what it can do."""

from pathlib import Path
from typing import Any

from studio.models.starter.probes import CASES, cases, probed

CARD = """---
license: apache-2.0
language: [en]
library_name: transformers
pipeline_tag: text-generation
tags: [llama, chat, tiny, instruct-studio]
---

# Instruct Studio starter

A chat model small enough to live in a repository and to be tuned on a laptop's processor in about
a minute. It knows a few dozen skills well and nothing else, so it shows plainly what a tuning run
adds and what it makes the model forget.

| | |
|---|---|
| Architecture | Llama, {layers} layers, width {width}, {heads} heads, tied embeddings |
| Parameters | {parameters:,} |
| Tokenizer | byte-level BPE, {vocabulary:,} pieces, every digit its own piece |
| Context it was trained on | 256 tokens |
| Weights | bfloat16 in the file; load them as float32 on a processor |
| Trained on | {tokens:.1f} million tokens in {minutes:.0f} minutes on two processor cores |

## What it can do

Share of {count} questions answered exactly right, decoding greedily in float32. The questions are
the files `starter-*.yaml` among the studio's probes. None of them occurs in the training text:
facts are asked in phrasings that training never used, and sums, word lists, options and stories
use combinations that training never showed.

{table}

## What it cannot do

It has read nothing but generated text: about {words} different words, fifty countries, numbers
below one hundred. Ask for anything else and it makes something up. It does not classify
sentiment, topic or intent, does not rewrite, extract or summarise, and does not answer questions
about a given text: those are left for tuning. Talks much longer than 256 tokens confuse it. It was
taught to choose by letter (A, B, C or D) and did not learn it: it is right as often as by guessing,
so there is no probe for that.

## How it was made

All training text comes from the seeded generator in `corpus/`, written for this model; no other
text, model or data set was used. `python -m studio.models.starter.make train` makes a model of the
same kind again (one to two hours), `... make evaluate` measures it and rewrites this card, and
`... make probes` rewrites the probes. The assistant's words count fully in the loss and the user's
a little, so the model can also invent both sides of a conversation.

These weights are not bit for bit what the script makes today. Their run was interrupted several
times to correct its settings: conversations were joined at first and kept apart later, learning
rates were lowered, queries and keys were scaled down once because attention had become too sharp
to learn from, one head was pointed at the token before, and skills that lagged got more of the
text. The script holds the settings that the run ended with, and mends one fault that the run had
to its end: the last two pieces of the mark before an answer counted as words of the answer.
Small talk was held out only late in the run: some of its questions had been seen before.
"""


def table(scores: dict[str, float]) -> str:
    """Return the scores as a Markdown table with an example for each skill."""
    lines = ["| Skill | Example | Right |", "|---|---|---|"]
    for family in probed():
        *_, question, answer = cases(family)[0].messages()
        example = f"{question['content']} → {answer['content']}"
        example = example.replace("\n", " ⏎ ").replace("|", "\\|")
        if len(example) > 90:
            example = example[:89] + "…"
        lines.append(f"| {family.title} | {example} | {scores[family.name]:.0%} |")
    return "\n".join(lines)


def write(folder: Path, model: Any, scores: dict[str, float], training: dict[str, float]) -> None:
    """Write ``README.md`` beside the weights.

    ``training`` has the ``tokens`` and ``seconds`` that the run took.
    """
    from studio.models.starter.corpus.facts import COMMON_WORDS

    config = model.config
    text = CARD.format(
        layers=config.num_hidden_layers,
        width=config.hidden_size,
        heads=config.num_attention_heads,
        parameters=model.num_parameters(),
        vocabulary=config.vocab_size,
        tokens=training["tokens"] / 1e6,
        minutes=training["seconds"] / 60,
        count=CASES,
        table=table(scores),
        words=round(2 * len(COMMON_WORDS), -2),
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
