"""Side by side: all lanes in one batch against the other ways to answer with a base and a tuned.

On the starter and on a model of 135 million random weights, in full precision and in 4 bits:
time until both answers are complete, time to either's first token, memory, five lanes against
one. Every way runs in a process of its own. `python tests/bench/chat.py` takes about eight
minutes on two idle cores; `--model starter` less than two.
"""

import argparse
import gc
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

PROMPT, TOKENS = 40, 64
WAYS = {
    "fp32": ("one batch", "toggled", "two models", "merged", "merged, threads", "adapter_names"),
    "NF4": ("one batch", "unpacked", "toggled", "two models", "adapter_names"),
}
OURS = ("one batch", "unpacked")
LANES = ("red", "blue", "green", "gold")


def make_model(folder: Path) -> None:
    """A Llama of 135 million random weights with the starter's tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from studio.models.catalogue import STARTER

    torch.manual_seed(0)
    shape = {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30}
    heads = {"num_attention_heads": 9, "num_key_value_heads": 3, "vocab_size": 49152}
    config = LlamaConfig(**shape, **heads, tie_word_embeddings=True, max_position_embeddings=2048)
    model = LlamaForCausalLM(config)
    for weight in model.parameters():
        if weight.dim() == 2:
            torch.nn.init.normal_(weight, std=0.05)  # answers that depend on what was said
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(STARTER / name, folder)


def make_adapters(model: str, folder: Path) -> None:
    """Four adapters of rank 16 that learned nothing, but change what is said."""
    import torch
    from peft import LoraConfig, get_peft_model

    from studio.engine.weights import load_model
    from studio.models.catalogue import find_base

    base = find_base(model)
    for seed, lane in enumerate(LANES):
        torch.manual_seed(seed)
        config = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear")
        tuned = get_peft_model(load_model(base, "lora"), config)
        for name, weight in tuned.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.01)
        tuned.save_pretrained(str(folder / lane))
        made_for = {"base": model, "base_fingerprint": base.fingerprint}
        (folder / lane / "made_for.json").write_text(json.dumps(made_for))


Times = list[float]


class Said:
    """Tokens and times of one answer by the library's generate."""

    def __init__(self, begin: float) -> None:
        self._begin = begin
        self.times: Times = []
        self._prompt_seen = False

    def put(self, value: Any) -> None:
        """The prompt, then one token at a time."""
        if self._prompt_seen:
            self.times.append(time.perf_counter() - self._begin)
        self._prompt_seen = True

    def end(self) -> None:
        """Nothing to be done."""


def generate(model: Any, rows: int, begin: float, **options: Any) -> tuple[list[list[int]], Times]:
    """What the library says, greedily, and when each token came."""
    import torch
    from transformers import GenerationConfig

    ids = torch.arange(100, 100 + PROMPT).repeat(rows, 1)
    said = Said(begin)
    model.generation_config.eos_token_id = None
    config = GenerationConfig(
        max_new_tokens=TOKENS, do_sample=False, eos_token_id=None, pad_token_id=0
    )
    with torch.inference_mode():
        out = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=config,
            streamer=said, **options,
        )  # fmt: skip
    return out[:, PROMPT:].tolist(), said.times


class Ours:
    """The studio's engine."""

    def __init__(self, model: str, precision: str, adapters: Path, *, unpacked: bool) -> None:
        from studio.engine.load import Engine
        from studio.models.catalogue import find_base

        method: Any = "qlora" if precision == "NF4" else "lora"
        self.engine = Engine(find_base(model), method, unpacked=unpacked)
        self.engine.add_lane(LANES[0], adapters / LANES[0])
        self._adapters = adapters

    def more(self) -> None:
        """All four adapters on the base."""
        for lane in LANES:
            self.engine.add_lane(lane, self._adapters / lane)

    def answer(self, lanes: tuple[str, ...] = ("base", LANES[0])) -> tuple[Any, list[Times]]:
        """Tokens and times of every lane."""
        from studio.chat.protocol import Sampling
        from studio.engine.decode import decode
        from studio.engine.draw import Draw

        begin, times, said = time.perf_counter(), [], []

        def hear(tokens: list[int]) -> bool:
            times.append(time.perf_counter() - begin)
            said.append(tokens)
            return True

        texts = [list(range(100, 100 + PROMPT))] * len(lanes)
        decode(self.engine, lanes, texts, Draw(Sampling()), limit=TOKENS, hear=hear)
        return [list(row) for row in zip(*said, strict=True)], [times] * len(lanes)


class Theirs:
    """A base and a tuned model as the libraries' manuals show it."""

    def __init__(self, model: str, precision: str, adapters: Path, way: str) -> None:
        from peft import PeftModel

        from studio.engine.weights import load_model
        from studio.models.catalogue import find_base

        base, method = find_base(model), "qlora" if precision == "NF4" else "lora"
        self.way = way
        self.base: Any = load_model(base, method).eval()  # type: ignore[arg-type]
        under = self.base if way in ("toggled", "adapter_names") else load_model(base, method)  # type: ignore[arg-type]
        tuned = PeftModel.from_pretrained(under, str(adapters / LANES[0]), adapter_name="run_1")
        self.tuned: Any = tuned.merge_and_unload() if way.startswith("merged") else tuned
        self.tuned.eval()

    def answer(self) -> tuple[Any, list[Times]]:
        """Tokens and times of the base and of the tuned."""
        begin = time.perf_counter()
        if self.way == "adapter_names":
            names = ["__base__", "run_1"]
            said, times = generate(self.tuned, 2, begin, adapter_names=names)
            return said, [times, times]
        if self.way == "merged, threads":
            return self._at_once(begin)
        if self.way == "toggled":
            with self.tuned.disable_adapter():
                first = generate(self.tuned, 1, begin)
        else:
            first = generate(self.base, 1, begin)
        second = generate(self.tuned, 1, begin)
        return [*first[0], *second[0]], [first[1], second[1]]

    def _at_once(self, begin: float) -> tuple[Any, list[Times]]:
        found: dict[int, Any] = {}

        def run(place: int, model: Any) -> None:
            found[place] = generate(model, 1, begin)

        both = enumerate((self.base, self.tuned))
        threads = [threading.Thread(target=run, args=one) for one in both]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [*found[0][0], *found[1][0]], [found[0][1], found[1][1]]


def measure(model: str, precision: str, way: str, adapters: Path, rounds: int) -> dict[str, Any]:
    """One way, in this process: medians of seconds, tokens, and megabytes."""
    import psutil

    talker: Any
    if way in OURS:
        talker = Ours(model, precision, adapters, unpacked=way == "unpacked")
    else:
        talker = Theirs(model, precision, adapters, way)
    said, _ = talker.answer()
    gc.collect()
    memory = psutil.Process().memory_info().rss / 2**20
    taken = [talker.answer()[1] for _ in range(rounds)]
    speeds = [[(TOKENS - 1) / (lane[-1] - lane[0]) for lane in times] for times in taken]
    found = {
        "both": statistics.median(max(lane[-1] for lane in times) for times in taken),
        "first": [statistics.median(times[lane][0] for times in taken) for lane in (0, 1)],
        "speed": [statistics.median(lanes[lane] for lanes in speeds) for lane in (0, 1)],
        "memory": memory,
        "said": said,
    }
    if way in OURS:
        found["five"] = five_to_one(talker, rounds)
    return found


def five_to_one(talker: Ours, rounds: int) -> float:
    """How many times one lane's time five lanes take."""
    talker.more()
    medians = []
    for lanes in ((LANES[0],), ("base", *LANES)):
        talker.answer(lanes)
        ends = [talker.answer(lanes)[1][0][-1] for _ in range(rounds)]
        medians.append(statistics.median(ends))
    return medians[1] / medians[0]


def in_own_process(*arguments: str) -> dict[str, Any]:
    """The measurement of one way."""
    command = [sys.executable, __file__, "--one", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def same(one: list[list[int]], other: list[list[int]]) -> str:
    """How far two pairs of answers are the same."""
    agree = [
        next((at for at, (a, b) in enumerate(zip(x, y, strict=True)) if a != b), TOKENS)
        for x, y in zip(one, other, strict=True)
    ]
    return "all" if min(agree) == TOKENS else f"first {min(agree)}"


def show(title: str, found: dict[str, dict[str, Any]]) -> None:
    """A table in Markdown."""
    ours = next(iter(found.values()))
    print(f"\n**{title}**\n")
    print("| way | both complete | first tokens | tokens/s per lane | memory | same tokens | 5:1 |")
    print("|---|---|---|---|---|---|---|")
    for way, one in found.items():
        firsts = " / ".join(f"{seconds:.2f}" for seconds in one["first"])
        speeds = " / ".join(f"{speed:.0f}" for speed in one["speed"])
        five = f"{one['five']:.2f}" if "five" in one else ""
        print(
            f"| {way} | {one['both']:.2f} s | {firsts} s | {speeds} | {one['memory']:.0f} MB "
            f"| {same(ours['said'], one['said'])} | {five} |",
            flush=True,
        )


def main() -> None:
    """All tables, or one way of one table for the process that asked."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--one", nargs=5, metavar=("MODEL", "PRECISION", "WAY", "ADAPTERS", "R"))
    reader.add_argument("--rounds", type=int, default=3)
    reader.add_argument("--model", choices=("starter", "135M", "both"), default="both")
    asked = reader.parse_args()
    if asked.one:
        model, precision, way, adapters, rounds = asked.one
        print(json.dumps(measure(model, precision, way, Path(adapters), int(rounds))))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if asked.model != "starter":
            make_model(folder / "135M")
        models = {"starter": "starter", "135M": str(folder / "135M")}
        for title, model in models.items():
            if asked.model not in (title, "both"):
                continue
            make_adapters(model, folder / f"adapters-{title}")
            for precision, ways in WAYS.items():
                given = (str(folder / f"adapters-{title}"), str(asked.rounds))
                found = {way: in_own_process(model, precision, way, *given) for way in ways}
                show(f"{title}, {precision}", found)


if __name__ == "__main__":
    main()
