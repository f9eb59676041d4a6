"""Measuring: every probe's cases answered and scored by the base and all tuned lanes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from studio.chat.protocol import Sampling
from studio.engine.generate import answer
from studio.engine.load import Engine
from studio.engine.score import score
from studio.errors import RunError
from studio.measure.comparison import Comparison
from studio.measure.outcome import BASE, Outcome, write_outcomes
from studio.measure.probe import Case, Probe
from studio.measure.results import save_probes, save_report
from studio.measure.scorers import correct
from studio.models.catalogue import find_base
from studio.tuning.events import EventLog
from studio.tuning.run import Run, open_run

BATCH = 96  # rows answered at once

Asked = tuple[str, Probe, Case]


def compare(run: Run, log: EventLog) -> dict[str, Any]:
    """Measure what the comparison names; leaves outcomes.jsonl, from which the report is made."""
    comparison = run.comparison
    home = run.folder.parent.parent
    probes = comparison.gather_probes(home)
    log("phase", name="loading the base")
    engine = load_lanes(comparison, home)
    difference = engine.prove_base()
    log("base_proved", difference=difference, about=engine.about)
    lanes = [BASE, *(lane.id for lane in comparison.lanes)]
    asked = [(lane, probe, case) for probe in probes for case in probe.cases for lane in lanes]
    outcomes = measure(engine, asked, max_new_tokens=comparison.max_new_tokens, log=log)
    write_outcomes(run.folder / "outcomes.jsonl", outcomes)
    save_probes(run, probes)
    save_report(run, outcomes, probes, conditions=_conditions(engine, comparison, difference))
    return {"outcomes": len(outcomes)}


def _conditions(engine: Engine, comparison: Comparison, difference: float) -> dict[str, str]:
    left_out = ", ".join(comparison.replayed)
    replayed = {"left out": f"the half replayed in training of {left_out}"} if left_out else {}
    return replayed | {
        "base fingerprint": engine.base.fingerprint,
        "base and lanes run on": engine.about,
        "decoding": f"greedy, at most {comparison.max_new_tokens} new tokens",
        "chat template": "the base's own, the same for base and lanes",
        "base lane proved": f"largest logit difference from the base alone {difference:.2g}",
    }


def load_lanes(comparison: Comparison, home: Path) -> Engine:
    """One engine with every tuned lane of the comparison on it."""
    engine = Engine(find_base(comparison.base, download=False), comparison.method)
    for lane in comparison.lanes:
        tuned = open_run(home / "runs", lane.run)
        if lane.checkpoint is None and tuned.status() != "finished":
            raise RunError(f"Run {tuned.id} is {tuned.status()}; only a finished run is measured.")
        engine.add_lane(lane.id, tuned.adapter_at(lane.checkpoint), strength=lane.strength)
    return engine


def measure(
    engine: Engine, asked: Sequence[Asked], *, max_new_tokens: int, log: EventLog
) -> list[Outcome]:
    """Answer greedily and score the expected answer, for every (lane, probe, case)."""
    total = 2 * len(asked)
    items = [(lane, case.messages, case.answer) for lane, _, case in asked]
    likelihoods = score(engine, items, on_done=lambda done: log("progress", done=done, total=total))
    answers: dict[int, Any] = {}
    # Answers of like length together: a batch takes as long as its longest answer.
    order = sorted(range(len(asked)), key=lambda i: (likelihoods[i].tokens, asked[i][2].id))
    for begin in range(0, len(order), BATCH):
        batch = order[begin : begin + BATCH]
        rows = [(asked[i][0], asked[i][2].messages) for i in batch]
        said = answer(engine, rows, Sampling(max_new_tokens=max_new_tokens))
        answers |= dict(zip(batch, said, strict=True))
        log("progress", done=len(asked) + len(answers), total=total)
    return [
        Outcome(
            lane=lane,
            probe=probe.name,
            case=case.id,
            text=answers[i].text,
            correct=correct(probe, answers[i].text, case),
            nll=max(0.0, likelihoods[i].nll),
            tokens=likelihoods[i].tokens,
            stopped=answers[i].stopped,
        )
        for i, (lane, probe, case) in enumerate(asked)
    ]
