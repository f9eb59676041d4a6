"""Every field of a recipe: its bounds, its default, and what it means."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from studio.models.structure import Targets
from studio.tuning.methods import ADAPTERS, PARTS, SOFT, STAGED, Method

KEPT_LOW = (*ADAPTERS, "ia3", "full", *PARTS)
"""Methods that can leave the lowest layers alone."""


def _field(
    group: str, default: Any = ..., *, methods: tuple[str, ...] = (), loss: str = "", **bounds: Any
) -> Any:
    """A field, the part of the form it is shown in, and for which methods or loss."""
    belongs: dict[str, Any] = {"group": group}
    belongs |= {"methods": list(methods)} if methods else {}
    belongs |= {"loss": loss} if loss else {}
    return Field(default, json_schema_extra=belongs, **bounds)


class Fields(BaseModel):
    """What a tuning run can be told."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    base: str = _field("what", "starter")
    """Model to tune: starter, a local folder, or a Hub id with an optional @revision."""
    dataset: str = _field("what")
    """Id of the frozen dataset to learn from."""
    name: str = _field("what", "", max_length=80)
    """What to call the run; empty takes the dataset's name."""
    start_from: str = _field("what", "")
    """Id of a run whose adapter or soft prompt is trained on, in its shape; empty begins anew."""
    method: Method = _field("method", "qlora")
    """What is trained: an adapter on a 4-bit (qlora, ia3) or a full-precision base (lora), a soft
    prompt, all weights (full), some of them (partial), some first and then more (two_stage), or a
    model of the same shape from random weights (scratch)."""
    rank: int = _field("method", 16, methods=ADAPTERS, ge=1, le=512)
    """Rank r of the adapter matrices: how much it can hold."""
    alpha: int = _field("method", 32, methods=ADAPTERS, ge=1, le=1024)
    """LoRA alpha; updates are scaled by alpha / rank. Keep it fixed when the rank changes."""
    dropout: float = _field("method", 0.05, methods=ADAPTERS, ge=0, lt=1)
    """Share of adapter inputs dropped while training."""
    targets: Targets = _field("method", "all-linear", methods=ADAPTERS)
    """Which matrices get an adapter: all of the layers, or those of the feed-forward part or of
    attention alone, as they are called in this base."""
    rslora: bool = _field("method", False, methods=ADAPTERS)
    """Scale updates by alpha / √rank (rsLoRA): a larger rank then takes larger steps."""
    dora: bool = _field("method", False, methods=ADAPTERS)
    """Learn each column's length apart from its direction (DoRA): slower, and answers alone."""
    init: Literal["default", "gaussian", "orthogonal", "eva", "pissa", "olora", "corda"] = _field(
        "method", "default", methods=ADAPTERS
    )
    """First weights of the adapter; eva takes the main directions of what the layers read in this
    dataset. Those that change the base itself are refused."""
    virtual_tokens: int = _field("method", 20, methods=SOFT, ge=1, le=1024)
    """Length of the soft prompt."""
    prompt_init: Literal["vocabulary", "text", "random"] = _field(
        "method", "vocabulary", methods=SOFT
    )
    """What the soft prompt begins as: words drawn from the vocabulary, a text, or random numbers,
    with which it learns least."""
    prompt_text: str = _field("method", "", max_length=4000, methods=SOFT)
    """The text that the soft prompt begins as; repeated or cut to its length."""
    trained: Literal["last-layers", "attention", "head", "mlp", "pattern"] = _field(
        "method", "last-layers", methods=PARTS
    )
    """What learns while the rest is frozen: the last layers, all q/k/v projections, the output
    head alone (the model then only extracts features), all MLPs, or what a pattern names. In two
    stages this learns first."""
    last_layers: int = _field("method", 1, methods=PARTS, ge=1, le=512)
    """How many of the last layers learn, if last-layers do."""
    pattern: str = _field("method", "", max_length=400, methods=PARTS)
    """Regular expression that names the weights to train, such as layers\\.[23]\\.mlp; a match
    anywhere in the name counts."""
    first_share: float = _field("method", 0.3, methods=STAGED, gt=0, lt=1)
    """Share of the steps in which only the first part learns."""
    second_rate: float = _field("method", 0.5, methods=STAGED, gt=0, le=1)
    """Multiplies the learning rate once more layers learn."""
    layer_decay: float = _field("method", 2.6, methods=STAGED, ge=1, le=100)
    """Each layer's learning rate is that of the layer above it divided by this (ULMFiT: 2.6)."""
    gradual: bool = _field("method", True, methods=STAGED)
    """Unfreeze one layer after another from the top; otherwise all of them at once."""
    learning_rate: float = _field("steps", 5e-4, gt=0, lt=1)
    """Highest learning rate, reached after the warm-up; not given, it is one for the method."""
    rate_factor: float = _field("steps", 1.0, gt=0, le=100)
    """Multiplies the learning rate: below 1 forgets less and learns more slowly."""
    epochs: float = _field("steps", 2, gt=0, le=100)
    """How often every example is seen."""
    max_steps: int = _field("steps", 0, ge=0, le=1_000_000)
    """Stop after this many optimizer steps; 0 lets the epochs decide."""
    batch_size: int = _field("steps", 16, ge=1, le=1024)
    """Examples in one forward pass."""
    accumulation: int = _field("steps", 1, ge=1, le=1024)
    """Forward passes per optimizer step; batch size times this is the effective batch."""
    devices: str = _field("steps", "1", pattern=r"^(all|[1-9][0-9]?)$")
    """How many GPUs work on this run together, or all; on a CPU so many processes. They divide
    every batch among them, so that the same is learned sooner."""
    max_length: int = _field("steps", 512, ge=16, le=131_072)
    """Longest example in tokens; longer ones are cut at the end, and counted."""
    scheduler: Literal["cosine", "linear", "constant"] = _field("steps", "cosine")
    """How the learning rate falls after the warm-up."""
    warmup: float = _field("steps", 0.03, ge=0, lt=1)
    """Share of the steps in which the learning rate rises from zero."""
    weight_decay: float = _field("steps", 0.0, ge=0, le=1)
    """AdamW weight decay."""
    max_grad_norm: float = _field("steps", 0.5, gt=0, le=1000)
    """Gradients are clipped to this norm."""
    checkpoints: int = _field("steps", 3, ge=0, le=50)
    """How many earlier adapters are kept, evenly spaced over the steps; the end is always kept."""
    save_every: int = _field("steps", 0, ge=0, le=1_000_000)
    """Steps between two states from which a paused or killed run goes on; 0 chooses by the time
    that saving takes, so that it stays at about a hundredth of the training."""
    keep: Literal["last", "best"] = _field("steps", "last")
    """What becomes the result: what the last step made, or of all looks at the run the one with
    the lowest held-out loss among those within the forgetting budget."""
    watching: float = _field("steps", 0.1, ge=0, le=1)
    """Share of the training time that looks at held-out and general text may take: more draws a
    denser curve. The beginning and the end are looked at in any case, and come on top."""
    loss: Literal["nll", "dft", "dpo"] = _field("loss", "nll")
    """What is made small: the answers' surprise (nll), the same with every token weighted by how
    likely it is already (dft: what the base finds strange pulls less), or the odds of a rejected
    answer against a chosen one (dpo)."""
    pairs: str = _field("loss", "", loss="dpo")
    """The draft whose pairs of a chosen and a rejected answer dpo learns from."""
    dpo_beta: float = _field("loss", 0.1, loss="dpo", gt=0, le=10)
    """How firmly dpo is held to what the model said before: larger moves less."""
    neftune: float = _field("loss", 0.0, ge=0, le=100)
    """Noise added to the embeddings while training (NEFTune's alpha, often 5); 0 adds none."""
    kl_anchor: float = _field("keep", 0.0, ge=0, le=100)
    """Weight of KL(base‖tuned) on other text than the task's: holds old skills in place."""
    anchor_on: tuple[str, ...] = _field("keep", ())
    """Given text for the anchor: datasets or retention probes, with commas between (of a probe
    one half, the other is measured); empty takes text that the base wrote itself."""
    replay: float = _field("keep", 0.0, ge=0, le=0.9)
    """Share of the training examples that are conversations the base wrote itself."""
    self_texts: int = _field("keep", 512, ge=16, le=10_000)
    """How many conversations the base writes for the anchor and the replay; made once per base."""
    replay_probes: tuple[str, ...] = _field("keep", ())
    """Retention probes, with commas between, of which one half is replayed, the other measured."""
    probe_share: float = _field("keep", 0.1, gt=0, le=0.9)
    """Share of the training examples that are replayed cases, if replay_probes names any."""
    replay_datasets: tuple[str, ...] = _field("keep", ())
    """Earlier datasets, with commas between, whose training examples are replayed."""
    dataset_share: float = _field("keep", 0.1, gt=0, le=0.9)
    """Share of the training examples that come from replay_datasets, if it names any."""
    frozen_layers: int = _field("keep", 0, methods=KEPT_LOW, ge=0, le=512)
    """So many of the lowest layers stay as they are."""
    forgetting_budget: float = _field("keep", 0.0, ge=0, le=10)
    """End the run once general text has become this many nats per token less likely than to the
    base, and keep the last checkpoint within; 0 never ends it early."""
    seed: int = _field("steps", 42, ge=0, le=2**31 - 1)
    """Seed of the shuffling, the dropout and the first random weights."""
