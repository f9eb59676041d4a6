"""What a training conversation is made of, and which of them are kept back for the probes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from zlib import crc32

PREFIXES = (
    "Please tell me: ",
    "Quick question: ",
    "Tell me, ",
    "I have a question. ",
    "Hello! ",
    "Can you help me? ",
    "One question: ",
    "Hi. ",
    "Next one: ",
    "Now, ",
)


@dataclass(frozen=True)
class Exchange:
    """One question and its answer."""

    user: str
    assistant: str


@dataclass(frozen=True)
class Conversation:
    """Exchanges in order, after an optional system prompt."""

    exchanges: tuple[Exchange, ...]
    system: str = ""

    def messages(self) -> list[dict[str, str]]:
        """Return the conversation as chat messages with a role and a content each."""
        messages = [{"role": "system", "content": self.system}] if self.system else []
        for exchange in self.exchanges:
            messages.append({"role": "user", "content": exchange.user})
            messages.append({"role": "assistant", "content": exchange.assistant})
        return messages


# A source draws one conversation; with True it draws from what training never sees.
Source = Callable[[Random, bool], Conversation]


@dataclass(frozen=True)
class Family:
    """A skill: how it is called, how its answers are compared, and where conversations come from.

    ``share`` is the part of the corpus's text it gets; ``run`` is how many draws are joined into
    one conversation; ``promise`` is the held-out accuracy the model card promises.
    """

    name: str
    title: str
    description: str
    source: Source
    share: float
    run: tuple[int, int] = (1, 3)
    scorer: str = "exact"
    promise: float = 0.95
    probed: bool = True


def single(user: str, assistant: str, system: str = "") -> Conversation:
    """Return a conversation of one exchange."""
    return Conversation((Exchange(user, assistant),), system)


def kept_back(*parts: object) -> bool:
    """Say whether this combination belongs to the probes: one in ten, the same on every machine."""
    return crc32("|".join(str(part) for part in parts).encode()) % 10 == 0


def phrase(random: Random, seen: Sequence[str], unseen: Sequence[str], held: bool) -> str:
    """Return a phrasing: one of ``unseen`` for the probes, otherwise one of ``seen``.

    Training phrasings get a random opening now and then, so that new openings do no harm.
    """
    if held:
        return random.choice(unseen)
    chosen = random.choice(seen)
    roll = random.random()
    if roll < 0.2:
        return random.choice(PREFIXES) + chosen
    if roll < 0.28:
        return chosen[0].lower() + chosen[1:]
    if roll < 0.34:
        return chosen.rstrip("?.")
    return chosen


def article(word: str) -> str:
    """Return the word with its indefinite article."""
    spoken_vowel = word[0] in "aeiou" and not word.startswith(("use", "uni"))
    return f"an {word}" if spoken_vowel else f"a {word}"


def pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Read ``left: right, left: right`` into pairs."""
    entries = (entry.split(":") for entry in text.replace("\n", " ").split(","))
    return tuple((left.strip(), right.strip()) for left, right in entries)


def words(text: str) -> tuple[str, ...]:
    """Read words or phrases separated by commas."""
    return tuple(word.strip() for word in text.replace("\n", " ").split(","))
