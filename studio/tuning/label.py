"""What a person calls a run and notes about it; the recipe beside it never changes."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from studio.errors import RunError, sentence

FILE = "label.json"


class Label(BaseModel):
    """A title instead of the recipe's name, and a note."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    title: str = Field("", max_length=80)
    """What the run is called; empty leaves it the recipe's name."""
    note: str = Field("", max_length=2000)
    """What a person wants to remember about it."""


def read_label(run_folder: Path) -> Label:
    """The run's label; an empty one where there is none or it cannot be read."""
    try:
        return Label.model_validate_json((run_folder / FILE).read_bytes())
    except (OSError, ValidationError):
        return Label()


def write_label(run_folder: Path, *, title: str | None = None, note: str | None = None) -> Label:
    """Change what is given of the label; RunError for one that is too long."""
    given = {"title": title, "note": note}
    changes = {name: text.strip() for name, text in given.items() if text is not None}
    try:
        label = Label.model_validate(read_label(run_folder).model_dump() | changes)
    except ValidationError as error:
        raise RunError(sentence(error, "label")) from error
    partial = run_folder / f"{FILE}.part"
    partial.write_text(label.model_dump_json(indent=1), encoding="utf-8")
    partial.replace(run_folder / FILE)
    return label
