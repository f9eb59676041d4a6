"""Measuring: every probe's cases answered and scored by the base and all tuned lanes."""

import json
from pathlib import Path
from typing import Any

import torch

from studio.engine.detached import prove_detached
from studio.engine.drift import drift
from studio.engine.load import Engine
from studio.engine.measurement import Measurement
from studio.engine.noise import KEY, noise
from studio.engine.weights import pick_dtype
from studio.errors import RunError
from studio.measure.cache import OutcomeCache, adapter_digest, digest
from studio.measure.comparison import Comparison, LaneSpec
from studio.measure.outcome import BASE, write_outcomes
from studio.measure.results import save_probes, save_report
from studio.models.catalogue import find_base
from studio.tuning.events import EventLog
from studio.tuning.run import Run, open_run


def compare(run: Run, log: EventLog) -> dict[str, Any]:
    """Measure what the comparison names; leaves outcomes.jsonl, from which the report is made.

    What an earlier measurement found is taken from the home's cache, also when it was broken off.
    """
    comparison = run.comparison
    home = run.folder.parent.parent
    probes = comparison.gather_probes(home)
    log("phase", name="loading the base")
    engine = load_lanes(comparison, home)
    difference = engine.prove_base()
    log("base_proved", difference=difference, about=engine.about)
    _write_drift(run.folder / "drift.json", engine)
    caches = open_caches(engine, comparison, home)
    log("phase", name="measuring")
    measurement = Measurement(
        engine, probes, caches, max_new_tokens=comparison.max_new_tokens, log=log
    )
    outcomes = measurement.take()
    write_outcomes(run.folder / "outcomes.jsonl", outcomes)
    save_probes(run, probes)
    conditions = _conditions(engine, comparison, difference)
    conditions[KEY] = noise(
        engine,
        measurement.asked,
        outcomes,
        cache=caches[BASE],
        max_new_tokens=comparison.max_new_tokens,
    )
    conditions |= prove_detached(
        engine, measurement.asked, engine.lanes, max_new_tokens=comparison.max_new_tokens
    )
    save_report(run, outcomes, probes, conditions=conditions)
    return {"outcomes": len(outcomes)}


def load_lanes(comparison: Comparison, home: Path) -> Engine:
    """One engine with every tuned lane of the comparison on it."""
    engine = Engine(find_base(comparison.base, download=False), comparison.method)
    for lane in comparison.lanes:
        engine.add_lane(lane.id, adapter_of(lane, home), strength=lane.strength)
    return engine


def adapter_of(lane: LaneSpec, home: Path) -> Path:
    """Where a lane's adapter lies: a finished run's, or one that a run kept on its way.

    Raises RunError if it is not there.
    """
    tuned = open_run(home / "runs", lane.run)
    if lane.checkpoint is None and tuned.status() != "finished":
        raise RunError(f"Run {tuned.id} is {tuned.status()}; only a finished run is measured.")
    return tuned.adapter_at(lane.checkpoint)


def open_caches(engine: Engine, comparison: Comparison, home: Path) -> dict[str, OutcomeCache]:
    """By lane, base first, what is known already about this very adapter on this very base.

    The base's fingerprint covers its tokenizer and chat template. Versions of libraries are left
    out on purpose: what they change is rounding, which the A/A noise shows.
    """
    caches = {BASE: open_cache(engine, home)}
    for lane in comparison.lanes:
        weights = adapter_digest(adapter_of(lane, home))
        caches[lane.id] = open_cache(engine, home, weights, lane.strength)
    return caches


def open_cache(engine: Engine, home: Path, *lane: Any) -> OutcomeCache:
    """What is known about the base or, given what tells it apart, about a lane on it."""
    device = engine.device
    place = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    same = (engine.base.fingerprint, engine.method, str(pick_dtype(device)), place)
    return OutcomeCache(home / "cache" / "outcomes", digest(*same, *lane))


def _write_drift(path: Path, engine: Engine) -> None:
    rows = [json.dumps(row) for row in drift(engine)]
    path.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")


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
