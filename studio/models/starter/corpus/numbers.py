"""Numbers: adding, subtracting and comparing; the probes use pairs that training never shows."""

from random import Random

from studio.models.starter.corpus.conversation import Conversation, kept_back, single

ADDITION = (
    "{}+{}",
    "{}+{}",
    "{} + {}",
    "{} plus {}",
    "What is {} plus {}?",
    "What is {}+{}?",
    "What is {} + {}?",
    "Add {} and {}.",
    "{}+{}=",
    "How much is {} plus {}?",
)
SUBTRACTION = (
    "{}-{}",
    "{}-{}",
    "{} - {}",
    "{} minus {}",
    "What is {} minus {}?",
    "What is {}-{}?",
    "What is {} - {}?",
    "{}-{}=",
    "How much is {} minus {}?",
)
LARGER = (
    "Which is larger, {} or {}?",
    "Which number is larger: {} or {}?",
    "Larger: {} or {}?",
    "What is larger, {} or {}?",
    "Which is more, {} or {}?",
)
SMALLER = (
    "Which is smaller, {} or {}?",
    "Which number is smaller: {} or {}?",
    "Smaller: {} or {}?",
    "What is smaller, {} or {}?",
    "Which is less, {} or {}?",
)


def _pair(random: Random, held: bool, operation: str) -> tuple[int, int]:
    # Training also sees one-digit numbers, which carry the tables the two-digit ones are made of.
    floor = 10 if held or random.random() < 0.85 else 0
    while True:
        one, other = random.randrange(floor, 100), random.randrange(floor, 100)
        # Ordering the pair keeps 58+34 out of training whenever 34+58 is kept back.
        if kept_back(operation, max(one, other), min(one, other)) == held:
            return one, other


def addition(random: Random, held: bool) -> Conversation:
    """Add two numbers below one hundred."""
    one, other = _pair(random, held, "+")
    return single(random.choice(ADDITION).format(one, other), str(one + other))


def subtraction(random: Random, held: bool) -> Conversation:
    """Subtract the smaller of two numbers below one hundred from the larger."""
    one, other = _pair(random, held, "-")
    larger, smaller = max(one, other), min(one, other)
    return single(random.choice(SUBTRACTION).format(larger, smaller), str(larger - smaller))


def comparing(random: Random, held: bool) -> Conversation:
    """Say which of two different numbers is larger or smaller."""
    one, other = _pair(random, held, "<")
    while one == other:
        one, other = _pair(random, held, "<")
    if random.random() < 0.5:
        return single(random.choice(LARGER).format(one, other), str(max(one, other)))
    return single(random.choice(SMALLER).format(one, other), str(min(one, other)))
