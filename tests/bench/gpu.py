"""On one GPU: QLoRA and side-by-side chat, on random weights in the shapes of Llama 1B and 8B.

    PYTHONPATH=. python tests/bench/gpu.py [--shape 1B 8B] [--steps 12] [--rounds 3]

For each shape (Llama-3.2-1B, Llama-3.1-8B) QLoRA r16 on all linear layers at 2,048 tokens with the
recipe's defaults, gauges and checkpoints included, in a real worker, against a plain TRL script at
the same batch; then a small batch against the memory that is commonly named for it; then chat of 2
and 5 lanes against one. About ten minutes in all, and 25 GB of disk. Needs the first block of
requirements.txt and pydantic, pyyaml, jinja2, regex, orjson, phonenumbers and python-stdnum.
`--tiny` does all the same with tiny shapes on whatever there is, to see that it works.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from studio.data.dataset import Dataset, build_dataset
from studio.data.template import Template
from studio.models.shape import find_shape
from studio.tuning.estimate import estimate
from studio.tuning.launch import WORKER, worker_environment
from studio.tuning.lengths import measure_lengths
from studio.tuning.machine import look
from studio.tuning.recipe import Recipe
from studio.tuning.run import Run, create_run

LIBRARIES = ("torch", "transformers", "peft", "trl", "bitsandbytes", "accelerate", "datasets")
GIB = 2**30
WORDS = ("river", "stone", "garden", "winter", "letter", "music", "window", "bread", "mountain",
         "silver", "evening", "road")  # fmt: skip
CALM = 0.1  # seconds of work within two seconds below which a standby has loaded everything


class Shape(NamedTuple):
    """A model of random weights, how it is tuned, and what is commonly said of its memory."""

    config: dict[str, Any]
    length: int
    batch: int
    said: str
    """QLoRA at 1,024 tokens, one or two examples at a time, gradient checkpointing."""


LLAMA_1B = {
    "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128_256,
    "tie_word_embeddings": True,
}  # fmt: skip
LLAMA_8B = {
    "hidden_size": 4096, "intermediate_size": 14_336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128_256,
    "tie_word_embeddings": False,
}  # fmt: skip
TINY = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 4096,
    "tie_word_embeddings": True,
}  # fmt: skip
SHAPES = {
    "1B": Shape(LLAMA_1B, 2048, 16, "3 to 4 GB at 1.5B"),
    "8B": Shape(LLAMA_8B, 2048, 16, "8 to 10 GB"),
    "tiny": Shape(TINY, 64, 4, "none"),
}


def main() -> None:
    """All tables, or one part for the process that asked."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--shape", nargs="+", choices=("1B", "8B"), default=["1B", "8B"])
    reader.add_argument("--steps", type=int, default=12)
    reader.add_argument("--rounds", type=int, default=3)
    reader.add_argument("--tiny", action="store_true")
    reader.add_argument("--one", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    asked = reader.parse_args()
    if asked.one:
        part, *rest = asked.one
        print(json.dumps({"make": make_model, "device": tell_device}[part](*rest)))
        return
    print(f"\n{in_own_process('device')}, {date.today()}, Python {sys.version.split()[0]}, "
          + ", ".join(f"{name} {version(name)}" for name in LIBRARIES), flush=True)  # fmt: skip
    for name in ["tiny"] if asked.tiny else asked.shape:
        with tempfile.TemporaryDirectory() as scratch:
            measure(name, SHAPES[name], Path(scratch), steps=asked.steps, rounds=asked.rounds)


def measure(name: str, shape: Shape, scratch: Path, *, steps: int, rounds: int) -> None:
    """Everything about one shape, each table as soon as it is known."""
    model, home = scratch / name, scratch / "home"
    in_own_process("make", name, str(model))
    dataset = make_dataset(home, shape)
    usual = {"base": str(model), "dataset": dataset.id, "max_length": shape.length,
             "batch_size": shape.batch, "max_steps": steps}  # fmt: skip
    recipe = Recipe.make(usual)
    print(f"\n**{name}: QLoRA r16, all linear layers, {steps} steps of {shape.batch} × "
          f"{shape.length} tokens**\n")  # fmt: skip
    print("| | tokens/s, steady | tokens/s, training | first step, s | whole, s | peak, GiB |")
    print("|---|--:|--:|--:|--:|--:|")
    run, cold = tune(home, recipe, warm=False)
    show("the studio, from cold", cold)
    _, warm = tune(home, recipe, warm=True)
    show("the studio, warm standby", warm)
    show("plain TRL", tune_plainly(model, dataset, recipe))
    tell_memory(home, recipe, cold["peak"], dataset)
    few = {"max_length": shape.length // 2, "batch_size": 2, "max_steps": 4}
    small = Recipe.make(usual | few)
    tell_memory(home, small, tune(home, small, warm=False)[1]["peak"], dataset, said=shape.said)
    chat = Path(__file__).with_name("gpu_chat.py")
    print(run_python([str(chat), str(model), str(run.adapter), str(rounds)]), flush=True)


# ---- what is tuned


def make_model(name: str, folder: str) -> str:
    """Random weights of a shape, in bfloat16, with the starter's tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from studio.models.catalogue import STARTER

    torch.manual_seed(0)
    where = "cuda" if torch.cuda.is_available() else "cpu"
    config = LlamaConfig(**SHAPES[name].config, max_position_embeddings=8192, rope_theta=500_000.0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(where):
        model = LlamaForCausalLM(config)
    model.save_pretrained(folder, max_shard_size="4GB")
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(STARTER / file, folder)
    return folder


def make_dataset(home: Path, shape: Shape) -> Dataset:
    """Questions whose answers fill every example to its last token."""
    home.mkdir()
    for folder in ("datasets", "runs", "cache"):
        (home / folder).mkdir()
    draw = random.Random(0)
    rows = [
        {"question": f"Write about {draw.choice(WORDS)} number {number}.",
         "text": " ".join(draw.choices(WORDS, k=shape.length))}
        for number in range(12 * shape.batch)
    ]  # fmt: skip
    template = Template(
        name="long", title="Long answers", description="Writes much.", task="writing",
        license="Apache-2.0", source="Drawn by this bench.", answer="{{ text }}",
        phrasings=("{{ question }}",),  # type: ignore[arg-type]
    )  # fmt: skip
    return build_dataset(template, rows, datasets_folder=home / "datasets")


def tune(home: Path, recipe: Recipe, *, warm: bool) -> tuple[Run, dict[str, float]]:
    """A real run in a worker process, its checkpoints and gauges on; what its events say."""
    run = create_run(home / "runs", recipe, about="bench")
    command = [*WORKER, "--standby"] if warm else [*WORKER, str(run.folder)]
    began = time.time()
    with (run.folder / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=worker_environment()
        )
    assert worker.stdin is not None
    if warm:
        wait_until_calm(worker.pid)
        began = time.time()
        worker.stdin.write(f"{run.folder}\n".encode())
    worker.stdin.close()
    worker.wait()
    ended = run.last("finished")
    if ended is None:
        raise SystemExit(f"{run.error()}\n{run.log_tail()}")
    steps = [event for event in run.events() if event.kind == "step"]
    tokens = int(ended["tokens"])
    return run, {
        "first": steps[0].at - began,
        "whole": ended.at - began,
        "steady": tokens / len(steps) / statistics.median(one["seconds"] for one in steps[1:]),
        "training": float(ended["tokens_per_second"]),
        "peak": float(ended["peak_memory"]),
    }


def wait_until_calm(pid: int) -> None:
    """Until the standby has imported its libraries."""
    import psutil

    process, before = psutil.Process(pid), -1.0
    while True:
        time.sleep(2)
        spent = sum(process.cpu_times()[:2])
        if spent > 1 and spent - before < CALM:
            return
        before = spent


def tune_plainly(model: Path, dataset: Dataset, recipe: Recipe) -> dict[str, float]:
    """The same rows, batch and rate through a plain TRL script."""
    rows = model.parent / "rows.jsonl"
    lines = [
        {"prompt": [one.model_dump() for one in example.messages],
         "completion": [{"role": "assistant", "content": example.completion}]}
        for example in dataset.train()
    ]  # fmt: skip
    rows.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    numbers = (recipe.max_length, recipe.batch_size, recipe.max_steps, recipe.rate)
    script = Path(__file__).with_name("gpu_trl.py")
    began = time.time()
    found = run_python([str(script), str(model), str(rows), *map(str, numbers)])
    ends = found["ends"]
    return {
        "first": ends[0] - began,
        "whole": found["ended"] - began,
        "steady": found["tokens"] / len(ends) / statistics.median(
            after - before for before, after in zip(ends, ends[1:], strict=False)
        ),
        "training": found["tokens"] * (len(ends) - 1) / len(ends) / (ends[-1] - ends[0]),
        "peak": found["peak"],
    }  # fmt: skip


# ---- asking and telling


def tell_device() -> str:
    """What it is measured on."""
    from studio.engine.weights import pick_device, tell_place

    return tell_place(pick_device())


def in_own_process(*arguments: str) -> Any:
    """A part of this bench in a process of its own, so that the memory is free after it."""
    return run_python([__file__, "--one", *arguments])


def run_python(arguments: list[str]) -> Any:
    """The JSON of the last line that a script prints."""
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def tell_memory(
    home: Path, recipe: Recipe, peak: float, dataset: Dataset, *, said: str = ""
) -> None:
    """What was taken, beside the studio's own estimate and what is commonly said."""
    lengths = measure_lengths(dataset, recipe.base)
    expected = estimate(recipe, find_shape(recipe.base), lengths, look(home)).memory
    common = f", commonly said {said}" if said else ""
    print(f"\nMemory at {recipe.batch_size} × {recipe.max_length} tokens: measured "
          f"{peak / GIB:.2f} GiB, estimated {expected / GIB:.2f} GiB{common}.",
          flush=True)  # fmt: skip


def show(name: str, found: dict[str, float]) -> None:
    """A row of the table."""
    print(f"| {name} | {found['steady']:,.0f} | {found['training']:,.0f} | {found['first']:.1f} "
          f"| {found['whole']:.1f} | {found['peak'] / GIB:.2f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
