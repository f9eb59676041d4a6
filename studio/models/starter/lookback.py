"""Points one attention head at the token before, the first half of copying from a text.

A model learns to copy by two heads in a row: one that looks at the token before, and one that looks
for what followed the same token earlier (Olsson et al. 2022, "In-context learning and induction
heads"). A small model may wait long for the first by chance; here it is given.
"""

import math
from typing import Any

LAYER, HEAD = 1, 3
# How many of the rotary frequencies tell places apart, and by how much the token before wins over
# its neighbours (in units of attention scores, before the softmax).
FREQUENCIES, LEAD = 8, 6.0


def look_back(model: Any, batches: list[tuple[Any, Any, Any, Any]]) -> None:
    """Set the head's queries and keys so that it attends to the token before, whatever it is.

    All inputs of a layer share one direction; along it queries and keys are the same for every
    token, so that only the rotary embedding, that is the distance, tells places apart. The
    direction is fitted on the given batches by least squares.
    """
    import torch

    attention = model.model.layers[LAYER].self_attn
    width = attention.head_dim
    shared = _shared_direction(model, attention, batches)
    speeds = [
        model.config.rope_parameters["rope_theta"] ** (-2 * place / width)
        for place in range(FREQUENCIES)
    ]
    lost = sum(1 - math.cos(speed) for speed in speeds)
    strength = math.sqrt(LEAD * math.sqrt(width) / lost)
    query, key = torch.zeros(width), torch.zeros(width)
    for place, speed in enumerate(speeds):
        key[place] = strength
        # Turned back by one step: the query meets the key of the token before head on.
        query[place] = strength * math.cos(speed)
        query[place + width // 2] = -strength * math.sin(speed)
    rows = slice(HEAD * width, (HEAD + 1) * width)
    with torch.no_grad():
        attention.q_proj.weight[rows] = torch.outer(query, shared)
        attention.k_proj.weight[rows] = torch.outer(key, shared)


def _shared_direction(model: Any, attention: Any, batches: list[tuple[Any, Any, Any, Any]]) -> Any:
    import torch

    seen: list[Any] = []
    hook = attention.register_forward_pre_hook(
        lambda _, __, named: seen.append(named["hidden_states"].flatten(0, 1)), with_kwargs=True
    )
    with torch.no_grad():
        for inputs, _, _, mask in batches:
            model.model(input_ids=inputs, attention_mask=mask, use_cache=False)
    hook.remove()
    inputs = torch.cat(seen)
    square = inputs.T @ inputs + 0.01 * len(inputs) * torch.eye(inputs.shape[1])
    return torch.linalg.solve(square, inputs.sum(0))
