"""The ways to tune, what sets them apart, and the learning rate that each begins with."""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from studio.tuning.fields import Fields

Method = Literal["qlora", "lora", "ia3", "prompt_tuning", "full", "partial", "two_stage", "scratch"]
ADAPTERS = ("qlora", "lora")
"""Make matrices beside the base's own."""
SOFT = ("prompt_tuning",)
"""Make embeddings before every prompt."""
PARTS = ("partial", "two_stage")
"""Are told which of the model's own weights learn."""
STAGED = ("two_stage",)
"""Let more weights learn later on."""
WHOLE = ("full", "partial", "two_stage", "scratch")
"""Train the model's own weights."""
LOADED_WHOLE = ("lora", *WHOLE)
"""Need the base in full precision; the others take it in 4 bits."""

SOFT_LEARNING_RATE = 1e-2
"""For AdamW; TRL's guide gives 1e-2 to 3e-2. Lester et al. (2021) take 0.3, with Adafactor."""
SCALING_LEARNING_RATE = 5e-3
"""For IA3, as in PEFT's comparison of methods (MetaMathQA)."""
SHARE_OF_LORA = {"full": 0.1, "partial": 0.1, "two_stage": 0.1, "scratch": 0.5}
"""LoRA learns best at about ten times the rate of full tuning ("LoRA Without Regret", 2025)."""
POWERS = {"llama": 0.781, "qwen": 0.0775}
UNKNOWN_POWER = 0.4
SHARE_OF_DPO = 0.1
"""A preference is a small step from what the model says already."""


def learning_rate_for(
    method: str, hidden_size: int = 2000, *, loss: str = "nll", family: str = "llama"
) -> float:
    """The learning rate to begin with, for a base of this width and family."""
    if method in SOFT:
        return SOFT_LEARNING_RATE
    if method == "ia3":
        return SCALING_LEARNING_RATE
    share = SHARE_OF_LORA.get(method, 1.0) * (SHARE_OF_DPO if loss == "dpo" else 1.0)
    return float(f"{share * lora_learning_rate(hidden_size, family):.2g}")


def lora_learning_rate(hidden_size: int, family: str = "llama") -> float:
    """Learning rate at which LoRA learns a target fastest.

    5e-5 · 10 · (2000 / hidden size)^p, from the Tinker cookbook's `hyperparam_utils.py`
    ("LoRA Without Regret", Schulman and Thinking Machines, 2025), with p 0.781 for Llama and 0.0775
    for Qwen; for other families, for which nobody has measured it, 0.4. Rounded to two digits.
    """
    power = next((p for name, p in POWERS.items() if family.startswith(name)), UNKNOWN_POWER)
    return float(f"{5e-4 * (2000 / hidden_size) ** power:.1e}")


def tell_shape(recipe: "Fields") -> str:
    """The method and how much it can hold, in a few words."""
    match recipe.method:
        case "prompt_tuning":
            return f"soft prompt of {recipe.virtual_tokens} tokens"
        case "ia3":
            return "IA3"
        case "full":
            return "all weights"
        case "partial":
            return tell_part(recipe)
        case "two_stage":
            return f"{tell_part(recipe)}, then more"
        case "scratch":
            return "from random weights"
    kinds = ("rs" * recipe.rslora, "Q" * (recipe.method == "qlora"))
    name = f"{'Do' if recipe.dora else 'Lo'}RA"
    begun = f" {recipe.init}" if recipe.init != "default" else ""
    return f"{''.join(kinds)}{name} r{recipe.rank}{begun}"


def tell_part(recipe: "Fields") -> str:
    """Which of the model's own weights learn, or learn first, in a few words."""
    match recipe.trained:
        case "last-layers":
            return "last layer" if recipe.last_layers == 1 else f"last {recipe.last_layers} layers"
        case "attention":
            return "q/k/v projections"
        case "head":
            return "output head"
        case "mlp":
            return "MLPs"
    return f"weights named {recipe.pattern}"
