"""Every method on one dataset: `PYTHONPATH=. python tests/bench/methods.py`.

Tunes the starter on the sentiment dataset with each method at its own learning rate, measures the
lanes that share a base in one comparison, and prints what was gained and forgotten, how long it
took and how much it keeps on the disk. At last come the held-out curves from the base's weights
and from random ones: where they start, how fast they fall, where they end.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from studio import Recipe, Studio
from studio.measure.delta import Delta
from studio.measure.probe import OVERALL
from studio.tuning.methods import learning_rate_for
from studio.tuning.run import Run
from studio.tuning.transfer import heldout_curve

WIDTH = 256  # of the starter
STEPS = 60
METHODS: dict[str, dict[str, Any]] = {
    "QLoRA": {},
    "LoRA": {"method": "lora"},
    "rsLoRA": {"rslora": True},
    "DoRA": {"dora": True},
    "EVA": {"init": "eva"},
    "IA3": {"method": "ia3", "learning_rate": 0.03},
    "soft prompt, words": {"method": "prompt_tuning", "learning_rate": 0.03},
    "soft prompt, text": {
        "method": "prompt_tuning", "learning_rate": 0.03, "prompt_init": "text",
        "prompt_text": "Is this review positive or negative?",
    },
    "soft prompt, random": {
        "method": "prompt_tuning", "learning_rate": 0.03, "prompt_init": "random",
    },
    "all weights": {"method": "full"},
    "last layer": {"method": "partial"},
    "q/k/v": {"method": "partial", "trained": "attention"},
    "MLPs": {"method": "partial", "trained": "mlp"},
    "output head": {"method": "partial", "trained": "head", "learning_rate": 5e-3},
    "two stages, last layer first": {"method": "two_stage", "learning_rate": 1e-3},
    "random weights": {"method": "scratch"},
}  # fmt: skip


def main() -> None:
    """Tune, measure, print; a folder as argument is used as home and kept."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(scratch)
        with Studio(home) as studio:
            runs = tune(studio)
            show(studio, runs)
            show_curves(runs)


def tune(studio: Studio) -> dict[str, Run]:
    """One run per method."""
    dataset = studio.build("sentiment")
    runs = {}
    for name, fields in METHODS.items():
        rate = learning_rate_for(fields.get("method", "qlora"), WIDTH)
        usual = {"dataset": dataset.id, "name": name, "max_steps": STEPS, "learning_rate": rate}
        runs[name] = studio.wait(studio.train(Recipe.make(usual | {"checkpoints": 0} | fields)))
    return runs


def show(studio: Studio, runs: dict[str, Run]) -> None:
    """A row per method."""
    table = Table("method", "gained, points", "retention, points", "seconds", "kept, kB",
                  title=f"{STEPS} steps of 16 examples")  # fmt: skip
    for way in ("qlora", "lora"):
        same = {name: run for name, run in runs.items() if run.recipe.loading == way}
        measured = studio.wait(studio.compare([run.id for run in same.values()]))
        report = studio.report(measured.id)
        for name, run in same.items():
            found = report.of(run.id)
            gain = next(one for one in found if one.kind == "gain")
            kept = next(one for one in found if one.probe == OVERALL)
            last = run.last("finished")
            size = (run.adapter / "adapter_model.safetensors").stat().st_size
            seconds = f"{last['seconds']:.0f}" if last else ""
            table.add_row(name, points(gain), points(kept), seconds, f"{size / 1000:,.0f}")
    Console(width=120).print(table)


def points(delta: Delta) -> str:
    """The difference of accuracy in points."""
    return "" if delta.difference is None else f"{100 * delta.difference:+.1f}"


def show_curves(runs: dict[str, Run]) -> None:
    """Held-out loss from the base's weights and from random ones."""
    table = Table("step", "from the base", "from random weights", title="held-out loss")
    pairs = zip(
        heldout_curve(runs["all weights"]), heldout_curve(runs["random weights"]), strict=True
    )
    for (step, base), (_, fresh) in pairs:
        table.add_row(str(step), f"{base:.3f}", f"{fresh:.3f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
