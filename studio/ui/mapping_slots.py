"""The form that says which column is which: a line per field, with the suggestion in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from pydantic import JsonValue

from studio.data.intake import Intake
from studio.data.mapping_form import read_constant, write_constant
from studio.errors import DatasetError
from studio.ui.markup import quiet

MOST = 10
"""So many fields can be filled; any others are read from columns of their own names."""
NOWHERE, SAME = "", "="
EXAMPLE = 32  # letters of a value beside the name of its column


@dataclass(frozen=True)
class Slots:
    """A menu of columns for every field, in which a text can be typed as well."""

    menus: list[gr.Dropdown]

    @property
    def parts(self) -> list[Any]:
        """What `draw` draws and `fill` reads."""
        return list(self.menus)


def lay_out() -> Slots:
    """Room for every field, hidden until there are rows."""
    gr.HTML(quiet("A column for each, or = and a text that is the same for every row."))
    with gr.Row(equal_height=False, elem_id="mapping"):
        menus = [
            gr.Dropdown([], label="Column", elem_id=f"field-{number}", visible=False,
                        allow_custom_value=True, min_width=240)
            for number in range(1, MOST + 1)
        ]  # fmt: skip
    return Slots(menus)


def draw(intake: Intake | None) -> list[Any]:
    """The form filled as the rows are mapped now."""
    fields = intake.fields[:MOST] if intake and intake.everything.rows else []
    if intake is None or not fields:
        return [gr.Dropdown(visible=False)] * MOST
    choices = [("no column", NOWHERE), *_columns(intake)]
    given = intake.mapping.constants
    menus = [
        gr.Dropdown(
            choices=choices, visible=True, allow_custom_value=True,
            value=SAME + write_constant(given[field.name]) if field.name in given
            else intake.column_of(field.name),
            label=f"{field.name} (needed)" if field.needed else field.name,
        )
        for field in fields
    ]  # fmt: skip
    return [*menus, *[gr.Dropdown(visible=False)] * (MOST - len(menus))]


def fill(intake: Intake, held: Sequence[str | None]) -> Intake:
    """The rows with the mapping that the form says; DatasetError if it says none."""
    columns: dict[str, str] = {}
    constants: dict[str, JsonValue] = {}
    for field, chosen in zip(intake.fields, held, strict=False):
        text = (chosen or NOWHERE).strip()
        if text.startswith(SAME):
            constants[field.name] = read_constant(text.removeprefix(SAME).strip())
        elif text in columns.values():
            raise DatasetError(f"Column '{text}' is chosen twice; one field can have it.")
        elif text and text not in intake.columns:
            raise DatasetError(
                f"There is no column '{text[:60]}'; choose one, or write ={text[:60]} to give "
                "every row this text."
            )
        elif text:
            columns[field.name] = text
    return intake.fill(columns, constants)


def _columns(intake: Intake) -> list[tuple[str, str]]:
    """Every column by its name, with its first value beside it."""
    found = []
    for name in intake.columns:
        rows = intake.chosen.rows or intake.everything.rows
        value = next((row[name] for row in rows if row.get(name)), "")
        text = " ".join(str(value).split())
        shown = text[:EXAMPLE] + ("…" if len(text) > EXAMPLE else "")
        found.append((f"{name}: {shown}" if shown else name, name))
    return found
