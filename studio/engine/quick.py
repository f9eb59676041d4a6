"""A decoder's step for one new token per row, without the library's overhead.

The library's forward pass spends most of a small model's step on bookkeeping. This one does the
same sums for decoders of the Llama kind: keys and values lie in buffers made once, padding is a
mask made once, and every product takes the way for few rows. An engine uses it only after it
has given the library's own numbers; where it does not, the library goes on.
"""

from typing import Any

import torch
from bitsandbytes.nn import Linear4bit
from torch.nn.functional import rms_norm, scaled_dot_product_attention, silu

from studio.engine.few import product, weight_of
from studio.engine.lanes import Deltas

KNOWN = ("LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM")
CHANGING = ("dynamic", "longrope")  # kinds of rotation that depend on how long the text is by now
PROOF = 2  # tokens on which the step has to agree with the library
ROOM = 256  # tokens by which the buffers grow


def knows(model: Any) -> bool:
    """Whether a model is of a kind whose step is written down here."""
    config = model.config
    rope = getattr(config, "rope_parameters", None) or {}
    kinds = getattr(config, "layer_types", None) or []
    return (
        type(model).__name__ in KNOWN
        and next(model.parameters()).dtype == torch.float32
        and getattr(config, "hidden_act", "") == "silu"
        and rope.get("rope_type", "default") not in CHANGING
        and all(kind == "full_attention" for kind in kinds)
        and not (getattr(config, "sliding_window", None) and not kinds)
        and not getattr(config, "pretraining_tp", 1) > 1
    )


class Step:
    """Rows under way: their keys and values so far, and how to take one more token each."""

    def __init__(self, model: Any, deltas: Deltas, cache: Any, mask: torch.Tensor) -> None:
        """Take over from the library's pass over the prompts.

        `mask`, (rows, tokens), says where the rows have tokens.
        """
        decoder = model.model
        self._embed = decoder.embed_tokens
        self._blocks = [_Block(layer, deltas) for layer in decoder.layers]
        self._norm = decoder.norm
        self._head = _Product(model.lm_head, deltas)
        self._turns = decoder.rotary_emb.inv_freq.float()
        self._turn_scale = float(decoder.rotary_emb.attention_scaling)
        self._place = mask.shape[1]
        self._positions = mask.sum(-1)
        self._padded = not bool(mask.all())
        self._mask = mask.bool()[:, None, None]
        for block, layer in zip(self._blocks, cache.layers, strict=True):
            block.keys, block.values = layer.keys, layer.values
        self._grow()

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits of the token after these, (rows, vocabulary); `tokens` is (rows,)."""
        if self._place == self._blocks[0].keys.shape[2]:
            self._grow()
        angles = self._positions[:, None].float() * self._turns
        angles = torch.cat((angles, angles), dim=-1)[:, None]
        cosine, sine = angles.cos() * self._turn_scale, angles.sin() * self._turn_scale
        half = sine.shape[-1] // 2
        sine[..., :half].neg_()  # the half that is subtracted
        end = self._place + 1
        mask = self._mask[..., :end] if self._padded else None
        x = self._embed(tokens)
        for block in self._blocks:
            x = block(x, cosine, sine, mask, end)
        self._place = end
        self._positions += 1
        return self._head(_normed(x, self._norm))

    def kept(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Keys and values of every layer, each (rows, heads, tokens, width)."""
        here = slice(0, self._place)
        return [(block.keys[:, :, here], block.values[:, :, here]) for block in self._blocks]

    def _grow(self) -> None:
        """Room for more tokens, all of which will be there for every row."""
        more = (0, 0, 0, ROOM)
        for block in self._blocks:
            block.keys = torch.nn.functional.pad(block.keys[:, :, : self._place], more)
            block.values = torch.nn.functional.pad(block.values[:, :, : self._place], more)
        self._mask = torch.nn.functional.pad(self._mask[..., : self._place], (0, ROOM), value=True)


class _Block:
    """One layer of the decoder."""

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, layer: Any, deltas: Deltas) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self._before, self._between = layer.input_layernorm, layer.post_attention_layernorm
        self._q = _Product(attention.q_proj, deltas)
        self._k = _Product(attention.k_proj, deltas)
        self._v = _Product(attention.v_proj, deltas)
        self._o = _Product(attention.o_proj, deltas)
        self._gate = _Product(mlp.gate_proj, deltas)
        self._up = _Product(mlp.up_proj, deltas)
        self._down = _Product(mlp.down_proj, deltas)
        self._norms = [getattr(attention, name, None) for name in ("q_norm", "k_norm")]
        self._width, self._scale = attention.head_dim, attention.scaling

    def __call__(
        self,
        x: torch.Tensor,
        cosine: torch.Tensor,
        sine: torch.Tensor,
        mask: torch.Tensor | None,
        end: int,
    ) -> torch.Tensor:
        """What comes out for x of (rows, width) at place `end - 1`."""
        rows, width = len(x), self._width
        given = _normed(x, self._before)
        queries = self._q(given).view(rows, -1, width)
        keys = self._k(given).view(rows, -1, width)
        if self._norms[0] is not None:
            queries, keys = _normed(queries, self._norms[0]), _normed(keys, self._norms[1])
        heads, groups = queries.shape[1], keys.shape[1]
        both = torch.cat((queries, keys), dim=1)
        both = torch.addcmul(both * cosine, both.roll(width // 2, -1), sine)
        self.keys[:, :, end - 1] = both[:, heads:]
        self.values[:, :, end - 1] = self._v(given).view(rows, groups, width)
        seen = scaled_dot_product_attention(
            # The heads that share keys stand in for several tokens at one place.
            both[:, :heads].reshape(rows, groups, heads // groups, width),
            self.keys[:, :, :end],
            self.values[:, :, :end],
            attn_mask=mask,
            scale=self._scale,
        )
        x = x + self._o(seen.reshape(rows, heads * width))
        given = _normed(x, self._between)
        return x + self._down(silu(self._gate(given)) * self._up(given))


class _Product:
    """A linear layer with what the rows' adapters add."""

    def __init__(self, module: Any, deltas: Deltas) -> None:
        self._layer = getattr(module, "base_layer", module)
        packed = isinstance(self._layer, Linear4bit)
        self._weight = None if packed else self._layer.weight
        self._bias = self._layer.bias
        self._added = deltas.added(module)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """(rows, out) for x of (rows, in)."""
        weight = self._weight if self._weight is not None else weight_of(self._layer)
        result = product(x, weight)
        if self._bias is not None:
            result += self._bias
        for places, down, up, scale in self._added:
            result[places] = torch.addmm(result[places], x[places] @ down.t(), up, alpha=scale)
        return result


def _normed(x: torch.Tensor, norm: Any) -> torch.Tensor:
    return rms_norm(x, (x.shape[-1],), norm.weight, norm.variance_epsilon)


def prove_quick(model: Any, deltas: Deltas, ids: torch.Tensor) -> bool:
    """Whether the quick step gives the library's own logits for the last tokens of a text.

    `ids` is (1, tokens); two rows are read, the second of them padded.
    """
    if not knows(model) or ids.shape[1] < PROOF + 2:
        return False
    read = ids.shape[1] - PROOF
    pair = torch.cat((ids, torch.roll(ids, 1, dims=1)))
    mask = torch.ones_like(pair)
    mask[1, 0] = 0
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    with torch.inference_mode():
        whole = model(input_ids=pair, attention_mask=mask, position_ids=positions).logits
        output = model(
            input_ids=pair[:, :read],
            attention_mask=mask[:, :read],
            position_ids=positions[:, :read],
            use_cache=True,
        )
        step = Step(model, deltas, output.past_key_values, mask[:, :read])
        ours = [step(pair[:, place]) for place in range(read, ids.shape[1])]
    return torch.allclose(torch.stack(ours, dim=1), whole[:, read:], rtol=1e-3, atol=1e-3)
