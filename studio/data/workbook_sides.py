"""How a workbook's rows would be parted if it were frozen as it is settled now."""

from studio.data.building import part_rows
from studio.data.descent import descents
from studio.data.ways import Ways
from studio.data.workbook import Workbook
from studio.data.workbook_deeds import Entry
from studio.errors import DatasetError


def ways_of(book: Workbook) -> Ways:
    """How it is to be parted and rendered; what nobody settled as it usually is."""
    return Ways.of(**{name: one for name, one in book.options.items() if name in Ways.model_fields})


def descent_of(book: Workbook) -> dict[int, tuple[int, ...]]:
    """Which of its kept rows were made of which, by their places among these, from 1."""
    return descents(book.origins(), [entry.number for entry in book.kept()])


def learned_entries(book: Workbook) -> list[Entry]:
    """The entries that are learned from: what is held out is to be shown to no model.

    DatasetError or TemplateError if the rows cannot be parted.
    """
    kept = book.kept()
    split, _ = part_rows(book.template, book.rows(), ways_of(book), descent=descent_of(book))
    if not split.train:
        raise DatasetError("Every row is held out, so there is none to learn from; add rows.")
    return [kept[row.number - 1] for row in split.train]
