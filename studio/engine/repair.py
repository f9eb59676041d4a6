"""Repairs: a new adapter made from finished ones, exactly, on the disk's own numbers.

An adapter's update of a matrix is scale · B A, with A of shape (rank, in), B of (out, rank) and
scale = alpha / rank. Everything but the search for intruders works on A and B alone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from peft.tuners.lora.intruders import reduce_intruder_dimension
from safetensors.torch import load_file, save_file

from studio.engine.load import Engine
from studio.engine.publish import WEIGHTS, origin, publishing, write_json
from studio.errors import RunError
from studio.measure.comparison import LaneSpec
from studio.models.catalogue import Base, find_base
from studio.models.gate import check_adapter
from studio.tuning.events import EventLog
from studio.tuning.repair import LARGEST_RANK
from studio.tuning.run import Run, open_run

A, B = ".lora_A.weight", ".lora_B.weight"


@dataclass(frozen=True)
class Adapter:
    """An adapter's configuration and weights, by the names they have on the disk."""

    config: dict[str, Any]
    weights: dict[str, torch.Tensor]

    @property
    def rank(self) -> int:
        """Rank of every one of its matrices."""
        return int(self.config["r"])

    @property
    def scale(self) -> float:
        """What B A is multiplied with."""
        size = self.rank**0.5 if self.config.get("use_rslora") else self.rank
        return float(self.config["lora_alpha"]) / size

    @property
    def layers(self) -> list[str]:
        """The names of the layers it changes."""
        return [name.removesuffix(A) for name in self.weights if name.endswith(A)]


def repair(run: Run, log: EventLog) -> dict[str, Any]:
    """Make the adapter that the run's repair describes and publish it; returns what to report."""
    spec = run.repair
    base = find_base(spec.recipe.base, download=False)
    log("phase", name="reading the adapters")
    sources = [_read_lane(run, lane, base) for lane in spec.sources]
    about: dict[str, Any] = {}
    match spec.how:
        case "average":
            log("phase", name="averaging")
            made, about = average(sources, rank=spec.rank)
        case "intruder":
            made, about = _shrink_intruders(run, base, sources[0], log)
        case _:
            made = sources[0]
    with publishing(run.adapter, origin(run, base)) as draft:
        save_file(made.weights, draft / WEIGHTS, metadata={"format": "pt"})
        write_json(draft / "adapter_config.json", made.config)
    rank = {"rank": made.rank} if spec.recipe.is_lora else {}
    return {"how": spec.how, **rank, **about}


def _read_lane(run: Run, lane: LaneSpec, base: Base) -> Adapter:
    source = open_run(run.folder.parent, lane.run)
    if lane.checkpoint is None and source.status() != "finished":
        raise RunError(f"Run {source.id} is {source.status()}; only a finished one is repaired.")
    return strengthen(read_adapter(source.adapter_at(lane.checkpoint), base), lane.strength)


def read_adapter(folder: Path, base: Base) -> Adapter:
    """The adapter in a folder; raises ModelError if it was made for another base."""
    config = check_adapter(folder, base.fingerprint)
    weights = {name: tensor.float() for name, tensor in load_file(folder / WEIGHTS).items()}
    return Adapter(config=config, weights=weights)


def strengthen(adapter: Adapter, strength: float) -> Adapter:
    """The same adapter with its updates multiplied by the strength: B takes it up."""
    weights = {
        name: tensor * strength if name.endswith(B) else tensor
        for name, tensor in adapter.weights.items()
    }
    return replace(adapter, weights=weights)


def average(adapters: Sequence[Adapter], *, rank: int = 0) -> tuple[Adapter, dict[str, Any]]:
    """The adapter whose every update is the mean of theirs, and what that kept.

    With rank 0 nothing is lost: the factors are put side by side, and the ranks add up. A layer
    that one of them leaves alone counts as an update of zero. Another rank takes the best
    approximation of that rank (Eckart and Young, 1936).
    """
    total = sum(adapter.rank for adapter in adapters)
    if not rank and total > LARGEST_RANK:
        raise RunError(
            f"The exact average of these adapters has rank {total}, and {LARGEST_RANK} is the "
            "largest; take fewer of them, or give the average a rank."
        )
    weights: dict[str, torch.Tensor] = {}
    whole = lost = 0.0
    for layer in dict.fromkeys(layer for adapter in adapters for layer in adapter.layers):
        down, up = _side_by_side(adapters, layer)
        if rank:
            down, up, energy, missing = _cut(down, up, rank)
            whole, lost = whole + energy, lost + missing
        weights |= {layer + A: down.contiguous(), layer + B: up.contiguous()}
    made = rank or total
    targets = sorted({name for one in adapters for name in one.config["target_modules"]})
    config = adapters[0].config | {
        "r": made, "lora_alpha": made, "target_modules": targets, "use_rslora": False,
    }  # fmt: skip
    kept = {"kept": round(1 - lost / whole, 6)} if rank and whole else {}
    return Adapter(config=config, weights=weights), {"adapters": len(adapters), **kept}


def _side_by_side(adapters: Sequence[Adapter], layer: str) -> tuple[torch.Tensor, torch.Tensor]:
    """A and B of the mean update with scale 1; zeros where an adapter leaves the layer alone."""
    having = next(one for one in adapters if layer + A in one.weights)
    width, height = having.weights[layer + A].shape[1], having.weights[layer + B].shape[0]
    downs, ups = [], []
    for one in adapters:
        there = layer + A in one.weights
        downs.append(one.weights[layer + A] if there else torch.zeros(one.rank, width))
        share = one.scale / len(adapters)
        ups.append(share * one.weights[layer + B] if there else torch.zeros(height, one.rank))
    return torch.cat(downs, dim=0), torch.cat(ups, dim=1)


def _cut(
    down: torch.Tensor, up: torch.Tensor, rank: int
) -> tuple[torch.Tensor, torch.Tensor, float, float]:
    """The factors cut to a rank, with the squared norm before and the part of it that was lost."""
    left, core_up = torch.linalg.qr(up.double())
    right, core_down = torch.linalg.qr(down.double().T)
    u, sizes, v = torch.linalg.svd(core_up @ core_down.T, full_matrices=False)
    roots = sizes[:rank].sqrt()
    new_up, new_down = (left @ u[:, :rank]) * roots, (right @ v.T[:, :rank]).mul(roots).T
    missing = max(0, rank - len(roots))  # a matrix smaller than the rank: the rest is nothing
    new_up = torch.nn.functional.pad(new_up, (0, missing))
    new_down = torch.nn.functional.pad(new_down, (0, 0, 0, missing))
    energy = sizes.square()
    return new_down.float(), new_up.float(), float(energy.sum()), float(energy[rank:].sum())


def _shrink_intruders(
    run: Run, base: Base, source: Adapter, log: EventLog
) -> tuple[Adapter, dict[str, Any]]:
    """PEFT's search for intruding directions, on the base in full precision."""
    spec = run.repair
    log("phase", name="loading the base")
    engine = Engine(base, "lora")
    lane = spec.sources[0]
    folder = open_run(run.folder.parent, lane.run).adapter_at(lane.checkpoint)
    engine.add_lane("source", folder)
    (name,) = engine.adapter_names(["source"]) or [""]
    log("phase", name="looking for intruding directions")
    layers = [layer for layer in engine.model.modules() if isinstance(layer, LoraLayer)]
    for layer in layers:
        up: Any = layer.lora_B[name]
        up.weight.data *= lane.strength
    found: list[int] = []

    def hear(line: str) -> None:
        if said := re.search(r": (?:Intruders: (\d+)|No intruders)", line):
            found.append(int(said[1] or 0))
            log("progress", done=len(found), total=len(layers))

    reduce_intruder_dimension(
        engine.model,
        old_adapter_name=name,
        new_adapter_name="repaired",
        top_k=spec.top,
        threshold_epsilon=spec.likeness,
        mitigation_lambda=spec.kept,
        logging_sink=hear,
    )
    if not sum(found):
        raise RunError(
            "No direction of this adapter is an intruder, so there is nothing to shrink; raise "
            "likeness or top, or choose another repair."
        )
    state = get_peft_model_state_dict(
        engine.model, adapter_name="repaired", save_embedding_layers=False
    )
    weights = {key: tensor.detach().float().cpu().contiguous() for key, tensor in state.items()}
    about = {"intruders": sum(found), "layers": sum(map(bool, found)), "of_layers": len(found)}
    return Adapter(config=source.config, weights=weights), about
