"""What can be done with a dataset, each as a recipe and the reasons for everything in it."""

from math import ceil
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from studio.models.shape import Shape
from studio.models.structure import Targets
from studio.tuning import sources
from studio.tuning.estimate import OWN_TEXT
from studio.tuning.fitting import size
from studio.tuning.machine import Machine
from studio.tuning.presets import scaled_rate
from studio.tuning.recipe import LEAST_STEPS, Recipe
from studio.tuning.signals import Signals
from studio.tuning.table import Cell

Strategy = Literal["none", "few_shot", "soft_prompt", "lora", "freeze", "full"]
RANKS = (4, 8, 16, 32, 64, 128, 256)
SPARE = 1.3
"""The weights and this much more have to fit before the base is held in full precision."""
ROOM = 1.25
"""How much longer than the longest of the sample an example may be."""
WHERE: dict[Targets, tuple[str, str]] = {
    "all-linear": ("all matrices", "Attention alone loses even at as many weights."),
    "mlp": ("the feed-forward part", "It alone gained more and forgot less than attention did."),
    "attention": ("attention", "What is read changes, and what is known stays."),
}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Reason(_Frozen):
    """One decision: what was decided, why, and where the rule comes from."""

    what: str
    why: str
    source: str = ""


class Option(_Frozen):
    """One thing to do; without a recipe nothing is tuned."""

    strategy: Strategy
    title: str
    recipe: Recipe | None = None
    reasons: tuple[Reason, ...] = ()


def loading_for(shape: Shape, machine: Machine) -> Literal["lora", "qlora"]:
    """Full precision if the weights and almost a third more fit into free memory, else 4 bits."""
    width = 4 if machine.device == "cpu" else 2
    return "lora" if shape.parameters * width * SPARE <= machine.free else "qlora"


class Maker:
    """Makes options for one dataset, each decision with its reason."""

    def __init__(self, signals: Signals, machine: Machine, cell: Cell) -> None:
        self.signals = signals
        self.cell = cell
        self.loading = loading_for(signals.shape, machine)
        self._machine = machine

    def adapter(
        self, rank: int, *, rate: float | None = None, targets: Targets | None = None,
        frozen: int | None = None, **keeping: float,
    ) -> Option:  # fmt: skip
        """A low-rank adapter, large enough for the answers."""
        targets = targets or self.cell.targets
        layers = self.signals.shape.layers
        frozen = (layers // 2 if self.cell.top_half else 0) if frozen is None else frozen
        needed = self._capacity(targets, frozen)
        rank = max(rank, needed)
        recipe, reasons = self._recipe(
            self.loading, rate or self.cell.rate, rank=rank, targets=targets,
            frozen_layers=frozen, **keeping,
        )  # fmt: skip
        holds = self._held_by(rank, targets, frozen)
        told = (
            f"{holds:,} weights hold the {self.signals.answer_tokens:,} answer tokens, for which "
            f"rank {needed} would do"
        )
        room = Reason(what=f"Rank {rank}", why=f"{told}; the table's is {self.cell.rank}.",
                      source=sources.REGRET)  # fmt: skip
        place, why = WHERE[targets]
        where = [Reason(what=f"On {place}", why=why, source=sources.PEFT)]
        if frozen:
            where.append(Reason(what=f"Lowest {frozen} of {layers} layers frozen",
                                why="Near to what the base says: only the top has to move.",
                                source=sources.FREEZING))  # fmt: skip
        title = f"{'QLoRA' if self.loading == 'qlora' else 'LoRA'} of rank {rank}"
        title += f", {place} only" * (targets != "all-linear") + ", upper layers" * bool(frozen)
        return Option(strategy="lora", title=title, recipe=recipe,
                      reasons=(room, *where, *reasons))  # fmt: skip

    def held(self) -> Option:
        """The table's adapter, held more firmly."""
        made = self.adapter(self.cell.rank, kl_anchor=2.0)
        return made.model_copy(update={"title": made.title + ", held firmly"})

    def soft_prompt(self) -> Option:
        """Embeddings before every prompt; the base is untouched without them."""
        recipe, reasons = self._recipe("prompt_tuning", 1.0)
        why = "Nothing in the base changes, and this base is large enough to be steered so."
        first = Reason(what="Soft prompt of 20 tokens", why=why, source=sources.LESTER)
        return Option(strategy="soft_prompt", title="Soft prompt", recipe=recipe,
                      reasons=(first, *reasons))  # fmt: skip

    def last_layers(self) -> Option:
        """The upper half of the layers; the lower half only extracts features."""
        layers = max(1, self.signals.shape.layers // 2)
        fields: dict[str, Any] = {"trained": "last-layers", "last_layers": layers}
        recipe, reasons = self._recipe("partial", 1.0, **fields)
        why = "Little data near to what is known: the features are there, the top learns to read."
        first = Reason(what=f"Train the last {layers} layers", why=why, source=sources.GRID)
        return Option(strategy="freeze", title=f"Last {layers} layers", recipe=recipe,
                      reasons=(first, *reasons))  # fmt: skip

    def all_weights(self) -> Option:
        """Every weight, at a tenth of an adapter's rate."""
        recipe, reasons = self._recipe("full", 1.0)
        why = (
            f"The answers are far from what the base says, and it has only "
            f"{self.signals.shape.parameters:,} weights."
        )
        first = Reason(what="Train all weights", why=why, source=sources.GRID)
        return Option(strategy="full", title="All weights", recipe=recipe,
                      reasons=(first, *reasons))  # fmt: skip

    def _recipe(self, method: str, rate: float, **fields: Any) -> tuple[Recipe, tuple[Reason, ...]]:
        """The recipe with what all options share, and the reasons for that."""
        signals, cell = self.signals, self.cell
        if method == "prompt_tuning" or not fields.get("frozen_layers"):
            fields.pop("frozen_layers", None)
        keeping = {"kl_anchor": cell.anchor, "replay": cell.replay}
        chosen = {
            "base": signals.base, "dataset": signals.dataset, "method": method,
            "learning_rate": scaled_rate(method, rate, signals.shape), "epochs": cell.epochs,
            "max_length": self._max_length(),
        }  # fmt: skip
        recipe = Recipe.make(chosen | keeping | fields).for_examples(signals.train)
        return recipe, (*self._why_loaded(method), *self._why_steps(recipe, rate),
                        *self._why_kept(recipe))  # fmt: skip

    def _why_loaded(self, method: str) -> list[Reason]:
        if method not in ("lora", "qlora"):
            return []
        width, bits = (4, "32") if self._machine.device == "cpu" else (2, "16")
        needed, free = self.signals.shape.parameters * width * SPARE, self._machine.free
        takes, held = ("take", "full precision") if method == "lora" else ("would take", "4 bits")
        why = (
            f"In {bits} bits the base and a third more {takes} {size(needed)}; "
            f"{size(free)} are free here."
        )
        return [Reason(what=f"Base in {held}", why=why, source=sources.QLORA)]

    def _why_steps(self, recipe: Recipe, rate: float) -> list[Reason]:
        share = {1.0: "all", 0.5: "half", 0.25: "a quarter"}.get(rate, f"{rate:.0%}")
        why = f"{share.capitalize()} of what the formula gives for a {self.signals.shape.family} "
        why += f"of width {self.signals.shape.hidden}" + (
            "; smaller forgets less." if rate < 1 else "; the anchor holds what is known."
        )
        more = recipe.epochs > self.cell.epochs
        steps = recipe.steps_over(recipe.with_replayed(self.signals.train))
        rounds = f"The table's, for {self.signals.train:,} examples."
        if more:
            rounds = f"{steps} steps; fewer than {LEAST_STEPS} teach next to nothing."
        return [
            Reason(what=f"Learning rate {recipe.learning_rate:g}", why=why, source=sources.TINKER),
            Reason(what=f"{recipe.epochs:g} epochs", why=rounds,
                   source=sources.STARTER if more else sources.TABLE),
        ]  # fmt: skip

    def _why_kept(self, recipe: Recipe) -> list[Reason]:
        reasons = []
        if recipe.kl_anchor:
            reasons.append(Reason(
                what=f"KL anchor {recipe.kl_anchor:g}", source=sources.ANCHOR,
                why="On text that the base writes itself: the strongest lever there was, for no "
                "data and no second model.",
            ))  # fmt: skip
        if recipe.replay:
            why = "Text of the base's own among the examples, so that a few do not take over."
            reasons.append(Reason(what=f"{recipe.replay:.0%} replay", why=why,
                                  source=sources.REPLAY))  # fmt: skip
        return reasons

    def _capacity(self, targets: Targets, frozen: int) -> int:
        """The smallest rank whose weights are as many as the answers' tokens."""
        tokens = self.signals.answer_tokens
        return next((r for r in RANKS if self._held_by(r, targets, frozen) >= tokens), RANKS[-1])

    def _held_by(self, rank: int, targets: Targets, frozen: int) -> int:
        """Weights of an adapter of that rank on the layers that are not frozen."""
        shape = self.signals.shape
        return shape.adapter(rank, targets) * (shape.layers - frozen) // shape.layers

    def _max_length(self) -> int:
        """Room for the longest example, and for the base's own texts, in steps of 64."""
        longest = max(ROOM * self.signals.longest, OWN_TEXT if self.cell.replay else 0)
        return max(64, min(64 * ceil(longest / 64), self.signals.shape.context))
