"""Many people at one engine: a fair line, told bounds, slow readers, closed tabs, dead engines."""

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from studio.chat.client import ChatClient
from studio.chat.line import Limits, Line, Place
from studio.chat.protocol import Row, Update
from studio.data.example import Message
from studio.errors import Busy, ModelError, StudioError

MADE = [sys.executable, str(Path(__file__).with_name("made_engine.py"))]
Open = Callable[..., ChatClient]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Opens a client whose engine is a real process without a model."""
    clients = []

    def open_client(**limits: Any) -> ChatClient:
        client = ChatClient(tmp_path / "chat.log", MADE, limits=Limits(**limits))
        clients.append(client)
        return client

    yield open_client
    for client in clients:
        client.close()


def ask(client: ChatClient, orders: str, *, who: str = "someone") -> Generator[Update]:
    """Ask as `who`, whose name is what the engine repeats."""
    messages = (Message(role="system", content=who), Message(role="user", content=orders))
    rows = [Row(lane="base", messages=messages)]
    return client.ask(rows, base="starter", method="lora", owner=who)


def said(who: str, words: int = 12) -> str:
    return " ".join([who] * words)


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


# ---- the line


def test_everybody_gets_their_own_whole_answer(opened: Open) -> None:
    client = opened(seats=3)

    def person(number: int) -> None:
        *_, last = ask(client, "say 20", who=f"person-{number}")
        assert last.rows[0].text == said(f"person-{number}", 20)

    with ThreadPoolExecutor(30) as people:
        list(people.map(person, range(30)))
    assert client.live == 0


def test_first_come_is_first_served_and_sees_its_place(opened: Open) -> None:
    client = opened(seats=1)
    ended: list[str] = []
    places: dict[str, list[int]] = {}

    def person(who: str) -> None:
        updates = list(ask(client, "say 30", who=who))
        told = [update.waiting for update in updates if update.waiting]
        places[who] = [place for place, _ in groupby(told)]  # a place is told once a second
        ended.append(who)

    people = []
    for who in ("first", "second", "third"):
        people.append(threading.Thread(target=person, args=(who,)))
        people[-1].start()
        wait_for(lambda: client.live == len(people))
    for thread in people:
        thread.join()
    assert ended == ["first", "second", "third"]
    assert places == {"first": [], "second": [1], "third": [2, 1]}


def test_a_full_line_says_how_many_are_before_and_when_to_come_again(opened: Open) -> None:
    client = opened(seats=1, places=2)
    list(ask(client, "say 50"))  # so that it is known how long an answer takes
    held = [ask(client, "say 200", who=f"person-{number}") for number in range(3)]
    for updates in held:
        next(updates)
    with pytest.raises(Busy, match=r"3 people are before you.*in about \d+ seconds"):
        next(ask(client, "say 1", who="late"))
    held[0].close()
    assert next(ask(client, "say 1", who="late"))


def test_one_visitor_holds_only_so_many_places(opened: Open) -> None:
    client = opened(seats=1, each=2)
    held = [ask(client, "say 200", who="greedy") for _ in range(2)]
    for updates in held:
        next(updates)
    with pytest.raises(Busy, match="2 of your questions are on their way"):
        next(ask(client, "say 1", who="greedy"))
    assert next(ask(client, "say 1", who="modest")).waiting == 2
    held[1].close()
    assert next(ask(client, "say 1", who="greedy"))


def test_the_person_at_the_machine_may_take_any_number_of_places(opened: Open) -> None:
    client = opened(seats=1, each=2)
    rows = [Row(lane="base", messages=(Message(role="user", content="say 20"),))]
    held = [client.ask(rows, base="starter", method="lora") for _ in range(5)]
    assert all(next(updates) for updates in held)


def test_whatever_happens_the_line_keeps_its_bounds_and_its_order() -> None:
    luck = random.Random(7)
    limits = Limits(seats=3, places=6, each=2)
    line: Line[Place] = Line(limits)
    came: list[Place] = []
    called: list[Place] = []
    for _ in range(5000):
        match luck.choice(("join", "join", "leave", "crash")):
            case "join":
                with suppress(Busy):
                    place = Place(owner=luck.choice("abcdef"))
                    line.join(place)
                    came.append(place)
            case "leave" if everybody := [*line.waiting, *line.seated]:
                line.leave(luck.choice(everybody))
            case "crash" if line.seated and luck.random() < 0.1:
                for place in reversed(line.seated):
                    line.put_back(place)
        called += [place for place in line.advance() if not place.alone]
        seated, waiting = line.seated, line.waiting
        assert len(seated) <= limits.seats
        assert len(seated) == 1 or not any(place.alone for place in seated)
        assert seated or not waiting  # nobody waits for an empty seat
        assert len(waiting) <= limits.places + limits.seats
        owners = [place.owner for place in (*seated, *waiting)]
        assert all(owners.count(owner) <= limits.each for owner in owners)
    assert len(called) > 300
    assert called == [place for place in came if place in set(called)]  # first come, first served


# ---- readers


def test_a_slow_reader_holds_up_nobody_and_misses_nothing(opened: Open) -> None:
    client = opened(seats=1)
    slow = ask(client, "say 100", who="slow")
    assert not next(slow).done
    *_, last = ask(client, "say 12", who="quick")
    assert last.rows[0].text == said("quick")
    rest = list(slow)
    assert len(rest) == 1  # what it had not read was replaced, not piled up
    assert rest[0].rows[0].text == said("slow", 100)


def test_a_closed_tab_frees_its_place_and_ends_its_answer_at_once(opened: Open) -> None:
    client = opened(seats=1)
    leaving = ask(client, "say 100000", who="leaving")
    next(leaving)
    staying = ask(client, "say 12", who="staying")
    assert next(staying).waiting == 1
    began = time.monotonic()
    leaving.close()
    *_, last = staying
    assert last.rows[0].text == said("staying")
    assert time.monotonic() - began < 30
    assert client.live == 0


def test_who_waits_in_silence_can_leave_at_any_time(opened: Open) -> None:
    """A generator is closed between two updates only, so they go on when nothing changes."""
    client = opened(seats=1)
    long = ask(client, "say 100000", who="long")
    next(long)
    waiting = ask(client, "say 1", who="waiting")
    began = time.monotonic()
    assert [next(waiting).waiting for _ in range(3)] == [1, 1, 1]
    assert time.monotonic() - began > 1.5
    waiting.close()
    assert client.live == 1


def test_who_leaves_the_line_is_not_answered(opened: Open) -> None:
    client = opened(seats=1)
    answering = ask(client, "say 50", who="first")
    next(answering)
    leaving, staying = (ask(client, "say 5", who=who) for who in ("leaving", "staying"))
    assert [next(leaving).waiting, next(staying).waiting] == [1, 2]
    leaving.close()
    assert next(staying).waiting == 1
    list(answering)
    assert list(staying)[-1].rows[0].text == said("staying", 5)


def test_an_answer_that_nobody_reads_is_stopped_for_those_who_wait(opened: Open) -> None:
    client = opened(seats=1, unread=0.5)
    forgotten = ask(client, "say 100000", who="forgotten")
    next(forgotten)
    *_, last = ask(client, "say 12", who="staying")
    assert last.rows[0].text == said("staying")
    late = list(forgotten)[-1]
    assert late.done
    assert 10 < late.rows[0].tokens < 1000  # what was said until then is still there


def test_an_answer_asked_again_can_give_way_again(opened: Open) -> None:
    client = opened(seats=1, unread=0.5)
    forgotten = ask(client, "say 100000", who="forgotten")
    next(forgotten)
    first = client.engine_pid
    assert first
    os.kill(first, signal.SIGSTOP)  # it does not hear that it is to stop
    threading.Timer(2, os.kill, (first, signal.SIGKILL)).start()
    *_, last = ask(client, "say 12", who="staying")
    assert last.rows[0].text == said("staying")
    assert client.engine_pid != first


def test_a_long_answer_gives_way_only_if_somebody_waits(opened: Open) -> None:
    client = opened(seats=1, turn=0.5)
    *_, alone = ask(client, "say 100", who="alone")
    assert alone.rows[0].stopped
    assert alone.rows[0].note == ""
    long = ask(client, "say 100000", who="long")
    next(long)
    *_, last = ask(client, "say 12", who="waiting")
    assert last.rows[0].text == said("waiting")
    ended = list(long)[-1].rows[0]
    assert not ended.stopped
    assert "because others wait" in ended.note


# ---- engines that die


def test_a_killed_engine_is_started_again_and_asked_once_more(opened: Open) -> None:
    client = opened()
    answers = ask(client, "say 100")
    next(answers)
    killed = client.engine_pid
    assert killed
    os.kill(killed, signal.SIGKILL)
    updates = list(answers)
    assert [update.news for update in updates if update.news] == [
        "The chat engine stopped unexpectedly and is started again; the question is asked once "
        "more."
    ]
    assert updates[-1].rows[0].text == said("someone", 100)
    assert client.engine_pid != killed


def test_an_engine_that_dies_once_costs_nobody_an_answer(opened: Open, tmp_path: Path) -> None:
    client = opened(seats=4)
    orders = ["say 40", "say 40", f"die-once {tmp_path / 'died'}", *["say 12"] * 9]

    def person(number: int) -> None:
        *_, last = ask(client, orders[number], who=f"person-{number}")
        words = 40 if number < 2 else 12
        assert last.rows[0].text == said(f"person-{number}", words)

    with ThreadPoolExecutor(len(orders)) as people:
        list(people.map(person, range(len(orders))))


def test_a_question_that_kills_twice_fails_alone(opened: Open, tmp_path: Path) -> None:
    client = opened(seats=4)

    def person(number: int) -> str:
        orders, who = "die" if number == 1 else "say 40", f"person-{number}"
        try:
            return list(ask(client, orders, who=who))[-1].rows[0].text
        except ModelError as error:
            return str(error)

    with ThreadPoolExecutor(6) as people:
        answers = list(people.map(person, range(6)))
    told = answers.pop(1)
    assert "stopped twice at this question (out of memory?). Your conversation is kept" in told
    assert told.endswith(f"The engine's log is {tmp_path / 'chat.log'}.")
    assert answers == [said(f"person-{number}", 40) for number in (0, 2, 3, 4, 5)]
    assert client.live == 0


def test_a_hung_engine_is_replaced(opened: Open) -> None:
    client = opened(silence=1.5)
    list(ask(client, "say 1"))
    hung = client.engine_pid
    assert hung
    os.kill(hung, signal.SIGSTOP)
    *_, last = ask(client, "say 12")
    assert last.rows[0].text == said("someone")
    assert client.engine_pid != hung


def test_an_engine_that_cannot_start_is_told(tmp_path: Path) -> None:
    client = ChatClient(tmp_path / "chat.log", [sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(ModelError, match="stopped twice"):
        list(ask(client, "say 1"))
    client.close()


def test_a_refusal_reaches_only_who_asked(opened: Open) -> None:
    client = opened()
    with pytest.raises(ModelError, match="no such base"):
        list(ask(client, "refuse"))
    assert list(ask(client, "say 12"))[-1].done


def test_closing_ends_what_is_under_way_and_leaves_no_process(opened: Open) -> None:
    client = opened(seats=1)
    answers, waiting = ask(client, "say 100000", who="one"), ask(client, "say 1", who="two")
    next(answers)
    next(waiting)
    process = client.engine_pid
    assert process
    client.close()
    for updates in (answers, waiting):
        with pytest.raises(StudioError, match="was closed"):
            list(updates)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
