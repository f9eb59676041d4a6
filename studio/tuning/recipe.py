"""One typed class with everything needed to repeat a tuning run."""

import json
from math import ceil
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from studio.errors import RecipeError, sentence

Method = Literal["qlora", "lora", "prompt_tuning"]
SOFT_LEARNING_RATE = 1e-2
"""For AdamW; TRL's guide gives 1e-2 to 3e-2. Lester et al. (2021) take 0.3, with Adafactor."""
PRESETS = ("keep", "balanced", "learn")
LEAST_STEPS = 40
"""Fewer teach the starter nothing. Measured with "balanced" on 100 held-out reviews: 26 examples in
4 steps (two epochs) turn no answer right, in 40 steps 47, and none wrong."""


def _group(name: str) -> dict[str, Any]:
    """Mark the part of the form in which a field is shown."""
    return {"group": name}


class Recipe(BaseModel):
    """Everything needed to repeat a tuning run; also the YAML file, the flags and the form."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    base: str = Field("starter", json_schema_extra=_group("what"))
    """Model to tune: starter, a local folder, or a Hub id with an optional @revision."""
    dataset: str = Field(json_schema_extra=_group("what"))
    """Id of the frozen dataset to learn from."""
    name: str = Field("", max_length=80, json_schema_extra=_group("what"))
    """What to call the run; empty takes the dataset's name."""
    start_from: str = Field("", json_schema_extra=_group("what"))
    """Id of a run whose adapter is trained on, with its rank and layers; empty begins anew."""
    method: Method = Field("qlora", json_schema_extra=_group("method"))
    """Adapters on a 4-bit (NF4) base, on one in full precision, or a soft prompt before 4 bits."""
    rank: Annotated[int, Field(ge=1, le=512)] = Field(16, json_schema_extra=_group("method"))
    """Rank r of the adapter matrices: how much it can hold."""
    alpha: Annotated[int, Field(ge=1, le=1024)] = Field(32, json_schema_extra=_group("method"))
    """LoRA alpha; updates are scaled by alpha / rank. Keep it fixed when the rank changes."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(0.05, json_schema_extra=_group("method"))
    """Share of adapter inputs dropped while training."""
    targets: Literal["all-linear", "mlp", "attention"] = Field(
        "all-linear", json_schema_extra=_group("method")
    )
    """Which linear layers get an adapter."""
    virtual_tokens: Annotated[int, Field(ge=1, le=1024)] = Field(
        20, json_schema_extra=_group("method")
    )
    """Length of the soft prompt of prompt_tuning; it begins as words drawn from the vocabulary."""
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        5e-4, json_schema_extra=_group("steps")
    )
    """Highest learning rate, reached after the warm-up; not given, prompt_tuning takes 0.01."""
    epochs: Annotated[float, Field(gt=0, le=100)] = Field(2, json_schema_extra=_group("steps"))
    """How often every example is seen."""
    max_steps: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        0, json_schema_extra=_group("steps")
    )
    """Stop after this many optimizer steps; 0 lets the epochs decide."""
    batch_size: Annotated[int, Field(ge=1, le=1024)] = Field(16, json_schema_extra=_group("steps"))
    """Examples in one forward pass."""
    accumulation: Annotated[int, Field(ge=1, le=1024)] = Field(1, json_schema_extra=_group("steps"))
    """Forward passes per optimizer step; batch size times this is the effective batch."""
    max_length: Annotated[int, Field(ge=16, le=131_072)] = Field(
        512, json_schema_extra=_group("steps")
    )
    """Longest example in tokens; longer ones are cut at the end, and counted."""
    scheduler: Literal["cosine", "linear", "constant"] = Field(
        "cosine", json_schema_extra=_group("steps")
    )
    """How the learning rate falls after the warm-up."""
    warmup: Annotated[float, Field(ge=0, lt=1)] = Field(0.03, json_schema_extra=_group("steps"))
    """Share of the steps in which the learning rate rises from zero."""
    weight_decay: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, json_schema_extra=_group("steps")
    )
    """AdamW weight decay."""
    max_grad_norm: Annotated[float, Field(gt=0, le=1000)] = Field(
        0.5, json_schema_extra=_group("steps")
    )
    """Gradients are clipped to this norm."""
    checkpoints: Annotated[int, Field(ge=0, le=50)] = Field(3, json_schema_extra=_group("steps"))
    """How many earlier adapters are kept, evenly spaced over the steps; the end is always kept."""
    kl_anchor: Annotated[float, Field(ge=0, le=100)] = Field(0.0, json_schema_extra=_group("keep"))
    """Weight of KL(base‖tuned) on text the base wrote itself: holds old skills in place."""
    replay: Annotated[float, Field(ge=0, le=0.9)] = Field(0.0, json_schema_extra=_group("keep"))
    """Share of the training examples that are conversations the base wrote itself."""
    self_texts: Annotated[int, Field(ge=16, le=10_000)] = Field(
        512, json_schema_extra=_group("keep")
    )
    """How many conversations the base writes for the anchor and the replay; made once per base."""
    replay_probes: tuple[str, ...] = Field((), json_schema_extra=_group("keep"))
    """Retention probes, with commas between, of which one half is replayed, the other measured."""
    probe_share: Annotated[float, Field(gt=0, le=0.9)] = Field(
        0.1, json_schema_extra=_group("keep")
    )
    """Share of the training examples that are replayed cases, if replay_probes names any."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(42, json_schema_extra=_group("steps"))
    """Seed of the shuffling, the dropout and the adapter's first weights."""

    @field_validator("replay_probes", mode="before")
    @classmethod
    def _split_names(cls, names: Any) -> Any:
        """A form and a command line give the names as one text."""
        if isinstance(names, str):
            return tuple(name.strip() for name in names.split(",") if name.strip())
        return names

    @model_validator(mode="before")
    @classmethod
    def _choose_learning_rate(cls, fields: Any) -> Any:
        """A soft prompt has few weights, and needs far larger steps than an adapter."""
        if isinstance(fields, dict) and fields.get("method") == "prompt_tuning":
            return {"learning_rate": SOFT_LEARNING_RATE} | fields
        return fields

    @model_validator(mode="after")
    def _refuse_what_the_method_lacks(self) -> Self:
        of_adapters = ("rank", "alpha", "dropout", "targets")
        lacking = of_adapters if self.is_soft else ("virtual_tokens",)
        for name in lacking:
            default = type(self).model_fields[name].default
            if getattr(self, name) != default:
                raise ValueError(f"{self.method} has no {name}; leave it at {default}")
        return self

    @model_validator(mode="after")
    def _leave_room_for_the_task(self) -> Self:
        if self.replay_probes and self.replay + self.probe_share > 0.9:
            raise ValueError("replay and probe_share together are more than 0.9; lower one")
        return self

    @classmethod
    def preset(
        cls,
        name: str,
        *,
        dataset: str,
        base: str = "starter",
        hidden_size: int = 2048,
        method: Method = "qlora",
    ) -> "Recipe":
        """A point on the dial from "keep" over "balanced" to "learn".

        Raises RecipeError for another name.
        """
        if name not in PRESETS:
            raise RecipeError(f"There is no preset {name!r}; choose one of {', '.join(PRESETS)}.")
        soft = method == "prompt_tuning"
        full_rate = SOFT_LEARNING_RATE if soft else lora_learning_rate(hidden_size)
        choices: dict[str, dict[str, Any]] = {
            "keep": {"learning_rate": full_rate / 2, "epochs": 2, "replay": 0.1, "kl_anchor": 2.0},
            "balanced": {"learning_rate": full_rate / 2, "epochs": 2, "kl_anchor": 0.5},
            "learn": {"learning_rate": full_rate, "epochs": 3},
        }
        return cls(base=base, dataset=dataset, method=method, **choices[name])

    def for_examples(self, count: int) -> "Recipe":
        """The recipe with epochs enough for LEAST_STEPS steps over that many examples."""
        steps = ceil(count / (self.batch_size * self.accumulation)) or 1
        needed = min(100.0, ceil(LEAST_STEPS / steps))
        return self.model_copy(update={"epochs": max(self.epochs, needed)})

    @classmethod
    def read(cls, path: Path, **changes: Any) -> "Recipe":
        """The recipe in a YAML or JSON file, with some fields changed; raises RecipeError."""
        try:
            fields = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            reason = str(error).splitlines()[0]
            raise RecipeError(f"The recipe {path} cannot be read: {reason}.") from error
        if not isinstance(fields, dict):
            raise RecipeError(f"The recipe {path} must be a mapping of fields to values.")
        return cls.make(fields | changes, what=f"Recipe {path}")

    @classmethod
    def make(cls, fields: dict[str, Any], *, what: str = "Recipe") -> "Recipe":
        """A recipe from plain values; a wrong one raises RecipeError in one sentence."""
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise RecipeError(sentence(error, what)) from error

    @property
    def is_soft(self) -> bool:
        """Whether it makes a soft prompt, and leaves the base's weights alone."""
        return self.method == "prompt_tuning"

    @property
    def loading(self) -> Literal["qlora", "lora"]:
        """How the base is loaded: in 4 bits or in full precision."""
        return "lora" if self.method == "lora" else "qlora"

    @property
    def shape(self) -> str:
        """The method and how much it can hold, in a few words."""
        if self.is_soft:
            return f"soft prompt of {self.virtual_tokens} tokens"
        return f"{'QLoRA' if self.method == 'qlora' else 'LoRA'} r{self.rank}"

    def summary(self) -> str:
        """The recipe in a line: what sets it apart from others on the same data."""
        parts = [
            self.shape + (f" {self.targets}" if not self.is_soft else ""),
            f"learning rate {self.learning_rate:g}",
            f"{self.max_steps} steps" if self.max_steps else f"{self.epochs:g} epochs",
        ]
        if self.kl_anchor:
            parts.append(f"KL anchor {self.kl_anchor:g}")
        if self.replay:
            parts.append(f"{self.replay:.0%} replay")
        if self.replay_probes:
            count = len(self.replay_probes)
            parts.append(f"{self.probe_share:.0%} replay of {count} probe{'s' * (count > 1)}")
        if self.start_from:
            parts.append(f"continued from {self.start_from}")
        return ", ".join(parts)

    def yaml(self) -> str:
        """The recipe as a YAML file that `read` understands."""
        return yaml.safe_dump(json.loads(self.model_dump_json()), sort_keys=False)


def lora_learning_rate(hidden_size: int) -> float:
    """Learning rate at which LoRA learns a target fastest, for a Llama-like base.

    5e-5 · 10 · (2000 / hidden size)^0.781, from the Tinker cookbook's `hyperparam_utils.py`
    ("LoRA Without Regret", Schulman and Thinking Machines, 2025); rounded to two digits.
    """
    return float(f"{5e-4 * (2000 / hidden_size) ** 0.781:.1e}")
