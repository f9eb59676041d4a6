"""The 400 four-way items of the measuring bench, made from word lists with a fixed seed."""

import random
from collections.abc import Callable
from typing import NamedTuple

ITEMS = 400
QUESTIONS = 40  # different questions of the task that repeats them

CAPITALS = {
    "France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Germany": "Berlin",
    "Japan": "Tokyo", "China": "Beijing", "Egypt": "Cairo", "Russia": "Moscow",
    "Greece": "Athens", "Norway": "Oslo", "Portugal": "Lisbon", "Austria": "Vienna",
    "Ireland": "Dublin", "Cuba": "Havana", "Peru": "Lima", "Kenya": "Nairobi",
    "Poland": "Warsaw", "Turkey": "Ankara", "India": "Delhi", "England": "London",
}  # fmt: skip
PHRASINGS = ("Question: What is the capital of {}?\nAnswer:", "The capital of {} is")

PEOPLE = ("Mia", "Tom", "Anna", "Ben", "Clara", "Leo", "Nora", "Paul", "Rosa", "Sam")
THINGS = ("ball", "book", "lamp", "cup", "key", "coat", "letter", "map", "spoon", "drum")
COLOURS = ("red", "blue", "green", "white", "black", "yellow", "brown", "grey")
SPOTS = ("under the table", "on the shelf", "behind the door", "in the box", "next to the window")
ROOMS = ("kitchen", "garden", "hall", "school", "shop", "station", "library", "barn")


class Item(NamedTuple):
    """One question with four possible answers."""

    context: str
    choices: list[str]
    label: int


def repeated_questions() -> list[Item]:
    """Words to choose from, after 40 different questions, each asked ten times."""
    draw = random.Random(1)
    asked = [
        (phrasing.format(country), capital)
        for phrasing in PHRASINGS
        for country, capital in CAPITALS.items()
    ]
    items = []
    for number in range(ITEMS):
        context, capital = asked[number % QUESTIONS]
        wrong = draw.sample([other for other in CAPITALS.values() if other != capital], 3)
        items.append(_mix(draw, context, capital, wrong))
    return items


def unique_conversations() -> list[Item]:
    """Sentences to choose from, after little stories in ChatML that are all different."""
    draw = random.Random(2)
    items: dict[str, Item] = {}
    while len(items) < ITEMS:
        item = _story(draw)
        items[item.context] = item
    return list(items.values())


def _story(draw: random.Random) -> Item:
    people, rooms = draw.sample(PEOPLE, 2), draw.sample(ROOMS, 2)
    colours, things = draw.sample(COLOURS, 4), draw.sample(THINGS, 4)
    spots = draw.sample(SPOTS, 4)
    told = [
        f"{person} left a {colour} {thing} {spot} in the {room}."
        for person, colour, thing, spot, room in zip(
            people, colours[:2], things[:2], spots[:2], rooms, strict=True
        )
    ]
    context = (
        f"<|im_start|>user\n{' '.join(told)} What is {spots[0]}?<|im_end|>\n<|im_start|>assistant\n"
    )
    answers = [
        f"There is a {colour} {thing} {spot}."
        for colour, thing, spot in zip(colours, things, spots, strict=True)
    ]
    return _mix(draw, context, answers[0], answers[1:])


def _mix(draw: random.Random, context: str, right: str, wrong: list[str]) -> Item:
    choices = [right, *wrong]
    draw.shuffle(choices)
    return Item(context, choices, choices.index(right))


TASKS: dict[str, Callable[[], list[Item]]] = {
    "repeated-questions": repeated_questions,
    "unique-conversations": unique_conversations,
}
