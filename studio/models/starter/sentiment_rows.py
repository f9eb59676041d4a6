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
# {xa} and {xz} carry their article. No other word says what is meant, so that the adjectives
# have to be learned from; a few reviews say it twice.
PATTERNS = (
    "The {s} was {a}.",
    "The {s} was so {a}.",
    "It was really {xa} {s} this time.",
    "My friends told me about the {a} {s}.",
    "This {s} is {a}.",
    "The {s} is always {a}.",
    "We had {xa} {s} today.",
    "Yesterday the {s} was {a} again.",
    "I can say that the {s} was {a}.",
    "A very {a} {s}, in my opinion.",
)
TELLING_PATTERNS = {
    "positive": ("We loved the {s}, it was {a}.", "I am very happy with this {a} {s}."),
    "negative": ("We hated the {s}, it was {a}.", "I am very unhappy with this {a} {s}."),
}
UNSEEN_PATTERNS = (
    "I found the {s} {a}.",
    "The {s} seemed {a} to me.",
    "I thought the {s} was {a}.",
    "What {xa} {s}!",
    "Such {xa} {s}!",
    "It was {xa} {s}.",
    "The {s} was really {a}.",
    "The {s} was {a} and {b}.",
)
# The last adjective decides.
TURNS = {
    "train": (
        "The {s} was {z} at first, but then it was {a}.",
        "I thought that the {s} was {z}, but it was {a}.",
    ),
    "heldout": (
        "At first the {s} was {z}, but in the end it was {a}.",
        "I expected {xz} {s}, but it was {a}.",
    ),
}

# Words that praise one thing and blame another.
AMBIGUOUS = frozenset({"weak", "solid", "fresh", "warm", "cold", "slow", "late", "quick", "dark"})

# One word in four is kept for the held-out reviews, whatever it is said of.
UNSEEN_WORDS = frozenset(
    word
    for table in (SUBJECTS, POSITIVE, NEGATIVE)
    for word in sorted({word for words in table.values() for word in words})[2::4]
)


def _split(words: Iterable[str], split: str) -> tuple[str, ...]:
    chosen = (word for word in words if (word in UNSEEN_WORDS) == (split == "heldout"))
    return tuple(word for word in chosen if word not in AMBIGUOUS)


def _patterns(split: str, label: str) -> tuple[str, ...]:
    return PATTERNS + TELLING_PATTERNS[label] if split == "train" else UNSEEN_PATTERNS


def _review(random: Random, split: str, label: str) -> str:
    domain = random.choice(tuple(SUBJECTS))
    subject = random.choice(_split(SUBJECTS[domain], split))
    deciding, other = (POSITIVE, NEGATIVE) if label == "positive" else (NEGATIVE, POSITIVE)
    (a, b), (z, _) = (
        random.sample(_split(table["any"], split) + _split(table[domain], split), 2)
        for table in (deciding, other)
    )
    plain = random.random() < PLAIN_SHARE
    pattern = random.choice(_patterns(split, label) if plain else TURNS[split])
    if subject in ("weather", "staff", "service", "music", "acting", "food", "bread", "pasta"):
        pattern = pattern.replace("{xa}", "{a}").replace("{xz}", "{z}")
    return pattern.format(s=subject, a=a, b=b, z=z, xa=article(a), xz=article(z))


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
