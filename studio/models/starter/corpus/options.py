"""Choosing between given answers: letters, words, yes or no."""

from random import Random

from studio.models.starter.corpus import facts
from studio.models.starter.corpus.conversation import (
    Conversation,
    article,
    kept_back,
    phrase,
    single,
)

CHOOSE = (
    "Choose one: {options}. {question}",
    "Answer with one of these options: {options}. {question}",
    "{question} Choose one: {options}.",
    "{question} Answer with {options}.",
    "Options: {options}. {question}",
    "{question}\nOptions: {options}",
    "{question}\n{options}",
    "{question} {options}?",
    "Pick one: {options}. {question}",
    "Which one: {options}? {question}",
)
LETTERED = (
    "{question}\n{options}\nAnswer with the letter.",
    "{question}\n{options}",
    "Answer with the letter. {question}\n{options}",
    "{question}\n{options}\nWhich letter?",
)
YES_NO_SEEN = (
    "Yes or no: {}",
    "{} Answer yes or no.",
    "Answer yes or no: {}",
    "{} Choose one: yes or no.",
    "Choose yes or no. {}",
    "{}\nyes or no",
    "Please say yes or no: {}",
)
YES_NO_UNSEEN = ("{} Yes or no?", "Say yes or no. {}", "Answer with yes or no: {}")
SAME_KIND = ({"animal", "bird", "fish"}, {"fruit", "colour"}, {"metal", "colour"})


def _question(random: Random) -> tuple[str, str, list[str]]:
    # A question, its answer, and other answers that are wrong for certain.
    roll = random.randrange(5)
    if roll == 0:
        country, city = random.choice(facts.CAPITALS)
        return (
            random.choice((f"What is the capital of {country}?", f"The capital of {country}.")),
            city,
            [other for _, other in facts.CAPITALS if other != city],
        )
    if roll == 1:
        one, other = random.choice(facts.OPPOSITES)
        if random.random() < 0.5:
            one, other = other, one
        wrong = [word for pair in facts.OPPOSITES for word in pair if word not in (one, other)]
        asked = (f"What is the opposite of {one}?", f"I want the opposite of {one}.")
        return random.choice(asked), other, wrong
    if roll == 2:
        thing, colour = random.choice(facts.COLOURS)
        wrong = sorted({other for _, other in facts.COLOURS} - {colour})
        return f"I want the colour of the {thing}.", colour, wrong
    if roll == 3:
        kind, word = random_member(random)
        related = set().union(*(group for group in SAME_KIND if kind in group)) | {kind}
        wrong = [other for other in facts.KINDS if other not in related]
        return f"What kind of thing is the {word}?", kind, wrong
    animal, sound = random.choice(facts.SOUNDS)
    return f"What does the {animal} say?", sound, [s for a, s in facts.SOUNDS if a != animal]


def random_member(random: Random) -> tuple[str, str]:
    """Draw a kind of thing and one of its members."""
    kind = random.choice(tuple(facts.KINDS))
    return kind, random.choice(facts.KINDS[kind])


def choosing(random: Random, held: bool) -> Conversation:
    """Answer with one of two or three given words."""
    while True:
        if random.random() < 0.3:
            drawn = random.sample(facts.LABELS, random.choice((2, 2, 3)))
            place = random.choice((0, -1))
            answer = random.choice((drawn[place], random.choice(drawn)))
            asks = [f"I want {answer}.", f"Say {answer}.", f"The answer is {answer}."]
            if answer == drawn[place]:
                asks.append("I want the first one." if place == 0 else "I want the last one.")
            question = random.choice(asks)
        else:
            question, answer, wrong = _question(random)
            drawn = [answer, *random.sample(wrong, random.choice((1, 1, 1, 2)))]
            random.shuffle(drawn)
        if kept_back("choose", question, *drawn) == held:
            break
    joined = ", ".join(drawn[:-1]) + " or " + drawn[-1]
    return single(random.choice(CHOOSE).format(options=joined, question=question), answer)


def lettered(random: Random, held: bool) -> Conversation:
    """Answer a multiple-choice question with the letter of the right answer."""
    while True:
        question, answer, wrong = _question(random)
        drawn = [answer, *random.sample(wrong, random.choice((1, 2, 3, 3)))]
        random.shuffle(drawn)
        if len(set(drawn)) == len(drawn) and kept_back("letter", question, *drawn) == held:
            break
    style = random.choice(("{}) {}", "{}. {}", "{}: {}"))
    options = "\n".join(
        style.format(letter, word) for letter, word in zip("ABCD", drawn, strict=False)
    )
    letter = "ABCD"[drawn.index(answer)]
    if not held and random.random() < 0.5:
        return _looking_up(random, options, letter, answer)
    return single(random.choice(LETTERED).format(question=question, options=options), letter)


def _looking_up(random: Random, options: str, letter: str, answer: str) -> Conversation:
    # Half of the skill: find the letter of a word, or the word of a letter.
    if random.random() < 0.3:
        asked = random.choice(("Which word is {}?\n{}", "What is {}?\n{}", "Read {}.\n{}"))
        return single(asked.format(letter, options), answer)
    asked = random.choice(
        (
            "Which letter is {}?\n{}",
            "I want {}. Which letter?\n{}",
            "I want {}.\n{}",
            "The answer is {}.\n{}",
            "The answer is {}.\n{}\nWhich letter?",
        )
    )
    return single(asked.format(answer, options), letter)


def _claim(random: Random, true: bool) -> str:
    # A yes-no question about a claim that is true or false as asked for.
    roll = random.randrange(4)
    if roll == 0:
        country, city = random.choice(facts.CAPITALS)
        if not true:
            city = random.choice([other for _, other in facts.CAPITALS if other != city])
        return f"Is {city} the capital of {country}?"
    if roll == 1:
        kind, word = random_member(random)
        if not true:
            related = set().union(*(group for group in SAME_KIND if kind in group)) | {kind}
            kind = random.choice([other for other in facts.KINDS if other not in related])
        return f"Is the {word} {article(kind)}?"
    if roll == 2:
        one, other = random.choice(facts.OPPOSITES)
        if not true:
            wrong = [w for pair in facts.OPPOSITES for w in pair if w not in (one, other)]
            other = random.choice(wrong)
        return f"Is {other} the opposite of {one}?"
    animal, sound = random.choice(facts.SOUNDS)
    if not true:
        sound = random.choice([s for a, s in facts.SOUNDS if a != animal])
    return f"Does the {animal} say {sound}?"


def deciding(random: Random, held: bool) -> Conversation:
    """Answer a question about a fact with yes or no."""
    true = random.random() < 0.5
    question = _claim(random, true)
    if held or random.random() < 0.6:
        asked = random.choice(YES_NO_UNSEEN if held else YES_NO_SEEN).format(question)
        return single(asked, "yes" if true else "no")
    return single(phrase(random, (question,), (), False), "Yes" if true else "No")
