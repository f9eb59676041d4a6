"""Proposed rows as a table to tick and to write in, and back."""

from collections.abc import Sequence
from typing import Any

from studio.data.proposals import Proposal
from studio.data.row_form import RowForm, as_text, fill, lead, read
from studio.data.template import Template
from studio.errors import DatasetError

COLUMNS = 3
"""So many columns of a row are shown and can be written in; those that matter most."""
NUMBER, TICK = "No.", "Add"
MADE, AGAINST = "Made by", "Against it"

Cells = list[list[Any]]


def headers(columns: Sequence[str]) -> list[str]:
    """What stands over the table."""
    return [NUMBER, TICK, *columns, MADE, AGAINST]


def kinds(columns: Sequence[str]) -> list[Any]:
    """What the columns of the table hold."""
    return ["number", "bool", *["str"] * len(columns), "str", "str"]


def widths(columns: Sequence[str]) -> list[str | int]:
    """How the width of the table is shared; the first column, as a rule the text, gets most."""
    others = len(columns) - 1
    return ["8%", "10%", f"{48 - 13 * others}%", *["13%"] * others, "17%", "17%"]


def shown(template: Template, proposals: Sequence[Proposal]) -> list[str]:
    """The columns that are shown: those the template reads, what is asked first."""
    names = list(dict.fromkeys(name for one in proposals for name in one.row))
    used = template.variables() or set(names)
    return [name for name in lead(template, names) if name in used and name in names][:COLUMNS]


def draw(proposals: Sequence[Proposal], columns: Sequence[str]) -> Cells:
    """The cells; at first what no filter speaks against is ticked."""
    return [
        [
            number,
            one.ticked,
            *(as_text(one.row.get(name)) for name in columns),
            one.how + (f", of row {one.of}" if one.of is not None else ""),
            one.fault,
        ]
        for number, one in enumerate(proposals, start=1)
    ]


def read_cells(
    cells: Sequence[Sequence[Any]], proposals: Sequence[Proposal], columns: Sequence[str]
) -> list[Proposal]:
    """The proposals as a person left them; DatasetError if a cell cannot be what it says.

    Cells may come in another order than they were drawn.
    """
    decided = list(proposals)
    for number, tick, *texts in cells:
        place = int(number or 0) - 1
        if not 0 <= place < len(proposals):
            raise DatasetError("Other rows are proposed by now; look at them again.")
        row = proposals[place].row
        written = tuple(str(text) for text in texts[: len(columns)])
        form = RowForm(tuple(columns), written, fill(row, columns).rest)
        decided[place] = proposals[place].decided(is_ticked(tick), read(row, form))
    return decided


def tick(column: int, on: bool, cells: Sequence[Sequence[Any]]) -> Cells:
    """The cells with that column ticked in every row, or in none."""
    return [[*cell[:column], on, *cell[column + 1 :]] for cell in cells]


def is_ticked(value: Any) -> bool:
    """A cell that was typed into holds text."""
    return value is True or str(value).strip().lower() in ("true", "1")
