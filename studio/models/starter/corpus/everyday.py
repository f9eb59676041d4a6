"""Ordinary talk: opinions, feelings, errands, topics and short stories."""

import re
from random import Random

from studio.models.starter.corpus import everyday_words as everyday
from studio.models.starter.corpus.conversation import (
    Conversation,
    Exchange,
    article,
    kept_back,
    phrase,
    single,
)

WRITE = (
    "Write a {p} sentence about the {s}.",
    "Say something {p} about the {s}.",
    "Write one {p} sentence about the {s}.",
    "Give me a {p} sentence about the {s}.",
    "Write a {p} review of the {s}.",
    "Write a {p} opinion about the {s}.",
    "I need a {p} comment about the {s}.",
)
WORD = (
    "Name a {p} word.",
    "Give me a {p} word.",
    "Say a {p} word.",
    "Write a {p} word.",
    "Give me a {p} word about the {s}.",
    "A {p} word for the {s}?",
)
GLAD = "I am glad you liked the {s}."
SORRY = "I am sorry you did not like the {s}."


def _adjectives(random: Random, table: dict[str, tuple[str, ...]], domain: str) -> tuple[str, str]:
    one, other = random.sample(table["any"] + table[domain], 2)
    return one, other


def judged(random: Random, liked: bool) -> tuple[str, str]:
    """Draw a thing people judge and a sentence that praises or blames it."""
    domain = random.choice(tuple(everyday.SUBJECTS))
    subject = random.choice(everyday.SUBJECTS[domain])
    a, b = _adjectives(random, everyday.POSITIVE, domain)
    z, y = _adjectives(random, everyday.NEGATIVE, domain)
    pattern = random.choice(everyday.PRAISE if liked else everyday.BLAME)
    # Nobody says "a weather" or "such a staff".
    if subject in ("weather", "staff", "service", "music", "acting", "food", "bread", "pasta"):
        pattern = pattern.replace("{xa}", "{a}").replace("{xz}", "{z}")
    sentence = pattern.format(s=subject, a=a, b=b, z=z, y=y, xa=article(a), xz=article(z))
    return subject, sentence


def opinions(random: Random, held: bool) -> Conversation:
    """Tell what one thinks of a thing; the answer shows that it was understood."""
    liked = random.random() < 0.5
    while True:
        subject, sentence = judged(random, liked)
        if kept_back(sentence) == held:
            break
    reply = (GLAD if liked else SORRY).format(s=subject)
    if held or random.random() < 0.75:
        return single(sentence, reply)
    return Conversation((Exchange(f"How was the {subject}?", sentence), Exchange("Why?", reply)))


def writing(random: Random, held: bool) -> Conversation:
    """Write a positive or negative sentence about a thing, or give a word of that sort."""
    liked = random.random() < 0.5
    named = (
        ("positive", "positive", "good", "happy", "nice")
        if liked
        else ("negative", "negative", "bad", "angry", "critical")
    )
    while True:
        subject, sentence = judged(random, liked)
        polarity = random.choice(named)
        template = random.choice(WRITE)
        if kept_back(template, polarity, subject) == held:
            break
    if held or random.random() < 0.7:
        asked = template.format(p=polarity, s=subject).replace("a angry", "an angry")
        return single(asked, sentence)
    domain = next(name for name, members in everyday.SUBJECTS.items() if subject in members)
    table = everyday.POSITIVE if liked else everyday.NEGATIVE
    if random.random() < 0.4:
        why = "Why did you like the {s}?" if liked else "Why did you hate the {s}?"
        answer = "Because it was {a}." if random.random() < 0.5 else "Because the {s} was {a}."
        adjective, _ = _adjectives(random, table, domain)
        return single(why.format(s=subject), answer.format(s=subject, a=adjective))
    asked = random.choice(WORD)
    if "{s}" not in asked:
        domain = "any"
    adjective, _ = _adjectives(random, table, domain if domain in table else "any")
    return single(asked.format(p=polarity, s=subject).replace("a angry", "an angry"), adjective)


def feelings(random: Random, held: bool) -> Conversation:
    """Share good or bad news and get a fitting reply."""
    good = random.random() < 0.5
    news = random.choice(everyday.GOOD_NEWS if good else everyday.BAD_NEWS)
    text = phrase(
        random,
        ("{}.", "{}.", "{} today.", "{} and I want to talk.", "Hello. {}.", "{}!", "Well, {}."),
        ("{} this morning.", "Hi! {} today.", "You know, {}."),
        held,
    ).format(news)
    text = text[0].upper() + text[1:]
    return single(text, "I am happy to hear that." if good else "I am sorry to hear that.")


def errands(random: Random, held: bool) -> Conversation:
    """Ask for an errand; the answer names what will be done."""
    verb = random.choice(tuple(everyday.ERRANDS))
    thing = random.choice(everyday.ERRANDS[verb])
    asked = phrase(
        random,
        (
            "I want to {} {}.",
            "I would like to {} {}.",
            "Can you {} {}?",
            "Please {} {}.",
            "I need to {} {}.",
            "Could you {} {} for me?",
            "Help me to {} {}.",
        ),
        ("Would you {} {}, please?", "Can you {} {} for me?", "I would like you to {} {}."),
        held,
    ).format(verb, thing)
    asked = asked.replace("you to you", "you")
    theirs = re.sub(r"\bmy\b", "your", thing)
    return single(asked, f"Of course. I will {verb} {theirs}.")


def _sentence(random: Random, topic: str) -> str:
    pattern = random.choice(everyday.TOPICS[topic])
    return re.sub(r"\{([^}]*)\}", lambda slot: random.choice(slot[1].split("|")), pattern)


def topics(random: Random, held: bool) -> Conversation:
    """Write a sentence about a topic, or listen to one and ask for more."""
    topic = random.choice(tuple(everyday.TOPICS))
    while True:
        sentence = _sentence(random, topic)
        if kept_back(sentence) == held:
            break
    if held or random.random() < 0.45:
        return single(sentence, f"Tell me more about the {sentence.split()[1].rstrip('.')}.")
    asked = phrase(
        random,
        (
            "Write a sentence about {}.",
            "Tell me something about {}.",
            "Say something about {}.",
            "Write one sentence on {}.",
            "A sentence about {}, please.",
            "Talk about {}.",
        ),
        (),
        False,
    )
    return single(asked.format(topic), sentence)


STORIES = {
    "happy": "Once upon a time there was {hero} in the {place}. One day the {h} found {thing}."
    " The {h} was happy and showed the {t} to all friends.",
    "sad": "Once upon a time there was {hero} in the {place}. One day the {h} lost {thing}."
    " The {h} was sad and never saw the {t} again.",
    "funny": "Once upon a time there was {hero} in the {place}. One day the {h} sat on {thing}."
    " The {h} laughed and danced with the {t} all night.",
}


def stories(random: Random, held: bool) -> Conversation:
    """Tell a short story about a hero, a place and a thing."""
    while True:
        mood = random.choice(tuple(STORIES))
        hero = random.choice(everyday.HEROES)
        place = random.choice(everyday.PLACES)
        thing = random.choice(everyday.TREASURES)
        if kept_back(hero, place, thing) == held:
            break
    asked = random.choice(
        (
            "Tell me a {} story about {}, {} and {}.",
            "Write a {} story about {}, {} and {}.",
            "Tell a {} story with {}, {} and {}.",
            "I want a {} story about {}, {} and {}.",
        )
    ).format(mood, article(hero), article(place), article(thing))
    told = STORIES[mood].format(
        hero=article(hero), place=place, thing=article(thing), h=hero, t=thing
    )
    return single(asked, told)
