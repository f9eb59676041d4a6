"""Writes the rows of the sentiment template: short reviews, each positive or negative.

The held-out reviews use adjectives, things and sentence patterns that no training review uses.
All of their words are ordinary words that the starter model knows, though never as this task.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from random import Random

from studio.models.starter.corpus.conversation import article
from studio.models.starter.corpus.everyday_words import NEGATIVE, POSITIVE, SUBJECTS

ROWS = Path(__file__).parents[3] / "prompts" / "rows" / "sentiment.jsonl"
SIZES = {"train": 480, "heldout": 160}
PLAIN_SHARE = 0.8
# In every pattern {s} is the thing, {a} the adjective that decides, {z} one of the other side;
# {xa} and {xz} carry their article.
PATTERNS = {
    "positive": (
        "The {s} was {a} and I loved it.",
        "We loved the {s}, it was {a}.",
        "My friends liked the {a} {s} a lot.",
        "I am very happy with this {a} {s}.",
        "The {s} was {a}, thank you very much.",
        "I was glad about the {a} {s} today.",
        "This {s} is {a} and worth the money.",
        "The {s} is always {a} and I like it.",
        "It was really {xa} {s} this time.",
        "I had a good day because the {s} was {a}.",
        "The {s} was so {a}.",
    ),
    "negative": (
        "The {s} was {a} and I hated it.",
        "We hated the {s}, it was {a}.",
        "My friends did not like the {a} {s}.",
        "I am very unhappy with this {a} {s}.",
        "The {s} was {a} and I want my money back.",
        "I was angry about the {a} {s} today.",
        "This {s} is {a} and not worth the money.",
        "The {s} is always {a} and I do not like it.",
        "It was really {xa} {s} this time.",
        "I had an awful day because the {s} was {a}.",
        "The {s} was so {a}.",
    ),
}
# No word but the adjective says what is meant.
UNSEEN_PATTERNS = (
    "I thought that the {s} was {a}.",
    "The {s} seemed {a} to me.",
    "The {s} seemed really {a} to my sister.",
    "I found the {s} {a}.",
    "I found this {s} really {a}.",
    "What {xa} {s} we had!",
    "We had {xa} {s} today.",
    "Such {xa} {s} we had!",
)
# The last adjective decides, or the only one is denied.
TURNS = {
    "train": (
        "The {s} was {z} at first, but then it was {a}.",
        "I expected {xz} {s}, but it was {a}.",
        "The {s} was not {z} at all.",
    ),
    "heldout": (
        "At first the {s} seemed {z}, but in the end it was {a}.",
        "I thought the {s} was {z}, but in the end it was {a}.",
    ),
}

# One word in three is kept for the held-out reviews, whatever it is said of.
UNSEEN_WORDS = frozenset(
    word
    for table in (SUBJECTS, POSITIVE, NEGATIVE)
    for word in sorted({word for words in table.values() for word in words})[2::3]
)


def _split(words: Iterable[str], split: str) -> tuple[str, ...]:
    return tuple(word for word in words if (word in UNSEEN_WORDS) == (split == "heldout"))


def _patterns(split: str, label: str) -> tuple[str, ...]:
    return PATTERNS[label] if split == "train" else UNSEEN_PATTERNS


def _review(random: Random, split: str, label: str) -> str:
    domain = random.choice(tuple(SUBJECTS))
    subject = random.choice(_split(SUBJECTS[domain], split))
    deciding, other = (POSITIVE, NEGATIVE) if label == "positive" else (NEGATIVE, POSITIVE)
    a, z = (
        random.choice(_split(table["any"], split) + _split(table[domain], split))
        for table in (deciding, other)
    )
    plain = random.random() < PLAIN_SHARE
    pattern = random.choice(_patterns(split, label) if plain else TURNS[split])
    if subject in ("weather", "staff", "service", "music", "acting", "food", "bread", "pasta"):
        pattern = pattern.replace("{xa}", "{a}").replace("{xz}", "{z}")
    return pattern.format(s=subject, a=a, z=z, xa=article(a), xz=article(z))


def rows(seed: int = 5) -> list[dict[str, str]]:
    """Return the rows: ``text``, ``label`` and ``split``; balanced, and no text twice."""
    random = Random(seed)
    made: dict[str, dict[str, str]] = {}
    for split, size in SIZES.items():
        wanted = len(made) + size
        while len(made) < wanted:
            label = ("positive", "negative")[len(made) % 2]
            text = _review(random, split, label)
            made.setdefault(text, {"text": text, "label": label, "split": split})
    return list(made.values())


def write(path: Path = ROWS) -> None:
    """Write the rows as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows()), encoding="utf-8")
