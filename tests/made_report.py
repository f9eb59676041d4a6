"""A home with a measurement of made-up answers that fills every part of the Report tab."""

import json
from typing import NamedTuple

from made_outcomes import probe

from studio import Studio
from studio.measure.comparison import Comparison, LaneSpec
from studio.measure.outcome import BASE, Outcome, write_outcomes
from studio.measure.probe import Probe
from studio.measure.results import save_probes, save_report
from studio.tuning.events import append_event
from studio.tuning.recipe import Recipe
from studio.tuning.run import Run, create_run

STRENGTHS = {0.25: 0.5, 0.5: 0.9, 0.75: 1.0, 1.0: 1.0, 1.25: 1.0}
"""Share of the task that each strength has learned."""
LOST = {0.25: 0.0, 0.5: 0.01, 0.75: 0.3, 1.0: 0.6, 1.25: 0.8}
"""Share of the capitals that each strength has lost."""
STEPS = (10, 20)
CASES = 120


class Made(NamedTuple):
    """What was made."""

    plain: Run
    keeping: Run
    measured: Run


def make_report_home(studio: Studio) -> Made:
    """A run at five strengths and two checkpoints, and another run, on a task and old skills."""
    dataset = studio.build("sentiment", limit=40).id
    plain = _make_run(studio, Recipe(dataset=dataset, name="Plain"))
    keeping = _make_run(studio, Recipe(dataset=dataset, name="Keeping", kl_anchor=2))
    for step in STEPS:
        (plain.folder / "checkpoints" / str(step)).mkdir(parents=True)
    lanes = [LaneSpec(run=plain.id, strength=strength) for strength in STRENGTHS]
    lanes += [LaneSpec(run=plain.id, checkpoint=step) for step in STEPS]
    lanes += [LaneSpec(run=keeping.id)]
    probes = [
        probe("task", CASES, "gain"),
        probe("capitals", CASES),
        probe("colours", 400),
        probe("numbers", 12),
    ]
    again = probe("capitals", CASES).model_copy(
        update={"name": "capitals.shots3", "kind": "recovery"}
    )
    measured = create_run(
        studio.settings.runs,
        Comparison(
            base="starter", method="qlora", lanes=tuple(lanes), datasets=(dataset,),
            probes=("capitals", "colours", "numbers"), limit=CASES,
        ),
        about="measured",
    )  # fmt: skip
    probes.append(again)
    outcomes = [one for each in probes for one in _answer(each, lanes, plain.id)]
    write_outcomes(measured.folder / "outcomes.jsonl", outcomes)
    save_probes(measured, probes)
    save_report(measured, outcomes, probes, conditions={})
    _write_drift(measured, [lane.id for lane in lanes])
    append_event(measured.folder / "events.jsonl", "finished")
    return Made(plain, keeping, measured)


def _make_run(studio: Studio, recipe: Recipe) -> Run:
    run = create_run(studio.settings.runs, recipe, about=recipe.name)
    events = run.folder / "events.jsonl"
    append_event(events, "started", pid=1)
    append_event(events, "phase", name="training")
    for step in (10, 20, 30):
        append_event(events, "step", step=step, total=30, loss=30 / step)
    append_event(events, "finished", steps=30)
    return run


def _answer(probe: Probe, lanes: list[LaneSpec], plain: str) -> list[Outcome]:
    """The base knows every old skill and nothing of the task."""
    made = [_outcome(BASE, probe, i, right=probe.kind != "gain") for i in range(len(probe.cases))]
    for lane in lanes:
        learned, lost = (STRENGTHS[lane.strength], LOST[lane.strength])
        if lane.checkpoint:
            learned, lost = lane.checkpoint / 30, lane.checkpoint / 100
        if lane.run != plain:
            learned, lost = 0.95, 0.0
        share = {"task": learned, "capitals": 1 - lost, "capitals.shots3": 1 - lost / 10}
        right = round(share.get(probe.name, 1.0) * len(probe.cases))
        made += [_outcome(lane.id, probe, i, right=i < right) for i in range(len(probe.cases))]
    return made


def _outcome(lane: str, probe: Probe, number: int, *, right: bool) -> Outcome:
    """A right answer is likely, a wrong one the less likely the later the case."""
    first = 0.1 if right else 2.0 + number / 100
    return Outcome(
        lane=lane, probe=probe.name, case=probe.cases[number].id, text="yes" if right else "no",
        correct=right, nll=first + 0.05, tokens=2, token_nlls=(first, 0.05),
        pieces=("yes", "<end>") if lane == BASE else (),
    )  # fmt: skip


def _write_drift(measured: Run, lanes: list[str]) -> None:
    rows = [
        {"lane": lane, "layer": layer, "module": module, "relative": 0.01 * (layer + 1)}
        for lane in lanes
        for layer in range(2)
        for module in ("self_attn.q_proj", "mlp.up_proj")
    ]
    (measured.folder / "drift.json").write_text(json.dumps(rows), encoding="utf-8")
