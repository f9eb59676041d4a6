"""What to do with a dataset: recipes and their reasons, from what was measured of it.

The rules are those of a table, how much there is to learn against how near it is to what the base
says already. Where something was measured, the measurement has the last word.
"""

from pydantic import BaseModel, ConfigDict

from studio.measure.statistics import wilson_interval
from studio.tuning import sources
from studio.tuning.machine import Machine
from studio.tuning.options import Maker, Option, Reason
from studio.tuning.signals import Answers, Signals
from studio.tuning.table import CELLS, Cell, Likeness, Size, likeness_of, size_of

KNOWN = 0.9
"""Share of right answers, at least so much for certain, from which there is nothing to tune."""
SHOWN = 0.8
"""The same behind solved examples, from which showing them is enough for a small dataset."""
LARGE = 3_000_000_000
"""Weights from which a soft prompt learns about as well as an adapter (Lester et al. 2021)."""
OPTIONS = 3
SMALL = 1_500_000_000
"""Weights up to which tuning all of them is worth trying on one machine."""


class Advice(BaseModel):
    """The best option and what else is worth a try, with what they rest on."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    signals: Signals
    machine: Machine
    size: Size
    likeness: Likeness
    best: Option
    others: tuple[Option, ...]

    @property
    def trainable(self) -> list[Option]:
        """The options that train something, the best first: what a race is held between."""
        return [option for option in (self.best, *self.others) if option.recipe]


def advise(signals: Signals, machine: Machine) -> Advice:
    """What to do with that dataset on that base and machine."""
    size, likeness = size_of(signals.train), likeness_of(signals)
    cell = CELLS[size, likeness]
    tuned = _candidates(signals, machine, cell, likeness)
    first = _without_tuning(signals, size)
    options = [*([first] if first else []), *tuned]
    return Advice(
        signals=signals,
        machine=machine,
        size=size,
        likeness=likeness,
        best=options[0],
        others=tuple(options[1:]),
    )


# ---- nothing to tune


def _without_tuning(signals: Signals, size: Size) -> Option | None:
    """Leave the base alone where it, or it behind solved examples, is right already."""
    if _for_certain(signals.written.right, signals.written.n) >= KNOWN:
        told = f"The base answers {_of(signals.written)} held-out questions right as it is."
        return Option(strategy="none", title="No tuning", reasons=(
            Reason(what="Leave the base as it is", why=told, source=sources.MEASURED),
        ))  # fmt: skip
    shown = signals.written_few_shot
    bar = SHOWN if size == "tiny" else KNOWN
    if shown and _for_certain(shown.right, shown.n) >= bar:
        told = (
            f"Behind solved examples the base answers {_of(shown)} held-out questions right, "
            f"without them {_of(signals.written)}: it lacks the form, not the skill."
        )
        return Option(strategy="few_shot", title="Solved examples in the prompt", reasons=(
            Reason(what="Show examples instead of tuning", why=told, source=sources.MEASURED),
            Reason(what="With little data", why=f"{signals.train} examples are few.",
                   source=sources.TABLE),
        ))  # fmt: skip
    return None


def _for_certain(right: int, n: int) -> float:
    """The lower end of Wilson's 95 % interval."""
    return wilson_interval(right, n)[0] if n else 0.0


# ---- what is tuned


def _candidates(signals: Signals, machine: Machine, cell: Cell, likeness: Likeness) -> list[Option]:
    """Three recipes: the table's own, and two that are built otherwise."""
    make = Maker(signals, machine, cell)
    adapter = make.adapter(cell.rank)
    small = signals.shape.parameters <= SMALL and make.loading == "lora"
    larger = make.adapter(min(256, 4 * cell.rank))
    if likeness == "similar":
        light = make.soft_prompt() if signals.shape.parameters >= LARGE else make.last_layers()
        found = [adapter, light, make.adapter(2 * cell.rank, targets="all-linear", frozen=0)]
    elif likeness == "medium":
        found = [adapter, larger, make.adapter(cell.rank, targets="mlp", frozen=0)]
    elif small:
        whole = make.all_weights()
        found = [whole, larger, adapter] if cell.full else [adapter, larger, whole]
    else:
        found = [adapter, larger]
    different = {one.recipe.summary(): one for one in (*found, make.held()) if one.recipe}
    return list(different.values())[:OPTIONS]


def _of(answers: Answers) -> str:
    return f"{answers.right} of {answers.n}"
