"""What a run can go on from is whole or not there, whatever operation of the disk fails."""

import builtins
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studio.tuning.states import (
    forget_states,
    newest_state,
    state_steps,
    states_of,
    write_state,
)

ABOUT = {"run": "r", "recipe": "c"}
OPERATIONS = ("fsync", "rename", "mkdir", "open", "rmdir")


def content(step: int) -> dict[str, bytes]:
    """The files of a state."""
    return {"weights": bytes([step]) * 5000, "own.json": json.dumps({"step": step}).encode()}


def write(run: Path, step: int) -> None:
    def fill(draft: Path) -> None:
        for name, data in content(step).items():
            with (draft / name).open("wb") as file:
                file.write(data)

    write_state(run, step, fill, about=ABOUT)


def newest(run: Path) -> int | None:
    """The newest whole state's step; its files are what was written."""
    found = newest_state(run, about=ABOUT, on_damage=lambda _: None)
    if found is None:
        return None
    for name, data in content(found.step).items():
        assert (found.folder / name).read_bytes() == data
    return found.step


def in_a_child(work: Callable[[], None], fail: Callable[[], None], at: int) -> int:
    """Do this in a process in which something befalls the operation of that number."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    count = 0

    def counting(real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count == at:
                fail()
            return real(*arguments, **options)

        return operation

    for name in OPERATIONS:
        setattr(os, name, counting(getattr(os, name)))
    builtins.open = counting(builtins.open)  # type: ignore[assignment]
    io_open = counting(Path.open)
    Path.open = io_open  # type: ignore[method-assign,assignment]
    code = 1
    try:
        work()
        code = 0
    except OSError:
        code = 3
    finally:
        os._exit(code)


def refuse() -> None:
    """The disk says no."""
    raise OSError(5, "Input/output error")


def die() -> None:
    """The power goes."""
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.faults
@pytest.mark.parametrize(("fail", "ends"), [(refuse, 3), (die, -9)], ids=["error", "kill"])
def test_whichever_operation_of_saving_fails_an_old_or_the_new_state_is_there(
    tmp_path: Path, fail: Callable[[], None], ends: int
) -> None:
    seen = set()
    for number in range(1, 200):
        run = tmp_path / str(number)
        for step in (1, 2):
            write(run, step)
        code = in_a_child(lambda run=run: write(run, 3), fail, number)  # type: ignore[misc]
        found = newest(run)
        assert found in (2, 3), number
        seen.add(found)
        assert len([step for step in state_steps(run) if step in (1, 2, 3)]) >= 2
        write(run, 4)  # nothing is left over that would be in the way
        assert newest(run) == 4
        assert not list(states_of(run).glob(".*"))
        if code == 0:
            break
        assert code == ends
    assert number > 8
    assert seen == {2, 3}


def damage(step: Path) -> list[tuple[str, Callable[[], None]]]:
    """Everything that can be wrong with the files of a state."""
    cases: list[tuple[str, Callable[[], None]]] = []
    for path in sorted(step.iterdir()):

        def halve(path: Path = path) -> None:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

        def flip(path: Path = path) -> None:
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)

        cases += [
            (f"{path.name} missing", path.unlink),
            (f"{path.name} half", halve),
            (f"{path.name} empty", lambda path=path: path.write_bytes(b"")),  # type: ignore[misc]
            (f"{path.name} flipped", flip),
        ]
    return cases


@pytest.mark.faults
@pytest.mark.parametrize("case", range(12))
def test_a_damaged_state_is_put_into_quarantine_and_the_one_before_it_is_used(
    tmp_path: Path, case: int
) -> None:
    for step in (4, 8):
        write(tmp_path, step)
    name, break_it = damage(states_of(tmp_path) / "8")[case]
    break_it()
    told: list[str] = []
    found = newest_state(tmp_path, about=ABOUT, on_damage=told.append)
    assert found is not None, name
    assert found.step == 4
    (sentence,) = told
    assert "The state of step 8 is damaged" in sentence
    assert [path.name for path in (tmp_path / "quarantine").iterdir()] == ["8-1"]
    write(tmp_path, 8)
    assert newest(tmp_path) == 8


def test_a_state_of_another_run_or_recipe_is_not_gone_on_from(tmp_path: Path) -> None:
    write(tmp_path, 4)
    other = ABOUT | {"recipe": "another"}
    assert newest_state(tmp_path, about=other, on_damage=lambda _: None) is None
    assert state_steps(tmp_path) == []


def test_the_newest_is_told_by_its_step_when_clocks_are_set(tmp_path: Path) -> None:
    for step in (9, 10):
        write(tmp_path, step)
        ahead = 2**32
        for path in (states_of(tmp_path) / str(step), *(states_of(tmp_path) / str(step)).iterdir()):
            os.utime(path, (ahead, ahead))
    write(tmp_path, 11)  # dated before the others
    assert state_steps(tmp_path) == [10, 11]
    assert newest(tmp_path) == 11


def test_two_whole_states_are_kept_and_a_damaged_one_does_not_count(tmp_path: Path) -> None:
    for step in (2, 4, 6):
        write(tmp_path, step)
    assert state_steps(tmp_path) == [4, 6]
    (states_of(tmp_path) / "6" / "weights").write_bytes(b"torn")
    write(tmp_path, 8)
    assert state_steps(tmp_path) == [4, 8]


def test_forgotten_states_leave_what_is_in_quarantine(tmp_path: Path) -> None:
    write(tmp_path, 2)
    (states_of(tmp_path) / "2" / "weights").unlink()
    write(tmp_path, 4)
    forget_states(tmp_path)
    assert state_steps(tmp_path) == []
    assert [path.name for path in (tmp_path / "quarantine").iterdir()] == ["2-1"]
