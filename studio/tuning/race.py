"""A race: a few recipes tuned for some steps each, measured together, and the best of them kept.

    races/<id>.json     who runs, with which whole recipe, and what measures them

Everything else is read from the runs: a race stores no status.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from studio.errors import RunError
from studio.measure.curve import BUDGETS, CurvePoint, Unit, choose_best, make_point
from studio.measure.report import Report
from studio.tuning.options import Option
from studio.tuning.recipe import LEAST_STEPS, Recipe

STEPS = 50
"""Optimizer steps of every trial, as in successive halving: enough to see where each goes."""
CASES = 48
"""Cases per probe that a race is measured on."""
ENTRANTS = 3


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Entrant(_Frozen):
    """One that runs: its trial, and the recipe that it stands for."""

    run: str
    title: str
    recipe: Recipe


class Race(_Frozen):
    """Who runs, the favourite first, and the measurements: one for each way to load the base."""

    id: str
    dataset: str
    base: str
    entrants: tuple[Entrant, ...]
    measurements: tuple[str, ...]


class Placed(_Frozen):
    """How one of them did; `point` is None until it has been measured."""

    entrant: Entrant
    point: CurvePoint | None = None
    best: bool = False
    """Whether none other gained as much and forgot less, or gained more and forgot as little."""
    winner: bool = False


def shorten(option: Option, steps: int = STEPS) -> Recipe:
    """A trial of an option: its recipe for so many steps at most, nothing kept on the way."""
    if option.recipe is None:
        raise RunError(f"“{option.title}” tunes nothing, so there is nothing to race.")
    fields = {"max_steps": max(1, steps), "checkpoints": 0, "name": f"Race: {option.title}"[:80]}
    return option.recipe.model_copy(update=fields)


def choose_steps(options: Sequence[Option], examples: int) -> int:
    """As many steps as the shortest recipe takes as a whole, and no more than STEPS."""
    recipes = [option.recipe for option in options if option.recipe]
    wholes = [recipe.steps_over(recipe.with_replayed(examples)) for recipe in recipes]
    return max(LEAST_STEPS, min([STEPS, *wholes]))


def place(race: Race, reports: Iterable[Report]) -> list[Placed]:
    """How they did, the winner first."""
    points: dict[str, CurvePoint] = {}
    for report in reports:
        for lane in report.lanes:
            points[lane.run] = make_point(
                lane.id, report.of(lane.id), dataset=lane.dataset, strength=1.0, checkpoint=None
            )
    unit = unit_of(points.values())
    known = list(points.values())
    front = [one for one in known if not any(_beats(other, one, unit) for other in known)]
    winner = _winner(front, unit) if len(points) == len(race.entrants) else None
    placed = [
        Placed(
            entrant=entrant,
            point=points.get(entrant.run),
            best=points.get(entrant.run) in front,
            winner=entrant.run in points and points[entrant.run].lane == winner,
        )
        for entrant in race.entrants
    ]
    return sorted(placed, key=lambda one: (not one.winner, not one.best))


def _winner(front: Sequence[CurvePoint], unit: Unit) -> str | None:
    """The lane that gained most within the usual budget; without one, most after what it lost."""
    chosen = choose_best(front, BUDGETS[unit], unit=unit)
    if chosen:
        return chosen.point.lane
    both = [(one.lane, *one.in_unit(unit)) for one in front]
    left = {lane: gain.value - lost.value for lane, gain, lost in both if gain and lost}
    best = max(left, key=lambda lane: left[lane], default=None)
    return best if best and left[best] > 0 else None


def unit_of(points: Iterable[CurvePoint]) -> Unit:
    """Points of accuracy where any was won or lost, else nats per token: no answer was exact."""
    return "points" if any(one.gain and one.gain.value for one in points) else "nats"


def _beats(one: CurvePoint, other: CurvePoint, unit: Unit) -> bool:
    """Whether the first is at least as good in both, and better in one."""
    (gain, lost), (other_gain, other_lost) = one.in_unit(unit), other.in_unit(unit)
    if not (gain and other_gain):
        return False
    more = gain.value - other_gain.value
    less = other_lost.value - lost.value if lost and other_lost else 0.0
    return more >= 0 and less >= 0 and (more > 0 or less > 0)


def save_race(folder: Path, race: Race) -> None:
    """Keep who runs; by one rename."""
    folder.mkdir(exist_ok=True)
    draft = folder / f".{race.id}.json"
    draft.write_text(race.model_dump_json(indent=1) + "\n", encoding="utf-8")
    draft.replace(folder / f"{race.id}.json")


def list_races(folder: Path) -> list[Race]:
    """All races that can be read, the newest first."""
    found = []
    for path in sorted(folder.glob("[0-9]*.json"), reverse=True):
        try:
            found.append(Race.model_validate_json(path.read_bytes()))
        except (OSError, ValidationError):
            continue
    return found
