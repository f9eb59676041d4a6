"""Measuring never repeats itself: what is known is not computed again, not even after a crash."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from made_adapters import STARTER, make_adapter

from studio import Recipe, Studio
from studio.engine.drift import drift
from studio.engine.load import Engine
from studio.engine.measurement import Measurement
from studio.engine.noise import noise
from studio.errors import RunError
from studio.measure.cache import OutcomeCache
from studio.measure.case import Case
from studio.measure.outcome import BASE, Outcome
from studio.measure.probe import Probe, Scorer, find
from studio.measure.results import read_report, read_run_outcomes
from studio.tuning.events import EventLog, read_events
from studio.tuning.run import Run

pytestmark = pytest.mark.slow

CAPITALS = ("Paris", "Rome", "Madrid", "Berlin")


def probe(name: str, scorer: Scorer, *, kind: str = "retention", n: int = 8) -> Probe:
    """Cases that every scorer can use."""
    cases = []
    for number in range(n):
        fields: dict[str, Any] = {"id": f"{name}-{number}", "prompt": f"Question {number}: 1 + 1?"}
        fields["answer"] = CAPITALS[number % 4]
        if scorer == "choice":
            fields["choices"] = CAPITALS
        if scorer == "text":
            fields = {"id": f"{name}-{number}", "messages": [], "answer": f"Text {number}. Go on."}
        cases.append(Case.model_validate(fields))
    return Probe.model_validate(
        {"name": name, "title": name, "kind": kind, "scorer": scorer, "cases": cases}
    )


PROBES = [
    probe("gain", "exact", kind="gain"),
    probe("written", "contains"),
    probe("chosen", "choice"),
    probe("read", "text"),
]


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("adapters")
    return {
        "red": make_adapter(folder / "red", seed=1, scale=0.3),
        "blue": make_adapter(folder / "blue", seed=2, rank=4, scale=0.3),
    }


@pytest.fixture(scope="module")
def engine(adapters: dict[str, Path]) -> Engine:
    loaded = Engine(STARTER, "qlora")
    for lane, folder in adapters.items():
        loaded.add_lane(lane, folder)
    return loaded


@contextmanager
def forwards(engine: Engine) -> Iterator[list[int]]:
    """How many rows go through the model, pass by pass."""
    passes: list[int] = []

    def count(_module: Any, _arguments: Any, options: dict[str, Any]) -> None:
        passes.append(len(options["input_ids"]))

    hook = engine.model.register_forward_pre_hook(count, with_kwargs=True)
    inner = engine.model.get_base_model().register_forward_pre_hook(count, with_kwargs=True)
    try:
        yield passes
    finally:
        hook.remove()
        inner.remove()


def measurement(
    engine: Engine, folder: Path, probes: list[Probe], lanes: tuple[str, ...] = (BASE, "red")
) -> Measurement:
    """With the caches as a new process would open them."""
    caches = {lane: OutcomeCache(folder, lane) for lane in lanes}
    log = EventLog(folder / "events.jsonl")
    return Measurement(engine, probes, caches, max_new_tokens=6, log=log)


def test_a_known_measurement_needs_no_forward_pass(engine: Engine, tmp_path: Path) -> None:
    with forwards(engine) as passes:
        first = measurement(engine, tmp_path, PROBES).take()
        assert passes
        passes.clear()
        again = measurement(engine, tmp_path, PROBES).take()
    assert passes == []
    assert again == first
    last = list(read_events(tmp_path / "events.jsonl"))[-1]
    assert last["done"] == last["total"]


def test_every_scorer_leaves_its_own_fields(engine: Engine, tmp_path: Path) -> None:
    outcomes = measurement(engine, tmp_path, PROBES).take()
    assert len(outcomes) == 2 * sum(len(one.cases) for one in PROBES)
    kinds = {(one.probe, one.lane == BASE): one for one in outcomes}
    gain, tuned = kinds["gain", True], kinds["gain", False]
    assert gain.kl == 0
    assert tuned.kl is not None
    assert tuned.kl > 0
    assert tuned.kl_tokens == gain.kl_tokens >= 1
    assert kinds["written", False].kl is None
    chosen = kinds["chosen", False]
    assert len(chosen.choices) == 4
    assert chosen.text == CAPITALS[chosen.choices.index(min(chosen.choices))]
    read = kinds["read", False]
    assert read.correct is None
    assert read.kl_tokens == read.tokens == len(read.token_nlls)
    assert read.text == ""
    assert "".join(kinds["read", True].pieces) == PROBES[3].cases[-1].answer
    for one in outcomes:
        assert bool(one.pieces) == (one.lane == BASE)
        assert sum(one.token_nlls) == pytest.approx(one.nll, abs=1e-3)


def test_a_new_lane_does_not_measure_the_base_again(engine: Engine, tmp_path: Path) -> None:
    without_kl = PROBES[1:3]
    measurement(engine, tmp_path, without_kl, (BASE, "red")).take()
    before = (tmp_path / f"{BASE}.jsonl").read_bytes()
    with forwards(engine) as passes:
        measurement(engine, tmp_path, without_kl, ("blue",)).take()
        alone = list(passes)
        passes.clear()
        (tmp_path / "blue.jsonl").unlink()
        measurement(engine, tmp_path, without_kl, (BASE, "red", "blue")).take()
    assert passes == alone
    assert (tmp_path / f"{BASE}.jsonl").read_bytes() == before


def test_more_cases_compute_only_the_new_ones(engine: Engine, tmp_path: Path) -> None:
    def rows(folder: Path, limit: int) -> int:
        cut = [one.shortened(limit) for one in PROBES[1:3]]
        with forwards(engine) as passes:
            measurement(engine, folder, cut).take()
        return len([key for lane in (BASE, "red") for key in facts(folder, lane)]) if passes else 0

    assert rows(tmp_path, 3) == 2 * (3 + 3 + 3)
    assert rows(tmp_path, 8) == 2 * (8 + 8 + 8)
    assert rows(tmp_path, 8) == 0
    for lane in (BASE, "red"):
        assert len(set(facts(tmp_path, lane))) == len(facts(tmp_path, lane))


def facts(folder: Path, lane: str) -> list[str]:
    """The key of every line of a cache, with repetitions."""
    lines = (folder / f"{lane}.jsonl").read_text().splitlines()
    return [json.loads(line)["key"] for line in lines if line]


def test_answers_are_marked_anew_without_a_forward_pass(engine: Engine, tmp_path: Path) -> None:
    first = measurement(engine, tmp_path, PROBES[1:2]).take()
    said = first[0].text
    assert said
    case = PROBES[1].cases[0].model_copy(update={"accept": (said,)})
    kinder = PROBES[1].model_copy(update={"cases": (case, *PROBES[1].cases[1:])})
    with forwards(engine) as passes:
        again = measurement(engine, tmp_path, [kinder]).take()
    assert passes == []
    assert not first[0].correct
    assert again[0].correct


def test_another_cut_of_the_answer_is_another_answer(engine: Engine, tmp_path: Path) -> None:
    measurement(engine, tmp_path, PROBES[1:2]).take()
    caches = {lane: OutcomeCache(tmp_path, lane) for lane in (BASE, "red")}
    log = EventLog(tmp_path / "events.jsonl")
    with forwards(engine) as passes:
        Measurement(engine, PROBES[1:2], caches, max_new_tokens=3, log=log).take()
    assert passes


def test_length_normalised_choices_divide_by_characters(engine: Engine, tmp_path: Path) -> None:
    plain = probe("chosen", "choice")
    normalised = plain.model_copy(update={"normalise": True})
    outcomes = measurement(engine, tmp_path, [normalised]).take()
    for one in outcomes:
        rates = [nll / len(choice) for nll, choice in zip(one.choices, CAPITALS, strict=True)]
        assert one.text == CAPITALS[rates.index(min(rates))]


def test_the_noise_is_small_and_measured_once(engine: Engine, tmp_path: Path) -> None:
    taken = measurement(engine, tmp_path, PROBES)
    outcomes = taken.take()
    cache = OutcomeCache(tmp_path, BASE)

    def tell() -> str:
        return noise(engine, taken.asked, outcomes, cache=cache, max_new_tokens=6)

    told = tell()
    assert "0 of 16 answers changed" in told
    assert float(told.split("at most ")[1].split(" ")[0]) < 1e-3
    with forwards(engine) as passes:
        assert tell() == told
    assert passes == []
    off = [one.model_copy(update={"nll": one.nll + 1, "text": "?"}) for one in outcomes]
    assert "16 of 16 answers changed" in noise(
        engine, taken.asked, off, cache=OutcomeCache(tmp_path, "fresh"), max_new_tokens=6
    )


@pytest.mark.parametrize("method", ["qlora", "lora"])
def test_drift_is_the_norm_of_the_whole_update(method: Any, adapters: dict[str, Path]) -> None:
    engine = Engine(STARTER, method)
    engine.add_lane("red", adapters["red"])
    engine.add_lane("half", adapters["red"], strength=0.5)
    rows = {(row["lane"], row["layer"], row["module"]): row["relative"] for row in drift(engine)}
    assert len(rows) == 2 * 7 * STARTER.layers
    layer = engine.model.get_base_model().model.layers[2].mlp.down_proj
    identity = torch.eye(layer.in_features)
    with torch.no_grad():
        weight = layer.base_layer(identity)  # what the base really multiplies with, transposed
        name = engine.adapter_names(["red"])[0]  # type: ignore[index]
        update = layer.scaling[name] * layer.lora_B[name](layer.lora_A[name](identity))
    expected = (update.norm() / weight.norm()).item()
    assert expected > 0.01
    assert rows["red", 2, "down_proj"] == pytest.approx(expected, rel=1e-4)
    assert rows["half", 2, "down_proj"] == pytest.approx(expected / 2, rel=1e-4)


# ---- with real workers


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with Studio(tmp_path_factory.mktemp("studio")) as opened:
        yield opened


@pytest.fixture(scope="module")
def tuned(studio: Studio) -> Run:
    dataset = studio.build("sentiment", limit=100)
    return studio.wait(studio.train(Recipe(dataset=dataset.id, max_steps=5, learning_rate=1e-3)))


def until(happens: Callable[[], object], *, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def kept(studio: Studio) -> list[tuple[str, str]]:
    """Every whole line of the caches: whose it is, and its key."""
    found = []
    for path in sorted((studio.settings.cache / "outcomes").glob("*.jsonl")):
        for line in path.read_bytes().split(b"\n"):
            try:
                found.append((path.stem, json.loads(line)["key"]))
            except ValueError:
                continue
    return found


def counts(run: Run) -> list[tuple[int, int]]:
    return [(event["done"], event["total"]) for event in run.events() if event.kind == "progress"]


@pytest.mark.slow
def test_a_killed_measurement_goes_on_where_it_was(studio: Studio, tuned: Run) -> None:
    names = [one.name for one in find(["starter"], studio.settings.probes)][:6]
    first = studio.compare([tuned.id], probes=names, limit=30)
    # Killed in the middle of the answers, after some of them are safe.
    until(lambda: any(done > 0.6 * total for done, total in counts(first)))
    started = first.last("started")
    assert started is not None
    os.kill(int(started["pid"]), signal.SIGKILL)
    until(lambda: first.status() == "interrupted")
    done = kept(studio)
    assert done
    again = studio.wait(studio.measure_more(first.id, limit=30))
    begun, total = counts(again)[0]
    assert 0 < begun < total
    assert counts(again)[-1] == (total, total)
    assert len(set(kept(studio))) == len(kept(studio))  # no fact was found twice
    assert kept_before(done, kept(studio))
    assert {one.lane for one in read_run_outcomes(again)} == {BASE, tuned.id}
    assert (again.folder / "drift.json").exists()


def kept_before(before: list[tuple[str, str]], after: list[tuple[str, str]]) -> bool:
    return set(before) <= set(after)


@pytest.mark.slow
def test_measuring_more_reuses_all_and_adds_the_rest(studio: Studio, tuned: Run) -> None:
    names = ["starter-capitals", "starter-opposites"]
    few = studio.wait(studio.compare([tuned.id], probes=names, limit=5))
    more = studio.wait(studio.measure_more(few.id, limit=12))
    before = {(one.lane, one.probe, one.case): one for one in read_run_outcomes(few)}
    after = {(one.lane, one.probe, one.case): one for one in read_run_outcomes(more)}
    assert before.items() <= after.items()
    assert len(after) == 2 * 3 * 12
    begun, total = counts(more)[0]
    assert 0 < begun < total
    assert all("seconds_left" in (event.model_extra or {}) for event in more.events()[-2:-1])
    assert "nats per token apart" in read_report(more).conditions["A/A noise"]
    with pytest.raises(RunError, match="give a higher limit"):
        studio.measure_more(more.id, limit=6)
    known = studio.wait(studio.measure_more(more.id, limit=12))
    assert counts(known) == [(total, total)]
    assert read_run_outcomes(known) == list(after.values())


@pytest.mark.slow
def test_a_torn_cache_is_measured_where_it_is_torn(studio: Studio, tuned: Run) -> None:
    names = ["starter-capitals"]
    whole = studio.wait(studio.compare([tuned.id], probes=names, limit=4))
    outcomes: list[Outcome] = read_run_outcomes(whole)
    for path in (studio.settings.cache / "outcomes").glob("*.jsonl"):
        path.write_bytes(path.read_bytes()[:-9])
    again = studio.wait(studio.measure_more(whole.id, limit=4))
    for before, after in zip(outcomes, read_run_outcomes(again), strict=True):
        assert after.text == before.text
        assert after.nll == pytest.approx(before.nll, abs=1e-3)
