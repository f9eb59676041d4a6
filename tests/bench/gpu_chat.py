"""Chat of 1, 2 and 5 lanes in one batch: the last table of `tests/bench/gpu.py`.

    PYTHONPATH=. python tests/bench/gpu_chat.py MODEL ADAPTER ROUNDS

Prints the table as one line of JSON.
"""

import json
import shutil
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch

from studio.chat.protocol import Sampling
from studio.engine.decode import decode
from studio.engine.draw import Draw
from studio.engine.load import Engine
from studio.models.catalogue import find_base

PROMPT, TOKENS = 40, 64
LANES = ("red", "blue", "green", "gold")


def main() -> None:
    """Load, ask, tell."""
    model, adapter, rounds = sys.argv[1:]
    engine = Engine(find_base(model), "qlora")
    for lane in LANES:
        folder = Path(adapter).with_name(f"lane-{lane}")
        shutil.copytree(adapter, folder)
        engine.add_lane(lane, folder)
    asked = {1: LANES[:1], 2: ("base", LANES[0]), 5: ("base", *LANES)}
    took = {count: measure(engine, lanes, int(rounds)) for count, lanes in asked.items()}
    proof, memory = engine.prove_base(), engine.memory
    if torch.cuda.is_available():
        memory = torch.cuda.max_memory_reserved()
    lines = [f"\n| lanes, {TOKENS} tokens after {PROMPT} | seconds | times one | tokens/s in all |",
             "|--:|--:|--:|--:|"]  # fmt: skip
    lines += [
        f"| {count} | {seconds:.2f} | {seconds / took[1]:.2f} | {count * TOKENS / seconds:,.0f} |"
        for count, seconds in took.items()
    ]
    way = "the studio's own step" if engine.quick else "the library's step"
    lines.append(f"\nDecoded with {way}; beside all lanes the base's logits moved by {proof:.1e}; "
                 f"{memory / 2**30:.2f} GiB.")  # fmt: skip
    print(json.dumps("\n".join(lines)))


def measure(engine: Engine, lanes: tuple[str, ...], rounds: int) -> float:
    """Seconds until all lanes have answered; the median, after a first time that is not counted."""

    def answer() -> float:
        began = time.perf_counter()
        texts = [list(range(100, 100 + PROMPT))] * len(lanes)
        decode(engine, lanes, texts, Draw(Sampling()), limit=TOKENS, hear=lambda _: True)
        return time.perf_counter() - began

    answer()
    return statistics.median(answer() for _ in range(rounds))


if __name__ == "__main__":
    main()
