"""Products Wx for the few rows that decoding has, on a CPU.

One new token for each lane makes products of one to eight rows, which are bound by reading W
from memory. What the libraries call for them is far from that: the way of one row does not use
all of the memory's speed, and that of two copies W before it multiplies. Which way is fast
depends on machine, shape and number of rows, so the first calls of every shape try each way in
turn, and the fastest stays.
"""

import time
from collections.abc import Callable
from typing import Any

import torch
from bitsandbytes.nn import Linear4bit
from torch.nn.functional import linear

MOST = 8  # rows that count as few
TRIALS = 4  # of every way before one is chosen

Way = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def _plain(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """As everywhere."""
    return linear(x, weight)


def _turned(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """(W xᵀ)ᵀ: the library's loops run along W as it lies in memory."""
    if len(x) == 1:  # one row takes another way in the library, and a slower one
        return torch.mm(weight, torch.cat((x, x)).t())[:, 0].unsqueeze(0).contiguous()
    return torch.mm(weight, x.t()).t().contiguous()


def _paired(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Two rows at a time, while W is still near."""
    return torch.cat([_turned(pair, weight) for pair in x.split(2)])


_chosen: dict[tuple[torch.Size, int], Way] = {}
_tried: dict[tuple[torch.Size, int], list[tuple[float, Way]]] = {}


def product(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """x Wᵀ for x of (rows, in) and W of (out, in); (rows, out), contiguous."""
    if len(x) > MOST or x.device.type != "cpu" or x.dtype != torch.float32:
        return linear(x, weight)
    key = (weight.shape, len(x))
    way = _chosen.get(key)
    return way(x, weight) if way else _try(key, x, weight)


def _try(key: tuple[torch.Size, int], x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Take the next way in turn and its time; after the last trial the fastest is chosen."""
    ways = (_plain, _turned, _paired) if len(x) > 2 else (_plain, _turned)
    tried = _tried.setdefault(key, [])
    way = ways[len(tried) % len(ways)]
    begin = time.thread_time()
    result = way(x, weight)
    tried.append((time.thread_time() - begin, way))
    if len(tried) == TRIALS * len(ways):
        _chosen[key] = min(tried, key=lambda one: one[0])[1]
        del _tried[key]
    return result


def weight_of(layer: Any) -> torch.Tensor:
    """A linear layer's weight, (out, in); one in 4 bits is unpacked, the same for all rows."""
    weight = layer.weight
    if not isinstance(layer, Linear4bit):
        return weight
    state = weight.quant_state
    if state.nested:
        _unnest(state)
    return torch.ops.bitsandbytes.dequantize_4bit.default(
        weight.data, state.absmax, state.blocksize, state.quant_type, state.shape, torch.float32
    )


def unpack(model: torch.nn.Module) -> None:
    """Write out the weights held in 4 bits, each as the number that its bits stand for."""
    for name, layer in list(model.named_modules()):
        if isinstance(layer, Linear4bit):
            dense = torch.nn.Linear(
                layer.in_features, layer.out_features, bias=False, device="meta"
            )
            dense.weight = torch.nn.Parameter(weight_of(layer), requires_grad=False)
            dense.bias = layer.bias
            model.set_submodule(name, dense)


def _unnest(state: Any) -> None:
    """Keep the blocks' scales as numbers: working them out anew costs as much as small products."""
    state.absmax = (
        torch.ops.bitsandbytes.dequantize_blockwise.default(
            state.absmax, state.state2.absmax, state.state2.code, state.state2.blocksize,
            torch.float32,
        )
        + state.offset
    )  # fmt: skip
    state.nested, state.offset, state.state2 = False, None, None


def install(model: torch.nn.Module) -> None:
    """Let the linear layers of a model on a CPU take these ways where nothing is learned."""
    for layer in model.modules():
        if type(layer) in (torch.nn.Linear, Linear4bit) and layer.weight.device.type == "cpu":
            layer.forward = _few(layer, layer.forward)


def _few(layer: Any, otherwise: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    def forward(x: torch.Tensor) -> torch.Tensor:
        rows = x.shape[:-1].numel()
        if rows > MOST or x.dtype != torch.float32 or torch.is_grad_enabled():
            return otherwise(x)
        result = product(x.reshape(rows, -1), weight_of(layer))
        if layer.bias is not None:
            result += layer.bias
        return result.view(*x.shape[:-1], -1)

    return forward
