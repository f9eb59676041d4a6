"""How large a base is, worked out from its config.json alone: no weights are read or fetched."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from studio.errors import ModelError
from studio.models.catalogue import HUB_ID, locate
from studio.models.structure import Targets

# Model types whose feed-forward part is two matrices; all newer ones have a third, the gate.
UNGATED = ("gpt2", "gpt_neox", "gpt_neo", "gptj", "opt", "phi", "falcon", "bloom", "starcoder2")
NORMS = 2  # per layer, each as wide as the model


class Shape(BaseModel):
    """The sizes in a base's configuration that decide memory, time and capacity."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    family: str
    """The configuration's model_type, such as llama or qwen3."""
    layers: int
    hidden: int
    """Width of the model."""
    inner: int
    """Width of the feed-forward part; of one expert, where there are several."""
    heads: int
    key_heads: int
    """Heads of keys and values; fewer than `heads` where several share one."""
    head_size: int
    vocabulary: int
    tied: bool
    """Whether the output layer is the embedding again."""
    context: int
    """How many tokens it can read at once."""
    experts: int = 1
    gated: bool = True

    @property
    def attention(self) -> list[tuple[int, int]]:
        """Widths in and out of q, k, v and o of one layer."""
        queries, keys = self.heads * self.head_size, self.key_heads * self.head_size
        return [(self.hidden, queries), (self.hidden, keys), (self.hidden, keys),
                (queries, self.hidden)]  # fmt: skip

    @property
    def mlp(self) -> list[tuple[int, int]]:
        """Widths in and out of the feed-forward matrices of one layer, all experts."""
        up, down = (self.hidden, self.inner), (self.inner, self.hidden)
        return [up, *([up] if self.gated else []), down] * self.experts

    @property
    def per_layer(self) -> int:
        """Weights in the matrices of one layer."""
        return sum(wide * high for wide, high in (*self.attention, *self.mlp))

    @property
    def linear(self) -> int:
        """Weights in the matrices of all layers: what 4 bits are for."""
        return self.layers * self.per_layer

    @property
    def rest(self) -> int:
        """Embedding, output layer and norms, which stay in full precision."""
        tables = 1 if self.tied else 2
        return tables * self.vocabulary * self.hidden + (NORMS * self.layers + 1) * self.hidden

    @property
    def parameters(self) -> int:
        """All weights."""
        return self.linear + self.rest

    def adapter(self, rank: int, targets: Targets = "all-linear") -> int:
        """Weights of a LoRA adapter of this rank: rank · (in + out) for every matrix."""
        chosen: list[tuple[int, int]] = []
        chosen += self.attention if targets != "mlp" else []
        chosen += self.mlp if targets != "attention" else []
        return self.layers * rank * sum(wide + high for wide, high in chosen)


def find_shape(name: str) -> Shape:
    """The shape of the base a recipe names; of one on the Hub only config.json is fetched.

    Raises ModelError if there is no such base, or no language model's sizes in its configuration.
    """
    return read_shape(_config(name), name)


def read_shape(config: dict[str, Any], name: str) -> Shape:
    """The shape that a configuration describes, in Llama's words or in GPT-2's."""
    config = config.get("text_config") or config  # a model that also sees keeps its words inside
    hidden = _number(config, name, "hidden_size", "n_embd", "d_model")
    heads = _number(config, name, "num_attention_heads", "n_head")
    family = str(config.get("model_type", ""))
    experts = int(_any(config, "num_local_experts", "num_experts", "n_routed_experts") or 1)
    inner = _any(config, "moe_intermediate_size") if experts > 1 else None
    return Shape(
        family=family,
        layers=_number(config, name, "num_hidden_layers", "n_layer"),
        hidden=hidden,
        inner=int(inner or _any(config, "intermediate_size", "n_inner") or 4 * hidden),
        heads=heads,
        key_heads=int(_any(config, "num_key_value_heads") or heads),
        head_size=int(_any(config, "head_dim") or hidden // heads),
        vocabulary=_number(config, name, "vocab_size"),
        tied=bool(config.get("tie_word_embeddings", True)),
        context=int(_any(config, "max_position_embeddings", "n_positions") or 2048),
        experts=experts,
        gated=family not in UNGATED,
    )


def _config(name: str) -> dict[str, Any]:
    try:
        path = locate(name, download=False) / "config.json"
    except ModelError:
        if not HUB_ID.fullmatch(name) or Path(name).is_absolute():
            raise
        path = _fetch_config(name)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{name}: config.json cannot be read ({error}).") from error
    if not isinstance(config, dict):
        raise ModelError(f"{name}: config.json does not hold a JSON object.")
    return config


def _fetch_config(name: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    repository, _, revision = name.partition("@")
    try:
        return Path(hf_hub_download(repository, "config.json", revision=revision or None))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"{name} is not on this machine and its config.json is not to be had from the Hub "
            f"({reason}). Check the name and the network."
        ) from error


def _any(config: dict[str, Any], *names: str) -> Any:
    return next((config[name] for name in names if config.get(name)), None)


def _number(config: dict[str, Any], base: str, *names: str) -> int:
    value = _any(config, *names)
    if not isinstance(value, int) or value <= 0:
        raise ModelError(f"{base}: config.json has no usable {names[0]}; it is no language model.")
    return int(value)
