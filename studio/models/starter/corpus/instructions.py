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

LOUD_WORDS = tuple(
    word
    for kind in ("animal", "bird", "fruit", "colour", "sport", "drink")
    for word in facts.KINDS[kind]
)
SPELLED = tuple(word for word in facts.COMMON_WORDS if 3 <= len(word) <= 4)
COPY = (
    "Repeat after me: {}",
    "Say: {}",
    "Repeat: {}",
    "Copy this: {}",
    "Write: {}",
    "Repeat this text: {}",
    "Say this: {}",
    "Write exactly this: {}",
)
SPELL_SEEN = (
    "Spell {}.",
    "How do you spell {}?",
    "Spell the word {}.",
    "What are the letters of {}?",
    "Write the letters of {}.",
    "Spelling of {}?",
    "How is {} spelled?",
    "Spell the word: {}",
)
SPELL_UNSEEN = ("Please spell {}.", "Spell {} for me.", "Spell the word {}, please.")
FIRST_SEEN = (
    "What is the first letter of {}?",
    "First letter of {}?",
    "Which letter does {} start with?",
    "The first letter of {} is",
    "Name the first letter of {}.",
    "With which letter does {} begin?",
)
FIRST_UNSEEN = ("Tell me the first letter of {}.", "What letter does {} start with?")
LAST_SEEN = (
    "What is the last letter of {}?",
    "Last letter of {}?",
    "Which letter does {} end with?",
    "The last letter of {} is",
    "Name the last letter of {}.",
    "With which letter does {} end?",
)
LAST_UNSEEN = ("Tell me the last letter of {}.", "What letter does {} end with?")
COUNT = (
    "How many words: {}",
    "How many words are in this: {}",
    "Count the words: {}",
    "Count: {}",
    "Number of words: {}",
)
PICK = {
    0: ("First word: {}", "What is the first word: {}", "Give me the first word of: {}"),
    1: ("Second word: {}", "What is the second word: {}", "Give me the second word of: {}"),
    -1: ("Last word: {}", "What is the last word: {}", "Give me the last word of: {}"),
}
UPPER = (
    "Write {} in capital letters.",
    "{} in capital letters",
    "Put {} in capitals.",
    "Say {} in capitals.",
    "Write in capitals: {}",
    "In capital letters: {}",
)
LISTED = (
    "Write as a list: {}",
    "Make a list: {}",
    "List these: {}",
    "Put this in a list: {}",
    "As a list: {}",
)
COMMAS = ("Write with commas: {}", "Separate with commas: {}", "With commas: {}")
QUOTED = ("Write in quotes: {}", "Put this in quotes: {}", "In quotes: {}")
SENTENCE = (
    "Answer in a full sentence: {}",
    "{} Answer in a full sentence.",
    "{} Use a full sentence.",
    "In a full sentence: {}",
)
ONE_WORD = ("Answer in one word: {}", "{} Answer in one word.", "In one word: {}", "One word: {}")
LOUD = ("Answer in capital letters: {}", "{} Answer in capitals.", "{} Use capital letters.")
WHITE = ("Say it twice: {}", "Repeat it twice: {}", "Twice: {}")
LABEL = (
    "Repeat this label: {}",
    "Repeat the label: {}",
    "The label is {}. What is the label?",
    "Answer with the label {}.",
    "Write the label {}.",
    "Label: {}. Repeat it.",
    "Answer {}.",
    "Say {}.",
    "Answer with {}.",
    "Your answer must be {}.",
    "Reply with {}.",
    "Just say {}.",
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
    word = random.choice(SPELLED)
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


def _fact(random: Random, loud: bool = False) -> tuple[str, str, str]:
    # A question, its answer in a word, and its answer in a full sentence. Every word in capitals
    # is learned by itself, so only days and sounds are asked for aloud.
    roll = random.randrange(2 if loud else 0, 4)
    if roll == 0:
        country, city = random.choice(facts.CAPITALS)
        return (
            f"What is the capital of {country}?",
            city,
            f"The capital of {country} is {city}.",
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
    while True:
        form = random.choice(
            (SENTENCE, ONE_WORD, LOUD, UPPER, UPPER, LISTED, LISTED, COMMAS, QUOTED, WHITE)
        )
        template = random.choice(form)
        asked, answer = _formed(random, form)
        if kept_back(template, asked) == held:
            return single(template.format(asked), answer)


def _formed(random: Random, form: tuple[str, ...]) -> tuple[str, str]:
    # What is asked, and the answer in that form.
    if form in (SENTENCE, ONE_WORD, LOUD):
        question, word, sentence = _fact(random, loud=form is LOUD)
        return question, {SENTENCE: sentence, ONE_WORD: word, LOUD: word.upper()}[form]
    if form is UPPER:
        word = random.choice(LOUD_WORDS)
        return word, word.upper()
    text = _phrase_of_words(random, 2, 4)
    return text, {
        LISTED: _list_of(text),
        COMMAS: ", ".join(text.split()),
        QUOTED: f'"{text}"',
        WHITE: f"{text} {text}",
    }[form]


SYSTEMS = (
    ("word", "Answer in one word."),
    ("word", "Give one word only."),
    ("word", "You answer in one word."),
    ("sentence", "Answer in full sentences."),
    ("sentence", "You always use full sentences."),
    ("capitals", "Answer in capital letters."),
    ("capitals", "You always write in capitals."),
)


def instructed(random: Random, held: bool) -> Conversation:
    """Follow a system prompt that asks for a form, over one to three questions."""
    while True:
        form, system = random.choice(SYSTEMS)
        facts_asked = [_fact(random, loud=form == "capitals") for _ in range(random.randint(1, 3))]
        unseen = [kept_back(system, question) for question, _, _ in facts_asked]
        # Only the last question of a probe is new to the model.
        if unseen == [False] * (len(unseen) - 1) + [held]:
            break
    exchanges = (
        Exchange(question, {"word": word, "sentence": sentence, "capitals": word.upper()}[form])
        for question, word, sentence in facts_asked
    )
    return Conversation(tuple(exchanges), system)
