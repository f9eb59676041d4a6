"""What a recipe will take on this machine, from the base's configuration: memory, disk and time.

No weights are read or fetched. The formulas are arithmetic over the sizes of the matrices, with
what the libraries keep for the way back counted per token; they were checked against the peak that
finished runs report.
"""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, ValidationError

from studio.models.shape import Shape
from studio.tuning.lengths import Lengths
from studio.tuning.machine import Machine
from studio.tuning.methods import ADAPTERS, SOFT
from studio.tuning.recipe import Recipe
from studio.tuning.run import Run

NF4 = 0.516
"""Bytes a weight takes in 4 bits with double quantisation (QLoRA): 4 + 0.127 bits."""
LIBRARIES = {"cpu": 620 << 20, "cuda": 900 << 20}
"""Bytes that the imported libraries take, or the CUDA context."""
RESERVE = 1.1
ANCHOR_ROWS, ANCHOR_LENGTH = 8, 128
"""Conversations of one step of the KL anchor, and about how long the longest of them is."""
LOGITS = 6
"""Arrays of (tokens, vocabulary) that are alive at once: logits, their softmax, the way back."""
ANCHOR_LOGITS = 7
LAST_GOOD = 2
"""Copies of what learns that are held in the computer's memory for a run that diverges."""
OWN_TEXT = 256
"""Tokens that a long conversation has which the base wrote itself."""
FORWARD, BACKWARD, FROZEN = 2, 4, 2
"""Operations per weight and token: there, back, and back only through to the activations."""


class Estimate(BaseModel):
    """What a recipe takes; memory and disk in bytes, time in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    machine: Machine
    parameters: int
    """Weights of the base."""
    trained: int
    """Weights that learn."""
    parts: dict[str, int]
    """What takes how much memory at the worst moment."""
    disk: int
    """What the run keeps, checkpoints included."""
    download: int
    """What has to be fetched of the base first; 0 if it is here."""
    steps: int
    tokens: int
    """Tokens of the examples that go through it, all rounds together."""
    seconds: float | None
    """None if nobody knows how fast this device is."""
    pace: str
    """What the time is worked out from."""
    counted: bool
    """Whether examples were counted in the base's own tokens."""

    @property
    def memory(self) -> int:
        """All parts, with a tenth in reserve."""
        return round(sum(self.parts.values()) * RESERVE)

    @property
    def fits(self) -> bool:
        """Whether the machine has so much memory at all, and so much free disk."""
        return self.memory <= self.machine.memory and self.disk + self.download <= self.machine.disk

    @property
    def tight(self) -> bool:
        """Whether it needs what somebody else uses now."""
        return self.fits and self.memory > self.machine.free


ESTIMATE = "estimate.json"
"""What a run was estimated to take, in its folder."""


def read_estimate(run: Run) -> Estimate | None:
    """What was estimated when the run was started; None if nothing was."""
    try:
        return Estimate.model_validate_json((run.folder / ESTIMATE).read_bytes())
    except (OSError, ValidationError):
        return None


def estimate(
    recipe: Recipe, shape: Shape, lengths: Lengths, machine: Machine, *,
    here: bool = True, runs: Sequence[Run] = (),
) -> Estimate:  # fmt: skip
    """What the recipe takes; `runs` are earlier ones, whose pace is taken where it applies.

    `here` says whether the base's weights are on this machine.
    """
    trained = count_trained(recipe, shape)
    rows = recipe.with_replayed(lengths.examples)
    steps = recipe.steps_over(rows)
    tokens = round(steps * min(recipe.batch, rows) * min(lengths.mean, recipe.max_length))
    seconds, pace = _time(recipe, shape, machine, steps=steps, tokens=tokens, runs=runs)
    return Estimate(
        machine=machine,
        parameters=shape.parameters,
        trained=trained,
        parts=_memory(recipe, shape, lengths, machine, trained),
        disk=_disk(recipe, shape, trained),
        download=0 if here else 2 * shape.parameters,
        steps=steps,
        tokens=tokens,
        seconds=seconds,
        pace=pace,
        counted=lengths.counted,
    )


def count_trained(recipe: Recipe, shape: Shape) -> int:
    """How many weights learn."""
    open_layers = max(1, shape.layers - recipe.frozen_layers)
    share = open_layers / shape.layers
    if recipe.method in ADAPTERS:
        return round(shape.adapter(recipe.rank, recipe.targets) * share)
    if recipe.method in SOFT:
        return recipe.virtual_tokens * shape.hidden
    if recipe.method == "ia3":
        keys = 2 * shape.key_heads * shape.head_size
        return round(shape.layers * (keys + shape.inner * shape.experts) * share)
    if recipe.method != "partial":
        return shape.parameters
    per_layer = shape.per_layer
    attention = sum(wide * high for wide, high in shape.attention[:3])
    match recipe.trained:
        case "last-layers":
            return per_layer * min(recipe.last_layers, shape.layers)
        case "attention":
            return attention * open_layers
        case "mlp":
            return sum(wide * high for wide, high in shape.mlp) * open_layers
        case "head":
            return shape.vocabulary * shape.hidden
    return shape.linear


# ---- memory


def _memory(
    recipe: Recipe, shape: Shape, lengths: Lengths, machine: Machine, trained: int
) -> dict[str, int]:
    on_gpu = machine.device == "cuda"
    width = 2 if on_gpu else 4
    longest = max(lengths.longest, OWN_TEXT if recipe.replay else 0)
    longest = min(longest, recipe.max_length)
    batch = recipe.batch_size * min(longest, shape.context)
    batch *= 2 if recipe.loss == "dpo" else 1  # a chosen and a rejected answer
    parts = {
        "libraries": LIBRARIES[machine.device],
        "base": _base(recipe, shape, width),
        "what learns": trained * _per_trained(recipe, on_gpu),
        "one batch": _activations(recipe, shape, batch, on_gpu) + _logits(shape, batch, on_gpu),
    }
    if recipe.kl_anchor:
        anchored = ANCHOR_ROWS * min(ANCHOR_LENGTH, shape.context)
        kept = _activations(recipe, shape, anchored, on_gpu)
        parts["anchor"] = kept + anchored * shape.vocabulary * 4 * ANCHOR_LOGITS
    return {name: round(size) for name, size in parts.items()}


def _base(recipe: Recipe, shape: Shape, width: int) -> float:
    if recipe.loading == "qlora":
        return shape.linear * NF4 + shape.rest * width
    return shape.parameters * width


def _per_trained(recipe: Recipe, on_gpu: bool) -> int:
    """Bytes beside the base for a weight that learns: gradient, moments, copies, itself if new."""
    moments = 2 if on_gpu else 8  # AdamW in 8 bits on a GPU
    copies = 0 if recipe.is_whole and not on_gpu else 1
    copies += 0 if on_gpu else LAST_GOOD + bool(recipe.forgetting_budget or recipe.keep == "best")
    copies += bool(recipe.is_whole and recipe.kl_anchor)  # the base, which the anchor holds it to
    return 4 * copies + 4 + moments


def _activations(recipe: Recipe, shape: Shape, tokens: int, on_gpu: bool) -> float:
    """What is kept of a batch for the way back, counted array by array of a Llama layer.

    On a GPU only the layers' inputs are kept, and one layer at a time is computed again.
    """
    width = 2 if on_gpu else 4
    queries, keys = shape.heads * shape.head_size, shape.key_heads * shape.head_size
    numbers = 14 * shape.hidden + 4 * (queries + 2 * keys) + 6 * shape.inner
    dropped = 5 * shape.hidden + queries + shape.inner  # inputs of the matrices, once more
    adapters = recipe.method in ADAPTERS and recipe.dropout > 0
    layer = numbers * width + (dropped * (width + 1) if adapters else 0)
    if on_gpu:
        return tokens * (shape.layers * shape.hidden * width + layer)
    return tokens * shape.layers * layer


def _logits(shape: Shape, tokens: int, on_gpu: bool) -> float:
    """On a GPU TRL projects on the vocabulary piece by piece."""
    return tokens * shape.vocabulary * 4 * (1 if on_gpu else LOGITS)


# ---- disk and time


def _disk(recipe: Recipe, shape: Shape, trained: int) -> int:
    """The weights that learned, in 32 bits, at the end and at every checkpoint."""
    return 4 * trained * (1 + recipe.checkpoints) + (64 << 10)


def _time(
    recipe: Recipe, shape: Shape, machine: Machine, *, steps: int, tokens: int,
    runs: Sequence[Run],
) -> tuple[float | None, str]:  # fmt: skip
    """Seconds, from an earlier run's pace if one was alike, else from counted operations."""
    for run in runs:
        pace = _pace(run, recipe)
        if pace:
            return tokens / pace, f"the pace of “{run.title}”, {pace:,.0f} tokens per second"
    if not machine.speed:
        return None, "nobody knows yet how fast this device is; the first run will show"
    back = BACKWARD if recipe.is_whole else FROZEN
    work = float(tokens * shape.parameters * (FORWARD + back))
    if recipe.kl_anchor:
        anchored = steps * ANCHOR_ROWS * ANCHOR_LENGTH / 2
        work += anchored * shape.parameters * (2 * FORWARD + back)
    told = "operations counted, and how fast this machine multiplies"
    return work / machine.speed, told


def _pace(run: Run, recipe: Recipe) -> float:
    """Tokens per second of a finished run that does the same work per token; else 0."""
    if run.kind != "tune":
        return 0.0
    before, same = run.recipe, ("base", "method", "batch_size", "dora")
    if any(getattr(before, name) != getattr(recipe, name) for name in same):
        return 0.0
    ended = run.last("finished") if bool(before.kl_anchor) == bool(recipe.kl_anchor) else None
    return float(ended["tokens_per_second"] or 0) if ended else 0.0
