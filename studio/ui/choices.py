"""What a recipe's choices are called on the page; a command and a file say the word in brackets."""

from typing import Any, get_args

from studio.tuning.recipe import Recipe

CHOICES: dict[str, dict[str, str]] = {
    "method": {
        "qlora": "Adapter, base in 4 bits",
        "lora": "Adapter, base in full precision",
        "ia3": "A factor per feature",
        "prompt_tuning": "Soft prompt",
        "full": "All weights",
        "partial": "Some weights",
        "two_stage": "Some weights, then more",
        "scratch": "All from random weights",
    },
    "targets": {
        "all-linear": "All matrices",
        "mlp": "Feed-forward part",
        "attention": "Attention",
    },
    "init": {
        "default": "As if nothing were there",
        "gaussian": "Normally distributed",
        "orthogonal": "Orthogonal",
        "eva": "Main directions of these data",
        "pissa": "Main directions of the weights",
        "olora": "Orthogonal, of the weights",
        "corda": "Of weights and data",
    },
    "prompt_init": {
        "vocabulary": "Words of the vocabulary",
        "text": "A text",
        "random": "Random numbers",
    },
    "trained": {
        "last-layers": "The last layers",
        "attention": "Queries, keys and values",
        "head": "The output head",
        "mlp": "The feed-forward parts",
        "pattern": "What a pattern names",
    },
    "scheduler": {
        "cosine": "Falls slowly, then fast, then slowly",
        "linear": "Falls evenly",
        "constant": "Stays",
    },
    "keep": {"last": "The last step", "best": "The best seen on the way"},
    "loss": {
        "nll": "The answers' surprise",
        "dft": "The same, strange tokens less",
        "dpo": "A preferred answer over another",
    },
}


def menu(name: str) -> list[tuple[str, str]]:
    """The choices of a field as a menu shows them, and their values."""
    values: tuple[Any, ...] = get_args(Recipe.model_fields[name].annotation)
    words = CHOICES.get(name, {})
    return [(f"{words[one]} ({one})" if one in words else str(one), one) for one in values]
