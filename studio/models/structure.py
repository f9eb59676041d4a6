"""Which of a model's weights belong to which layer, to attention, and to the feed-forward part.

Families call them differently (q_proj, query_key_value, c_attn …). What they share is that layers
are numbered, that attention stands there under a name of its own, and that norms say so.
"""

import re
from collections.abc import Iterable
from typing import Literal

from studio.errors import ModelError

Targets = Literal["all-linear", "mlp", "attention"]

IN_LAYER = re.compile(r"^((?:.*?\.)??\w+\.)(\d+)\.(.+)$")
ATTENTION = re.compile(r"attn|attention", re.IGNORECASE)
NORM = re.compile(r"norm|\bln_", re.IGNORECASE)
READING = re.compile(r"\.(?:[qkv]_proj|qkv_proj|query_key_value|c_attn|query|key|value|W_?qkv)\b")
"""Attention's matrices but the last, which writes what was read."""
KEYS_VALUES = re.compile(r"\.(?:[kv]_proj|qkv_proj|query_key_value|c_attn|key|value|W_?qkv)\b")
ROUTERS = ("gate", "router", "shared_expert_gate")
"""Matrices that send tokens to experts."""


def layer_of(name: str) -> int:
    """The number of the layer that a weight or module belongs to; -1 for what belongs to none."""
    found = IN_LAYER.match(name)
    return int(found[2]) if found else -1


def part_of(name: str) -> Literal["attention", "mlp", ""]:
    """What part of a layer a weight or module is: neither for norms and outside of the layers."""
    found = IN_LAYER.match(name)
    if not found or NORM.search(found[3]):
        return ""
    return "attention" if ATTENTION.search(found[3]) else "mlp"


def lowest_layers(names: Iterable[str], count: int) -> str:
    """A regular expression for the names of all modules in the lowest `count` layers."""
    begins = dict.fromkeys(found[1] for name in names if (found := IN_LAYER.match(name)))
    layers = "|".join(map(str, range(count)))
    return rf"(?:.*\.)?(?:{'|'.join(map(re.escape, begins))})(?:{layers})\..*"


def endings(targets: Targets, names: Iterable[str]) -> list[str]:
    """What tells a part's matrices from all others of `names`: the shortest ends of their names.

    ModelError if there are none.
    """
    every = list(names)
    chosen = [name for name in every if part_of(name) == targets and not _is_router(name)]
    if not chosen:
        raise ModelError(
            f"This base has no matrices that can be told to be its {targets}; take the targets "
            "all-linear."
        )
    return distinct(chosen, every)


def distinct(chosen: Iterable[str], every: Iterable[str]) -> list[str]:
    """The shortest ends of the chosen names that no other name has, each once, in their order."""
    own = list(chosen)
    others = [f".{name}" for name in set(every) - set(own)]
    found: dict[str, None] = {}
    for name in own:
        parts = name.split(".")
        ends = (".".join(parts[-count:]) for count in range(1, len(parts) + 1))
        found[next(end for end in ends if not any(o.endswith(f".{end}") for o in others))] = None
    return list(found)


def _is_router(name: str) -> bool:
    return name.rpartition(".")[2] in ROUTERS
