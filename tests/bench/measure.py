"""Multiple choice against lm-eval: `PYTHONPATH=. python tests/bench/measure.py [FOLDER]`.

Both score the same 400 four-way items on the starter in float32 and on one adapter: short choices
over repeated questions, and sentences in conversations that are all different. lm-eval gets an
environment of its own with the same torch, transformers and PEFT; a FOLDER keeps it, and all the
rest, for the next time. Wall times are whole processes: lm-eval once for the base and once for
the adapter, the studio's own worker once for both. Wants an otherwise idle machine.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from four_way import TASKS, Item
from peers import make_environment
from rich.console import Console
from rich.table import Table

from studio import Recipe, Studio
from studio.measure.case import Case
from studio.measure.comparison import Comparison, LaneSpec
from studio.measure.outcome import BASE
from studio.measure.probe import Probe, save
from studio.measure.results import read_run_outcomes
from studio.models.catalogue import find_base
from studio.tuning.run import Run, create_run

ROOT = Path(__file__).parents[2]
ROUNDS = int(os.environ.get("ROUNDS", "3"))
LM_EVAL = "lm-eval==0.4.13"
SAME = ("torch", "transformers", "peft", "accelerate", "tokenizers")
BATCH = 64  # rows of lm-eval's forward passes
QUIET = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
# lm-eval's own command with a clock around its two calls that tokenise and that score.
CLOCKED = """
import json, os, time
from lm_eval.models.huggingface import HFLM
from lm_eval.__main__ import cli_evaluate
seconds = {}
def clock(name):
    plain = getattr(HFLM, name)
    def call(*arguments, **options):
        begun = time.perf_counter()
        found = plain(*arguments, **options)
        seconds[name] = time.perf_counter() - begun
        return found
    setattr(HFLM, name, call)
clock("loglikelihood")
clock("_loglikelihood_tokens")
cli_evaluate()
with open(os.environ["SECONDS_FILE"], "w") as file:
    json.dump(seconds, file)
"""

Scores = list[list[float]]
"""By item the log-likelihood of every choice."""


class Timing(NamedTuple):
    """Seconds of one process, of the scoring in it, and of that with the tokenising before it."""

    wall: float
    scoring: float
    with_tokens: float


def main() -> None:
    """Make everything, measure in turn, compare item by item, print the table."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else Path(scratch)
        python = make_environment(folder / "lm-eval", "lm-eval", LM_EVAL, SAME)
        with Studio(folder / "home") as studio:
            tuned = tune(studio)
            for name, make in TASKS.items():
                write_task(folder / "tasks", name, make())
                save(as_probe(name, make()), studio.settings.probes)
            for name, make in TASKS.items():
                show(name, *measure(name, make(), studio, tuned, python, folder))


def tune(studio: Studio) -> Run:
    """A run with an adapter for the base in full precision; one is enough."""
    known = [run for run in studio.runs() if run.kind == "tune" and run.status() == "finished"]
    if known:
        return known[0]
    dataset = studio.build("sentiment", limit=200)
    recipe = Recipe(dataset=dataset.id, method="lora", max_steps=30, learning_rate=2e-3)
    return studio.wait(studio.train(recipe))


def write_task(folder: Path, name: str, items: list[Item]) -> None:
    """The items as a task of lm-eval."""
    folder.mkdir(exist_ok=True)
    rows = folder / f"{name}.jsonl"
    rows.write_text("".join(json.dumps(item._asdict()) + "\n" for item in items))
    task = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(rows)}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "context",
        "doc_to_choice": "choices",
        "doc_to_target": "label",
        "target_delimiter": " ",
        "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
    }
    (folder / f"{name}.yaml").write_text(json.dumps(task, indent=1))  # JSON is YAML


def as_probe(name: str, items: list[Item]) -> Probe:
    """The items as a probe of bare text: the same tokens as in lm-eval."""
    cases = [
        Case.model_validate(
            {
                "id": f"{number:03}",
                "prompt": item.context,
                "answer": item.choices[item.label],
                "choices": item.choices,
            }
        )
        for number, item in enumerate(items)
    ]
    return Probe(
        name=name, title=name, kind="retention", scorer="choice", chat=False, cases=tuple(cases)
    )


def measure(
    name: str, items: list[Item], studio: Studio, tuned: Run, python: Path, folder: Path
) -> tuple[list[Timing], list[Timing], list[Timing]]:
    """Timings of lm-eval on the base and on the adapter, and of the studio on both."""
    peer_base, peer_tuned, ours = [], [], []
    for number in range(ROUNDS):
        timing, base = run_peer(python, folder, name, None)
        peer_base.append(timing)
        timing, adapted = run_peer(python, folder, name, tuned.adapter)
        peer_tuned.append(timing)
        timing, scores = run_ours(studio, tuned, name)
        ours.append(timing)
        if number == 0:
            for lane, peer in ((BASE, base), (tuned.id, adapted)):
                agree(name, lane, items, scores[lane], peer)
    return peer_base, peer_tuned, ours


def run_peer(
    python: Path, folder: Path, name: str, adapter: Path | None
) -> tuple[Timing, list[dict[str, Any]]]:
    """One process of lm-eval; its timing, and what it says about every item."""
    results = folder / "results"
    shutil.rmtree(results, ignore_errors=True)
    model = f"pretrained={find_base('starter').folder},dtype=float32"
    command = [
        python, "-c", CLOCKED, "run", "--model", "hf", "--tasks", name,
        "--include_path", folder / "tasks", "--device", "cpu", "--batch_size", BATCH,
        "--model_args", model + (f",peft={adapter}" if adapter else ""),
        "--output_path", results, "--log_samples",
    ]  # fmt: skip
    clock = folder / "seconds.json"
    environment = QUIET | {"SECONDS_FILE": str(clock), "HF_HOME": str(folder / "hub")}
    wall = run([str(part) for part in command], environment)
    seconds = json.loads(clock.read_text())
    lines = next(results.rglob("samples_*.jsonl")).read_text().splitlines()
    said = sorted((json.loads(line) for line in lines), key=lambda sample: sample["doc_id"])
    return Timing(wall, seconds["_loglikelihood_tokens"], seconds["loglikelihood"]), said


def run_ours(studio: Studio, tuned: Run, name: str) -> tuple[Timing, dict[str, Scores]]:
    """One worker of the studio with nothing in its cache, base and adapter in one process."""
    shutil.rmtree(studio.settings.cache / "outcomes", ignore_errors=True)
    comparison = Comparison(
        base="starter", method="lora", lanes=(LaneSpec(run=tuned.id),), probes=(name,)
    )
    measuring = create_run(studio.settings.runs, comparison, about=name)
    command = [sys.executable, "-m", "studio.engine.worker", str(measuring.folder)]
    wall = run(command, QUIET | {"PYTHONPATH": str(ROOT)})
    events = measuring.events()
    begun = next(one.at for one in events if one.kind == "phase" and one["name"] == "measuring")
    progress = [one.at for one in events if one.kind == "progress"]
    scores: dict[str, Scores] = {BASE: [], tuned.id: []}
    for outcome in read_run_outcomes(measuring):
        scores[outcome.lane].append([-nll for nll in outcome.choices])
    return Timing(wall, progress[-1] - progress[0], progress[-1] - begun), scores


def run(command: list[str], environment: dict[str, str]) -> float:
    """Seconds that a command takes; ends the bench with what it said if it fails."""
    begun = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - begun
    if done.returncode:
        sys.exit(done.stdout[-2000:] + done.stderr[-4000:])
    return seconds


def agree(
    name: str, lane: str, items: list[Item], ours: Scores, peer: list[dict[str, Any]]
) -> None:
    """Say on how many items acc and acc_norm are the same, and how far the numbers are apart."""
    same = {"acc": 0, "acc_norm": 0}
    right = {"acc": 0, "acc_norm": 0}
    apart = 0.0
    for item, found, sample in zip(items, ours, peer, strict=True):
        sizes = [len(choice) for choice in item.choices]
        marks = {
            "acc": best(found) == item.label,
            "acc_norm": best([one / size for one, size in zip(found, sizes, strict=True)])
            == item.label,
        }
        for metric, mark in marks.items():
            right[metric] += mark
            same[metric] += mark == bool(sample[metric])
        theirs = [float(one[0]) for one in sample["filtered_resps"]]
        apart = max(apart, *(abs(a - b) for a, b in zip(found, theirs, strict=True)))
    told = ", ".join(
        f"{metric} {right[metric] / len(items):.4f} (the same on {same[metric]} of {len(items)})"
        for metric in same
    )
    Console().print(f"{name}, {lane}: {told}; log-likelihoods at most {apart:.1e} nats apart")


def best(scores: list[float]) -> int:
    """The first of the highest."""
    return scores.index(max(scores))


def show(name: str, base: list[Timing], tuned: list[Timing], ours: list[Timing]) -> None:
    """A row per process, the medians of the rounds; items count once per lane."""
    table = Table(
        "process", "lanes", "scoring, s", "items/s", "with tokenising, items/s", "wall, s",
        title=f"{name}: {len(TASKS[name]())} items, median of {ROUNDS}",
    )  # fmt: skip
    for title, lanes, timings in (
        ("lm-eval, base", 1, base),
        ("lm-eval, adapter", 1, tuned),
        ("the studio's worker", 2, ours),
    ):
        count = lanes * len(TASKS[name]())
        scoring = median(one.scoring for one in timings)
        tokens = median(one.with_tokens for one in timings)
        wall = median(one.wall for one in timings)
        table.add_row(
            title, str(lanes), f"{scoring:.2f}", f"{count / scoring:.0f}",
            f"{count / tokens:.0f}", f"{wall:.1f}",
        )  # fmt: skip
    Console().print(table)
    scoring = [one.scoring + two.scoring for one, two in zip(base, tuned, strict=True)]
    wall = [one.wall + two.wall for one, two in zip(base, tuned, strict=True)]
    faster = median(scoring) / median(one.scoring for one in ours)
    sooner = median(wall) / median(one.wall for one in ours)
    Console().print(
        f"base and adapter: scoring {faster:.1f} times as fast, wall {sooner:.1f} times less\n"
    )


if __name__ == "__main__":
    main()
