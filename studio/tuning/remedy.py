"""What mends a lane that forgot: a recipe to tune again with, or a repair of its adapter."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from studio.errors import RunError
from studio.measure.comparison import LaneSpec
from studio.measure.curve import BUDGETS, choose_best
from studio.measure.halves import can_be_replayed
from studio.measure.probe import OVERALL, find
from studio.measure.report import Report
from studio.tuning.recipe import Recipe
from studio.tuning.repair import Repair
from studio.tuning.run import Run

RemedyName = Literal["kl_anchor", "replay", "strength", "checkpoint", "average", "intruder"]
ANCHOR = 2.0  # weight of the anchor that forgets least, as in the preset "keep"
LONGEST_NAME = 80


def mend(
    run: Run, lane: LaneSpec, how: RemedyName, *, report: Report | None = None, **options: Any
) -> Recipe | Repair:
    """What mends a lane of the run in that way; the options are those of the remedy below.

    Raises RunError or RecipeError where the remedy does not apply.
    """
    if how not in REMEDIES:
        raise RunError(f"There is no repair {how!r}; choose one of {', '.join(REMEDIES)}.")
    return REMEDIES[how](run, lane, report, **options)


def anchor(run: Run, _: LaneSpec, __: Report | None, *, kl_anchor: float | None = None) -> Recipe:
    """Tune again held to what the base says; twice as firmly if it was firmly held already."""
    recipe = run.recipe
    firm = ANCHOR if recipe.kl_anchor < ANCHOR else min(100.0, 2 * recipe.kl_anchor)
    weight = firm if kl_anchor is None else kl_anchor
    return _again(run, f"KL anchor {weight:g}", kl_anchor=weight)


def replay(
    run: Run,
    lane: LaneSpec,
    report: Report | None,
    *,
    probes: Sequence[str] = (),
    probe_share: float = 0.1,
) -> Recipe:
    """Tune again with one half of each probe that fell replayed, or of those that are named."""
    home_probes = run.folder.parent.parent / "probes"
    asked = find(tuple(probes) or fallen(_needed(report), lane.id), home_probes)
    names = tuple(one.name for one in asked if probes or can_be_replayed(one))
    if not names:
        raise RunError(
            f"The report shows no probe that {lane.id} forgot and that can be replayed; name the "
            "probes to replay, or choose another repair."
        )
    names = tuple(dict.fromkeys([*run.recipe.replay_probes, *names]))
    told = f"replaying {len(names)} probe{'s' * (len(names) > 1)}"
    return _again(run, told, replay_probes=names, probe_share=probe_share)


def strength(
    run: Run,
    lane: LaneSpec,
    report: Report | None,
    *,
    strength: float | None = None,
    budget: float | None = None,
) -> Repair:
    """Make the adapter weaker for good: as told, as the lane is, or as the report finds best.

    The budget says how many points may be forgotten then.
    """
    if strength is None:
        strength = lane.strength if lane.strength != 1 else _best(_needed(report), run.id, budget)
    source = LaneSpec(run=run.id, checkpoint=lane.checkpoint, strength=strength)
    return _repair(run, f"at strength {strength:g}", how="strength", sources=[source])


def checkpoint(
    run: Run, lane: LaneSpec, report: Report | None, *, checkpoint: int | None = None
) -> Repair:
    """Go back to an earlier step: the one told, the lane's own, or what the report finds best."""
    step = checkpoint or lane.checkpoint or _best_step(report, run)
    run.adapter_at(step or 0)
    source = LaneSpec(run=run.id, checkpoint=step, strength=lane.strength)
    return _repair(run, f"at step {step}", how="checkpoint", sources=[source])


def average(
    run: Run,
    lane: LaneSpec,
    _: Report | None,
    *,
    lanes: Sequence[str | LaneSpec] = (),
    rank: int = 0,
) -> Repair:
    """The mean of the lane and other lanes, or of the run's checkpoints and its end."""
    others = [LaneSpec.parse(one) if isinstance(one, str) else one for one in lanes]
    on_the_way = [LaneSpec(run=run.id, checkpoint=step) for step in run.checkpoints()]
    sources = [lane, *others] if others else [*on_the_way, LaneSpec(run=run.id)]
    told = f"average of {len(sources)}"
    return _repair(run, told, how="average", sources=sources, rank=rank)


def intruder(run: Run, lane: LaneSpec, _: Report | None, **settings: float) -> Repair:
    """Shrink directions the tuning put in front of the base's own; settings are Repair's."""
    return _repair(run, "intruders shrunk", how="intruder", sources=[lane], **settings)


REMEDIES: dict[RemedyName, Callable[..., Recipe | Repair]] = {
    "kl_anchor": anchor,
    "replay": replay,
    "strength": strength,
    "checkpoint": checkpoint,
    "average": average,
    "intruder": intruder,
}


def fallen(report: Report, lane: str) -> tuple[str, ...]:
    """Probes that the lane forgot, or whose right answers became less likely."""
    return tuple(
        delta.probe
        for delta in report.of(lane)
        if delta.kind == "retention"
        and delta.probe != OVERALL
        and (delta.verdict == "forgotten" or delta.nll_verdict == "worse")
    )


def _best(report: Report, run: str, budget: float | None) -> float:
    """The strength below 1 that gains most and forgets no more than the budget, in points."""
    allowed = BUDGETS["points"] if budget is None else budget
    best = report.best_strength(run, allowed)
    if best is None or best.point.strength == 1:
        raise RunError(
            f"At no measured strength below 1 does {run} gain while forgetting at most "
            f"{allowed:g} points; measure it at others, such as 0.5, or name a strength."
        )
    return best.point.strength


def _best_step(report: Report | None, run: Run) -> int | None:
    """The measured checkpoint that gains most inside the usual budget, else the last one kept."""
    kept = run.checkpoints()
    points = report.over_time(run.id) if report else []
    best = choose_best((one for one in points if one.checkpoint in kept), BUDGETS["points"])
    return best.point.checkpoint if best else next(reversed(kept), None)


def _again(run: Run, told: str, **changes: Any) -> Recipe:
    return Recipe.make(run.recipe.model_dump() | changes | {"name": _name(run, told)})


def _repair(run: Run, told: str, **fields: Any) -> Repair:
    recipe = run.recipe.model_copy(update={"name": _name(run, told)})
    return Repair.make(recipe=recipe, **fields)


def _name(run: Run, told: str) -> str:
    """The run's name with what was done to it; the name gives way if both are too long."""
    room = LONGEST_NAME - len(told) - 2
    return f"{run.title[:room].rstrip()}, {told}"


def _needed(report: Report | None) -> Report:
    if report is None:
        raise RunError("This repair is chosen from a report; measure the run first.")
    return report
