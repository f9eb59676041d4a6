"""An outcome is one case answered by one model: the text it wrote, and how likely the answer was.

Outcomes are all that a report needs, one per line in `outcomes.jsonl`.
"""

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from studio.errors import ProbeError, sentence

BASE = "base"
"""The lane of the model without any adapter; every other lane is compared with it."""


class Outcome(BaseModel):
    """One case answered and scored by one lane."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )

    lane: str = Field(min_length=1)
    """`base`, a run's id, or a run's id at a strength, such as `tune-3@0.5`."""
    probe: str
    """The probe's name."""
    case: str
    """The case's id within the probe."""
    text: str = ""
    """What the model wrote, greedily; for multiple choice the likeliest choice."""
    correct: bool | None
    """Whether the probe's scorer accepts the text; None for open text: nothing is right there."""
    nll: float = Field(ge=0)
    """Sum of -log p over the reference answer's tokens with the end-of-turn token, in nats."""
    tokens: int = Field(ge=1)
    """How many tokens that sum runs over."""
    stopped: bool = True
    """Whether the model ended its answer itself, instead of being cut off."""
    choices: tuple[float, ...] = ()
    """Multiple choice: sum of -log p of every choice, in the case's order, in nats."""
    kl: float | None = Field(None, ge=0)
    """Sum of KL(base‖lane) in nats, over `kl_tokens` tokens; None where it was not taken.

    For open text over the text itself; for gain probes over the base's own answer, as a gauge.
    """
    kl_tokens: int = Field(0, ge=0)
    """How many tokens `kl` runs over."""
    token_nlls: tuple[float, ...] = ()
    """-log p of each of the `tokens`, in nats."""
    pieces: tuple[str, ...] = ()
    """The text of each of the `tokens`; only the base's outcome holds them."""


def write_outcomes(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Write the outcomes as JSON lines; the file appears only once it is complete."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.writelines(outcome.model_dump_json() + "\n" for outcome in outcomes)
    partial.replace(path)


def read_outcomes(path: Path) -> list[Outcome]:
    """Read what `write_outcomes` wrote. ProbeError names the line that is no outcome."""
    outcomes = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                outcomes.append(_read_line(line, f"{path.name}, line {number}"))
    except OSError as error:
        raise ProbeError(f"cannot read the outcomes {path}: {error.strerror}.") from error
    return outcomes


def _read_line(line: bytes, what: str) -> Outcome:
    try:
        return Outcome.model_validate_json(line)
    except ValidationError as error:
        raise ProbeError(sentence(error, what)) from error
