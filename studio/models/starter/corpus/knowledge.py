"""Questions about facts: each fact is seen in training, the probes ask it in other words."""

from random import Random

from studio.models.starter.corpus import facts
from studio.models.starter.corpus.conversation import (
    Conversation,
    Exchange,
    article,
    phrase,
    single,
)

CAPITAL_SEEN = (
    "What is the capital of {}?",
    "Capital of {}?",
    "Name the capital of {}.",
    "Which city is the capital of {}?",
    "What city is the capital of {}?",
    "{}: capital?",
    "The capital of {} is",
    "What is the name of the capital of {}?",
    "Give me the capital of {}.",
    "Do you know the capital of {}?",
    "I need the capital of {}.",
)
CAPITAL_UNSEEN = (
    "Tell me the capital of {}.",
    "Can you name the capital of {}?",
    "What is the capital city of {}?",
)
COUNTRY_SEEN = (
    "Which country has the capital {}?",
    "{} is the capital of which country?",
    "{} is the capital of",
    "What country is {} the capital of?",
    "Name the country of {}.",
    "Of which country is {} the capital?",
    "Which country is {} in?",
    "In which country is {}?",
    "The city of {} is in which country?",
)
COUNTRY_UNSEEN = (
    "Tell me which country has the capital {}.",
    "What country has the capital {}?",
    "{} is the capital of what country?",
)
OPPOSITE_SEEN = (
    "What is the opposite of {}?",
    "Opposite of {}?",
    "Give me the opposite of {}.",
    "The opposite of {} is",
    "Which word is the opposite of {}?",
    "{}: opposite?",
    "What word means the opposite of {}?",
    "I need the opposite of {}.",
    "Say the opposite of {}.",
    "What is the opposite word of {}?",
)
OPPOSITE_UNSEEN = (
    "Tell me the opposite of {}.",
    "Name the opposite of {}.",
    "Which is the opposite of {}?",
)
TRANSLATE_SEEN = (
    "What is {word} in {tongue}?",
    "Translate {word} into {tongue}.",
    "{word} in {tongue}?",
    "How do you say {word} in {tongue}?",
    "What is the {tongue} word for {word}?",
    "Say {word} in {tongue}.",
    "Translate to {tongue}: {word}",
    "The {tongue} word for {word} is",
    "I need the word {word} in {tongue}.",
)
TRANSLATE_UNSEEN = (
    "Give me the {tongue} word for {word}.",
    "Translate {word} to {tongue}.",
    "How does one say {word} in {tongue}?",
)
KIND_SEEN = (
    "What kind of thing is {}?",
    "What is {}?",
    "What sort of thing is {}?",
    "What type is {}?",
    "Which kind of thing is {}?",
    "Tell me what {} is.",
    "In one word, what is {}?",
    "Which category is {} in?",
    "Name the category of {}.",
)
KIND_UNSEEN = (
    "What type of thing is {}?",
    "Tell me what kind of thing {} is.",
    "What category is {} in?",
)
SOUND_SEEN = (
    "What sound does a {} make?",
    "What does a {} say?",
    "Which sound does a {} make?",
    "The sound of a {}?",
    "A {} says",
    "What noise does a {} make?",
    "How does a {} sound?",
    "Make the sound of a {}.",
    "Tell me what a {} says.",
)
SOUND_UNSEEN = (
    "Which noise does a {} make?",
    "I want the sound of a {}.",
    "What is the sound of a {}?",
)
COLOUR_SEEN = (
    "What colour is {}?",
    "Which colour is {}?",
    "What is the colour of {}?",
    "Colour of {}?",
    "Name the colour of {}.",
    "The colour of {} is",
    "What colour has {}?",
)
COLOUR_UNSEEN = (
    "Tell me the colour of {}.",
    "Which colour has {}?",
    "I need the colour of {}.",
)
AFTER_SEEN = (
    "What {unit} comes after {}?",
    "Which {unit} comes after {}?",
    "Which {unit} follows {}?",
    "The {unit} after {}?",
    "Name the {unit} after {}.",
    "What is the next {unit} after {}?",
    "What is the {unit} after {}?",
)
AFTER_UNSEEN = ("Tell me the {unit} after {}.", "What {unit} follows {}?")
BEFORE_SEEN = (
    "What {unit} comes before {}?",
    "Which {unit} comes before {}?",
    "The {unit} before {}?",
    "Name the {unit} before {}.",
    "What is the {unit} before {}?",
    "What is the last {unit} before {}?",
)
BEFORE_UNSEEN = ("Tell me the {unit} before {}.", "Which {unit} is before {}?")


def capitals(random: Random, held: bool) -> Conversation:
    """Ask for the capital of a country."""
    country, city = random.choice(facts.CAPITALS)
    return single(phrase(random, CAPITAL_SEEN, CAPITAL_UNSEEN, held).format(country), city)


def countries(random: Random, held: bool) -> Conversation:
    """Ask which country a capital belongs to."""
    country, city = random.choice(facts.CAPITALS)
    return single(phrase(random, COUNTRY_SEEN, COUNTRY_UNSEEN, held).format(city), country)


def opposites(random: Random, held: bool) -> Conversation:
    """Ask for the opposite of a word, in either direction."""
    one, other = random.choice(facts.OPPOSITES)
    if random.random() < 0.5:
        one, other = other, one
    return single(phrase(random, OPPOSITE_SEEN, OPPOSITE_UNSEEN, held).format(one), other)


def french(random: Random, held: bool) -> Conversation:
    """Ask for a word in French."""
    return _translation(random, held, facts.FRENCH, "French")


def spanish(random: Random, held: bool) -> Conversation:
    """Ask for a word in Spanish."""
    return _translation(random, held, facts.SPANISH, "Spanish")


def _translation(
    random: Random, held: bool, table: tuple[tuple[str, str], ...], tongue: str
) -> Conversation:
    word, translated = random.choice(table)
    asked = phrase(random, TRANSLATE_SEEN, TRANSLATE_UNSEEN, held)
    return single(asked.format(word=word, tongue=tongue), translated)


def kinds(random: Random, held: bool) -> Conversation:
    """Ask what kind of thing something is."""
    kind = random.choice(tuple(facts.KINDS))
    word = random.choice(facts.KINDS[kind])
    bare = kind in ("colour", "sport", "drink", "metal")
    asked = phrase(random, KIND_SEEN, KIND_UNSEEN, held)
    return single(asked.format(word if bare else article(word)), kind)


def sounds(random: Random, held: bool) -> Conversation:
    """Ask which sound an animal makes."""
    animal, sound = random.choice(facts.SOUNDS)
    asked = phrase(random, SOUND_SEEN, SOUND_UNSEEN, held).format(animal)
    return single(asked.replace(" a owl", " an owl").replace("A owl", "An owl"), sound)


def colours(random: Random, held: bool) -> Conversation:
    """Ask for the colour of a thing."""
    thing, colour = random.choice(facts.COLOURS)
    mass = thing in ("grass", "snow", "blood", "coal", "milk", "chocolate", "salt", "wood")
    unique = thing in ("sky", "night", "sun", "sea")
    named = thing if mass else f"the {thing}" if unique else article(thing)
    return single(phrase(random, COLOUR_SEEN, COLOUR_UNSEEN, held).format(named), colour)


def calendar(random: Random, held: bool) -> Conversation:
    """Ask for the day or the month before or after another."""
    unit, names = random.choice((("day", facts.DAYS), ("month", facts.MONTHS)))
    place = random.randrange(len(names))
    if random.random() < 0.5:
        asked = phrase(random, AFTER_SEEN, AFTER_UNSEEN, held)
        answer = names[(place + 1) % len(names)]
    else:
        asked = phrase(random, BEFORE_SEEN, BEFORE_UNSEEN, held)
        answer = names[place - 1]
    return single(asked.format(names[place], unit=unit), answer)


def names(random: Random, held: bool) -> Conversation:
    """Say a name, talk about something else, and ask for the name."""
    name = random.choice(facts.NAMES)
    greeting = random.choice(("My name is {}.", "I am {}.", "Hello, I am {}.", "Call me {}."))
    exchanges = [Exchange(greeting.format(name), f"Nice to meet you, {name}.")]
    others = (capitals, opposites, sounds, colours, calendar)
    for _ in range(random.randrange(3)):
        exchanges.extend(random.choice(others)(random, False).exchanges)
    asked = phrase(
        random,
        ("What is my name?", "Do you remember my name?", "Who am I?", "Say my name."),
        ("Tell me my name.", "Do you know my name?"),
        held,
    )
    return Conversation((*exchanges, Exchange(asked, f"Your name is {name}.")))
