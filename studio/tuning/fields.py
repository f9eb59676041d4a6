"""Every field of a recipe: its bounds, its default, and what it means."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from studio.tuning.methods import ADAPTERS, PARTS, SOFT, STAGED, Method

KEPT_LOW = (*ADAPTERS, "ia3", "full", *PARTS)
"""Methods that can leave the lowest layers alone."""


def _group(name: str, methods: tuple[str, ...] = (), loss: str = "") -> dict[str, Any]:
    """Mark the part of the form in which a field is shown, and for which methods or loss."""
    belongs: dict[str, Any] = {"methods": list(methods)} if methods else {}
    return {"group": name, **belongs, **({"loss": loss} if loss else {})}


class Fields(BaseModel):
    """What a tuning run can be told."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    base: str = Field("starter", json_schema_extra=_group("what"))
    """Model to tune: starter, a local folder, or a Hub id with an optional @revision."""
    dataset: str = Field(json_schema_extra=_group("what"))
    """Id of the frozen dataset to learn from."""
    name: str = Field("", max_length=80, json_schema_extra=_group("what"))
    """What to call the run; empty takes the dataset's name."""
    start_from: str = Field("", json_schema_extra=_group("what"))
    """Id of a run whose adapter or soft prompt is trained on, in its shape; empty begins anew."""
    method: Method = Field("qlora", json_schema_extra=_group("method"))
    """What is trained: an adapter on a 4-bit (qlora, ia3) or a full-precision base (lora), a soft
    prompt, all weights (full), some of them (partial), some first and then more (two_stage), or a
    model of the same shape from random weights (scratch)."""
    rank: Annotated[int, Field(ge=1, le=512)] = Field(
        16, json_schema_extra=_group("method", ADAPTERS)
    )
    """Rank r of the adapter matrices: how much it can hold."""
    alpha: Annotated[int, Field(ge=1, le=1024)] = Field(
        32, json_schema_extra=_group("method", ADAPTERS)
    )
    """LoRA alpha; updates are scaled by alpha / rank. Keep it fixed when the rank changes."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.05, json_schema_extra=_group("method", ADAPTERS)
    )
    """Share of adapter inputs dropped while training."""
    targets: Literal["all-linear", "mlp", "attention"] = Field(
        "all-linear", json_schema_extra=_group("method", ADAPTERS)
    )
    """Which linear layers get an adapter."""
    rslora: bool = Field(False, json_schema_extra=_group("method", ADAPTERS))
    """Scale updates by alpha / √rank (rsLoRA): a larger rank then takes larger steps."""
    dora: bool = Field(False, json_schema_extra=_group("method", ADAPTERS))
    """Learn each column's length apart from its direction (DoRA): slower, and answers alone."""
    init: Literal["default", "gaussian", "orthogonal", "eva", "pissa", "olora", "corda"] = Field(
        "default", json_schema_extra=_group("method", ADAPTERS)
    )
    """First weights of the adapter; eva takes the main directions of what the layers read in this
    dataset. Those that change the base itself are refused."""
    virtual_tokens: Annotated[int, Field(ge=1, le=1024)] = Field(
        20, json_schema_extra=_group("method", SOFT)
    )
    """Length of the soft prompt."""
    prompt_init: Literal["vocabulary", "text", "random"] = Field(
        "vocabulary", json_schema_extra=_group("method", SOFT)
    )
    """What the soft prompt begins as: words drawn from the vocabulary, a text, or random numbers,
    with which it learns least."""
    prompt_text: str = Field("", max_length=4000, json_schema_extra=_group("method", SOFT))
    """The text that the soft prompt begins as; repeated or cut to its length."""
    trained: Literal["last-layers", "attention", "head", "mlp", "pattern"] = Field(
        "last-layers", json_schema_extra=_group("method", PARTS)
    )
    """What learns while the rest is frozen: the last layers, all q/k/v projections, the output
    head alone (the model then only extracts features), all MLPs, or what a pattern names. In two
    stages this learns first."""
    last_layers: Annotated[int, Field(ge=1, le=512)] = Field(
        1, json_schema_extra=_group("method", PARTS)
    )
    """How many of the last layers learn, if last-layers do."""
    pattern: str = Field("", max_length=400, json_schema_extra=_group("method", PARTS))
    """Regular expression that names the weights to train, such as layers\\.[23]\\.mlp; a match
    anywhere in the name counts."""
    first_share: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.3, json_schema_extra=_group("method", STAGED)
    )
    """Share of the steps in which only the first part learns."""
    second_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5, json_schema_extra=_group("method", STAGED)
    )
    """Multiplies the learning rate once more layers learn."""
    layer_decay: Annotated[float, Field(ge=1, le=100)] = Field(
        2.6, json_schema_extra=_group("method", STAGED)
    )
    """Each layer's learning rate is that of the layer above it divided by this (ULMFiT: 2.6)."""
    gradual: bool = Field(True, json_schema_extra=_group("method", STAGED))
    """Unfreeze one layer after another from the top; otherwise all of them at once."""
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        5e-4, json_schema_extra=_group("steps")
    )
    """Highest learning rate, reached after the warm-up; not given, it is one for the method."""
    rate_factor: Annotated[float, Field(gt=0, le=100)] = Field(
        1.0, json_schema_extra=_group("steps")
    )
    """Multiplies the learning rate: below 1 forgets less and learns more slowly."""
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
    keep: Literal["last", "best"] = Field("last", json_schema_extra=_group("steps"))
    """What becomes the result: what the last step made, or of all looks at the run the one with
    the lowest held-out loss among those within the forgetting budget."""
    watching: Annotated[float, Field(ge=0, le=1)] = Field(0.1, json_schema_extra=_group("steps"))
    """Share of the training time that looks at held-out and general text may take: more draws a
    denser curve. The beginning and the end are looked at in any case, and come on top."""
    loss: Literal["nll", "dft", "dpo"] = Field("nll", json_schema_extra=_group("loss"))
    """What is made small: the answers' surprise (nll), the same with every token weighted by how
    likely it is already (dft: what the base finds strange pulls less), or the odds of a rejected
    answer against a chosen one (dpo)."""
    pairs: str = Field("", json_schema_extra=_group("loss", loss="dpo"))
    """The draft whose pairs of a chosen and a rejected answer dpo learns from."""
    dpo_beta: Annotated[float, Field(gt=0, le=10)] = Field(
        0.1, json_schema_extra=_group("loss", loss="dpo")
    )
    """How firmly dpo is held to what the model said before: larger moves less."""
    neftune: Annotated[float, Field(ge=0, le=100)] = Field(0.0, json_schema_extra=_group("loss"))
    """Noise added to the embeddings while training (NEFTune's alpha, often 5); 0 adds none."""
    kl_anchor: Annotated[float, Field(ge=0, le=100)] = Field(0.0, json_schema_extra=_group("keep"))
    """Weight of KL(base‖tuned) on other text than the task's: holds old skills in place."""
    anchor_on: tuple[str, ...] = Field((), json_schema_extra=_group("keep"))
    """Given text for the anchor: datasets or retention probes, with commas between (of a probe
    one half, the other is measured); empty takes text that the base wrote itself."""
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
    replay_datasets: tuple[str, ...] = Field((), json_schema_extra=_group("keep"))
    """Earlier datasets, with commas between, whose training examples are replayed."""
    dataset_share: Annotated[float, Field(gt=0, le=0.9)] = Field(
        0.1, json_schema_extra=_group("keep")
    )
    """Share of the training examples that come from replay_datasets, if it names any."""
    frozen_layers: Annotated[int, Field(ge=0, le=512)] = Field(
        0, json_schema_extra=_group("keep", KEPT_LOW)
    )
    """So many of the lowest layers stay as they are."""
    forgetting_budget: Annotated[float, Field(ge=0, le=10)] = Field(
        0.0, json_schema_extra=_group("keep")
    )
    """End the run once general text has become this many nats per token less likely than to the
    base, and keep the last checkpoint within; 0 never ends it early."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(42, json_schema_extra=_group("steps"))
    """Seed of the shuffling, the dropout and the first random weights."""
