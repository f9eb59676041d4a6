"""How far tuning moved each weight of the base: ‖ΔW‖_F / ‖W‖_F, matrix by matrix."""

import re
from typing import Any

import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit
from peft import PeftModel
from peft.tuners.lora import LoraLayer

from studio.engine.load import Engine

Row = dict[str, Any]


@torch.inference_mode()
def drift(engine: Engine) -> list[Row]:
    """One row per tuned lane and matrix: lane, layer (None outside the layers), module, relative.

    `relative` is the Frobenius norm of the lane's update at its strength over that of the base's
    weight, which for a 4-bit base is the weight it really multiplies with.
    """
    if not isinstance(engine.model, PeftModel):
        return []
    rows: list[Row] = []
    for name, module in engine.model.named_modules():
        if not isinstance(module, LoraLayer):
            continue
        size = None
        for lane in engine.lanes:
            tuned = engine.lane(lane)
            if tuned is None or tuned.adapter not in module.scaling:
                continue
            size = size or weight_norm(module.get_base_layer())
            moved = tuned.strength * update_norm(module, tuned.adapter)
            relative = moved / size if size else 0.0
            rows.append({"lane": lane, **_place(name), "relative": relative})
    return rows


def update_norm(module: LoraLayer, adapter: str) -> float:
    """‖s·B·A‖_F without the product: the trace of (BᵀB)(AAᵀ), both of the rank's size."""
    down: Any
    up: Any
    if adapter in module.lora_A:
        down, up = module.lora_A[adapter].weight, module.lora_B[adapter].weight
    else:
        down, up = module.lora_embedding_A[adapter], module.lora_embedding_B[adapter]
    down, up = down.double(), up.double()
    square = ((up.T @ up) * (down @ down.T)).sum().clamp(min=0)
    return abs(float(module.scaling[adapter])) * float(square.sqrt())


def weight_norm(layer: Any) -> float:
    """‖W‖_F of a linear or embedding layer, taken out of its 4 bits where it is quantised."""
    weight = layer.weight
    if isinstance(layer, Linear4bit):
        weight = dequantize_4bit(weight.data, weight.quant_state)
    return float(torch.linalg.vector_norm(weight.float()))


def _place(name: str) -> Row:
    """Layer number and module of a name such as base_model.model.model.layers.3.mlp.up_proj."""
    layer = re.search(r"\.(\d+)\.", name)
    return {"layer": int(layer[1]) if layer else None, "module": name.rpartition(".")[2]}
