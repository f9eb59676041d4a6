"""The device goes to one process at a time, in the order of asking, and a dead one frees it."""

import subprocess
import sys
import time
from pathlib import Path

from studio.tuning.queue import START_PATIENCE, draw_ticket, in_line, is_wanted, reorder

ASKER = """
import sys, time
from pathlib import Path
from studio.tuning.queue import device
name, seconds, home = sys.argv[1], float(sys.argv[2]), Path(sys.argv[3])
count, of = map(int, sys.argv[4:])
def say(word):
    with (home / "order").open("a") as file:
        file.write(f"{name} {word}\\n")
asked = {"on_wait": lambda: say("waits"), "on_next": lambda: say("next")}
with device(home, name, **asked, count=count, of=of) as numbers:
    say("has it")
    say(f"has {numbers}")
    time.sleep(seconds)
"""


def ask(
    home: Path, name: str, seconds: float, *, count: int = 1, of: int = 1
) -> "subprocess.Popen[bytes]":
    """A process that asks for so many devices of those there are and keeps them for a while."""
    numbers = map(str, (seconds, home, count, of))
    return subprocess.Popen([sys.executable, "-c", ASKER, name, *numbers])


def wait_for(home: Path, line: str) -> None:
    """Until somebody has said this."""
    deadline = time.monotonic() + 20
    while line not in said(home):
        assert time.monotonic() < deadline, said(home)
        time.sleep(0.02)


def said(home: Path) -> list[str]:
    """What was said so far."""
    path = home / "order"
    return path.read_text().splitlines() if path.exists() else []


def test_first_come_first_served(tmp_path: Path) -> None:
    first = ask(tmp_path, "a", 60)
    wait_for(tmp_path, "a has it")
    second = ask(tmp_path, "b", 0.2)
    wait_for(tmp_path, "b next")
    third = ask(tmp_path, "c", 0)
    wait_for(tmp_path, "c waits")
    first.kill()  # a killed owner frees the device at once
    first.wait()
    assert second.wait(timeout=20) == 0
    assert third.wait(timeout=20) == 0
    assert [line for line in said(tmp_path) if line.endswith("has it")] == [
        "a has it",
        "b has it",
        "c has it",
    ]
    assert said(tmp_path).index("b waits") < said(tmp_path).index("c waits")
    assert not list((tmp_path / "queue").glob("*"))


def test_a_waiter_that_dies_holds_nobody_up(tmp_path: Path) -> None:
    owner = ask(tmp_path, "a", 60)
    wait_for(tmp_path, "a has it")
    dying = ask(tmp_path, "b", 60)
    wait_for(tmp_path, "b waits")
    last = ask(tmp_path, "c", 0)
    wait_for(tmp_path, "c waits")
    dying.kill()
    dying.wait()
    owner.kill()
    owner.wait()
    assert last.wait(timeout=20) == 0
    assert "c has it" in said(tmp_path)


def test_the_place_in_line_is_that_of_starting_not_of_waking_up(tmp_path: Path) -> None:
    draw_ticket(tmp_path, "slow to wake")
    second = ask(tmp_path, "b", 0)
    wait_for(tmp_path, "b waits")
    first = ask(tmp_path, "slow to wake", 0)
    assert first.wait(timeout=20) == 0
    assert second.wait(timeout=20) == 0
    holders = [line for line in said(tmp_path) if line.endswith("has it")]
    assert holders == ["slow to wake has it", "b has it"]


def test_a_ticket_whose_worker_never_came_counts_only_for_a_while(tmp_path: Path) -> None:
    stale = draw_ticket(tmp_path, "never")
    late = time.time_ns() - int((START_PATIENCE + 1) * 1e9)
    stale.rename(stale.with_name(f"{late:020d}-never.drawn"))
    assert ask(tmp_path, "b", 0).wait(timeout=20) == 0
    assert not list((tmp_path / "queue").iterdir())


def test_the_device_is_wanted_by_whoever_holds_or_awaits_it(tmp_path: Path) -> None:
    assert not is_wanted(tmp_path)
    holder = ask(tmp_path, "a", 60)
    wait_for(tmp_path, "a has it")
    assert is_wanted(tmp_path)
    holder.kill()
    holder.wait()
    assert not is_wanted(tmp_path)
    ticket = draw_ticket(tmp_path, "b")  # its worker is about to start
    assert is_wanted(tmp_path)
    old = time.time_ns() - int((START_PATIENCE + 1) * 1e9)
    ticket.rename(ticket.with_name(f"{old:020d}-b.drawn"))
    assert not is_wanted(tmp_path)


def test_a_line_put_into_another_order_is_served_in_that_order(tmp_path: Path) -> None:
    owner = ask(tmp_path, "a", 60)
    wait_for(tmp_path, "a has it")
    others = []
    for name in "bcd":
        others.append(ask(tmp_path, name, 0))
        wait_for(tmp_path, f"{name} waits")
    assert in_line(tmp_path) == ["b", "c", "d"]
    reorder(tmp_path, ["d", "b"])
    assert in_line(tmp_path) == ["d", "b", "c"]
    owner.kill()
    owner.wait()
    assert [other.wait(timeout=20) for other in others] == [0, 0, 0]
    holders = [line[0] for line in said(tmp_path) if line.endswith("has it")]
    assert holders == ["a", "d", "b", "c"]
    assert in_line(tmp_path) == []


def test_an_order_of_before_does_not_hold_up_who_comes_later(tmp_path: Path) -> None:
    reorder(tmp_path, ["long gone", "b"])
    draw_ticket(tmp_path, "a")
    draw_ticket(tmp_path, "b")
    draw_ticket(tmp_path, "c")
    assert in_line(tmp_path) == ["b", "a", "c"]


def test_each_of_several_devices_has_a_run_of_its_own(tmp_path: Path) -> None:
    owners = []
    for place, name in enumerate("ab"):
        owners.append(ask(tmp_path, name, 60, of=2))
        wait_for(tmp_path, f"{name} has [{place}]")
    third = ask(tmp_path, "c", 0, of=2)
    wait_for(tmp_path, "c waits")
    owners[1].kill()
    owners[1].wait()
    assert third.wait(timeout=20) == 0
    assert "c has [1]" in said(tmp_path)
    owners[0].kill()
    owners[0].wait()


def test_who_needs_all_devices_is_not_passed_by_those_who_need_one(tmp_path: Path) -> None:
    owners = [ask(tmp_path, name, 60, of=2) for name in "ab"]
    for name in "ab":
        wait_for(tmp_path, f"{name} has it")
    greedy = ask(tmp_path, "all", 0, count=2, of=2)
    wait_for(tmp_path, "all next")
    modest = ask(tmp_path, "one", 0, of=2)
    wait_for(tmp_path, "one waits")
    owners[0].kill()  # one device is free: who is first takes it and waits for the other
    owners[0].wait()
    time.sleep(0.5)
    assert not any("has" in line for line in said(tmp_path) if line.startswith(("all", "one")))
    owners[1].kill()
    owners[1].wait()
    assert greedy.wait(timeout=20) == modest.wait(timeout=20) == 0
    assert said(tmp_path).index("all has [0, 1]") < said(tmp_path).index("one has it")
