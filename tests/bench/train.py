"""Training against TRL and LLaMA-Factory: `PYTHONPATH=. python tests/bench/train.py [FOLDER]`.

The same 1,000 short chats, the starter as base, the same LoRA and the same batches, in float32 and
in NF4, by turns: this project from pressing Start with the studio open and its standby warm, with
its gauges and verified checkpoints; a plain TRL script with TRL's defaults, as far as they run
without a GPU; one tuned by hand; LLaMA-Factory from PyPI in an environment of its own. A FOLDER
keeps that environment, and all the rest, for the next time. Wants an otherwise idle machine.

Wall time and first step count from the command or from Start, up to the saved adapter (ours: the
verified one); tokens/s is that of all the time between the end of the first step and the end of
the last one, whatever else happens in it, without what is filled up.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from peers import make_environment
from rich.console import Console
from rich.table import Table

from studio import Recipe, Studio
from studio.data.dataset import Dataset
from studio.data.template import Template
from studio.models.catalogue import find_base

HERE = Path(__file__).parent
ROUNDS = int(os.environ.get("ROUNDS", "3"))
PEER = "llamafactory==0.9.5"
SAME = ("torch", "bitsandbytes")
ROWS = 1112  # of which nine in ten are learned
THINGS = (
    "apple", "bird", "boat", "cat", "cup", "dog", "fish", "garden", "hill", "house", "lake", "moon",
    "road", "ship", "star", "tree",
)  # fmt: skip
STANDBY = 120.0  # seconds that the libraries may take to load
QUIET = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
# Some builds of these do not load beside another build of torch; only pictures and sound need them.
UNUSED = ("torchvision", "torchaudio")


class Timing(NamedTuple):
    """Seconds until the adapter is saved and until the first step; speed; bytes at most."""

    wall: float
    first: float
    speed: float
    memory: int


def main() -> None:
    """Make everything, measure in turn, print a table for each way of holding the base."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--only-environment", action="store_true", help="make it, measure nothing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (options.folder or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        python = make_peer(folder / "llama-factory")
        if options.only_environment:
            return
        with Studio(folder / "home") as studio:
            dataset = make_data(studio)
            write_chats(dataset, folder)
            for method in ("lora", "qlora"):
                recipe = Recipe(dataset=dataset.id, method=method, epochs=1, max_length=256)
                show(method, measure(studio, recipe, python, folder))


def make_peer(folder: Path) -> Path:
    """LLaMA-Factory in a virtual environment with our torch; its Python."""
    python = make_environment(folder, "llamafactory-cli", PEER, SAME)
    for name in UNUSED:
        loads = subprocess.run([python, "-c", f"import {name}"], capture_output=True)
        if loads.returncode:
            replace_by_nothing(python, name)
    return python


def replace_by_nothing(python: Path, name: str) -> None:
    """Do without a library that does not load; torchvision may be missing, torchaudio be empty."""
    subprocess.run([python, "-m", "pip", "uninstall", "-q", "-y", name], check=True)
    if name == "torchaudio":  # which LLaMA-Factory imports in any case
        where = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
        found = subprocess.run([python, "-c", where], capture_output=True, text=True, check=True)
        module = Path(found.stdout.strip()) / name / "__init__.py"
        module.parent.mkdir(exist_ok=True)
        module.write_text("")


def make_data(studio: Studio) -> Dataset:
    """Short chats of many lengths, always the same ones."""
    known = [one for one in studio.datasets() if one.card.name == "bench-chats"]
    if known:
        return studio.dataset(known[0].id)
    luck = random.Random(7)
    rows = []
    for _ in range(ROWS):
        words = [luck.choice(THINGS) for _ in range(luck.randint(1, 12))]
        asked = luck.choice(("How many words are these", "Which word comes last", "Say them again"))
        answers = {
            "How many words are these": f"There are {len(words)} words.",
            "Which word comes last": f"The last word is {words[-1]}.",
            "Say them again": " ".join(words),
        }
        rows.append({"question": f"{asked}: {' '.join(words)}?", "answer": answers[asked]})
    template = Template.model_validate(
        {
            "name": "bench-chats", "title": "Chats", "description": "Short chats.", "task": "chat",
            "license": "Apache-2.0", "source": "written by this bench", "answer": "{{ answer }}",
            "phrasings": ["{{ question }}"],
        }
    )  # fmt: skip
    return studio.build(template, rows, name="bench-chats", heldout_share=0.1)


def write_chats(dataset: Dataset, folder: Path) -> None:
    """The examples that we learn, for TRL and for LLaMA-Factory."""
    trl, factory = [], []
    for one in dataset.train():
        asked = [message.model_dump() for message in one.messages]
        answered = {"role": "assistant", "content": one.completion}
        trl.append(json.dumps({"prompt": asked, "completion": [answered]}))
        factory.append({"messages": [*asked, answered]})
    (folder / "trl.jsonl").write_text("\n".join(trl) + "\n")
    (folder / "factory.json").write_text(json.dumps(factory))
    about = {
        "file_name": "factory.json", "formatting": "sharegpt", "columns": {"messages": "messages"},
        "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user",
                 "assistant_tag": "assistant", "system_tag": "system"},
    }  # fmt: skip
    (folder / "dataset_info.json").write_text(json.dumps({"chats": about}))


def measure(studio: Studio, recipe: Recipe, python: Path, folder: Path) -> dict[str, list[Timing]]:
    """Timings of all four, one after the other in every round."""
    found: dict[str, list[Timing]] = {}
    for _ in range(ROUNDS):
        turns = {
            "Instruct Studio": run_ours(studio, recipe),
            "TRL, its defaults": run_trl(recipe, folder, tuned=False),
            "TRL, tuned by hand": run_trl(recipe, folder, tuned=True),
            "LLaMA-Factory": run_factory(recipe, python, folder),
        }
        for name, timing in turns.items():
            found.setdefault(name, []).append(timing)
            Console().print(f"{recipe.method}, {name}: {tell(timing)}")
    return found


def run_ours(studio: Studio, recipe: Recipe) -> Timing:
    """From Start to the verified adapter, the standby warm, gauges and checkpoints as they are."""
    shutil.rmtree(studio.settings.cache, ignore_errors=True)
    await_standby(studio)
    began = time.time()
    run = studio.wait(studio.train(recipe))
    events = run.events()
    steps = [event.at for event in events if event.kind == "step"]
    ended = next(event for event in events if event.kind == "finished")
    tokens = int(ended["tokens"])
    return timing(began, ended.at, steps, tokens, int(ended["peak_memory"]))


def await_standby(studio: Studio) -> None:
    """Return when the libraries are loaded, as they are while a person looks at the page."""
    studio.warm_up()
    deadline = time.monotonic() + STANDBY
    while not studio.is_warm():
        if time.monotonic() > deadline:
            raise SystemExit("The standby did not get ready.")
        studio.runs()
        time.sleep(0.2)
    time.sleep(1)


def run_trl(recipe: Recipe, folder: Path, *, tuned: bool) -> Timing:
    """A plain script with TRL, in our environment."""
    asked = shared(recipe, folder / "trl-output") | {
        "data": str(folder / "trl.jsonl"), "tuned": tuned, "in_4_bits": recipe.method == "qlora",
    }  # fmt: skip
    settings = folder / "trl.json"
    settings.write_text(json.dumps(asked))
    return run_peer([sys.executable, HERE / "clocked.py"], ["trl", settings], folder, asked)


def run_factory(recipe: Recipe, python: Path, folder: Path) -> Timing:
    """LLaMA-Factory's own command; its template is read from the base."""
    asked = shared(recipe, folder / "factory-output")
    config = {
        "model_name_or_path": asked["base"], "stage": "sft", "do_train": True,
        "finetuning_type": "lora", "lora_target": "all", "lora_rank": asked["rank"],
        "lora_alpha": asked["alpha"], "lora_dropout": asked["dropout"],
        "dataset": "chats", "dataset_dir": str(folder), "cutoff_len": asked["max_length"],
        "overwrite_cache": True, "output_dir": asked["output"], "overwrite_output_dir": True,
        "per_device_train_batch_size": asked["batch_size"], "num_train_epochs": 1.0,
        "learning_rate": asked["learning_rate"], "logging_steps": asked["logging_steps"],
        "lr_scheduler_type": "cosine", "report_to": "none", "seed": asked["seed"],
    }  # fmt: skip
    if recipe.method == "qlora":
        config |= {"quantization_bit": 4, "quantization_method": "bnb", "double_quantization": True}
    settings = folder / "factory.yaml"
    settings.write_text(json.dumps(config, indent=1))  # JSON is YAML
    command = [python, HERE / "clocked.py"]
    return run_peer(command, ["llamafactory", "train", settings], folder, asked)


def shared(recipe: Recipe, output: Path) -> dict[str, Any]:
    """What all of them are told."""
    return {
        "base": str(find_base(recipe.base).folder), "output": str(output), "rank": recipe.rank,
        "alpha": recipe.alpha, "dropout": recipe.dropout, "batch_size": recipe.batch_size,
        "max_length": recipe.max_length, "learning_rate": recipe.rate, "logging_steps": 10,
        "seed": recipe.seed,
    }  # fmt: skip


def run_peer(
    command: list[Any], arguments: list[Any], folder: Path, asked: dict[str, Any]
) -> Timing:
    """One process of a peer; ends the bench with what it said if it fails."""
    shutil.rmtree(asked["output"], ignore_errors=True)
    seconds, said = folder / "seconds.json", folder / "peer.log"
    seconds.unlink(missing_ok=True)
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = kept | QUIET | {"HF_HOME": str(folder / "hub")}
    began = time.time()
    with said.open("wb") as log:
        process = subprocess.Popen(
            [str(part) for part in [command[0], *command[1:], seconds, *arguments]],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment, cwd=folder,
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    adapter = Path(asked["output"]) / "adapter_model.safetensors"
    if process.returncode or not adapter.exists():
        sys.exit(said.read_text(errors="replace")[-4000:])
    clock = json.loads(seconds.read_text())
    saved = adapter.stat().st_mtime
    return timing(began, saved, clock["ends"], clock["tokens"], used.ru_maxrss << 10)


def timing(began: float, saved: float, ends: list[float], tokens: int, memory: int) -> Timing:
    """From the times at which it began, was saved, and every step ended; one round over tokens."""
    steady = tokens * (len(ends) - 1) / len(ends)
    return Timing(saved - began, ends[0] - began, steady / (ends[-1] - ends[0]), memory)


def tell(one: Timing) -> str:
    """A timing in a line."""
    return (
        f"wall {one.wall:.1f} s, first step {one.first:.2f} s, {one.speed:.0f} tokens/s, "
        f"{one.memory >> 20} MB"
    )


def show(method: str, found: dict[str, list[Timing]]) -> None:
    """A row for each, the medians of the rounds, and how ours compares with the best of them."""
    held = {"lora": "float32", "qlora": "NF4"}[method]
    table = Table(
        "", "wall, s", "first step, s", "tokens/s", "peak memory, MB",
        title=f"LoRA on the starter in {held}, median of {ROUNDS}",
    )  # fmt: skip
    middle = {
        name: Timing(*(median(column) for column in zip(*timings, strict=True)))
        for name, timings in found.items()
    }
    for name, one in middle.items():
        table.add_row(
            name, f"{one.wall:.1f}", f"{one.first:.2f}", f"{one.speed:.0f}",
            f"{int(one.memory) >> 20}",
        )  # fmt: skip
    Console().print(table)
    ours, *peers = middle.values()
    Console().print(
        f"{held}: wall {ours.wall / min(one.wall for one in peers):.2f} of the best, first step "
        f"{min(one.first for one in peers) / ours.first:.1f} times sooner, tokens/s "
        f"{ours.speed / max(one.speed for one in peers):.2f} of the best, memory "
        f"{ours.memory / min(one.memory for one in peers):.2f} of the least\n"
    )


if __name__ == "__main__":
    main()
