"""The form that says which column is which: a line per field, with the suggestion in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from pydantic import JsonValue

from studio.data.intake import Intake
from studio.data.mapping_form import read_constant, write_constant
from studio.errors import DatasetError

MOST = 10
"""So many fields can be filled; any others are read from columns of their own names."""
NOWHERE = ""
EXAMPLE = 32  # letters of a value beside the name of its column


@dataclass(frozen=True)
class Slots:
    """A menu of columns and a text for every field."""

    lines: list[gr.Column]
    menus: list[gr.Dropdown]
    texts: list[gr.Textbox]

    @property
    def parts(self) -> list[Any]:
        """What `draw` draws."""
        return [*self.lines, *self.menus, *self.texts]

    @property
    def held(self) -> list[Any]:
        """What `fill` reads."""
        return [*self.menus, *self.texts]


def lay_out() -> Slots:
    """Room for every field, hidden until there are rows."""
    lines, menus, texts = [], [], []
    with gr.Row(equal_height=False, elem_id="mapping"):
        for number in range(1, MOST + 1):
            with gr.Column(min_width=260, visible=False, elem_classes="st-slot") as line:
                lines.append(line)
                menus.append(gr.Dropdown([], label="Column", elem_id=f"field-{number}"))
                texts.append(
                    gr.Textbox(
                        value="", show_label=False, container=False, lines=1, max_lines=3,
                        label="The same for every row", elem_id=f"constant-{number}",
                        placeholder="or a text, the same for every row",
                    )
                )  # fmt: skip
    return Slots(lines, menus, texts)


def draw(intake: Intake | None) -> list[Any]:
    """The form filled as the rows are mapped now."""
    fields = intake.fields[:MOST] if intake and intake.everything.rows else []
    if intake is None or not fields:
        return [*[gr.Column(visible=False)] * MOST, *[gr.skip()] * 2 * MOST]
    spare = MOST - len(fields)
    choices = [("no column", NOWHERE), *_columns(intake)]
    menus: list[Any] = [
        gr.Dropdown(
            choices=choices, value=intake.column_of(field.name),
            label=f"{field.name} (needed)" if field.needed else field.name,
        )
        for field in fields
    ]  # fmt: skip
    given = intake.mapping.constants
    texts: list[Any] = [
        gr.Textbox(
            value=write_constant(given[field.name]) if field.name in given else "",
            label=f"{field.name}, the same for every row",
        )
        for field in fields
    ]
    return [
        *[gr.Column(visible=True)] * len(fields), *[gr.Column(visible=False)] * spare,
        *menus, *[gr.skip()] * spare, *texts, *[gr.skip()] * spare,
    ]  # fmt: skip


def fill(intake: Intake, held: Sequence[str | None]) -> Intake:
    """The rows with the mapping that the form says."""
    columns: dict[str, str] = {}
    constants: dict[str, JsonValue] = {}
    for number, field in enumerate(intake.fields[:MOST]):
        column, text = held[number] or NOWHERE, (held[MOST + number] or "").strip()
        if text:
            constants[field.name] = read_constant(text)
        elif column:
            if column in columns.values():
                raise DatasetError(f"Column '{column}' is chosen twice; one field can have it.")
            columns[field.name] = column
    return intake.fill(columns, constants)


def _columns(intake: Intake) -> list[tuple[str, str]]:
    """Every column by its name, with its first value beside it."""
    found = []
    for name in intake.columns:
        value = next((row[name] for row in intake.everything.rows if row.get(name)), "")
        text = " ".join(str(value).split())
        shown = text[:EXAMPLE] + ("…" if len(text) > EXAMPLE else "")
        found.append((f"{name}: {shown}" if shown else name, name))
    return found
