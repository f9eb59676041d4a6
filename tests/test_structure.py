"""Attention and feed-forward are found by a model's own names, whatever its family calls them."""

import re
from typing import Any

import pytest

from studio import Recipe
from studio.errors import ModelError
from studio.models.structure import endings, layer_of, lowest_layers, part_of

SIZES: dict[str, Any] = {"vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2,
                         "num_attention_heads": 2, "intermediate_size": 48}  # fmt: skip
FAMILIES: dict[str, tuple[dict[str, Any], set[str], set[str]]] = {
    "llama": (SIZES, {"q_proj", "k_proj", "v_proj", "o_proj"},
              {"gate_proj", "up_proj", "down_proj"}),
    "gpt_neox": (SIZES, {"query_key_value", "dense"}, {"dense_h_to_4h", "dense_4h_to_h"}),
    "phi": (SIZES, {"q_proj", "k_proj", "v_proj", "dense"}, {"fc1", "fc2"}),
    "phi3": (SIZES | {"pad_token_id": 0}, {"qkv_proj", "o_proj"}, {"gate_up_proj", "down_proj"}),
    "opt": (SIZES | {"ffn_dim": 48, "word_embed_proj_dim": 32},
            {"q_proj", "k_proj", "v_proj", "out_proj"}, {"fc1", "fc2"}),
    "gpt2": ({"vocab_size": 64, "n_embd": 32, "n_layer": 2, "n_head": 2},
             {"c_attn", "attn.c_proj"}, {"c_fc", "mlp.c_proj"}),
}  # fmt: skip
NAMES = [
    "model.embed_tokens", "model.layers.0.self_attn.q_proj", "model.layers.0.mlp.gate",
    "model.layers.0.mlp.experts.3.up_proj", "model.layers.10.mlp.experts.0.up_proj", "lm_head",
]  # fmt: skip


def test_layers_and_parts_are_read_from_names() -> None:
    assert [layer_of(name) for name in NAMES] == [-1, 0, 0, 0, 10, -1]
    assert [part_of(name) for name in NAMES] == ["", "attention", "mlp", "mlp", "mlp", ""]
    for norm in ("h.1.ln_1.weight", "model.layers.0.self_attn_layer_norm.weight",
                 "model.layers.0.post_attention_layernorm.weight"):  # fmt: skip
        assert part_of(norm) == ""
    low = [name for name in NAMES if re.fullmatch(lowest_layers(NAMES, 1), name)]
    assert low == NAMES[1:4]


def test_a_router_gets_no_adapter_and_a_base_without_the_part_is_refused() -> None:
    assert endings("mlp", NAMES) == ["up_proj"]
    with pytest.raises(ModelError, match="take the targets all-linear"):
        endings("attention", ["backbone.layers.0.mixer.in_proj"])


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gets_adapters_where_the_recipe_says(family: str) -> None:
    from peft import get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    from studio.engine.adapters import shape
    from studio.engine.stand_ins import Parts
    from studio.engine.whole import choose

    sizes, attention, mlp = FAMILIES[family]

    def fresh() -> Any:
        return AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **sizes))

    def adapted(**fields: Any) -> set[str]:
        """The ends of the names of all matrices with an adapter, from the layer on."""
        model = fresh()
        model = get_peft_model(model, shape(Recipe.make({"dataset": "d"} | fields), model))
        names = [name for name, one in model.named_modules() if hasattr(one, "base_layer")]
        return {re.split(r"\.(?=\d+\.)", name)[1] for name in names}

    def ends(names: set[str]) -> set[str]:
        return {name.split(".", 1)[1] for name in names}

    for targets, expected in (("attention", attention), ("mlp", mlp)):
        found = ends(adapted(targets=targets))
        assert len(found) == len(expected)
        assert all(any(f".{one}".endswith(f".{end}") for end in expected) for one in found)
    assert {name[0] for name in adapted(targets="mlp", frozen_layers=1)} == {"1"}
    scaled = ends(adapted(method="ia3"))
    assert scaled < ends(adapted(targets="attention")) | ends(adapted(targets="mlp"))
    model = fresh()
    for trained in ("attention", "mlp"):
        chosen = choose(model, Recipe(dataset="d", method="partial", trained=trained))
        assert {part_of(name) for name in chosen} == {trained}
        assert set(chosen) < set(Parts(model).weights)
