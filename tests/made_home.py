"""A home with one tuned and one measuring run whose answers are made up, some of them hostile."""

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from made_outcomes import answered, probe

from studio import Studio
from studio.measure.comparison import Comparison, LaneSpec
from studio.measure.outcome import Outcome, write_outcomes
from studio.measure.probe import Case, Probe
from studio.measure.results import save_probes, save_report
from studio.tuning.events import append_event
from studio.tuning.recipe import Recipe
from studio.tuning.run import Run, create_run

HOSTILE = (
    '<script>alert(1)</script>"\'><img src="http://evil.example/x.png" onerror="alert(1)">'
    " ![x](http://evil.example/a.png) [y](javascript:alert(1)) <svg onload=alert(1)> |a| $x^2$"
)
FORMULA = '=HYPERLINK("http://evil.example")'


class Home(NamedTuple):
    """What was made."""

    tuned: Run
    measured: Run


def make_home(studio: Studio) -> Home:
    """A tuned run at two strengths, measured on a task, on two old skills and on open text."""
    dataset = studio.build("sentiment", limit=20)
    tuned = create_run(
        studio.settings.runs, Recipe(dataset=dataset.id, name=HOSTILE[:70]), about="tuned"
    )
    append_event(tuned.folder / "events.jsonl", "finished")
    lanes = [LaneSpec(run=tuned.id), LaneSpec(run=tuned.id, strength=0.5)]
    comparison = Comparison(
        base="starter", method="qlora", lanes=tuple(lanes), datasets=(dataset.id,),
        probes=("capitals", "hostile", "general"),
    )  # fmt: skip
    measured = create_run(studio.settings.runs, comparison, about="measured")
    probes = [probe("task", 60, "gain"), probe("capitals", 60), _hostile(), _text()]
    outcomes = [one for each in probes for one in _answer(each, [lane.id for lane in lanes])]
    write_outcomes(measured.folder / "outcomes.jsonl", outcomes)
    save_probes(measured, probes)
    save_report(measured, outcomes, probes, conditions={"made on": f"{datetime.now(UTC):%Y}"})
    append_event(measured.folder / "events.jsonl", "finished")
    return Home(tuned, measured)


def give_adapter(run: Run) -> None:
    """Files in the place of an adapter, for what only copies them."""
    run.adapter.mkdir()
    (run.adapter / "adapter_model.safetensors").write_bytes(b"weights")


def _hostile() -> Probe:
    cases = tuple(
        Case.model_validate({"id": f"h{i}", "prompt": f"{HOSTILE} {i}", "answer": "yes"})
        for i in range(40)
    )
    return Probe(name="hostile", title=HOSTILE, kind="retention", cases=cases)


def _text() -> Probe:
    cases = tuple(
        Case(id=f"t{i}", messages=(), answer=f"A text about things, number {i}. {HOSTILE}")
        for i in range(40)
    )
    return Probe(name="general", title="General text", kind="retention", scorer="text", cases=cases)


def _answer(probe: Probe, lanes: list[str]) -> list[Outcome]:
    """The task is learned, capitals are half forgotten, the hostile probe loses five cases."""
    n = len(probe.cases)
    right = {"task": 2, "capitals": n, "hostile": n}.get(probe.name, 0)
    after = {"task": n - 3, "capitals": n // 2, "hostile": n - 5}.get(probe.name, 0)
    made = answered("base", probe, [i < right for i in range(n)], [1.0 + i % 3 for i in range(n)])
    for lane in lanes:
        marks = [i < after for i in range(n)]
        made += answered(lane, probe, marks, [1.2 + i % 3 for i in range(n)])
    if probe.name == "hostile":
        made = [one.model_copy(update={"text": HOSTILE + one.text}) for one in made]
    if probe.name == "capitals":
        made = [one.model_copy(update={"text": FORMULA}) for one in made]
    if probe.scorer == "text":
        made = [one.model_copy(update={"correct": None, "text": ""}) for one in made]
    return made


def home_of(run: Run) -> Path:
    """The home folder that a run lies in."""
    return run.folder.parent.parent
