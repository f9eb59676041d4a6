"""Many people at one chat engine: how long they wait, and whether everybody gets their own answer.

    PYTHONPATH=. python tests/bench/load.py [--people 25 90] [--tokens 64]

One in ten reads slowly, one in ten closes the tab after three updates. Every answer is compared
with what is said to the same question when nobody else asks.
"""

import argparse
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from studio.chat.client import ENGINE, ChatClient
from studio.chat.protocol import Row, Sampling
from studio.data.example import Message
from studio.errors import Busy, StudioError

THINGS = ("a fox", "the sea", "a red ball", "my friend", "a house", "the moon", "a dog", "snow")
ASKS = ("Tell me a story about", "What is", "Write a long story about", "Say something about")
QUESTIONS = [f"{ask} {thing}." for thing in THINGS for ask in ASKS]
ENDS = ("answered", "left", "busy", "error", "foreign")
HEAD = (
    "people", *ENDS, "first token, s (median / 95 %)", "whole answer, s", "all, s",
    "tokens/s", "live after", "memory grown, MB",
)  # fmt: skip


@dataclass
class Visit:
    """What one person lived through; times in seconds."""

    end: str
    first: float = 0.0
    full: float = 0.0
    tokens: int = 0


def visit(client: ChatClient, number: int, sampling: Sampling, expected: dict[str, str]) -> Visit:
    """Ask one question as a person who may read slowly or close the tab."""
    question, begin = QUESTIONS[number % len(QUESTIONS)], time.monotonic()
    seen, now = 0, Visit("answered")
    updates = client.ask(
        [Row(lane="base", messages=(Message(role="user", content=question),))],
        base="starter", method="lora", sampling=sampling, owner=f"person-{number}",
    )  # fmt: skip
    try:
        for update in updates:
            if not update.rows:
                continue
            seen += 1
            now.first = now.first or time.monotonic() - begin
            if number % 10 == 3 and seen == 3 and not update.done:
                updates.close()
                return Visit("left", first=now.first)
            if number % 10 == 7 and not update.done:
                time.sleep(0.5)
    except Busy:
        return Visit("busy")
    except StudioError:
        return Visit("error")
    now.full, now.tokens = time.monotonic() - begin, update.rows[0].tokens
    now.end = "answered" if update.rows[0].text == expected[question] else "foreign"
    return now


def crowd(client: ChatClient, people: int, sampling: Sampling, expected: dict[str, str]) -> None:
    """All of them at once; prints one row of the table."""
    assert client.engine_pid
    engine, page = psutil.Process(client.engine_pid), psutil.Process()
    memory = engine.memory_info().rss + page.memory_info().rss
    gate = threading.Barrier(people)

    def person(number: int) -> Visit:
        gate.wait()
        return visit(client, number, sampling, expected)

    with ThreadPoolExecutor(people) as pool:
        begin = time.monotonic()
        visits = list(pool.map(person, range(people)))
    wall = time.monotonic() - begin
    grown = (engine.memory_info().rss + page.memory_info().rss - memory) / 2**20
    ends = [visit.end for visit in visits]
    cells = [people, *(ends.count(end) for end in ENDS)]
    cells += [spread([visit.first for visit in visits]), spread([visit.full for visit in visits])]
    cells += [f"{wall:.1f}", f"{sum(visit.tokens for visit in visits) / wall:.0f}"]
    cells += [client.live, f"{grown:.0f}"]
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def spread(seconds: list[float]) -> str:
    """Median and 95th percentile of those that there are."""
    cuts = statistics.quantiles([one for one in seconds if one], n=20, method="inclusive")
    return f"{cuts[9]:.2f} / {cuts[18]:.2f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, nargs="+", default=[25, 90])
    parser.add_argument("--tokens", type=int, default=64)
    options = parser.parse_args()
    sampling = Sampling(max_new_tokens=options.tokens)
    with tempfile.TemporaryDirectory() as home:
        client = ChatClient(Path(home) / "chat.log", [*ENGINE, home])
        expected = {}
        for question in QUESTIONS:
            row = Row(lane="base", messages=(Message(role="user", content=question),))
            *_, last = client.ask([row], base="starter", method="lora", sampling=sampling)
            expected[question] = last.rows[0].text
        print("| " + " | ".join(HEAD) + " |\n" + "|---" * len(HEAD) + "|")
        for people in options.people:
            crowd(client, people, sampling, expected)
        client.close()


if __name__ == "__main__":
    main()
