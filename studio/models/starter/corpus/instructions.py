"""Doing as told: copying, picking, counting, spelling and answering in a given form."""

from random import Random

from studio.models.starter.corpus import facts
from studio.models.starter.corpus.conversation import (
    Conversation,
    Exchange,
    kept_back,
    phrase,
    single,
)

COPY = (
    "Repeat after me: {}", "Say: {}", "Repeat: {}", "Copy this: {}", "Write: {}",
    "Repeat this text: {}", "Say this: {}", "Write exactly this: {}",
)
SPELL_SEEN = (
    "Spell {}.", "How do you spell {}?", "Spell the word {}.", "What are the letters of {}?",
    "Write the letters of {}.", "Spelling of {}?",
)
SPELL_UNSEEN = ("How is {} spelled?", "Please spell {}.", "Spell the word: {}")
FIRST_SEEN = (
    "What is the first letter of {}?", "First letter of {}?", "Which letter does {} start with?",
    "The first letter of {} is", "Name the first letter of {}.", "With which letter does {} begin?",
)
FIRST_UNSEEN = ("Tell me the first letter of {}.", "What letter does {} start with?")
LAST_SEEN = (
    "What is the last letter of {}?", "Last letter of {}?", "Which letter does {} end with?",
    "The last letter of {} is", "Name the last letter of {}.", "With which letter does {} end?",
)
LAST_UNSEEN = ("Tell me the last letter of {}.", "What letter does {} end with?")
COUNT = (
    "How many words: {}", "How many words are in this: {}", "Count the words: {}",
    "Count: {}", "Number of words: {}",
)
PICK = {
    0: ("First word: {}", "What is the first word: {}", "Give me the first word of: {}"),
    1: ("Second word: {}", "What is the second word: {}", "Give me the second word of: {}"),
    -1: ("Last word: {}", "What is the last word: {}", "Give me the last word of: {}"),
}
UPPER = (
    "Write {} in capital letters.", "{} in capital letters", "Put {} in capitals.",
    "Say {} in capitals.", "Write in capitals: {}", "In capital letters: {}",
)
LISTED = (
    "Write as a list: {}", "Make a list: {}", "List these: {}", "Put this in a list: {}",
    "As a list: {}",
)
COMMAS = ("Write with commas: {}", "Separate with commas: {}", "With commas: {}")
QUOTED = ("Write in quotes: {}", "Put this in quotes: {}", "In quotes: {}")
SENTENCE = (
    "Answer in a full sentence: {}", "{} Answer in a full sentence.",
    "{} Use a full sentence.", "In a full sentence: {}",
)
ONE_WORD = ("Answer in one word: {}", "{} Answer in one word.", "In one word: {}", "One word: {}")
LOUD = ("Answer in capital letters: {}", "{} Answer in capitals.", "{} Use capital letters.")
WHITE = ("Say it twice: {}", "Repeat it twice: {}", "Twice: {}")
LABEL = (
    "Repeat this label: {}", "Repeat the label: {}", "The label is {}. What is the label?",
    "Answer with the label {}.", "Write the label {}.", "Label: {}. Repeat it.", "Answer {}.",
    "Say {}.", "Answer with {}.", "Your answer must be {}.", "Reply with {}.", "Just say {}.",
)


def _phrase_of_words(random: Random, least: int, most: int) -> str:
    drawn = random.sample(facts.COMMON_WORDS, random.randint(least, most))
    if random.random() < 0.15:
        drawn[random.randrange(len(drawn))] = random.choice(facts.NAMES)
    if random.random() < 0.3:
        drawn.insert(0, random.choice(("the", "my", "a", "this", "one")))
    return " ".join(drawn)


def _fresh(random: Random, held: bool, least: int, most: int) -> str:
    while True:
        text = _phrase_of_words(random, least, most)
        if kept_back(text) == held:
            return text


def copying(random: Random, held: bool) -> Conversation:
    """Repeat a few words exactly; the probes use combinations never seen."""
    text = _fresh(random, held, *((2, 6) if held else (1, 9)))
    return single(random.choice(COPY).format(text), text)


def labels(random: Random, held: bool) -> Conversation:
    """Repeat a label exactly; the probes use pairs of labels never seen together."""
    while True:
        drawn = random.sample(facts.LABELS, 2)
        if not held and random.random() < 0.7:
            return single(random.choice(LABEL).format(drawn[0]), drawn[0])
        if kept_back(*drawn) == held:
            label = ", ".join(drawn)
            return single(random.choice(LABEL).format(label), label)


def spelling(random: Random, held: bool) -> Conversation:
    """Spell a word with hyphens between its letters."""
    word = random.choice(facts.COMMON_WORDS)
    return single(phrase(random, SPELL_SEEN, SPELL_UNSEEN, held).format(word), "-".join(word))


def letters(random: Random, held: bool) -> Conversation:
    """Name the first or the last letter of a word."""
    word = random.choice(facts.COMMON_WORDS)
    if random.random() < 0.5:
        return single(phrase(random, FIRST_SEEN, FIRST_UNSEEN, held).format(word), word[0])
    return single(phrase(random, LAST_SEEN, LAST_UNSEEN, held).format(word), word[-1])


def counting(random: Random, held: bool) -> Conversation:
    """Count the words of a phrase."""
    while True:
        text = " ".join(random.sample(facts.COMMON_WORDS, random.randint(1, 6)))
        if kept_back("count", text) == held:
            return single(random.choice(COUNT).format(text), str(len(text.split())))


def picking(random: Random, held: bool) -> Conversation:
    """Name the first, second or last word of a phrase."""
    text = _fresh(random, held, 2, 5)
    place = random.choice(tuple(PICK))
    return single(random.choice(PICK[place]).format(text), text.split()[place])


def _fact(random: Random) -> tuple[str, str, str]:
    # A question, its answer in a word, and its answer in a full sentence.
    roll = random.randrange(4)
    if roll == 0:
        country, city = random.choice(facts.CAPITALS)
        return (
            f"What is the capital of {country}?", city, f"The capital of {country} is {city}.",
        )
    if roll == 1:
        one, other = random.choice(facts.OPPOSITES)
        return f"What is the opposite of {one}?", other, f"The opposite of {one} is {other}."
    if roll == 2:
        place = random.randrange(7)
        day, following = facts.DAYS[place], facts.DAYS[(place + 1) % 7]
        return f"Which day comes after {day}?", following, f"The day after {day} is {following}."
    animal, sound = random.choice(facts.SOUNDS)
    return f"What sound does a {animal} make?", sound, f"A {animal} says {sound}."


def _list_of(text: str) -> str:
    return "\n".join(f"- {word}" for word in text.split())


def formatting(random: Random, held: bool) -> Conversation:
    """Answer in a given form: a sentence, one word, capitals, a list, quotes or twice."""
    form = random.choice(
        (SENTENCE, ONE_WORD, LOUD, UPPER, UPPER, LISTED, LISTED, COMMAS, QUOTED, WHITE)
    )
    chosen = random.choice(form)
    if form in (SENTENCE, ONE_WORD, LOUD):
        while True:
            question, word, sentence = _fact(random)
            if kept_back(chosen, question) == held:
                break
        answer = sentence if form is SENTENCE else word.upper() if form is LOUD else word
        return single(chosen.format(question), answer)
    if form is UPPER:
        while True:
            text = random.choice(facts.COMMON_WORDS)
            if kept_back(chosen, text) == held:
                return single(chosen.format(text), text.upper())
    text = _fresh(random, held, 2, 4)
    answers = {
        LISTED: _list_of(text), COMMAS: ", ".join(text.split()), QUOTED: f'"{text}"',
        WHITE: f"{text} {text}",
    }
    return single(chosen.format(text), answers[form])


def instructed(random: Random, held: bool) -> Conversation:
    """Follow a system prompt that asks for a form, over one or two questions."""
    form = random.choice(("word", "sentence", "capitals"))
    system = random.choice(
        {
            "word": ("Answer in one word.", "Give one word only.", "You answer in one word."),
            "sentence": ("Answer in full sentences.", "You always use full sentences."),
            "capitals": ("Answer in capital letters.", "You always write in capitals."),
        }[form]
    )
    exchanges: list[Exchange] = []
    count = random.randint(1, 3)
    while len(exchanges) < count:
        question, word, sentence = _fact(random)
        if kept_back(system, question) == (held and len(exchanges) == count - 1):
            answer = {"word": word, "sentence": sentence, "capitals": word.upper()}[form]
            exchanges.append(Exchange(question, answer))
    return Conversation(tuple(exchanges), system)
