"""What a run can go on from: its states after some steps, whole on the disk or not there.

    runs/<id>/states/<step>/
      manifest.json      what the state is of, and every file's size and digest; written last
      …                  whatever the engine needs
    runs/<id>/quarantine/ what was found damaged, kept to be looked at

The newest two that are whole are kept. Which is the newest is told by the step alone: clocks lie.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from studio.seal import find_flaw, seal, settle, write

MANIFEST = "manifest.json"
FILES = "files"
KEPT = 2  # whole states that are always there once there were so many


class State(NamedTuple):
    """A state that was found whole."""

    step: int
    folder: Path
    about: dict[str, Any]
    """What was said of it when it was written."""


def states_of(run: Path) -> Path:
    """Where a run's states lie."""
    return run / "states"


def write_state(
    run: Path, step: int, fill: Callable[[Path], None], *, about: Mapping[str, Any]
) -> None:
    """Write a state of a run's folder: `fill` puts its files into a draft.

    Whatever goes wrong leaves the states before it as they were.
    """
    states = states_of(run)
    draft = states / f".{step}"
    try:
        for left in states.glob(".*"):  # by a worker that was killed in the middle of it
            shutil.rmtree(left)
        draft.mkdir(parents=True)
        fill(draft)
        manifest = {**about, "step": step, FILES: seal(draft)}
        write(draft / MANIFEST, json.dumps(manifest))
        settle(draft, states / str(step))
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    _rotate(run)


def newest_state(
    run: Path, *, about: Mapping[str, Any], on_damage: Callable[[str], None]
) -> State | None:
    """The newest whole state with all of this said of it; None without any.

    Every newer one goes into quarantine, and `on_damage` hears a sentence about it.
    """
    for step in reversed(state_steps(run)):
        flaw, told = _look(run, step, about)
        if not flaw:
            return State(step, states_of(run) / str(step), told)
        _quarantine(run, step)
        on_damage(f"The state of step {step} is damaged: {flaw}. It was put into quarantine.")
    return None


def state_steps(run: Path) -> list[int]:
    """The steps of which there is a state, earliest first; none was looked into."""
    return sorted(int(one.name) for one in states_of(run).glob("[0-9]*") if one.name.isdecimal())


def forget_states(run: Path) -> None:
    """Let them go, once nothing will go on from them; what is in quarantine stays."""
    shutil.rmtree(states_of(run), ignore_errors=True)


def _look(run: Path, step: int, about: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """What is wrong with a state, if anything is, and what its manifest says."""
    folder = states_of(run) / str(step)
    try:
        told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        sealed = told.pop(FILES)
        if told.pop("step") != step or not sealed:
            return f"{MANIFEST} is not of this step", {}
        if any(told[name] != value for name, value in about.items()):
            return "it was made by another run or recipe", {}
        return find_flaw(folder, sealed), told
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"{MANIFEST} is missing or cannot be read", {}


def _rotate(run: Path) -> None:
    """Remove what is older than the newest whole ones; what is damaged does not count as one."""
    whole = 0
    for step in reversed(state_steps(run)):
        if whole == KEPT:
            shutil.rmtree(states_of(run) / str(step))
        elif _look(run, step, {})[0]:
            _quarantine(run, step)
        else:
            whole += 1


def _quarantine(run: Path, step: int) -> None:
    quarantine = run / "quarantine"
    quarantine.mkdir(exist_ok=True)
    number = 1
    while (target := quarantine / f"{step}-{number}").exists():
        number += 1
    (states_of(run) / str(step)).rename(target)
