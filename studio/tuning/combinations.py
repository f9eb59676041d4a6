"""What cannot be combined in a recipe, each with its reason."""

import re
from typing import TYPE_CHECKING

from studio.tuning.methods import ADAPTERS, SOFT, WHOLE

if TYPE_CHECKING:
    from studio.tuning.recipe import Recipe

CHANGING = ("pissa", "olora", "corda")
"""Kinds of first weights that take something out of the base's own."""
MOST_REPLAY = 0.9
"""Share of the training examples beyond which the task itself would hardly be seen."""


def why_not(recipe: "Recipe") -> str:
    """Why a recipe's fields do not go together, and what to do; empty if they do."""
    checks = (_first_weights, _soft_prompt, _part, _devices, _continuation, _loss, _keeping)
    return next((reason for check in checks if (reason := check(recipe))), "")


def _first_weights(recipe: "Recipe") -> str:
    if recipe.init in CHANGING:
        return (
            f"init {recipe.init} rewrites the base's own weights, and the base has to stay as it "
            "is beside the tuned model; take eva, which also begins with main directions"
        )
    if recipe.init == "orthogonal" and recipe.method == "qlora":
        return (
            "init orthogonal needs a base in full precision, and qlora holds it in 4 bits; take "
            "the method lora or another init"
        )
    if recipe.init == "orthogonal" and recipe.rank % 2:
        return "init orthogonal splits the rank in two halves; take an even rank"
    return ""


def _soft_prompt(recipe: "Recipe") -> str:
    if recipe.prompt_init == "text" and not recipe.prompt_text.strip():
        return "prompt_init text needs a prompt_text to begin with"
    if recipe.prompt_text and recipe.prompt_init != "text":
        return "prompt_text is only read with prompt_init text; set that, or leave the text empty"
    return ""


def _part(recipe: "Recipe") -> str:
    if recipe.last_layers != 1 and recipe.trained != "last-layers":
        return "last_layers is only read if last-layers are trained; leave it at 1"
    if bool(recipe.pattern) != (recipe.trained == "pattern"):
        return "a pattern and trained: pattern belong together; give both or neither"
    try:
        re.compile(recipe.pattern)
    except re.error as error:
        return f"pattern is no regular expression: {error}"
    return ""


def _devices(recipe: "Recipe") -> str:
    if recipe.devices == "1":
        return ""
    if recipe.method == "two_stage":
        return (
            "two_stage lets more weights learn later on, which several devices are not told of; "
            "leave devices at 1"
        )
    if recipe.devices != "all" and recipe.batch_size % int(recipe.devices):
        return (
            f"a batch of {recipe.batch_size} cannot be divided among {recipe.devices} devices; "
            "choose a batch_size that can"
        )
    return ""


def _continuation(recipe: "Recipe") -> str:
    if not recipe.start_from:
        return ""
    if recipe.method in WHOLE:
        return (
            f"{recipe.method} trains the base's own weights, and start_from goes on from an "
            "adapter or a soft prompt; leave start_from empty"
        )
    for name in ("init", "prompt_init"):
        default = type(recipe).model_fields[name].default
        if getattr(recipe, name) != default:
            return f"start_from brings its first weights along; leave {name} at {default}"
    return ""


def _loss(recipe: "Recipe") -> str:
    if recipe.loss != "dpo":
        return "pairs are only read with the loss dpo; leave them empty" if recipe.pairs else ""
    if not recipe.pairs:
        return "the loss dpo learns from pairs; name the draft that holds them"
    if recipe.method not in ADAPTERS:
        return (
            "the loss dpo compares with the model as it was, by switching an adapter off; take "
            "the method qlora or lora"
        )
    for name in ("kl_anchor", "replay", "neftune", "replay_probes", "replay_datasets"):
        if getattr(recipe, name):
            default = type(recipe).model_fields[name].default
            return f"the loss dpo is held by dpo_beta alone; leave {name} at {default}"
    return ""


def _keeping(recipe: "Recipe") -> str:
    if recipe.replayed > MOST_REPLAY:
        return (
            f"the replayed shares (replay, probe_share, dataset_share) together are more than "
            f"{MOST_REPLAY}; lower one"
        )
    if recipe.anchor_on and not recipe.kl_anchor:
        return "anchor_on gives text to an anchor whose weight is 0; raise kl_anchor"
    if recipe.method == "scratch" and (recipe.kl_anchor or recipe.forgetting_budget):
        return (
            "scratch begins with random weights and so has nothing to keep; leave kl_anchor and "
            "forgetting_budget at 0"
        )
    if recipe.method in SOFT and recipe.neftune:
        return "neftune disturbs the embeddings, and prompt_tuning learns nothing else; leave it 0"
    return ""
